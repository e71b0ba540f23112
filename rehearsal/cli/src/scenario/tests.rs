//! Every claim of a scenario holds for a correct run, and fails for an incorrect one.

mod histories;
mod runs;

use std::collections::BTreeMap;
use std::time::SystemTime;

use local_aws::ecr::IndexSettings;
use record::{
    Answered, By, DeadLetter, Deployment, End, Engine, Invocation, LifecycleEvent, Message, Moment,
    Revision, Seen, Stretch, Task,
};
use serde_json::Value;

use super::*;
use crate::scenario::claims::LIFECYCLE_EVENTS;

const DIGEST: &str = "sha256:4c9a";

fn seen(sequence: &[(&str, u64)]) -> Seen {
    let mut seen = Seen::default();
    for (version, requests) in sequence {
        seen.requests += requests;
        *seen.versions.entry((*version).to_owned()).or_default() += requests;
        seen.sequence.push(Stretch {
            version: (*version).to_owned(),
            requests: *requests,
        });
    }
    seen
}

fn deployment(id: &str, creator: &str, status: &str, events: [&str; 8]) -> Deployment {
    let names = LIFECYCLE_EVENTS.iter().zip(events);
    Deployment {
        id: id.to_owned(),
        engine: Engine::CodeDeploy,
        strategy: None,
        cluster: "prod".to_owned(),
        service: "web".to_owned(),
        application: "app".to_owned(),
        deployment_group: "group".to_owned(),
        creator: creator.to_owned(),
        by: By::Greenlight,
        pipeline_digest: None,
        images: std::collections::BTreeMap::new(),
        created_at: SystemTime::UNIX_EPOCH,
        ended_at: None,
        end: End::Told,
        revision: "arn:shop-web:2".to_owned(),
        image_digest: Some(DIGEST.to_owned()),
        status: status.to_owned(),
        error: None,
        lifecycle_events: names
            .map(|(name, status)| LifecycleEvent {
                name: (*name).to_owned(),
                status: status.to_owned(),
                rollback: false,
            })
            .collect(),
    }
}

fn message(outcome: &str, reason: &str) -> Message {
    let body = serde_json::json!({ "outcome": outcome, "reason": reason });
    Message {
        at: SystemTime::UNIX_EPOCH,
        topic: "outcomes".to_owned(),
        subject: Some("shop-web".to_owned()),
        body: body.to_string(),
    }
}

fn moments(whats: &[&str]) -> Vec<Moment> {
    whats
        .iter()
        .enumerate()
        .map(|(index, what)| Moment {
            seconds: index as f64,
            what: (*what).to_owned(),
        })
        .collect()
}

/// A correct run of `ship`.
pub(crate) fn shipped() -> Record {
    let web = seen(&[
        ("1.0.0", 50),
        ("1.1.0", 1),
        ("1.0.0", 9),
        ("1.1.0", 1),
        ("1.0.0", 9),
        ("1.1.0", 60),
    ]);
    let image = format!("registry/shop/web@{DIGEST}");
    let images = BTreeMap::from([("web".to_owned(), image.clone())]);
    Record {
        scenario: "ship".to_owned(),
        deployments: vec![deployment("d-1", "user", "Succeeded", ["Succeeded"; 8])],
        production: web.clone(),
        services: BTreeMap::from([("web".to_owned(), web)]),
        test_listener: Answered {
            requests: 2,
            failed: 0,
            versions: BTreeMap::from([("1.1.0".to_owned(), 2)]),
        },
        revisions: vec![Revision {
            arn: "arn:shop-web:2".to_owned(),
            family: "shop-web".to_owned(),
            by_greenlight: true,
            registered_at: SystemTime::UNIX_EPOCH,
            image,
            images,
            starts_at_once: 1,
            rolls_back: false,
        }],
        tasks: vec![Task {
            arn: "arn:task".to_owned(),
            started_by: Some("greenlight/d-1".to_owned()),
            command: vec!["sample-service".to_owned(), "migrate".to_owned()],
            version: Some("1.1.0".to_owned()),
            exit_code: Some(0),
            reason: None,
        }],
        invocations: vec![Invocation {
            function: "start-deployment".to_owned(),
            ok: true,
            milliseconds: 40,
            error: None,
            answer: Value::Null,
        }],
        messages: vec![message("started", ""), message("shipped", "")],
        timeline: moments(&["one-off task stopped", "AllowTestTraffic InProgress"]),
        ..Record::default()
    }
}

/// A correct run of `failed-migration`.
fn migration_failed() -> Record {
    let web = seen(&[("1.0.0", 120)]);
    let (ok, skipped) = ("Succeeded", "Skipped");
    let events = [
        ok, ok, "Failed", skipped, skipped, skipped, skipped, skipped,
    ];
    Record {
        deployments: vec![
            deployment("d-1", "user", "Failed", events),
            deployment("d-2", "codeDeployRollback", "Succeeded", ["Succeeded"; 8]),
        ],
        production: web.clone(),
        services: BTreeMap::from([("web".to_owned(), web)]),
        messages: vec![
            message("started", ""),
            message(
                "migration-failed",
                "the migration exited with code 1: no such table: order_history",
            ),
            message("failed", ""),
            message("rolled-back", ""),
        ],
        ..shipped()
    }
}

pub(crate) fn catalogue() -> Catalogue {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    Catalogue::find(&root).unwrap()
}

pub(crate) fn scenario(name: &str) -> Scenario {
    catalogue().scenario(name).unwrap()
}

/// The claims that do not hold for this record.
fn broken(scenario: &Scenario, mut record: Record) -> Vec<String> {
    scenario.judge(&mut record);
    assert_eq!(record.as_expected, record.problems.is_empty());
    record
        .problems
        .into_iter()
        .map(|problem| problem.expected)
        .collect()
}

type Change = fn(&mut Record);

fn check(scenario: &Scenario, good: fn() -> Record, changes: &[(Change, &str)]) {
    assert_eq!(broken(scenario, good()), Vec::<String>::new());
    for (change, claim) in changes {
        let mut record = good();
        change(&mut record);
        let broken = broken(scenario, record);
        assert!(
            broken.iter().any(|broken| broken.contains(claim)),
            "`{claim}` should break, not {broken:?}"
        );
    }
}

fn web(record: &mut Record, sequence: &[(&str, u64)]) {
    record.services.insert("web".to_owned(), seen(sequence));
}

#[test]
fn ships_claims_about_the_deployment_fail_when_they_should() {
    check(
        &scenario("ship"),
        shipped,
        &[
            (
                |r| r.production.failed = 1,
                "production answered every request",
            ),
            (
                |r| r.production = Seen::default(),
                "production answered every request",
            ),
            (|r| r.invocations[0].ok = false, "every function answered"),
            (
                |r| {
                    r.dead_letters.push(DeadLetter {
                        queue: "Q".to_owned(),
                        message: Value::Null,
                    })
                },
                "no event was given up",
            ),
            (|r| and_in_vain(r, 1, 1), "1 revision(s) registered"),
            (|r| and_in_vain(r, 2, 2), "1 revision(s) registered"),
            (
                |r| r.deployments.push(r.deployments[0].clone()),
                "1 deployment(s) started",
            ),
            (|r| r.deployments.clear(), "every deployment succeeded"),
            (
                |r| r.deployments[0].image_digest = Some("sha256:other".to_owned()),
                "pinned to the digest",
            ),
            (
                |r| r.deployments[0].image_digest = None,
                "pinned to the digest",
            ),
            (
                |r| r.deployments[0].status = "Failed".to_owned(),
                "every deployment succeeded",
            ),
            (
                |r| r.deployments[0].lifecycle_events.swap(0, 1),
                "all eight lifecycle events succeeded",
            ),
            (
                |r| r.deployments[0].lifecycle_events.truncate(6),
                "all eight lifecycle events succeeded",
            ),
            (|r| r.tasks.clear(), "the migration ended well before"),
            (
                |r| r.tasks[0].exit_code = None,
                "the migration ended well before",
            ),
            (|r| r.timeline.reverse(), "the migration ended well before"),
        ],
    );
}

#[test]
fn ships_claims_about_answers_and_messages_fail_when_they_should() {
    check(
        &scenario("ship"),
        shipped,
        &[
            (|r| web(r, &[("1.0.0", 99)]), "answered first by 1.0.0"),
            (
                |r| web(r, &[("1.1.0", 1), ("1.0.0", 9), ("1.1.0", 9)]),
                "answered first by 1.0.0",
            ),
            (
                |r| web(r, &[("1.0.0", 20), ("1.1.0", 1), ("1.0.0", 9)]),
                "answered first by 1.0.0",
            ),
            (
                |r| web(r, &[("1.0.0", 20), ("1.1.0", 40)]),
                "answered first by 1.0.0",
            ),
            (
                |r| {
                    web(
                        r,
                        &[("1.0.0", 5), ("1.1.0", 20), ("1.0.0", 20), ("1.1.0", 5)],
                    )
                },
                "one answer in ten",
            ),
            (|r| r.messages.truncate(1), "messages: started, shipped"),
            (
                |r| r.messages.push(message("failed", "")),
                "messages: started, shipped",
            ),
        ],
    );
}

#[test]
fn a_failed_migrations_claims_fail_when_they_should() {
    check(
        &scenario("failed-migration"),
        migration_failed,
        &[
            (
                |r| r.production = seen(&[("1.0.0", 50), ("1.1.0", 1)]),
                "production only ever saw 1.0.0",
            ),
            (|r| r.deployments.truncate(1), "CodeDeploy rolled it back"),
            (
                |r| r.deployments[1].status = "Failed".to_owned(),
                "CodeDeploy rolled it back",
            ),
            (
                |r| r.deployments[0].status = "Succeeded".to_owned(),
                "the deployment failed at AfterInstall",
            ),
            (
                |r| r.deployments[0].lifecycle_events[3].status = "Succeeded".to_owned(),
                "the deployment failed at AfterInstall",
            ),
            (
                |r| r.messages[1] = message("migration-failed", "it failed"),
                "the message `migration-failed` says",
            ),
            (
                |r| r.messages.truncate(3),
                "messages: started, migration-failed, failed, rolled-back",
            ),
        ],
    );
}

#[test]
fn multi_archs_claims_fail_when_they_should() {
    check(
        &scenario("multi-arch"),
        index_shipped,
        &[
            (
                |r| r.revisions[0].image = "registry/shop/web@sha256:4c9a".to_owned(),
                "the revision is pinned to the index",
            ),
            (|r| drop(r.timeline.pop()), "four manifests came before"),
            (
                |r| r.invocations.clear(),
                "every reconciliation was for the index",
            ),
            (
                |r| r.invocations.push(r.invocations[0].clone()),
                "every reconciliation was for the index",
            ),
            (
                |r| {
                    r.invocations
                        .push(reconciled("sha256:4c9a", "already-running"))
                },
                "every reconciliation was for the index",
            ),
        ],
    );
}

/// A correct run of `multi-arch`.
fn index_shipped() -> Record {
    let digest = IndexSettings::new("shop/web", &[], "1.1.0").digest();
    let mut record = shipped();
    record.deployments[0].image_digest = Some(digest.clone());
    let image = format!("registry/shop/web@{digest}");
    record.revisions[0]
        .images
        .insert("web".to_owned(), image.clone());
    record.revisions[0].image = image;
    record.timeline.extend(moments(&["image pushed"; 5]));
    record.invocations = vec![
        reconciled(&digest, "start"),
        reconciled(&digest, "already-running"),
    ];
    record
}

fn reconciled(digest: &str, decision: &str) -> Invocation {
    let report = serde_json::json!({ "decision": decision, "image": { "digest": digest } });
    Invocation {
        answer: serde_json::json!({ "pipelines": [report] }),
        ..shipped().invocations[0].clone()
    }
}

#[test]
fn every_scenario_has_its_files_and_its_claims() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    for name in catalogue().names() {
        let scenario = scenario(name);
        assert!(scenario.pipelines.read(&root).is_ok(), "{name}");
        let mut claims: Vec<&str> = scenario
            .expectations
            .iter()
            .map(|expectation| expectation.claim.as_str())
            .collect();
        claims.sort_unstable();
        assert!(
            claims.len() > 3 && claims.windows(2).all(|two| two[0] != two[1]),
            "{}: {claims:?}",
            scenario.name
        );
        let empty = broken(&scenario, Record::default());
        assert!(
            !empty.is_empty(),
            "{} accepts a run in which nothing happened",
            scenario.name
        );
    }
}

/// Unused revisions of the same image, with this number of concurrent reconciliations.
pub(super) fn and_in_vain(record: &mut Record, revisions: usize, starts_at_once: usize) {
    for number in 0..revisions {
        let mut revision = record.revisions[0].clone();
        revision.arn = format!("arn:shop-web:{}", 3 + number);
        revision.starts_at_once = starts_at_once;
        record.revisions.push(revision);
    }
}
