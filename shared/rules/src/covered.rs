//! Pushes that need no reconciliation of their own, because a later one has covered them.
//!
//! In a burst many events wait for their turn, and the first reconciliation after the last push answers them all: each counts
//! as delivered at that moment, where it would have found the same and added nothing. The memory only saves reconciliations: a
//! process without it reconciles again.

use std::time::Duration;

use time::UtcDateTime;

use crate::names::Digest;
use crate::reconcile::{Cause, Reconciliation, Search};
use crate::start::{self, AskedBy, Candidate, Decision, Observed};

/// How much older than a reconciliation a push must be to count as covered. A push's event states whole seconds; the rest is for clocks
/// of ECR that do not agree, and for a push that is not read everywhere at once. A reconciliation that a push causes
/// itself has no such margin.
pub const MARGIN: Duration = Duration::from_secs(5);

/// The last reconciliation of one pipeline that was brought to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Covered {
    search: Search,
    reconciled_at: UtcDateTime,
    /// Orders up to this moment are decided as this one was; none: all are.
    ordered_until: Option<UtcDateTime>,
    /// It found this image waiting, and published nothing: that is still owed to the push of it.
    unpublished: Option<Digest>,
}

impl Covered {
    /// What is worth remembering of a reconciliation, once what was decided is done; `reconciled_at` is when ECR was asked,
    /// by its own clock, where the tag points. None for what a person asked: that is an order for this one time.
    pub fn of(
        reconciliation: &Reconciliation<'_>,
        observed: &Observed,
        decision: &Decision,
        reconciled_at: UtcDateTime,
    ) -> Option<Self> {
        if reconciliation.asked_by != AskedBy::Event {
            return None;
        }
        let candidate = observed.candidate.as_ref();
        let ordered_until = candidate
            .filter(|candidate| {
                // What would have to be observed for it was not: then it may well be decided otherwise.
                let anew =
                    start::decide(reconciliation.pipeline, &ordered_anew(observed, candidate));
                anew.as_ref() != Ok(decision)
            })
            .map(|candidate| candidate.ordered_at);
        // A push of the image would report what this reconciliation did not.
        let pushed = candidate.map(|candidate| Reconciliation {
            cause: Cause::Push(candidate.image.digest.clone()),
            ..reconciliation.clone()
        });
        let unpublished = candidate
            .zip(pushed)
            .filter(|(_, pushed)| match decision {
                Decision::Skip(skip) => {
                    pushed.publishes(observed, skip) && !reconciliation.publishes(observed, skip)
                }
                Decision::Start(_) | Decision::EndWait(_) | Decision::Stop(_) => false,
            })
            .map(|(candidate, _)| candidate.image.digest.clone());
        Some(Self {
            search: reconciliation.search.clone(),
            reconciled_at,
            ordered_until,
            unpublished,
        })
    }

    /// Whether it covers this one, which a push caused that came before it, for the same tag, and about which it
    /// decided as it would have for that push.
    pub fn covers(&self, reconciliation: &Reconciliation<'_>) -> bool {
        let (Cause::Push(digest), Some(pushed_at)) =
            (&reconciliation.cause, reconciliation.event_at)
        else {
            return false;
        };
        self.search == reconciliation.search
            && self.reconciled_at - pushed_at > MARGIN
            && self.ordered_until.is_none_or(|until| pushed_at <= until)
            && self.unpublished.as_ref() != Some(digest)
    }
}

/// The same, had the candidate been ordered at the very moment of the reconciliation: nothing was tried since. Whatever is decided
/// both for an order and for the latest one is decided for all between, because attempts only become fewer.
fn ordered_anew(observed: &Observed, candidate: &Candidate) -> Observed {
    let candidate = Candidate {
        ordered_at: UtcDateTime::MAX,
        ..candidate.clone()
    };
    Observed {
        candidate: Some(candidate),
        attempts: Some(Vec::new()),
        ..observed.clone()
    }
}

#[cfg(test)]
mod tests;
