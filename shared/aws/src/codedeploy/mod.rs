//! CodeDeploy: deployment groups, deployments, hooks.

mod deployment;
mod group;
mod hook;
mod translate;

use aws_sdk_codedeploy::Client;

use crate::Session;

pub use deployment::{CreateDeployment, Deployments, Target};

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
