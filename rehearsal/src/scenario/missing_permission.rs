//! Permissions that are missing in the template: what is refused says who may not do what to what, nothing is half done,
//! and the event is kept.

use std::path::PathBuf;

use rehearsal::ecr::ImageSettings;

use crate::record::Missing;
use crate::scenario::claims::{self, expect, list};
use crate::scenario::setting::{GREEN, Setting};
use crate::scenario::{Expectation, MessageFormat, Scenario, Step, quoted};

/// The queue for invocations that failed for good, by its logical id in the template.
const QUEUE: &str = "FailedInvocations";
/// The role that a revision of the shop hands to ECS first.
const TASK_ROLE: &str = "arn:aws:iam::111122223333:role/web-task";

const ANSWER: &str = "codedeploy:PutLifecycleEventHookExecutionStatus";

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        missing_permission(),
        denied_answer(),
        denied_time_limit(),
        endless_migration(),
        denied_schedule(),
    ]
}

/// The permission that is forgotten most easily: to hand the tasks' roles to ECS.
fn missing_permission() -> Scenario {
    let mut expectations = claims::only_blue();
    expectations.push(claims::production_answered());
    expectations.extend(claims::started(0));
    expectations.extend(claims::messages(&[]));
    expectations.push(missing(
        "start-deployment",
        "iam:PassRole",
        &[
            "assumed-role/greenlight-StartDeploymentRole/greenlight-start-deployment",
            "is not authorized to perform: iam:PassRole",
            TASK_ROLE,
        ],
    ));
    expectations.push(kept(&["AwsDenied", "access denied", "iam:PassRole"]));
    scenario(
        "missing-permission",
        "start-deployment may not hand the tasks' roles to ECS",
        "shop",
        Some(("start-deployment", "iam:PassRole")),
        expectations,
    )
}

/// The one thing that a hook cannot do without: nobody hears its answer, so CodeDeploy waits its hour.
fn denied_answer() -> Scenario {
    let mut expectations = vec![claims::production_answered()];
    expectations.extend(claims::started(1));
    expectations.extend(claims::rolled_back("AfterAllowTestTraffic"));
    expectations.extend(claims::only_blue());
    expectations.extend(claims::messages(&["started", "failed", "rolled-back"]));
    expectations.push(missing(
        "check-test-traffic",
        ANSWER,
        &[
            "greenlight-CheckTestTrafficRole",
            "deploymentgroup:AppECS-prod-web/DgpECS-prod-web",
        ],
    ));
    expectations.push(kept(&["AwsDenied", "access denied", ANSWER]));
    scenario(
        "denied-answer",
        "check-test-traffic may not answer its hook: CodeDeploy gives up after an hour",
        "shop",
        Some(("check-test-traffic", ANSWER)),
        expectations,
    )
}

/// No migration runs without an end to it.
fn denied_time_limit() -> Scenario {
    let mut expectations = claims::nothing_broke();
    expectations.extend(migration_refused());
    expectations.extend(claims::message_says(
        "migration-failed",
        &["access denied", "scheduler:CreateSchedule"],
    ));
    expectations.push(migration_was_stopped("its time limit could not be set"));
    expectations.push(missing(
        "run-migration",
        "scheduler:CreateSchedule",
        &["schedule/default/greenlight-"],
    ));
    scenario(
        "denied-time-limit",
        "run-migration may not set the migration's time limit: the migration is stopped and the hook fails",
        "endless-migration",
        Some(("run-migration", "scheduler:CreateSchedule")),
        expectations,
    )
}

/// The migration never ends by itself: its time limit ends it.
fn endless_migration() -> Scenario {
    let mut expectations = claims::nothing_broke();
    expectations.extend(migration_refused());
    expectations.extend(claims::message_says(
        "migration-failed",
        &["ran longer than its 20 minutes and was stopped"],
    ));
    expectations.push(migration_was_stopped("ran longer than its 20 minutes"));
    expectations.push(lasted(20..30));
    scenario(
        "endless-migration",
        "the migration serves instead of migrating, until its time is up",
        "endless-migration",
        None,
        expectations,
    )
}

/// A time limit that cannot act: when CodeDeploy has given up, the end of the deployment ends the migration.
fn denied_schedule() -> Scenario {
    let mut expectations = claims::nothing_broke();
    expectations.extend(claims::started(1));
    expectations.extend(claims::rolled_back("AfterInstall"));
    expectations.extend(claims::only_blue());
    expectations.push(migration_was_stopped("its deployment has ended"));
    expectations.push(missing(
        "ScheduleRole",
        "lambda:InvokeFunction",
        &[
            "greenlight-ScheduleRole",
            "function:greenlight-finish-migration",
        ],
    ));
    expectations.push(lasted(60..75));
    scenario(
        "denied-schedule",
        "the schedule of the time limit may not call finish-migration: CodeDeploy gives up after an hour",
        "endless-migration",
        Some(("ScheduleRole", "lambda:InvokeFunction")),
        expectations,
    )
}

fn scenario(
    name: &'static str,
    summary: &'static str,
    pipelines: &str,
    denied: Option<(&'static str, &'static str)>,
    expectations: Vec<Expectation>,
) -> Scenario {
    let pipelines = match pipelines {
        "shop" => PathBuf::from("config/pipelines.toml"),
        own => Scenario::own_pipelines(own),
    };
    let mut steps: Vec<Step> = denied
        .map(|(function, action)| Step::Deny { function, action })
        .into_iter()
        .collect();
    let image = ImageSettings::new("shop/web", &["latest"], GREEN);
    steps.extend([Step::Push(Box::new(image)), Step::Settle]);
    Scenario {
        name,
        summary,
        pipelines,
        message_format: MessageFormat::Json,
        setting: Setting::shop(),
        steps,
        expectations,
    }
}

fn migration_refused() -> Vec<Expectation> {
    let mut expectations = claims::started(1);
    expectations.extend(claims::rolled_back("AfterInstall"));
    expectations.extend(claims::only_blue());
    expectations.extend(claims::messages(&[
        "started",
        "migration-failed",
        "failed",
        "rolled-back",
    ]));
    expectations
}

fn migration_was_stopped(reason: &'static str) -> Expectation {
    Expectation::new(
        format!("the migration was stopped: `{reason}`"),
        move |record| {
            let stopped = |task: &crate::record::Task| task.reason.clone().unwrap_or_default();
            let reasons: Vec<String> = record.tasks.iter().map(stopped).collect();
            let holds = reasons.len() == 1 && reasons[0].contains(reason);
            expect(holds, || list(&reasons))
        },
    )
}

/// The whole run lasted so many simulated minutes.
fn lasted(minutes: std::ops::Range<u64>) -> Expectation {
    let claim = format!("it lasted {} to {} minutes", minutes.start, minutes.end);
    Expectation::new(claim, move |record| {
        expect(minutes.contains(&(record.simulated_seconds / 60)), || {
            format!("{} seconds", record.simulated_seconds)
        })
    })
}

/// AWS refused this, and its sentence says all of these.
fn missing(
    holder: &'static str,
    action: &'static str,
    says: &'static [&'static str],
) -> Expectation {
    let claim = format!(
        "AWS refuses `{action}` to {holder}, and names {}",
        quoted(says)
    );
    Expectation::new(claim, move |record| {
        let refused: Vec<&Missing> = record
            .permissions_missing
            .iter()
            .filter(|missing| missing.holder == holder && missing.action == action)
            .collect();
        let sentences: Vec<&str> = refused
            .iter()
            .map(|missing| missing.message.as_str())
            .collect();
        let named = |sentence: &&str| says.iter().all(|says| sentence.contains(says));
        expect(!sentences.is_empty() && sentences.iter().all(named), || {
            list(&sentences)
        })
    })
}

/// The one event that failed is kept, with an error that says all of these.
fn kept(says: &'static [&'static str]) -> Expectation {
    let claim = format!(
        "the event is kept in {QUEUE} with an error that says {}",
        quoted(says)
    );
    Expectation::new(claim, move |record| {
        let letters = record.dead_letters.iter();
        let letters: Vec<String> = letters
            .map(|letter| format!("{}: {}", letter.queue, letter.message))
            .collect();
        let tells = |letter: &String| {
            letter.starts_with(QUEUE) && says.iter().all(|says| letter.contains(says))
        };
        expect(letters.len() == 1 && letters.iter().all(tells), || {
            list(&letters)
        })
    })
}
