//! What is taken down when a deployment has ended: its migration would answer a hook that waits no more.

use super::{Lifecycle, Need, Observed};
use crate::codedeploy::lifecycle::AFTER_INSTALL;
use crate::codedeploy::{Creator, DeploymentStatus, DeploymentTarget, LifecycleEventStatus};
use crate::config::Pipeline;

/// Whether the migration of an ended deployment may still run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CleanUp {
    /// It may. ECS may list a task some seconds after it was started, so listing once is not enough, and a migration that
    /// cannot be stopped fails the invocation.
    MayRun,
    /// Hardly: the deployment ended outside its migration gate, or the pipeline has none by now.
    HardlyRuns,
}

/// What the end of a deployment leaves to take down; none where it has not ended.
///
/// # Errors
/// What else has to be observed.
pub fn clean_up(pipeline: &Pipeline, observed: &Observed) -> Result<Option<CleanUp>, Need> {
    let deployment = &observed.deployment;
    if !observed.state.is_end() {
        return Ok(None);
    }
    let may_have_migrated = pipeline.migration.is_some()
        && deployment.creator == Creator::Caller
        && deployment.status != DeploymentStatus::Succeeded;
    if !may_have_migrated {
        return Ok(Some(CleanUp::HardlyRuns));
    }
    let may_run = match observed.lifecycle.as_ref().ok_or(Need::Lifecycle)? {
        Lifecycle::Read(target) => target.as_ref().is_some_and(ended_during_migration),
        // When in doubt: a task that runs on changes a database after its deployment has ended.
        Lifecycle::Unreadable => true,
    };
    Ok(Some(if may_run {
        CleanUp::MayRun
    } else {
        CleanUp::HardlyRuns
    }))
}

fn ended_during_migration(target: &DeploymentTarget) -> bool {
    target.lifecycle_events.iter().any(|event| {
        event.name == AFTER_INSTALL
            && event.started_at.is_some()
            && event.status != LifecycleEventStatus::Succeeded
    })
}
