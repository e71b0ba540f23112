//! Pipelines of one service are decided together: what is due goes into one revision and one deployment.
//!
//! Each is decided by itself; here is only what the decision about one changes for the others.

use std::cmp::Reverse;

use super::{AskedBy, Candidate, Decision, Need, Observed, Skip, decide};
use crate::config::Pipeline;

/// One pipeline of a service.
#[derive(Debug, Clone, Copy)]
pub struct Member<'a> {
    /// The pipeline.
    pub pipeline: &'a Pipeline,
    /// What is observed for it.
    pub observed: &'a Observed,
}

/// Decides for all pipelines of one service. Of a service's only pipeline that is [`decide`]'s decision.
///
/// # Errors
/// What else has to be observed, and for which of them.
pub fn decide_together(members: &[Member<'_>]) -> Result<Vec<Decision>, (usize, Need)> {
    let decided = members.iter().enumerate().map(|(index, member)| {
        decide(member.pipeline, member.observed).map_err(|need| (index, need))
    });
    let mut decisions: Vec<Decision> = decided.collect::<Result<_, _>>()?;
    bring_back(members, &mut decisions)?;
    spare(members, &mut decisions);
    Ok(decisions)
}

/// A deployment that was stopped for one pipeline's image did not fail for the others: theirs start again together with it.
fn bring_back(members: &[Member<'_>], decisions: &mut [Decision]) -> Result<(), (usize, Need)> {
    let due: Vec<&Candidate> = members
        .iter()
        .zip(&*decisions)
        .filter(|(_, decision)| matches!(decision, Decision::Start(_)))
        .filter_map(|(member, _)| member.observed.candidate.as_ref())
        .collect();
    for (index, member) in members.iter().enumerate() {
        if due.is_empty() || !matches!(decisions[index], Decision::Skip(Skip::FailedBefore(_))) {
            continue;
        }
        let mut observed = member.observed.clone();
        if let Some(attempts) = &mut observed.attempts {
            attempts.retain(|attempt| {
                let mut due = due.iter();
                !due.any(|due| attempt.made_room_for(member.pipeline, due))
            });
        }
        decisions[index] = decide(member.pipeline, &observed).map_err(|need| (index, need))?;
    }
    Ok(())
}

/// Whatever one pipeline does to the active deployment, the others' images bear. So it waits where an image of theirs would be
/// lost by it, or what a person does with production.
fn spare(members: &[Member<'_>], decisions: &mut [Decision]) {
    let spared: Vec<Option<Decision>> = (0..members.len())
        .map(|index| {
            let mut others = (0..members.len()).filter(|other| *other != index);
            match &decisions[index] {
                Decision::EndWait(id) if others.any(|other| is_by_hand(&members[other])) => {
                    Some(Decision::Skip(Skip::Waiting(id.clone())))
                }
                Decision::Stop(id)
                    if others.any(|other| {
                        loses(&members[other], &decisions[other], &members[index])
                    }) =>
                {
                    Some(Decision::Skip(Skip::Waiting(id.clone())))
                }
                Decision::Start(_)
                | Decision::EndWait(_)
                | Decision::Stop(_)
                | Decision::Skip(_) => None,
            }
        })
        .collect();
    for (decision, spared) in decisions.iter_mut().zip(spared) {
        if let Some(spared) = spared {
            *decision = spared;
        }
    }
}

fn is_by_hand(member: &Member<'_>) -> bool {
    member.observed.is_being_rolled_back_by_hand()
}

/// Whether another pipeline would lose the image that the active deployment ships for it if that were stopped for the image of
/// `stopping`. It comes back where it is still due, and where the stop can be told from a person's afterwards: by the time of the
/// push that it was made for, which a request and a tag on an older image do not have.
fn loses(other: &Member<'_>, decision: &Decision, stopping: &Member<'_>) -> bool {
    let Some(active) = &other.observed.service.active else {
        return false;
    };
    if is_by_hand(other) {
        return true;
    }
    if active.ships.is_empty() {
        return false;
    }
    let candidate = stopping.observed.candidate.as_ref();
    let is_told_apart = stopping.observed.asked_by == AskedBy::Event
        && candidate.is_some_and(|candidate| candidate.detail.pushed_at >= active.created_at);
    let comes_back = match decision {
        Decision::Stop(_) | Decision::Skip(Skip::AlreadyInProgress(_)) => is_told_apart,
        Decision::Start(_) | Decision::EndWait(_) | Decision::Skip(_) => false,
    };
    !comes_back
}

/// Which of those that are due go into one deployment, by their places; the others wait for its end. A rollback goes alone:
/// it migrates nothing. Of more than `at_most` those go first that a person asks for, and then in the order of the file.
pub fn starting(members: &[Member<'_>], decisions: &[Decision], at_most: usize) -> Vec<usize> {
    let asked_by = |index: &usize| members[*index].observed.asked_by;
    let mut due: Vec<usize> = (0..members.len())
        .filter(|index| matches!(decisions[*index], Decision::Start(_)))
        .collect();
    if due.iter().any(|index| asked_by(index) == AskedBy::Rollback) {
        due.retain(|index| asked_by(index) == AskedBy::Rollback);
    }
    due.sort_by_key(|index| Reverse(asked_by(index) != AskedBy::Event));
    due.truncate(at_most);
    due.sort_unstable();
    due
}

#[cfg(test)]
mod tests;
