//! The histories of scenarios: each holds for a run with that history, and for no run with a relevant difference.

use std::collections::BTreeMap;
use std::time::SystemTime;

use local_aws::ecr::ImageSettings;
use record::{
    AtEnd, By, DeadLetter, Deployment, End, Engine, Image, Invocation, LifecycleEvent, Message,
    Moment, Record, Revision, Task,
};
use serde_json::{Value, json};

use super::runs::{RUNS, Run};
use super::{Change, broken, scenario, seen};
use crate::scenario::claims::LIFECYCLE_EVENTS;

/// Every version in the scenarios.
const VERSIONS: [&str; 9] = [
    "1.0.0", "1.1.0", "1.1.1", "1.1.5", "1.2.0", "1.3.0", "1.4.0", "1.5.0", "2.0.0",
];

fn image(version: &str) -> Image {
    Image {
        repository: "shop/web".to_owned(),
        digest: digest(version),
        version: Some(version.to_owned()),
        tags: Vec::new(),
        pushed_at: SystemTime::UNIX_EPOCH,
        is_runnable: true,
    }
}

fn digest(version: &str) -> String {
    ImageSettings::new("shop/web", &[], version).digest()
}

impl Run {
    /// The record of such a run.
    fn record(self) -> Record {
        let answers: Vec<(&str, u64)> = self.production.iter().map(|v| (*v, 50)).collect();
        let web = seen(&answers);
        let mut record = Record {
            deployments: (1..).zip(self.deployments).map(deployment).collect(),
            revisions: self
                .revisions
                .iter()
                .map(|version| revision(version))
                .collect(),
            production: web.clone(),
            services: BTreeMap::from([("web".to_owned(), web)]),
            at_end: BTreeMap::from([("web".to_owned(), self.at_end())]),
            messages: self.messages.iter().map(message).collect(),
            invocations: self.decisions.iter().map(invocation).collect(),
            timeline: self.timeline.iter().map(moment).collect(),
            images: VERSIONS.iter().map(|version| image(version)).collect(),
            ..Record::default()
        };
        match self.scenario {
            "no-test-listener" => {
                let of_test_traffic =
                    |event: &LifecycleEvent| event.name.ends_with("AllowTestTraffic");
                record.deployments[0]
                    .lifecycle_events
                    .retain(|event| !of_test_traffic(event));
                record.tasks.push(Task {
                    arn: "arn:task".to_owned(),
                    started_by: None,
                    command: Vec::new(),
                    version: None,
                    exit_code: Some(0),
                    reason: None,
                });
            }
            "asked-by-a-person" => record.invocations.push(Invocation {
                answer: json!({ "pipelines": [{
                    "decision": "start", "reason": "dry run: it is due", "changes": ["image"],
                }] }),
                ..invocation(&"start")
            }),
            "hook-never-answers" => {
                record.simulated_seconds = 3700;
                record.dead_letters.push(DeadLetter {
                    queue: "FailedInvocations".to_owned(),
                    message: json!(
                        "access denied: codedeploy:PutLifecycleEventHookExecutionStatus"
                    ),
                });
            }
            _ => {}
        }
        record
    }

    fn at_end(self) -> AtEnd {
        let left = ["ready-wait-runs-out", "stopped-and-left"].contains(&self.scenario);
        AtEnd {
            version: self.production.last().map(|version| (*version).to_owned()),
            tasks: if self.scenario.starts_with("two-") {
                3
            } else {
                2
            },
            task_sets: if left { 2 } else { 1 },
        }
    }
}

fn deployment((number, (words, broke_off)): (usize, &(&str, &str))) -> Deployment {
    let rollback = words.strip_prefix("rollback to ");
    let mut words = rollback.unwrap_or(words).split(' ');
    let (version, status) = (words.next().unwrap(), words.next().unwrap());
    let at = LIFECYCLE_EVENTS.iter().position(|name| name == broke_off);
    let event = |(index, name): (usize, &&str)| LifecycleEvent {
        name: (*name).to_owned(),
        status: match at {
            Some(at) if index == at => "Failed".to_owned(),
            Some(at) if index > at => "Skipped".to_owned(),
            Some(_) | None => "Succeeded".to_owned(),
        },
        rollback: false,
    };
    Deployment {
        id: format!("d-{number}"),
        engine: Engine::CodeDeploy,
        strategy: None,
        cluster: "prod".to_owned(),
        service: "web".to_owned(),
        application: "app".to_owned(),
        deployment_group: "group".to_owned(),
        by: rollback.map_or(By::Greenlight, |_| By::Rollback),
        pipeline_digest: None,
        images: std::collections::BTreeMap::new(),
        created_at: SystemTime::UNIX_EPOCH,
        ended_at: None,
        end: End::Told,
        creator: rollback.map_or("user", |_| "codeDeployRollback").to_owned(),
        revision: String::new(),
        image_digest: Some(digest(version)),
        status: status.to_owned(),
        error: words
            .next()
            .map(|code| format!("{code}: a sentence: with a colon")),
        lifecycle_events: LIFECYCLE_EVENTS.iter().enumerate().map(event).collect(),
    }
}

fn revision(version: &str) -> Revision {
    Revision {
        arn: String::new(),
        family: "shop-web".to_owned(),
        by_greenlight: true,
        registered_at: SystemTime::UNIX_EPOCH,
        image: format!("registry/shop/web@{}", digest(version)),
        images: BTreeMap::new(),
        starts_at_once: 1,
        rolls_back: false,
    }
}

fn message((words, reason): &(&str, &str)) -> Message {
    let (outcome, version) = words.split_once(' ').unwrap_or((words, ""));
    let image = match version {
        "" => json!(null),
        version => json!({ "digest": digest(version) }),
    };
    Message {
        at: SystemTime::UNIX_EPOCH,
        topic: "outcomes".to_owned(),
        subject: None,
        body: json!({ "outcome": outcome, "image": image, "reason": reason }).to_string(),
    }
}

fn invocation(decision: &&str) -> Invocation {
    Invocation {
        function: "start-deployment".to_owned(),
        ok: true,
        milliseconds: 1,
        error: None,
        answer: json!({ "pipelines": [{ "pipeline": "shop-web", "decision": decision }] }),
    }
}

fn moment((what, seconds): &(&str, f64)) -> Moment {
    Moment {
        seconds: *seconds,
        what: (*what).to_owned(),
    }
}

/// Changes to a run, each with the claim that must fail.
const DIFFERENCES: [(Change, &str); 14] = [
    (
        |r| r.production.failed = 1,
        "production answered every request",
    ),
    (|r| drop(r.deployments.remove(0)), "deployments of `web`"),
    (|r| drop(r.deployments.pop()), "deployments of `web`"),
    (
        |r| r.deployments.push(r.deployments[0].clone()),
        "deployments of `web`",
    ),
    (
        |r| r.deployments[0].status = "InProgress".to_owned(),
        "deployments of `web`",
    ),
    (
        |r| r.deployments[0].image_digest = None,
        "deployments of `web`",
    ),
    (|r| drop(r.revisions.pop()), "revisions registered"),
    (
        |r| r.revisions.push(revision("1.1.0")),
        "revisions registered",
    ),
    (|r| drop(r.messages.remove(0)), "people were told"),
    (
        |r| r.messages.push(message(&("shipped 2.0.0", ""))),
        "people were told",
    ),
    (
        |r| answers(r).push(stretch("2.0.0", 20)),
        "`web` answered by",
    ),
    (
        |r| answers(r).last_mut().unwrap().requests = 3,
        "`web` answered by",
    ),
    (|r| end(r).version = None, "at the end `web` runs"),
    (|r| end(r).task_sets += 1, "at the end `web` runs"),
];

fn answers(record: &mut Record) -> &mut Vec<record::Stretch> {
    &mut record.services.get_mut("web").unwrap().sequence
}

fn stretch(version: &str, requests: u64) -> record::Stretch {
    record::Stretch {
        version: version.to_owned(),
        requests,
    }
}

fn end(record: &mut Record) -> &mut AtEnd {
    record.at_end.get_mut("web").unwrap()
}

#[track_caller]
fn check(run: &Run, change: Change, claim: &str) {
    let mut record = run.record();
    change(&mut record);
    let broken = broken(&scenario(run.scenario), record);
    assert!(
        broken.iter().any(|broken| broken.contains(claim)),
        "{}: `{claim}` should break, not {broken:?}",
        run.scenario
    );
}

#[test]
fn every_course_holds_for_the_run_that_it_describes_and_for_no_other() {
    for run in &RUNS {
        let wrong = broken(&scenario(run.scenario), run.record());
        assert!(wrong.is_empty(), "{}: {wrong:?}", run.scenario);
        for (change, claim) in DIFFERENCES {
            check(run, change, claim);
        }
        if run.messages.iter().any(|(_, reason)| !reason.is_empty()) {
            check(run, |r| r.messages.iter_mut().for_each(say_nothing), "says");
        }
        if !run.timeline.is_empty() {
            check(run, |r| r.timeline.iter_mut().for_each(forget_time), "");
        }
        if !run.decisions.is_empty() {
            check(
                run,
                |r| r.invocations.clear(),
                "a reconciliation ended with",
            );
        }
        if run
            .deployments
            .iter()
            .any(|(_, broke_off)| !broke_off.is_empty())
        {
            check(
                run,
                |r| r.deployments.iter_mut().for_each(succeed),
                "and nothing after it ran",
            );
        }
    }
}

#[test]
fn each_service_has_a_course_of_its_own() {
    let shipped = Run {
        scenario: "out-of-order",
        deployments: &[("1.2.0 Succeeded", "")],
        revisions: &["1.2.0", "1.2.0"],
        production: &["1.0.0", "1.2.0"],
        messages: &[
            ("started 1.2.0", ""),
            ("shipped 1.2.0", ""),
            ("skipped 1.1.0", ""),
            ("started 1.2.0", ""),
            ("shipped 1.2.0", ""),
        ],
        decisions: &["start", "already-in-progress", "older-than-running"],
        timeline: &[],
    };
    let both = || {
        let mut record = shipped.record();
        let mut second = record.deployments[0].clone();
        second.service = "admin".to_owned();
        record.deployments.push(second);
        let (answered, end) = (record.services["web"].clone(), record.at_end["web"].clone());
        record.services.insert("admin".to_owned(), answered);
        record.at_end.insert("admin".to_owned(), end);
        record
    };
    let scenario = scenario(shipped.scenario);
    assert_eq!(broken(&scenario, both()), [""; 0]);
    let differences: [(Change, &str); 5] = [
        (
            |r| r.deployments[1].image_digest = Some(digest("1.1.0")),
            "deployments of `admin`",
        ),
        (|r| drop(r.deployments.remove(0)), "deployments of `web`"),
        (|r| drop(r.services.remove("admin")), "`admin` answered by"),
        (
            |r| drop(r.at_end.remove("admin")),
            "at the end `admin` runs",
        ),
        (|r| drop(r.invocations.pop()), "older-than-running"),
    ];
    for (change, claim) in differences {
        let mut record = both();
        change(&mut record);
        let broken = broken(&scenario, record);
        assert!(
            broken.iter().any(|broken| broken.contains(claim)),
            "{claim}: {broken:?}"
        );
    }
}

#[test]
fn where_events_come_twice_so_may_messages() {
    let told_twice = |record: &mut Record| {
        let again: Vec<Message> = record.messages.clone();
        record.messages.extend(again);
        record.messages.push(message(&("waiting 1.2.0", "")));
    };
    for (assumption, holds) in [
        ("events-come-twice", true),
        ("new-tasks-are-missing", false),
    ] {
        let mut record = RUNS[0].record();
        told_twice(&mut record);
        record.assumptions.push(assumption.to_owned());
        let broken = broken(&scenario(RUNS[0].scenario), record);
        assert_eq!(broken.is_empty(), holds, "{assumption}: {broken:?}");
    }
}

#[test]
fn claims_of_single_scenarios_fail_when_they_should() {
    let fail_first = |r: &mut Record| {
        r.deployments[0].lifecycle_events[0].status = "Failed".to_owned();
    };
    let differences: [(&str, Change, &str); 9] = [
        (
            "rolled-back-in-the-termination-wait",
            fail_first,
            "after all its lifecycle events",
        ),
        (
            "two-deployments-in-a-row",
            fail_first,
            "all eight lifecycle events",
        ),
        (
            "two-deployments-in-a-row",
            |r| end(r).tasks = 2,
            "three tasks run",
        ),
        ("no-test-listener", fail_first, "all six lifecycle events"),
        ("no-test-listener", |r| r.tasks.clear(), "the migration ran"),
        (
            "hook-never-answers",
            |r| r.dead_letters.clear(),
            "the refused answer is kept",
        ),
        (
            "hook-never-answers",
            |r| r.simulated_seconds = 60,
            "waited an hour",
        ),
        (
            "asked-by-a-person",
            |r| drop(r.invocations.pop()),
            "the dry run reported",
        ),
        ("linear", |r| drop(r.timeline.remove(3)), "by 10 % a minute"),
    ];
    for (name, change, claim) in differences {
        let run = RUNS.iter().find(|run| run.scenario == name).unwrap();
        check(run, change, claim);
    }
}

#[test]
fn the_end_of_a_ready_wait_depends_on_the_assumption() {
    let name = "ready-wait-runs-out";
    let run = RUNS.iter().find(|run| run.scenario == name).unwrap();
    let mut record = run.record();
    record
        .assumptions
        .push("ready-timeout-rolls-back".to_owned());
    assert_eq!(broken(&scenario(name), record.clone()).len(), 3);
    let rollback = ("rollback to 1.0.0 Succeeded", "");
    record.deployments.push(deployment((2, &rollback)));
    record.messages.push(message(&("rolled-back 1.1.0", "")));
    end(&mut record).task_sets = 1;
    assert_eq!(broken(&scenario(name), record.clone()), [""; 0]);
    record.assumptions.clear();
    assert_eq!(broken(&scenario(name), record).len(), 3);
}

fn say_nothing(message: &mut Message) {
    let mut body: Value = serde_json::from_str(&message.body).unwrap();
    body["reason"] = json!("");
    message.body = body.to_string();
}

fn forget_time(moment: &mut Moment) {
    moment.seconds = f64::NAN;
}

fn succeed(deployment: &mut Deployment) {
    for event in &mut deployment.lifecycle_events {
        event.status = "Succeeded".to_owned();
    }
}
