//! What must hold of a run: the claims that scenarios make, and the invariants, both as functions of its record.
//!
//! Nothing here is shared with what it judges, and nothing here asks a world: a record that was saved is judged as one that
//! was just gathered.

pub mod claims;
pub mod dead_letters;
mod expectation;
mod glob;
pub mod history;
mod invariants;
pub mod needed;

pub use expectation::{Expectation, Provided, judge_claims};
pub use glob::Glob;
pub use invariants::judge;

/// The version that serves when a scenario begins.
pub const BLUE: &str = "1.0.0";
/// The version that is pushed.
pub const GREEN: &str = "1.1.0";

/// Names as a sentence lists them.
pub fn quoted(names: &[&str]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}
