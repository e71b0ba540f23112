//! What becomes of a service deployment of ECS's own: which outcomes are published, or why none is.
//!
//! Events only say where to look, and no event is certain: every outcome is decided from what ECS describes, and what was told is
//! written on the revision that was deployed.

mod cause;
mod decide;
mod due;
mod gated;
mod migration;
mod observed;
mod overdue;
mod replaced;
mod schedules;
mod steps;
mod target;
mod told;

pub use decide::decide;
pub use due::{End, What, due, lacks_the_newest};
pub use gated::{Telling, add_ways_back, telling};
pub use observed::{Need, Observed, Production, RuleTargets, Target, Why};
pub use overdue::{is_overdue, may_be_overdue};
pub use replaced::add_replacements;
pub use schedules::{
    LOOK_EVERY_MINUTES, claim, claim_to_judge, claimed_until, gate, is_claimed, look, look_judged,
    look_until, looked_at, may_be_untold,
};
pub use target::{concerned, image};
pub use told::Told;

#[cfg(test)]
mod tests;
