//! CreateDeployment: what it refuses, and the deployment that it begins.

use serde_json::json;

use super::codedeploy::{group, no_config};
use super::{Answer, Call};
use crate::api::error::ApiError;
use crate::api::input::Input;
use crate::codedeploy::app_spec::{self, AppSpec};
use crate::codedeploy::{
    Creator, Deployment, DeploymentStatus, Wait, announce, engine, lifecycle, pending,
};
use crate::identity::sha256_hex;

pub(super) fn create_deployment(call: Call<'_>) -> Answer {
    let (app_spec, content) = revision(&call.input)?;
    let description = call.input.text("description")?;
    if description.is_some_and(|text| text.chars().count() > 256) {
        return Err(ApiError::new(
            "DescriptionTooLongException",
            "The description is too long: up to 256 characters are allowed",
        ));
    }
    let rollback_on = rollback_on(&call.input)?;
    let config_name = call.input.text("deploymentConfigName")?;
    let (id, now) = (call.aws.ids.deployment(), call.aws.clock.now());
    // Looked at and written in one step, so that of two callers at once only one succeeds.
    let created = call.aws.codedeploy.write(|state| {
        let group = group(call, state)?.clone();
        let config_name = config_name.unwrap_or(&group.config);
        let config = state
            .config(config_name)
            .cloned()
            .ok_or_else(|| no_config(config_name))?;
        if let Some(active) = state.active(&group.application, &group.name) {
            let message = format!(
                "The Deployment Group '{}' already has an active Deployment '{}'",
                group.name, active.id
            );
            return Err(ApiError::new("DeploymentLimitExceededException", message));
        }
        let deployment = Deployment {
            id,
            application: group.application.clone(),
            group: group.name.clone(),
            config,
            description: description.map(ToOwned::to_owned),
            creator: Creator::User,
            status: DeploymentStatus::Created,
            error: None,
            created_at: now,
            started_at: None,
            completed_at: None,
            sha256: sha256_hex(&content),
            app_spec,
            rollback_on: rollback_on.unwrap_or(group.rollback_on),
            alarms: group.alarms,
            rolled_back_by: None,
            rolls_back: None,
            events: pending(lifecycle::events(group.test_listener.as_deref())),
            hooks: Vec::new(),
            blue: None,
            green: None,
            green_percent: 0,
            ready_wait: Wait::NotReached,
            termination_wait: Wait::NotReached,
            stop: None,
        };
        state.use_revision(
            &group.application,
            &group.name,
            &deployment.sha256,
            &content,
            now,
        );
        state.deployments.push(deployment.clone());
        Ok(deployment)
    })?;
    announce::created(call.aws, &created);
    engine::begin(call.aws, created.id.clone());
    Ok(json!({ "deploymentId": created.id }))
}

/// The AppSpec of a request and its text.
fn revision(input: &Input<'_>) -> Result<(AppSpec, String), ApiError> {
    let invalid = |message: String| ApiError::new("InvalidRevisionException", message);
    let revision = input.required_structure("revision")?;
    match revision.text("revisionType")? {
        Some("AppSpecContent") => {}
        Some("S3" | "GitHub") => {
            return Err(ApiError::new(
                "RevisionDoesNotExistException",
                "There is no such revision: the rehearsal has no S3 and no GitHub",
            ));
        }
        Some(_) | None => {
            return Err(invalid(
                "The revision type must be AppSpecContent".to_owned(),
            ));
        }
    }
    let app_spec = revision.structure("appSpecContent")?;
    let app_spec = app_spec.ok_or_else(|| invalid("appSpecContent is required".to_owned()))?;
    let content = app_spec
        .text("content")?
        .filter(|content| !content.trim().is_empty());
    let content = content.ok_or_else(|| invalid("The AppSpec content is empty".to_owned()))?;
    if app_spec
        .text("sha256")?
        .is_some_and(|sha256| sha256 != sha256_hex(content))
    {
        return Err(invalid(
            "The SHA-256 does not match the AppSpec content".to_owned(),
        ));
    }
    Ok((
        app_spec::parse(content).map_err(invalid)?,
        content.to_owned(),
    ))
}

/// The deployment's own auto-rollback events; none where the group's count.
fn rollback_on(input: &Input<'_>) -> Result<Option<Vec<String>>, ApiError> {
    let Some(configuration) = input.structure("autoRollbackConfiguration")? else {
        return Ok(None);
    };
    let events = configuration.texts("events")?;
    let known = [
        "DEPLOYMENT_FAILURE",
        "DEPLOYMENT_STOP_ON_ALARM",
        "DEPLOYMENT_STOP_ON_REQUEST",
    ];
    if let Some(unknown) = events.iter().find(|event| !known.contains(event)) {
        return Err(ApiError::new(
            "InvalidAutoRollbackConfigException",
            format!("{unknown} is not an auto-rollback event"),
        ));
    }
    let enabled = configuration.boolean("enabled")?.unwrap_or(false);
    Ok(Some(
        events
            .into_iter()
            .filter(|_| enabled)
            .map(ToOwned::to_owned)
            .collect(),
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::api::operations::codedeploy::missing;

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
            let outcome = revision(&Input::new(&request, missing).unwrap());
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
