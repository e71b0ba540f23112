//! A task: its state, and the shapes in which answers and events show it.

use std::time::SystemTime;

use serde_json::{Map, Value, json};

use crate::api::stamp::Stamp;
use crate::happening::Purpose;
use crate::identity::arn;

/// A task's status, in the order in which a task goes through them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TaskStatus {
    Provisioning,
    Pending,
    Activating,
    Running,
    Deactivating,
    Stopping,
    Deprovisioning,
    Stopped,
}

impl TaskStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            TaskStatus::Provisioning => "PROVISIONING",
            TaskStatus::Pending => "PENDING",
            TaskStatus::Activating => "ACTIVATING",
            TaskStatus::Running => "RUNNING",
            TaskStatus::Deactivating => "DEACTIVATING",
            TaskStatus::Stopping => "STOPPING",
            TaskStatus::Deprovisioning => "DEPROVISIONING",
            TaskStatus::Stopped => "STOPPED",
        }
    }
}

/// Why a task stops: `stopCode` and `stoppedReason`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    pub code: &'static str,
    pub reason: String,
}

#[derive(Debug, Clone, PartialEq)]
pub struct TaskContainer {
    pub name: String,
    pub arn: String,
    pub image: String,
    /// Known for images of ECR, once pulled.
    pub image_digest: Option<String>,
    pub essential: bool,
    pub exit_code: Option<i32>,
    pub reason: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    pub arn: String,
    pub cluster: String,
    /// ARN of the revision.
    pub task_definition: String,
    pub family: String,
    /// The service it belongs to, and its task set's id.
    pub service: Option<String>,
    pub task_set: Option<String>,
    pub group: String,
    pub started_by: Option<String>,
    pub status: TaskStatus,
    /// Set as soon as somebody wants it stopped or it stops by itself.
    pub stop: Option<Stop>,
    pub containers: Vec<TaskContainer>,
    /// As RunTask got them.
    pub overrides: Value,
    pub tags: Vec<Value>,
    pub launch_type: String,
    pub address: String,
    pub cpu: Option<String>,
    pub memory: Option<String>,
    pub created_at: SystemTime,
    pub pulled_at: Option<SystemTime>,
    pub started_at: Option<SystemTime>,
    pub stopping_at: Option<SystemTime>,
    pub stopped_at: Option<SystemTime>,
    pub updated_at: SystemTime,
    /// One more with every change that an event tells.
    pub version: u32,
    /// DescribeTasks does not find a task that RunTask has only just started.
    pub visible_from: SystemTime,
}

impl Task {
    pub fn id(&self) -> &str {
        self.arn.rsplit('/').next().unwrap_or(&self.arn)
    }

    /// What ECS wants of it.
    pub fn desired_status(&self) -> &'static str {
        if self.stop.is_some() {
            "STOPPED"
        } else {
            "RUNNING"
        }
    }

    pub fn purpose(&self) -> Purpose {
        match &self.service {
            Some(service) => Purpose::Service(service.clone()),
            None => Purpose::Once {
                started_by: self.started_by.clone(),
                command: self.overridden_command(),
            },
        }
    }

    fn overridden_command(&self) -> Vec<String> {
        let overrides = self.overrides["containerOverrides"]
            .as_array()
            .into_iter()
            .flatten();
        let words =
            overrides.flat_map(|container| container["command"].as_array().into_iter().flatten());
        words
            .filter_map(|word| word.as_str().map(ToOwned::to_owned))
            .collect()
    }

    /// The exit code that matters: of the first essential container that has one.
    pub fn exit_code(&self) -> Option<i32> {
        self.containers
            .iter()
            .filter(|container| container.essential)
            .find_map(|container| container.exit_code)
    }

    /// As DescribeTasks and RunTask show it; `stamp` writes moments.
    pub fn describe(&self, stamp: Stamp) -> Value {
        let cluster = arn("ecs", &format!("cluster/{}", self.cluster));
        let mut answer = json!({
            "attachments": [self.attachment()],
            "attributes": [{ "name": "ecs.cpu-architecture", "value": "x86_64" }],
            "availabilityZone": "eu-central-1a",
            "clusterArn": cluster,
            "connectivity": "CONNECTED",
            "containers": self.containers.iter().map(|container| self.describe_container(container)).collect::<Vec<_>>(),
            "createdAt": stamp(self.created_at),
            "desiredStatus": self.desired_status(),
            "enableExecuteCommand": false,
            "group": self.group,
            "healthStatus": "UNKNOWN",
            "lastStatus": self.status.as_str(),
            "launchType": self.launch_type,
            "overrides": self.overrides,
            "platformFamily": "Linux",
            "platformVersion": "1.4.0",
            "tags": self.tags,
            "taskArn": self.arn,
            "taskDefinitionArn": self.task_definition,
            "version": self.version,
        });
        let moments = [
            ("pullStartedAt", self.pulled_at),
            ("pullStoppedAt", self.pulled_at),
            ("connectivityAt", self.pulled_at),
            ("startedAt", self.started_at),
            ("stoppingAt", self.stopping_at),
            (
                "executionStoppedAt",
                self.stopping_at.filter(|_| self.started_at.is_some()),
            ),
            ("stoppedAt", self.stopped_at),
        ];
        let members = moments
            .into_iter()
            .filter_map(|(name, moment)| Some((name, stamp(moment?))));
        let texts = [
            ("startedBy", self.started_by.as_deref()),
            ("cpu", self.cpu.as_deref()),
            ("memory", self.memory.as_deref()),
            ("stopCode", self.stop.as_ref().map(|stop| stop.code)),
            (
                "stoppedReason",
                self.stop.as_ref().map(|stop| stop.reason.as_str()),
            ),
        ];
        let texts = texts
            .into_iter()
            .filter_map(|(name, text)| Some((name, json!(text?))));
        for (name, value) in members.chain(texts) {
            answer[name] = value;
        }
        answer
    }

    /// The detail of *ECS Task State Change*: the task with moments as text, and when it changed.
    pub fn event_detail(&self) -> Value {
        let mut detail = self.describe(crate::api::stamp::iso);
        detail["updatedAt"] = crate::api::stamp::iso(self.updated_at);
        detail
    }

    fn attachment_id(&self) -> String {
        let id = self.id();
        format!(
            "{}-{}-4{}-a{}-{}",
            &id[..8],
            &id[8..12],
            &id[12..15],
            &id[15..18],
            &id[18..30]
        )
    }

    fn attachment(&self) -> Value {
        let status = match self.status {
            TaskStatus::Provisioning => "PRECREATED",
            TaskStatus::Stopped => "DELETED",
            TaskStatus::Pending
            | TaskStatus::Activating
            | TaskStatus::Running
            | TaskStatus::Deactivating
            | TaskStatus::Stopping
            | TaskStatus::Deprovisioning => "ATTACHED",
        };
        json!({
            "id": self.attachment_id(),
            "type": "ElasticNetworkInterface",
            "status": status,
            "details": [{ "name": "privateIPv4Address", "value": self.address }],
        })
    }

    fn describe_container(&self, container: &TaskContainer) -> Value {
        let status = match self.status {
            TaskStatus::Provisioning | TaskStatus::Pending | TaskStatus::Activating => "PENDING",
            TaskStatus::Running => "RUNNING",
            TaskStatus::Deactivating if container.exit_code.is_none() => "RUNNING",
            TaskStatus::Deactivating
            | TaskStatus::Stopping
            | TaskStatus::Deprovisioning
            | TaskStatus::Stopped => "STOPPED",
        };
        let mut members = Map::new();
        let mut set = |name: &str, value: Value| members.insert(name.to_owned(), value);
        set("containerArn", json!(container.arn));
        set("taskArn", json!(self.arn));
        set("name", json!(container.name));
        set("image", json!(container.image));
        if let Some(digest) = &container.image_digest {
            set("imageDigest", json!(digest));
            set(
                "runtimeId",
                json!(format!("{}-{}", self.id(), container.name)),
            );
        }
        set("lastStatus", json!(status));
        if let Some(code) = container.exit_code {
            set("exitCode", json!(code));
        }
        if let Some(reason) = &container.reason {
            set("reason", json!(reason));
        }
        let network =
            json!([{ "attachmentId": self.attachment_id(), "privateIpv4Address": self.address }]);
        set("networkInterfaces", network);
        set("healthStatus", json!("UNKNOWN"));
        set("cpu", json!("0"));
        Value::Object(members)
    }
}
