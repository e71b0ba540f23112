//! The adapters, tried over the wire: a server on loopback records what is asked and gives canned answers. What is
//! checked is what AWS would see and what our functions get.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod codedeploy;
mod codedeploy_acts;
#[cfg(feature = "command")]
mod doctor;
mod ecr;
mod ecs;
mod events;
mod failures;
mod iam;
mod listener_rules;
mod others;
mod secrets_manager;
mod server;
mod service_deployments;
mod ssm;
mod task_definition;
mod tasks;
