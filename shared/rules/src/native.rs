//! The gates of ECS's own deployments that have a green: blue/green, linear and canary. ECS calls a hook of the service, takes its
//! answer from what the function returns, and calls again where that is `IN_PROGRESS`.
//!
//! What a gate checks is the same as for CodeDeploy; here is what only ECS's contract needs.

mod answer;
mod call;
mod known;
mod mark;
pub mod migration;
mod traffic;

pub use answer::{Answer, Progress, Step};
pub use call::{Standing, goes_back, standing};
pub use known::Known;
pub(crate) use mark::allowed;
pub use mark::{GATE_TAG, GateMark};
pub use traffic::{Entry, entries, wanted, wanted_after};

#[cfg(test)]
pub(crate) mod tests;
