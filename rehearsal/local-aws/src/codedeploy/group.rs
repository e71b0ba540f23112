//! Deployment groups: the settings with which deployments of an ECS service are created.

use std::time::Duration;

use serde_json::Value;

/// A deployment group of an ECS service.
#[derive(Debug, Clone)]
pub struct Group {
    pub application: String,
    pub name: String,
    pub id: String,
    pub cluster: String,
    pub service: String,
    pub target_groups: [TargetGroup; 2],
    pub production_listener: String,
    pub test_listener: Option<String>,
    pub config: String,
    pub service_role: String,
    /// As given: triggers are stored but never fire.
    pub triggers: Value,
    pub ready_option: ReadyOption,
    pub termination_wait: Duration,
    pub rollback_on: Vec<String>,
    pub alarms: Alarms,
}

/// `deploymentReadyOption`: what CodeDeploy does when green is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadyOption {
    /// Production is rerouted at once.
    ContinueDeployment,
    /// Production is rerouted after ContinueDeployment; without one in time, the deployment stops.
    StopDeployment { wait: Duration },
}

/// `alarmConfiguration`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Alarms {
    pub enabled: bool,
    pub ignore_poll_failure: bool,
    pub names: Vec<String>,
}

#[derive(Debug, Clone)]
pub struct TargetGroup {
    pub name: String,
    pub arn: String,
}
