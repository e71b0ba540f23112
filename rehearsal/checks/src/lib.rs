//! What must hold of a run: the claims that scenarios make, and the invariants, both as functions of its record.
//!
//! The checks share no code with what they judge, and need no running world: a saved record is judged like a fresh one.

pub mod claims;
pub mod dead_letters;
mod expectation;
mod glob;
pub mod history;
mod invariants;
pub mod needed;
mod regex;

pub use expectation::{Expectation, Provided, judge_claims};
pub use glob::Glob;
pub use invariants::judge;
pub use regex::Regex;

/// The version that serves when a scenario starts.
pub const BLUE: &str = "1.0.0";
/// The version that is pushed.
pub const GREEN: &str = "1.1.0";

/// Joins names as a sentence does.
pub fn quoted(names: &[&str]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}
