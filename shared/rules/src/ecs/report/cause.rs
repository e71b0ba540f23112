//! Why a service deployment did not come to its end, from what ECS says of it.

use super::observed::Observed;
use crate::config::Pipeline;
use crate::ecs::{BreakerState, ServiceDeployment};
use crate::gate::Gate;
use crate::native::{GATE_TAG, GateMark};
use crate::revision::mark;
use crate::rolling::GateState;
use crate::sanitize::line;

/// What AWS writes of what went wrong, and what to do about it (ECS Developer Guide, "Troubleshooting Amazon ECS blue/green
/// deployments"; the last ones as people report them).
const REMEDIES: [(&str, &str); 11] = [
    (
        "is not associated with either productionListenerRule or testListenerRule",
        "let the production or the test listener rule forward to both target groups of the service",
    ),
    (
        "Both targetGroup and alternateTargetGroup must be associated",
        "let the production or the test listener rule forward to both target groups of the service",
    ),
    (
        "should have exactly one target group serving traffic",
        "give one target group of the production listener rule all of its weight",
    ),
    (
        "forwarding traffic to unexpected target group",
        "let the production listener rule forward to one of the service's two target groups; where infrastructure code writes the \
         rule, let it ignore changes of the rule's action",
    ),
    (
        "rules not found",
        "correct the ARNs of the listener rules in the service's `loadBalancers`",
    ),
    (
        "does not exist",
        "correct the ARNs of the target groups in the service's `loadBalancers`",
    ),
    (
        "missing permissions on ECS Infrastructure Role",
        "give the role in `advancedConfiguration` the managed policy AmazonECSInfrastructureRolePolicyForLoadBalancers",
    ),
    (
        "ECSNetworkingWithELB is not authorized",
        "give the role in `advancedConfiguration` the managed policy AmazonECSInfrastructureRolePolicyForLoadBalancers",
    ),
    (
        "was unable to assume role",
        "let `ecs.amazonaws.com` assume the hook's role",
    ),
    (
        "was unable to invoke hook target",
        "let the hook's role call `lambda:InvokeFunction` on the function",
    ),
    (
        "No rollback candidate",
        "nothing to go back to: no deployment of the service has succeeded before",
    ),
];

/// How ECS names the stage of what failed: before these words.
const OF_STAGE: [&str; 3] = [
    " lifecycle hook(s) failed",
    " pause hook timed out",
    " pause hook",
];

/// What ECS says of the end, each once: its sentence, the gate behind it, what was counted, what to do.
pub(super) fn causes(pipeline: &Pipeline, observed: &Observed) -> Vec<String> {
    let deployment = &observed.deployment;
    let mut causes = sentences(deployment);
    let said = causes.join("; ");
    if let Some(gate) =
        failed_stage(&said).and_then(|stage| observed.engine.gate_of(pipeline, stage))
    {
        causes.push(format!("that is {gate}"));
    }
    let failed = |gate, reason: &str| format!("{} failed: {}", name(gate), line(reason));
    causes.extend(match &observed.gate {
        GateState::Failed { back: _, reason } => Some(failed(Gate::ProductionTraffic, reason)),
        GateState::Free | GateState::FailedBefore { .. } | GateState::Open | GateState::Passed => {
            mark_of(observed).map(|mark| failed(mark.gate, &mark.reason))
        }
    });
    if let Some(breaker) = deployment
        .breaker
        .as_ref()
        .filter(|one| is_triggered(&one.status))
    {
        causes.push(counted(breaker));
    }
    if let Some(alarms) = deployment.alarms.as_ref() {
        let unnamed = alarms.triggered.iter().filter(|name| !said.contains(*name));
        let unnamed: Vec<String> = unnamed.map(|name| format!("`{}`", line(name))).collect();
        if !unnamed.is_empty() {
            causes.push(format!("in ALARM: {}", unnamed.join(", ")));
        }
    }
    let remedy = REMEDIES.iter().find(|(sign, _)| said.contains(sign));
    if let (Some((_, remedy)), Some(last)) = (remedy, causes.last_mut()) {
        last.push_str(&format!(" (hint: {remedy})"));
    }
    causes
}

/// ECS's own sentences: of the deployment, and of its rollback where that says something else.
fn sentences(deployment: &ServiceDeployment) -> Vec<String> {
    let rollback = deployment.rollback.as_ref();
    let of_rollback = rollback.and_then(|rollback| rollback.reason.as_deref());
    let mut sentences: Vec<String> = Vec::new();
    for said in [deployment.status_reason.as_deref(), of_rollback]
        .into_iter()
        .flatten()
    {
        let said = line(said.trim().trim_end_matches('.'));
        let is_new = sentences.iter().all(|other| !other.contains(&said));
        if is_new && !said.is_empty() {
            sentences.push(said);
        }
    }
    sentences
}

/// The word before what ECS says of a stage.
fn failed_stage(said: &str) -> Option<&str> {
    let before = OF_STAGE.iter().find_map(|words| said.split_once(words));
    before?.0.rsplit(' ').next()
}

fn is_triggered(status: &str) -> bool {
    status == "TRIGGERED"
}

fn counted(breaker: &BreakerState) -> String {
    format!(
        "the circuit breaker counted {} failed tasks, and acts at {}",
        breaker.failure_count, breaker.threshold
    )
}

/// The mark that the gate of this deployment left on what it did not let pass. Who may tag revisions can write one: good enough for a
/// message, which decides nothing.
fn mark_of(observed: &Observed) -> Option<GateMark> {
    let mark = mark(&observed.target.definition, GATE_TAG)?;
    let mark: GateMark = mark.parse().ok()?;
    (mark.deployment == observed.deployment.arn.id()).then_some(mark)
}

fn name(gate: Gate) -> &'static str {
    match gate {
        Gate::Migration => "the migration gate",
        Gate::TestTraffic => "the test traffic gate",
        Gate::ProductionTraffic => "the production traffic gate",
    }
}

/// Whether a call of StopServiceDeployment asked for the rollback: a person's, or Greenlight's own for a newer image. How ECS words
/// that is not documented, so it is what nothing else explains.
pub(super) fn was_requested(deployment: &ServiceDeployment) -> bool {
    if deployment.was_triggered() {
        return false;
    }
    let said = sentences(deployment).join("; ");
    said.is_empty() || said.contains("request") || said.contains("StopServiceDeployment")
}
