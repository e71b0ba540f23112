//! The response shapes of service deployments, service revisions, and the services that ECS deploys (ECS API Reference).

use std::time::{Duration, SystemTime};

use serde_json::{Map, Value, json};

use super::deployment::{HookRecord, Monitor, ServiceDeployment, State};
use super::revision::{Resolved, ServiceRevision, revision_arn, task_set_of};
use super::stage::Stage;
use super::status::Status;
use crate::assumption::{Assumption, Assumptions};
use crate::ecs::service::{Counts, Service, TaskSet, TaskSetStatus, counts};
use crate::ecs::{self, View};
use crate::stamp::epoch_seconds;

/// How long service deployments are returned (ECS Developer Guide, "View service history").
const SHOWN_FOR: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// The sources of a description.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    pub state: &'a State,
    pub ecs: &'a ecs::State,
    pub assumptions: &'a Assumptions,
    /// The digest of a multi-platform image's manifest for the platform that runs it, by image reference and the index's
    /// digest.
    pub platform_digest: &'a dyn Fn(&str, &str) -> Option<String>,
}

impl ServiceDeployment {
    pub fn is_shown(&self, now: SystemTime) -> bool {
        now.duration_since(self.created_at).unwrap_or_default() <= SHOWN_FOR
    }

    /// As ListServiceDeployments returns it.
    pub fn brief(&self) -> Value {
        let mut brief = json!({
            "serviceDeploymentArn": self.arn,
            "serviceArn": self.service_arn(),
            "clusterArn": self.cluster_arn(),
            "createdAt": epoch_seconds(self.created_at),
            "targetServiceRevisionArn": self.revision_arn(&self.target),
            "status": self.status.as_str(),
        });
        self.add_optional(&mut brief);
        brief
    }

    fn add_optional(&self, answer: &mut Value) {
        for (member, moment) in [
            ("startedAt", self.started_at),
            ("finishedAt", self.finished_at),
        ] {
            if let Some(moment) = moment {
                answer[member] = epoch_seconds(moment);
            }
        }
        if let Some(reason) = &self.status_reason {
            answer["statusReason"] = json!(reason);
        }
    }

    /// As DescribeServiceDeployments returns it.
    pub fn describe(&self, sources: Sources<'_>) -> Value {
        let target = self.describe_revision(&self.target, true, sources);
        let blue = self.sources.iter().filter(|digits| **digits != self.target);
        let blue: Vec<Value> = blue
            .map(|digits| self.describe_revision(digits, false, sources))
            .collect();
        let mut answer = json!({
            "serviceDeploymentArn": self.arn,
            "serviceArn": self.service_arn(),
            "clusterArn": self.cluster_arn(),
            "createdAt": epoch_seconds(self.created_at),
            "updatedAt": epoch_seconds(self.updated_at),
            "sourceServiceRevisions": blue,
            "targetServiceRevision": target,
            "status": self.status.as_str(),
            "deploymentConfiguration": self.configuration.describe(),
            "deploymentCircuitBreaker": {
                "status": self.breaker.as_str(),
                "failureCount": self.failures.count,
                "threshold": self.threshold,
            },
            "alarms": self.describe_alarms(),
        });
        self.add_optional(&mut answer);
        if let Some(moment) = self.stopped_at {
            answer["stoppedAt"] = epoch_seconds(moment);
        }
        // A rolling deployment has no stages.
        if let Some(stage) = self.stage {
            answer["lifecycleStage"] = json!(stage.as_str());
        }
        let hooks: Vec<Value> = self.hooks.iter().map(describe_hook).collect();
        if !hooks.is_empty() {
            answer["lifecycleHookDetails"] = json!(hooks);
        }
        if let Some(rollback) = &self.rollback {
            answer["rollback"] = json!({
                "reason": rollback.reason,
                "startedAt": epoch_seconds(rollback.started_at),
                "serviceRevisionArn": self.revision_arn(&rollback.to),
            });
        }
        answer
    }

    fn describe_alarms(&self) -> Value {
        let alarms = self.configuration.alarms.as_ref();
        let mut described = json!({ "status": self.alarms.as_str() });
        if let Some(alarms) = alarms {
            described["alarmNames"] = json!(alarms.names);
            described["triggeredAlarmNames"] = json!(self.triggered_alarms);
        }
        described
    }

    fn describe_revision(&self, digits: &str, is_target: bool, sources: Sources<'_>) -> Value {
        let (counts, requested) = counts_of(digits, sources.ecs);
        let mut described = json!({
            "arn": self.revision_arn(digits),
            "requestedTaskCount": requested,
            "runningTaskCount": counts.running,
            "pendingTaskCount": counts.pending,
        });
        if self.configuration.strategy.is_native() {
            let is_blue = self.candidate.as_deref() == Some(digits);
            let weight = |share: super::share::Share| match (is_target, is_blue) {
                (true, _) => share.percent(),
                (false, true) => share.rest().percent(),
                (false, false) => 0.0,
            };
            described["requestedTestTrafficWeight"] = json!(weight(self.test_share));
            described["requestedProductionTrafficWeight"] = json!(weight(self.production_share));
        }
        described
    }

    fn is_before_cleanup(&self) -> bool {
        !self.status.has_ended() && self.stage != Some(Stage::CleanUp)
    }
}

fn describe_hook(hook: &HookRecord) -> Value {
    let mut described = json!({
        "hookId": hook.id,
        "targetType": hook.kind,
        "status": hook.status.as_str(),
        "expiresAt": epoch_seconds(hook.expires_at),
        "timeoutAction": hook.on_timeout.as_str(),
    });
    if let Some(arn) = &hook.target_arn {
        described["targetArn"] = json!(arn);
    }
    described
}

/// The tasks of a revision, and how many it is to have.
fn counts_of(digits: &str, ecs: &ecs::State) -> (Counts, u32) {
    let id = task_set_of(digits);
    let requested = ecs.task_set(&id);
    let requested = requested.map_or(0, |(service, set)| service.desired_count_of(set));
    (counts(ecs.tasks_of(&id)), requested)
}

impl Resolved {
    fn describe(&self) -> Value {
        let mut described = json!({ "targetGroupArn": self.target_group });
        if let Some(rule) = &self.production_rule {
            described["productionListenerRule"] = json!(rule);
        }
        described
    }
}

impl ServiceRevision {
    /// As DescribeServiceRevisions returns it.
    pub fn describe(&self, sources: Sources<'_>) -> Value {
        let mut answer = json!({
            "serviceRevisionArn": self.arn(),
            "serviceArn": crate::identity::arn("ecs", &format!("service/{}/{}", self.cluster, self.service)),
            "clusterArn": crate::identity::arn("ecs", &format!("cluster/{}", self.cluster)),
            "taskDefinition": self.task_definition,
            "launchType": self.launch_type,
            "loadBalancers": self.load_balancers,
            "containerImages": self.images(sources),
            "guardDutyEnabled": false,
            "createdAt": epoch_seconds(self.created_at),
        });
        if self.launch_type == "FARGATE" {
            answer["platformVersion"] = json!(self.platform_version);
            answer["platformFamily"] = json!("Linux");
        }
        if !self.network_configuration.is_null() {
            answer["networkConfiguration"] = self.network_configuration.clone();
        }
        if !self.resolved.is_empty() {
            let resolved: Vec<Value> = self.resolved.iter().map(Resolved::describe).collect();
            answer["resolvedConfiguration"] = json!({ "loadBalancers": resolved });
        }
        answer
    }

    /// Every container's image with the digest that the first task resolved it to.
    fn images(&self, sources: Sources<'_>) -> Vec<Value> {
        let Some(revision) = sources.ecs.revision(&self.task_definition) else {
            return Vec::new();
        };
        let resolved = sources.ecs.resolved.get(&self.task_set());
        let image = |(name, image): (String, String)| {
            let digest = resolved.and_then(|resolved| resolved.get(&image));
            let mut described = json!({ "containerName": name, "image": image });
            let is_omitted = image.contains('@')
                && sources
                    .assumptions
                    .hold(Assumption::ServiceRevisionsOmitPinnedDigests);
            if let Some(digest) = digest.filter(|_| !is_omitted) {
                let of_platform = sources
                    .assumptions
                    .hold(Assumption::ServiceRevisionsStatePlatformDigests);
                let platform = of_platform
                    .then(|| (sources.platform_digest)(&image, digest))
                    .flatten();
                described["imageDigest"] = json!(platform.unwrap_or_else(|| digest.clone()));
            }
            described
        };
        revision.images().into_iter().map(image).collect()
    }
}

/// A service as DescribeServices returns it, with its deployments and service revisions.
pub fn service(service: &Service, view: View<'_>, sources: Sources<'_>) -> Value {
    let mut answer = service.describe(view);
    let Some(managed) = service.controller.ecs() else {
        return answer;
    };
    let newest = sources
        .state
        .of_service(&service.cluster, &service.name)
        .next();
    answer["deploymentConfiguration"] = managed.configuration.describe();
    answer["currentServiceRevisions"] = revisions(service, sources);
    if let Some(newest) = newest {
        answer["currentServiceDeployment"] = json!(newest.arn);
        let is_later = managed.configuration.strategy.is_native()
            && sources
                .assumptions
                .hold(Assumption::NativeServiceRevisionChangesLater)
            && newest.is_before_cleanup();
        let blue = newest.candidate.as_deref().filter(|_| is_later);
        let blue = blue.and_then(|digits| sources.state.revision_of(digits));
        if let Some(blue) = blue {
            answer["taskDefinition"] = json!(blue.task_definition);
        }
    }
    let deployments = newest_first(service)
        .into_iter()
        .map(|set| deployment(service, set, newest, sources));
    answer["deployments"] = json!(deployments.collect::<Vec<_>>());
    answer
}

/// The PRIMARY one, then the others, newest first.
fn newest_first(service: &Service) -> Vec<&TaskSet> {
    let mut sets: Vec<&TaskSet> = service.task_sets.iter().rev().collect();
    sets.sort_by_key(|set| set.status != TaskSetStatus::Primary);
    sets
}

fn revisions(service: &Service, sources: Sources<'_>) -> Value {
    let revision = |set: &TaskSet| {
        let digits = set.id.trim_start_matches("ecs-svc/");
        let (counts, requested) = counts_of(digits, sources.ecs);
        json!({
            "arn": revision_arn(&service.cluster, &service.name, digits),
            "requestedTaskCount": requested,
            "runningTaskCount": counts.running,
            "pendingTaskCount": counts.pending,
        })
    };
    let sets = newest_first(service).into_iter();
    json!(sets.map(revision).collect::<Vec<_>>())
}

/// One of a service's `deployments`: the tasks of one revision.
fn deployment(
    service: &Service,
    set: &TaskSet,
    newest: Option<&ServiceDeployment>,
    sources: Sources<'_>,
) -> Value {
    let counts = counts(sources.ecs.tasks_of(&set.id));
    let digits = set.id.trim_start_matches("ecs-svc/");
    let newest = newest.filter(|newest| newest.started_at.is_some());
    let failed = newest.filter(|newest| newest.target == digits);
    let mut answer = Map::new();
    let mut put = |member: &str, value: Value| answer.insert(member.to_owned(), value);
    put("id", json!(set.id));
    put(
        "status",
        json!(match set.status {
            TaskSetStatus::Primary => "PRIMARY",
            TaskSetStatus::Active | TaskSetStatus::Draining => "ACTIVE",
        }),
    );
    put("taskDefinition", json!(set.task_definition));
    put("desiredCount", json!(service.desired_count_of(set)));
    put("pendingCount", json!(counts.pending));
    put("runningCount", json!(counts.running));
    put(
        "failedTasks",
        json!(failed.map_or(0, |newest| newest.failures.count)),
    );
    put("createdAt", epoch_seconds(set.created_at));
    put("updatedAt", epoch_seconds(set.updated_at));
    put("launchType", json!(service.launch_type));
    if service.launch_type == "FARGATE" {
        put("platformVersion", json!(set.platform_version));
        put("platformFamily", json!("Linux"));
    }
    if !set.network_configuration.is_null() {
        put("networkConfiguration", set.network_configuration.clone());
    }
    let (state, reason) = rollout(&set.id, digits, newest);
    put("rolloutState", json!(state));
    put("rolloutStateReason", json!(reason));
    Value::Object(answer)
}

/// `rolloutState` and its reason. After a rollback the revision that survived reads COMPLETED, as if nothing had happened.
fn rollout(id: &str, digits: &str, newest: Option<&ServiceDeployment>) -> (&'static str, String) {
    let completed = || ("COMPLETED", format!("ECS deployment {id} completed."));
    let in_progress = || ("IN_PROGRESS", format!("ECS deployment {id} in progress."));
    let Some(newest) = newest else {
        return completed();
    };
    let is_target = newest.target == digits;
    let is_way_back = newest
        .rollback
        .as_ref()
        .is_some_and(|rollback| rollback.to == digits);
    let failed = || {
        let reason = newest.status_reason.clone().unwrap_or_default();
        let reason = match (&newest.rollback, newest.breaker) {
            (Some(rollback), Monitor::Triggered) => format!(
                "ECS deployment circuit breaker: rolling back to deploymentId {}.",
                task_set_of(&rollback.to)
            ),
            (None, Monitor::Triggered) => {
                "ECS deployment circuit breaker: tasks failed to start.".to_owned()
            }
            (
                Some(_) | None,
                Monitor::Disabled | Monitor::Monitoring | Monitor::MonitoringComplete,
            ) => reason,
        };
        ("FAILED", reason)
    };
    match newest.status {
        Status::Pending
        | Status::InProgress
        | Status::StopRequested
        | Status::RollbackRequested
            if is_target =>
        {
            in_progress()
        }
        Status::RollbackInProgress if is_way_back => in_progress(),
        Status::RollbackInProgress
        | Status::RollbackSuccessful
        | Status::RollbackFailed
        | Status::Stopped
            if is_target =>
        {
            failed()
        }
        Status::Pending
        | Status::InProgress
        | Status::Successful
        | Status::StopRequested
        | Status::Stopped
        | Status::RollbackRequested
        | Status::RollbackInProgress
        | Status::RollbackSuccessful
        | Status::RollbackFailed => completed(),
    }
}
