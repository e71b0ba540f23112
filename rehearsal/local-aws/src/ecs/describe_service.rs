//! The response shapes of a service and its task sets.

use std::time::SystemTime;

use serde_json::{Value, json};

use super::State;
use super::service::{
    LoadBalancerTarget, Service, TaskSet, TaskSetStatus, counts, measured, stability,
};
use super::task::Task;
use crate::elb::TargetHealth;
use crate::identity::{ACCOUNT, arn};
use crate::service_deployment::controller::Controller;
use crate::stamp::epoch_seconds;

/// The other sources of a service's description.
#[derive(Clone, Copy)]
pub struct View<'a> {
    pub state: &'a State,
    /// A target group's targets.
    pub health: &'a dyn Fn(&str) -> Vec<TargetHealth>,
    /// Tags are included only on request.
    pub with_tags: bool,
    pub now: SystemTime,
}

impl Service {
    /// As DescribeServices returns it.
    pub fn describe(&self, view: View<'_>) -> Value {
        let own = |task: &&Task| {
            task.service.as_deref() == Some(&self.name) && task.cluster == self.cluster
        };
        let counts = counts(view.state.tasks.iter().filter(own));
        let task_sets: Vec<Value> = match &self.controller {
            // Its task sets are service revisions' tasks, which are described as deployments.
            Controller::Ecs(_) => Vec::new(),
            Controller::CodeDeploy | Controller::External => {
                let sets = self.task_sets.iter();
                sets.map(|set| self.describe_task_set(set, view)).collect()
            }
        };
        let events: Vec<Value> = self
            .events
            .iter()
            .map(|event| {
                json!({ "id": event.id, "createdAt": epoch_seconds(event.at), "message": event.message })
            })
            .collect();
        let mut answer = json!({
            "serviceArn": self.arn(),
            "serviceName": self.name,
            "clusterArn": self.cluster_arn(),
            "loadBalancers": self.describe_load_balancers(),
            "serviceRegistries": [],
            "status": "ACTIVE",
            "desiredCount": self.desired_count,
            "runningCount": counts.running,
            "pendingCount": counts.pending,
            "launchType": self.launch_type,
            "taskDefinition": self.task_definition,
            "deploymentConfiguration": { "maximumPercent": 200, "minimumHealthyPercent": 100 },
            "taskSets": task_sets,
            "deployments": [],
            "roleArn": format!("arn:aws:iam::{ACCOUNT}:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS"),
            "events": events,
            "createdAt": epoch_seconds(self.created_at),
            "placementConstraints": [],
            "placementStrategy": [],
            "healthCheckGracePeriodSeconds": 0,
            "schedulingStrategy": "REPLICA",
            "deploymentController": { "type": self.controller.as_str() },
            "enableECSManagedTags": false,
            "propagateTags": "NONE",
            "enableExecuteCommand": false,
        });
        self.add_platform(&mut answer, &self.platform_version);
        add_network(&mut answer, &self.network_configuration);
        for (name, value) in &self.options {
            answer[name.as_str()] = value.clone();
        }
        if view.with_tags {
            answer["tags"] = json!(self.tags);
        }
        answer
    }

    /// As DescribeTaskSets returns it.
    pub fn describe_task_set(&self, set: &TaskSet, view: View<'_>) -> Value {
        let tasks: Vec<&Task> = view.state.tasks_of(&set.id).collect();
        let counts = counts(tasks.iter().copied());
        let desired = self.desired_count_of(set);
        let measured = measured(set.load_balancers.clone(), view.health);
        let stability = stability(desired, &tasks, &measured);
        let scale = match set.status {
            TaskSetStatus::Primary | TaskSetStatus::Active => 100.0,
            TaskSetStatus::Draining => 0.0,
        };
        let mut answer = json!({
            "id": set.id,
            "taskSetArn": self.task_set_arn(set),
            "serviceArn": self.arn(),
            "clusterArn": self.cluster_arn(),
            "status": set.status.as_str(),
            "taskDefinition": set.task_definition,
            "computedDesiredCount": desired,
            "pendingCount": counts.pending,
            "runningCount": counts.running,
            "createdAt": epoch_seconds(set.created_at),
            "updatedAt": epoch_seconds(set.updated_at),
            "launchType": self.launch_type,
            "loadBalancers": set.load_balancers.iter().map(describe_target).collect::<Vec<_>>(),
            "serviceRegistries": [],
            "scale": { "value": scale, "unit": "PERCENT" },
            "stabilityStatus": stability.as_str(),
            // The time of the response, not of the last change.
            "stabilityStatusAt": epoch_seconds(view.now),
        });
        if let Some(strategy) = &set.capacity_provider_strategy {
            answer["capacityProviderStrategy"] = strategy.clone();
            answer.as_object_mut().map(|set| set.remove("launchType"));
        }
        self.add_platform(&mut answer, &set.platform_version);
        add_network(&mut answer, &set.network_configuration);
        if let Some(deployment) = &set.external_id {
            answer["startedBy"] = json!("CODE_DEPLOY");
            answer["externalId"] = json!(deployment);
        }
        if view.with_tags {
            answer["tags"] = json!([]);
        }
        answer
    }

    /// `loadBalancers`.
    pub fn describe_load_balancers(&self) -> Vec<Value> {
        match self.controller.ecs() {
            Some(managed) => managed.load_balancers.clone(),
            None => self.load_balancers.iter().map(describe_target).collect(),
        }
    }

    pub fn task_set_arn(&self, set: &TaskSet) -> String {
        let (cluster, service) = (&self.cluster, &self.name);
        arn("ecs", &format!("task-set/{cluster}/{service}/{}", set.id))
    }

    /// Only Fargate has platform versions.
    fn add_platform(&self, answer: &mut Value, version: &str) {
        if self.launch_type == "FARGATE" {
            answer["platformVersion"] = json!(version);
            answer["platformFamily"] = json!("Linux");
        }
    }
}

/// Only `awsvpc` tasks have a network configuration.
fn add_network(answer: &mut Value, network: &Value) {
    if !network.is_null() {
        answer["networkConfiguration"] = network.clone();
    }
}

fn describe_target(target: &LoadBalancerTarget) -> Value {
    json!({
        "targetGroupArn": target.target_group_arn,
        "containerName": target.container,
        "containerPort": target.port,
    })
}
