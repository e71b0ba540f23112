//! Greenlight's only door to AWS: our types in, our types out.
//!
//! One module a service, one function an API operation, named after it; beside them [`observe`] and [`follow`], which call several for one
//! pipeline. Nothing here decides anything; what an answer means is `shared/rules`' business. A call that fails has one sentence to read and one [`Kind`] to branch on.
//!
//! What the SDK does (signing, retries, timeouts, pages) stays with the SDK. What it would lose (the fields of a task
//! definition that it does not know) goes around its types, as raw JSON.
#![warn(missing_docs)]

mod call;
#[cfg(feature = "command")]
pub mod cloudformation;
#[cfg(feature = "command")]
pub mod cloudwatch;
pub mod codedeploy;
mod denied;
pub mod ecr;
pub mod ecs;
pub mod elb;
pub mod events;
pub mod follow;
pub mod iam;
mod kind;
#[cfg(feature = "command")]
pub mod lambda;
#[cfg(feature = "command")]
mod login;
pub mod logs;
pub mod observe;
mod query;
mod raw;
pub mod scheduler;
pub mod secrets_manager;
mod session;
pub mod sns;
pub mod ssm;
#[cfg(feature = "command")]
pub mod sts;
mod text;
mod wire;
#[cfg(feature = "command")]
mod xml;

pub use call::CallFailed;
pub use kind::Kind;
#[cfg(feature = "command")]
pub use login::{Login, NoLogin};
pub use session::{Endpoint, Patience, Session};
