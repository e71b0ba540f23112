//! Shared by the permissions of CodeDeploy's operations. Its user guide and SAR agree on the resources, except where a
//! rule states the difference.

use crate::api::operation::Call;
use crate::api::permission::no_resource;
use crate::assumption::Assumption;
use crate::iam::Permission;
use crate::identity::arn;

pub(super) fn on_application(call: Call<'_>) -> Vec<Permission> {
    vec![call.on(application_arn(call.named_or_any("applicationName")))]
}

/// ListDeployments without a group lists those of all groups, and requires permission for all.
pub(super) fn on_group(call: Call<'_>) -> Vec<Permission> {
    vec![call.on(named_group_arn(call))]
}

pub(super) fn on_group_of_deployment(call: Call<'_>) -> Vec<Permission> {
    vec![call.on(group_of(call, call.named_or_any("deploymentId")))]
}

/// The user guide names the deployment group, SAR no resource. According to a report, a grant on the group was
/// sufficient for answering a hook.
pub(super) fn on_deployment(call: Call<'_>) -> Vec<Permission> {
    let assumption = Assumption::DeploymentActionsKnowNoResource;
    match call.aws.assumptions.hold(assumption) {
        true => no_resource(call),
        false => on_group_of_deployment(call),
    }
}

/// The group of a deployment. A deployment that does not exist has no group: only callers that may read all groups
/// receive that error.
pub(super) fn group_of(call: Call<'_>, id: &str) -> String {
    call.aws
        .codedeploy
        .read(|state| match state.deployment(id) {
            Some(deployment) => group_arn(&deployment.application, &deployment.group),
            None => group_arn("*", "*"),
        })
}

pub(super) fn named_group_arn(call: Call<'_>) -> String {
    group_arn(
        call.named_or_any("applicationName"),
        call.named_or_any("deploymentGroupName"),
    )
}

pub(super) fn group_arn(application: &str, group: &str) -> String {
    arn(
        "codedeploy",
        &format!("deploymentgroup:{application}/{group}"),
    )
}

pub(super) fn application_arn(name: &str) -> String {
    arn("codedeploy", &format!("application:{name}"))
}

pub(super) fn config_arn(name: &str) -> String {
    arn("codedeploy", &format!("deploymentconfig:{name}"))
}
