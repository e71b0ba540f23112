//! What only CodeDeploy has: deployment groups, AppSpecs, descriptions, lifecycle events, the answer of a hook.
//!
//! The rest of this crate knows a deployment by an id, an order and how far it is; here is what each of them is for
//! CodeDeploy.

pub mod app_spec;
mod deployment;
pub mod lifecycle;
mod target;

pub use deployment::{Creator, Deployment, DeploymentGroup, DeploymentStatus};
pub use target::{DeploymentTarget, LifecycleEvent, LifecycleEventStatus};
