//! ECS's calls.

use serde_json::Value;

use super::{Call, full, pass_role};
use crate::iam::Asked;
use crate::identity::arn;

/// SAR, Amazon Elastic Container Service.
pub(super) fn asked(call: &Call<'_>) -> Option<Vec<Asked>> {
    Some(match call.operation() {
        "DeregisterTaskDefinition"
        | "DescribeTaskDefinition"
        | "ListClusters"
        | "ListTaskDefinitionFamilies"
        | "ListTaskDefinitions" => return call.anywhere(),
        "DescribeClusters" => match call.texts("clusters") {
            names if names.is_empty() => vec![call.on(full("ecs", "cluster/", "default"))],
            names => names
                .into_iter()
                .map(|name| call.on(full("ecs", "cluster/", name)))
                .collect(),
        },
        "DescribeServices" => {
            let services = call.texts("services");
            services
                .into_iter()
                .map(|name| in_cluster(call, call.on(service(call, name))))
                .collect()
        }
        "DescribeTaskSets" => {
            let service = service(call, call.name("service"));
            let set = |id: &str| {
                full(
                    "ecs",
                    &format!("task-set/{}/{}/", cluster(call), last(&service)),
                    id,
                )
            };
            let ask = |id: &str| in_cluster(call, call.on(set(id))).with("ecs:service", &service);
            match call.texts("taskSets") {
                ids if ids.is_empty() => vec![ask("*")],
                ids => ids.into_iter().map(ask).collect(),
            }
        }
        "DescribeTasks" => {
            let tasks = call.texts("tasks");
            tasks
                .into_iter()
                .map(|id| in_cluster(call, call.on(task(call, id))))
                .collect()
        }
        "DescribeContainerInstances" => {
            let instances = call.texts("containerInstances");
            let kind = format!("container-instance/{}/", cluster(call));
            let instance = |id: &str| in_cluster(call, call.on(full("ecs", &kind, id)));
            instances.into_iter().map(instance).collect()
        }
        "ListContainerInstances" => vec![call.on(full(
            "ecs",
            "cluster/",
            call.text("cluster").unwrap_or("default"),
        ))],
        "ListServices" => vec![in_cluster(call, call.on("*"))],
        "ListTagsForResource" | "TagResource" | "UntagResource" => {
            vec![with_tags(call, call.on(call.name("resourceArn")))]
        }
        // The resource is a container instance, where one is named, and none here.
        "ListTasks" => vec![in_cluster(call, call.on("*"))],
        "RegisterTaskDefinition" => register_task_definition(call),
        "RunTask" => run_task(call),
        "StopTask" => vec![in_cluster(call, call.on(task(call, call.name("task"))))],
        "UpdateService" => vec![in_cluster(
            call,
            call.on(service(call, call.name("service"))),
        )],
        _ => return None,
    })
}

/// The revision that is to be has no number yet.
fn register_task_definition(call: &Call<'_>) -> Vec<Asked> {
    let members = &call.request.members;
    let family = arn("ecs", &format!("task-definition/{}:*", call.name("family")));
    let mut asked = vec![with_tags(call, call.on(&family))];
    asked.extend(tag_resource(call, &family));
    asked.extend(roles([
        &members["taskRoleArn"],
        &members["executionRoleArn"],
    ]));
    asked
}

/// Where no revision is named, the latest one counts.
fn run_task(call: &Call<'_>) -> Vec<Asked> {
    let wanted = call.name("taskDefinition");
    let revision = call.aws.ecs.read(|state| state.revision(wanted).cloned());
    let resource = match &revision {
        Some(revision) => revision.arn(),
        None => full("ecs", "task-definition/", wanted),
    };
    let mut asked = vec![with_tags(call, in_cluster(call, call.on(resource)))];
    asked.extend(tag_resource(call, &task(call, "*")));
    let overrides = &call.request.members["overrides"];
    let role = |member: &str| match (&overrides[member], &revision) {
        (Value::Null, Some(revision)) => {
            revision.registered.get(member).cloned().unwrap_or_default()
        }
        (overridden, _) => overridden.clone(),
    };
    asked.extend(roles([&role("taskRoleArn"), &role("executionRoleArn")]));
    asked
}

/// Setting tags on what is being created is an action of its own.
fn tag_resource(call: &Call<'_>, resource: &str) -> Option<Asked> {
    let any = call.request.members["tags"]
        .as_array()
        .is_some_and(|tags| !tags.is_empty());
    let tagging =
        Asked::new("ecs:TagResource", resource).with("ecs:CreateAction", call.operation());
    any.then(|| with_tags(call, tagging))
}

fn with_tags(call: &Call<'_>, mut asked: Asked) -> Asked {
    for tag in call.request.members["tags"]
        .as_array()
        .into_iter()
        .flatten()
    {
        let key = tag["key"].as_str().unwrap_or_default();
        asked = asked.with("aws:TagKeys", key);
        asked = asked.with(
            &format!("aws:RequestTag/{key}"),
            tag["value"].as_str().unwrap_or_default(),
        );
    }
    asked
}

/// The roles that tasks get are handed to ECS. One that is both is asked for once.
fn roles(roles: [&Value; 2]) -> Vec<Asked> {
    let mut asked: Vec<Asked> = Vec::new();
    for role in roles
        .into_iter()
        .filter_map(Value::as_str)
        .filter(|role| !role.is_empty())
    {
        let pass = pass_role(role, "ecs-tasks.amazonaws.com");
        if !asked.contains(&pass) {
            asked.push(pass);
        }
    }
    asked
}

fn in_cluster(call: &Call<'_>, asked: Asked) -> Asked {
    asked.with(
        "ecs:cluster",
        full("ecs", "cluster/", call.text("cluster").unwrap_or("default")),
    )
}

/// The cluster's name, which the request may have by ARN.
fn cluster<'a>(call: &'a Call<'_>) -> &'a str {
    last(call.text("cluster").unwrap_or("default"))
}

fn service(call: &Call<'_>, name: &str) -> String {
    full("ecs", &format!("service/{}/", cluster(call)), name)
}

fn task(call: &Call<'_>, id: &str) -> String {
    full("ecs", &format!("task/{}/", cluster(call)), id)
}

fn last(name_or_arn: &str) -> &str {
    name_or_arn.rsplit('/').next().unwrap_or(name_or_arn)
}
