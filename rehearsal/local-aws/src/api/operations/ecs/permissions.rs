//! Shared by the permissions of ECS's operations. The source is SAR, Amazon Elastic Container Service.

use serde_json::Value;

use crate::api::operation::Call;
use crate::api::permission::{full_arn, pass_role};
use crate::iam::Permission;

/// With the cluster as a condition key.
pub(super) fn in_cluster(call: Call<'_>, permission: Permission) -> Permission {
    let named = call.named("cluster").unwrap_or("default");
    permission.with("ecs:cluster", full_arn("ecs", "cluster/", named))
}

/// ListServices has no resource type. That of ListTasks is a container instance, which no request names here.
pub(super) fn in_any_cluster(call: Call<'_>) -> Vec<Permission> {
    vec![in_cluster(call, call.on("*"))]
}

/// The cluster's name; the request may have its ARN.
pub(super) fn cluster_name<'a>(call: Call<'a>) -> &'a str {
    last_segment(call.named("cluster").unwrap_or("default"))
}

pub(super) fn last_segment(name_or_arn: &str) -> &str {
    name_or_arn.rsplit('/').next().unwrap_or(name_or_arn)
}

pub(super) fn task_arn(call: Call<'_>, id: &str) -> String {
    full_arn("ecs", &format!("task/{}/", cluster_name(call)), id)
}

/// Tagging a resource on creation requires a separate permission.
pub(super) fn tag_new(call: Call<'_>, resource: &str) -> Option<Permission> {
    let tagging =
        Permission::new("ecs:TagResource", resource).with("ecs:CreateAction", call.operation);
    let any = tags(call).next().is_some();
    any.then(|| with_tag_keys(call, tagging))
}

/// With the request's tags as condition keys.
pub(super) fn with_tag_keys(call: Call<'_>, mut permission: Permission) -> Permission {
    for tag in tags(call) {
        let text = |member: &str| tag[member].as_str().unwrap_or_default();
        let key = text("key");
        permission = permission.with("aws:TagKeys", key);
        permission = permission.with(&format!("aws:RequestTag/{key}"), text("value"));
    }
    permission
}

fn tags<'a>(call: Call<'a>) -> impl Iterator<Item = &'a Value> {
    let tags = call.input.value("tags").and_then(Value::as_array);
    tags.into_iter().flatten()
}

/// The roles of tasks are passed to ECS. One that is both the task's and the execution role is passed once.
pub(super) fn pass_roles(roles: [Value; 2]) -> Vec<Permission> {
    let mut needed: Vec<Permission> = Vec::new();
    for role in roles
        .iter()
        .filter_map(Value::as_str)
        .filter(|role| !role.is_empty())
    {
        let pass = pass_role(role, "ecs-tasks.amazonaws.com");
        if !needed.contains(&pass) {
            needed.push(pass);
        }
    }
    needed
}
