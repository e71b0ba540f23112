//! The migration gate in a deployment of ECS's own. The hook starts the task and is called again until that has ended: ECS keeps
//! what the hook returned, so there is no schedule and no other function.

use std::time::Duration;

use serde_json::{Value, json};
use time::UtcDateTime;
use time::format_description::well_known::Rfc3339;

use super::answer::Progress;
use super::known::Known;
use crate::config::Migration;
use crate::ecs::{Hook, HookTarget, Listed, ServiceDeployment, Stage, Status};
use crate::events::EcsCall;
use crate::migration::verdict::{self, Lack, Seen};
use crate::migration::{Marks, MigrationTask, has_ended, placement};
use crate::names::{ContainerName, ServiceDeploymentArn, ServiceRevisionArn, TaskArn};
use crate::observed::{Service, Task};

/// What `startedBy` of every migration task of such a deployment begins with; the service deployment's id follows. No event of
/// them wakes a function.
pub const STARTED_BY: &str = "greenlight-native/";

/// A hook may take no longer than a stage (ECS Developer Guide, "Lambda lifecycle hooks").
const HOOK_AT_MOST: Duration = Duration::from_secs(24 * 60 * 60);
/// What is kept of a hook's time for stopping the task and answering; of a short one half.
pub(crate) const MARGIN: Duration = Duration::from_secs(2 * 60);
/// A migration that ends soon is answered soon, and one that takes an hour costs no invocation every few seconds.
const SOON: Duration = Duration::from_secs(15);
const LATER: Duration = Duration::from_secs(30);
const YOUNG: Duration = Duration::from_secs(5 * 60);

/// Where a hook's details say which task it is. The service may configure details of its own beside them.
const TASK: &str = "greenlightTask";
/// Where they say until when it may run: for people, and not believed.
const DEADLINE: &str = "greenlightDeadline";

/// How a deployment's migration task is marked.
pub fn started_by(deployment: &ServiceDeploymentArn) -> String {
    format!("{STARTED_BY}{}", deployment.id())
}

/// What to start for this call.
pub fn plan(migration: &Migration, call: &EcsCall, known: &Known) -> MigrationTask {
    let stage = call.stage.as_str();
    MigrationTask::new(
        migration,
        Marks {
            started_by: started_by(&call.deployment),
            // At most 64 characters.
            client_token: format!("greenlight-{stage}-{}", call.deployment.id()),
        },
        known.target.revision.clone(),
        placement(&known.service, &known.target.placement),
    )
}

/// What the successful deployments of the service shipped before this one, each once.
pub fn successful_before(
    deployment: &ServiceDeployment,
    listed: &[Listed],
) -> Vec<ServiceRevisionArn> {
    let mut shipped: Vec<ServiceRevisionArn> = Vec::new();
    for one in listed {
        let is_before = one.status == Status::Successful && one.created_at < deployment.created_at;
        if let Some(target) = one.target.as_ref().filter(|_| is_before)
            && !shipped.contains(target)
        {
            shipped.push(target.clone());
        }
    }
    shipped
}

/// The task that an earlier call of this hook returned. It is a claim: what it names must be the migration in every member.
pub fn claimed(call: &EcsCall) -> Option<TaskArn> {
    call.details[TASK].as_str()?.parse().ok()
}

/// How long a migration may take: what the pipeline gives it, and no longer than its hook. A hook's own time-out is the shortest of
/// those that call a function at this stage, since a function does not know under which ARN the service names it.
pub fn time_limit(migration: &Migration, service: &Service, stage: &Stage) -> Duration {
    let calls_at = |hook: &&Hook| match hook.target {
        HookTarget::Lambda { .. } => hook.stages.contains(stage),
        HookTarget::Pause => false,
    };
    let hooks = service.configuration.hooks.iter().filter(calls_at);
    let own = hooks.filter_map(|hook| hook.timeout).min();
    let hook = own.unwrap_or(HOOK_AT_MOST).min(HOOK_AT_MOST);
    migration.time_out.min(hook - MARGIN.min(hook / 2))
}

/// What a migration's task is at one moment.
#[derive(Debug, Clone, PartialEq)]
pub enum Moment {
    /// It runs, or may: ECS calls again.
    Running(Progress),
    /// ECS shows how it ended.
    Ended,
    /// Its time is up, and the sentence says so: it has to be stopped.
    Overdue(String),
}

/// What the migration's task is at this moment of AWS's clock.
///
/// # Errors
/// What else has to be read.
pub fn moment(
    task: &Task,
    container: &ContainerName,
    seen: &Seen<'_>,
    limit: Duration,
    now: Option<UtcDateTime>,
) -> Result<Moment, Lack> {
    if verdict::is_shown(task, container, seen)? {
        return Ok(Moment::Ended);
    }
    let age = now.zip(task.created_at).map(|(now, from)| now - from);
    let age = age.map_or(Duration::ZERO, |age| age.try_into().unwrap_or_default());
    let left = limit.saturating_sub(age);
    if left.is_zero() {
        // A sidecar has kept it from being shown; its exit code is final all the same.
        return Ok(match has_ended(task, container) {
            true => Moment::Ended,
            false => Moment::Overdue(verdict::overdue(task, limit.as_secs() / 60)),
        });
    }
    let deadline = task.created_at.map(|from| from + limit);
    Ok(Moment::Running(Progress {
        reason: format!("the migration runs as task {}", task.arn.id()),
        call_back: if age < YOUNG { SOON } else { LATER }.min(left),
        details: details(&task.arn, deadline),
    }))
}

fn details(task: &TaskArn, deadline: Option<UtcDateTime>) -> Value {
    let mut details = json!({TASK: task});
    if let Some(deadline) = deadline.and_then(|deadline| deadline.format(&Rfc3339).ok()) {
        details[DEADLINE] = json!(deadline);
    }
    details
}
