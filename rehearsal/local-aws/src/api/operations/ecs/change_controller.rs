//! `deploymentController` of UpdateService: a service of CodeDeploy's is moved to ECS, in place.
//!
//! The conditions and the sentences about task sets are AWS's (ECS Developer Guide, "Update Amazon ECS service parameters",
//! "Migrating from a CodeDeploy blue/green to an Amazon ECS blue/green service deployment", "Troubleshooting Amazon ECS deployment
//! strategy updates"); the other sentences are inferred. That both target groups must be associated with the rules is not asked here:
//! AWS notices it while it deploys.

use serde_json::Value;

use super::services::invalid;
use crate::api::error::{ApiError, not_simulated};
use crate::api::operation::Call;
use crate::assumption::Assumption;
use crate::ecs::service::Service;
use crate::service_deployment::configuration::DeploymentConfiguration;
use crate::service_deployment::controller::{Controller, EcsManaged};

/// Whether the request moves a service of CODE_DEPLOY to ECS. AWS lists that, and from and to EXTERNAL; ECS to CODE_DEPLOY is not among
/// them.
pub(super) fn moves_to_ecs(call: Call<'_>, now: &Controller) -> Result<bool, ApiError> {
    let given = call.input.structure("deploymentController")?;
    match given.map(|given| given.required_text("type")).transpose()? {
        None => Ok(false),
        Some(same) if same == now.as_str() => Ok(false),
        Some("ECS") if *now == Controller::CodeDeploy => Ok(true),
        Some(other @ ("ECS" | "EXTERNAL")) => Err(invalid(not_simulated(&format!(
            "a change of the deployment controller from {} to {other}",
            now.as_str()
        )))),
        Some("CODE_DEPLOY") => Err(invalid(format!(
            "Unable to update the deployment controller of a service from {} to CODE_DEPLOY.",
            now.as_str()
        ))),
        Some(other) => Err(invalid(format!(
            "Invalid deployment controller type: {other}"
        ))),
    }
}

/// What ECS deploys by before the request's own members: what CodeDeploy left. A strategy, rules, hooks and the infrastructure role come
/// with the request; without a strategy the service is updated task by task.
pub(super) fn move_to_ecs(call: Call<'_>, service: &Service) -> Result<EcsManaged, ApiError> {
    let is_under_way = call.aws.codedeploy.read(|state| {
        let mut groups = state.groups.iter();
        groups.any(|group| {
            (&group.cluster, &group.service) == (&service.cluster, &service.name)
                && state.active(&group.application, &group.name).is_some()
        })
    });
    if service.task_sets.len() > 1 {
        return Err(invalid(
            "Updating the deployment controller is not supported when there are multiple tasksets in the service. Please ensure \
             your service has only one taskset and try again.",
        ));
    }
    if service.primary().is_none() {
        return Err(invalid(
            "Updating the deployment controller requires a primary taskset in the service. Please ensure your service has a primary \
             taskset and try again.",
        ));
    }
    // ECS knows CodeDeploy's deployment by its task set, which is there from Install on; the guide rules out the time before, too.
    if is_under_way {
        return Err(invalid(
            "Unable to update the deployment controller of a service during an ongoing service deployment.",
        ));
    }
    let set_before = service.options.get("deploymentConfiguration");
    let set_before = set_before.and_then(Value::as_object).cloned();
    let configuration = DeploymentConfiguration::read(&set_before.unwrap_or_default());
    Ok(EcsManaged {
        configuration: configuration.map_err(invalid)?,
        load_balancers: service.describe_load_balancers(),
        two_groups: Vec::new(),
    })
}

/// Whether the move itself is deployed. The guide has the service updated afterwards to start a deployment, and UpdateService says of
/// `loadBalancers` that they trigger one.
pub(super) fn starts_a_deployment(call: Call<'_>, before: &Controller) -> bool {
    let assumptions = &call.aws.assumptions;
    before.ecs().is_none() && assumptions.hold(Assumption::MoveToEcsStartsADeployment)
}
