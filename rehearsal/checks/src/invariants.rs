//! The eight invariants: what must hold of a world when everything in it has come to its end, whatever went wrong on the
//! way.
//!
//! They are judged on what the world became, on what production's clients saw and on what people were told; not on the
//! calls that led there. Each is a pure function of a record. Nothing here is shared with what it judges: which image is
//! due, what an order is and what is older is said a second time, from what users are promised.

mod facts;
mod gates;
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

use record::{Invariant, Record, Violation};

use self::facts::Facts;

/// Everything that did not hold, by invariant.
pub fn judge(record: &Record) -> Vec<Violation> {
    let facts = Facts::of(record);
    let of = |invariant: Invariant| {
        let found = found(invariant, &facts).into_iter();
        found.map(move |found| Violation { invariant, found })
    };
    Invariant::ALL.into_iter().flat_map(of).collect()
}

fn found(invariant: Invariant, facts: &Facts<'_>) -> Vec<String> {
    match invariant {
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
