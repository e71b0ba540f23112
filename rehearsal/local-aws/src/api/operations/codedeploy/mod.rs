//! CodeDeploy's operations.

mod applications;
mod configs;
mod create;
mod deployments;
mod group_request;
mod groups;
mod lookup;
mod revisions;
mod settings;
mod targets;

use super::{Answer, Call, unknown};

pub(super) use self::lookup::missing;

pub(super) fn answer(call: Call<'_>) -> Answer {
    match call.operation {
        "BatchGetApplicationRevisions" => revisions::batch_get_application_revisions(call),
        "BatchGetApplications" => applications::batch_get_applications(call),
        "BatchGetDeploymentGroups" => groups::batch_get_deployment_groups(call),
        "BatchGetDeploymentTargets" => targets::batch_get_deployment_targets(call),
        "BatchGetDeployments" => deployments::batch_get_deployments(call),
        "ContinueDeployment" => deployments::continue_deployment(call),
        "CreateApplication" => applications::create_application(call),
        "CreateDeployment" => create::create_deployment(call),
        "CreateDeploymentConfig" => configs::create_deployment_config(call),
        "CreateDeploymentGroup" => groups::create_deployment_group(call),
        "DeleteApplication" => applications::delete_application(call),
        "DeleteDeploymentConfig" => configs::delete_deployment_config(call),
        "DeleteDeploymentGroup" => groups::delete_deployment_group(call),
        "GetApplication" => applications::get_application(call),
        "GetApplicationRevision" => revisions::get_application_revision(call),
        "GetDeployment" => deployments::get_deployment(call),
        "GetDeploymentConfig" => configs::get_deployment_config(call),
        "GetDeploymentGroup" => groups::get_deployment_group(call),
        "GetDeploymentTarget" => targets::get_deployment_target(call),
        "ListApplicationRevisions" => revisions::list_application_revisions(call),
        "ListApplications" => applications::list_applications(call),
        "ListDeploymentConfigs" => configs::list_deployment_configs(call),
        "ListDeploymentGroups" => groups::list_deployment_groups(call),
        "ListDeploymentTargets" => targets::list_deployment_targets(call),
        "ListDeployments" => deployments::list_deployments(call),
        "PutLifecycleEventHookExecutionStatus" => {
            targets::put_lifecycle_event_hook_execution_status(call)
        }
        "RegisterApplicationRevision" => revisions::register_application_revision(call),
        "StopDeployment" => deployments::stop_deployment(call),
        "UpdateDeploymentGroup" => groups::update_deployment_group(call),
        _ => unknown(),
    }
}
