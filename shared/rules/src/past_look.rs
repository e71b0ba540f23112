//! Pushes that need no look of their own, because a look that came after them has seen them.
//!
//! In a burst many events wait for their turn, and the first look after the last push answers them all: each may be taken
//! as delivered at the moment of that look, where it would have found the same and added nothing. What is remembered
//! here makes only such a look needless; whoever remembers nothing looks again.

use std::time::Duration;

use time::UtcDateTime;

use crate::look::{Cause, Look, Search};
use crate::names::Digest;
use crate::start::{self, AskedBy, Candidate, Decision, Observed};

/// How much older than a look a push must be to count as seen. A push's event states whole seconds; the rest is for clocks
/// of ECR that do not agree, and for a push that is not read everywhere at once. A look that a push causes itself has no
/// such margin.
pub const MARGIN: Duration = Duration::from_secs(5);

/// A look at one pipeline that was brought to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastLook {
    search: Search,
    looked_at: UtcDateTime,
    /// Orders up to this moment are decided as this one was; none: all are.
    ordered_until: Option<UtcDateTime>,
    /// It found this image waiting, and told nobody: who pushed it has still to be told.
    untold: Option<Digest>,
}

impl PastLook {
    /// What is worth remembering of a look, once what was decided is done; `looked_at` is when ECR was asked,
    /// by its own clock, where the tag points. None for what a person asked: that is an order for this one time.
    pub fn of(
        look: &Look<'_>,
        observed: &Observed,
        decision: &Decision,
        looked_at: UtcDateTime,
    ) -> Option<Self> {
        if look.asked_by != AskedBy::Event {
            return None;
        }
        let candidate = observed.candidate.as_ref();
        let ordered_until = candidate
            .filter(|candidate| {
                start::decide(look.pipeline, &ordered_anew(observed, candidate)) != *decision
            })
            .map(|candidate| candidate.ordered_at);
        // Whoever pushes the image would be told what this look told nobody.
        let pushed = candidate.map(|candidate| Look {
            cause: Cause::Push(candidate.image.digest.clone()),
            ..look.clone()
        });
        let untold = candidate
            .zip(pushed)
            .filter(|(_, pushed)| match decision {
                Decision::Skip(skip) => pushed.tells(observed, skip) && !look.tells(observed, skip),
                Decision::Start(_) | Decision::EndWait(_) | Decision::Stop(_) => false,
            })
            .map(|(candidate, _)| candidate.image.digest.clone());
        Some(Self {
            search: look.search.clone(),
            looked_at,
            ordered_until,
            untold,
        })
    }

    /// Whether it has answered what causes this look: a push that came before it, for the same tag, and about which it
    /// decided as it would have for that push.
    pub fn answers(&self, look: &Look<'_>) -> bool {
        let (Cause::Push(digest), Some(pushed_at)) = (&look.cause, look.event_at) else {
            return false;
        };
        self.search == look.search
            && self.looked_at - pushed_at > MARGIN
            && self.ordered_until.is_none_or(|until| pushed_at <= until)
            && self.untold.as_ref() != Some(digest)
    }
}

/// The same, had the candidate been ordered at the very moment of the look: nothing was tried since. Whatever is decided
/// both for an order and for the latest one is decided for all between, because attempts only become fewer.
fn ordered_anew(observed: &Observed, candidate: &Candidate) -> Observed {
    let candidate = Candidate {
        ordered_at: UtcDateTime::MAX,
        ..candidate.clone()
    };
    Observed {
        candidate: Some(candidate),
        attempts: Vec::new(),
        ..observed.clone()
    }
}

#[cfg(test)]
mod tests;
