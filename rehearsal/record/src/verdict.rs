//! How a run is judged: what must hold of every run, what was found instead, and what a scenario is excused from.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// What must hold, always.
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

/// Something that must hold and did not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// In JSON its number.
    pub invariant: Invariant,
    /// What was found instead, with its evidence: ids, digests, moments.
    pub found: String,
}

/// An invariant that need not hold in a scenario, because AWS itself is made to break it there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Excuse {
    /// In JSON its number.
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

    /// Its number, as documents count them.
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

    /// What must hold, in one sentence.
    pub fn claim(self) -> &'static str {
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
