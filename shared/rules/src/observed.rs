//! The state of AWS, in our words: plain data that decisions are taken from. Nothing here decides anything.
//!
//! Not here: what only one engine has ([`crate::codedeploy`], [`crate::ecs`]).

mod image;
mod load_balancer;
mod service;
mod task;

pub(crate) use image::is_container_image;
pub use image::{ImageDetail, ImageStatus};
pub use load_balancer::{
    GroupHealth, Listener, ListenerRule, RuleAction, RuleCondition, TargetHealth,
};
pub use service::{
    CapacityProvider, LoadBalancerTarget, NetworkConfiguration, Placement, PlacementConstraint,
    PlacementStrategy, Rollout, RunningRevision, Service, ServiceEvent, TaskCount, TaskSet,
    TaskSetStatus,
};
pub use task::{ContainerOverride, Task, TaskContainer, TaskDefinition};
