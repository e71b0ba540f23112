//! How far a rolling update is whose pipeline has a production gate. ECS's success is not its end: the gate judges it afterwards, and
//! where production did not answer, the service goes back by a deployment of its own.

use super::judgement::GateState;
use super::mark::{Ended, MigrationMark};
use crate::ecs::Status;
use crate::names::{DeploymentId, RevisionArn};
use crate::progress::{Progress, State};

/// The deployment of the service that came after the judged one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Next {
    /// Its id.
    pub id: DeploymentId,
    /// What it deploys; none where ECS does not know it any more.
    pub revision: Option<RevisionArn>,
    /// How far it is.
    pub status: Status,
}

/// What follows for an update that ECS reports as successful.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Awaited {
    /// The gate judges it, or the service goes back.
    Yes,
    /// Nothing: people were told already how it ended.
    No,
}

/// The progress of an update of `revision` that ECS reports as successful, as its gate stands.
#[must_use]
pub fn judged(
    of_ecs: Progress,
    gate: &GateState,
    revision: &RevisionArn,
    next: Option<&Next>,
    awaited: Awaited,
) -> Progress {
    let (state, reasons) = match (gate, next) {
        (GateState::Free | GateState::Passed, _) => (State::Succeeded, Vec::new()),
        (GateState::FailedBefore { reason }, _) => {
            let before = format!(
                "the production traffic gate failed in an earlier deployment of this revision: {reason}"
            );
            (State::Succeeded, vec![before])
        }
        (GateState::Open, Some(next)) => (State::Superseded, vec![replaced_by(next)]),
        (GateState::Open, None) => match awaited {
            Awaited::Yes => (State::UnderWay, Vec::new()),
            Awaited::No => {
                let unasked = "the production traffic check did not run within an hour";
                (State::Failed, vec![unasked.to_owned()])
            }
        },
        (GateState::Failed { back, reason }, next) => {
            let back = back.map(|number| revision.sibling(number));
            let (state, then) = gone_back(back.as_ref(), next, awaited);
            let failed = format!("the production traffic gate failed: {reason}");
            (state, [Some(failed), then].into_iter().flatten().collect())
        }
    };
    Progress {
        state,
        ended_at: of_ecs.ended_at.filter(|_| state.has_ended()),
        reasons,
        ..of_ecs
    }
}

/// How far the way back is, and what is to be said of it.
fn gone_back(
    back: Option<&RevisionArn>,
    next: Option<&Next>,
    awaited: Awaited,
) -> (State, Option<String>) {
    match (back, next, awaited) {
        (Some(_), None, Awaited::Yes) => (State::RollingBack, None),
        (Some(back), None, Awaited::No) => {
            let stays = format!(
                "going back to {} did not succeed: production stays on it",
                back.short()
            );
            (State::Failed, Some(stays))
        }
        (Some(back), Some(next), _) if next.revision.as_ref() == Some(back) => match &next.status {
            Status::Successful => (State::RolledBack, None),
            status @ (Status::Stopped | Status::RollbackSuccessful | Status::RollbackFailed) => {
                let failed = format!(
                    "deployment `{}`, which went back, ended as {}",
                    next.id,
                    status.as_str()
                );
                (State::Failed, Some(failed))
            }
            Status::Pending
            | Status::InProgress
            | Status::StopRequested
            | Status::RollbackRequested
            | Status::RollbackInProgress
            | Status::Unknown(_) => (State::RollingBack, None),
        },
        (Some(_) | None, Some(next), _) => (State::Failed, Some(replaced_by(next))),
        (None, None, _) => {
            let stays = "there is nothing to go back to: production stays on it";
            (State::Failed, Some(stays.to_owned()))
        }
    }
}

fn replaced_by(next: &Next) -> String {
    format!("deployment `{}` took its place", next.id)
}

/// How far an update is of which ECS lists no deployment, where production has its image already: with `force` the image that runs is
/// deployed again, and its migration comes before ECS hears of it. `revision` is what is deployed, none where that is not known; `runs`
/// is what serves.
pub fn unlisted(
    revision: Option<&RevisionArn>,
    runs: &RevisionArn,
    migration: Option<&MigrationMark>,
) -> (State, Vec<String>) {
    if revision.is_none_or(|revision| revision == runs) {
        return (State::Succeeded, Vec::new());
    }
    let failed = |why: String| (State::Failed, vec![why]);
    match migration.map(|mark| mark.ended) {
        Some(Ended::Failed(Some(code))) => {
            failed(format!("its migration failed with exit code {code}"))
        }
        Some(Ended::Failed(None)) => failed("its migration failed".to_owned()),
        Some(Ended::Unknown) => failed("how its migration ended is not known".to_owned()),
        Some(Ended::Succeeded) | None => (State::UnderWay, Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use time::macros::utc_datetime;

    use super::*;

    const WENT_WRONG: &str = "the production traffic gate failed: /orders wanted 200";

    fn arn(number: u32) -> RevisionArn {
        let arn = format!("arn:aws:ecs:eu-central-1:111122223333:task-definition/web:{number}");
        arn.parse().unwrap()
    }

    fn next(revision: u32, status: &str) -> Option<Next> {
        Some(Next {
            id: "later".parse().unwrap(),
            revision: Some(arn(revision)),
            status: Status::of(status),
        })
    }

    fn failed(back: Option<u32>) -> GateState {
        GateState::Failed {
            back,
            reason: "/orders wanted 200".to_owned(),
        }
    }

    #[test]
    fn the_success_of_ecs_is_what_the_gate_makes_of_it() {
        use Awaited::{No, Yes};
        let before = GateState::FailedBefore {
            reason: "/orders wanted 200".to_owned(),
        };
        let took_its_place = "deployment `later` took its place";
        let table = [
            (GateState::Free, None, Yes, State::Succeeded, vec![]),
            (GateState::Passed, None, Yes, State::Succeeded, vec![]),
            (
                GateState::Passed,
                next(3, "IN_PROGRESS"),
                No,
                State::Succeeded,
                vec![],
            ),
            (
                before,
                None,
                No,
                State::Succeeded,
                vec![
                    "the production traffic gate failed in an earlier deployment of this revision: /orders wanted 200",
                ],
            ),
            (GateState::Open, None, Yes, State::UnderWay, vec![]),
            (
                GateState::Open,
                None,
                No,
                State::Failed,
                vec!["the production traffic check did not run within an hour"],
            ),
            (
                GateState::Open,
                next(3, "IN_PROGRESS"),
                Yes,
                State::Superseded,
                vec![took_its_place],
            ),
            (
                failed(Some(1)),
                None,
                Yes,
                State::RollingBack,
                vec![WENT_WRONG],
            ),
            (
                failed(Some(1)),
                None,
                No,
                State::Failed,
                vec![
                    WENT_WRONG,
                    "going back to web:1 did not succeed: production stays on it",
                ],
            ),
            (
                failed(Some(1)),
                next(1, "IN_PROGRESS"),
                Yes,
                State::RollingBack,
                vec![WENT_WRONG],
            ),
            (
                failed(Some(1)),
                next(1, "SUCCESSFUL"),
                No,
                State::RolledBack,
                vec![WENT_WRONG],
            ),
            (
                failed(Some(1)),
                next(1, "ROLLBACK_SUCCESSFUL"),
                No,
                State::Failed,
                vec![
                    WENT_WRONG,
                    "deployment `later`, which went back, ended as ROLLBACK_SUCCESSFUL",
                ],
            ),
            (
                failed(Some(1)),
                next(3, "SUCCESSFUL"),
                Yes,
                State::Failed,
                vec![WENT_WRONG, took_its_place],
            ),
            (
                failed(None),
                None,
                Yes,
                State::Failed,
                vec![
                    WENT_WRONG,
                    "there is nothing to go back to: production stays on it",
                ],
            ),
        ];
        for (gate, next, awaited, state, reasons) in table {
            let of_ecs = Progress {
                id: "EZe5RNVLH6PPzHXINuP28".parse().unwrap(),
                state: State::Succeeded,
                status: "SUCCESSFUL".to_owned(),
                created_at: utc_datetime!(2026-11-28 0:00),
                ended_at: Some(utc_datetime!(2026-11-28 0:05)),
                steps: Vec::new(),
                blue: None,
                green: None,
                reasons: Vec::new(),
            };
            let found = judged(of_ecs, &gate, &arn(2), next.as_ref(), awaited);
            assert_eq!(
                (found.state, &*found.reasons),
                (
                    state,
                    &*reasons
                        .iter()
                        .map(|one| (*one).to_owned())
                        .collect::<Vec<_>>()
                ),
                "{gate:?}"
            );
            assert_eq!(
                found.state.has_ended(),
                found.ended_at.is_some(),
                "{gate:?}"
            );
        }
    }

    #[test]
    fn an_image_that_runs_already_has_shipped_only_by_the_revision_that_is_deployed() {
        let mark = |ended| MigrationMark {
            ended,
            task: Some("0f".to_owned()),
            at: utc_datetime!(2026-11-28 0:00),
            before: None,
        };
        for (revision, mark, expected, reason) in [
            (None, None, State::Succeeded, ""),
            (Some(2), None, State::Succeeded, ""),
            (
                Some(2),
                Some(mark(Ended::Failed(Some(1)))),
                State::Succeeded,
                "",
            ),
            (Some(3), None, State::UnderWay, ""),
            (Some(3), Some(mark(Ended::Succeeded)), State::UnderWay, ""),
            (
                Some(3),
                Some(mark(Ended::Failed(Some(1)))),
                State::Failed,
                "its migration failed with exit code 1",
            ),
            (
                Some(3),
                Some(mark(Ended::Failed(None))),
                State::Failed,
                "its migration failed",
            ),
            (
                Some(3),
                Some(mark(Ended::Unknown)),
                State::Failed,
                "how its migration ended is not known",
            ),
        ] {
            let revision = revision.map(arn);
            let (state, reasons) = unlisted(revision.as_ref(), &arn(2), mark.as_ref());
            assert_eq!(
                (state, &*reasons.concat()),
                (expected, reason),
                "{revision:?} {mark:?}"
            );
        }
    }
}
