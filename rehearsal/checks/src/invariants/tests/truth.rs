//! Invariant 7: people are told the truth.

use record::{Engine, Leak, Violation};

use super::of_ecs::{ARN, ID, gate, of_ecs, rolling};
use super::*;

#[test]
fn people_are_told_the_truth() {
    for (change, expected) in [
        (
            (|record| record.deployments[0].by = By::Rollback) as Change,
            &[7, 7, 7][..],
        ),
        (
            |record| record.messages.push(told("failed", "d-a", "a", 9)),
            &[7],
        ),
        (
            |record| {
                record
                    .messages
                    .push(told("migration-failed", "d-a", "a", 9))
            },
            &[7],
        ),
        (
            |record| record.messages.push(told("shipped", "d-a", "first", 9)),
            &[7],
        ),
        (
            |record| record.messages.push(told("waiting", "d-a", "first", 9)),
            &[],
        ),
        (|record| drop(record.messages.pop()), &[7]),
        (
            |record| {
                record.leaks.push(Leak {
                    place: "the log of `run-migration`".to_owned(),
                    secret: "SHOP_TOKEN".to_owned(),
                    after: "the token is ".to_owned(),
                })
            },
            &[7],
        ),
    ] {
        check(change, expected);
    }
}

/// The end of every deployment is reported, whoever created it and however it ended, unless the event of the end was
/// lost or is in a queue whose alarm notifies people.
#[test]
fn every_end_is_reported_unless_its_event_was_lost() {
    // The outcome in the message, and the real one: the digest in a rollback's message is the one rolled back from.
    let ends = [
        (By::Greenlight, "Succeeded", "shipped"),
        (By::Hand, "Succeeded", "shipped"),
        (By::Rollback, "Succeeded", "rolled-back"),
        (By::Hand, "Failed", "failed"),
        (By::Rollback, "Failed", "failed"),
        (By::Hand, "Stopped", "stopped"),
    ];
    for (by, status, outcome) in ends {
        let ended = |end: End, said: &[&str]| {
            let mut record = shipped("latest");
            for tag in ["latest", "release-1", "1.1.0"] {
                record.pushes.push(push("a", 19, tag));
            }
            record.deployments.push(Deployment {
                by,
                status: status.to_owned(),
                end,
                ..deployment("d-b", "a", 20)
            });
            let said = said.iter().map(|outcome| told(outcome, "d-b", "a", 27));
            record.messages.extend(said);
            judge(&record)
        };
        let what = format!("{by:?} {status}");
        assert_eq!(ended(End::Told, &[outcome]), [], "{what}");
        assert_eq!(ended(End::Lost, &[]), [], "{what}");
        assert_eq!(ended(End::Kept, &[]), [], "{what}");
        for silent in [&[][..], &["started"]] {
            let found = ended(End::Told, silent);
            let words = format!("no message reports that `d-b` ({by:?}) {status}");
            let is_missed = |found: &Violation| found.found.starts_with(&words);
            assert!(found.iter().any(is_missed), "{what}: {found:?}");
        }
    }
}

/// A deployment that is under way has no end to report, and a deployment outside all pipelines has no message.
#[test]
fn deployments_without_an_end_or_a_pipeline_need_no_message() {
    let goes_on: Change = |record| {
        record.messages.pop();
        record.deployments[0].status = "InProgress".to_owned();
        record.deployments[0].ended_at = None;
    };
    check(goes_on, &[]);
    let elsewhere: Change = |record| {
        record.deployments.push(Deployment {
            deployment_group: "another".to_owned(),
            ..deployment("d-elsewhere", "a", 20)
        });
    };
    check(elsewhere, &[]);
}

#[test]
fn what_somebody_else_deployed_before_greenlight_is_told_where_a_gate_was_called() {
    let is_missed = |change: fn(&mut Record)| {
        let mut record = rolling();
        record.deployments[0].by = By::Hand;
        record.messages.clear();
        record.hooks.clear();
        change(&mut record);
        let missed = format!("no message reports that `{ARN}`");
        let violations = judge(&record);
        let mut said = violations.iter().map(ToString::to_string);
        said.any(|said| said.contains(&missed))
    };
    assert!(!is_missed(|_| ()));
    assert!(is_missed(|record| {
        let called = gate("run-migration", "PRE_SCALE_UP", 3, &[(4, "SUCCEEDED")]);
        record.hooks.push(called);
    }));
    assert!(is_missed(|record| {
        let ours = of_ecs(Engine::Rolling, &ARN.replace(ID, "ours"), "first", 1);
        record.deployments.insert(0, ours);
    }));
    assert!(is_missed(|record| record.deployments[0].by = By::Greenlight));
}
