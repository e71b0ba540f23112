//! ECS's operations on clusters, services and task sets.

use serde_json::{Value, json};

use super::{Answer, Call};
use crate::api::error::ApiError;
use crate::ecs::State;
use crate::ecs::service::{Service, counts};
use crate::elb::TargetHealth;
use crate::identity::arn;

/// What UpdateService may change on a service of the CODE_DEPLOY controller.
const UPDATABLE: [&str; 9] = [
    "cluster",
    "service",
    "desiredCount",
    "deploymentConfiguration",
    "healthCheckGracePeriodSeconds",
    "placementConstraints",
    "placementStrategy",
    "enableECSManagedTags",
    "propagateTags",
];

pub(super) fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("InvalidParameterException", message)
}

/// The cluster that the request means.
pub(super) fn cluster(call: Call<'_>, state: &State) -> Result<String, ApiError> {
    let found = state
        .cluster(call.input.text("cluster")?)
        .map(ToOwned::to_owned);
    found.ok_or_else(|| ApiError::new("ClusterNotFoundException", "Cluster not found."))
}

fn service<'s>(call: Call<'_>, state: &'s State) -> Result<&'s Service, ApiError> {
    let cluster = cluster(call, state)?;
    let wanted = call.input.required_text("service")?;
    state
        .service(&cluster, wanted)
        .ok_or_else(|| ApiError::new("ServiceNotFoundException", "Service not found."))
}

fn health(call: Call<'_>) -> impl Fn(&str) -> Vec<TargetHealth> {
    move |group| {
        call.aws
            .load_balancers
            .target_health(group)
            .unwrap_or_default()
    }
}

pub(super) fn describe_clusters(call: Call<'_>) -> Answer {
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
                Some(cluster) => clusters.push(describe_cluster(state, cluster)),
                None => failures.push(missing("cluster", name)),
            }
        }
        Ok(json!({ "clusters": clusters, "failures": failures }))
    })
}

fn describe_cluster(state: &State, cluster: &str) -> Value {
    let counts = counts(state.tasks.iter().filter(|task| task.cluster == cluster));
    json!({
        "clusterArn": arn("ecs", &format!("cluster/{cluster}")),
        "clusterName": cluster,
        "status": "ACTIVE",
        "registeredContainerInstancesCount": 0,
        "runningTasksCount": counts.running,
        "pendingTasksCount": counts.pending,
        "activeServicesCount": state.services.iter().filter(|service| service.cluster == cluster).count(),
        "statistics": [],
        "tags": [],
        "settings": [],
        "capacityProviders": [],
        "defaultCapacityProviderStrategy": [],
    })
}

pub(super) fn describe_services(call: Call<'_>) -> Answer {
    let wanted = call.input.required_texts("services")?;
    if wanted.len() > 10 {
        return Err(invalid("Services cannot have more than 10 elements."));
    }
    call.aws.ecs.read(|state| {
        let cluster = cluster(call, state)?;
        let (mut services, mut failures) = (Vec::new(), Vec::new());
        for name in wanted {
            match state.service(&cluster, name) {
                Some(service) => services.push(service.describe(state, &health(call))),
                None => failures.push(missing(&format!("service/{cluster}"), name)),
            }
        }
        Ok(json!({ "services": services, "failures": failures }))
    })
}

pub(super) fn describe_task_sets(call: Call<'_>) -> Answer {
    let wanted = call.input.texts("taskSets")?;
    call.aws.ecs.read(|state| {
        let service = service(call, state)?;
        let describe = |set| service.describe_task_set(set, state, &health(call));
        let named = |id: &str| {
            service
                .task_sets
                .iter()
                .find(|set| set.id == id || id.ends_with(&format!("/{}", set.id)))
        };
        if wanted.is_empty() {
            let sets: Vec<Value> = service.task_sets.iter().map(describe).collect();
            return Ok(json!({ "taskSets": sets, "failures": [] }));
        }
        let sets: Vec<Value> = wanted
            .iter()
            .filter_map(|id| named(id))
            .map(describe)
            .collect();
        let unknown = wanted.iter().filter(|id| named(id).is_none());
        let failures: Vec<Value> = unknown
            .map(|id| json!({ "arn": id, "reason": "MISSING" }))
            .collect();
        Ok(json!({ "taskSets": sets, "failures": failures }))
    })
}

pub(super) fn update_service(call: Call<'_>) -> Answer {
    let desired = call.input.integer("desiredCount")?;
    let (cluster, name) = call.aws.ecs.read(|state| {
        let service = service(call, state)?;
        Ok::<_, ApiError>((service.cluster.clone(), service.name.clone()))
    })?;
    if let Some(member) = refused_member(call.input.raw().iter()) {
        return Err(invalid(format!(
            "Unable to update {member} on services with a CODE_DEPLOY deployment controller. Use AWS CodeDeploy to \
             trigger a new deployment."
        )));
    }
    let desired = match desired {
        Some(count) => {
            Some(u32::try_from(count).map_err(|_| invalid("desiredCount cannot be negative."))?)
        }
        None => None,
    };
    call.aws.ecs.write(|state| {
        if let (Some(service), Some(count)) = (state.service_mut(&cluster, &name), desired) {
            service.desired_count = count;
        }
    });
    call.aws.ecs.read(|state| {
        let service = service(call, state)?;
        Ok(json!({ "service": service.describe(state, &health(call)) }))
    })
}

/// The first member that only a CodeDeploy deployment may change, in ECS's words.
fn refused_member<'a>(
    mut members: impl Iterator<Item = (&'a String, &'a Value)>,
) -> Option<String> {
    let refused =
        members.find(|(name, value)| !value.is_null() && !UPDATABLE.contains(&name.as_str()));
    refused.map(|(name, _)| {
        let words = name.chars().map(|c| {
            if c.is_uppercase() {
                format!(" {}", c.to_lowercase())
            } else {
                c.to_string()
            }
        });
        words.collect()
    })
}

fn missing(kind: &str, name: &str) -> Value {
    let arn = if name.starts_with("arn:") {
        name.to_owned()
    } else {
        arn("ecs", &format!("{kind}/{name}"))
    };
    json!({ "arn": arn, "reason": "MISSING" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_of_code_deploy_takes_few_changes() {
        let cases = [
            (json!({ "service": "web", "desiredCount": 3 }), None),
            (
                json!({ "service": "web", "taskDefinition": "web:2" }),
                Some("task definition"),
            ),
            (
                json!({ "service": "web", "networkConfiguration": {} }),
                Some("network configuration"),
            ),
            (
                json!({ "service": "web", "forceNewDeployment": true }),
                Some("force new deployment"),
            ),
            (json!({ "service": "web", "taskDefinition": null }), None),
        ];
        for (request, refused) in cases {
            assert_eq!(
                refused_member(request.as_object().unwrap().iter()).as_deref(),
                refused,
                "{request}"
            );
        }
    }
}
