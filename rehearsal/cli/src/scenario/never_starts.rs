//! The new version cannot even start: green never becomes steady.

use local_aws::ecr::ImageSettings;

use crate::scenario::setting::{GREEN, Setting};
use crate::scenario::{MessageFormat, Scenario, Step, claims};

pub(super) fn scenario() -> Scenario {
    let image = ImageSettings::new("shop/web", &["latest"], GREEN).misbehaving("fails-to-start");
    let mut expectations = claims::nothing_broke();
    expectations.extend(claims::started(1));
    expectations.extend(claims::rolled_back("Install"));
    expectations.extend(claims::only_blue());
    expectations.extend(claims::messages(&["started", "failed", "rolled-back"]));
    expectations.extend(claims::message_says(
        "failed",
        &["Essential container in task exited"],
    ));
    Scenario {
        name: "never-starts",
        summary: "the tasks of 1.1.0 exit at once",
        pipelines: Scenario::own_pipelines("never-starts"),
        message_format: MessageFormat::Json,
        setting: Setting::shop(),
        steps: vec![Step::Push(Box::new(image)), Step::Settle],
        expectations,
        excuses: Vec::new(),
    }
}
