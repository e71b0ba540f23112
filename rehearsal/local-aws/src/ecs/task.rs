//! A task and its state.

use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::instance::{ContainerInstance, Resources};
use crate::timeline::Purpose;

/// How long a stopped task is returned. AWS guarantees at least an hour; here it is exactly one, because nothing may
/// depend on more.
const SHOWN_AFTER_STOP: Duration = Duration::from_secs(60 * 60);

/// A task's status, in the order of its lifecycle.
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

impl Stop {
    /// Whether nobody has asked for it: not a person, and not a change of the desired count.
    pub(super) fn is_failure(&self) -> bool {
        self.code != "UserInitiated" && !self.reason.starts_with("Scaling")
    }
}

/// How a task is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Network {
    /// By the address of its own network interface (`awsvpc`).
    Interface(String),
    /// By ports of its container instance (`bridge`, `host`).
    Host(Vec<Binding>),
}

/// A container's port, and the port of the container instance that forwards to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    pub container: String,
    pub container_port: u16,
    pub host_port: u16,
    pub protocol: String,
}

#[derive(Debug, Clone, PartialEq)]
pub struct TaskContainer {
    pub name: String,
    pub arn: String,
    pub image: String,
    /// Known for images of ECR, once pulled.
    pub image_digest: Option<String>,
    pub essential: bool,
    /// The command of its process, without a shell; no API returns it.
    pub ran: Vec<String>,
    pub exit_code: Option<i32>,
    pub end: Option<ContainerEnd>,
    pub reason: Option<String>,
    /// When its process started last; none of a container in which nothing runs, and of one that waits for others.
    pub started_at: Option<SystemTime>,
    /// Whether its definition has a health check.
    pub is_checked: bool,
    pub health: Health,
}

/// `healthStatus`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Health {
    /// It is not known yet, or nothing checks it.
    #[default]
    Unknown,
    Healthy,
    Unhealthy,
}

impl Health {
    pub fn as_str(self) -> &'static str {
        match self {
            Health::Unknown => "UNKNOWN",
            Health::Healthy => "HEALTHY",
            Health::Unhealthy => "UNHEALTHY",
        }
    }
}

/// How a container's process ended, which ECS does not report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContainerEnd {
    pub at: SystemTime,
    /// By itself, not on a signal.
    pub by_itself: bool,
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
    /// Set as soon as the task is asked to stop or stops by itself.
    pub stop: Option<Stop>,
    pub containers: Vec<TaskContainer>,
    /// As given to RunTask.
    pub overrides: Value,
    pub tags: Vec<Value>,
    pub launch_type: String,
    /// On Fargate.
    pub platform_version: Option<String>,
    /// None on Fargate.
    pub instance: Option<ContainerInstance>,
    pub network: Network,
    /// The subnet of its network interface.
    pub subnet: Option<String>,
    pub reserved: Resources,
    pub cpu: Option<String>,
    pub memory: Option<String>,
    pub created_at: SystemTime,
    pub pulled_at: Option<SystemTime>,
    pub started_at: Option<SystemTime>,
    pub stopping_at: Option<SystemTime>,
    pub stopped_at: Option<SystemTime>,
    pub updated_at: SystemTime,
    /// Incremented with every change that emits an event.
    pub version: u32,
    /// From when DescribeTasks returns the task, which may be some seconds after RunTask.
    pub visible_from: SystemTime,
}

impl Task {
    pub fn id(&self) -> &str {
        self.arn.rsplit('/').next().unwrap_or(&self.arn)
    }

    /// The task's desired status.
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
                command: self.redacted_command(),
            },
        }
    }

    fn redacted_command(&self) -> Vec<String> {
        let overrides = self.overrides["containerOverrides"]
            .as_array()
            .into_iter()
            .flatten();
        let words =
            overrides.flat_map(|container| container["command"].as_array().into_iter().flatten());
        words.filter_map(Value::as_str).map(redacted).collect()
    }

    /// Its health, from that of its essential containers that are checked (ECS Developer Guide, "Determine Amazon ECS task
    /// health using container health checks").
    pub fn health(&self) -> Health {
        let containers = self.containers.iter();
        let checked = containers.filter(|container| container.essential && container.is_checked);
        let checked: Vec<Health> = checked.map(|container| container.health).collect();
        match checked.as_slice() {
            [] => Health::Unknown,
            all if all.contains(&Health::Unhealthy) => Health::Unhealthy,
            all if all.contains(&Health::Unknown) => Health::Unknown,
            [_, ..] => Health::Healthy,
        }
    }

    /// Whether no health check of an essential container is still to succeed.
    pub fn passes_its_checks(&self) -> bool {
        !self.is_checked() || self.health() == Health::Healthy
    }

    /// Whether an essential container has a health check.
    pub fn is_checked(&self) -> bool {
        let mut containers = self.containers.iter();
        containers.any(|container| container.essential && container.is_checked)
    }

    /// Whether the API returns the task: a new one may be missing at first, and a stopped one expires.
    pub fn is_shown(&self, now: SystemTime) -> bool {
        now >= self.visible_from && !self.is_expired(now)
    }

    /// Whether the task stopped so long ago that no response has it any more.
    pub fn is_expired(&self, now: SystemTime) -> bool {
        self.stopped_at
            .is_some_and(|at| now >= at + SHOWN_AFTER_STOP)
    }

    /// The task's target id: address or container instance, and port.
    pub fn target(&self, container: &str, port: u16) -> Option<(&str, u16)> {
        match &self.network {
            Network::Interface(address) => Some((address, port)),
            Network::Host(bindings) => {
                let led_to = |binding: &&Binding| {
                    binding.container == container && binding.container_port == port
                };
                let binding = bindings.iter().find(led_to)?;
                Some((&self.instance.as_ref()?.ec2_instance_id, binding.host_port))
            }
        }
    }

    /// Its ports of the container instance.
    pub fn bindings(&self) -> &[Binding] {
        match &self.network {
            Network::Interface(_) => &[],
            Network::Host(bindings) => bindings,
        }
    }

    /// The exit code that matters: that of the container whose command was overridden, or of the first essential one
    /// that has an exit code.
    pub fn exit_code(&self) -> Option<i32> {
        let overrides = self.overrides["containerOverrides"].as_array();
        let commanded = overrides.into_iter().flatten().find(|container| {
            let words = container["command"].as_array();
            words.is_some_and(|words| !words.is_empty())
        });
        let matters = |container: &&TaskContainer| match commanded {
            Some(commanded) => commanded["name"] == container.name.as_str(),
            None => container.essential,
        };
        let mut containers = self.containers.iter().filter(matters);
        containers.find_map(|container| container.exit_code)
    }
}

#[cfg(test)]
impl Task {
    /// A task of cluster `prod` that runs on Fargate, without containers.
    pub(crate) fn for_tests(arn: &str) -> Task {
        use std::time::UNIX_EPOCH;

        Task {
            arn: arn.to_owned(),
            cluster: "prod".to_owned(),
            task_definition: "web:1".to_owned(),
            family: "web".to_owned(),
            service: None,
            task_set: None,
            group: "family:web".to_owned(),
            started_by: None,
            status: TaskStatus::Running,
            stop: None,
            containers: Vec::new(),
            overrides: Value::Null,
            tags: Vec::new(),
            launch_type: "FARGATE".to_owned(),
            platform_version: None,
            instance: None,
            network: Network::Interface("10.0.0.1".to_owned()),
            subnet: None,
            reserved: Resources::default(),
            cpu: None,
            memory: None,
            created_at: UNIX_EPOCH,
            pulled_at: None,
            started_at: None,
            stopping_at: None,
            stopped_at: None,
            updated_at: UNIX_EPOCH,
            version: 1,
            visible_from: UNIX_EPOCH,
        }
    }
}

/// Redacts a word of a command: the value of an option and the rest of a URL may be secret.
fn redacted(word: &str) -> String {
    let ends = ["=", "://"].map(|sign| Some(word.find(sign)? + sign.len()));
    match ends.into_iter().flatten().min() {
        Some(end) => format!("{}…", &word[..end]),
        None => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn a_task_is_returned_until_an_hour_after_its_end() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        let task = Task {
            visible_from: at(5),
            stopped_at: Some(at(100)),
            ..Task::for_tests("task/1")
        };
        for (seconds, shown) in [(0, false), (5, true), (3699, true), (3700, false)] {
            assert_eq!(task.is_shown(at(seconds)), shown, "{seconds}");
            // A task that is not shown yet is still to come.
            assert_eq!(task.is_expired(at(seconds)), seconds == 3700, "{seconds}");
        }
    }

    #[test]
    fn secrets_in_a_command_are_redacted() {
        for (word, expected) in [
            ("manage.py", "manage.py"),
            ("--noinput", "--noinput"),
            ("--password=hunter2=", "--password=…"),
            ("DB=postgres://shop:hunter2@db ./migrate", "DB=…"),
            (
                "postgres://shop:hunter2@db/shop?sslmode=require",
                "postgres://…",
            ),
        ] {
            assert_eq!(redacted(word), expected);
        }
    }

    fn container_for_tests() -> TaskContainer {
        TaskContainer {
            name: "web".to_owned(),
            arn: "container/1".to_owned(),
            image: "i".to_owned(),
            image_digest: None,
            essential: true,
            ran: Vec::new(),
            exit_code: None,
            end: None,
            reason: None,
            started_at: None,
            is_checked: false,
            health: Health::Unknown,
        }
    }

    #[test]
    fn a_task_is_as_healthy_as_its_essential_containers_that_are_checked() {
        use Health::{Healthy, Unhealthy, Unknown};
        let container = |essential, is_checked, health| TaskContainer {
            essential,
            is_checked,
            health,
            ..container_for_tests()
        };
        for (containers, expected) in [
            (vec![container(true, false, Unknown)], Unknown),
            (
                vec![
                    container(true, true, Healthy),
                    container(true, false, Unknown),
                ],
                Healthy,
            ),
            (
                vec![
                    container(true, true, Healthy),
                    container(false, true, Unhealthy),
                ],
                Healthy,
            ),
            (
                vec![
                    container(true, true, Healthy),
                    container(true, true, Unknown),
                ],
                Unknown,
            ),
            (
                vec![
                    container(true, true, Unhealthy),
                    container(true, true, Unknown),
                ],
                Unhealthy,
            ),
            (vec![container(false, true, Healthy)], Unknown),
        ] {
            let task = Task {
                containers,
                ..Task::for_tests("task/1")
            };
            assert_eq!(task.health(), expected, "{:?}", task.containers);
        }
    }
}
