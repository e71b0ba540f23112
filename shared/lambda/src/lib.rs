//! What every function does around its own work: start, fail with a name, publish outcomes, answer a hook.
//!
//! Not here: anything that a function decides, and any call that only one function makes.
#![warn(missing_docs)]

mod alone;
mod authorities;
mod deadline;
mod evidence;
mod failure;
mod hook;
mod log;
mod messenger;
mod misconfigured;
mod start;
mod subscriber;
mod throttled_batch;

pub use alone::{register_alone, runs_as};
pub use authorities::Authorities;
pub use deadline::Deadline;
pub use evidence::EvidenceReader;
pub use failure::Failure;
pub use hook::{Caller, EcsHook, Hook, Ran, checked, gate_outcome};
pub use lambda_runtime::Error;
pub use log::last_lines;
pub use messenger::Messenger;
pub use misconfigured::fail_misconfigured;
pub use start::{Misconfigured, Start, Started, read, serve, start};
pub use throttled_batch::ThrottledBatch;
