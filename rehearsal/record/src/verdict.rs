//! The verdict on a run: invariants, violations, and the invariants that a scenario excuses.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// What must hold of every run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Invariant {
    NewestWins,
    NothingTwice,
    NeverBack,
    HooksAnswered,
    MigrationsJudged,
    ProductionAnswers,
    TruthTold,
    GatesOfGreen,
}

/// A violated invariant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// In JSON, its number.
    pub invariant: Invariant,
    /// The finding with its evidence: ids, digests, moments.
    pub found: String,
}

/// An invariant that a scenario excuses, because the scenario makes AWS itself break it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Excuse {
    /// In JSON, its number.
    pub invariant: Invariant,
    pub reason: String,
}

/// An expectation that did not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    pub expected: String,
    pub found: String,
}

impl Invariant {
    pub const ALL: [Invariant; 8] = [
        Invariant::NewestWins,
        Invariant::NothingTwice,
        Invariant::NeverBack,
        Invariant::HooksAnswered,
        Invariant::MigrationsJudged,
        Invariant::ProductionAnswers,
        Invariant::TruthTold,
        Invariant::GatesOfGreen,
    ];

    /// Its number in the documentation.
    pub fn number(self) -> u8 {
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

    /// The invariant in one sentence.
    pub fn claim(self) -> &'static str {
        match self {
            Invariant::NewestWins => {
                "the newest image that the tag rule allows runs, or a message gives the reason why not"
            }
            Invariant::NothingTwice => {
                "no push is deployed twice, and none leaves more than one unused revision per concurrent reconciliation"
            }
            Invariant::NeverBack => {
                "no older image replaces a newer one unless a push or a person orders it"
            }
            Invariant::HooksAnswered => {
                "every hook that is called is answered long before its timeout"
            }
            Invariant::MigrationsJudged => {
                "every migration is judged by its exit code once, and none outlives its deployment"
            }
            Invariant::ProductionAnswers => "production answers every request",
            Invariant::TruthTold => {
                "messages are true: no success for a rollback, no unreported end, no secret"
            }
            Invariant::GatesOfGreen => {
                "a gate succeeds only because of green: its migration, or its responses"
            }
        }
    }
}

impl Serialize for Invariant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(self.number())
    }
}

impl<'de> Deserialize<'de> for Invariant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Invariant, D::Error> {
        let number = u64::deserialize(deserializer)?;
        let mut all = Invariant::ALL.into_iter();
        all.find(|invariant| u64::from(invariant.number()) == number)
            .ok_or_else(|| {
                let expected = "expected one of 1 to 8";
                de::Error::custom(format!("there is no invariant {number}, {expected}"))
            })
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (number, claim) = (self.invariant.number(), self.invariant.claim());
        write!(f, "{number}. {claim}: {}", self.found)
    }
}
