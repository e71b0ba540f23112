use insta::assert_snapshot;
use proptest::prelude::*;
use serde_json::Value;
use time::UtcDateTime;

use super::*;
use crate::codedeploy::{
    Creator, Deployment, DeploymentStatus, DeploymentTarget, LifecycleEvent, LifecycleEventStatus,
};
use crate::config::{Config, Pipeline};
use crate::events::{Request, Wanted, Way};
use crate::observed::TaskCount;
use crate::outcome::{Ending, Event, Subject};
use crate::reasons::Migrated;
use crate::sanitize::is_hidden_mark;
use crate::start::{AskedBy, Force};
use crate::task_log::TaskLog;

pub(super) fn pipeline() -> Pipeline {
    let text = "[[pipeline]]\nname='shop-web'\nrepository='shop/web'\ntag='latest'\ncluster='prod'\nservice='web'";
    Config::parse(text).unwrap().pipelines.remove(0)
}

pub(super) fn settings(format: MessageFormat) -> Settings {
    Settings {
        config: "/opt/pipelines.toml".into(),
        topic: "arn:aws:sns:eu-central-1:111122223333:outcomes"
            .parse()
            .unwrap(),
        bus: "arn:aws:events:eu-central-1:111122223333:event-bus/greenlight-outcomes"
            .parse()
            .unwrap(),
        format,
        stack: "greenlight".parse().unwrap(),
    }
}

pub(super) fn deployment() -> Deployment {
    let digest = format!("sha256:{}", "4c".repeat(32));
    Deployment {
        id: "d-8X2K4PLQ3".parse().unwrap(),
        application: "AppECS-prod-web".parse().unwrap(),
        deployment_group: "DgpECS-prod-web".parse().unwrap(),
        status: DeploymentStatus::Failed,
        creator: Creator::Caller,
        description: Some(format!("greenlight {digest} shop/web:1.4.2")),
        created_at: UtcDateTime::UNIX_EPOCH,
        completed_at: None,
        error: Some((
            "HOOK_EXECUTION_FAILURE".to_owned(),
            "One or more of the lifecycle event validation functions failed.".to_owned(),
        )),
        rolled_back_by: Some("d-ROLLBACK1".parse().unwrap()),
        rolls_back: None,
        rolls_back_on_failure: None,
        app_spec_sha256: None,
    }
}

fn subject() -> Subject {
    deployment().subject(&pipeline())
}

pub(super) fn ending() -> Ending {
    let event = |name: &str, status, seconds: i64| LifecycleEvent {
        name: name.to_owned(),
        status,
        started_at: Some(UtcDateTime::UNIX_EPOCH),
        ended_at: UtcDateTime::from_unix_timestamp(seconds).ok(),
        message: (status == LifecycleEventStatus::Failed)
            .then(|| "The following validation function failed: run-migration".to_owned()),
    };
    let target = DeploymentTarget {
        lifecycle_events: vec![
            event("BeforeInstall", LifecycleEventStatus::Succeeded, 0),
            event("Install", LifecycleEventStatus::Succeeded, 121),
            event("AfterInstall", LifecycleEventStatus::Failed, 3605),
        ],
    };
    Ending {
        revision: Some(
            "arn:aws:ecs:eu-central-1:111122223333:task-definition/shop-web:42"
                .parse()
                .unwrap(),
        ),
        steps: target.steps(),
        causes: vec!["task 8f3c: the migration exited with code 1".to_owned()],
        log: TaskLog {
            of: "web".parse().ok(),
            lines: vec![
                "migrating 2: add column".to_owned(),
                "error: \u{1b}[31mno such table\u{1b}[0m <!channel> `rm`".to_owned(),
            ],
            why_none: None,
        },
        migrated: Some(Migrated::Partly),
        way: Some(Way::Forward),
        test_listener_left: None,
    }
}

/// A request with all that one may want.
pub(super) fn request() -> Request {
    Request {
        pipeline: "shop-web".parse().unwrap(),
        wanted: Wanted::Tag("1.0.0".parse().unwrap()),
        force: Force::Yes,
        way: Way::Back,
        dry_run: false,
    }
}

pub(super) fn failed() -> Outcome {
    Outcome::ended_badly(Event::Failed, &pipeline(), &subject(), ending())
}

#[test]
fn text_is_for_people() {
    let message = render(&failed(), &settings(MessageFormat::Text));
    assert_snapshot!(format!("{}\n\n{}", message.subject.unwrap(), message.body));
}

#[test]
fn json_is_for_programs() {
    let message = render(&failed(), &settings(MessageFormat::Json));
    let value: Value = serde_json::from_str(&message.body).unwrap();
    assert_snapshot!(serde_json::to_string_pretty(&value).unwrap());
}

#[test]
fn chat_is_a_custom_notification() {
    let message = render(&failed(), &settings(MessageFormat::Chat));
    assert_eq!(message.subject, None);
    let value: Value = serde_json::from_str(&message.body).unwrap();
    assert_snapshot!(serde_json::to_string_pretty(&value).unwrap());
}

pub(super) fn running(desired: i32, running: i32) -> TaskCount {
    TaskCount { desired, running }
}

#[test]
fn what_has_to_wait_and_is_not_found_again_is_told_with_the_request() {
    let (pipeline, deployment) = (pipeline(), subject());
    let image = deployment.image.clone().unwrap();
    let waiting = |again| {
        let outcome = Outcome::waiting(&pipeline, &image, &deployment.id, AskedBy::Event, again);
        (outcome.next.unwrap(), outcome.commands.len())
    };
    let (next, commands) = waiting(Some(request()));
    assert_eq!(
        next,
        "ask for it when that deployment has ended, because no later reconciliation finds it: its tag was put on an older image, \
         or a higher version is there"
    );
    assert_eq!(commands, 1);
    let (next, commands) = waiting(None);
    assert!(next.starts_with("nothing to do"));
    assert_eq!(commands, 0);
}

#[test]
fn settings_that_go_out_alone_are_told_with_their_revision() {
    let (pipeline, mut deployment) = (pipeline(), subject());
    deployment.settings = Some(5);
    let failed = Outcome::ended_badly(Event::Failed, &pipeline, &deployment, ending());
    let told = [
        Outcome::started(&pipeline, &deployment).summary,
        Outcome::shipped(&pipeline, &deployment, running(2, 2), ending()).summary,
        failed.summary,
        failed.next.unwrap(),
    ];
    assert_snapshot!(told.join("\n"), @"
    the settings of revision 5 are being deployed to prod/web, with shop/web:1.4.2 (sha256:4c4c4c4c4c4c), which runs already
    prod/web runs shop/web:1.4.2 (sha256:4c4c4c4c4c4c) with the settings of revision 5 (2 of 2 tasks)
    the deployment of shop/web:1.4.2 (sha256:4c4c4c4c4c4c) with the settings of revision 5 to prod/web failed; deployment d-ROLLBACK1 rolls it back
    wait for the rollback's message; correct the settings and register another revision, or request this image again
    ");
}

#[test]
fn every_outcome_says_what_happened_in_one_sentence() {
    let (pipeline, deployment) = (pipeline(), subject());
    let image = deployment.image.clone().unwrap();
    let mut rollback = deployment.clone();
    rollback.rolls_back = Some(deployment.id.clone());
    let runs = "arn:aws:ecs:eu-central-1:111122223333:task-definition/shop-web:41"
        .parse()
        .unwrap();
    let outcomes = [
        Outcome::started(&pipeline, &deployment),
        Outcome::waiting(&pipeline, &image, &deployment.id, AskedBy::Event, None),
        Outcome::migration_failed(
            &pipeline,
            &deployment,
            "the migration exited with code 1".to_owned(),
            TaskLog::default(),
        ),
        Outcome::migration_did_not_run(
            &pipeline,
            &deployment,
            "ECS started no migration task: no reason given".to_owned(),
        ),
        Outcome::test_traffic_failed(
            &pipeline,
            &deployment,
            "`/`: wanted status 200, got status 500".to_owned(),
        ),
        Outcome::test_traffic_not_checked(
            &pipeline,
            &deployment,
            "`AfterAllowTestTraffic` has not begun".to_owned(),
        ),
        Outcome::shipped(&pipeline, &deployment, running(2, 2), ending()),
        Outcome::shipped(&pipeline, &deployment, running(0, 0), ending()),
        Outcome::shipped_and_down(&pipeline, &deployment, running(2, 0), ending()),
        Outcome::replaced_since(
            &pipeline,
            &deployment,
            &"d-LATER".parse().unwrap(),
            ending(),
        ),
        Outcome::shipped_unverified(&pipeline, &deployment, ending()),
        Outcome::not_running(&pipeline, &deployment, &runs, ending()),
        Outcome::ended_badly(Event::Stopped, &pipeline, &deployment, ending()),
        Outcome::rolled_back(&pipeline, &deployment, &rollback, running(2, 1), ending()),
        Outcome::rolled_back(&pipeline, &deployment, &rollback, running(0, 0), ending()),
        Outcome::rolled_back_and_down(&pipeline, &deployment, &rollback, running(2, 0), ending()),
        Outcome::rollback_failed(Event::Failed, &pipeline, &rollback, ending()),
        Outcome::rollback_failed(Event::Stopped, &pipeline, &rollback, ending()),
        Outcome::ready(&pipeline, &deployment),
    ];
    let lines: Vec<String> = outcomes
        .iter()
        .map(|outcome| format!("{}: {}", outcome.event.code(), outcome.summary))
        .collect();
    assert_snapshot!(lines.join("\n"));
}

/// Production is on green when this gate fails; nobody may wait for a rollback that does not come.
#[test]
fn a_rollback_is_announced_only_where_the_deployment_brings_one() {
    use crate::config::Rollback;
    let (mut pipeline, subject) = (pipeline(), subject());
    let mut said = |rollback| {
        pipeline.codedeploy.rollback = rollback;
        let why = || "status 500".to_owned();
        [
            Outcome::production_traffic_failed(&pipeline, &subject, why()),
            Outcome::production_traffic_not_checked(&pipeline, &subject, why()),
        ]
        .map(|outcome| outcome.next.unwrap())
    };
    for next in said(Rollback::Automatic) {
        assert!(next.contains("wait for the rollback's message"), "{next}");
    }
    for next in said(Rollback::Group) {
        assert!(!next.contains("wait for"), "{next}");
        let condition = "a rollback follows if the deployment group has one on";
        assert!(next.contains(condition), "{next}");
    }
}

#[test]
fn what_greenlight_may_have_replaced_is_not_laid_at_a_persons_door() {
    let mut stopped = deployment();
    stopped.error = Some(("MANUAL_STOP".to_owned(), "Stopped by the user.".to_owned()));
    let mut pipeline = pipeline();
    let said = |pipeline: &Pipeline| {
        let stopped = stopped.subject(pipeline);
        let outcome = Outcome::ended_badly(Event::Stopped, pipeline, &stopped, Ending::default());
        format!("{} / {}", outcome.reason.unwrap(), outcome.next.unwrap())
    };
    assert_eq!(
        said(&pipeline),
        "Stopped by the user (MANUAL_STOP) / wait for the rollback's message; correct the cause and push a new image, or request \
         this one again"
    );
    pipeline.when_busy = crate::config::WhenBusy::Replace;
    assert_eq!(
        said(&pipeline),
        "Stopped by the user (MANUAL_STOP); a person stopped it, or a newer image replaces it (`when_busy = \"replace\"`) \
         / wait for the rollback's message; nothing to correct where a newer image follows"
    );
}

/// Text that somebody who can choose a log line, an answer or an error would choose.
fn hostile() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        Just("<!channel>".to_owned()),
        Just("<@U123|x>".to_owned()),
        Just("@here".to_owned()),
        Just("<!subteam^S1|team> <#C123|shop> <mailto:a@evil.example|b>".to_owned()),
        Just("*_~>|#{}${x}%n%s".to_owned()),
        Just("<script>alert(1)</script><img src=x>".to_owned()),
        Just("\nOutcome    shipped\nWhat       all is well".to_owned()),
        Just("&lt;!here&gt;".to_owned()),
        Just("https://evil.example/x".to_owned()),
        Just("[x](https://evil.example)".to_owned()),
        Just("```".to_owned()),
        Just("`".to_owned()),
        Just("\r\nSubject: shipped\r\n\r\n".to_owned()),
        Just("\u{202E}\u{2028}\u{1b}[31m\u{0}\u{7f}\u{85}".to_owned()),
        Just("\",\"outcome\":\"shipped".to_owned()),
        any::<String>(),
    ];
    proptest::collection::vec(part, 0..6).prop_map(|parts| parts.concat())
}

/// An outcome with hostile text wherever text comes from outside.
fn hostile_outcome(texts: &[String]) -> Outcome {
    let mut texts = texts.iter().cycle().cloned();
    let mut text = || texts.next().unwrap_or_default();
    let mut failed_deployment = deployment();
    failed_deployment.error = Some((text(), text()));
    let mut ending = ending();
    ending.causes = vec![text(), text()];
    ending.log.lines = (0..30).map(|_| text()).collect();
    ending.steps[0].name = text();
    let subject = failed_deployment.subject(&pipeline());
    let mut outcome = Outcome::ended_badly(Event::Failed, &pipeline(), &subject, ending);
    outcome.summary = text();
    outcome.next = Some(text());
    outcome
}

#[track_caller]
fn has_no_hidden_characters(text: &str) {
    let hidden = |c: char| c != '\n' && (c.is_control() || is_hidden_mark(c));
    assert!(!text.contains(hidden), "{text:?}");
}

proptest! {
    #[test]
    fn foreign_text_breaks_no_mail(texts in proptest::collection::vec(hostile(), 1..8)) {
        let sent = render(&hostile_outcome(&texts), &settings(MessageFormat::Text));
        has_no_hidden_characters(&sent.body);
        prop_assert!(sent.body.lines().count() < 45);
        // No line of ours can be made up: what is quoted is indented, and rows are of ours.
        let shipped = sent.body.lines().filter(|line| line.starts_with("Outcome "));
        prop_assert_eq!(shipped.collect::<Vec<_>>(), ["Outcome    failed"]);
        let subject = sent.subject.unwrap();
        prop_assert!(subject.len() < 100 && subject.bytes().all(|byte| (0x20..0x7f).contains(&byte)));
    }

    #[test]
    fn foreign_text_breaks_no_json(texts in proptest::collection::vec(hostile(), 1..8)) {
        let sent = render(&hostile_outcome(&texts), &settings(MessageFormat::Json));
        let value: Value = serde_json::from_str(&sent.body).unwrap();
        prop_assert_eq!(&value["outcome"], "failed");
        for text in [&value["summary"], &value["reason"], &value["next"]].into_iter().chain(value["log"].as_array().unwrap()) {
            has_no_hidden_characters(text.as_str().unwrap());
        }
        prop_assert!(sent.body.len() < 262_144);
    }

    #[test]
    fn foreign_text_injects_nothing_into_a_chat(texts in proptest::collection::vec(hostile(), 1..8)) {
        let sent = render(&hostile_outcome(&texts), &settings(MessageFormat::Chat));
        let chat: Value = serde_json::from_str(&sent.body).unwrap();
        let content = &chat["content"];
        let description = content["description"].as_str().unwrap();
        let next = content["nextSteps"][0].as_str().unwrap();
        for text in [description, content["title"].as_str().unwrap(), next, chat["metadata"]["summary"].as_str().unwrap()] {
            has_no_hidden_characters(text);
            prop_assert!(!text.contains(['<', '>', '@', '&', '[', ']']) || text == description, "{}", text);
            prop_assert!(!text.contains("://"), "{}", text);
        }
        // One block of code, the log, and nothing in it or before it that opens or closes one.
        prop_assert!(!description.contains(['<', '>', '@', '&']));
        let (before, log) = description.split_once("```\n").unwrap();
        prop_assert!(!before.contains("``"));
        prop_assert!(before.lines().all(|line| line.matches('`').count() % 2 == 0));
        prop_assert!(!log.strip_suffix("\n```").unwrap().contains('`'));
    }
}
