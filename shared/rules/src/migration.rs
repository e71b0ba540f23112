//! The migration gate: what task is started, which task may answer the hook, and how its end is judged.

mod evidence;
pub mod finish;
mod fitness;
mod record;
mod refusal;
mod run;
mod shell;
pub mod verdict;

use crate::config::Migration;
use crate::culprit::{Evidence, KILLED, ending_of, evidence, is_out_of_memory, was_asked_to_stop};
use crate::names::{ContainerName, DeploymentId, RevisionArn};
use crate::observed::{Placement, Service, Task, TaskContainer};

pub use evidence::{Variables, differences, differences_of, variables};
pub use fitness::{Runs, Unfit, check};
pub use record::{EXECUTIONS_AT_MOST, Noted, Record, TaskRun};
pub use refusal::refused;
pub use run::run_of;

/// What `startedBy` of every migration task begins with; the deployment's id follows. Letters, digits, `-`, `/` and `_`
/// are all that ECS takes there.
pub const STARTED_BY: &str = "greenlight/";

/// The placement constraint that is about several tasks.
const DISTINCT_INSTANCE: &str = "distinctInstance";

/// The migration task to start: leaves nothing to choose.
#[derive(Debug, Clone, PartialEq)]
pub struct MigrationTask {
    /// What it runs: green's revision, or the one in which its migration runs alone.
    pub revision: RevisionArn,
    /// Green's revision, where the migration runs alone.
    pub alone_of: Option<RevisionArn>,
    /// Where it runs: as green does, on the container instances that the service may use.
    pub placement: Placement,
    /// `greenlight/<deployment id>`; of a deployment of ECS's own `greenlight-native/<service deployment id>`.
    pub started_by: String,
    /// The same for every call of the same hook, so that a repeated call finds the same task.
    pub client_token: String,
    /// The container whose command is replaced.
    pub container: ContainerName,
    /// The command.
    pub command: Vec<String>,
}

impl MigrationTask {
    /// The migration of this revision.
    pub(crate) fn new(
        migration: &Migration,
        marks: Marks,
        revision: RevisionArn,
        placement: Placement,
    ) -> Self {
        Self {
            revision,
            alone_of: None,
            placement,
            started_by: marks.started_by,
            client_token: marks.client_token,
            container: migration.container.clone(),
            command: migration.command.clone(),
        }
    }

    /// Green's revision.
    pub fn shipped(&self) -> &RevisionArn {
        self.alone_of.as_ref().unwrap_or(&self.revision)
    }

    /// Runs in this revision, made of green's for the migration alone.
    pub fn run_alone_in(&mut self, revision: RevisionArn) {
        self.alone_of = Some(self.shipped().clone());
        self.revision = revision;
    }

    /// Runs in the revision that an earlier call of the hook wrote down: with another one, ECS would refuse the client token.
    pub fn run_in_that_of(&mut self, earlier: &TaskRun) {
        if earlier.shipped() == self.shipped() {
            self.alone_of.clone_from(&earlier.alone_of);
            self.revision = earlier.revision.clone();
        }
    }
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
    service: &Service,
) -> Result<MigrationTask, NoGreenTaskSet> {
    let green = service.green(deployment).ok_or_else(|| NoGreenTaskSet {
        deployment: deployment.clone(),
    })?;
    Ok(MigrationTask::new(
        migration,
        Marks {
            started_by: started_by(deployment),
            client_token: format!("greenlight-AfterInstall-{deployment}"),
        },
        green.revision.clone(),
        placement(service, &green.placement),
    ))
}

/// By what a migration's task is recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Marks {
    /// [`MigrationTask::started_by`]
    pub(crate) started_by: String,
    /// [`MigrationTask::client_token`]
    pub(crate) client_token: String,
}

/// Where the migration runs. A task set and a service revision have no constraints and strategies of their own: their service's
/// apply.
pub fn placement(service: &Service, green: &Placement) -> Placement {
    let own_placement = green.launch_type.is_some() || !green.capacity_providers.is_empty();
    let place = if own_placement {
        green
    } else {
        &service.placement
    };
    // Fargate refuses RunTask with either.
    if place.is_fargate() {
        return Placement {
            constraints: Vec::new(),
            strategies: Vec::new(),
            ..place.clone()
        };
    }
    let constraints = service.placement.constraints.iter();
    // `distinctInstance` separates the tasks of a group. The service's tasks are of the group `service:…`, which RunTask
    // cannot join; in the migration's, `family:…`, it would keep it off instances where unrelated one-off tasks of
    // the family run, and could leave it none.
    let of_one_task = constraints.filter(|constraint| constraint.kind != DISTINCT_INSTANCE);
    // On managed instances ECS takes constraints only (ECS Developer Guide, "How Amazon ECS places tasks").
    let is_managed = place.launch_type.as_deref() == Some("MANAGED_INSTANCES");
    let strategies = service.placement.strategies.iter().filter(|_| !is_managed);
    Placement {
        constraints: of_one_task.cloned().collect(),
        strategies: strategies.cloned().collect(),
        ..place.clone()
    }
}

/// Why the 0 of a migration that ran alone is not the shipped revision's, where its revision differs from what was to be registered in
/// this; none where it is that.
pub fn not_of(task: &Task, shipped: &RevisionArn, differences: &[String]) -> Option<String> {
    (!differences.is_empty()).then(|| {
        format!(
            "the task exited with code 0, but its revision `{}` is not known to be the migration of `{}`: {}",
            task.revision.short(),
            shipped.short(),
            differences.join(", ")
        )
    })
}

/// How a deployment's migration task is marked.
pub fn started_by(deployment: &DeploymentId) -> String {
    format!("{STARTED_BY}{deployment}")
}

/// The name of the schedule that ends a migration which takes too long.
pub fn schedule_name(deployment: &DeploymentId) -> String {
    format!("greenlight-migration-{deployment}")
}

/// How a migration ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Its container exited with 0, and by itself.
    Succeeded,
    /// Anything else; the sentence says what.
    Failed {
        /// What happened.
        reason: String,
        /// Whether the container may have run, so that it may have written a log.
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

/// Whether ECS shows that a migration which has ended did so before anything stopped its task: no other essential container has
/// ended by itself so far. When the others are stopped in turn, their exit codes may hide it.
pub fn ended_first(task: &Task, container: &ContainerName, essential: &[ContainerName]) -> bool {
    !was_stopped_from_outside(task) && ended_before(task, container, essential).is_none()
}

/// A task's last status.
pub const STOPPED: &str = "STOPPED";
/// The first status of a task: its network is made, and none of its containers.
const PROVISIONING: &str = "PROVISIONING";

/// Whether no container of a task may have run when it was described. It may have since.
pub fn may_not_have_begun(task: &Task) -> bool {
    task.last_status == PROVISIONING && shows_no_container(task)
}

fn shows_no_container(task: &Task) -> bool {
    let has_run =
        |container: &TaskContainer| container.exit_code.is_some() || container.runtime_id.is_some();
    task.started_at.is_none() && !task.containers.iter().any(has_run)
}

/// Why a task is stopped whose migration was judged already. It proves nothing: whoever may call StopTask can write it.
pub const NO_LONGER_NEEDED: &str = "the migration has ended";

/// How a task ends whose own containers ended it. Any other stop code, even one that AWS adds later, means that something
/// else stopped it: 0 may then be the answer to a signal, half way through.
const ENDED_BY_A_CONTAINER: &str = "EssentialContainerExited";

/// Judges a task whose migration has ended or is being stopped; `essential` names the containers that take the task down with
/// them. A missing exit code is a failure.
pub fn judge(task: &Task, container: &ContainerName, essential: &[ContainerName]) -> Verdict {
    let migrating = task
        .containers
        .iter()
        .find(|candidate| candidate.name == *container);
    let why = || {
        let parts = [
            migrating.and_then(|container| container.reason.clone()),
            other_culprit(task, container, essential),
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
    let ran = |reason| Verdict::Failed { reason, ran: true };
    match migrating.and_then(TaskContainer::ended_with) {
        Some(0) if was_stopped_from_outside(task) => {
            ran(format!("the migration was stopped: {}", why()))
        }
        Some(0) => match ended_before(task, container, essential) {
            None => Verdict::Succeeded,
            Some(reason) => ran(reason),
        },
        Some(code) => ran(format!("the migration exited with code {code} ({})", why())),
        None => without_exit_code(task, migrating, &why()),
    }
}

/// A migration of which ECS states no exit code. It states no start of a task that was never `RUNNING`, though one of its
/// containers may have run already: that one has Docker's id. A task whose desired status alone is `STOPPED` still runs
/// (ECS API Reference, ListTasks, `desiredStatus`).
fn without_exit_code(task: &Task, migrating: Option<&TaskContainer>, why: &str) -> Verdict {
    let did_not_start = migrating.is_some_and(TaskContainer::did_not_start);
    let is_up = task.last_status != STOPPED && !may_not_have_begun(task);
    let has_id = migrating.is_some_and(|container| container.runtime_id.is_some());
    let (sentence, ran) = if did_not_start {
        ("the migration never started", false)
    } else if is_up {
        ("the migration was being stopped", true)
    } else if task.started_at.is_some() || has_id {
        ("the migration ended without an exit code", true)
    } else {
        ("the migration never started", false)
    };
    // Where a capacity provider was waited for, a task states what RunTask would have refused.
    let explained = task.stopped_reason.as_deref().filter(|_| !ran);
    let explained = explained.and_then(refusal::explained);
    let explained = explained.map(|explained| format!(": {explained}"));
    Verdict::Failed {
        reason: format!("{sentence}: {why}{}", explained.unwrap_or_default()),
        ran,
    }
}

/// The container beside the migration that ended the task or kept it from starting; none where nothing speaks for one. What
/// may have ended because the migration had is none.
fn other_culprit(
    task: &Task,
    migrating: &ContainerName,
    essential: &[ContainerName],
) -> Option<String> {
    let others = task.containers.iter();
    let others = others.filter(|container| container.name != *migrating);
    let least = least_evidence(task, migrating);
    let blamed: Vec<String> = others
        .filter(|container| evidence(task, container, essential) >= least)
        // Killed after SIGTERM: most likely it was stopped with the task.
        .filter(|container| {
            container.ended_with() != Some(KILLED)
                || is_out_of_memory(container)
                || evidence(task, container, essential) == Evidence::Error
        })
        .map(|container| match container.ended_with() {
            Some(0) if least == Evidence::PerhapsFirst => format!(
                "{}, and ECS then stops the others (hint: {})",
                ending_of(container),
                let_it_run(&container.name)
            ),
            _ => ending_of(container),
        })
        .collect();
    Some(blamed.join(", ")).filter(|blamed| !blamed.is_empty())
}

/// How much must speak for another container to be named beside how the migration ended.
fn least_evidence(task: &Task, migrating: &ContainerName) -> Evidence {
    let mut containers = task.containers.iter();
    let Some(migration) = containers.find(|container| container.name == *migrating) else {
        return Evidence::Failed;
    };
    let said_nothing = migration.exit_code.is_none() && migration.reason.is_none();
    if said_nothing || migration.waited_in_vain() {
        return Evidence::NotEssential;
    }
    let code = migration.ended_with();
    let by_signal = code.is_some_and(|code| was_asked_to_stop(code) || code == KILLED);
    if by_signal && !is_out_of_memory(migration) && !was_stopped_from_outside(task) {
        // Another one's end took it down, and a 0 may be that.
        return Evidence::PerhapsFirst;
    }
    Evidence::Failed
}

/// What to do about an essential container that may end before the migration.
fn let_it_run(container: &ContainerName) -> String {
    format!(
        "set `essential: false` for `{container}` in the task definition, or let it run until it is stopped"
    )
}

fn was_stopped_from_outside(task: &Task) -> bool {
    let code = task.stop_code.as_deref();
    code.is_some_and(|code| code != ENDED_BY_A_CONTAINER)
}

/// Why a 0 is not evidence: when an essential container ends, ECS sends SIGTERM to the others, and a program may well answer
/// it with 0, half way through. ECS does not state which container ended first. One that was killed by the signal itself
/// did not.
fn ended_before(
    task: &Task,
    migrating: &ContainerName,
    essential: &[ContainerName],
) -> Option<String> {
    let mut others = task
        .containers
        .iter()
        .filter(|container| container.name != *migrating && essential.contains(&container.name));
    let ended = others.find_map(|container| {
        let how = how_it_ended(task, container)?;
        Some(format!(
            "it exited with code 0, but the essential container `{}` {how}, and ECS then stops the others, which may answer \
             with 0 (hint: {})",
            container.name,
            let_it_run(&container.name)
        ))
    });
    // Its own end ends no task, so another one's did.
    let is_beside = !essential.is_empty() && !essential.contains(migrating);
    let by_another = is_beside && task.stop_code.as_deref() == Some(ENDED_BY_A_CONTAINER);
    let why = ended.or_else(|| {
        by_another.then(|| {
            "it exited with code 0, but an essential container ended its task, and ECS then stops the others, which may answer \
             with 0 (hint: let the essential containers run until they are stopped)"
                .to_owned()
        })
    })?;
    Some(format!(
        "it is not known whether the migration came to its end: {why}"
    ))
}

/// How a container ended by itself; none where it runs, or ended because it was stopped.
fn how_it_ended(task: &Task, container: &TaskContainer) -> Option<String> {
    let reason = container.reason.as_deref();
    let Some(code) = container.ended_with() else {
        // One that never started has a reason and no exit code, and takes the task down as well.
        let never_started = reason.filter(|_| task.last_status == STOPPED)?;
        return Some(format!("did not start ({never_started})"));
    };
    // ECS stops the others when one has ended: by SIGTERM, or by SIGKILL after it.
    let was_stopped = was_asked_to_stop(code) || code == KILLED;
    (!was_stopped || is_out_of_memory(container))
        .then(|| format!("ended as well, with code {code}"))
}

#[cfg(test)]
mod tests;
