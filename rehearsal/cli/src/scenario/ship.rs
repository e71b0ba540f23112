//! The usual day: an image is pushed, and it ships.

use std::path::PathBuf;

use local_aws::ecr::ImageSettings;

use crate::scenario::setting::{GREEN, Setting};
use crate::scenario::{Expectation, MessageFormat, Scenario, Step, claims};

pub(super) fn scenario() -> Scenario {
    Scenario {
        name: "ship",
        summary: "1.0.0 serves, 1.1.0 is pushed with a migration that alters a table; canary of 10 %",
        pipelines: PathBuf::from("config/pipelines.toml"),
        message_format: MessageFormat::Text,
        setting: Setting::shop(),
        steps: vec![
            Step::Push(Box::new(ImageSettings::new("shop/web", &["latest"], GREEN))),
            Step::CANARY,
            Step::Settle,
        ],
        expectations: expectations(),
        excuses: Vec::new(),
    }
}

/// What must hold when the shop's image ships.
pub(super) fn expectations() -> Vec<Expectation> {
    let mut expectations = claims::nothing_broke();
    expectations.extend(claims::started(1));
    expectations.extend(claims::all_succeeded());
    expectations.extend(claims::migrated_before_test_traffic(1));
    expectations.extend(claims::shifted("web"));
    expectations.extend(claims::messages(&["started", "shipped"]));
    expectations
}
