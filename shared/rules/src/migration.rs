//! The migration gate: what task is started, and how its end is judged.

use std::collections::BTreeMap;

use crate::config::Migration;
use crate::names::{ContainerName, DeploymentId, HookExecutionId, RevisionArn};
use crate::observed::{Placement, Service, Task};

/// What `startedBy` of every migration task begins with; the deployment's id follows. Letters, digits, `-`, `/` and `_`
/// are all that ECS takes there.
pub const STARTED_BY: &str = "greenlight/";
/// Environment variable that carries the deployment's id to the migration task and back.
pub const DEPLOYMENT_ID: &str = "GREENLIGHT_DEPLOYMENT_ID";
/// Environment variable that carries the hook's execution id: at about 300 characters it fits in no tag and no token.
pub const HOOK_EXECUTION_ID: &str = "GREENLIGHT_HOOK_EXECUTION_ID";

/// The migration task to start: leaves nothing to choose.
#[derive(Debug, Clone, PartialEq)]
pub struct MigrationTask {
    /// What it runs: green's revision.
    pub revision: RevisionArn,
    /// Where it runs: as green does.
    pub placement: Placement,
    /// `greenlight/<deployment id>`.
    pub started_by: String,
    /// The same for every call of the same hook, so that a repeated call finds the same task.
    pub client_token: String,
    /// The container whose command is replaced.
    pub container: ContainerName,
    /// The command.
    pub command: Vec<String>,
    /// What is added to its environment.
    pub environment: BTreeMap<String, String>,
}

/// The service has no task set of this deployment: there is no green whose revision could migrate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the service has no task set of deployment `{deployment}`, expected the one that its Install made"
)]
pub struct NoGreenTaskSet {
    deployment: DeploymentId,
}

/// What to start for this deployment.
///
/// # Errors
/// No task set of the deployment.
pub fn plan(
    migration: &Migration,
    deployment: &DeploymentId,
    execution: &HookExecutionId,
    service: &Service,
) -> Result<MigrationTask, NoGreenTaskSet> {
    let green = service.green(deployment).ok_or_else(|| NoGreenTaskSet {
        deployment: deployment.clone(),
    })?;
    let placement = &green.placement;
    let own_placement = placement.launch_type.is_some() || !placement.capacity_providers.is_empty();
    Ok(MigrationTask {
        revision: green.revision.clone(),
        placement: if own_placement {
            placement.clone()
        } else {
            service.placement.clone()
        },
        started_by: format!("{STARTED_BY}{deployment}"),
        client_token: format!("greenlight-AfterInstall-{deployment}"),
        container: migration.container.clone(),
        command: migration.command.clone(),
        environment: BTreeMap::from([
            (DEPLOYMENT_ID.to_owned(), deployment.to_string()),
            (HOOK_EXECUTION_ID.to_owned(), execution.to_string()),
        ]),
    })
}

/// The name of the schedule that ends a migration which takes too long.
pub fn schedule_name(deployment: &DeploymentId) -> String {
    format!("greenlight-migration-{deployment}")
}

/// How a migration ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Its container exited with 0.
    Succeeded,
    /// Anything else; the sentence says what.
    Failed {
        /// What happened.
        reason: String,
        /// Whether the container ever ran, so that it may have written a log.
        ran: bool,
    },
}

/// Whether the migration of a task has come to its end. A sidecar may keep the task up after it, and ECS takes a while to
/// take a task down; its exit code is final all the same.
pub fn has_ended(task: &Task, container: &ContainerName) -> bool {
    let migrating = task
        .containers
        .iter()
        .find(|candidate| candidate.name == *container);
    task.last_status == STOPPED || migrating.is_some_and(|container| container.exit_code.is_some())
}

/// A task's last status.
pub const STOPPED: &str = "STOPPED";

/// How tasks end that were stopped from outside: 0 may then be the answer to a signal, half way through.
const FROM_OUTSIDE: [&str; 5] = [
    "InfrastructureHealth",
    "ServiceSchedulerInitiated",
    "SpotInterruption",
    "TerminationNotice",
    "UserInitiated",
];

/// Judges a task that has stopped. A missing exit code is a failure: the container never ran.
pub fn judge(task: &Task, container: &ContainerName) -> Verdict {
    let migrating = task
        .containers
        .iter()
        .find(|candidate| candidate.name == *container);
    let why = || {
        let parts = [
            migrating.and_then(|container| container.reason.clone()),
            task.stopped_reason.clone(),
            task.stop_code
                .clone()
                .map(|code| format!("stop code {code}")),
        ];
        let parts: Vec<String> = parts
            .into_iter()
            .flatten()
            .filter(|part| !part.trim().is_empty())
            .collect();
        if parts.is_empty() {
            "ECS gave no reason".to_owned()
        } else {
            parts.join("; ")
        }
    };
    match migrating.and_then(|container| container.exit_code) {
        // A container that ended well counts even when ECS killed its sidecars afterwards.
        Some(0)
            if task
                .stop_code
                .as_deref()
                .is_some_and(|code| FROM_OUTSIDE.contains(&code)) =>
        {
            Verdict::Failed {
                reason: format!("the migration was stopped: {}", why()),
                ran: true,
            }
        }
        Some(0) => Verdict::Succeeded,
        Some(code) => Verdict::Failed {
            reason: format!("the migration exited with code {code} ({})", why()),
            ran: true,
        },
        None if task.started_at.is_some() => Verdict::Failed {
            reason: format!("the migration ended without an exit code: {}", why()),
            ran: true,
        },
        None => Verdict::Failed {
            reason: format!("the migration never started: {}", why()),
            ran: false,
        },
    }
}

#[cfg(test)]
mod tests;
