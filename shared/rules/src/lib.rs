//! Greenlight's rules: what is decided, from plain data, without I/O.
//!
//! Not here: calls to AWS (`shared/aws`), the clock and the environment (each function's `main.rs`).
#![warn(missing_docs)]

pub mod codedeploy;
pub mod config;
pub mod counted;
pub mod covered;
mod culprit;
pub mod doctor;
pub mod ecs;
pub mod engine;
pub mod environment;
pub mod events;
mod fnv;
pub mod gate;
pub mod listener_rule;
pub mod message;
pub mod migration;
pub mod misconfigured;
pub mod moving;
pub mod names;
pub mod native;
pub mod observed;
pub mod outcome;
pub mod policy;
pub mod problem;
pub mod progress;
pub mod publish;
pub mod reasons;
pub mod reconcile;
pub mod redact;
pub mod revision;
pub mod rolling;
pub mod sanitize;
pub mod start;
pub mod status_matcher;
pub mod tag_rule;
pub mod task_log;
pub mod test_traffic;
mod trust;

#[cfg(test)]
mod hostile;
// What must hold for any input is written once, for the fuzz targets and for the tests of this crate.
#[cfg(test)]
extern crate self as rules;
