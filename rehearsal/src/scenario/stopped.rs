//! Deployments that end early: production goes back, people are told why, and nothing tries the same image again.

use std::time::Duration;

use rehearsal::ecr::ImageSettings;

use super::course::{Course, after_all_events, broke_off, decided};
use super::setting::GREEN;
use super::{AfterStop, Expectation, Moment, Scenario, Step, claims};

/// The hourly look comes, and works.
const AN_HOUR: Step = Step::Pass(Duration::from_secs(61 * 60));

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        stopped_by_hand(),
        rolled_back_in_the_termination_wait(),
        hook_never_answers(),
    ]
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
        stopped_at(Moment::TerminationWait),
        expectations,
    )
}

fn stopped() -> Course {
    Course {
        service: "web",
        deployments: &["1.1.0 Stopped MANUAL_STOP", "rollback to 1.0.0 Succeeded"],
        revisions: &["1.1.0"],
        production: &["1.0.0", "1.1.0", "1.0.0"],
        messages: &["started 1.1.0", "stopped 1.1.0", "rolled-back 1.1.0"],
    }
}

fn stopped_at(moment: Moment) -> Vec<Step> {
    vec![
        push(),
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
    let course = Course {
        service: "web",
        deployments: &["1.1.0 Failed TIMEOUT", "rollback to 1.0.0 Succeeded"],
        revisions: &["1.1.0"],
        production: &["1.0.0"],
        messages: &["started 1.1.0", "failed 1.1.0", "rolled-back 1.1.0"],
    };
    let mut expectations = course.alone();
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
            push(),
            Step::Settle,
        ],
        expectations,
    )
}

fn push() -> Step {
    Step::push(ImageSettings::new("shop/web", &["latest"], GREEN))
}
