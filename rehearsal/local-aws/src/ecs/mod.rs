//! ECS: clusters, task definitions, services with task sets, and tasks that are real processes.
//!
//! `task_definition`, `service` and `task` are plain data with AWS's shapes; `keep` keeps a task set at its desired
//! count; `instance` models what tasks run on, `capacity` places a task, `launch` creates it, `run` runs it from
//! PROVISIONING to STOPPED; `container` turns a container definition into a process.

pub mod capacity;
pub mod container;
mod dependencies;
mod describe_service;
mod describe_task;
mod exits;
mod health_check;
mod health_watch;
pub mod instance;
pub mod keep;
pub mod launch;
pub mod placement;
pub(crate) mod program_failure;
pub mod query;
pub mod registration;
mod restart;
pub mod run;
mod running;
mod secrets;
pub mod service;
mod start_order;
mod target;
pub mod task;
pub mod task_definition;

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;
use std::time::SystemTime;

use serde_json::Value;

pub use self::describe_service::View;
use self::instance::ContainerInstance;
use self::service::{Service, TaskSet};
use self::task::Task;
use self::task_definition::Revision;
use crate::context::Context;
use crate::ecr::Ecr;
use crate::elb::LoadBalancers;
use crate::events::EventBus;
use crate::identity::arn;
use crate::logs::Logs;
use crate::observable::Observable;
use crate::program::Executables;
use crate::secrets_manager::SecretsManager;

/// ECS's state.
#[derive(Default)]
pub struct State {
    pub clusters: Vec<String>,
    /// Tags by cluster.
    pub cluster_tags: BTreeMap<String, Vec<Value>>,
    /// Revisions by family, in order.
    pub families: BTreeMap<String, Vec<Revision>>,
    pub services: Vec<Service>,
    pub tasks: Vec<Task>,
    pub container_instances: Vec<ContainerInstance>,
    /// The number of tasks that fit on Fargate; unlimited if absent.
    pub fargate_tasks_at_most: Option<usize>,
    /// Stopped tasks are removed when the API shows them no longer, and what they served is not kept.
    pub forgets_tasks: bool,
    /// The number of tasks created so far.
    pub launched_ever: usize,
    /// RunTask's client tokens.
    pub client_tokens: BTreeMap<String, UsedToken>,
    /// Digests by image reference, of each task set: resolved once for all its tasks, so that a tag that moves does not split
    /// it. Those of a service revision outlive its tasks, because a rollback runs it again.
    pub resolved: BTreeMap<String, BTreeMap<String, String>>,
    /// Every task that was registered with a target group, in order.
    pub served: Vec<Served>,
}

/// A use of a client token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsedToken {
    pub at: SystemTime,
    /// A hash of the request, whose other uses must be equal.
    pub request: String,
    /// The tasks that it started.
    pub tasks: Vec<String>,
}

/// A task registered with a target group, and its deployment; kept after its task set is deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    pub since: SystemTime,
    pub task: String,
    /// The deployment that created its task set.
    pub deployment: Option<String>,
    pub target_group_arn: String,
    /// As the target group knows it.
    pub id: String,
    pub port: u16,
}

/// ECS: its state, and the services that it uses.
pub struct Ecs {
    context: Context,
    state: Observable<State>,
    ecr: Arc<Ecr>,
    secrets_manager: Arc<SecretsManager>,
    load_balancers: LoadBalancers,
    events: EventBus,
    logs: Logs,
    executables: Executables,
}

impl Deref for Ecs {
    type Target = Observable<State>;

    fn deref(&self) -> &Observable<State> {
        &self.state
    }
}

impl Ecs {
    pub fn new(
        context: Context,
        ecr: Arc<Ecr>,
        secrets_manager: Arc<SecretsManager>,
        load_balancers: LoadBalancers,
        events: EventBus,
        logs: Logs,
        executables: Executables,
    ) -> Ecs {
        Ecs {
            context,
            state: Observable::new(State::default()),
            ecr,
            secrets_manager,
            load_balancers,
            events,
            logs,
            executables,
        }
    }
}

impl State {
    /// Finds a cluster by name or ARN; without either, the default one.
    pub fn cluster(&self, name_or_arn: Option<&str>) -> Option<&str> {
        let name = name_or_arn.unwrap_or("default");
        let name = name.strip_prefix(&arn("ecs", "cluster/")).unwrap_or(name);
        self.clusters
            .iter()
            .find(|cluster| *cluster == name)
            .map(String::as_str)
    }

    /// Finds a service by name or ARN.
    pub fn service(&self, cluster: &str, name_or_arn: &str) -> Option<&Service> {
        let wanted = |service: &&Service| {
            service.cluster == cluster
                && (service.name == name_or_arn || service.arn() == name_or_arn)
        };
        self.services.iter().find(wanted)
    }

    pub fn service_mut(&mut self, cluster: &str, name: &str) -> Option<&mut Service> {
        self.services
            .iter_mut()
            .find(|service| service.cluster == cluster && service.name == name)
    }

    /// Finds a task set by its id, with its service.
    pub fn task_set(&self, id: &str) -> Option<(&Service, &TaskSet)> {
        self.services
            .iter()
            .find_map(|service| Some((service, service.task_sets.iter().find(|set| set.id == id)?)))
    }

    pub fn task_set_mut(&mut self, id: &str) -> Option<&mut TaskSet> {
        self.services
            .iter_mut()
            .find_map(|service| service.task_sets.iter_mut().find(|set| set.id == id))
    }

    /// Finds a task by ARN or id.
    pub fn task(&self, arn_or_id: &str) -> Option<&Task> {
        self.tasks
            .iter()
            .find(|task| task.arn == arn_or_id || task.id() == arn_or_id)
    }

    pub fn task_mut(&mut self, arn_or_id: &str) -> Option<&mut Task> {
        self.tasks
            .iter_mut()
            .find(|task| task.arn == arn_or_id || task.id() == arn_or_id)
    }

    /// Finds a revision by ARN or `family:revision`, or the latest ACTIVE one of a family.
    pub fn revision(&self, wanted: &str) -> Option<&Revision> {
        let name = wanted
            .strip_prefix(&arn("ecs", "task-definition/"))
            .unwrap_or(wanted);
        match name.rsplit_once(':') {
            Some((family, number)) => {
                let number: u32 = number.parse().ok()?;
                self.families
                    .get(family)?
                    .iter()
                    .find(|revision| revision.number == number)
            }
            None => self
                .families
                .get(name)?
                .iter()
                .rev()
                .find(|revision| revision.is_active()),
        }
    }

    pub fn instances_of(&self, cluster: &str) -> impl Iterator<Item = &ContainerInstance> {
        self.container_instances
            .iter()
            .filter(move |instance| instance.cluster == cluster)
    }

    /// The tasks of a task set.
    pub fn tasks_of<'a>(&'a self, task_set: &'a str) -> impl Iterator<Item = &'a Task> {
        self.tasks
            .iter()
            .filter(move |task| task.task_set.as_deref() == Some(task_set))
    }
}
