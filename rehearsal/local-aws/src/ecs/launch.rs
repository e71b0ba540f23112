//! Creates and starts a task, for a task set or for RunTask.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::capacity::{NoPlace, needs, place};
use super::placement::Placement;
use super::run::run;
use super::running::emit_change;
use super::task::{Health, Network, Task, TaskContainer, TaskStatus};
use super::task_definition::Revision;
use super::{Ecs, State};
use crate::assumption::Assumption;
use crate::identity::arn;

/// How long a new task is missing from responses under `Assumption::NewTasksAreMissing`.
const UNSEEN: Duration = Duration::from_secs(5);
/// The platform version that `LATEST` resolves to on Fargate.
const LATEST_PLATFORM: &str = "1.4.0";

/// A task to start.
#[derive(Debug, Clone)]
pub struct Launch {
    pub cluster: String,
    pub revision: Revision,
    pub launch_type: String,
    /// As requested; `None` means `LATEST`.
    pub platform_version: Option<String>,
    pub network_configuration: Value,
    /// On container instances.
    pub placement: Placement,
    /// The service and its task set; `None` for RunTask.
    pub service: Option<(String, String)>,
    pub group: String,
    pub started_by: Option<String>,
    pub overrides: Value,
    pub tags: Vec<Value>,
}

/// Places the task and starts it.
pub fn launch(ecs: &Arc<Ecs>, launch: Launch) -> Result<Task, NoPlace> {
    let revision = launch.revision.clone();
    let task = ecs.write(|state| make(ecs, state, launch))?;
    emit_change(ecs, &task);
    ecs.context
        .background
        .spawn(run(ecs.clone(), task.arn.clone(), revision));
    Ok(task)
}

/// Whether Fargate for Linux has this platform version (ECS Developer Guide, "Fargate platform versions for Linux").
pub fn is_platform(version: &str) -> bool {
    ["LATEST", "1.4.0", "1.3.0"].contains(&version)
}

fn make(ecs: &Ecs, state: &mut State, launch: Launch) -> Result<Task, NoPlace> {
    let place = place(
        state,
        &launch.cluster,
        &launch.launch_type,
        &launch.revision,
        (&launch.placement, &launch.group),
    )?;
    state.launched_ever += 1;
    if state.forgets_tasks {
        let now = ecs.context.clock.now();
        state.tasks.retain(|task| !task.is_expired(now));
    }
    let (id, now) = (ecs.context.ids.hexadecimal(), ecs.context.clock.now());
    let text = |member: &str| {
        let value = launch.revision.registered.get(member)?;
        value.as_str().map(ToOwned::to_owned)
    };
    let unseen =
        launch.service.is_none() && ecs.context.assumptions.hold(Assumption::NewTasksAreMissing);
    let fargate = place.instance.is_none();
    let platform = launch
        .platform_version
        .filter(|version| version != "LATEST")
        .unwrap_or_else(|| LATEST_PLATFORM.to_owned());
    let subnet = &launch.network_configuration["awsvpcConfiguration"]["subnets"][0];
    let (service, task_set) = launch.service.unzip();
    let task = Task {
        arn: arn("ecs", &format!("task/{}/{id}", launch.cluster)),
        task_definition: launch.revision.arn(),
        family: launch.revision.family.clone(),
        containers: containers(ecs, &launch.revision, &launch.cluster, &id),
        cpu: text("cpu"),
        memory: text("memory"),
        cluster: launch.cluster,
        service,
        task_set,
        group: launch.group,
        started_by: launch.started_by,
        status: first_status(&place.network),
        stop: None,
        overrides: launch.overrides,
        tags: launch.tags,
        launch_type: launch.launch_type,
        platform_version: fargate.then_some(platform),
        instance: place.instance,
        network: place.network,
        subnet: subnet.as_str().map(ToOwned::to_owned),
        reserved: needs(&launch.revision),
        created_at: now,
        pulled_at: None,
        started_at: None,
        stopping_at: None,
        stopped_at: None,
        updated_at: now,
        version: 1,
        visible_from: now + if unseen { UNSEEN } else { Duration::ZERO },
    };
    state.tasks.push(task.clone());
    Ok(task)
}

/// A task without its own network interface has nothing to provision.
fn first_status(network: &Network) -> TaskStatus {
    match network {
        Network::Interface(_) => TaskStatus::Provisioning,
        Network::Host(_) => TaskStatus::Pending,
    }
}

fn containers(ecs: &Ecs, revision: &Revision, cluster: &str, task_id: &str) -> Vec<TaskContainer> {
    let make = |definition: &Value| {
        let text = |member: &str| definition[member].as_str().unwrap_or_default().to_owned();
        let id = ecs.context.ids.uuid();
        TaskContainer {
            name: text("name"),
            arn: arn("ecs", &format!("container/{cluster}/{task_id}/{id}")),
            image: text("image"),
            image_digest: None,
            essential: definition["essential"] != false,
            ran: Vec::new(),
            exit_code: None,
            end: None,
            reason: None,
            started_at: None,
            is_checked: is_checked(definition),
            health: Health::Unknown,
        }
    };
    revision.containers().map(make).collect()
}

/// Whether a container has a health check; `NONE` turns that of the image off.
fn is_checked(definition: &Value) -> bool {
    let command = definition["healthCheck"]["command"].as_array();
    command.is_some_and(|words| words.first().is_some_and(|kind| kind != "NONE"))
}
