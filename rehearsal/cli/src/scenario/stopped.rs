//! Deployments that end early: production goes back, people are told why, and nothing tries the same image again.

use local_aws::cloudwatch::AlarmState;
use local_aws::codedeploy::requests::DeploymentWait;
use record::Invariant;

use super::history::{History, Left, after_all_events, broke_off, decided};
use super::setting::{GREEN, Setting};
use super::step::{AN_HOUR, push};
use super::{AfterStop, Expectation, Moment, NO_ANSWER, Scenario, Step, claims};

/// What the deployment group watches.
const ALARM: &str = "web-errors";
pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        alarm_rollback(),
        alarm_already_on(),
        stopped_by_hand(),
        stopped_and_left(),
        rolled_back_in_the_termination_wait(),
        hook_never_answers(),
    ]
}

fn alarm_rollback() -> Scenario {
    let history = History {
        service: "web",
        deployments: &["1.1.0 Stopped ALARM_ACTIVE", "rollback to 1.0.0 Succeeded"],
        revisions: &["1.1.0"],
        production: &["1.0.0", "1.1.0", "1.0.0"],
        messages: &["started 1.1.0", "stopped 1.1.0", "rolled-back 1.1.0"],
        left: Left::Nothing,
    };
    let mut expectations = history.expectations();
    expectations.push(broke_off(1, "Stopped", "AllowTraffic"));
    expectations.push(decided("failed-before"));
    expectations.extend(claims::message_says(
        "stopped",
        &["ALARM_ACTIVE", ALARM, "rolls it back"],
    ));
    expectations.extend(claims::message_says(
        "rolled-back",
        &["ALARM_ACTIVE", ALARM],
    ));
    Scenario {
        setting: Setting::adjusted(|service| service.alarms = vec![ALARM.to_owned()]),
        ..Scenario::of_shop(
            "alarm-rollback",
            "an alarm goes off while 1.1.0 gets 10 % of production",
            vec![
                push(GREEN),
                Step::Await(Moment::Share(10)),
                Step::Answers(40),
                Step::Alarm(ALARM, AlarmState::Alarm),
                Step::Settle,
                AN_HOUR,
                Step::Settle,
            ],
            expectations,
        )
    }
}

/// CodeDeploy looks at the alarms from Install on.
fn alarm_already_on() -> Scenario {
    let history = History {
        service: "web",
        deployments: &["1.1.0 Stopped ALARM_ACTIVE", "rollback to 1.0.0 Succeeded"],
        revisions: &["1.1.0"],
        production: &["1.0.0"],
        messages: &["started 1.1.0", "stopped 1.1.0", "rolled-back 1.1.0"],
        left: Left::Nothing,
    };
    let mut expectations = history.expectations();
    expectations.push(broke_off(1, "Stopped", "Install"));
    expectations.extend(claims::message_says("stopped", &["ALARM_ACTIVE", ALARM]));
    Scenario {
        setting: Setting::adjusted(|service| service.alarms = vec![ALARM.to_owned()]),
        ..Scenario::of_shop(
            "alarm-already-on",
            "an alarm is on before 1.1.0 is pushed: its deployment ends in Install",
            vec![
                Step::Alarm(ALARM, AlarmState::Alarm),
                push(GREEN),
                Step::Settle,
            ],
            expectations,
        )
    }
}

fn stopped_by_hand() -> Scenario {
    let mut expectations = stopped().expectations();
    expectations.push(broke_off(1, "Stopped", "AllowTraffic"));
    expectations.push(decided("failed-before"));
    expectations.extend(claims::message_says(
        "stopped",
        &["MANUAL_STOP", "rolls it back"],
    ));
    expectations.extend(claims::message_says(
        "rolled-back",
        &["MANUAL_STOP", "not tried again by itself"],
    ));
    Scenario::of_shop(
        "stopped-by-hand",
        "somebody presses stop while 1.1.0 gets 10 % of production; the hourly look leaves it at that",
        stopped_at(Moment::Share(10)),
        expectations,
    )
}

/// Without a rollback the test listener keeps pointing at green, and CodeDeploy touches no listener that does not point
/// at blue: the next deployment fails until somebody has tidied up, and says so.
fn stopped_and_left() -> Scenario {
    let history = History {
        service: "web",
        deployments: &[
            "1.1.0 Stopped MANUAL_STOP",
            "1.2.0 Failed ELASTIC_LOAD_BALANCING_INVALID",
        ],
        revisions: &["1.1.0", "1.2.0"],
        production: &["1.0.0"],
        messages: &[
            "started 1.1.0",
            "stopped 1.1.0",
            "started 1.2.0",
            "failed 1.2.0",
        ],
        left: Left::Green,
    };
    let mut expectations = history.expectations();
    expectations.push(broke_off(1, "Stopped", "AfterAllowTestTraffic"));
    expectations.push(broke_off(2, "Failed", "Install"));
    expectations.extend(claims::message_says(
        "stopped",
        &["MANUAL_STOP", "stay as they are"],
    ));
    expectations.extend(claims::message_says(
        "failed",
        &["Primary taskset target group must be behind listener"],
    ));
    Scenario::of_shop(
        "stopped-and-left",
        "somebody stops 1.1.0 without a rollback: its tasks and the test listener stay, and 1.2.0 cannot be deployed",
        vec![
            push(GREEN),
            Step::Await(Moment::LifecycleEvent(
                "AfterAllowTestTraffic",
                "InProgress",
            )),
            Step::Stop(AfterStop::LeaveEverything),
            Step::Settle,
            push("1.2.0"),
            Step::Settle,
        ],
        expectations,
    )
}

/// Blue lives until the end of the wait, so there is a way back as long as it lasts.
fn rolled_back_in_the_termination_wait() -> Scenario {
    let mut expectations = stopped().expectations();
    expectations.push(after_all_events(1, "Stopped"));
    expectations.push(decided("failed-before"));
    expectations.extend(claims::message_says(
        "stopped",
        &["MANUAL_STOP", "rolls it back"],
    ));
    Scenario::of_shop(
        "rolled-back-in-the-termination-wait",
        "1.1.0 has all of production and 1.0.0 still waits to be stopped when somebody presses stop",
        stopped_at(Moment::Wait(DeploymentWait::Termination)),
        expectations,
    )
}

fn stopped() -> History {
    History {
        service: "web",
        deployments: &["1.1.0 Stopped MANUAL_STOP", "rollback to 1.0.0 Succeeded"],
        revisions: &["1.1.0"],
        production: &["1.0.0", "1.1.0", "1.0.0"],
        messages: &["started 1.1.0", "stopped 1.1.0", "rolled-back 1.1.0"],
        left: Left::Nothing,
    }
}

fn stopped_at(moment: Moment) -> Vec<Step> {
    vec![
        push(GREEN),
        Step::Await(moment),
        Step::Answers(40),
        Step::Stop(AfterStop::RollBack),
        Step::Settle,
        AN_HOUR,
        Step::Settle,
    ]
}

/// The one way in which a hook of ours can stay silent: its answer is refused, and so is every repetition.
fn hook_never_answers() -> Scenario {
    let history = History {
        service: "web",
        deployments: &["1.1.0 Failed TIMEOUT", "rollback to 1.0.0 Succeeded"],
        revisions: &["1.1.0"],
        production: &["1.0.0"],
        messages: &["started 1.1.0", "failed 1.1.0", "rolled-back 1.1.0"],
        left: Left::Nothing,
    };
    let mut expectations = history.alone();
    expectations.push(claims::production_answered());
    expectations.push(broke_off(1, "Failed", "AfterInstall"));
    expectations.extend(claims::message_says(
        "failed",
        &["timed out", "within one hour", "rolls it back"],
    ));
    expectations.push(Expectation::new(
        "the refused answer is kept, and says which permission is missing",
        |record| {
            let letters = record.dead_letters.iter();
            let letters: Vec<String> = letters.map(|letter| letter.message.to_string()).collect();
            let says = |letter: &String| {
                letter.contains("codedeploy:PutLifecycleEventHookExecutionStatus")
                    && letter.contains("access denied")
            };
            let holds = !letters.is_empty() && letters.iter().all(says);
            claims::expect(holds, || claims::list(&letters))
        },
    ));
    expectations.push(Expectation::new(
        "CodeDeploy waited an hour for it",
        |record| {
            let (hour, seconds) = (60 * 60, record.simulated_seconds);
            claims::expect((hour..hour + 600).contains(&seconds), || {
                format!("{seconds} seconds")
            })
        },
    ));
    Scenario::of_shop(
        "hook-never-answers",
        "finish-migration may not answer the hook: CodeDeploy gives up after an hour and rolls back",
        vec![
            Step::Deny {
                function: "finish-migration",
                action: "codedeploy:PutLifecycleEventHookExecutionStatus",
            },
            push(GREEN),
            Step::Settle,
        ],
        expectations,
    )
    .excused_from(Invariant::HooksAnswered, NO_ANSWER)
}
