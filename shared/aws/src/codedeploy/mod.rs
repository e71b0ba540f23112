//! CodeDeploy: deployment groups, deployments, hooks.

mod deployment;
mod group;
mod hook;
#[cfg(feature = "command")]
mod settings;
mod translate;

use aws_sdk_codedeploy::Client;

use crate::Session;

pub use deployment::{CreateDeployment, Deployments, Target};
#[cfg(feature = "command")]
pub use settings::WholeGroup;

/// CodeDeploy's operations.
#[derive(Debug, Clone)]
pub struct CodeDeploy {
    client: Client,
}

impl CodeDeploy {
    /// A client of this session.
    pub fn new(session: &Session) -> Self {
        Self {
            client: Client::new(session.config()),
        }
    }
}
