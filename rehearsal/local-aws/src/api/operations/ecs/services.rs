//! ECS's operations on services and task sets.

use serde_json::{Value, json};

use super::clusters::missing;
use super::permissions::{cluster_name, in_any_cluster, in_cluster, last_segment, with_tag_keys};
use super::task_definitions::{list_answer, list_size};
use crate::api::error::{ApiError, not_simulated};
use crate::api::input::Input;
use crate::api::operation::{Answer, Call, Operation};
use crate::api::permission::full_arn;
use crate::api::throttle::Bucket;
use crate::aws::Aws;
use crate::ecr::Reference;
use crate::ecs::service::Service;
use crate::ecs::{State, View};
use crate::elb::TargetHealth;
use crate::iam::Permission;
use crate::service_deployment::controller::Controller;
use crate::service_deployment::describe::{self, Sources};

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("CreateTaskSet", refuse_task_set_change, on_new_task_set)
        .bucket(Bucket::ServiceModify),
    Operation::new("DeleteTaskSet", refuse_task_set_change, on_task_set)
        .bucket(Bucket::ServiceModify),
    Operation::new("DescribeServices", describe_services, on_services).bucket(Bucket::ServiceRead),
    Operation::new("DescribeTaskSets", describe_task_sets, on_task_sets)
        .bucket(Bucket::ServiceRead),
    Operation::new("ListServices", list_services, in_any_cluster).bucket(Bucket::ServiceRead),
    Operation::new(
        "UpdateServicePrimaryTaskSet",
        refuse_task_set_change,
        on_service,
    )
    .bucket(Bucket::ServiceModify),
    Operation::new("UpdateTaskSet", refuse_task_set_change, on_task_set)
        .bucket(Bucket::ServiceModify),
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

pub(super) fn service<'s>(call: Call<'_>, state: &'s State) -> Result<&'s Service, ApiError> {
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
    let with_tags = with_tags(call)?;
    let cluster = call.aws.ecs.read(|state| cluster(call, state))?;
    let (mut services, mut failures) = (Vec::new(), Vec::new());
    for name in wanted {
        match described(call, &cluster, name, with_tags) {
            Some(service) => services.push(service),
            None => failures.push(missing(&format!("service/{cluster}"), name)),
        }
    }
    Ok(json!({ "services": services, "failures": failures }))
}

/// A service as DescribeServices returns it; `None` if there is none of that name or ARN.
pub(super) fn described(
    call: Call<'_>,
    cluster: &str,
    name: &str,
    with_tags: bool,
) -> Option<Value> {
    let (health, now) = (health(call), call.aws.clock.now());
    let platform_digest = |image: &str, digest: &str| platform_digest(call.aws, image, digest);
    call.aws.service_deployments.read(|deployments| {
        call.aws.ecs.read(|state| {
            let view = View {
                state,
                health: &health,
                with_tags,
                now,
            };
            let sources = Sources {
                state: deployments,
                ecs: state,
                assumptions: &call.aws.assumptions,
                platform_digest: &platform_digest,
            };
            let service = state.service(cluster, name)?;
            Some(describe::service(service, view, sources))
        })
    })
}

/// The digest of an index's manifest for the platform that runs it.
pub(super) fn platform_digest(aws: &Aws, image: &str, digest: &str) -> Option<String> {
    let name = image.split('@').next().unwrap_or(image);
    let path = name.rsplit('/').next().unwrap_or_default();
    let tag = path.split_once(':').map_or(0, |(_, tag)| tag.len() + 1);
    match aws
        .ecr
        .resolve(&format!("{}@{digest}", &name[..name.len() - tag]))
    {
        Reference::Found(image) => image.platform_digest(),
        Reference::Missing | Reference::Forbidden | Reference::Foreign => None,
    }
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

/// CreateTaskSet, UpdateTaskSet, DeleteTaskSet and UpdateServicePrimaryTaskSet are for the EXTERNAL controller, whose task
/// sets are not simulated: on a CODE_DEPLOY service only CodeDeploy creates them. The messages are inferred from
/// UpdateService's.
fn refuse_task_set_change(call: Call<'_>) -> Answer {
    let controller = call.aws.ecs.read(|state| {
        let service = service(call, state)?;
        Ok::<_, ApiError>(service.controller.clone())
    })?;
    let operation = call.operation;
    Err(invalid(match controller {
        Controller::CodeDeploy => format!(
            "{operation} is not supported on services with a CODE_DEPLOY deployment controller. Use AWS CodeDeploy to \
             trigger a new deployment."
        ),
        Controller::Ecs(_) => format!(
            "{operation} is not supported on services with an ECS deployment controller. Use UpdateService to trigger a \
             new deployment."
        ),
        Controller::External => not_simulated("task sets of an EXTERNAL deployment controller"),
    }))
}

fn on_services(call: Call<'_>) -> Vec<Permission> {
    let on = |name| in_cluster(call, call.on(service_arn(call, name)));
    call.all_named("services").map(on).collect()
}

pub(super) fn on_service(call: Call<'_>) -> Vec<Permission> {
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

pub(super) fn service_arn(call: Call<'_>, name: &str) -> String {
    full_arn("ecs", &format!("service/{}/", cluster_name(call)), name)
}
