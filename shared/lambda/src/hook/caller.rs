//! The engine that calls a hook: each is read and answered in its own way.

use std::time::Duration;

use aws::codedeploy::CodeDeploy;
use aws::{CallFailed, Kind};
use rules::codedeploy::lifecycle::{self, Stage};
use rules::codedeploy::{Deployment, HookAnswer, HookReceipt};
use rules::gate::Gate;
use rules::names::{DeploymentId, HookExecutionId};

use crate::Deadline;

/// Who waits for the answer of a hook.
#[derive(Debug, Clone, Copy)]
pub enum Caller<'a> {
    /// CodeDeploy, which takes the answer by a call.
    CodeDeploy {
        /// Its client.
        client: &'a CodeDeploy,
        /// The deployment that waits.
        deployment: &'a DeploymentId,
        /// What the answer must carry; of several ids only one is CodeDeploy's.
        executions: &'a [HookExecutionId],
    },
}

/// Between two attempts, after the SDK gave up.
const PAUSE: Duration = Duration::from_secs(1);

/// How often CodeDeploy is read until it waits: it calls a hook at the moment at which its record says so, or a little before.
const ATTEMPTS: u32 = 5;

impl Caller<'_> {
    /// The deployment that waits.
    pub(super) fn deployment(&self) -> &DeploymentId {
        match self {
            Self::CodeDeploy { deployment, .. } => deployment,
        }
    }

    /// What is known of the deployment that waits.
    pub(super) async fn read_deployment(self) -> Result<Deployment, CallFailed> {
        match self {
            Self::CodeDeploy {
                client, deployment, ..
            } => client.get_deployment(deployment).await,
        }
    }

    /// Whether it waits for this gate.
    pub(super) async fn stage(self, gate: Gate) -> Result<Stage, CallFailed> {
        let Self::CodeDeploy {
            client, deployment, ..
        } = self;
        let mut attempt = 1;
        loop {
            let target = client.get_deployment_target(deployment);
            let stage = lifecycle::stage(target.await?, lifecycle::event_of(gate));
            if attempt == ATTEMPTS || !matches!(stage, Stage::NotYet(_)) {
                return Ok(stage);
            }
            attempt += 1;
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Answers, again and again while AWS cannot be reached and there is time.
    pub(super) async fn put(
        self,
        answer: HookAnswer,
        deadline: Deadline,
    ) -> Result<HookReceipt, CallFailed> {
        match self {
            Self::CodeDeploy {
                client,
                deployment,
                executions,
            } => {
                let put =
                    async |execution| put(client, deployment, execution, answer, deadline).await;
                put_to_each(deployment, executions, put).await
            }
        }
    }
}

/// Puts the answer for each execution id: accepted where one was. Only one of them is CodeDeploy's, for anybody may call a
/// hook with a made-up one. What CodeDeploy does not know is logged; that it knows none of them is an error.
async fn put_to_each<'a>(
    deployment: &DeploymentId,
    executions: &'a [HookExecutionId],
    put: impl AsyncFn(&'a HookExecutionId) -> Result<HookReceipt, CallFailed>,
) -> Result<HookReceipt, CallFailed> {
    let mut receipt = None;
    let mut refused = None;
    for execution in executions {
        match put(execution).await {
            Ok(HookReceipt::Accepted) => receipt = Some(HookReceipt::Accepted),
            Ok(HookReceipt::AlreadyCompleted) => {
                receipt = receipt.or(Some(HookReceipt::AlreadyCompleted));
            }
            Err(failed) => {
                if executions.len() > 1 {
                    tracing::warn!(deployment_id = %deployment, error = %failed, "one of several calls of the hook not answered");
                }
                // An answer that may arrive later is worth another delivery, whatever became of the others.
                let outweighs = refused
                    .as_ref()
                    .is_none_or(|known: &CallFailed| known.kind == Kind::Invalid);
                if outweighs {
                    refused = Some(failed);
                }
            }
        }
    }
    match (receipt, refused) {
        (Some(receipt), Some(failed)) if failed.kind == Kind::Invalid => Ok(receipt),
        (_, Some(failed)) => Err(failed),
        (receipt, None) => Ok(receipt.unwrap_or(HookReceipt::AlreadyCompleted)),
    }
}

/// Puts one answer. After a lost response, "already completed" means that our own answer arrived, not that it came too late.
async fn put(
    client: &CodeDeploy,
    deployment: &DeploymentId,
    execution: &HookExecutionId,
    answer: HookAnswer,
    deadline: Deadline,
) -> Result<HookReceipt, CallFailed> {
    let mut unclear = false;
    loop {
        let put = client.put_lifecycle_event_hook_execution_status(deployment, execution, answer);
        let failed = match put.await {
            Ok(HookReceipt::AlreadyCompleted) if unclear => return Ok(HookReceipt::Accepted),
            Ok(receipt) => return Ok(receipt),
            Err(failed) => failed,
        };
        if !failed.is_transient() || deadline.left() <= 2 * PAUSE {
            return Err(failed);
        }
        unclear |= failed.kind == Kind::Unavailable;
        tracing::warn!(error = %failed, "hook answer did not arrive, trying again");
        tokio::time::sleep(PAUSE).await;
    }
}
