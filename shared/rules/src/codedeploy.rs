//! What only CodeDeploy has: deployment groups, AppSpecs, descriptions, lifecycle events, the answer of a hook.
//!
//! The rest of this crate knows a deployment by an id, an order and how far it is; here is what each of them is for
//! CodeDeploy.

pub mod app_spec;
mod deployment;
mod description;
mod fit;
mod history;
mod hook;
pub mod lifecycle;
mod progress;
pub mod report;
mod target;
pub(crate) mod words;

pub use deployment::{Creator, Deployment, DeploymentGroup, DeploymentStatus};
pub use description::{IMAGES_AT_MOST, Ordered, description, shipped};
pub(crate) use description::{settings_alone, shipped_image};
pub use fit::{Mismatch, fits};
pub(crate) use history::STOPPED_BY_A_CALL;
pub use history::{active, attempt, deployed};
pub use hook::{HookAnswer, HookReceipt, Known};
pub use progress::{Label, TargetTaskSet, progress};
pub use target::{DeploymentTarget, LifecycleEvent, LifecycleEventStatus};

#[cfg(test)]
pub(crate) mod tests;
