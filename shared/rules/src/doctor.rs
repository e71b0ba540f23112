//! What is wrong in an account, before a deployment finds out: the judging of `greenlight doctor`, from plain data.
//!
//! What the functions judge is asked of their own rules ([`crate::ecs`], [`crate::codedeploy`], [`crate::migration`], …). Here stands what
//! no function looks at, because AWS finds it out by itself, in the middle of a deployment or at its end.

mod finding;
mod group;
mod hooks;
mod image;
mod lifecycle;
mod like;
mod listeners;
mod pipeline;
mod revision;
mod roles;
mod secret;
mod stack;
mod traffic;

pub use finding::{Checks, Finding, Read, Severity};
pub use group::{Alarm, BlueEnds, GroupSettings, TargetGroup, alarms, group, target_groups};
pub use hooks::{Function, answers, foreign, function, hook_timeouts, hooks_of_service};
pub use image::{Platform, Repository, archived, mutability, platform};
pub use lifecycle::expiry;
pub use listeners::{listener_serves, rule_differs, rules_lead};
pub use pipeline::{
    ends_natively, fits_codedeploy, fits_native, fits_rolling, foreign_deployment,
    foreign_revisions, migration, plan,
};
pub use revision::{LogGroup, log_groups, role_names, wanted_platform};
pub use roles::{Needs, Simulated, role};
pub use secret::{Secret, missing_secret, secrets};
pub use stack::{StackFacts, cover, open_parameters, status};
pub use traffic::{Leads, gate_address, requests_reach};
