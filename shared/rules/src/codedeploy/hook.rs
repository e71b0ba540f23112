//! The deployment that a hook is called for, and the hook's answer, which CodeDeploy takes by
//! PutLifecycleEventHookExecutionStatus.

use super::Deployment;
use crate::config::Pipeline;
use crate::outcome::Subject;

/// What is known of a deployment that waits for a hook.
#[derive(Debug, Clone)]
pub struct Known {
    /// Its pipeline.
    pub pipeline: Pipeline,
    /// Its record in CodeDeploy.
    pub deployment: Deployment,
}

impl Known {
    /// The deployment as an outcome names it.
    pub fn subject(&self) -> Subject {
        self.deployment.subject(&self.pipeline)
    }
}

/// What a hook answers; CodeDeploy takes nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HookAnswer {
    /// Go on.
    Succeeded,
    /// Fail the deployment, and roll back where the deployment or its group is configured to.
    Failed,
}

/// What became of a hook's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HookReceipt {
    /// CodeDeploy took it.
    Accepted,
    /// The lifecycle event was over: answered before, timed out, or stopped with its deployment.
    AlreadyCompleted,
}
