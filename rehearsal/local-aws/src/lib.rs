//! AWS, simulated on this machine: the services that Greenlight uses, over HTTP, with their protocols, shapes and
//! errors, and the shipped function binaries, invoked as Lambda invokes them.
//!
//! It is written from AWS's documentation and shares no code with the functions that it runs. It is not a mock for unit
//! tests.

pub mod acm;
pub mod api;
pub mod assumption;
pub mod aws;
pub mod clock;
pub mod cloudformation;
pub mod cloudwatch;
pub mod codedeploy;
pub mod context;
pub mod ecr;
pub mod ecs;
pub mod elb;
pub mod events;
pub mod fault;
pub mod iam;
pub mod identity;
pub mod lambda;
pub mod logs;
pub mod named;
pub mod observable;
pub mod pause;
pub mod process;
pub mod program;
pub mod scheduler;
pub mod secrets_manager;
pub mod service_deployment;
pub mod sns;
pub mod ssm;
pub mod stacks;
mod stamp;
pub mod template;
pub mod timeline;
mod wildcard;
pub mod world;
