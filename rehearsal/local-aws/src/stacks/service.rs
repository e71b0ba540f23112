//! An ECS service of a stack: CloudFormation waits until it is stable.

use std::time::Duration;

use crate::ecs::keep;
use crate::service_deployment::deployment::{HookStatus, Monitor, ServiceDeployment};
use crate::service_deployment::status::Status;
use crate::timeline::Event;
use crate::world::World;

/// How long CloudFormation waits for a service (CloudFormation Template Reference, `AWS::ECS::Service`).
const STABLE_WITHIN: Duration = Duration::from_secs(3 * 60 * 60);

/// Waits until the first deployment of a service has ended, or its first tasks are steady under CodeDeploy. The error is the reason
/// in CloudFormation's event.
pub(super) async fn becomes_stable(world: &World, cluster: &str, name: &str) -> Result<(), String> {
    let cluster = cluster.rsplit('/').next().unwrap_or(cluster);
    let stable = async {
        let first = world.ecs.read(|state| {
            let service = state.service(cluster, name)?;
            let set = service.primary().map(|set| set.id.clone());
            service.controller.ecs().is_none().then_some(set)
        });
        match first {
            // No tasks: a controller EXTERNAL.
            Some(None) => Ok(()),
            Some(Some(set)) => {
                keep::steady(&world.ecs, &set).await;
                Ok(())
            }
            None => first_deployment(world, cluster, name).await,
        }
    };
    tokio::select! {
        biased;
        ended = stable => ended,
        () = world.clock.sleep(STABLE_WITHIN) => {
            let message = "Resource handler returned message: \"Exceeded attempts to wait\" (HandlerErrorCode: NotStabilized)";
            Err(format!("{message}{}", said_by_ecs(world, cluster, name)))
        }
    }
}

async fn first_deployment(world: &World, cluster: &str, name: &str) -> Result<(), String> {
    let ended = |deployment: &&ServiceDeployment| deployment.status.has_ended();
    let ended = world
        .service_deployments
        .until(|state| state.of_service(cluster, name).find(ended).cloned())
        .await;
    if ended.status == Status::Successful {
        return Ok(());
    }
    // As public reports quote it where the circuit breaker ended the deployment; otherwise inferred.
    let operation = match ended.breaker {
        Monitor::Triggered => "ECS Deployment Circuit Breaker was triggered".to_owned(),
        Monitor::Disabled | Monitor::Monitoring | Monitor::MonitoringComplete => {
            format!("ECS Deployment ended {}", ended.status.as_str())
        }
    };
    let reasons = reasons(world, &ended.arn);
    let reasons = reasons.iter().map(|reason| format!("\n  {reason}"));
    Err(format!(
        "Resource handler returned message: \"Error occurred during operation '{operation}'.\" \
         (HandlerErrorCode: GeneralServiceException){}{}{}",
        reasons.collect::<String>(),
        answers(&ended),
        said_by_ecs(world, cluster, name)
    ))
}

/// Why a deployment ended as it did, the cause first: a rollback that finds nothing to return to has the last word.
fn reasons(world: &World, arn: &str) -> Vec<String> {
    let entries = world.timeline.entries().into_iter();
    let reason = |event: Event| {
        let Event::DeploymentStatus {
            deployment, error, ..
        } = event
        else {
            return None;
        };
        let (_, reason) = error.filter(|_| deployment == arn)?;
        Some(reason)
    };
    let mut reasons: Vec<String> = entries.filter_map(|entry| reason(entry.event)).collect();
    reasons.dedup();
    reasons
}

/// What the hooks that failed answered.
fn answers(deployment: &ServiceDeployment) -> String {
    let failed = deployment.hooks.iter().filter(|hook| match hook.status {
        HookStatus::Failed | HookStatus::TimedOut => true,
        HookStatus::AwaitingAction | HookStatus::InProgress | HookStatus::Succeeded => false,
    });
    let lines = failed.map(|hook| {
        let function = hook.target_arn.as_deref().unwrap_or_default();
        let function = function.rsplit(':').next().unwrap_or_default();
        let answer = hook.calls.last().map(|call| match &call.outcome {
            Ok(answer) => answer.to_string(),
            Err(why) => why.clone(),
        });
        let answer = answer.unwrap_or_else(|| "it was not called".to_owned());
        let (stage, status) = (hook.stage.as_str(), hook.status.as_str());
        format!("\n  the hook at {stage} ({function}) {status}: {answer}")
    });
    lines.collect()
}

/// The newest events of the service, which say what its tasks lacked.
fn said_by_ecs(world: &World, cluster: &str, name: &str) -> String {
    let events = world.ecs.read(|state| {
        let service = state.service(cluster, name)?;
        let mut said: Vec<String> = Vec::new();
        for event in &service.events {
            if !said.contains(&event.message) && said.len() < 3 {
                said.push(event.message.clone());
            }
        }
        Some(said)
    });
    let events = events.unwrap_or_default().into_iter();
    events.map(|event| format!("\n  ECS: {event}")).collect()
}
