//! Starts the deployment that is due, or reports why not. A library beside the function: the command's `plan` is its dry run.

mod act;
mod act_on_ecs;
mod handler;
mod migrate;
mod publish;
mod register;
mod report;
mod together;

pub use handler::{Handler, ours};
