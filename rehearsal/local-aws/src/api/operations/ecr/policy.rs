//! The policies of repositories: who may do what, and how long images stay.

use serde_json::{Value, json};

use super::find;
use crate::api::error::ApiError;
use crate::api::operation::{Answer, Call};
use crate::ecr::{Repository, RepositoryPolicy};

pub(super) fn set(call: Call<'_>) -> Answer {
    let repository = find(call, call.input.required_text("repositoryName")?)?;
    let text = call.input.required_text("policyText")?;
    let is_json = serde_json::from_str::<Value>(text).is_ok_and(|value| value.is_object());
    let policy = RepositoryPolicy::read(text).map_err(|error| {
        // Public programs report this sentence, also for a statement with a `Resource`.
        let sentence = "Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Invalid repository policy provided'";
        let hint = match is_json {
            true => format!(" (hint: {error:#})"),
            false => String::new(),
        };
        ApiError::new("InvalidParameterException", format!("{sentence}{hint}"))
    })?;
    keep(call, &repository, Some(policy.clone()));
    Ok(describe(&repository, &policy))
}

pub(super) fn get(call: Call<'_>) -> Answer {
    let repository = find(call, call.input.required_text("repositoryName")?)?;
    let policy = repository.policy.as_ref();
    let policy = policy.ok_or_else(|| has_none(&repository))?;
    Ok(describe(&repository, policy))
}

pub(super) fn delete(call: Call<'_>) -> Answer {
    let repository = find(call, call.input.required_text("repositoryName")?)?;
    let deleted = keep(call, &repository, None);
    let deleted = deleted.ok_or_else(|| has_none(&repository))?;
    Ok(describe(&repository, &deleted))
}

/// Sets a policy and returns the previous one.
fn keep(
    call: Call<'_>,
    repository: &Repository,
    policy: Option<RepositoryPolicy>,
) -> Option<RepositoryPolicy> {
    let ecr = &call.aws.ecr;
    ecr.set_policy(&repository.registry, &repository.name, policy)
        .flatten()
}

fn describe(repository: &Repository, policy: &RepositoryPolicy) -> Value {
    json!({
        "registryId": repository.registry.account,
        "repositoryName": repository.name,
        "policyText": policy.text,
    })
}

fn has_none(repository: &Repository) -> ApiError {
    let message = format!(
        "Repository policy does not exist for the repository with name '{}' in the registry with id '{}'",
        repository.name, repository.registry.account
    );
    ApiError::new("RepositoryPolicyNotFoundException", message)
}

/// Lifecycle policies are kept, and not carried out: no image expires in a rehearsal.
pub(super) fn put_lifecycle(call: Call<'_>) -> Answer {
    let repository = find(call, call.input.required_text("repositoryName")?)?;
    let text = call.input.required_text("lifecyclePolicyText")?;
    let read: Option<Value> = serde_json::from_str(text).ok();
    let rules = read.as_ref().and_then(|policy| policy["rules"].as_array());
    // Its rules are not validated further.
    if rules.is_none_or(Vec::is_empty) {
        let message = "Invalid parameter at 'LifecyclePolicyText' failed to satisfy constraint: 'Lifecycle policy validation failure'";
        return Err(ApiError::new("InvalidParameterException", message));
    }
    keep_lifecycle(call, &repository, Some(text.to_owned()));
    Ok(describe_lifecycle(&repository, text))
}

pub(super) fn get_lifecycle(call: Call<'_>) -> Answer {
    let repository = find(call, call.input.required_text("repositoryName")?)?;
    let text = repository.lifecycle.as_deref();
    let text = text.ok_or_else(|| has_no_lifecycle(&repository))?;
    Ok(describe_lifecycle(&repository, text))
}

pub(super) fn delete_lifecycle(call: Call<'_>) -> Answer {
    let repository = find(call, call.input.required_text("repositoryName")?)?;
    let deleted = keep_lifecycle(call, &repository, None);
    let deleted = deleted.ok_or_else(|| has_no_lifecycle(&repository))?;
    Ok(describe_lifecycle(&repository, &deleted))
}

/// Sets a policy and returns the previous one.
fn keep_lifecycle(
    call: Call<'_>,
    repository: &Repository,
    policy: Option<String>,
) -> Option<String> {
    let ecr = &call.aws.ecr;
    ecr.set_lifecycle(&repository.registry, &repository.name, policy)
        .flatten()
}

fn describe_lifecycle(repository: &Repository, text: &str) -> Value {
    json!({
        "registryId": repository.registry.account,
        "repositoryName": repository.name,
        "lifecyclePolicyText": text,
    })
}

fn has_no_lifecycle(repository: &Repository) -> ApiError {
    let message = format!(
        "Lifecycle policy does not exist for the repository with name '{}' in the registry with id '{}'",
        repository.name, repository.registry.account
    );
    ApiError::new("LifecyclePolicyNotFoundException", message)
}
