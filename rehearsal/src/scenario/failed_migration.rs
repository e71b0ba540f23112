//! The migration fails: production must not notice.

use rehearsal::ecr::ImageSettings;

use crate::scenario::setting::{GREEN, Setting};
use crate::scenario::{MessageFormat, Scenario, Step, claims};

pub(super) fn scenario() -> Scenario {
    let image = ImageSettings::new("shop/web", &["latest"], GREEN).misbehaving("fails-migration");
    let mut expectations = claims::nothing_broke();
    expectations.extend(claims::started(1));
    expectations.extend(claims::rolled_back("AfterInstall"));
    expectations.extend(claims::only_blue());
    expectations.extend(claims::messages(&[
        "started",
        "migration-failed",
        "failed",
        "rolled-back",
    ]));
    expectations.extend(claims::message_says(
        "migration-failed",
        &["code 1", "no such table: order_history"],
    ));
    Scenario {
        name: "failed-migration",
        summary: "the migration of 1.1.0 exits with 1",
        pipelines: Scenario::own_pipelines("failed-migration"),
        message_format: MessageFormat::Json,
        setting: Setting::shop(),
        steps: vec![Step::Push(Box::new(image)), Step::Settle],
        expectations,
    }
}
