//! Invariant 1: the newest image runs, or a message says why not.

use super::of_ecs::{and_then_b, native, rolling};
use super::*;

#[test]
fn the_newest_image_runs_or_a_message_says_why_not() {
    check(and_pushed, &[1]);
    check(and_failed, &[1, 7]);
    let explained: Change = |record| {
        and_failed(record);
        record.messages.push(told("failed", "d-b", "b", 18));
    };
    check(explained, &[]);
    let ordered_again: Change = |record| {
        and_failed(record);
        record.messages.push(told("failed", "d-b", "b", 18));
        for tag in ["latest", "release-2", "1.2.0"] {
            record.pushes.push(push("a", 20, tag));
            record.pushes.push(push("b", 21, tag));
        }
    };
    check(ordered_again, &[1]);
    fn waiting(record: &mut Record, why: &str) {
        and_failed(record);
        record.messages.push(told("failed", "d-b", "b", 18));
        for tag in ["latest", "release-2", "1.2.0"] {
            record.pushes.push(push("a", 20, tag));
            record.pushes.push(push("b", 21, tag));
        }
        let mut waits = told("waiting", "d-b", "b", 22);
        let next = format!("{{\"next\":\"{why}\",");
        waits.body = waits.body.replacen('{', &next, 1);
        record.messages.push(waits);
    }
    // Where it has to be asked for again, and was told so.
    check(
        |record| waiting(record, "no later reconciliation finds it"),
        &[],
    );
    check(|record| waiting(record, "nothing to do"), &[1]);
    // Of what was never tried the next reconciliation knows.
    let never_tried: Change = |record| {
        waiting(record, "no later reconciliation finds it");
        record.deployments.truncate(1);
        record
            .messages
            .retain(|told| told.outcome() == "waiting" || told.digest().as_deref() != Some("b"));
    };
    check(never_tried, &[1]);
    let lost: Change = |record| {
        and_failed(record);
        record.deployments[1].end = End::Lost;
    };
    check(lost, &[]);
    let untagged: Change = |record| {
        record.images.push(image("b", 10, ""));
        record.images.push(image("c", 10, "nightly 2.0.0"));
    };
    check(untagged, &[]);
}

#[test]
fn an_image_that_a_person_rolled_back_need_not_run() {
    let by_hand: Change = |record| {
        let by_hand = Deployment {
            by: By::Hand,
            ..deployment("d-hand", "first", 20)
        };
        and_told(record, by_hand);
        record.pipelines[0].runs = Some("first".to_owned());
    };
    check(by_hand, &[]);
    let by_nobody: Change = |record| record.pipelines[0].runs = Some("first".to_owned());
    check(by_nobody, &[1]);
    // What a person set aside stays so, whatever else is deployed then; unless the person deploys it again.
    let and_more: Change = |record| {
        let requested = Deployment {
            by: By::Hand,
            ..deployment("d-hand", "first", 20)
        };
        and_told(record, requested);
        record.pipelines[0].runs = Some("z".to_owned());
    };
    check_rule("semver:^1", and_more, &[]);
    let same: Change = |record| {
        let requested = Deployment {
            by: By::Hand,
            ..deployment("d-hand", "a", 20)
        };
        and_told(record, requested);
        record.pipelines[0].runs = Some("first".to_owned());
    };
    check(same, &[1]);
    // A tag that is moved to what runs already is an order, too, and nothing has to be deployed for it.
    let ordered_again = |record: &mut Record, at| {
        for tag in ["latest", "release-1", "1.1.0"] {
            let moved = Push {
                moved: true,
                heard: true,
                ..push("a", at, tag)
            };
            record.pushes.push(moved);
        }
    };
    check(
        |record| {
            by_hand(record);
            ordered_again(record, 19);
        },
        &[],
    );
    check(
        |record| {
            by_hand(record);
            ordered_again(record, 28);
        },
        &[1],
    );
}

/// A rolling update that nothing would roll back goes on for ever: that is told after an hour, and no other deployment's.
#[test]
fn what_is_overdue_is_told_while_it_is() {
    fn overdue(record: &mut Record, told_at: u64, ended_at: Option<u64>) {
        let status = if ended_at.is_some() {
            "STOPPED"
        } else {
            "IN_PROGRESS"
        };
        and_then_b(record, status, None);
        record.deployments[1].ended_at = ended_at.map(at);
        let arn = record.deployments[1].id.clone();
        if let Some(ended_at) = ended_at {
            record.messages.push(told("stopped", &arn, "b", ended_at));
        }
        record.messages.push(told("overdue", &arn, "b", told_at));
    }
    of_ecs::check(
        rolling,
        &[
            (|record| overdue(record, 71, None), &[]),
            (|record| overdue(record, 70, None), &[1, 7]),
            (|record| overdue(record, 75, Some(80)), &[]),
            // It had ended.
            (|record| overdue(record, 85, Some(80)), &[7]),
        ],
    );
    of_ecs::check(native, &[(|record| overdue(record, 71, None), &[1, 7])]);
}

/// ECS keeps the deployment from before the run, and nothing says as which version its image ran.
#[test]
fn what_ran_first_and_got_a_version_that_nothing_told_looks_rolled_back() {
    fn versioned(record: &mut Record, heard: bool) {
        record.pipelines[0].tag = "semver:^1".to_owned();
        record.images[0].tags.push("1.3.0".to_owned());
        record.pushes.push(Push {
            heard,
            ..push("first", 50, "1.3.0")
        });
    }
    let not_first: Change = |record| {
        versioned(record, false);
        record.pipelines[0].ran_first = None;
    };
    of_ecs::check(
        rolling,
        &[
            (|record| versioned(record, false), &[]),
            (|record| versioned(record, true), &[1]),
            (not_first, &[1]),
        ],
    );
    check_rule("semver:^1", |record| versioned(record, false), &[1]);
}
