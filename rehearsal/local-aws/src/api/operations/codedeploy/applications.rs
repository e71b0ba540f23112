//! CodeDeploy's operations on applications of the compute platform ECS.

use serde_json::{Value, json};

use super::lookup::{application, application_named, listed};
use super::permissions::{application_arn, on_application};
use crate::api::error::{ApiError, not_simulated};
use crate::api::operation::{Answer, Call, Operation};
use crate::api::permission::no_resource;
use crate::codedeploy::{Application, State};
use crate::iam::Permission;
use crate::stamp::epoch_seconds;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new(
        "BatchGetApplications",
        batch_get_applications,
        on_applications,
    ),
    Operation::new("CreateApplication", create_application, on_application),
    Operation::new("DeleteApplication", delete_application, on_application),
    Operation::new("GetApplication", get_application, on_application),
    Operation::new("ListApplications", list_applications, no_resource),
];

fn describe_application(application: &Application) -> Value {
    json!({
        "applicationId": application.id,
        "applicationName": application.name,
        "createTime": epoch_seconds(application.created_at),
        "linkedToGitHub": false,
        "computePlatform": "ECS",
    })
}

fn get_application(call: Call<'_>) -> Answer {
    call.aws.codedeploy.read(|state| {
        let application = application(call, state)?;
        Ok(json!({ "application": describe_application(application) }))
    })
}

fn batch_get_applications(call: Call<'_>) -> Answer {
    let names = call.input.required_texts("applicationNames")?;
    if names.len() > 100 {
        let message = "The maximum number of application names is 100";
        return Err(ApiError::new("BatchLimitExceededException", message));
    }
    call.aws.codedeploy.read(|state| {
        let described = names
            .iter()
            .map(|name| application_named(name, state).map(describe_application));
        let described = described.collect::<Result<Vec<Value>, ApiError>>()?;
        Ok(json!({ "applicationsInfo": described }))
    })
}

fn list_applications(call: Call<'_>) -> Answer {
    let names = |state: &State| {
        let applications = state.applications.iter();
        applications
            .map(|application| application.name.clone())
            .collect()
    };
    listed(call, "applications", call.aws.codedeploy.read(names))
}

fn create_application(call: Call<'_>) -> Answer {
    let name = call.input.required_text("applicationName")?;
    if name.chars().count() > 100 {
        return Err(ApiError::new(
            "InvalidApplicationNameException",
            "The application name must have between 1 and 100 characters",
        ));
    }
    if call.input.text("computePlatform")? != Some("ECS") {
        return Err(ApiError::new(
            "InvalidComputePlatformException",
            not_simulated("compute platforms other than ECS"),
        ));
    }
    let (id, now) = (call.aws.ids.uuid(), call.aws.clock.now());
    call.aws.codedeploy.write(|state| {
        if state.application(name).is_some() {
            return Err(ApiError::new(
                "ApplicationAlreadyExistsException",
                format!("An application with the name {name} already exists"),
            ));
        }
        state.applications.push(Application {
            name: name.to_owned(),
            id: id.clone(),
            created_at: now,
        });
        Ok(json!({ "applicationId": id }))
    })
}

/// Deleting an application that does not exist succeeds. It is inferred that one with a running deployment cannot be
/// deleted.
fn delete_application(call: Call<'_>) -> Answer {
    let name = call.input.required_text("applicationName")?;
    call.aws.codedeploy.write(|state| {
        let active = |deployment: &&crate::codedeploy::Deployment| {
            deployment.application == name && deployment.status.is_active()
        };
        if let Some(active) = state.deployments.iter().find(active) {
            let message = format!(
                "The application {name} has an active deployment {}",
                active.id
            );
            return Err(ApiError::new("InvalidApplicationNameException", message));
        }
        state
            .deployments
            .retain(|deployment| deployment.application != name);
        state.groups.retain(|group| group.application != name);
        state
            .revisions
            .retain(|revision| revision.application != name);
        state
            .applications
            .retain(|application| application.name != name);
        Ok(json!({}))
    })
}

fn on_applications(call: Call<'_>) -> Vec<Permission> {
    call.on_each(call.all_named("applicationNames").map(application_arn))
}
