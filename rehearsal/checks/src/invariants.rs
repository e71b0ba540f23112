//! The eight invariants: what must hold when everything in a world has ended, whatever failed on the way.
//!
//! They judge the final state of the world, the traffic of production's clients and the messages to people, not the
//! calls that led there. Each is a pure function of a record. They share no code with what they judge: which image is
//! due, what counts as an order and which image is older are implemented a second time, from the documentation.

mod facts;
mod gate;
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

/// All violations, by invariant.
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
