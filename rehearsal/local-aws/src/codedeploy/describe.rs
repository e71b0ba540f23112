//! CodeDeploy's shapes: deployments, targets, groups, revisions.

use serde_json::{Value, json};

use super::lifecycle::EventStatus;
use super::{
    Alarms, ApplicationRevision, Deployment, DeploymentStatus, EventRecord, Group, ReadyOption,
    State, Wait,
};
use crate::ecs;
use crate::ecs::service::counts;
use crate::identity::arn;
use crate::stamp::epoch_seconds;

/// `deploymentInfo`. It never contains the AppSpec's content.
pub fn deployment(deployment: &Deployment, group: &Group, state: &State) -> Value {
    let mut info = json!({
        "applicationName": deployment.application,
        "deploymentGroupName": deployment.group,
        "deploymentConfigName": deployment.config.name,
        "deploymentId": deployment.id,
        "revision": revision(&deployment.sha256, None),
        "status": deployment.status.as_str(),
        "createTime": epoch_seconds(deployment.created_at),
        "creator": deployment.creator.as_str(),
        "ignoreApplicationStopFailures": false,
        "autoRollbackConfiguration": rollback_configuration(&deployment.rollback_on),
        "updateOutdatedInstancesOnly": false,
        "deploymentStyle": { "deploymentType": "BLUE_GREEN", "deploymentOption": "WITH_TRAFFIC_CONTROL" },
        "instanceTerminationWaitTimeStarted": deployment.termination_wait != Wait::NotReached,
        "blueGreenDeploymentConfiguration": blue_green(group),
        "loadBalancerInfo": load_balancer_info(group),
        "fileExistsBehavior": "DISALLOW",
        "deploymentStatusMessages": [],
        "computePlatform": "ECS",
    });
    let optional = [
        (
            "description",
            deployment.description.as_ref().map(|text| json!(text)),
        ),
        (
            "previousRevision",
            previous(deployment, state).map(|previous| revision(&previous.sha256, None)),
        ),
        ("startTime", deployment.started_at.map(epoch_seconds)),
        ("completeTime", deployment.completed_at.map(epoch_seconds)),
        (
            "errorInformation",
            deployment
                .error
                .as_ref()
                .map(|(code, message)| json!({ "code": code, "message": message })),
        ),
        ("rollbackInfo", rollback_info(deployment)),
        ("deploymentOverview", overview(deployment.status)),
        (
            "overrideAlarmConfiguration",
            deployment.alarms_override.as_ref().map(alarm_configuration),
        ),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            info[name] = value;
        }
    }
    info
}

/// The group's last deployment that had succeeded when this one was created.
fn previous<'s>(deployment: &Deployment, state: &'s State) -> Option<&'s Deployment> {
    let earlier = |other: &&Deployment| {
        (&other.application, &other.group) == (&deployment.application, &deployment.group)
            && other.status == DeploymentStatus::Succeeded
            && other.completed_at <= Some(deployment.created_at)
            && other.id != deployment.id
    };
    state.deployments.iter().rfind(earlier)
}

/// Counts of targets, of which an ECS deployment has one; absent while the deployment runs.
fn overview(status: DeploymentStatus) -> Option<Value> {
    let count = |counted: bool| u32::from(counted);
    (!status.is_active()).then(|| {
        json!({
            "Pending": 0,
            "InProgress": 0,
            "Succeeded": count(status == DeploymentStatus::Succeeded),
            "Failed": count(status != DeploymentStatus::Succeeded),
            "Skipped": 0,
            "Ready": 0,
        })
    })
}

fn rollback_info(deployment: &Deployment) -> Option<Value> {
    let id = &deployment.id;
    match (&deployment.rolled_back_by, &deployment.rolls_back) {
        (Some(rollback), _) => Some(json!({
            "rollbackDeploymentId": rollback,
            "rollbackMessage": format!("Deployment {id} terminated. Automatic rollback is triggered with a DeploymentId {rollback}."),
        })),
        (None, Some(original)) => Some(json!({
            "rollbackTriggeringDeploymentId": original,
            "rollbackMessage": format!("Deployment {id} is triggered to roll back deployment {original}."),
        })),
        (None, None) => None,
    }
}

/// `RevisionLocation`; GetDeployment returns it without content.
pub fn revision(sha256: &str, content: Option<&str>) -> Value {
    json!({ "revisionType": "AppSpecContent", "appSpecContent": { "content": content, "sha256": sha256 } })
}

pub fn application_revision(found: &ApplicationRevision) -> Value {
    let mut info = json!({
        "deploymentGroups": [],
        "registerTime": epoch_seconds(found.registered_at),
    });
    if let Some(description) = &found.description {
        info["description"] = json!(description);
    }
    if let Some(used) = &found.used {
        info["deploymentGroups"] = json!(used.groups);
        info["firstUsedTime"] = epoch_seconds(used.first);
        info["lastUsedTime"] = epoch_seconds(used.last);
    }
    json!({
        "revision": revision(&found.sha256, Some(&found.content)),
        "revisionInfo": info,
    })
}

fn rollback_configuration(events: &[String]) -> Value {
    json!({ "enabled": !events.is_empty(), "events": events })
}

fn alarm_configuration(alarms: &Alarms) -> Value {
    let names = alarms.names.iter().map(|name| json!({ "name": name }));
    json!({
        "enabled": alarms.enabled,
        "ignorePollAlarmFailure": alarms.ignore_poll_failure,
        "alarms": names.collect::<Vec<_>>(),
    })
}

fn blue_green(group: &Group) -> Value {
    let ready = match group.ready_option {
        ReadyOption::ContinueDeployment => {
            json!({ "actionOnTimeout": "CONTINUE_DEPLOYMENT", "waitTimeInMinutes": 0 })
        }
        ReadyOption::StopDeployment { wait } => {
            json!({ "actionOnTimeout": "STOP_DEPLOYMENT", "waitTimeInMinutes": wait.as_secs() / 60 })
        }
    };
    json!({
        "terminateBlueInstancesOnDeploymentSuccess": {
            "action": "TERMINATE",
            "terminationWaitTimeInMinutes": group.termination_wait.as_secs() / 60,
        },
        "deploymentReadyOption": ready,
    })
}

fn load_balancer_info(group: &Group) -> Value {
    let names: Vec<Value> = group
        .target_groups
        .iter()
        .map(|target_group| json!({ "name": target_group.name }))
        .collect();
    let mut pair = json!({ "targetGroups": names, "prodTrafficRoute": { "listenerArns": [group.production_listener] } });
    if let Some(listener) = &group.test_listener {
        pair["testTrafficRoute"] = json!({ "listenerArns": [listener] });
    }
    json!({ "targetGroupPairInfoList": [pair] })
}

/// `deploymentGroupInfo`.
pub fn deployment_group(group: &Group, state: &State) -> Value {
    let mut info = json!({
        "applicationName": group.application,
        "deploymentGroupId": group.id,
        "deploymentGroupName": group.name,
        "deploymentConfigName": group.config,
        "ec2TagFilters": [],
        "onPremisesInstanceTagFilters": [],
        "autoScalingGroups": [],
        "serviceRoleArn": group.service_role,
        "triggerConfigurations": group.triggers,
        "alarmConfiguration": alarm_configuration(&group.alarms),
        "autoRollbackConfiguration": rollback_configuration(&group.rollback_on),
        "deploymentStyle": { "deploymentType": "BLUE_GREEN", "deploymentOption": "WITH_TRAFFIC_CONTROL" },
        "outdatedInstancesStrategy": "UPDATE",
        "blueGreenDeploymentConfiguration": blue_green(group),
        "loadBalancerInfo": load_balancer_info(group),
        "computePlatform": "ECS",
        "ecsServices": [{ "serviceName": group.service, "clusterName": group.cluster }],
        "terminationHookEnabled": false,
    });
    let of_group = |deployment: &&Deployment| {
        deployment.application == group.application && deployment.group == group.name
    };
    let mut deployments = state.deployments.iter().filter(of_group);
    let last = |deployment: &Deployment| {
        let mut summary = json!({
            "deploymentId": deployment.id,
            "status": deployment.status.as_str(),
            "createTime": epoch_seconds(deployment.created_at),
        });
        if let Some(moment) = deployment.completed_at {
            summary["endTime"] = epoch_seconds(moment);
        }
        summary
    };
    let succeeded = deployments
        .clone()
        .rfind(|deployment| deployment.status == DeploymentStatus::Succeeded);
    if let Some(deployment) = succeeded {
        info["targetRevision"] = revision(&deployment.sha256, None);
        info["lastSuccessfulDeployment"] = last(deployment);
    }
    if let Some(deployment) = deployments.next_back() {
        info["lastAttemptedDeployment"] = last(deployment);
    }
    info
}

/// The id of a deployment's one target.
pub fn target_id(group: &Group) -> String {
    format!("{}:{}", group.cluster, group.service)
}

/// `deploymentTarget`.
pub fn target(deployment: &Deployment, group: &Group, ecs: &ecs::State) -> Value {
    let moments = deployment
        .events
        .iter()
        .flat_map(|record| [record.started_at, record.ended_at])
        .flatten();
    let updated = moments.max().unwrap_or(deployment.created_at);
    let status = match deployment.status {
        DeploymentStatus::Created => "Pending",
        DeploymentStatus::Ready => "Ready",
        DeploymentStatus::InProgress => "InProgress",
        DeploymentStatus::Succeeded => "Succeeded",
        DeploymentStatus::Failed | DeploymentStatus::Stopped => "Failed",
    };
    let sides = [
        (
            deployment.blue.as_deref(),
            "Blue",
            100 - deployment.green_percent,
        ),
        (
            deployment.green.as_deref(),
            "Green",
            deployment.green_percent,
        ),
    ];
    let sets = sides
        .into_iter()
        .filter_map(|(id, label, weight)| task_set(ecs, group, id?, label, weight));
    json!({
        "deploymentTargetType": "ECSTarget",
        "ecsTarget": {
            "deploymentId": deployment.id,
            "targetId": target_id(group),
            "targetArn": arn("ecs", &format!("service/{}/{}", group.cluster, group.service)),
            "lastUpdatedAt": epoch_seconds(updated),
            "lifecycleEvents": deployment.events.iter().map(lifecycle_event).collect::<Vec<_>>(),
            "status": status,
            "taskSetsInfo": sets.collect::<Vec<_>>(),
        },
    })
}

fn lifecycle_event(record: &EventRecord) -> Value {
    let mut event =
        json!({ "lifecycleEventName": record.event.as_str(), "status": record.status.as_str() });
    if let Some(moment) = record.started_at {
        event["startTime"] = epoch_seconds(moment);
    }
    if let Some(moment) = record.ended_at {
        event["endTime"] = epoch_seconds(moment);
    }
    if record.status == EventStatus::Failed {
        event["diagnostics"] = json!({ "errorCode": "UnknownError", "message": record.message });
    }
    event
}

/// `identifer` is AWS's own spelling.
fn task_set(ecs: &ecs::State, group: &Group, id: &str, label: &str, weight: u32) -> Option<Value> {
    let (service, set) = ecs.task_set(id)?;
    let counts = counts(ecs.tasks_of(id));
    let target_group = group
        .target_groups
        .iter()
        .find(|candidate| Some(candidate.arn.as_str()) == set.target_group())?;
    Some(json!({
        "identifer": id,
        "desiredCount": service.desired_count_of(set),
        "pendingCount": counts.pending,
        "runningCount": counts.running,
        "status": set.status.as_str(),
        "trafficWeight": f64::from(weight),
        "targetGroup": { "name": target_group.name },
        "taskSetLabel": label,
    }))
}
