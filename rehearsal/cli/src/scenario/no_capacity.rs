//! ECS has room for green and for nothing else: RunTask answers with HTTP 200, and no migration runs.

use local_aws::ecr::ImageSettings;

use super::history::{History, Left, broke_off};
use super::setting::GREEN;
use super::{Scenario, Step, claims};

/// Blue's two tasks and green's.
const ROOM: usize = 4;

pub(super) fn scenario() -> Scenario {
    let history = History {
        service: "web",
        deployments: &[
            "1.1.0 Failed HOOK_EXECUTION_FAILURE",
            "rollback to 1.0.0 Succeeded",
        ],
        revisions: &["1.1.0"],
        production: &["1.0.0"],
        messages: &[
            "started 1.1.0",
            "migration-failed 1.1.0",
            "failed 1.1.0",
            "rolled-back 1.1.0",
        ],
        left: Left::Nothing,
    };
    let mut expectations = history.expectations();
    expectations.push(broke_off(1, "Failed", "AfterInstall"));
    expectations.extend(claims::message_says(
        "migration-failed",
        &["Capacity is unavailable at this time"],
    ));
    Scenario::of_shop(
        "no-capacity",
        "Fargate has room for the tasks of 1.1.0, and none for its migration",
        vec![
            Step::LimitFargate(ROOM),
            Step::push(ImageSettings::new("shop/web", &["latest"], GREEN)),
            Step::Settle,
        ],
        expectations,
    )
}
