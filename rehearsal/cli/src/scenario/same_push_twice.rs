//! Events come more than once: a duplicate must find nothing to do.

use local_aws::ecr::ImageSettings;

use crate::scenario::setting::{GREEN, Setting};
use crate::scenario::{MessageFormat, Scenario, Step};

pub(super) fn scenario() -> Scenario {
    let image = ImageSettings::new("shop/web", &["latest"], GREEN);
    Scenario {
        name: "same-push-twice",
        summary: "the push is told three times, the last time after the deployment has ended",
        pipelines: Scenario::own_pipelines("same-push-twice"),
        message_format: MessageFormat::Json,
        setting: Setting::shop(),
        steps: vec![
            Step::Push(Box::new(image)),
            Step::TellAgain,
            Step::CANARY,
            Step::Settle,
            Step::TellAgain,
            Step::Settle,
        ],
        expectations: super::ship::expectations(),
        excuses: Vec::new(),
    }
}
