//! The queue without a queue: while one image is being deployed others are pushed, and the newest of them is next.

use local_aws::codedeploy::requests::DeploymentWait;
use local_aws::ecr::ImageSettings;

use super::history::{History, Left, TWO_SHIPPED, broke_off, decided, long_after, soon_after};
use super::step::{AN_HOUR, push};
use super::{Moment, Queued, Reached, Scenario, Step, claims};

/// What an event that arrives would not take.
const MOST_OF_AN_HOUR: f64 = 50.0 * 60.0;

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        burst(),
        replace_running(),
        cut_the_wait(),
        lost_event(),
        failed_image_then_fixed(),
    ]
}

fn burst() -> Scenario {
    let history = History {
        service: "web",
        deployments: &["1.1.0 Succeeded", "1.5.0 Succeeded"],
        revisions: &["1.1.0", "1.5.0"],
        production: &["1.0.0", "1.1.0", "1.5.0"],
        messages: &[
            "started 1.1.0",
            "waiting 1.2.0",
            "waiting 1.3.0",
            "waiting 1.5.0",
            "shipped 1.1.0",
            "started 1.5.0",
            "shipped 1.5.0",
        ],
        left: Left::Nothing,
    };
    let mut expectations = history.expectations();
    expectations.push(decided("waiting"));
    Scenario::of_shop(
        "burst",
        "four images are pushed while 1.1.0 is being deployed: only the last of them follows",
        vec![
            push("1.1.0"),
            Step::Until(Moment::of(
                "web",
                Reached::LifecycleEvent("AfterInstall", "InProgress"),
            )),
            push("1.2.0"),
            Step::UntilIdle,
            push("1.3.0"),
            Step::UntilIdle,
            push("1.4.0"),
            push("1.5.0"),
            Step::Settle,
        ],
        expectations,
    )
}

fn replace_running() -> Scenario {
    let history = History {
        service: "web",
        deployments: &[
            "1.1.0 Stopped MANUAL_STOP",
            "rollback to 1.0.0 Succeeded",
            "1.2.0 Succeeded",
        ],
        revisions: &["1.1.0", "1.2.0"],
        production: &["1.0.0", "1.1.0", "1.0.0", "1.2.0"],
        messages: &[
            "started 1.1.0",
            "stopped 1.1.0",
            "rolled-back 1.1.0",
            "started 1.2.0",
            "shipped 1.2.0",
        ],
        left: Left::Nothing,
    };
    let mut expectations = history.expectations();
    expectations.push(broke_off(1, "Stopped", "AllowTraffic"));
    expectations.push(decided("stop"));
    expectations.push(soon_after(
        "image pushed",
        "deployment created by user",
        120.0,
    ));
    Scenario {
        pipelines: Scenario::own_pipelines("replace"),
        ..Scenario::of_shop(
            "replace-running",
            "1.2.0 is pushed while 1.1.0 gets 10 % of production: 1.1.0 is stopped and rolled back, 1.2.0 follows",
            vec![
                push("1.1.0"),
                Step::Until(Moment::of("web", Reached::Share(10))),
                Step::Answers(40),
                push("1.2.0"),
                Step::Settle,
            ],
            expectations,
        )
    }
}

fn cut_the_wait() -> Scenario {
    let mut expectations = TWO_SHIPPED.expectations();
    expectations.extend(claims::all_succeeded());
    expectations.push(decided("end-wait"));
    expectations.push(soon_after(
        "image pushed",
        "deployment created by user",
        120.0,
    ));
    Scenario::of_shop(
        "cut-the-wait",
        "1.2.0 is pushed while 1.0.0 still waits an hour to be stopped: the wait ends at once",
        vec![
            push("1.1.0"),
            Step::Until(Moment::of(
                "web",
                Reached::Wait(DeploymentWait::Termination),
            )),
            Step::Answers(40),
            push("1.2.0"),
            Step::Settle,
        ],
        expectations,
    )
}

/// Two losses: of a push, and of the end of the deployment that an image waits for. What is lost with the second is its
/// message, too: nobody hears that 1.1.0 shipped.
fn lost_event() -> Scenario {
    let history = History {
        messages: &[
            "started 1.1.0",
            "waiting 1.2.0",
            "started 1.2.0",
            "shipped 1.2.0",
        ],
        ..TWO_SHIPPED
    };
    let mut expectations = history.expectations();
    expectations.extend(claims::all_succeeded());
    expectations.push(long_after(
        "image pushed",
        "deployment created by user",
        MOST_OF_AN_HOUR,
    ));
    expectations.push(long_after(
        "deployment Succeeded",
        "deployment created by user",
        MOST_OF_AN_HOUR,
    ));
    Scenario::of_shop(
        "lost-event",
        "ECR's event is lost, and later the one of a deployment's end: each time the hourly look goes on",
        vec![
            Step::Hold("aws.ecr".to_owned()),
            push("1.1.0"),
            Step::Release(Queued::Lost),
            AN_HOUR,
            Step::Until(Moment::of("web", Reached::Share(10))),
            push("1.2.0"),
            Step::UntilIdle,
            Step::Hold("aws.codedeploy".to_owned()),
            Step::Settle,
            Step::Release(Queued::Lost),
            AN_HOUR,
            Step::Settle,
        ],
        expectations,
    )
}

fn failed_image_then_fixed() -> Scenario {
    let history = History {
        service: "web",
        deployments: &[
            "1.1.0 Failed HOOK_EXECUTION_FAILURE",
            "rollback to 1.0.0 Succeeded",
            "1.1.1 Succeeded",
        ],
        revisions: &["1.1.0", "1.1.1"],
        production: &["1.0.0", "1.1.1"],
        messages: &[
            "started 1.1.0",
            "migration-failed 1.1.0",
            "failed 1.1.0",
            "rolled-back 1.1.0",
            "started 1.1.1",
            "shipped 1.1.1",
        ],
        left: Left::Nothing,
    };
    let mut expectations = history.expectations();
    expectations.push(broke_off(1, "Failed", "AfterInstall"));
    expectations.push(decided("failed-before"));
    let broken =
        ImageSettings::new("shop/web", &["latest"], "1.1.0").misbehaving("fails-migration");
    Scenario::of_shop(
        "failed-image-then-fixed",
        "the migration of 1.1.0 fails and no look tries it again; 1.1.1 is pushed and ships",
        vec![
            Step::push(broken),
            Step::Settle,
            AN_HOUR,
            Step::Settle,
            push("1.1.1"),
            Step::Settle,
        ],
        expectations,
    )
}
