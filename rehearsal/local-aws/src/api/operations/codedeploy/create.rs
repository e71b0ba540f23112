//! CreateDeployment: its checks, and the deployment that it starts.

use serde_json::json;

use super::group_request::check_controller;
use super::lookup::{config, group};
use super::permissions::{application_arn, config_arn, named_group_arn};
use super::settings;
use crate::api::error::{ApiError, not_simulated};
use crate::api::input::Input;
use crate::api::operation::{Answer, Call, Operation};
use crate::codedeploy::app_spec::{self, AppSpec};
use crate::codedeploy::{Deployment, announce, engine};
use crate::iam::Permission;
use crate::identity::sha256_hex;

const DESCRIPTION_AT_MOST: usize = 256;

pub(super) const OPERATIONS: &[Operation] = &[Operation::new(
    "CreateDeployment",
    create_deployment,
    on_group_config_and_revision,
)];

fn create_deployment(call: Call<'_>) -> Answer {
    let (app_spec, content) = revision(call)?;
    let description = check_description(call)?;
    check_platform(&call.input)?;
    let rollback_on = settings::rollback_on(&call.input)?;
    let alarms = settings::alarms(&call.input, "overrideAlarmConfiguration")?;
    let config_name = call.input.text("deploymentConfigName")?;
    let of_group = call
        .aws
        .codedeploy
        .read(|state| group(call, state).cloned())?;
    check_controller(call, &of_group.cluster, &of_group.service)?;
    let (id, now) = (call.aws.ids.deployment(), call.aws.clock.now());
    // Read and written under one lock, so that of two concurrent callers only one succeeds.
    let created = call.aws.codedeploy.write(|state| {
        let group = group(call, state)?.clone();
        let config_name = config_name.unwrap_or(&group.config);
        let config = config(config_name, state)?.clone();
        if let Some(active) = state.active(&group.application, &group.name) {
            let message = format!(
                "The Deployment Group '{}' already has an active Deployment '{}'",
                group.name, active.id
            );
            return Err(ApiError::new("DeploymentLimitExceededException", message));
        }
        let created = Deployment::of(&group, id, config, (app_spec, &content), now);
        let deployment = Deployment {
            description: description.map(ToOwned::to_owned),
            rollback_on: rollback_on.unwrap_or(group.rollback_on),
            alarms_override: alarms.clone(),
            alarms: alarms.unwrap_or(group.alarms),
            ..created
        };
        state.use_revision(&deployment, &content);
        state.deployments.push(deployment.clone());
        Ok(deployment)
    })?;
    announce::created(&call.aws.codedeploy, &created);
    engine::begin(&call.aws.codedeploy, created.id.clone());
    Ok(json!({ "deploymentId": created.id }))
}

/// Up to 256 characters as AWS's list of limits says. Its own GitHub action sends up to 512, and whether they are taken is not
/// known.
pub(super) fn check_description<'a>(call: Call<'a>) -> Result<Option<&'a str>, ApiError> {
    let description = call.input.text("description")?;
    if description.is_some_and(|text| text.chars().count() > DESCRIPTION_AT_MOST) {
        return Err(ApiError::new(
            "DescriptionTooLongException",
            format!(
                "The description is too long: up to {DESCRIPTION_AT_MOST} characters are allowed"
            ),
        ));
    }
    Ok(description)
}

/// Refuses members that only deployments to servers have. The messages are inferred.
fn check_platform(input: &Input<'_>) -> Result<(), ApiError> {
    if input.structure("targetInstances")?.is_some() {
        let message = "Target instances can not be specified for the compute platform ECS";
        return Err(ApiError::new("InvalidTargetInstancesException", message));
    }
    match input.text("deploymentMode")? {
        Some("STANDARD") | None => Ok(()),
        Some(other) => {
            let message = format!("The deployment mode {other} is not valid for ECS");
            Err(ApiError::new("InvalidInputException", message))
        }
    }
}

/// The AppSpec of a request and its text.
pub(super) fn revision(call: Call<'_>) -> Result<(AppSpec, String), ApiError> {
    read_revision(&call.input)
}

fn read_revision(input: &Input<'_>) -> Result<(AppSpec, String), ApiError> {
    let invalid = |message: String| ApiError::new("InvalidRevisionException", message);
    let app_spec = app_spec_content(&input.required_structure("revision")?)?;
    let content = app_spec
        .text("content")?
        .filter(|content| !content.trim().is_empty());
    let content = content.ok_or_else(|| invalid("The AppSpec content is empty".to_owned()))?;
    let given = app_spec.text("sha256")?;
    if given.is_some_and(|given| given != sha256_hex(content)) {
        return Err(invalid(
            "The SHA-256 does not match the AppSpec content".to_owned(),
        ));
    }
    Ok((
        app_spec::parse(content).map_err(invalid)?,
        content.to_owned(),
    ))
}

/// `appSpecContent` of a `RevisionLocation`.
pub(super) fn app_spec_content<'a>(revision: &Input<'a>) -> Result<Input<'a>, ApiError> {
    let invalid = |message: &str| ApiError::new("InvalidRevisionException", message.to_owned());
    match revision.text("revisionType")? {
        Some("AppSpecContent") => {}
        Some("S3" | "GitHub") => {
            return Err(ApiError::new(
                "RevisionDoesNotExistException",
                not_simulated("revisions in S3 and GitHub"),
            ));
        }
        Some(_) | None => return Err(invalid("The revision type must be AppSpecContent")),
    }
    revision
        .structure("appSpecContent")?
        .ok_or_else(|| invalid("appSpecContent is required"))
}

/// CodeDeploy reads the configuration and the revision, and registers the revision, with the caller's permissions.
fn on_group_config_and_revision(call: Call<'_>) -> Vec<Permission> {
    let (application, group) = (
        call.named_or_any("applicationName"),
        call.named_or_any("deploymentGroupName"),
    );
    let of_group = call.aws.codedeploy.read(|state| {
        let group = state.group(application, group)?;
        Some(group.config.clone())
    });
    let named = call.named("deploymentConfigName").map(ToOwned::to_owned);
    let config = named.or(of_group);
    let mut needed = vec![
        call.on(named_group_arn(call)),
        Permission::new(
            "codedeploy:GetDeploymentConfig",
            config_arn(config.as_deref().unwrap_or("*")),
        ),
        Permission::new(
            "codedeploy:GetApplicationRevision",
            application_arn(application),
        ),
        Permission::new(
            "codedeploy:RegisterApplicationRevision",
            application_arn(application),
        ),
    ];
    // CodeDeploy API Reference, overrideAlarmConfiguration.
    if call.input.value("overrideAlarmConfiguration").is_some() {
        needed.push(Permission::new(
            "codedeploy:UpdateDeploymentGroup",
            named_group_arn(call),
        ));
    }
    needed
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::api::operations::codedeploy::lookup::missing;

    #[test]
    fn create_deployment_wants_an_app_spec_that_is_one() {
        let content = app_spec::render(
            "arn:aws:ecs:eu-central-1:111122223333:task-definition/web:2",
            "web",
            80,
        );
        let with = |app_spec: Value| json!({ "revision": { "revisionType": "AppSpecContent", "appSpecContent": app_spec } });
        let cases = [
            (with(json!({ "content": content })), None),
            (
                with(json!({ "content": content, "sha256": sha256_hex(&content) })),
                None,
            ),
            (
                with(json!({ "content": content, "sha256": "00" })),
                Some("InvalidRevisionException"),
            ),
            (
                with(json!({ "content": "" })),
                Some("InvalidRevisionException"),
            ),
            (with(json!(null)), Some("InvalidRevisionException")),
            (json!({}), Some("RevisionRequiredException")),
            (
                json!({ "revision": { "revisionType": "S3" } }),
                Some("RevisionDoesNotExistException"),
            ),
            (
                json!({ "revision": { "revisionType": 1 } }),
                Some("SerializationException"),
            ),
        ];
        for (request, code) in cases {
            let input = Input::new(&request, missing).unwrap();
            let outcome = read_revision(&input);
            assert_eq!(
                outcome
                    .err()
                    .map(|error| error.code.into_owned())
                    .as_deref(),
                code,
                "{request}"
            );
        }
    }
}
