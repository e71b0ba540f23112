//! RunTask, DescribeTasks, ListTasks, StopTask.

use std::slice;

use aws_sdk_ecs::operation::run_task::RunTaskError;
use aws_sdk_ecs::types::{ContainerOverride, DesiredStatus, LaunchType, TaskOverride};
use rules::migration::{self, MigrationTask, TaskRun};
use rules::names::{ClusterName, ServiceName, TaskArn};
use rules::observed::Task;
use rules::redact;
use serde_json::Value;
use time::UtcDateTime;

use super::described_task::{elements, text, translate};
use super::{Ecs, capacity_to, constraint_to, network_to, read, strategy_to};
use crate::call::{Call, CallFailed};
use crate::text::cut;
use crate::wire::{AskedAt, RawAnswer};

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

/// Tasks at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribedTasks {
    /// Those that ECS knows.
    pub tasks: Vec<Task>,
    /// When ECS answered, by its own clock, or up to a second before; none where its answer states no date.
    pub answered_at: Option<UtcDateTime>,
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

/// Why ECS ran no task, in one sentence.
pub fn refused(failures: &[TaskFailure]) -> String {
    let failures = failures.iter();
    migration::refused(
        failures.map(|failure| (failure.reason.as_deref(), failure.detail.as_deref())),
    )
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
        let raw = RawAnswer::default();
        let sent = self
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
            .customize()
            .interceptor(raw.clone())
            .send()
            .await;
        if let Err(error) = &sent
            && let Some(RunTaskError::ConflictException(conflict)) = error.as_service_error()
        {
            let arns = conflict.resource_ids().iter();
            let arns = arns.map(|arn| call.name(Some(arn), "resourceIds"));
            return Ok(RunTaskAnswer::Taken(arns.collect::<Result<_, _>>()?));
        }
        // A repeated call is answered with the task as it is by then, exit codes included.
        let answer = read(
            &call,
            &raw,
            sent.map(drop).map_err(|error| call.failed(error)),
        )?;
        if let Some(started) = elements(&answer["tasks"]).next() {
            return Ok(RunTaskAnswer::Started(translate(&call, started)?));
        }
        let failures: Vec<TaskFailure> = elements(&answer["failures"]).map(failure_from).collect();
        if failures.is_empty() {
            return Err(call.unexpected("the answer has neither a task nor a failure"));
        }
        Ok(RunTaskAnswer::Refused(failures))
    }

    /// The tasks as they are now. Those that ECS does not know (any more, or yet) are left out, and so are those that cannot be
    /// read beside others that can.
    pub async fn describe_tasks(
        &self,
        cluster: &str,
        tasks: &[TaskArn],
    ) -> Result<Vec<Task>, CallFailed> {
        let described = self.describe_tasks_at(cluster, tasks).await?;
        Ok(described.tasks)
    }

    /// The same, and when that was.
    pub async fn describe_tasks_at(
        &self,
        cluster: &str,
        tasks: &[TaskArn],
    ) -> Result<DescribedTasks, CallFailed> {
        let asked_at = AskedAt::default();
        let call = Call::new("ecs:DescribeTasks", cluster);
        let (mut found, mut unreadable) = (Vec::with_capacity(tasks.len()), None);
        for chunk in tasks.chunks(TASKS_PER_CALL) {
            let raw = RawAnswer::default();
            let sent = self
                .client
                .describe_tasks()
                .cluster(cluster)
                .set_tasks(Some(
                    chunk.iter().map(|task| task.as_str().to_owned()).collect(),
                ))
                .customize()
                .interceptor(raw.clone())
                .interceptor(asked_at.clone())
                .send()
                .await;
            let answer = read(
                &call,
                &raw,
                sent.map(drop).map_err(|error| call.failed(error)),
            )?;
            let mut failures = elements(&answer["failures"]);
            if let Some(failure) = failures.find(|failure| failure["reason"] != "MISSING") {
                let said = ["reason", "detail", "arn"].map(|member| failure[member].as_str());
                let said: Vec<&str> = said.into_iter().flatten().collect();
                return Err(call.unexpected(&said.join(", ")));
            }
            for task in elements(&answer["tasks"]) {
                match translate(&call, task) {
                    Ok(task) => found.push(task),
                    Err(failed) => {
                        tracing::warn!(error = %failed, "a task could not be read");
                        unreadable.get_or_insert(failed);
                    }
                }
            }
        }
        match unreadable {
            Some(failed) if found.is_empty() => Err(failed),
            Some(_) | None => Ok(DescribedTasks {
                tasks: found,
                answered_at: asked_at.take_answered(),
            }),
        }
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

    /// The task that is in all what was to be started: the one of this ARN, or else one that runs or has stopped within the hour.
    pub async fn find_task(
        &self,
        cluster: &str,
        started_by: &str,
        runs: &TaskRun,
        arn: Option<&TaskArn>,
    ) -> Result<Option<Task>, CallFailed> {
        if let Some(arn) = arn {
            let described = self.describe_tasks(cluster, slice::from_ref(arn)).await?;
            return Ok(described.into_iter().next());
        }
        let family = runs.revision.family();
        for which in [
            Tasks::RunningStartedBy(started_by),
            Tasks::StoppedOfFamily(family),
        ] {
            let listed = self.list_tasks(cluster, which).await?;
            let mut described = self.describe_tasks(cluster, &listed).await?.into_iter();
            let is =
                |task: &Task| migration::differences_of(task, started_by, cluster, runs).is_empty();
            if let Some(task) = described.find(is) {
                return Ok(Some(task));
            }
        }
        Ok(None)
    }

    /// Stops a task; the reason is what people see in the console.
    pub async fn stop_task(
        &self,
        cluster: &str,
        task: &TaskArn,
        reason: &str,
    ) -> Result<(), CallFailed> {
        let call = Call::new("ecs:StopTask", format!("{cluster}/{}", task.id()));
        let raw = RawAnswer::default();
        let sent = self
            .client
            .stop_task()
            .cluster(cluster)
            .task(task.as_str())
            .reason(cut(reason, REASON_LIMIT))
            .customize()
            .interceptor(raw.clone())
            .send()
            .await;
        match sent {
            Ok(_) => Ok(()),
            // ECS answers with the task, and stops it whether or not the SDK can read that.
            Err(_) if raw.take().is_some() => Ok(()),
            Err(error) => Err(call.failed(error)),
        }
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

fn failure_from(failure: &Value) -> TaskFailure {
    TaskFailure {
        arn: text(&failure["arn"]),
        reason: text(&failure["reason"]),
        detail: failure["detail"].as_str().map(redact::redact),
    }
}
