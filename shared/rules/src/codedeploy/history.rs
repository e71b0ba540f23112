//! A group's deployments, in the words of the decision: what is active, what was tried, what was shipped.

use super::description::order;
use super::{Creator, Deployment, DeploymentStatus, DeploymentTarget, LifecycleEventStatus};
use crate::start::{Active, Attempt, Deployed, End, Phase};

/// CodeDeploy's error code of a deployment that StopDeployment stopped (CodeDeploy API Reference, ErrorInformation).
pub(crate) const STOPPED_BY_A_CALL: &str = "MANUAL_STOP";

/// An active deployment, from its record and that of its target. The target may be left out where the deployment
/// ships the candidate: how far it is does not matter then.
pub fn active(deployment: &Deployment, target: Option<&DeploymentTarget>) -> Active {
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
        ships: deployed(deployment).into_iter().collect(),
        created_at: deployment.created_at,
        phase,
        template: order(deployment)
            .and_then(|order| order.brings)
            .map(|brings| brings.template),
    }
}

/// What a deployment ships; none where its description is not Greenlight's.
pub fn deployed(deployment: &Deployment) -> Option<Deployed> {
    let order = order(deployment)?;
    Some(Deployed {
        digest: order.digest,
        tag: order.tag,
        at: Some(deployment.created_at),
        ordered_at: order.ordered_at,
    })
}

/// A deployment as an attempt to carry out an order; none for a rollback, which carries out no order.
pub fn attempt(deployment: &Deployment) -> Option<Attempt> {
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
        order: order(deployment),
        created_at: deployment.created_at,
        end,
        ended_at: deployment.completed_at,
        // The AppSpec names the revision, so equal AppSpecs ship the same.
        content: deployment.app_spec_sha256.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codedeploy::tests::described;

    #[track_caller]
    fn check(status: DeploymentStatus, code: Option<&str>, expected: Option<End>) {
        let deployment = Deployment {
            status,
            error: code.map(|code| (code.to_owned(), String::new())),
            ..described("")
        };
        assert_eq!(attempt(&deployment).unwrap().end, expected, "{status:?}");
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
        assert_eq!(attempt(&rollback), None);
        assert_eq!(active(&rollback, None).phase, Phase::RollingBack);
    }
}
