//! CodeDeploy for ECS: applications, deployment groups, and blue/green deployments.
//!
//! `app_spec`, `lifecycle`, `plan`, `traffic` and `ending` decide on plain data. `engine` runs a deployment, `rollback`
//! one that rolls another back; both change ECS and the load balancer through `task_sets`. `describe` renders AWS's
//! shapes.

pub mod announce;
pub mod app_spec;
pub mod describe;
pub mod ending;
pub mod engine;
mod group;
pub mod hook;
mod install;
pub mod lifecycle;
pub mod plan;
mod record;
pub mod requests;
mod revision;
mod rollback;
mod shift;
mod task_sets;
pub mod traffic;
mod waits;
mod watch;

#[cfg(test)]
mod tests;

use std::ops::Deref;
use std::sync::Arc;
use std::time::SystemTime;

use self::app_spec::AppSpec;
pub use self::group::{Alarms, Group, ReadyOption, TargetGroup};
use self::lifecycle::{EventStatus, LifecycleEvent};
pub use self::revision::{ApplicationRevision, RevisionUse};
use self::traffic::{ConfigRecord, DeploymentConfig};
use crate::cloudwatch::CloudWatch;
use crate::context::Context;
use crate::ecr::Ecr;
use crate::ecs::Ecs;
use crate::elb::LoadBalancers;
use crate::events::EventBus;
use crate::identity::sha256_hex;
use crate::lambda::Lambda;
use crate::observable::Observable;

/// CodeDeploy's state.
#[derive(Default)]
pub struct State {
    pub applications: Vec<Application>,
    pub groups: Vec<Group>,
    pub configs: Vec<ConfigRecord>,
    pub deployments: Vec<Deployment>,
    pub revisions: Vec<ApplicationRevision>,
}

/// CodeDeploy: its state, and the services that it uses.
pub struct CodeDeploy {
    context: Context,
    state: Observable<State>,
    cloudwatch: Arc<CloudWatch>,
    ecr: Arc<Ecr>,
    ecs: Arc<Ecs>,
    load_balancers: LoadBalancers,
    events: EventBus,
    lambda: Lambda,
}

impl Deref for CodeDeploy {
    type Target = Observable<State>;

    fn deref(&self) -> &Observable<State> {
        &self.state
    }
}

impl CodeDeploy {
    pub fn new(
        context: Context,
        cloudwatch: Arc<CloudWatch>,
        ecr: Arc<Ecr>,
        ecs: Arc<Ecs>,
        load_balancers: LoadBalancers,
        events: EventBus,
        lambda: Lambda,
    ) -> CodeDeploy {
        CodeDeploy {
            context,
            state: Observable::new(State::default()),
            cloudwatch,
            ecr,
            ecs,
            load_balancers,
            events,
            lambda,
        }
    }
}

#[derive(Debug, Clone)]
pub struct Application {
    pub name: String,
    pub id: String,
    pub created_at: SystemTime,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeploymentStatus {
    Created,
    InProgress,
    /// Green is ready, and the deployment waits for ContinueDeployment.
    Ready,
    Succeeded,
    Failed,
    Stopped,
}

impl DeploymentStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            DeploymentStatus::Created => "Created",
            DeploymentStatus::InProgress => "InProgress",
            DeploymentStatus::Ready => "Ready",
            DeploymentStatus::Succeeded => "Succeeded",
            DeploymentStatus::Failed => "Failed",
            DeploymentStatus::Stopped => "Stopped",
        }
    }

    pub fn is_active(self) -> bool {
        match self {
            DeploymentStatus::Created | DeploymentStatus::InProgress | DeploymentStatus::Ready => {
                true
            }
            DeploymentStatus::Succeeded | DeploymentStatus::Failed | DeploymentStatus::Stopped => {
                false
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Creator {
    User,
    Rollback,
}

impl Creator {
    pub fn as_str(self) -> &'static str {
        match self {
            Creator::User => "user",
            Creator::Rollback => "codeDeployRollback",
        }
    }
}

#[derive(Debug, Clone)]
pub struct Deployment {
    pub id: String,
    pub application: String,
    pub group: String,
    pub config: DeploymentConfig,
    pub description: Option<String>,
    pub creator: Creator,
    pub status: DeploymentStatus,
    /// CodeDeploy's error code and message.
    pub error: Option<(String, String)>,
    pub created_at: SystemTime,
    pub started_at: Option<SystemTime>,
    pub completed_at: Option<SystemTime>,
    pub sha256: String,
    pub app_spec: AppSpec,
    /// The deployment's setting, or the group's.
    pub rollback_on: Vec<String>,
    /// The deployment's setting, or the group's.
    pub alarms: Alarms,
    pub alarms_override: Option<Alarms>,
    /// The rollback deployment that it triggered.
    pub rolled_back_by: Option<String>,
    /// The deployment that this one rolls back.
    pub rolls_back: Option<String>,
    pub events: Vec<EventRecord>,
    pub hooks: Vec<Hook>,
    /// Task set ids, set by Install.
    pub blue: Option<String>,
    pub green: Option<String>,
    /// Green's share of production.
    pub green_percent: u32,
    pub ready_wait: Wait,
    pub termination_wait: Wait,
    pub stop: Option<StopRequest>,
}

/// The progress of a wait that ContinueDeployment can end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    NotReached,
    Waiting,
    Over,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRecord {
    pub event: LifecycleEvent,
    pub status: EventStatus,
    pub started_at: Option<SystemTime>,
    pub ended_at: Option<SystemTime>,
    pub message: Option<String>,
}

/// A call to a hook function, and the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    pub execution_id: String,
    pub event: LifecycleEvent,
    pub answer: Option<HookAnswer>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HookAnswer {
    Succeeded,
    Failed,
}

/// A StopDeployment request, and whether it asks for a rollback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StopRequest {
    pub roll_back: Option<bool>,
}

impl State {
    pub fn application(&self, name: &str) -> Option<&Application> {
        self.applications
            .iter()
            .find(|application| application.name == name)
    }

    pub fn group(&self, application: &str, name: &str) -> Option<&Group> {
        self.groups
            .iter()
            .find(|group| group.application == application && group.name == name)
    }

    pub fn config(&self, name: &str) -> Option<&DeploymentConfig> {
        let mut configs = self.configs.iter().map(|known| &known.config);
        configs.find(|config| config.name == name)
    }

    pub fn deployment(&self, id: &str) -> Option<&Deployment> {
        self.deployments
            .iter()
            .find(|deployment| deployment.id == id)
    }

    pub fn deployment_mut(&mut self, id: &str) -> Option<&mut Deployment> {
        self.deployments
            .iter_mut()
            .find(|deployment| deployment.id == id)
    }

    pub fn group_of(&self, deployment: &Deployment) -> Option<&Group> {
        self.group(&deployment.application, &deployment.group)
    }

    /// Returns the group's deployment in progress.
    pub fn active(&self, application: &str, group: &str) -> Option<&Deployment> {
        let of_group = |deployment: &&Deployment| {
            deployment.application == application && deployment.group == group
        };
        self.deployments
            .iter()
            .filter(of_group)
            .find(|deployment| deployment.status.is_active())
    }
}

impl Deployment {
    /// A newly created user deployment with the group's settings. The AppSpec is given parsed and as text.
    pub fn of(
        group: &Group,
        id: String,
        config: DeploymentConfig,
        (app_spec, content): (AppSpec, &str),
        now: SystemTime,
    ) -> Deployment {
        Deployment {
            id,
            application: group.application.clone(),
            group: group.name.clone(),
            config,
            description: None,
            creator: Creator::User,
            status: DeploymentStatus::Created,
            error: None,
            created_at: now,
            started_at: None,
            completed_at: None,
            sha256: sha256_hex(content),
            app_spec,
            rollback_on: group.rollback_on.clone(),
            alarms_override: None,
            alarms: group.alarms.clone(),
            rolled_back_by: None,
            rolls_back: None,
            events: pending(lifecycle::events(group.test_listener.as_deref())),
            hooks: Vec::new(),
            blue: None,
            green: None,
            green_percent: 0,
            ready_wait: Wait::NotReached,
            termination_wait: Wait::NotReached,
            stop: None,
        }
    }

    pub fn event_mut(&mut self, event: LifecycleEvent) -> Option<&mut EventRecord> {
        self.events.iter_mut().find(|record| record.event == event)
    }
}

/// Every lifecycle event, pending.
pub fn pending(events: Vec<LifecycleEvent>) -> Vec<EventRecord> {
    let record = |event| EventRecord {
        event,
        status: EventStatus::Pending,
        started_at: None,
        ended_at: None,
        message: None,
    };
    events.into_iter().map(record).collect()
}
