//! ECS's operations on the tags of its resources.

use serde_json::{Value, json};

use super::permissions::with_tag_keys;
use super::services::invalid;
use crate::api::error::ApiError;
use crate::api::operation::{Answer, Call, Operation};
use crate::api::throttle::Bucket;
use crate::ecs::State;
use crate::ecs::registration::check_tags;
use crate::iam::Permission;
use crate::identity::arn;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("ListTagsForResource", list_tags_for_resource, on_resource),
    Operation::new("TagResource", tag_resource, on_resource).bucket(Bucket::TagModify),
    Operation::new("UntagResource", untag_resource, on_resource).bucket(Bucket::TagModify),
];

fn list_tags_for_resource(call: Call<'_>) -> Answer {
    let resource = resource(call)?;
    let found = call.aws.ecs.write(|state| tags(state, resource).cloned());
    let tags = found.ok_or_else(|| invalid(format!("The resource {resource} was not found.")))?;
    Ok(json!({ "tags": tags }))
}

fn tag_resource(call: Call<'_>) -> Answer {
    let resource = resource(call)?;
    let new = call.input.list("tags")?.cloned().unwrap_or_default();
    call.input.structures("tags")?;
    if new.is_empty() {
        return Err(call.input.missing("tags"));
    }
    call.aws.ecs.write(|state| {
        let tags = tags(state, resource).ok_or_else(|| not_found(resource))?;
        let mut together = tags.clone();
        together.retain(|tag| !new.iter().any(|other| other["key"] == tag["key"]));
        together.extend(new);
        check_tags(&together).map_err(invalid)?;
        *tags = together;
        Ok(json!({}))
    })
}

fn untag_resource(call: Call<'_>) -> Answer {
    let resource = resource(call)?;
    let keys = call.input.required_texts("tagKeys")?;
    call.aws.ecs.write(|state| {
        let tags = tags(state, resource).ok_or_else(|| not_found(resource))?;
        tags.retain(|tag| !keys.iter().any(|key| tag["key"] == *key));
        Ok(json!({}))
    })
}

fn resource<'a>(call: Call<'a>) -> Result<&'a str, ApiError> {
    let resource = call.input.required_text("resourceArn")?;
    match resource.starts_with(&arn("ecs", "")) {
        true => Ok(resource),
        false => Err(invalid(format!("Invalid resource ARN: {resource}"))),
    }
}

fn not_found(resource: &str) -> ApiError {
    let message = format!("The specified resource {resource} was not found.");
    ApiError::new("ResourceNotFoundException", message)
}

fn tags<'s>(state: &'s mut State, resource: &str) -> Option<&'s mut Vec<Value>> {
    let (kind, name) = resource.strip_prefix(&arn("ecs", ""))?.split_once('/')?;
    match kind {
        "cluster" => {
            let cluster = state.cluster(Some(name))?.to_owned();
            Some(state.cluster_tags.entry(cluster).or_default())
        }
        "service" => {
            let service = state.services.iter_mut();
            let found = service
                .into_iter()
                .find(|service| service.arn() == resource)?;
            Some(&mut found.tags)
        }
        "task" => Some(&mut state.task_mut(resource)?.tags),
        "task-definition" => {
            let (family, number) = name.rsplit_once(':')?;
            let number: u32 = number.parse().ok()?;
            let revisions = state.families.get_mut(family)?;
            let found = revisions
                .iter_mut()
                .find(|revision| revision.number == number)?;
            Some(&mut found.tags)
        }
        _ => None,
    }
}

fn on_resource(call: Call<'_>) -> Vec<Permission> {
    vec![with_tag_keys(
        call,
        call.on(call.named_or_any("resourceArn")),
    )]
}
