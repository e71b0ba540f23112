//! ECS's own deployments: rolling, blue/green, linear and canary, with lifecycle hooks, circuit breaker and alarms.
//!
//! Plain data: `configuration`, `lifecycle_hook`, `stage`, `status`, `share`, `controller`, `revision`, `deployment`. Pure
//! steps on it: `listener_rules`, `hook_payload`, `hook_answer`, `failures`, `rolling`. `engine` runs a deployment by its
//! strategy (`native`, `rolling_update`) and rolls it back (`rollback`); they change ECS and the load balancer through
//! `task_sets` and `traffic`, and call hooks through `hooks`. `start` creates a deployment, `requests` are what people ask of
//! one, `describe` renders AWS's shapes.

mod announce;
pub mod configuration;
pub mod controller;
pub mod deployment;
pub mod describe;
mod engine;
pub mod failures;
pub mod hook_answer;
pub mod hook_payload;
mod hooks;
pub mod lifecycle_hook;
pub mod listener_rules;
mod members;
mod native;
mod observed;
mod record;
pub mod requests;
pub mod revision;
mod rollback;
pub mod rolling;
mod rolling_update;
mod service_deployments;
pub mod share;
pub mod stage;
pub mod start;
pub mod status;
mod task_sets;
mod traffic;
mod watch;

#[cfg(test)]
mod tests;

pub use self::service_deployments::{ServiceDeployments, Uses};
