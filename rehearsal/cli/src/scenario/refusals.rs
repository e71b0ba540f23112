//! What cannot be done: each ends in a clear error or a reasoned skip, nothing is half done, and the event is kept.

use local_aws::ecr::ImageSettings;
use serde_json::{Value, json};

use crate::scenario::claims::{self, expect, list};
use crate::scenario::dead_letters::event_kept;
use crate::scenario::setting::{GREEN, Setting};
use crate::scenario::{Expectation, MessageFormat, Scenario, Step};

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        refused(
            "unknown-service",
            "the pipeline names a service that does not exist",
            vec![push("latest")],
            &["prod/wbe", "not found", "hint: "],
        ),
        refused(
            "no-matching-container",
            "no container of the service runs an image of the pipeline's repository",
            vec![push_to("shop/api", "latest")],
            &[
                "shop/api",
                "its containers run",
                "shop/web@sha256:",
                "hint: ",
            ],
        ),
        kept(
            "wrong-configuration",
            "the pipelines file has mistakes; all of them are named at once",
            vec![push("latest")],
            &[
                "BadConfiguration",
                "clustr",
                "semver:two",
                "timeout_minutes",
            ],
        ),
        refused(
            "denied-call",
            "start-deployment may not register task definitions",
            vec![
                deny("start-deployment", "ecs:RegisterTaskDefinition"),
                push("latest"),
            ],
            &["access denied", "ecs:RegisterTaskDefinition"],
        ),
        kept(
            "unreadable-event",
            "an event passes the rule and cannot be read",
            vec![Step::Tell(unreadable())],
            &[
                "UnreadableEvent",
                "detail.image-digest",
                "64 lower-case hex digits",
            ],
        ),
        nobody_follows(),
        denied_hook(),
    ]
}

/// A push that fails for good: nothing was done, and the event waits with its error in the dead-letter queue.
fn kept(
    name: &'static str,
    summary: &'static str,
    mut steps: Vec<Step>,
    says: &'static [&'static str],
) -> Scenario {
    steps.push(Step::Settle);
    let mut expectations = nothing_done();
    expectations.push(claims::production_answered());
    expectations.push(event_kept(says));
    scenario(name, summary, steps, expectations)
}

/// A push for which nothing can be done until something is corrected: whoever pushed reads why, once, and nothing was done.
fn refused(
    name: &'static str,
    summary: &'static str,
    mut steps: Vec<Step>,
    says: &'static [&'static str],
) -> Scenario {
    steps.push(Step::Settle);
    let mut expectations = claims::nothing_broke();
    expectations.extend(claims::only_blue());
    expectations.push(nothing_changed());
    expectations.extend(claims::messages(&["refused"]));
    expectations.extend(claims::message_says("refused", says));
    expectations.extend(claims::message_says("refused", &["aws lambda invoke"]));
    scenario(name, summary, steps, expectations)
}

/// A push that concerns nobody is answered, not failed.
fn nobody_follows() -> Scenario {
    let mut expectations = claims::nothing_broke();
    expectations.extend(nothing_done());
    expectations.push(Expectation::new("AWS was not called", |record| {
        let called: Vec<&str> = record
            .aws_calls
            .iter()
            .map(|call| call.operation.as_str())
            .collect();
        expect(called.is_empty(), || list(&called))
    }));
    let summary = "an image is pushed under a tag that no pipeline follows";
    scenario(
        "nobody-follows",
        summary,
        vec![push("base"), Step::Settle],
        expectations,
    )
}

/// A hook that may not do its work answers `Failed` all the same, at once.
fn denied_hook() -> Scenario {
    let mut expectations = claims::nothing_broke();
    expectations.extend(claims::started(1));
    expectations.extend(claims::rolled_back("AfterInstall"));
    expectations.extend(claims::only_blue());
    expectations.extend(claims::messages(&[
        "started",
        "migration-failed",
        "failed",
        "rolled-back",
    ]));
    expectations.extend(claims::message_says(
        "migration-failed",
        &["access denied", "ecs:RunTask"],
    ));
    expectations.push(Expectation::new(
        "the hook did not keep CodeDeploy waiting",
        |record| {
            expect(record.simulated_seconds < 600, || {
                format!("the deployment took {} seconds", record.simulated_seconds)
            })
        },
    ));
    let steps = vec![
        deny("run-migration", "ecs:RunTask"),
        push("latest"),
        Step::Settle,
    ];
    scenario(
        "denied-hook",
        "run-migration may not run tasks",
        steps,
        expectations,
    )
}

fn scenario(
    name: &'static str,
    summary: &'static str,
    steps: Vec<Step>,
    expectations: Vec<Expectation>,
) -> Scenario {
    let own = [
        "unknown-service",
        "no-matching-container",
        "wrong-configuration",
    ]
    .contains(&name);
    let mut setting = Setting::shop();
    setting.repositories.push("shop/api".to_owned());
    Scenario {
        name,
        summary,
        pipelines: Scenario::own_pipelines(if own { name } else { "failed-migration" }),
        message_format: MessageFormat::Json,
        setting,
        steps,
        expectations,
        excuses: Vec::new(),
    }
}

fn nothing_done() -> Vec<Expectation> {
    let mut expectations = claims::only_blue();
    expectations.push(nothing_changed());
    expectations.push(Expectation::new("no message", |record| {
        let count = record.messages.len();
        expect(count == 0, || format!("{count} messages"))
    }));
    expectations
}

fn nothing_changed() -> Expectation {
    Expectation::new("nothing was done: no revision, no deployment", |record| {
        let done = (record.revisions.len(), record.deployments.len());
        expect(done == (0, 0), || {
            format!("{} revisions, {} deployments", done.0, done.1)
        })
    })
}

fn push(tag: &str) -> Step {
    push_to("shop/web", tag)
}

fn push_to(repository: &str, tag: &str) -> Step {
    Step::Push(Box::new(ImageSettings::new(repository, &[tag], GREEN)))
}

fn deny(function: &'static str, action: &'static str) -> Step {
    Step::Deny { function, action }
}

fn unreadable() -> Value {
    json!({
        "version": "0", "id": "950817d0-c77d-5784-8ffe-94a645791fb8", "detail-type": "ECR Image Action",
        "source": "aws.ecr", "account": "111122223333", "time": "2026-10-14T09:21:47Z", "region": "eu-central-1",
        "resources": [],
        "detail": {
            "result": "SUCCESS", "repository-name": "shop/web", "image-digest": "sha256:4c9a7f3f",
            "action-type": "PUSH", "image-tag": "latest"
        }
    })
}
