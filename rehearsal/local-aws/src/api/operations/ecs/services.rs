//! ECS's operations on services and task sets.

use serde_json::{Map, Value, json};

use super::clusters::missing;
use super::permissions::{cluster_name, in_any_cluster, in_cluster, last_segment, with_tag_keys};
use super::placement;
use super::task_definitions::{list_answer, list_size};
use crate::api::error::ApiError;
use crate::api::input::Input;
use crate::api::operation::{Answer, Call, Operation};
use crate::api::permission::full_arn;
use crate::api::throttle::Bucket;
use crate::ecs::service::Service;
use crate::ecs::{State, View};
use crate::elb::TargetHealth;
use crate::iam::Permission;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("CreateTaskSet", refuse_task_set_change, on_new_task_set)
        .bucket(Bucket::ServiceModify),
    Operation::new("DeleteTaskSet", refuse_task_set_change, on_task_set)
        .bucket(Bucket::ServiceModify),
    Operation::new("DescribeServices", describe_services, on_services).bucket(Bucket::ServiceRead),
    Operation::new("DescribeTaskSets", describe_task_sets, on_task_sets)
        .bucket(Bucket::ServiceRead),
    Operation::new("ListServices", list_services, in_any_cluster).bucket(Bucket::ServiceRead),
    Operation::new("UpdateService", update_service, on_service).bucket(Bucket::ServiceModify),
    Operation::new(
        "UpdateServicePrimaryTaskSet",
        refuse_task_set_change,
        on_service,
    )
    .bucket(Bucket::ServiceModify),
    Operation::new("UpdateTaskSet", refuse_task_set_change, on_task_set)
        .bucket(Bucket::ServiceModify),
];

/// The members that name UpdateService's service and its desired count.
const TAKEN: [&str; 3] = ["cluster", "service", "desiredCount"];
/// The other members that UpdateService accepts for a service of the CODE_DEPLOY controller.
const OPTIONS: [&str; 6] = [
    "deploymentConfiguration",
    "healthCheckGracePeriodSeconds",
    "placementConstraints",
    "placementStrategy",
    "enableECSManagedTags",
    "propagateTags",
];
const LAUNCH_TYPES: [&str; 4] = ["EC2", "FARGATE", "EXTERNAL", "MANAGED_INSTANCES"];

pub(super) fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("InvalidParameterException", message)
}

/// `launchType`, which must be one of ECS's.
pub(super) fn known_launch_type<'a>(input: &Input<'a>) -> Result<Option<&'a str>, ApiError> {
    let given = input.text("launchType")?;
    if given.is_some_and(|kind| !LAUNCH_TYPES.contains(&kind)) {
        return Err(invalid(
            "Launch type must be one of EC2, FARGATE, EXTERNAL, MANAGED_INSTANCES.",
        ));
    }
    Ok(given)
}

/// The cluster that the request names, or the default one.
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

/// `include`, of which everything must be known.
pub(super) fn include<'a>(call: Call<'a>, known: &[&str]) -> Result<Vec<&'a str>, ApiError> {
    let wanted = call.input.texts("include")?;
    match wanted.iter().find(|field| !known.contains(field)) {
        Some(field) => Err(invalid(format!("Invalid include: {field}"))),
        None => Ok(wanted),
    }
}

fn with_tags(call: Call<'_>) -> Result<bool, ApiError> {
    Ok(include(call, &["TAGS"])?.contains(&"TAGS"))
}

fn describe_services(call: Call<'_>) -> Answer {
    let wanted = call.input.required_texts("services")?;
    if wanted.len() > 10 {
        return Err(invalid("Services cannot have more than 10 elements."));
    }
    let (with_tags, health, now) = (with_tags(call)?, health(call), call.aws.clock.now());
    call.aws.ecs.read(|state| {
        let cluster = cluster(call, state)?;
        let view = View {
            state,
            health: &health,
            with_tags,
            now,
        };
        let (mut services, mut failures) = (Vec::new(), Vec::new());
        for name in wanted {
            match state.service(&cluster, name) {
                Some(service) => services.push(service.describe(view)),
                None => failures.push(missing(&format!("service/{cluster}"), name)),
            }
        }
        Ok(json!({ "services": services, "failures": failures }))
    })
}

fn list_services(call: Call<'_>) -> Answer {
    let size = list_size(call, 10)?;
    let launch_type = known_launch_type(&call.input)?;
    let strategy = call.input.text("schedulingStrategy")?;
    if strategy.is_some_and(|strategy| !["REPLICA", "DAEMON"].contains(&strategy)) {
        return Err(invalid(
            "Scheduling strategy must be one of REPLICA, DAEMON.",
        ));
    }
    let arns = call.aws.ecs.read(|state| {
        let cluster = cluster(call, state)?;
        let listed = state.services.iter().filter(|service| {
            service.cluster == cluster
                && launch_type.is_none_or(|kind| service.launch_type == kind)
                && strategy.is_none_or(|strategy| strategy == "REPLICA")
        });
        Ok::<_, ApiError>(listed.map(Service::arn).collect())
    })?;
    list_answer("serviceArns", arns, size, call.input.text("nextToken")?)
}

fn describe_task_sets(call: Call<'_>) -> Answer {
    let wanted = call.input.texts("taskSets")?;
    let (with_tags, health, now) = (with_tags(call)?, health(call), call.aws.clock.now());
    call.aws.ecs.read(|state| {
        let service = service(call, state)?;
        let view = View {
            state,
            health: &health,
            with_tags,
            now,
        };
        let describe = |set| service.describe_task_set(set, view);
        let named = |id: &str| {
            service
                .task_sets
                .iter()
                .find(|set| set.id == id || service.task_set_arn(set) == id)
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

/// CreateTaskSet, UpdateTaskSet, DeleteTaskSet and UpdateServicePrimaryTaskSet are for the EXTERNAL controller, which
/// no service here has: on a CODE_DEPLOY service only CodeDeploy creates task sets. The message is inferred from
/// UpdateService's.
fn refuse_task_set_change(call: Call<'_>) -> Answer {
    call.aws.ecs.read(|state| service(call, state).map(drop))?;
    Err(invalid(format!(
        "{} is not supported on services with a CODE_DEPLOY deployment controller. Use AWS CodeDeploy to trigger a \
         new deployment.",
        call.operation
    )))
}

fn update_service(call: Call<'_>) -> Answer {
    let (cluster, name, launch_type) = call.aws.ecs.read(|state| {
        let service = service(call, state)?;
        let launch_type = service.launch_type.clone();
        Ok::<_, ApiError>((service.cluster.clone(), service.name.clone(), launch_type))
    })?;
    if let Some(refused) = refused_change(call.input.raw().iter()) {
        return Err(invalid(format!(
            "{refused} on services with a CODE_DEPLOY deployment controller. Use AWS CodeDeploy to trigger a new \
             deployment."
        )));
    }
    let (desired, options) = changes(&call.input, &launch_type)?;
    call.aws.ecs.write(|state| {
        if let Some(service) = state.service_mut(&cluster, &name) {
            service.desired_count = desired.unwrap_or(service.desired_count);
            service.options.extend(options);
        }
    });
    let (health, now) = (health(call), call.aws.clock.now());
    call.aws.ecs.read(|state| {
        let view = View {
            state,
            health: &health,
            with_tags: false,
            now,
        };
        Ok(json!({ "service": service(call, state)?.describe(view) }))
    })
}

/// The desired count, and the other members as the service keeps them.
fn changes(
    input: &Input<'_>,
    launch_type: &str,
) -> Result<(Option<u32>, Map<String, Value>), ApiError> {
    let count = |member: &str| {
        let given = input.integer(member)?;
        let read = |count| {
            u32::try_from(count).map_err(|_| invalid(format!("{member} cannot be negative.")))
        };
        given.map(read).transpose()
    };
    let desired = count("desiredCount")?;
    count("healthCheckGracePeriodSeconds")?;
    input.boolean("enableECSManagedTags")?;
    let propagate = input.text("propagateTags")?;
    if propagate.is_some_and(|from| !["TASK_DEFINITION", "SERVICE", "NONE"].contains(&from)) {
        return Err(invalid(
            "propagateTags must be TASK_DEFINITION, SERVICE or NONE.",
        ));
    }
    // The revision that the next deployment brings may have constraints of its own: RunTask counts them.
    placement::check(input, launch_type, 0)?;
    let configuration = input.structure("deploymentConfiguration")?;
    if configuration.is_some_and(|given| given.value("deploymentCircuitBreaker").is_some()) {
        // Inferred: the API Reference states only that it is for rolling updates.
        return Err(invalid(
            "deploymentCircuitBreaker is not supported with a CODE_DEPLOY deployment controller.",
        ));
    }
    let kept = |(name, value): (&String, &Value)| {
        let option = OPTIONS.contains(&name.as_str()) && !value.is_null();
        option.then(|| (name.clone(), value.clone()))
    };
    Ok((desired, input.raw().iter().filter_map(kept).collect()))
}

/// The first change that only a CodeDeploy deployment may make, in ECS's words. That `forceNewDeployment` is refused is
/// inferred; `false` changes nothing.
fn refused_change<'a>(
    mut members: impl Iterator<Item = (&'a String, &'a Value)>,
) -> Option<String> {
    let asks = |name: &str, value: &Value| match name {
        "forceNewDeployment" => *value == json!(true),
        _ => !value.is_null(),
    };
    let takes = |name: &str| TAKEN.contains(&name) || OPTIONS.contains(&name);
    let (name, _) = members.find(|(name, value)| asks(name, value) && !takes(name))?;
    match name.as_str() {
        "forceNewDeployment" => return Some("Cannot force a new deployment".to_owned()),
        "networkConfiguration" => return Some("Unable to update network parameters".to_owned()),
        _ => {}
    }
    let words = name.chars().map(|c| match c.is_uppercase() {
        true => format!(" {}", c.to_lowercase()),
        false => c.to_string(),
    });
    Some(format!("Unable to update {}", words.collect::<String>()))
}

fn on_services(call: Call<'_>) -> Vec<Permission> {
    let on = |name| in_cluster(call, call.on(service_arn(call, name)));
    call.all_named("services").map(on).collect()
}

fn on_service(call: Call<'_>) -> Vec<Permission> {
    let service = service_arn(call, call.named_or_any("service"));
    vec![in_cluster(call, call.on(service))]
}

fn on_task_sets(call: Call<'_>) -> Vec<Permission> {
    let on = |id| permission_on_task_set(call, id);
    let named: Vec<Permission> = call.all_named("taskSets").map(on).collect();
    match named.is_empty() {
        true => vec![on("*")],
        false => named,
    }
}

fn on_task_set(call: Call<'_>) -> Vec<Permission> {
    vec![permission_on_task_set(call, call.named_or_any("taskSet"))]
}

/// The new task set has no id yet.
fn on_new_task_set(call: Call<'_>) -> Vec<Permission> {
    vec![with_tag_keys(call, permission_on_task_set(call, "*"))]
}

fn permission_on_task_set(call: Call<'_>, id: &str) -> Permission {
    let service = service_arn(call, call.named_or_any("service"));
    let kind = format!(
        "task-set/{}/{}/",
        cluster_name(call),
        last_segment(&service)
    );
    in_cluster(call, call.on(full_arn("ecs", &kind, id))).with("ecs:service", service)
}

fn service_arn(call: Call<'_>, name: &str) -> String {
    full_arn("ecs", &format!("service/{}/", cluster_name(call)), name)
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
                Some("Unable to update task definition"),
            ),
            (
                json!({ "service": "web", "networkConfiguration": {} }),
                Some("Unable to update network parameters"),
            ),
            (
                json!({ "service": "web", "loadBalancers": [] }),
                Some("Unable to update load balancers"),
            ),
            (
                json!({ "service": "web", "platformVersion": "LATEST" }),
                Some("Unable to update platform version"),
            ),
            (
                json!({ "service": "web", "forceNewDeployment": true }),
                Some("Cannot force a new deployment"),
            ),
            (
                json!({ "service": "web", "forceNewDeployment": false, "propagateTags": "SERVICE" }),
                None,
            ),
            (json!({ "service": "web", "taskDefinition": null }), None),
        ];
        for (request, refused) in cases {
            assert_eq!(
                refused_change(request.as_object().unwrap().iter()).as_deref(),
                refused,
                "{request}"
            );
        }
    }

    #[test]
    fn what_update_service_takes_is_checked_and_kept() {
        let missing = |_: &str| invalid("missing");
        let cases = [
            (json!({ "desiredCount": 3 }), "Some(3) {}"),
            (
                json!({ "desiredCount": -1 }),
                "desiredCount cannot be negative.",
            ),
            (
                json!({ "propagateTags": "SERVICE", "desiredCount": null }),
                r#"None {"propagateTags":"SERVICE"}"#,
            ),
            (
                json!({ "propagateTags": "ALL" }),
                "propagateTags must be TASK_DEFINITION, SERVICE or NONE.",
            ),
            (
                json!({ "deploymentConfiguration": { "deploymentCircuitBreaker": { "enable": true } } }),
                "deploymentCircuitBreaker is not supported with a CODE_DEPLOY deployment controller.",
            ),
            (
                json!({ "placementStrategy": [{ "type": "random" }] }),
                "Placement strategies are not supported with FARGATE launch type.",
            ),
        ];
        for (request, wanted) in cases {
            let outcome = match changes(&Input::new(&request, missing).unwrap(), "FARGATE") {
                Ok((desired, options)) => format!("{desired:?} {}", Value::Object(options)),
                Err(error) => error.message,
            };
            assert_eq!(outcome, wanted, "{request}");
        }
    }
}
