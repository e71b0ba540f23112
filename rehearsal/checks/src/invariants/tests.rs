//! Each invariant can be violated: tables of changed worlds, with the expected violations.

mod after_updates;
mod before_updates;
mod gates;
mod migrations;
mod newest;
mod of_ecs;
mod once;
mod order;
mod truth;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use record::{
    Answer, Answerer, Answers, By, Container, ContainerEnd, Deployment, End, Engine, HealthChange,
    HookAnswer, HookCall, Image, LifecycleEvent, Message, Migration, MigrationGate, Pipeline, Push,
    Reconciliation, Record, Request, Revision, Simulated, TestAnswer, TestTrafficGate,
};
use serde_json::json;

use super::judge;

/// Minutes after the beginning.
fn at(minutes: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 + minutes * 60)
}

const LISTENER: &str = "arn:test-listener";

/// Words of commands.
const ENTRY: usize = 1;
const MANAGE: usize = 2;
const MIGRATE: usize = 3;
const PLAN: usize = 4;

/// Production runs `a`, pushed as `latest`, `release-1` and `1.1.0`, after one successful deployment.
fn shipped(rule: &str) -> Record {
    Record {
        simulated: Simulated {
            start: at(0),
            end: at(99),
        },
        pipelines: vec![Pipeline {
            name: "web".to_owned(),
            repository: "shop/web".to_owned(),
            tag: rule.to_owned(),
            cluster: "prod".to_owned(),
            service: "web".to_owned(),
            application: "app".to_owned(),
            deployment_group: "group".to_owned(),
            follows_settings: false,
            containers: Vec::new(),
            migration: Some(migration_gate()),
            test_traffic: test_traffic_gate(),
            production_traffic: None,
            ran_first: Some("first".to_owned()),
            runs: Some("a".to_owned()),
        }],
        images: vec![
            image("first", 0, "release-0 1.0.0"),
            image("a", 1, "latest release-1 1.1.0"),
        ],
        pushes: ["latest", "release-0", "1.0.0"]
            .map(|tag| push("first", 0, tag))
            .into_iter()
            .chain(["latest", "release-1", "1.1.0"].map(|tag| push("a", 1, tag)))
            .collect(),
        reconciliations: vec![reconciliation(1, 3, None)],
        deployments: vec![deployment("d-a", "a", 2)],
        revisions: vec![revision("web:2", "a", 2)],
        hooks: vec![
            hook("d-a", "AfterInstall", 3, &[(4, "Succeeded")]),
            hook("d-a", "AfterAllowTestTraffic", 4, &[(6, "Succeeded")]),
        ],
        migrations: vec![migration("task-a", "d-a", Some(4), 0)],
        test_answers: vec![test_answer("d-a", "/", 5), test_answer("d-a", "/orders", 5)],
        health: vec![
            health("d-a", "initial", 3),
            health("d-a", "healthy", 4),
            health("d-a", "draining", 20),
        ],
        messages: vec![
            told("started", "d-a", "a", 2),
            told("shipped", "d-a", "a", 9),
        ],
        answers: BTreeMap::from([("web".to_owned(), answers(&[("1.1.0", None)]))]),
        broken_unseen: vec!["6.6.6".to_owned()],
        ..Record::default()
    }
}

fn image(digest: &str, pushed: u64, tags: &str) -> Image {
    Image {
        repository: "shop/web".to_owned(),
        digest: digest.to_owned(),
        version: None,
        tags: tags.split_whitespace().map(ToOwned::to_owned).collect(),
        pushed_at: at(pushed),
        is_runnable: true,
    }
}

fn push(digest: &str, minute: u64, tag: &str) -> Push {
    Push {
        at: at(minute),
        repository: "shop/web".to_owned(),
        digest: digest.to_owned(),
        tag: tag.to_owned(),
        moved: true,
        heard: true,
    }
}

fn reconciliation(began: u64, ended: u64, asked: Option<&str>) -> Reconciliation {
    Reconciliation {
        began: at(began),
        ended: Some(at(ended)),
        asked: asked.map(ToOwned::to_owned),
    }
}

/// A deployment by Greenlight that succeeds after seven minutes.
fn deployment(id: &str, digest: &str, created: u64) -> Deployment {
    Deployment {
        id: id.to_owned(),
        engine: Engine::CodeDeploy,
        strategy: None,
        cluster: "prod".to_owned(),
        service: "web".to_owned(),
        application: "app".to_owned(),
        deployment_group: "group".to_owned(),
        creator: "user".to_owned(),
        by: By::Greenlight,
        status: "Succeeded".to_owned(),
        error: None,
        revision: "web:2".to_owned(),
        image_digest: None,
        pipeline_digest: Some(digest.to_owned()),
        images: BTreeMap::new(),
        created_at: at(created),
        ended_at: Some(at(created + 7)),
        lifecycle_events: vec![LifecycleEvent {
            name: "AfterInstall".to_owned(),
            status: "Succeeded".to_owned(),
            rollback: false,
        }],
        end: End::Told,
    }
}

fn revision(arn: &str, digest: &str, registered: u64) -> Revision {
    Revision {
        arn: arn.to_owned(),
        family: "web".to_owned(),
        by_greenlight: true,
        image: String::new(),
        images: BTreeMap::from([("web".to_owned(), format!("shop/web@{digest}"))]),
        starts_at_once: 1,
        rolls_back: false,
        registered_at: at(registered),
    }
}

fn hook(id: &str, event: &str, called: u64, answers: &[(u64, &str)]) -> HookCall {
    let answer = |(minute, status): &(u64, &str)| HookAnswer {
        at: at(*minute),
        status: (*status).to_owned(),
        function: Some("finish-migration".to_owned()),
        wanted: Some(1),
    };
    HookCall {
        deployment: id.to_owned(),
        lifecycle_event: event.to_owned(),
        function: None,
        rollback: false,
        called_at: at(called),
        answers: answers.iter().map(answer).collect(),
    }
}

fn migration_gate() -> MigrationGate {
    MigrationGate {
        container: "web".to_owned(),
        command: vec![MANAGE, MIGRATE],
        has_own_image: false,
        runs_alone: false,
        limit_minutes: 20,
    }
}

fn test_traffic_gate() -> TestTrafficGate {
    let request = |path: &str| Request {
        path: path.to_owned(),
        status: "200".to_owned(),
    };
    TestTrafficGate {
        settle_seconds: 15,
        requests: vec![request("/"), request("/orders")],
        listener: Some(LISTENER.to_owned()),
        addresses: vec!["127.0.0.1".to_owned()],
    }
}

/// A migration that meets `shipped`'s configuration; its one container exits by itself when the task ends.
fn migration(task: &str, id: &str, stopped: Option<u64>, exit_code: i32) -> Migration {
    Migration {
        task: task.to_owned(),
        deployment: id.to_owned(),
        given_to: Some("run-migration".to_owned()),
        revision: "web:2".to_owned(),
        of: "web:2".to_owned(),
        started_at: Some(at(3)),
        stopped_at: stopped.map(at),
        containers: vec![Container {
            name: "web".to_owned(),
            essential: true,
            digest: Some("a".to_owned()),
            ran: vec![ENTRY, MANAGE, MIGRATE],
            end: stopped.map(|minute| container_end(minute, exit_code)),
        }],
    }
}

fn container_end(minute: u64, exit_code: i32) -> ContainerEnd {
    ContainerEnd {
        at: at(minute),
        exit_code,
        by_itself: true,
    }
}

fn test_answer(id: &str, path: &str, minute: u64) -> TestAnswer {
    TestAnswer {
        listener: LISTENER.to_owned(),
        asked_at: at(minute),
        at: at(minute),
        address: "127.0.0.1".to_owned(),
        path: path.to_owned(),
        status: 200,
        version: None,
        by: Answerer::Task {
            task: format!("task of {id}"),
            deployment: Some(id.to_owned()),
        },
    }
}

fn health(id: &str, state: &str, minute: u64) -> HealthChange {
    HealthChange {
        at: at(minute),
        task: format!("task of {id}"),
        deployment: Some(id.to_owned()),
        state: state.to_owned(),
    }
}

fn told(outcome: &str, id: &str, digest: &str, minute: u64) -> Message {
    let body = json!({
        "outcome": outcome, "pipeline": "web", "deployment_id": id, "image": { "digest": digest },
    });
    Message {
        at: at(minute),
        topic: "outcomes".to_owned(),
        subject: None,
        body: body.to_string(),
    }
}

/// Answers by version, with the failure, if any.
type Given = (&'static str, Option<&'static str>);

fn answers(given: &[Given]) -> Answers {
    let mut answers = Answers::default();
    for (version, failure) in given {
        answers.push(Answer {
            at: at(5),
            version,
            failure: *failure,
        });
    }
    answers
}

/// A newer image `b` is pushed at minute 10 under the tags that the rule follows; it is not deployed.
fn and_pushed(record: &mut Record) {
    for image in &mut record.images {
        image.tags.retain(|tag| tag != "latest");
    }
    record.images.push(image("b", 10, "latest release-2 1.2.0"));
    for tag in ["latest", "release-2", "1.2.0"] {
        record.pushes.push(push("b", 10, tag));
    }
}

/// `b` is deployed at minute 11, and fails.
fn and_failed(record: &mut Record) {
    and_pushed(record);
    record.reconciliations.push(reconciliation(10, 12, None));
    record.revisions.push(revision("web:3", "b", 11));
    record.deployments.push(Deployment {
        revision: "web:3".to_owned(),
        status: "Failed".to_owned(),
        ..deployment("d-b", "b", 11)
    });
}

/// One more deployment, with the message of its success.
fn and_told(record: &mut Record, deployment: Deployment) {
    let digest = deployment.pipeline_digest.as_deref().unwrap_or_default();
    record
        .messages
        .push(told("shipped", &deployment.id, digest, 27));
    record.deployments.push(deployment);
}

type Change = fn(&mut Record);

/// The numbers of the violated invariants after a change, for every kind of rule.
#[track_caller]
fn check(change: impl Fn(&mut Record), expected: &[u8]) {
    for rule in ["latest", "release-*", "semver:^1"] {
        check_rule(rule, &change, expected);
    }
}

#[track_caller]
fn check_rule(rule: &str, change: impl Fn(&mut Record), expected: &[u8]) {
    let mut record = shipped(rule);
    change(&mut record);
    let violations = judge(&record);
    let numbers = violations
        .iter()
        .map(|violation| violation.invariant.number());
    let said: Vec<String> = violations.iter().map(ToString::to_string).collect();
    assert_eq!(numbers.collect::<Vec<_>>(), expected, "{rule}: {said:#?}");
}

#[test]
fn a_successful_run_violates_nothing() {
    check(|_| {}, &[]);
}

fn again(record: &mut Record) {
    and_told(record, deployment("d-again", "a", 20));
}

#[test]
fn nothing_is_deployed_twice() {
    check(again, &[2]);
    let pushed_again: Change = |record| {
        for tag in ["latest", "release-1", "1.1.0"] {
            record.pushes.push(push("a", 19, tag));
        }
        again(record);
    };
    check(pushed_again, &[]);
    let asked: Change = |record| {
        record
            .reconciliations
            .push(reconciliation(19, 21, Some("web")));
        again(record);
    };
    check(asked, &[]);
    let asked_for_another: Change = |record| {
        record
            .reconciliations
            .push(reconciliation(19, 21, Some("admin")));
        again(record);
    };
    check(asked_for_another, &[2]);
}

/// A client that waits for a deployment's creation acts at that very moment: an order at that moment is a new one.
#[test]
fn an_order_at_the_moment_of_a_creation_is_a_new_one() {
    let pushed: Change = |record| {
        for tag in ["latest", "release-3", "1.3.0"] {
            record.pushes.push(push("a", 2, tag));
        }
        again(record);
    };
    check(pushed, &[]);
    let asked: Change = |record| {
        record
            .reconciliations
            .push(reconciliation(2, 21, Some("web")));
        again(record);
    };
    check(asked, &[]);
    // The tag is one order, and justifies one deployment.
    let thrice: Change = |record| {
        record.pushes.push(push("a", 2, "1.3.0"));
        again(record);
        and_told(record, deployment("d-thrice", "a", 40));
    };
    check_rule("semver:^1", thrice, &[2]);
}

#[test]
fn a_push_costs_one_needless_revision_at_most() {
    // `a` has been pushed under three tags, each of which is an order.
    let three = ["web:3", "web:4", "web:5"];
    let four = ["web:3", "web:4", "web:5", "web:6"];
    let cases: [(&[&str], &[Reconciliation], &[u8]); 5] = [
        (&three, &[], &[]),
        (&four, &[], &[2]),
        // Two concurrent reconciliations may leave one each, if both were running when the revisions were registered.
        (&four, &[reconciliation(2, 3, None)], &[]),
        (&four, &[reconciliation(3, 4, None)], &[2]),
        (
            &four,
            &[reconciliation(30, 32, None), reconciliation(31, 32, None)],
            &[2],
        ),
    ];
    for (in_vain, reconciliations, expected) in cases {
        let change = |record: &mut Record| {
            // No deployment ships them.
            let revisions = in_vain.iter().map(|arn| revision(arn, "a", 2));
            record.revisions.extend(revisions);
            record.reconciliations.extend_from_slice(reconciliations);
        };
        check(change, expected);
    }
}

#[test]
fn a_hook_is_answered_long_before_its_hour() {
    let in_time: Change = |record| record.hooks[0].called_at = at(0);
    check(in_time, &[]);
    let silent: Change = |record| {
        record
            .hooks
            .push(hook("d-a", "AfterAllowTestTraffic", 5, &[]));
        record.deployments[0].ended_at = Some(at(65));
    };
    check(silent, &[4]);
    let late: Change = |record| {
        let answers = &[(58, "Failed")];
        let late = hook("d-a", "AfterAllowTestTraffic", 5, answers);
        record.hooks.push(late);
        record.deployments[0].ended_at = Some(at(65));
    };
    check(late, &[4]);
    let stopped: Change = |record| {
        record
            .hooks
            .push(hook("d-a", "AfterAllowTestTraffic", 5, &[]));
    };
    check(stopped, &[]);
}

#[test]
fn production_answers_every_request() {
    let cases: [(&[Given], &[u8]); 3] = [
        (
            &[("1.1.0", None), ("1.1.0", Some("`/` answered 500"))],
            &[6],
        ),
        // It fails in a way that no check covers.
        (&[("1.1.0", None), ("6.6.6", Some("`/` answered 500"))], &[]),
        (&[], &[6]),
    ];
    for (given, expected) in cases {
        let change = |record: &mut Record| {
            record.answers.insert("web".to_owned(), answers(given));
        };
        check(change, expected);
    }
}
