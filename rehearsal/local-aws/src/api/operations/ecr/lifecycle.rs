//! The lifecycle policies of repositories. They are kept, and not carried out: no image expires in a rehearsal.

use serde_json::{Value, json};

use super::find;
use crate::api::error::ApiError;
use crate::api::operation::{Answer, Call};
use crate::ecr::Repository;

pub(super) fn put(call: Call<'_>) -> Answer {
    let repository = find(call, call.input.required_text("repositoryName")?)?;
    let text = call.input.required_text("lifecyclePolicyText")?;
    let read: Option<Value> = serde_json::from_str(text).ok();
    let rules = read.as_ref().and_then(|policy| policy["rules"].as_array());
    // Its rules are not validated further.
    if rules.is_none_or(Vec::is_empty) {
        let message = "Invalid parameter at 'LifecyclePolicyText' failed to satisfy constraint: 'Lifecycle policy validation failure'";
        return Err(ApiError::new("InvalidParameterException", message));
    }
    keep(call, &repository, Some(text.to_owned()));
    Ok(describe(&repository, text))
}

pub(super) fn get(call: Call<'_>) -> Answer {
    let repository = find(call, call.input.required_text("repositoryName")?)?;
    let text = repository.lifecycle.as_deref();
    let text = text.ok_or_else(|| has_none(&repository))?;
    Ok(describe(&repository, text))
}

pub(super) fn delete(call: Call<'_>) -> Answer {
    let repository = find(call, call.input.required_text("repositoryName")?)?;
    let deleted = keep(call, &repository, None);
    let deleted = deleted.ok_or_else(|| has_none(&repository))?;
    Ok(describe(&repository, &deleted))
}

/// Sets a policy and returns the previous one.
fn keep(call: Call<'_>, repository: &Repository, policy: Option<String>) -> Option<String> {
    let ecr = &call.aws.ecr;
    ecr.set_lifecycle(&repository.registry, &repository.name, policy)
        .flatten()
}

fn describe(repository: &Repository, text: &str) -> Value {
    json!({
        "registryId": repository.registry.account,
        "repositoryName": repository.name,
        "lifecyclePolicyText": text,
    })
}

fn has_none(repository: &Repository) -> ApiError {
    let message = format!(
        "Lifecycle policy does not exist for the repository with name '{}' in the registry with id '{}'",
        repository.name, repository.registry.account
    );
    ApiError::new("LifecyclePolicyNotFoundException", message)
}
