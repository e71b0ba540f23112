//! Deployments that go otherwise than `ship`: twice, in small steps, without a test listener, with a wait for a person.

use std::time::Duration;

use local_aws::codedeploy::requests::DeploymentWait;
use local_aws::world::TestListener;

use super::history::{History, Left, TWO_SHIPPED, soon_after};
use super::setting::Setting;
use super::step::push;
use super::{Expectation, Moment, Provided, Scenario, Step, claims};

const HALF_AN_HOUR: Duration = Duration::from_secs(30 * 60);

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        two_deployments_in_a_row(),
        linear(),
        no_test_listener(),
        ready_wait(),
        ready_wait_runs_out(),
    ]
}

/// Blue and green swap: what was green is blue of the next deployment, or CodeDeploy would refuse to touch the listeners.
fn two_deployments_in_a_row() -> Scenario {
    let mut expectations = TWO_SHIPPED.expectations();
    expectations.extend(claims::all_succeeded());
    expectations.push(Expectation::new("three tasks run at the end", |record| {
        let tasks = record.at_end.get("web").map_or(0, |end| end.tasks);
        claims::expect(tasks == 3, || tasks.to_string())
    }));
    Scenario::of_shop(
        "two-deployments-in-a-row",
        "1.1.0 ships and then, with a third task, 1.2.0: the target groups swap, and swap back",
        vec![
            push("1.1.0"),
            Step::Settle,
            Step::Desire(3),
            push("1.2.0"),
            Step::Settle,
        ],
        expectations,
    )
}

fn linear() -> Scenario {
    let mut expectations = shipped().expectations();
    expectations.extend(claims::all_succeeded());
    expectations.push(Expectation::new(
        "production was shifted by 10 % a minute, ten times",
        |record| {
            let shifts: Vec<(f64, u32)> = record.timeline.iter().filter_map(shift).collect();
            let shares: Vec<u32> = shifts.iter().map(|(_, percent)| *percent).collect();
            // What really runs takes its own time beside the minutes.
            let minutes = shifts
                .windows(2)
                .all(|two| (59.9..65.0).contains(&(two[1].0 - two[0].0)));
            let steps: Vec<u32> = (1..=10).map(|step| step * 10).collect();
            claims::expect(shares == steps && minutes, || format!("{shifts:?}"))
        },
    ));
    Scenario {
        pipelines: Scenario::own_pipelines("linear"),
        ..Scenario::of_shop(
            "linear",
            "the pipeline asks for ten steps of 10 %, a minute apart",
            vec![push("1.1.0"), Step::Settle],
            expectations,
        )
    }
}

/// When production was sent to green, and how much of it.
fn shift(moment: &record::Moment) -> Option<(f64, u32)> {
    let percent = moment.what.strip_prefix("production sends ")?;
    let percent = percent.strip_suffix(" % to green")?.parse().ok()?;
    (percent > 0).then_some((moment.seconds, percent))
}

fn no_test_listener() -> Scenario {
    const EVENTS: [&str; 6] = [
        "BeforeInstall",
        "Install",
        "AfterInstall",
        "BeforeAllowTraffic",
        "AllowTraffic",
        "AfterAllowTraffic",
    ];
    let mut expectations = shipped().expectations();
    expectations.push(Expectation::new(
        "all six lifecycle events succeeded, in order",
        |record| {
            let deployment = record.deployments.first();
            let events = deployment.map_or(&[][..], |deployment| &deployment.lifecycle_events);
            let found = events
                .iter()
                .map(|event| (event.name.as_str(), event.status.as_str()));
            let holds = found.eq(EVENTS.map(|name| (name, "Succeeded")));
            claims::expect(holds, || format!("{events:?}"))
        },
    ));
    expectations.push(Expectation::new("the migration ran", |record| {
        let codes: Vec<Option<i32>> = record.tasks.iter().map(|task| task.exit_code).collect();
        claims::expect(codes == [Some(0)], || format!("{codes:?}"))
    }));
    Scenario {
        pipelines: Scenario::own_pipelines("no-test-listener"),
        setting: Setting::adjusted(|service| {
            service.test_listener = TestListener::Absent;
            service.termination_wait = Duration::from_secs(5 * 60);
        }),
        ..Scenario::of_shop(
            "no-test-listener",
            "the deployment group has no test listener: six lifecycle events, and the migration is the only gate",
            vec![push("1.1.0"), Step::Settle],
            expectations,
        )
    }
}

fn ready_wait() -> Scenario {
    let history = History {
        messages: &["started 1.1.0", "ready 1.1.0", "shipped 1.1.0"],
        ..shipped()
    };
    let mut expectations = history.expectations();
    expectations.extend(claims::all_succeeded());
    expectations.extend(claims::message_says(
        "ready",
        &["continue-deployment", "READY_WAIT"],
    ));
    expectations.push(soon_after(
        "deployment Ready",
        "BeforeAllowTraffic InProgress",
        60.0,
    ));
    Scenario {
        setting: Setting::adjusted(|service| service.ready_wait = Some(HALF_AN_HOUR)),
        ..Scenario::of_shop(
            "ready-wait",
            "1.1.0 passes its gates, and waits until somebody says that production may be rerouted",
            vec![
                push("1.1.0"),
                Step::Await(Moment::Wait(DeploymentWait::Ready)),
                Step::Answers(40),
                Step::Continue(DeploymentWait::Ready),
                Step::Settle,
            ],
            expectations,
        )
    }
}

/// That nothing follows is one of two possibilities: none of the automatic rollback's events is about it, or it counts as
/// a failure.
fn ready_wait_runs_out() -> Scenario {
    const ROLLS_BACK: &str = "ready-timeout-rolls-back";
    let left = History {
        service: "web",
        deployments: &["1.1.0 Stopped TIMEOUT"],
        revisions: &["1.1.0"],
        production: &["1.0.0"],
        messages: &["started 1.1.0", "ready 1.1.0", "stopped 1.1.0"],
        left: Left::Green,
    };
    let taken_back = History {
        deployments: &["1.1.0 Stopped TIMEOUT", "rollback to 1.0.0 Succeeded"],
        messages: &[
            "started 1.1.0",
            "ready 1.1.0",
            "stopped 1.1.0",
            "rolled-back 1.1.0",
        ],
        left: Left::Nothing,
        ..left
    };
    let provided = |history: History, provided| {
        let alone = history.alone().into_iter();
        alone.map(move |expectation| expectation.provided(provided))
    };
    let mut expectations = claims::nothing_broke();
    expectations.extend(provided(left, Provided::NotAssumed(ROLLS_BACK)));
    expectations.extend(provided(taken_back, Provided::Assumed(ROLLS_BACK)));
    expectations.extend(claims::message_says(
        "stopped",
        &["timed out", "30 minutes"],
    ));
    Scenario {
        setting: Setting::adjusted(|service| service.ready_wait = Some(HALF_AN_HOUR)),
        ..Scenario::of_shop(
            "ready-wait-runs-out",
            "nobody says within half an hour that production may be rerouted",
            vec![push("1.1.0"), Step::Settle],
            expectations,
        )
    }
}

fn shipped() -> History {
    History {
        service: "web",
        deployments: &["1.1.0 Succeeded"],
        revisions: &["1.1.0"],
        production: &["1.0.0", "1.1.0"],
        messages: &["started 1.1.0", "shipped 1.1.0"],
        left: Left::Nothing,
    }
}
