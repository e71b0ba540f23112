//! RunTask: the tasks that it starts.

use std::time::Duration;

use futures_util::{FutureExt as _, TryFutureExt as _};
use serde_json::{Value, json};

use super::permissions::{in_cluster, pass_roles, tag_new, task_arn, with_tag_keys};
use super::run_task_checks::{check, count, launch_type};
use super::services::{cluster, invalid};
use super::tasks::described;
use crate::api::error::ApiError;
use crate::api::input::Input;
use crate::api::operation::{Answer, Call, Operation, Reply};
use crate::api::permission::full_arn;
use crate::api::throttle::Bucket;
use crate::assumption::Assumption;
use crate::clock::Pace;
use crate::ecs::capacity::{Failure, NoPlace};
use crate::ecs::launch::{Launch, launch};
use crate::ecs::placement::Placement;
use crate::ecs::task::{Task, TaskStatus};
use crate::ecs::task_definition::Revision;
use crate::ecs::{State, UsedToken};
use crate::iam::Permission;
use crate::identity::sha256_hex;

pub(super) const OPERATIONS: &[Operation] = &[Operation::new_async(
    "RunTask",
    |call| run_task(call).map_ok(Reply::from).boxed(),
    on_revision_with_roles,
)
.bucket(Bucket::ClusterResourceModify)];

const TASK_OVERRIDES: [&str; 6] = [
    "cpu",
    "memory",
    "executionRoleArn",
    "taskRoleArn",
    "ephemeralStorage",
    "inferenceAcceleratorOverrides",
];
const CONTAINER_OVERRIDES: [&str; 8] = [
    "name",
    "command",
    "environment",
    "environmentFiles",
    "cpu",
    "memory",
    "memoryReservation",
    "resourceRequirements",
];

/// Where a task may stop before RunTask answers (`Assumption::TaskStopsBeforeAnswer`), the answer waits this long for
/// tasks that end at once …
const ENDS_AT_ONCE: Duration = Duration::from_secs(3);
/// … and then this long for functions that are triggered by their end.
const HEAD_START: Duration = Duration::from_millis(300);

/// How long a token is known where old ones are forgotten (not confirmed for ECS).
const TOKEN_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

pub(super) async fn run_task(call: Call<'_>) -> Answer {
    let wanted = call.input.required_text("taskDefinition")?;
    let (cluster, revision) = call.aws.ecs.read(|state| {
        let cluster = cluster(call, state)?;
        let found = state.revision(wanted).cloned();
        let revision =
            found.ok_or_else(|| ApiError::new("ClientException", "TaskDefinition not found."))?;
        Ok::<_, ApiError>((cluster, revision))
    })?;
    if !revision.is_active() {
        return Err(invalid("TaskDefinition is inactive"));
    }
    check(&call.input, &revision)?;
    let token = call.input.text("clientToken")?;
    if let Some(arns) = token
        .map(|token| same_request(call, token))
        .transpose()?
        .flatten()
    {
        return Ok(json!({ "tasks": described(call, &arns), "failures": [] }));
    }
    let (started, failures) = start(call, &launch_of(&call.input, &cluster, &revision)?)?;
    call.aws.clock.dwell();
    let arns: Vec<String> = started.iter().map(|task| task.arn.clone()).collect();
    // A request that started nothing does not consume its token: the next one with it may succeed.
    if let Some(token) = token.filter(|_| !arns.is_empty()) {
        let used = UsedToken {
            at: call.aws.clock.now(),
            request: fingerprint(&call.input),
            tasks: arns.clone(),
        };
        call.aws.ecs.write(|state| keep_token(state, token, used));
    }
    if call.aws.assumptions.hold(Assumption::TaskStopsBeforeAnswer) {
        until_they_end(call, &arns).await;
    }
    let tasks: Vec<Value> = started.iter().map(Task::describe_with_tags).collect();
    let failures: Vec<Value> = failures.iter().map(Failure::describe).collect();
    Ok(json!({ "tasks": tasks, "failures": failures }))
}

/// Starts as many tasks as capacity allows. Failures are part of the response, not an error.
fn start(call: Call<'_>, wanted: &Launch) -> Result<(Vec<Task>, Vec<Failure>), ApiError> {
    let mut started = Vec::new();
    for _ in 0..count(&call.input)? {
        match launch(&call.aws.ecs, wanted.clone()) {
            Ok(task) => started.push(task),
            Err(NoPlace::Failures(failures)) => return Ok((started, failures)),
            Err(NoPlace::NoContainerInstances) => {
                return Err(invalid(
                    "No Container Instances were found in your cluster.",
                ));
            }
        }
    }
    Ok((started, Vec::new()))
}

async fn until_they_end(call: Call<'_>, arns: &[String]) {
    let ended = call.aws.ecs.until(|state| {
        let mut tasks = arns.iter().filter_map(|arn| state.task(arn));
        let ended = tasks.all(|task| task.status == TaskStatus::Stopped);
        ended.then_some(())
    });
    // A function that waits for its answer does not hold the clock.
    let _passing = call.session.map(|session| call.aws.lambda.passing(session));
    tokio::select! {
        biased;
        _ = ended => {
            // Meanwhile the clock goes on, and does not jump: an answer takes no hour where nothing else is due before.
            let _still = match call.aws.clock.pace() {
                Pace::Real => Some(call.aws.clock.busy()),
                Pace::Still => None,
            };
            pass(call, HEAD_START).await;
        }
        () = pass(call, ENDS_AT_ONCE) => {}
    }
}

/// Waits in simulated time where the clock stands still while anything real runs.
async fn pass(call: Call<'_>, duration: Duration) {
    match call.aws.clock.pace() {
        Pace::Real => tokio::time::sleep(duration).await,
        Pace::Still => call.aws.clock.sleep(duration).await,
    }
}

fn launch_of(input: &Input<'_>, cluster: &str, revision: &Revision) -> Result<Launch, ApiError> {
    let group = input.text("group")?;
    let mut tags = input.list("tags")?.cloned().unwrap_or_default();
    if input.text("propagateTags")? == Some("TASK_DEFINITION") {
        let new = |tag: &&Value| !tags.iter().any(|own| own["key"] == tag["key"]);
        let inherited: Vec<Value> = revision.tags.iter().filter(new).cloned().collect();
        tags.extend(inherited);
    }
    if input.boolean("enableECSManagedTags")? == Some(true) {
        tags.push(json!({ "key": "aws:ecs:clusterName", "value": cluster }));
    }
    Ok(Launch {
        cluster: cluster.to_owned(),
        revision: revision.clone(),
        launch_type: launch_type(input)?.to_owned(),
        platform_version: input.text("platformVersion")?.map(ToOwned::to_owned),
        network_configuration: input
            .value("networkConfiguration")
            .cloned()
            .unwrap_or_default(),
        placement: Placement::of(input.raw()),
        service: None,
        group: group.map_or_else(|| format!("family:{}", revision.family), ToOwned::to_owned),
        started_by: input.text("startedBy")?.map(ToOwned::to_owned),
        overrides: overrides(input),
        tags,
    })
}

/// The overrides without what cannot be overridden: ECS ignores members that it does not know, `image` and
/// `entryPoint` of a container among them.
fn overrides(input: &Input<'_>) -> Value {
    let known = |members: &[&str], value: &Value| {
        let mut own = value.as_object().cloned().unwrap_or_default();
        own.retain(|member, value| members.contains(&member.as_str()) && !value.is_null());
        own
    };
    let given = input.value("overrides").unwrap_or(&Value::Null);
    let mut overrides = known(&TASK_OVERRIDES, given);
    let containers = given["containerOverrides"].as_array().into_iter().flatten();
    let containers = containers.map(|container| known(&CONTAINER_OVERRIDES, container).into());
    overrides.insert(
        "containerOverrides".to_owned(),
        Value::Array(containers.collect()),
    );
    Value::Object(overrides)
}

/// A hash of the request without its empty members, whatever their order.
fn fingerprint(input: &Input<'_>) -> String {
    let mut parameters = input.raw().clone();
    parameters.retain(|_, value| !value.is_null());
    let mut parameters = Value::Object(parameters);
    parameters.sort_all_objects();
    sha256_hex(&parameters.to_string())
}

/// Where a world keeps no history, tokens older than a day are forgotten.
fn keep_token(state: &mut State, token: &str, used: UsedToken) {
    if state.forgets_tasks {
        let age = |known: &UsedToken| used.at.duration_since(known.at).unwrap_or_default();
        state
            .client_tokens
            .retain(|_, known| age(known) < TOKEN_LIFETIME);
    }
    state.client_tokens.insert(token.to_owned(), used);
}

/// The tasks of an earlier request with this token. It must have been the same request.
fn same_request(call: Call<'_>, token: &str) -> Result<Option<Vec<String>>, ApiError> {
    let known = call
        .aws
        .ecs
        .read(|state| state.client_tokens.get(token).cloned());
    match known {
        None => Ok(None),
        Some(used) if used.request == fingerprint(&call.input) => Ok(Some(used.tasks)),
        Some(used) => {
            let message = "The client token is in use with a different RunTask request.";
            let tasks = json!(used.tasks);
            Err(ApiError::new("ConflictException", message).with_member("resourceIds", tasks))
        }
    }
}

/// Where no revision is named, the latest one counts. Roles that the request does not override are the revision's.
fn on_revision_with_roles(call: Call<'_>) -> Vec<Permission> {
    let wanted = call.named_or_any("taskDefinition");
    let revision = call.aws.ecs.read(|state| state.revision(wanted).cloned());
    let resource = match &revision {
        Some(revision) => revision.arn(),
        None => full_arn("ecs", "task-definition/", wanted),
    };
    let mut needed = vec![with_tag_keys(call, in_cluster(call, call.on(resource)))];
    needed.extend(tag_new(call, &task_arn(call, "*")));
    let overrides = call.input.value("overrides").unwrap_or(&Value::Null);
    let role = |member: &str| match (&overrides[member], &revision) {
        (Value::Null, Some(revision)) => {
            revision.registered.get(member).cloned().unwrap_or_default()
        }
        (overridden, _) => overridden.clone(),
    };
    needed.extend(pass_roles([role("taskRoleArn"), role("executionRoleArn")]));
    needed
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    /// The tokens that are known after one of each hour was used.
    fn known(forgets_tasks: bool, hours: &[u64]) -> Vec<String> {
        let mut state = State {
            forgets_tasks,
            ..State::default()
        };
        for hour in hours {
            let used = UsedToken {
                at: UNIX_EPOCH + Duration::from_secs(hour * 60 * 60),
                request: String::new(),
                tasks: Vec::new(),
            };
            keep_token(&mut state, &hour.to_string(), used);
        }
        state.client_tokens.into_keys().collect()
    }

    #[test]
    fn without_a_history_a_token_is_known_for_a_day() {
        assert_eq!(known(false, &[1, 2, 25]), ["1", "2", "25"]);
        assert_eq!(known(true, &[1, 2, 25]), ["2", "25"]);
        assert_eq!(known(true, &[1, 24]), ["1", "24"]);
    }

    #[test]
    fn a_request_is_the_same_whatever_the_order_of_its_members() {
        let missing = |_: &str| invalid("missing");
        let of = |request: Value| fingerprint(&Input::new(&request, missing).unwrap());
        let one = json!({ "taskDefinition": "web", "overrides": { "cpu": "1", "memory": "2" } });
        let same = json!({ "overrides": { "memory": "2", "cpu": "1" }, "group": null, "taskDefinition": "web" });
        let other = json!({ "taskDefinition": "web", "overrides": { "cpu": "2", "memory": "1" } });
        assert_eq!(of(one.clone()), of(same));
        assert_ne!(of(one), of(other));
    }
}
