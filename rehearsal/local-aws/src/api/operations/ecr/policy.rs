//! The policies of repositories.

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
