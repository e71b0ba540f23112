//! A redirect is what is wanted, and it is not followed.

use local_aws::ecr::ImageSettings;

use crate::scenario::setting::{GREEN, Setting};
use crate::scenario::{Expectation, MessageFormat, Scenario, Step, claims};

pub(super) fn scenario() -> Scenario {
    let image =
        ImageSettings::new("shop/web", &["latest"], GREEN).misbehaving("redirects:301:/admin/");
    let mut expectations = super::ship::expectations();
    expectations.push(Expectation::new(
        "the check asked twice: /healthz and /admin/, and not where it leads",
        |record| {
            let answered = &record.test_listener;
            claims::expect((answered.requests, answered.failed) == (2, 0), || {
                format!("{answered:?}")
            })
        },
    ));
    Scenario {
        name: "redirect",
        summary: "the check's path answers 301, and 301 is wanted",
        pipelines: Scenario::own_pipelines("redirect"),
        message_format: MessageFormat::Json,
        setting: Setting::shop(),
        steps: vec![Step::Push(Box::new(image)), Step::CANARY, Step::Settle],
        expectations,
        excuses: Vec::new(),
    }
}
