//! Makes a task, for a task set or for RunTask, and lets it run.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::run::{run, tell};
use super::task::{Task, TaskContainer, TaskStatus};
use super::task_definition::Revision;
use crate::identity::arn;
use crate::world::Aws;

/// DescribeTasks does not know a new task for this long.
const UNSEEN: Duration = Duration::from_secs(1);

/// A task that is to be started.
pub struct Launch {
    pub cluster: String,
    pub revision: Revision,
    pub launch_type: String,
    /// The service and its task set, or nothing for RunTask.
    pub service: Option<(String, String)>,
    pub group: String,
    pub started_by: Option<String>,
    pub overrides: Value,
    pub tags: Vec<Value>,
}

/// Makes the task and lets it run.
pub fn launch(aws: &Arc<Aws>, launch: Launch) -> Task {
    let id = aws.ids.hexadecimal();
    let now = aws.clock.now();
    let number = aws.ecs.read(|state| state.tasks.len());
    let text = |member: &str| {
        launch
            .revision
            .registered
            .get(member)
            .and_then(Value::as_str)
            .map(ToOwned::to_owned)
    };
    let unseen = if launch.service.is_some() {
        Duration::ZERO
    } else {
        UNSEEN
    };
    let containers = launch
        .revision
        .containers()
        .map(|definition| TaskContainer {
            name: definition["name"].as_str().unwrap_or_default().to_owned(),
            arn: arn(
                "ecs",
                &format!("container/{}/{id}/{}", launch.cluster, aws.ids.uuid()),
            ),
            image: definition["image"].as_str().unwrap_or_default().to_owned(),
            image_digest: None,
            essential: definition["essential"] != false,
            exit_code: None,
            reason: None,
        });
    let (service, task_set) = launch.service.unzip();
    let task = Task {
        arn: arn("ecs", &format!("task/{}/{id}", launch.cluster)),
        task_definition: launch.revision.arn(),
        family: launch.revision.family.clone(),
        containers: containers.collect(),
        cpu: text("cpu"),
        memory: text("memory"),
        cluster: launch.cluster,
        service,
        task_set,
        group: launch.group,
        started_by: launch.started_by,
        status: TaskStatus::Provisioning,
        stop: None,
        overrides: launch.overrides,
        tags: launch.tags,
        launch_type: launch.launch_type,
        address: format!("10.0.{}.{}", 12 + number / 200, 10 + number % 200),
        created_at: now,
        pulled_at: None,
        started_at: None,
        stopping_at: None,
        stopped_at: None,
        updated_at: now,
        version: 1,
        visible_from: now + unseen,
    };
    aws.ecs.write(|state| state.tasks.push(task.clone()));
    tell(aws, &task);
    aws.background
        .spawn(run(aws.clone(), task.arn.clone(), launch.revision));
    task
}
