//! What only ECS's own deployments have: service deployments, service revisions, lifecycle stages, hooks of a service. They
//! are the same for the native strategies and for rolling updates.
//!
//! Plain data here, but for what is told of an end ([`report`]); what it means for a decision is in [`crate::start`].

mod configuration;
mod deployment;
mod hook;
pub mod report;
mod revision;
mod stage;
mod traffic;
pub(crate) mod words;

pub use configuration::{Alarms, CircuitBreaker, Configuration, Step, Strategy};
pub use deployment::{
    BreakerState, DeployedRevision, Listed, Rollback, ServiceDeployment, Status, TriggeredAlarms,
};
pub use hook::{Hook, HookTarget};
pub use revision::{ResolvedTargetGroup, RevisionImage, ServiceRevision};
pub use stage::Stage;
pub use traffic::{Advanced, LoadBalancer, TrafficRule};
