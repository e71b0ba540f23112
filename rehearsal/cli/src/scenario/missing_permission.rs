//! Permissions that are missing in the template: what is refused says who may not do what to what, nothing is half done,
//! and people are told, or the event is kept.

use std::path::PathBuf;

use local_aws::ecr::ImageSettings;
use record::{Invariant, Message, Missing};

use crate::scenario::claims::{self, expect, list};
use crate::scenario::dead_letters::calls_kept;
use crate::scenario::history::{Left, broke_off, runs};
use crate::scenario::setting::{BLUE, GREEN, Setting};
use crate::scenario::{Expectation, MessageFormat, NO_ANSWER, Provided, Scenario, Step, quoted};

/// The role that a revision of the shop hands to ECS first.
const TASK_ROLE: &str = "arn:aws:iam::111122223333:role/web-task";

const ANSWER: &str = "codedeploy:PutLifecycleEventHookExecutionStatus";
/// Why a migration is stopped.
const NOT_WRITTEN: &str = "it could not be written down which task it is";
const TOO_LONG: &str = "ran longer than its 20 minutes";

/// What a hook's error says that may not answer.
const ANSWER_DENIED: [&str; 3] = ["AwsDenied", "access denied", ANSWER];

const ROLLBACK_CALLS: &str = "rollback-calls-hooks";
const SYNCHRONOUS: &str = "hook-is-called-synchronously";
const AT_ONCE: &str = "hook-error-fails-at-once";
const NO_RESOURCE: &str = "deployment-actions-know-no-resource";

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        missing_permission(),
        denied_answer(),
        denied_time_limit(),
        denied_record(),
        endless_migration(),
        denied_schedule(),
    ]
}

/// The permission that is forgotten most easily: to hand the tasks' roles to ECS.
fn missing_permission() -> Scenario {
    let mut expectations = claims::only_blue();
    expectations.push(claims::production_answered());
    expectations.extend(claims::started(0));
    expectations.extend(claims::messages(&["refused"]));
    expectations.extend(claims::message_says(
        "refused",
        &["access denied", "iam:PassRole"],
    ));
    expectations.push(missing(
        "start-deployment",
        "iam:PassRole",
        &[
            "assumed-role/greenlight-StartDeploymentRole/greenlight-start-deployment",
            "is not authorized to perform: iam:PassRole",
            TASK_ROLE,
        ],
    ));
    scenario(
        "missing-permission",
        "start-deployment may not hand the tasks' roles to ECS",
        "shop",
        Some(("start-deployment", "iam:PassRole")),
        expectations,
    )
}

/// The one thing that a hook cannot do without: nobody hears its answer, so CodeDeploy waits its hour. Where a rollback
/// calls the hooks, too, it fails as the deployment did, and only people can help.
fn denied_answer() -> Scenario {
    let mut expectations = vec![
        claims::production_answered(),
        claims::failed("AfterAllowTestTraffic"),
    ];
    expectations.extend(claims::started(1));
    expectations.extend(claims::only_blue());
    expectations.extend(answer_denied_once());
    expectations.extend(answer_denied_twice());
    let group = &[
        "greenlight-CheckTestTrafficRole",
        "deploymentgroup:AppECS-prod-web/DgpECS-prod-web",
    ];
    let anything = &["greenlight-CheckTestTrafficRole", "on resource: *"];
    expectations.extend([
        missing("check-test-traffic", ANSWER, group).provided(Provided::NotAssumed(NO_RESOURCE)),
        missing("check-test-traffic", ANSWER, anything).provided(Provided::Assumed(NO_RESOURCE)),
    ]);
    expectations.push(only_failed("check-test-traffic", &ANSWER_DENIED));
    expectations.push(nothing_kept().provided(Provided::Assumed(SYNCHRONOUS)));
    expectations.push(lasted(0..10).provided(Provided::Assumed(AT_ONCE)));
    scenario(
        "denied-answer",
        "check-test-traffic may not answer its hook: CodeDeploy gives up after an hour",
        "shop",
        Some(("check-test-traffic", ANSWER)),
        expectations,
    )
    .excused_from(Invariant::HooksAnswered, NO_ANSWER)
}

fn answer_denied_once() -> impl Iterator<Item = Expectation> {
    let mut expectations = vec![
        claims::taken_back(),
        runs("web", &[BLUE], Left::Nothing),
        calls_kept(1, &ANSWER_DENIED).provided(Provided::NotAssumed(SYNCHRONOUS)),
        lasted(60..75).provided(Provided::NotAssumed(AT_ONCE)),
    ];
    expectations.extend(claims::messages(&["started", "failed", "rolled-back"]));
    let alone = expectations.into_iter();
    alone.map(|expectation| expectation.provided(Provided::NotAssumed(ROLLBACK_CALLS)))
}

/// Production stays with blue, as before the rollback, and people are told to look.
fn answer_denied_twice() -> impl Iterator<Item = Expectation> {
    let mut expectations = vec![
        broke_off(2, "Failed", "AfterAllowTestTraffic"),
        runs("web", &[BLUE], Left::Green),
        calls_kept(2, &ANSWER_DENIED).provided(Provided::NotAssumed(SYNCHRONOUS)),
        lasted(120..135).provided(Provided::NotAssumed(AT_ONCE)),
        Expectation::new("people are told to look after the rollback", |record| {
            let about = |message: &&Message| message.body.contains("the rollback of deployment");
            let told = record.messages.iter().find(about);
            let told = told.ok_or("nobody was told of it")?;
            expect(told.body.contains("check now"), || told.body.clone())
        }),
    ];
    expectations.extend(claims::messages(&["started", "failed", "failed"]));
    let twice = expectations.into_iter();
    twice.map(|expectation| expectation.provided(Provided::Assumed(ROLLBACK_CALLS)))
}

/// No migration runs without an end to it.
fn denied_time_limit() -> Scenario {
    let mut expectations = claims::nothing_broke();
    expectations.extend(migration_refused());
    expectations.extend(claims::message_says(
        "migration-failed",
        &["access denied", "scheduler:CreateSchedule"],
    ));
    expectations.push(Expectation::new("no migration was started", |record| {
        expect(record.tasks.is_empty(), || {
            format!("{:?}", record.tasks.len())
        })
    }));
    expectations.push(missing(
        "run-migration",
        "scheduler:CreateSchedule",
        &["schedule/default/greenlight-"],
    ));
    scenario(
        "denied-time-limit",
        "run-migration may not set the migration's time limit: nothing is started and the hook fails",
        "endless-migration",
        Some(("run-migration", "scheduler:CreateSchedule")),
        expectations,
    )
}

/// A migration of which nobody knows that it is the one would be compared with what was to be started, each time.
fn denied_record() -> Scenario {
    let mut expectations = claims::nothing_broke();
    expectations.extend(claims::started(1));
    expectations.extend(claims::rolled_back("AfterInstall"));
    expectations.extend(claims::only_blue());
    expectations.push(migration_was_stopped(NOT_WRITTEN));
    expectations.push(missing(
        "run-migration",
        "scheduler:UpdateSchedule",
        &["schedule/default/greenlight-"],
    ));
    scenario(
        "denied-record",
        "run-migration may not write down which task it started: the migration is stopped and the hook fails",
        "endless-migration",
        Some(("run-migration", "scheduler:UpdateSchedule")),
        expectations,
    )
}

/// The migration never ends by itself: its time limit ends it.
fn endless_migration() -> Scenario {
    let mut expectations = claims::nothing_broke();
    expectations.extend(migration_refused());
    expectations.extend(claims::message_says(
        "migration-failed",
        &[TOO_LONG, "stopped"],
    ));
    expectations.push(migration_was_stopped(TOO_LONG));
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
    .excused_from(Invariant::HooksAnswered, NO_ANSWER)
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
        excuses: Vec::new(),
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
            let stopped = |task: &record::Task| task.reason.clone().unwrap_or_default();
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

/// No other function failed, and whatever this one failed with says all of these.
fn only_failed(function: &'static str, says: &'static [&'static str]) -> Expectation {
    let claim = format!(
        "only {function} failed, with an error that says {}",
        quoted(says)
    );
    Expectation::new(claim, move |record| {
        let failed = record
            .invocations
            .iter()
            .filter(|invocation| !invocation.ok);
        let failed: Vec<String> = failed
            .map(|invocation| {
                let error = invocation.error.as_deref().unwrap_or("no error");
                format!("{}: {error}", invocation.function)
            })
            .collect();
        let as_told = |failed: &String| {
            failed.starts_with(&format!("{function}: "))
                && says.iter().all(|says| failed.contains(says))
        };
        expect(!failed.is_empty() && failed.iter().all(as_told), || {
            list(&failed)
        })
    })
}

/// Nobody keeps what a synchronous call gave: its caller has it.
fn nothing_kept() -> Expectation {
    Expectation::new(
        "no letter is kept of a call that waits for its answer",
        |record| {
            let letters = record.dead_letters.iter();
            let letters: Vec<String> = letters.map(|letter| letter.message.to_string()).collect();
            expect(letters.is_empty(), || list(&letters))
        },
    )
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
