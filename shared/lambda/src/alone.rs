//! The revision in which a migration runs alone (`alone = true`): the family's newest one where it is that already, a new one
//! otherwise.

use aws::CallFailed;
use aws::ecs::Ecs;
use rules::config::{Migration, MigrationRevision};
use rules::migration::{self, TaskRun};
use rules::names::{ContainerName, RevisionArn};
use rules::observed::{Task, TaskDefinition};
use rules::revision;

/// The revision in which the migration of `shipped` runs alone, or why there can be none.
///
/// RegisterTaskDefinition makes a new revision of every request and takes no token, so the newest one is compared first: an
/// earlier call may have registered it, and have died before it wrote that down.
///
/// # Errors
/// A call failed.
pub async fn register_alone(
    ecs: &Ecs,
    shipped: &TaskDefinition,
    container: &ContainerName,
) -> Result<Result<RevisionArn, String>, CallFailed> {
    let request = match revision::alone(shipped, container) {
        Ok(request) => request,
        Err(unusable) => return Ok(Err(unusable.to_string())),
    };
    let family = request["family"].as_str().unwrap_or_default();
    if let Some(newest) = ecs.latest_task_definition(family).await? {
        if let Some(arn) = revision::arn(&newest)
            && revision::differences_from_alone(&newest, shipped, container).is_empty()
        {
            return Ok(Ok(arn));
        }
        if let Err(foreign) = revision::family_is_ours(&newest) {
            return Ok(Err(foreign.to_string()));
        }
    }
    // The invocation's time ends the waiting.
    let registered = ecs.register_when_not_throttled(&request).await?;
    Ok(Ok(registered))
}

/// What a task runs if it is the migration of `shipped`; none where its revision is not one in which that runs.
///
/// # Errors
/// The task's revision could not be read.
pub async fn runs_as(
    ecs: &Ecs,
    wanted: &Migration,
    shipped: &TaskDefinition,
    task: &Task,
) -> Result<Option<TaskRun>, CallFailed> {
    let ran = match wanted.revision {
        MigrationRevision::Shipped => None,
        MigrationRevision::Alone => {
            Some(ecs.describe_task_definition(task.revision.as_str()).await?)
        }
    };
    Ok(migration::run_of(wanted, shipped, ran.as_ref()))
}
