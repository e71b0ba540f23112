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
    let status = match state {
        // ECS's own word alone would say that it is done.
        State::UnderWay => format!("{}, its production gate asks", of_ecs.status),
        State::Shifted
        | State::RollingBack
        | State::Succeeded
        | State::RolledBack
        | State::Superseded
        | State::Failed => of_ecs.status,
    };
    Progress {
        state,
        status,
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
        Some(Ended::Superseded) => {
            let why = "another deployment took its place while its migration ran";
            (State::Superseded, vec![why.to_owned()])
        }
        Some(Ended::Succeeded) | None => (State::UnderWay, Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use time::macros::utc_datetime;

    use super::*;

    fn arn(number: u32) -> RevisionArn {
        let arn = format!("arn:aws:ecs:eu-central-1:111122223333:task-definition/web:{number}");
        arn.parse().unwrap()
    }

    /// The gate, the next deployment as what it deploys and its status, and whether anything is awaited.
    const TABLE: [(&str, State, &str); 14] = [
        ("free - waits", State::Succeeded, ""),
        ("passed - waits", State::Succeeded, ""),
        ("passed 3:IN_PROGRESS told", State::Succeeded, ""),
        (
            "before - told",
            State::Succeeded,
            "the production traffic gate failed in an earlier deployment of this revision: it answered 500",
        ),
        ("open - waits", State::UnderWay, ""),
        (
            "open - told",
            State::Failed,
            "the production traffic check did not run within an hour",
        ),
        (
            "open 3:IN_PROGRESS waits",
            State::Superseded,
            "deployment `later` took its place",
        ),
        ("failed:1 - waits", State::RollingBack, "FAILED"),
        (
            "failed:1 - told",
            State::Failed,
            "FAILED; going back to web:1 did not succeed: production stays on it",
        ),
        ("failed:1 1:IN_PROGRESS waits", State::RollingBack, "FAILED"),
        ("failed:1 1:SUCCESSFUL told", State::RolledBack, "FAILED"),
        (
            "failed:1 1:ROLLBACK_SUCCESSFUL told",
            State::Failed,
            "FAILED; deployment `later`, which went back, ended as ROLLBACK_SUCCESSFUL",
        ),
        (
            "failed:1 3:SUCCESSFUL waits",
            State::Failed,
            "FAILED; deployment `later` took its place",
        ),
        (
            "failed:none - waits",
            State::Failed,
            "FAILED; there is nothing to go back to: production stays on it",
        ),
    ];

    fn gate(word: &str) -> GateState {
        let reason = "it answered 500".to_owned();
        match word {
            "free" => GateState::Free,
            "passed" => GateState::Passed,
            "before" => GateState::FailedBefore { reason },
            "open" => GateState::Open,
            failed => GateState::Failed {
                back: failed.rsplit(':').next().unwrap().parse().ok(),
                reason,
            },
        }
    }

    fn next(word: &str) -> Option<Next> {
        let (revision, status) = word.split_once(':')?;
        Some(Next {
            id: "later".parse().unwrap(),
            revision: Some(arn(revision.parse().unwrap())),
            status: Status::of(status),
        })
    }

    #[test]
    fn the_success_of_ecs_is_what_the_gate_makes_of_it() {
        for (row, state, reasons) in TABLE {
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
            let words: Vec<&str> = row.split(' ').collect();
            let awaited = match words[2] {
                "waits" => Awaited::Yes,
                _ => Awaited::No,
            };
            let next = next(words[1]);
            let found = judged(of_ecs, &gate(words[0]), &arn(2), next.as_ref(), awaited);
            let failed = "the production traffic gate failed: it answered 500";
            let reasons = reasons.replace("FAILED", failed);
            assert_eq!(
                (found.state, found.reasons.join("; ")),
                (state, reasons),
                "{row}"
            );
            assert_eq!(found.state.has_ended(), found.ended_at.is_some(), "{row}");
            let asks = found.status == "SUCCESSFUL, its production gate asks";
            assert_eq!(asks, state == State::UnderWay, "{row}");
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
                Some(mark(Ended::Superseded)),
                State::Superseded,
                "another deployment took its place while its migration ran",
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
