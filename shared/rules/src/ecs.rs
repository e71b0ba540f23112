//! What only ECS's own deployments have: service deployments, service revisions, lifecycle stages, hooks of a service. They
//! are the same for the native strategies and for rolling updates.
//!
//! First plain data, as ECS describes it; above it what that means for a decision of [`crate::start`], and what is told of it
//! ([`report`]).

mod configuration;
mod deployment;
mod fit;
mod history;
mod hook;
mod look;
mod production;
mod progress;
pub mod report;
mod revision;
pub mod role;
mod stage;
mod traffic;
pub(crate) mod words;

pub use configuration::{Alarms, CircuitBreaker, Configuration, Step, Strategy};
pub use deployment::{
    BreakerState, DeployedRevision, Listed, Rollback, ServiceDeployment, Status, TriggeredAlarms,
};
pub use fit::{GateFunctions, Mismatch, fits_native, fits_rolling, must_be_of};
pub use history::{Shipping, accepted, active, attempt, has_shipped};
pub use hook::{Hook, HookTarget};
pub use look::{Look, is_under_way};
pub use production::{Serving, running_image, serving};
pub use progress::{Newest, progress};
pub use revision::{ResolvedTargetGroup, RevisionImage, ServiceRevision};
pub use stage::Stage;
pub use traffic::{Advanced, LoadBalancer, TrafficRule, Unclear, asked};
