//! ECS's operations on tasks.

use serde_json::{Value, json};

use super::clusters::missing;
use super::permissions::{in_any_cluster, in_cluster, task_arn};
use super::services::{cluster, include, invalid, known_launch_type};
use super::task_definitions::{list_answer, list_size};
use crate::api::error::ApiError;
use crate::api::input::Input;
use crate::api::operation::{Answer, Call, Operation};
use crate::api::throttle::Bucket;
use crate::ecs::run::request_stop;
use crate::ecs::task::{Stop, Task};
use crate::iam::Permission;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("DescribeTasks", describe_tasks, on_tasks)
        .bucket(Bucket::ClusterResourceRead)
        .polled(),
    Operation::new("ListTasks", list_tasks, in_any_cluster).bucket(Bucket::ClusterResourceRead),
    Operation::new("StopTask", stop_task, on_task).bucket(Bucket::ClusterResourceModify),
];

pub(super) fn described(call: Call<'_>, arns: &[String]) -> Vec<Value> {
    call.aws.ecs.read(|state| {
        arns.iter()
            .filter_map(|arn| state.task(arn))
            .map(Task::describe_with_tags)
            .collect()
    })
}

fn describe_tasks(call: Call<'_>) -> Answer {
    if call.input.list("tasks")?.is_some_and(Vec::is_empty) {
        return Err(invalid("Tasks cannot be empty."));
    }
    let wanted = call.input.required_texts("tasks")?;
    if wanted.len() > 100 {
        return Err(invalid("Tasks cannot have more than 100 elements."));
    }
    let with_tags = include(call, &["TAGS"])?.contains(&"TAGS");
    let describe = match with_tags {
        true => Task::describe_with_tags,
        false => Task::describe,
    };
    let now = call.aws.clock.now();
    call.aws.ecs.read(|state| {
        let cluster = cluster(call, state)?;
        let (mut tasks, mut failures) = (Vec::new(), Vec::new());
        for id in wanted {
            let found = state
                .task(id)
                .filter(|task| task.cluster == cluster && task.is_shown(now));
            match found {
                Some(task) => tasks.push(describe(task)),
                None => failures.push(missing(&format!("task/{cluster}"), id)),
            }
        }
        Ok(json!({ "tasks": tasks, "failures": failures }))
    })
}

/// The filters of ListTasks.
#[derive(Debug)]
struct Filter<'a> {
    service: Option<&'a str>,
    family: Option<&'a str>,
    started_by: Option<&'a str>,
    launch_type: Option<&'a str>,
    /// ARN or id.
    container_instance: Option<&'a str>,
    desired_status: &'a str,
}

impl Filter<'_> {
    fn takes(&self, task: &Task) -> bool {
        // The desired status is never PENDING, so this lists nothing, as on AWS.
        task.desired_status() == self.desired_status
            && self
                .service
                .is_none_or(|service| task.service.as_deref() == Some(service))
            && self.family.is_none_or(|family| task.family == family)
            && self.launch_type.is_none_or(|kind| task.launch_type == kind)
            && self.container_instance.is_none_or(|wanted| {
                let own = task.instance.as_ref();
                own.is_some_and(|own| own.arn == wanted || own.id() == wanted)
            })
            && self
                .started_by
                .is_none_or(|started_by| task.started_by.as_deref() == Some(started_by))
    }
}

fn list_tasks(call: Call<'_>) -> Answer {
    let filter = filter(&call.input)?;
    let (size, now) = (list_size(call, 100)?, call.aws.clock.now());
    let arns = call.aws.ecs.read(|state| {
        let cluster = cluster(call, state)?;
        if let Some(name) = filter.service
            && state.service(&cluster, name).is_none()
        {
            return Err(ApiError::new(
                "ServiceNotFoundException",
                "Service not found.",
            ));
        }
        let tasks = state
            .tasks
            .iter()
            .filter(|task| task.cluster == cluster && task.is_shown(now) && filter.takes(task));
        Ok(tasks.map(|task| task.arn.clone()).collect::<Vec<_>>())
    })?;
    list_answer("taskArns", arns, size, call.input.text("nextToken")?)
}

fn filter<'a>(input: &Input<'a>) -> Result<Filter<'a>, ApiError> {
    let desired_status = input.text("desiredStatus")?.unwrap_or("RUNNING");
    if !["RUNNING", "PENDING", "STOPPED"].contains(&desired_status) {
        return Err(invalid(format!("Invalid desiredStatus: {desired_status}")));
    }
    let service = input
        .text("serviceName")?
        .map(|name| name.rsplit('/').next().unwrap_or(name));
    let (family, started_by) = (input.text("family")?, input.text("startedBy")?);
    let launch_type = known_launch_type(input)?;
    let container_instance = input.text("containerInstance")?;
    // ECS API Reference, ListTasks: `startedBy` must be the only filter.
    let others = [service, family, launch_type, container_instance];
    let other_filter = others.iter().any(Option::is_some) || input.text("desiredStatus")?.is_some();
    if started_by.is_some() && other_filter {
        return Err(invalid("startedBy can not be combined with other filters."));
    }
    Ok(Filter {
        service,
        family,
        started_by,
        launch_type,
        container_instance,
        desired_status,
    })
}

fn stop_task(call: Call<'_>) -> Answer {
    let wanted = call.input.required_text("task")?;
    let reason = call
        .input
        .text("reason")?
        .unwrap_or("Task stopped by user")
        .to_owned();
    let now = call.aws.clock.now();
    let task_arn = call.aws.ecs.read(|state| {
        let cluster = cluster(call, state)?;
        let found = state
            .task(wanted)
            .filter(|task| task.cluster == cluster && task.is_shown(now))
            .map(|task| task.arn.clone());
        found.ok_or_else(|| invalid("The referenced task was not found."))
    })?;
    request_stop(
        &call.aws.ecs,
        &task_arn,
        Stop {
            code: "UserInitiated",
            reason,
        },
    );
    let task = described(call, &[task_arn]).pop().unwrap_or_default();
    Ok(json!({ "task": task }))
}

fn on_tasks(call: Call<'_>) -> Vec<Permission> {
    let on = |id| in_cluster(call, call.on(task_arn(call, id)));
    call.all_named("tasks").map(on).collect()
}

fn on_task(call: Call<'_>) -> Vec<Permission> {
    let task = task_arn(call, call.named_or_any("task"));
    vec![in_cluster(call, call.on(task))]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing(member: &str) -> ApiError {
        invalid(format!("{member} can not be blank."))
    }

    #[test]
    fn list_tasks_filters() {
        let cases = [
            (json!({}), Ok("RUNNING")),
            (json!({ "desiredStatus": "STOPPED" }), Ok("STOPPED")),
            (
                json!({ "desiredStatus": "GONE" }),
                Err("Invalid desiredStatus: GONE"),
            ),
            (json!({ "startedBy": "a" }), Ok("RUNNING")),
            (
                json!({ "startedBy": "a", "desiredStatus": "STOPPED" }),
                Err("startedBy can not be combined with other filters."),
            ),
            (
                json!({ "startedBy": "a", "launchType": "FARGATE" }),
                Err("startedBy can not be combined with other filters."),
            ),
            (
                json!({ "startedBy": "a", "family": "web" }),
                Err("startedBy can not be combined with other filters."),
            ),
        ];
        for (request, wanted) in cases {
            let input = Input::new(&request, missing).unwrap();
            let outcome = filter(&input)
                .map(|filter| filter.desired_status)
                .map_err(|error| error.message);
            assert_eq!(outcome, wanted.map_err(ToOwned::to_owned), "{request}");
        }
    }
}
