//! The eight invariants: what must hold of a world when everything in it has come to its end, whatever went wrong on the
//! way.
//!
//! They are judged on what the world became, on what production's clients saw and on what people were told; not on the
//! calls that led there. Each is a pure function of `Facts`. Nothing here is shared with what it judges: which image is
//! due, what an order is and what is older is said a second time, from what users are promised.

mod excused;
mod facts;
mod gates;
mod gather;
mod hooks;
mod migrations;
mod newest;
mod once;
mod order;
mod production;
mod rule;
mod truth;

#[cfg(test)]
mod tests;

use std::fmt;

use serde::Serialize;

pub(crate) use self::excused::excused;
pub(crate) use self::facts::Facts;
pub(crate) use self::gather::Known;

/// What must hold, always.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Invariant {
    NewestWins,
    NothingTwice,
    NeverBack,
    HooksAnswered,
    MigrationsJudged,
    ProductionAnswers,
    TruthTold,
    GatesOfGreen,
}

impl Invariant {
    pub(crate) const ALL: [Invariant; 8] = [
        Invariant::NewestWins,
        Invariant::NothingTwice,
        Invariant::NeverBack,
        Invariant::HooksAnswered,
        Invariant::MigrationsJudged,
        Invariant::ProductionAnswers,
        Invariant::TruthTold,
        Invariant::GatesOfGreen,
    ];

    /// Its number, as documents count them.
    pub(crate) fn number(self) -> u8 {
        match self {
            Invariant::NewestWins => 1,
            Invariant::NothingTwice => 2,
            Invariant::NeverBack => 3,
            Invariant::HooksAnswered => 4,
            Invariant::MigrationsJudged => 5,
            Invariant::ProductionAnswers => 6,
            Invariant::TruthTold => 7,
            Invariant::GatesOfGreen => 8,
        }
    }

    /// What must hold, in one sentence.
    pub(crate) fn claim(self) -> &'static str {
        match self {
            Invariant::NewestWins => {
                "the newest image that the tag rule allows runs, or a message says why it does not"
            }
            Invariant::NothingTwice => {
                "no push is deployed twice, and none costs more than one needless revision for each look at that moment"
            }
            Invariant::NeverBack => "no older image replaces a newer one, but by an order",
            Invariant::HooksAnswered => {
                "every hook that CodeDeploy calls is answered long before its hour is over"
            }
            Invariant::MigrationsJudged => {
                "every migration is judged by its exit code once, and none outlives its deployment"
            }
            Invariant::ProductionAnswers => "production answers every request",
            Invariant::TruthTold => {
                "people are told the truth: no success for a rollback, no silence for an end, no secret"
            }
            Invariant::GatesOfGreen => {
                "a gate's success was given by green: by its migration, or by its answers"
            }
        }
    }

    fn judge(self, facts: &Facts) -> Vec<String> {
        match self {
            Invariant::NewestWins => newest::judge(facts),
            Invariant::NothingTwice => once::judge(facts),
            Invariant::NeverBack => order::judge(facts),
            Invariant::HooksAnswered => hooks::judge(facts),
            Invariant::MigrationsJudged => migrations::judge(facts),
            Invariant::ProductionAnswers => production::judge(facts),
            Invariant::TruthTold => truth::judge(facts),
            Invariant::GatesOfGreen => gates::judge(facts),
        }
    }
}

impl Serialize for Invariant {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(self.number())
    }
}

/// Something that must hold and did not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Violation {
    /// In JSON its number.
    pub(crate) invariant: Invariant,
    /// What was found instead, with its evidence: ids, digests, moments.
    pub(crate) found: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (number, claim) = (self.invariant.number(), self.invariant.claim());
        write!(f, "{number}. {claim}: {}", self.found)
    }
}

/// Everything that did not hold, by invariant.
pub(crate) fn judge(facts: &Facts) -> Vec<Violation> {
    let of = |invariant: Invariant| {
        let found = invariant.judge(facts).into_iter();
        found.map(move |found| Violation { invariant, found })
    };
    Invariant::ALL.into_iter().flat_map(of).collect()
}
