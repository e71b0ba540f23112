//! RunTask, DescribeTasks, ListTasks, StopTask.

use aws_sdk_ecs::operation::run_task::RunTaskError;
use aws_sdk_ecs::types::{
    ContainerOverride, DesiredStatus, HealthStatus, KeyValuePair, LaunchType, TaskOverride,
};
use rules::migration::{MigrationTask, STOPPED};
use rules::names::{ClusterName, ServiceName, TaskArn};
use rules::observed::{self, Task, TaskContainer};
use rules::redact::{self, Places};

use super::{Ecs, capacity_to, constraint_to, network_to, sentence, strategy_to};
use crate::call::{Call, CallFailed};
use crate::text::{cut, time_from};

/// The result of RunTask. ECS answers HTTP 200 even when nothing runs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "there is one of it, and it is taken apart at once"
)]
pub enum RunTaskAnswer {
    /// The task, on its way up.
    Started(Task),
    /// No task, and why.
    Refused(Vec<TaskFailure>),
    /// The token was used for another request, which started these tasks.
    Taken(Vec<TaskArn>),
}

/// Why ECS ran no task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskFailure {
    /// The resource that it is about, where ECS names one.
    pub arn: Option<String>,
    /// `RESOURCE:MEMORY`, `EMPTY CAPACITY`, …; the list is open.
    pub reason: Option<String>,
    /// A sentence.
    pub detail: Option<String>,
}

/// Which tasks to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tasks<'a> {
    /// Running, and marked so by RunTask. Where ECS filters by `startedBy` it takes no other filter, the status
    /// included, and lists what runs (ECS API Reference, ListTasks).
    RunningStartedBy(&'a str),
    /// Stopped within the last hour, of this task definition family.
    StoppedOfFamily(&'a str),
    /// Wanted to run, of this service.
    RunningOfService(&'a ServiceName),
}

/// What DescribeTasks takes at once, and ListTasks gives.
const TASKS_PER_CALL: usize = 100;

/// What StopTask takes as a reason.
const REASON_LIMIT: usize = 255;

impl Ecs {
    /// Runs one task. Repeating it with the same token is safe: ECS answers with the task that it ran already.
    pub async fn run_task(
        &self,
        cluster: &ClusterName,
        task: &MigrationTask,
    ) -> Result<RunTaskAnswer, CallFailed> {
        let call = Call::new(
            "ecs:RunTask",
            format!("{cluster}/{}", task.revision.short()),
        )
        .redacting(task.command.iter().cloned());
        let placement = &task.placement;
        let network = placement
            .network_configuration
            .as_ref()
            .map(|network| network_to(&call, network))
            .transpose()?;
        let capacity = capacity_to(&call, &placement.capacity_providers)?;
        let answer = self
            .client
            .run_task()
            .cluster(cluster.as_str())
            .task_definition(task.revision.as_str())
            .count(1)
            .started_by(&task.started_by)
            .client_token(&task.client_token)
            .set_network_configuration(network)
            .set_launch_type(
                placement
                    .launch_type
                    .as_deref()
                    .filter(|_| placement.capacity_providers.is_empty())
                    .map(LaunchType::from),
            )
            .set_capacity_provider_strategy(some(capacity))
            .set_platform_version(placement.platform_version.clone())
            .set_placement_constraints(some(placement.constraints.iter().map(constraint_to)))
            .set_placement_strategy(some(placement.strategies.iter().map(strategy_to)))
            .overrides(overrides(task))
            .send()
            .await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                let conflict = match error.as_service_error() {
                    Some(RunTaskError::ConflictException(conflict)) => conflict.resource_ids(),
                    Some(_) | None => return Err(call.failed(error)),
                };
                let arns = conflict.iter();
                let arns = arns.map(|arn| call.name(Some(arn), "resourceIds"));
                return Ok(RunTaskAnswer::Taken(arns.collect::<Result<_, _>>()?));
            }
        };
        if let Some(started) = answer.tasks().first() {
            return Ok(RunTaskAnswer::Started(translate(&call, started)?));
        }
        if answer.failures().is_empty() {
            return Err(call.unexpected("the answer has neither a task nor a failure"));
        }
        Ok(RunTaskAnswer::Refused(
            answer.failures().iter().map(failure_from).collect(),
        ))
    }

    /// The tasks as they are now. Those that ECS does not know (any more, or yet) are left out.
    pub async fn describe_tasks(
        &self,
        cluster: &str,
        tasks: &[TaskArn],
    ) -> Result<Vec<Task>, CallFailed> {
        let call = Call::new("ecs:DescribeTasks", cluster);
        let mut found = Vec::with_capacity(tasks.len());
        for chunk in tasks.chunks(TASKS_PER_CALL) {
            let answer = self
                .client
                .describe_tasks()
                .cluster(cluster)
                .set_tasks(Some(
                    chunk.iter().map(|task| task.as_str().to_owned()).collect(),
                ))
                .send()
                .await
                .map_err(|error| call.failed(error))?;
            if let Some(failure) = answer
                .failures()
                .iter()
                .find(|failure| failure.reason() != Some("MISSING"))
            {
                return Err(call.unexpected(&sentence(failure)));
            }
            for task in answer.tasks() {
                found.push(translate(&call, task)?);
            }
        }
        Ok(found)
    }

    /// The ARNs of these tasks.
    pub async fn list_tasks(
        &self,
        cluster: &str,
        which: Tasks<'_>,
    ) -> Result<Vec<TaskArn>, CallFailed> {
        let call = Call::new("ecs:ListTasks", cluster);
        let request = self.client.list_tasks().cluster(cluster);
        let request = match which {
            Tasks::RunningStartedBy(who) => request.started_by(who),
            Tasks::StoppedOfFamily(family) => request
                .family(family)
                .desired_status(DesiredStatus::Stopped),
            Tasks::RunningOfService(service) => request
                .service_name(service.as_str())
                .desired_status(DesiredStatus::Running),
        };
        let mut arns = request.into_paginator().items().send();
        let mut tasks = Vec::new();
        while let Some(arn) = arns.next().await {
            tasks.push(call.name(Some(&arn.map_err(|error| call.failed(error))?), "taskArns")?);
        }
        Ok(tasks)
    }

    /// Stops a task; the reason is what people see in the console.
    pub async fn stop_task(
        &self,
        cluster: &str,
        task: &TaskArn,
        reason: &str,
    ) -> Result<(), CallFailed> {
        let call = Call::new("ecs:StopTask", format!("{cluster}/{}", task.id()));
        let request = self
            .client
            .stop_task()
            .cluster(cluster)
            .task(task.as_str())
            .reason(cut(reason, REASON_LIMIT));
        request
            .send()
            .await
            .map(drop)
            .map_err(|error| call.failed(error))
    }
}

/// A list member of a request, left out where it is empty.
fn some<T>(items: impl IntoIterator<Item = T>) -> Option<Vec<T>> {
    let items: Vec<T> = items.into_iter().collect();
    (!items.is_empty()).then_some(items)
}

fn overrides(task: &MigrationTask) -> TaskOverride {
    let container = ContainerOverride::builder()
        .name(task.container.as_str())
        .set_command(Some(task.command.clone()).filter(|command| !command.is_empty()))
        .build();
    TaskOverride::builder()
        .container_overrides(container)
        .build()
}

fn failure_from(failure: &aws_sdk_ecs::types::Failure) -> TaskFailure {
    TaskFailure {
        arn: failure.arn().map(str::to_owned),
        reason: failure.reason().map(str::to_owned),
        detail: failure.detail().map(redact::redact),
    }
}

fn translate(call: &Call, task: &aws_sdk_ecs::types::Task) -> Result<Task, CallFailed> {
    let overrides = task
        .overrides()
        .map(|overrides| overrides.container_overrides())
        .unwrap_or_default();
    let other_overrides = task.overrides().map(other_overrides).unwrap_or_default();
    let reasons = task.containers().iter().filter_map(|one| one.reason());
    let secret_places = Places::of(task.stopped_reason().into_iter().chain(reasons));
    Ok(Task {
        arn: call.name(task.task_arn(), "tasks.taskArn")?,
        cluster: call
            .required(task.cluster_arn(), "tasks.clusterArn")?
            .to_owned(),
        revision: call.name(task.task_definition_arn(), "tasks.taskDefinitionArn")?,
        started_by: task.started_by().map(str::to_owned),
        last_status: call
            .required(task.last_status(), "tasks.lastStatus")?
            .to_owned(),
        stop_code: task.stop_code().map(|code| code.as_str().to_owned()),
        stopped_reason: task.stopped_reason().map(redact::redact),
        created_at: task.created_at().and_then(time_from),
        started_at: task.started_at().and_then(time_from),
        stopped_at: task.stopped_at().and_then(time_from),
        containers: task
            .containers()
            .iter()
            .map(|one| container_from(call, one, task.last_status()))
            .collect::<Result<_, _>>()?,
        overrides: overrides
            .iter()
            .map(|one| override_from(call, one))
            .collect::<Result<_, _>>()?,
        other_overrides,
        secret_places,
    })
}

fn container_from(
    call: &Call,
    container: &aws_sdk_ecs::types::Container,
    task_status: Option<&str>,
) -> Result<TaskContainer, CallFailed> {
    // A container that runs has no exit code yet, whatever stands in its place.
    let is_over = [task_status, container.last_status()].contains(&Some(STOPPED));
    Ok(TaskContainer {
        name: call.name(container.name(), "tasks.containers.name")?,
        exit_code: container.exit_code().filter(|_| is_over),
        reason: container.reason().map(redact::redact),
        is_unhealthy: container.health_status() == Some(&HealthStatus::Unhealthy),
        runtime_id: container.runtime_id().map(str::to_owned),
        // Text that is not a digest counts as none; where a digest is needed, its absence is reported.
        image_digest: container
            .image_digest()
            .and_then(|digest| digest.parse().ok()),
    })
}

fn override_from(
    call: &Call,
    one: &ContainerOverride,
) -> Result<observed::ContainerOverride, CallFailed> {
    let variable = |pair: &KeyValuePair| {
        Some((
            pair.name()?.to_owned(),
            pair.value().unwrap_or_default().to_owned(),
        ))
    };
    let others = [
        ("cpu", one.cpu().is_some()),
        ("environmentFiles", !one.environment_files().is_empty()),
        ("memory", one.memory().is_some()),
        ("memoryReservation", one.memory_reservation().is_some()),
        (
            "resourceRequirements",
            !one.resource_requirements().is_empty(),
        ),
    ];
    Ok(observed::ContainerOverride {
        name: call.name(one.name(), "tasks.overrides.containerOverrides.name")?,
        command: one.command().to_vec(),
        environment: one.environment().iter().filter_map(variable).collect(),
        others: names_of(others),
    })
}

/// What RunTask overrode beside the containers.
fn other_overrides(overrides: &TaskOverride) -> Vec<String> {
    names_of([
        ("cpu", overrides.cpu().is_some()),
        ("memory", overrides.memory().is_some()),
        ("taskRoleArn", overrides.task_role_arn().is_some()),
        ("executionRoleArn", overrides.execution_role_arn().is_some()),
        ("ephemeralStorage", overrides.ephemeral_storage().is_some()),
    ])
}

fn names_of(members: impl IntoIterator<Item = (&'static str, bool)>) -> Vec<String> {
    let there = members.into_iter().filter(|(_, is_there)| *is_there);
    there.map(|(name, _)| name.to_owned()).collect()
}
