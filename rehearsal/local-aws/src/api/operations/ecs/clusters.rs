//! ECS's operations on clusters and container instances.

use serde_json::{Value, json};

use super::permissions::{cluster_name, in_cluster};
use super::services::{cluster, include, invalid};
use super::task_definitions::{list_answer, list_size};
use crate::api::error::{ApiError, not_simulated};
use crate::api::operation::{Answer, Call, Operation};
use crate::api::permission::{full_arn, no_resource};
use crate::api::throttle::Bucket;
use crate::ecs::State;
use crate::ecs::service::counts;
use crate::iam::Permission;
use crate::identity::arn;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("DescribeClusters", describe_clusters, on_clusters).bucket(Bucket::ClusterRead),
    Operation::new(
        "DescribeContainerInstances",
        describe_container_instances,
        on_container_instances,
    )
    .bucket(Bucket::ClusterResourceRead),
    Operation::new("ListClusters", list_clusters, no_resource).bucket(Bucket::ClusterRead),
    Operation::new(
        "ListContainerInstances",
        list_container_instances,
        on_cluster,
    )
    .bucket(Bucket::ClusterResourceRead),
];

fn describe_clusters(call: Call<'_>) -> Answer {
    let known = [
        "ATTACHMENTS",
        "CONFIGURATIONS",
        "SETTINGS",
        "STATISTICS",
        "TAGS",
    ];
    let include = include(call, &known)?;
    let mut wanted = call.input.texts("clusters")?;
    if wanted.is_empty() {
        wanted.push("default");
    }
    if wanted.len() > 100 {
        return Err(invalid("Clusters cannot have more than 100 elements."));
    }
    call.aws.ecs.read(|state| {
        let (mut clusters, mut failures) = (Vec::new(), Vec::new());
        for name in wanted {
            match state.cluster(Some(name)) {
                Some(cluster) => {
                    let mut described = describe_cluster(state, cluster);
                    if include.contains(&"TAGS") {
                        let tags = state.cluster_tags.get(cluster);
                        described["tags"] = json!(tags.map_or(&[][..], Vec::as_slice));
                    }
                    clusters.push(described);
                }
                None => failures.push(missing("cluster", name)),
            }
        }
        Ok(json!({ "clusters": clusters, "failures": failures }))
    })
}

fn describe_cluster(state: &State, cluster: &str) -> Value {
    let counts = counts(state.tasks.iter().filter(|task| task.cluster == cluster));
    let services = state
        .services
        .iter()
        .filter(|service| service.cluster == cluster);
    json!({
        "clusterArn": arn("ecs", &format!("cluster/{cluster}")),
        "clusterName": cluster,
        "status": "ACTIVE",
        "registeredContainerInstancesCount": state.instances_of(cluster).count(),
        "runningTasksCount": counts.running,
        "pendingTasksCount": counts.pending,
        "activeServicesCount": services.count(),
        "statistics": [],
        "tags": [],
        "settings": [],
        // As clusters created in the console.
        "capacityProviders": ["FARGATE", "FARGATE_SPOT"],
        "defaultCapacityProviderStrategy": [],
    })
}

fn list_clusters(call: Call<'_>) -> Answer {
    let size = list_size(call, 100)?;
    let arns = call.aws.ecs.read(|state| {
        let arns = state.clusters.iter();
        arns.map(|name| arn("ecs", &format!("cluster/{name}")))
            .collect()
    });
    list_answer("clusterArns", arns, size, call.input.text("nextToken")?)
}

fn describe_container_instances(call: Call<'_>) -> Answer {
    let wanted = call.input.required_texts("containerInstances")?;
    if wanted.len() > 100 {
        return Err(invalid(
            "Container instances cannot have more than 100 elements.",
        ));
    }
    let include = include(call, &["CONTAINER_INSTANCE_HEALTH", "TAGS"])?;
    call.aws.ecs.read(|state| {
        let cluster = cluster(call, state)?;
        let (mut instances, mut failures) = (Vec::new(), Vec::new());
        for id in wanted {
            let found = state
                .instances_of(&cluster)
                .find(|instance| instance.arn == id || instance.id() == id);
            match found {
                Some(instance) => {
                    let mut described = instance.describe(state);
                    if include.contains(&"TAGS") {
                        described["tags"] = json!([]);
                    }
                    instances.push(described);
                }
                None => failures.push(missing(&format!("container-instance/{cluster}"), id)),
            }
        }
        Ok(json!({ "containerInstances": instances, "failures": failures }))
    })
}

fn list_container_instances(call: Call<'_>) -> Answer {
    let size = list_size(call, 100)?;
    // Every container instance here is ACTIVE.
    let status = call.input.text("status")?.unwrap_or("ACTIVE");
    let statuses = [
        "ACTIVE",
        "DRAINING",
        "REGISTERING",
        "DEREGISTERING",
        "REGISTRATION_FAILED",
    ];
    if !statuses.contains(&status) {
        return Err(invalid(format!("Invalid status: {status}")));
    }
    if call.input.text("filter")?.is_some() {
        return Err(ApiError::new(
            "ServerException",
            not_simulated("the cluster query language"),
        ));
    }
    let arns = call.aws.ecs.read(|state| {
        let cluster = cluster(call, state)?;
        let instances = state.instances_of(&cluster).filter(|_| status == "ACTIVE");
        Ok::<_, ApiError>(instances.map(|instance| instance.arn.clone()).collect())
    })?;
    list_answer(
        "containerInstanceArns",
        arns,
        size,
        call.input.text("nextToken")?,
    )
}

/// A failure of a Describe operation: HTTP 200, and the reason MISSING.
pub(super) fn missing(kind: &str, name: &str) -> Value {
    let arn = if name.starts_with("arn:") {
        name.to_owned()
    } else {
        arn("ecs", &format!("{kind}/{name}"))
    };
    json!({ "arn": arn, "reason": "MISSING" })
}

fn on_clusters(call: Call<'_>) -> Vec<Permission> {
    let on = |name| call.on(full_arn("ecs", "cluster/", name));
    let named: Vec<Permission> = call.all_named("clusters").map(on).collect();
    match named.is_empty() {
        true => vec![on("default")],
        false => named,
    }
}

fn on_container_instances(call: Call<'_>) -> Vec<Permission> {
    let kind = format!("container-instance/{}/", cluster_name(call));
    let on = |id| in_cluster(call, call.on(full_arn("ecs", &kind, id)));
    call.all_named("containerInstances").map(on).collect()
}

fn on_cluster(call: Call<'_>) -> Vec<Permission> {
    let named = call.named("cluster").unwrap_or("default");
    vec![call.on(full_arn("ecs", "cluster/", named))]
}
