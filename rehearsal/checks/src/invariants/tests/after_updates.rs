//! The production gate after a rolling update: what it found is told, and only green opens it.

use record::{Answerer, By, Deployment, End, Engine, Record};

use super::of_ecs::{ARN, ID, check, gate, of_ecs, rolling};
use super::{at, shipped, told};

/// A rolling update whose pipeline has a production gate, which it passed.
fn gated() -> Record {
    let mut record = rolling();
    let gate_of_test = shipped("latest").pipelines[0].test_traffic.clone();
    record.pipelines[0].production_traffic = Some(gate_of_test);
    record.production_answers = record.test_answers.clone();
    record.hooks = vec![gate(
        "check-production",
        "AFTER_ROLLING_UPDATE",
        4,
        &[(6, "SUCCEEDED")],
    )];
    record
}

/// Its gate did not let it pass, and the service went back.
fn gone_back() -> Record {
    let mut record = gated();
    record.hooks[0].answers[0].status = "FAILED".to_owned();
    let back = Deployment {
        by: By::Rollback,
        revision: "web:1".to_owned(),
        ..of_ecs(Engine::Rolling, &ARN.replace(ID, "back"), "0", 12)
    };
    record.deployments.push(back);
    record.messages = vec![
        told("started", ARN, "a", 2),
        told("production-traffic-failed", ARN, "a", 10),
        told("rolled-back", ARN, "a", 20),
    ];
    record
}

/// A person's deployment took its place while it was being judged, and served some of the requests.
fn replaced() -> Record {
    let mut record = gated();
    let next = Deployment {
        by: By::Hand,
        revision: "web:1".to_owned(),
        ..of_ecs(Engine::Rolling, &ARN.replace(ID, "next"), "0", 5)
    };
    let mut by_next = record.production_answers.clone();
    for answer in &mut by_next {
        if let Answerer::Task { deployment, .. } = &mut answer.by {
            *deployment = Some(next.id.clone());
        }
    }
    record.production_answers.extend(by_next);
    record.messages = vec![
        told("started", ARN, "a", 2),
        told("stopped", ARN, "a", 6),
        told("shipped", &next.id, "0", 20),
    ];
    record.deployments.push(next);
    record
}

/// A person deployed a revision of Greenlight's, and before it could be judged a newer one took its place.
fn by_hand() -> Record {
    let mut record = replaced();
    record.deployments[0].by = By::Hand;
    record.hooks.clear();
    record
}

#[test]
fn what_a_person_deploys_of_a_revision_that_has_not_shipped_is_judged() {
    check(
        by_hand,
        &[
            (|_| {}, &[]),
            // A revision that is none of Greenlight's has no gate, and nobody expects a word of its deployment.
            (|r| r.revisions[0].by_greenlight = false, &[7]),
            // One that has shipped is not judged again.
            (
                |r| {
                    let arn = ARN.replace(ID, "before");
                    let before = Deployment {
                        by: By::Hand,
                        end: End::Lost,
                        ..of_ecs(Engine::Rolling, &arn, "a", 0)
                    };
                    r.deployments.insert(0, before);
                },
                &[7],
            ),
        ],
    );
}

#[test]
fn a_rolling_update_with_a_production_gate_is_told_by_what_that_found() {
    check(
        gated,
        &[
            (|_| {}, &[]),
            // Nobody judged it, or it did not pass, and it is told as shipped.
            (|r| r.hooks.clear(), &[7, 7]),
            (
                |r| r.hooks[0].answers[0].status = "FAILED".to_owned(),
                &[7, 7],
            ),
            (
                |r| r.messages[1] = told("rolled-back", ARN, "a", 9),
                &[7, 7],
            ),
            // It passed, and green had not answered.
            (|r| r.production_answers.clear(), &[8]),
        ],
    );
    check(
        replaced,
        &[
            (|_| {}, &[]),
            (|r| r.messages[1] = told("shipped", ARN, "a", 9), &[]),
            (|r| r.messages[1] = told("failed", ARN, "a", 9), &[7, 7]),
            // The next one came only after it had passed.
            (|r| r.deployments[1].created_at = at(7), &[7, 7]),
            // Nothing but the next one had answered.
            (|r| drop(r.production_answers.drain(..2)), &[8]),
        ],
    );
    check(
        gone_back,
        &[
            (|_| {}, &[]),
            (|r| drop(r.messages.pop()), &[7]),
            (|r| r.messages[2] = told("shipped", ARN, "a", 20), &[7, 7]),
            // The way back has failed, and it is told as if the service had gone back.
            (
                |r| r.deployments[1].status = "ROLLBACK_FAILED".to_owned(),
                &[7, 7],
            ),
            (
                |r| {
                    r.deployments[1].status = "ROLLBACK_FAILED".to_owned();
                    r.messages[2] = told("failed", ARN, "a", 20);
                },
                &[],
            ),
            // There is none.
            (|r| drop(r.deployments.pop()), &[7, 7]),
            // It has succeeded, and it is told as if it had not.
            (|r| r.messages[2] = told("failed", ARN, "a", 20), &[7, 7]),
            // Of the way back nothing is told by itself.
            (|r| r.messages.push(told("shipped", "back", "0", 20)), &[7]),
            (|r| r.messages.push(told("started", "back", "0", 13)), &[7]),
        ],
    );
}
