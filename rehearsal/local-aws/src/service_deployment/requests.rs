//! What people and programs ask of a service deployment: StopServiceDeployment and ContinueServiceDeployment.

use super::deployment::{HookStatus, ServiceDeployment};
use super::lifecycle_hook::HookAction;
use super::record::{edit, set_status};
use super::service_deployments::ServiceDeployments;
use super::stage::Stage;
use super::status::{Status, StopRequest};
use crate::assumption::{Assumption, Assumptions};

/// Why a request is refused: AWS's exception and its sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub code: &'static str,
    pub message: String,
}

fn refused(code: &'static str, message: impl Into<String>) -> Refused {
    Refused {
        code,
        message: message.into(),
    }
}

fn find(deployments: &ServiceDeployments, arn: &str) -> Result<ServiceDeployment, Refused> {
    let found = deployments.read(|state| state.deployment(arn).cloned());
    found.ok_or_else(|| {
        refused(
            "ServiceDeploymentNotFoundException",
            "The service deployment does not exist.",
        )
    })
}

/// StopServiceDeployment. Repeated, it has no further effect.
pub fn stop(
    deployments: &ServiceDeployments,
    arn: &str,
    stop_type: Option<&str>,
) -> Result<(), Refused> {
    let request = stop_request(stop_type, &deployments.context.assumptions)?;
    let deployment = find(deployments, arn)?;
    match deployment.status {
        Status::Pending | Status::InProgress if deployment.stage == Some(Stage::CleanUp) => Ok(()),
        Status::Pending | Status::InProgress => {
            let status = match request {
                StopRequest::RollBack => Status::RollbackRequested,
                StopRequest::Superseded | StopRequest::LeaveBoth => Status::StopRequested,
            };
            set_status(deployments, arn, status, None);
            edit(deployments, arn, |deployment| {
                deployment.stop = Some(request)
            });
            Ok(())
        }
        Status::StopRequested | Status::RollbackRequested | Status::RollbackInProgress => Ok(()),
        Status::Successful
        | Status::Stopped
        | Status::RollbackSuccessful
        | Status::RollbackFailed => ended(&deployments.context.assumptions),
    }
}

/// The exception follows from the operation's list of errors; the sentence is inferred.
fn ended(assumptions: &Assumptions) -> Result<(), Refused> {
    match assumptions.hold(Assumption::StopOfEndedDeploymentSucceeds) {
        true => Ok(()),
        false => Err(refused(
            "ConflictException",
            "Stopping a service deployment is not allowed for service deployment in terminal states.",
        )),
    }
}

/// Only ROLLBACK is documented; the model also has ABORT.
fn stop_request(
    stop_type: Option<&str>,
    assumptions: &Assumptions,
) -> Result<StopRequest, Refused> {
    let keeps_both = assumptions.hold(Assumption::StopWithoutTypeKeepsBothRevisions);
    match (stop_type, keeps_both) {
        (Some("ROLLBACK"), _) | (None, false) => Ok(StopRequest::RollBack),
        (Some("ABORT") | None, true) => Ok(StopRequest::LeaveBoth),
        (Some("ABORT"), false) => Err(refused(
            "InvalidParameterException",
            "The stopType ABORT is not supported.",
        )),
        (Some(_), _) => Err(refused(
            "InvalidParameterException",
            "stopType must be one of ABORT, ROLLBACK.",
        )),
    }
}

/// ContinueServiceDeployment, with AWS's four refusals (ECS Developer Guide, "Pause lifecycle hooks").
pub fn go_on(
    deployments: &ServiceDeployments,
    arn: &str,
    hook_id: &str,
    action: HookAction,
) -> Result<(), Refused> {
    let invalid = |message: &str| refused("InvalidParameterException", message);
    let mut parts = hook_id.splitn(3, '-');
    let has_form = parts.next() == Some("ecs")
        && parts
            .next()
            .is_some_and(|kind| kind == "pause" || kind == "lambda")
        && parts.next().is_some_and(|id| !id.is_empty());
    if !has_form {
        return Err(invalid(
            "Invalid hookId: hookId must follow the format: ecs-{hookType}-{id}",
        ));
    }
    let deployment = find(deployments, arn)?;
    if deployment.status.has_ended() {
        return Err(invalid(
            "Continuing a service deployment is not allowed for service deployment in terminal states.",
        ));
    }
    let mut hooks = deployment.hooks.iter();
    let waits = hooks.any(|hook| {
        hook.id == hook_id && hook.status == HookStatus::AwaitingAction && hook.action.is_none()
    });
    if !waits || deployment.stop.is_some() {
        return Err(invalid(
            "Provided hookId is either completed, unavailable, or not associated with the given Resource ARN",
        ));
    }
    edit(deployments, arn, |deployment| {
        if let Some(hook) = deployment.hooks.iter_mut().find(|hook| hook.id == hook_id) {
            hook.action = Some(action);
        }
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_type_is_read_both_ways() {
        let both = [Assumption::StopWithoutTypeKeepsBothRevisions];
        let (one, other) = (Assumptions::default(), Assumptions::from_iter(both));
        let read = |stop_type, assumptions| {
            stop_request(stop_type, assumptions).map_err(|refused| refused.message)
        };
        assert_eq!(read(Some("ROLLBACK"), &one), Ok(StopRequest::RollBack));
        assert_eq!(read(None, &one), Ok(StopRequest::RollBack));
        assert_eq!(
            read(Some("ABORT"), &one).unwrap_err(),
            "The stopType ABORT is not supported."
        );
        assert_eq!(read(Some("ROLLBACK"), &other), Ok(StopRequest::RollBack));
        assert_eq!(read(None, &other), Ok(StopRequest::LeaveBoth));
        assert_eq!(read(Some("ABORT"), &other), Ok(StopRequest::LeaveBoth));
        assert!(read(Some("PAUSE"), &other).is_err());
    }

    #[test]
    fn a_stop_of_an_ended_deployment_is_a_conflict_or_nothing() {
        let assumed = [Assumption::StopOfEndedDeploymentSucceeds];
        assert_eq!(ended(&Assumptions::from_iter(assumed)), Ok(()));
        let conflict = ended(&Assumptions::default()).unwrap_err();
        assert_eq!(conflict.code, "ConflictException");
    }
}
