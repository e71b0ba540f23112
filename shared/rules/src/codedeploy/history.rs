//! A group's deployments, in the words of the decision: what is active, what was tried, what was shipped.

use super::description::{beside, brings, is_ours, order, order_of};
use super::{Creator, Deployment, DeploymentStatus, DeploymentTarget, LifecycleEventStatus};
use crate::config::Pipeline;
use crate::names::Digest;
use crate::start::{Active, Attempt, Deployed, End, Order, Phase};

/// CodeDeploy's error code of a deployment that StopDeployment stopped (CodeDeploy API Reference, ErrorInformation).
pub(crate) const STOPPED_BY_A_CALL: &str = "MANUAL_STOP";

/// An active deployment as the pipeline sees it, from its record and that of its target. The target may be left out where the
/// deployment ships the candidate: how far it is does not matter then.
pub fn active(
    pipeline: &Pipeline,
    deployment: &Deployment,
    target: Option<&DeploymentTarget>,
) -> Active {
    let events = target
        .map(|target| target.lifecycle_events.as_slice())
        .unwrap_or_default();
    let all_done = !events.is_empty()
        && events
            .iter()
            .all(|event| event.status == LifecycleEventStatus::Succeeded);
    let phase = match deployment.creator {
        Creator::Rollback => Phase::RollingBack,
        // The status stays InProgress with every event Succeeded until blue is stopped: observed, not documented. There is
        // no other sign of the termination wait.
        Creator::Caller if all_done => Phase::TerminationWait,
        Creator::Caller => Phase::Shifting,
    };
    Active {
        id: deployment.id.clone(),
        ships: ships(pipeline, deployment).into_iter().collect(),
        beside: beside(pipeline, deployment)
            .into_iter()
            .map(|order| order.digest)
            .collect(),
        created_at: deployment.created_at,
        phase,
        template: brings(deployment).map(|brings| brings.template),
    }
}

/// What a deployment ships for the pipeline. Where it is not said whose the image is, the time of the deployment says nothing of the
/// pipeline's images.
fn ships(pipeline: &Pipeline, deployment: &Deployment) -> Option<Deployed> {
    let is_ours = is_ours(pipeline, deployment);
    let deployed = as_deployed(order(pipeline, deployment)?, deployment);
    Some(Deployed {
        at: deployed.at.filter(|_| is_ours),
        ..deployed
    })
}

/// The image of this digest as a deployment shipped it; none where its description does not name it.
pub fn deployed(pipeline: &Pipeline, deployment: &Deployment, digest: &Digest) -> Option<Deployed> {
    Some(as_deployed(
        order_of(pipeline, deployment, digest)?,
        deployment,
    ))
}

fn as_deployed(order: Order, deployment: &Deployment) -> Deployed {
    Deployed {
        digest: order.digest,
        tag: order.tag,
        at: Some(deployment.created_at),
        ordered_at: order.ordered_at,
    }
}

/// A deployment as the pipeline's attempt to carry out an order; none for a rollback, which carries out no order.
pub fn attempt(pipeline: &Pipeline, deployment: &Deployment) -> Option<Attempt> {
    match deployment.creator {
        Creator::Caller => {}
        Creator::Rollback => return None,
    }
    // An alarm's stop has a code of its own; a stop without any error is a call's.
    let by_a_call = deployment
        .error
        .as_ref()
        .is_none_or(|(code, _)| code == STOPPED_BY_A_CALL);
    let end = match deployment.status {
        DeploymentStatus::Succeeded => Some(End::Succeeded),
        DeploymentStatus::Failed => Some(End::Failed),
        DeploymentStatus::Stopped if by_a_call => Some(End::StoppedByCall),
        DeploymentStatus::Stopped => Some(End::Stopped),
        DeploymentStatus::Created | DeploymentStatus::InProgress | DeploymentStatus::Ready => None,
    };
    Some(Attempt {
        deployment: deployment.id.clone(),
        order: order(pipeline, deployment),
        beside: beside(pipeline, deployment),
        created_at: deployment.created_at,
        end,
        ended_at: deployment.completed_at,
        // The AppSpec names the revision, so equal AppSpecs ship the same.
        content: deployment.app_spec_sha256.clone(),
        registered_at: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codedeploy::tests::{described, pipelines};

    #[track_caller]
    fn check(status: DeploymentStatus, code: Option<&str>, expected: Option<End>) {
        let deployment = Deployment {
            status,
            error: code.map(|code| (code.to_owned(), String::new())),
            ..described("")
        };
        assert_eq!(
            attempt(&pipelines(&["shop/web"])[0], &deployment)
                .unwrap()
                .end,
            expected,
            "{status:?}"
        );
    }

    #[test]
    fn an_attempt_ended_as_codedeploy_says() {
        check(DeploymentStatus::InProgress, None, None);
        check(DeploymentStatus::Succeeded, None, Some(End::Succeeded));
        check(
            DeploymentStatus::Failed,
            Some("HOOK_EXECUTION_FAILURE"),
            Some(End::Failed),
        );
        check(
            DeploymentStatus::Stopped,
            Some("ALARM_ACTIVE"),
            Some(End::Stopped),
        );
        check(
            DeploymentStatus::Stopped,
            Some("MANUAL_STOP"),
            Some(End::StoppedByCall),
        );
        check(DeploymentStatus::Stopped, None, Some(End::StoppedByCall));
    }

    #[test]
    fn a_rollback_is_not_an_attempt() {
        let rollback = Deployment {
            creator: Creator::Rollback,
            ..described("")
        };
        let pipeline = &pipelines(&["shop/web"])[0];
        assert_eq!(attempt(pipeline, &rollback), None);
        assert_eq!(active(pipeline, &rollback, None).phase, Phase::RollingBack);
    }
}
