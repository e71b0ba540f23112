//! ECS's operations on task definitions.

use serde_json::{Value, json};

use super::permissions::{pass_roles, tag_new, with_tag_keys};
use super::services::{include, invalid};
use crate::api::error::ApiError;
use crate::api::operation::{Answer, Call, Operation};
use crate::api::page::page;
use crate::api::permission::no_resource;
use crate::api::throttle::Bucket;
use crate::ecs::registration::prepare;
use crate::ecs::task_definition::Revision;
use crate::iam::Permission;
use crate::identity::arn;
use crate::timeline;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new(
        "DeregisterTaskDefinition",
        deregister_task_definition,
        no_resource,
    )
    .bucket(Bucket::TaskDefinitionModify),
    Operation::new(
        "DescribeTaskDefinition",
        describe_task_definition,
        no_resource,
    )
    .bucket(Bucket::TaskDefinitionRead),
    Operation::new(
        "ListTaskDefinitionFamilies",
        list_task_definition_families,
        no_resource,
    )
    .bucket(Bucket::TaskDefinitionRead),
    Operation::new("ListTaskDefinitions", list_task_definitions, no_resource)
        .bucket(Bucket::TaskDefinitionRead),
    Operation::new(
        "RegisterTaskDefinition",
        register_task_definition,
        on_family_with_roles,
    )
    .bucket(Bucket::TaskDefinitionModify),
];

fn client(message: impl Into<String>) -> ApiError {
    ApiError::new("ClientException", message)
}

fn register_task_definition(call: Call<'_>) -> Answer {
    let family = call.input.required_text("family")?.to_owned();
    call.input
        .list("containerDefinitions")?
        .ok_or_else(|| call.input.missing("containerDefinitions"))?;
    call.input.structures("containerDefinitions")?;
    call.input.structures("tags")?;
    for text in [
        "cpu",
        "memory",
        "networkMode",
        "taskRoleArn",
        "executionRoleArn",
    ] {
        call.input.text(text)?;
    }
    let (registered, tags) = prepare(call.input.raw()).map_err(client)?;
    let (now, registered_by) = (call.aws.clock.now(), call.caller());
    let revision = call.aws.ecs.write(|state| {
        let revisions = state.families.entry(family.clone()).or_default();
        let number = revisions.last().map_or(1, |last| last.number + 1);
        let revision = Revision {
            family,
            number,
            registered: registered.into(),
            tags,
            registered_at: now,
            registered_by,
            deregistered_at: None,
        };
        // Nothing but DescribeTaskDefinition and a rollback reads an older one.
        for older in revisions.iter_mut() {
            older.registered.pack();
        }
        revisions.push(revision.clone());
        revision
    });
    call.aws
        .timeline
        .record(timeline::Event::RevisionRegistered {
            arn: revision.arn(),
            images: revision.images(),
        });
    Ok(with_tags(&revision, !revision.tags.is_empty()))
}

fn describe_task_definition(call: Call<'_>) -> Answer {
    let wanted = call.input.required_text("taskDefinition")?;
    let include = include(call, &["TAGS"])?;
    let found = call.aws.ecs.read(|state| state.revision(wanted).cloned());
    let revision = found.ok_or_else(|| client("Unable to describe task definition."))?;
    Ok(with_tags(&revision, include.contains(&"TAGS")))
}

fn deregister_task_definition(call: Call<'_>) -> Answer {
    let wanted = call.input.required_text("taskDefinition")?;
    if !wanted.contains(':') {
        return Err(client(
            "The specified task definition must include a revision.",
        ));
    }
    let now = call.aws.clock.now();
    let revision = call.aws.ecs.write(|state| {
        let (family, number) = state
            .revision(wanted)
            .map(|revision| (revision.family.clone(), revision.number))?;
        let revisions = state.families.get_mut(&family)?;
        let revision = revisions
            .iter_mut()
            .find(|revision| revision.number == number)?;
        revision.deregistered_at.get_or_insert(now);
        Some(revision.clone())
    });
    let revision =
        revision.ok_or_else(|| client("The specified task definition does not exist."))?;
    Ok(with_tags(&revision, false))
}

fn list_task_definition_families(call: Call<'_>) -> Answer {
    let prefix = call.input.text("familyPrefix")?.unwrap_or_default();
    let wanted: fn(bool) -> bool = match call.input.text("status")?.unwrap_or("ALL") {
        "ALL" => |_| true,
        "ACTIVE" => |active| active,
        "INACTIVE" => |active| !active,
        other => return Err(invalid(format!("Invalid status: {other}"))),
    };
    let size = list_size(call, 100)?;
    let families = call.aws.ecs.read(|state| {
        let families = state.families.iter().filter(|(family, revisions)| {
            // A family is ACTIVE for as long as one of its revisions is.
            family.starts_with(prefix) && wanted(revisions.iter().any(Revision::is_active))
        });
        families.map(|(family, _)| family.clone()).collect()
    });
    list_answer("families", families, size, call.input.text("nextToken")?)
}

fn list_task_definitions(call: Call<'_>) -> Answer {
    let prefix = call.input.text("familyPrefix")?;
    let active = match call.input.text("status")?.unwrap_or("ACTIVE") {
        "ACTIVE" => true,
        "INACTIVE" => false,
        "DELETE_IN_PROGRESS" => return Ok(json!({ "taskDefinitionArns": [] })),
        other => return Err(invalid(format!("Invalid status: {other}"))),
    };
    let descending = match call.input.text("sort")?.unwrap_or("ASC") {
        "ASC" => false,
        "DESC" => true,
        other => return Err(invalid(format!("Invalid sort: {other}"))),
    };
    let size = list_size(call, 100)?;
    let mut arns = call.aws.ecs.read(|state| {
        // In spite of its name, the prefix is a complete family name.
        let families = state
            .families
            .iter()
            .filter(|(family, _)| prefix.is_none_or(|prefix| *family == prefix));
        let revisions = families.flat_map(|(_, revisions)| revisions.iter());
        revisions
            .filter(|revision| revision.is_active() == active)
            .map(Revision::arn)
            .collect::<Vec<_>>()
    });
    if descending {
        arns.reverse();
    }
    list_answer(
        "taskDefinitionArns",
        arns,
        size,
        call.input.text("nextToken")?,
    )
}

/// `maxResults` of ECS's lists: up to 100, and `usual` by default.
pub(super) fn list_size(call: Call<'_>, usual: usize) -> Result<usize, ApiError> {
    match call.input.integer("maxResults")? {
        None => Ok(usual),
        Some(size @ 1..=100) => Ok(usize::try_from(size).unwrap_or(100)),
        Some(_) => Err(invalid("maxResults must be between 1 and 100.")),
    }
}

pub(super) fn list_answer(
    member: &str,
    items: Vec<impl serde::Serialize>,
    size: usize,
    token: Option<&str>,
) -> Answer {
    let part = page(items, size, token).map_err(|_| invalid("Invalid token."))?;
    let mut answer = json!({ member: part.items });
    if let Some(token) = part.next_token {
        answer["nextToken"] = json!(token);
    }
    Ok(answer)
}

fn with_tags(revision: &Revision, tags: bool) -> Value {
    let mut answer = json!({ "taskDefinition": revision.describe() });
    if tags {
        answer["tags"] = json!(revision.tags);
    }
    answer
}

/// The new revision has no number yet.
fn on_family_with_roles(call: Call<'_>) -> Vec<Permission> {
    let family = arn(
        "ecs",
        &format!("task-definition/{}:*", call.named_or_any("family")),
    );
    let mut needed = vec![with_tag_keys(call, call.on(&family))];
    needed.extend(tag_new(call, &family));
    let role = |member| call.input.value(member).cloned().unwrap_or_default();
    needed.extend(pass_roles([role("taskRoleArn"), role("executionRoleArn")]));
    needed
}
