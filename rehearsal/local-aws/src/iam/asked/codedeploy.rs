//! CodeDeploy's calls.

use super::{Call, pass_role};
use crate::assumption::Assumption;
use crate::iam::Asked;
use crate::identity::arn;

/// The resources are those of CodeDeploy's user guide and SAR, which agree but where it is said.
pub(super) fn asked(call: &Call<'_>) -> Option<Vec<Asked>> {
    Some(match call.operation() {
        "BatchGetDeployments" => {
            let deployments = call.texts("deploymentIds");
            deployments
                .into_iter()
                .map(|id| call.on(group_of(call, id)))
                .collect()
        }
        "CreateDeployment" => create_deployment(call),
        "GetDeployment" => vec![call.on(group_of(call, call.name("deploymentId")))],
        // The user guide names the deployment group here too, SAR no resource. Somebody reports that a grant for the group
        // let a hook be answered.
        "BatchGetDeploymentTargets"
        | "ContinueDeployment"
        | "GetDeploymentTarget"
        | "ListDeploymentTargets"
        | "PutLifecycleEventHookExecutionStatus"
        | "StopDeployment" => {
            match call
                .aws
                .assumptions
                .hold(Assumption::DeploymentActionsKnowNoResource)
            {
                true => return call.anywhere(),
                false => vec![call.on(group_of(call, call.name("deploymentId")))],
            }
        }
        "BatchGetApplicationRevisions"
        | "CreateApplication"
        | "DeleteApplication"
        | "GetApplication"
        | "GetApplicationRevision"
        | "ListApplicationRevisions"
        | "ListDeploymentGroups"
        | "RegisterApplicationRevision" => {
            vec![call.on(application(call.name("applicationName")))]
        }
        "BatchGetApplications" => {
            let names = call.texts("applicationNames");
            names
                .into_iter()
                .map(|name| call.on(application(name)))
                .collect()
        }
        "BatchGetDeploymentGroups" => {
            let names = call.texts("deploymentGroupNames");
            names
                .into_iter()
                .map(|name| call.on(group(call.name("applicationName"), name)))
                .collect()
        }
        "CreateDeploymentConfig" | "DeleteDeploymentConfig" | "GetDeploymentConfig" => {
            vec![call.on(config(call.name("deploymentConfigName")))]
        }
        "CreateDeploymentGroup" | "UpdateDeploymentGroup" => change_group(call),
        // Deployments of nobody's group in particular are those of all.
        "DeleteDeploymentGroup" | "GetDeploymentGroup" | "ListDeployments" => {
            vec![call.on(named_group(call))]
        }
        "ListApplications" | "ListDeploymentConfigs" => return call.anywhere(),
        _ => return None,
    })
}

/// CodeDeploy looks up the configuration and the revision, and registers it, in the caller's name.
fn create_deployment(call: &Call<'_>) -> Vec<Asked> {
    let (application_name, group) = (
        call.name("applicationName"),
        call.name("deploymentGroupName"),
    );
    let of_group = call.aws.codedeploy.read(|state| {
        state
            .group(application_name, group)
            .map(|group| group.config.clone())
    });
    let config_name = call
        .text("deploymentConfigName")
        .map(ToOwned::to_owned)
        .or(of_group);
    let mut asked = vec![
        call.on(named_group(call)),
        Asked::new(
            "codedeploy:GetDeploymentConfig",
            config(config_name.as_deref().unwrap_or("*")),
        ),
        Asked::new(
            "codedeploy:GetApplicationRevision",
            application(call.name("applicationName")),
        ),
        Asked::new(
            "codedeploy:RegisterApplicationRevision",
            application(call.name("applicationName")),
        ),
    ];
    // CodeDeploy API Reference, overrideAlarmConfiguration.
    if !call.request.members["overrideAlarmConfiguration"].is_null() {
        asked.push(Asked::new(
            "codedeploy:UpdateDeploymentGroup",
            named_group(call),
        ));
    }
    asked
}

/// A group's role is handed to CodeDeploy.
fn change_group(call: &Call<'_>) -> Vec<Asked> {
    let current = call
        .text("currentDeploymentGroupName")
        .unwrap_or(call.name("deploymentGroupName"));
    let mut asked = vec![call.on(group(call.name("applicationName"), current))];
    asked.extend(
        call.text("serviceRoleArn")
            .map(|role| pass_role(role, "codedeploy.amazonaws.com")),
    );
    asked
}

fn named_group(call: &Call<'_>) -> String {
    group(
        call.name("applicationName"),
        call.name("deploymentGroupName"),
    )
}

/// The group of a deployment. One that does not exist is of no group: whoever may see all of them hears that.
fn group_of(call: &Call<'_>, id: &str) -> String {
    call.aws
        .codedeploy
        .read(|state| match state.deployment(id) {
            Some(deployment) => group(&deployment.application, &deployment.group),
            None => group("*", "*"),
        })
}

fn group(application: &str, group: &str) -> String {
    arn(
        "codedeploy",
        &format!("deploymentgroup:{application}/{group}"),
    )
}

fn application(name: &str) -> String {
    arn("codedeploy", &format!("application:{name}"))
}

fn config(name: &str) -> String {
    arn("codedeploy", &format!("deploymentconfig:{name}"))
}
