//! The answer of a hook, which CodeDeploy takes by PutLifecycleEventHookExecutionStatus.

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
