//! ECS's operations on service deployments and service revisions.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::services::{invalid, on_service, platform_digest, service};
use super::task_definitions::{list_answer, list_size};
use crate::api::error::ApiError;
use crate::api::operation::{Answer, Call, Operation};
use crate::api::permission::full_arn;
use crate::api::throttle::Bucket;
use crate::iam::Permission;
use crate::identity::arn;
use crate::service_deployment::describe::Sources;
use crate::service_deployment::lifecycle_hook::HookAction;
use crate::service_deployment::requests::{self, Refused};
use crate::service_deployment::status::Status;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new(
        "ContinueServiceDeployment",
        continue_service_deployment,
        on_deployment,
    )
    .bucket(Bucket::ServiceModify),
    Operation::new(
        "DescribeServiceDeployments",
        describe_service_deployments,
        on_deployments,
    )
    .bucket(Bucket::ServiceRead)
    .polled(),
    Operation::new(
        "DescribeServiceRevisions",
        describe_service_revisions,
        on_revisions,
    )
    .bucket(Bucket::ServiceRead),
    Operation::new(
        "ListServiceDeployments",
        list_service_deployments,
        on_service,
    )
    .bucket(Bucket::ServiceRead)
    .polled(),
    Operation::new(
        "StopServiceDeployment",
        stop_service_deployment,
        on_deployment,
    )
    .bucket(Bucket::ServiceModify),
];

/// The number of ARNs that one call describes.
const ARNS_AT_MOST: usize = 20;

fn list_service_deployments(call: Call<'_>) -> Answer {
    let (cluster, name) = call.aws.ecs.read(|state| {
        let service = service(call, state)?;
        Ok::<_, ApiError>((service.cluster.clone(), service.name.clone()))
    })?;
    let mut wanted = Vec::new();
    for status in call.input.texts("status")? {
        let known = Status::parse(status);
        wanted.push(known.ok_or_else(|| invalid(format!("Invalid status: {status}")))?);
    }
    let (mut before, mut after) = (None, None);
    if let Some(created) = call.input.structure("createdAt")? {
        before = created.number("before")?.map(moment);
        after = created.number("after")?.map(moment);
    }
    let (size, now) = (list_size(call, 20)?, call.aws.clock.now());
    let briefs: Vec<Value> = call.aws.service_deployments.read(|state| {
        let all = state.of_service(&cluster, &name);
        let listed = all.filter(|one| {
            one.visible_from <= now
                && one.is_shown(now)
                && (wanted.is_empty() || wanted.contains(&one.status))
                && before.is_none_or(|before| one.created_at < before)
                && after.is_none_or(|after| one.created_at > after)
        });
        listed.map(|one| one.brief()).collect()
    });
    let token = call.input.text("nextToken")?;
    list_answer("serviceDeployments", briefs, size, token)
}

/// Of epoch seconds.
fn moment(seconds: f64) -> SystemTime {
    let since = Duration::try_from_secs_f64(seconds).unwrap_or_default();
    SystemTime::UNIX_EPOCH + since
}

fn arns<'a>(call: Call<'a>, member: &str) -> Result<Vec<&'a str>, ApiError> {
    let wanted = call.input.required_texts(member)?;
    match wanted.len() {
        ..=ARNS_AT_MOST => Ok(wanted),
        _ => Err(invalid(format!(
            "{member} cannot have more than {ARNS_AT_MOST} elements."
        ))),
    }
}

fn describe_service_deployments(call: Call<'_>) -> Answer {
    let wanted = arns(call, "serviceDeploymentArns")?;
    let now = call.aws.clock.now();
    let describe = |sources: Sources<'_>, arn: &str| {
        let found = sources.state.deployment(arn);
        let found = found.filter(|one| one.is_shown(now));
        found.map(|one| one.describe(sources))
    };
    let (found, failures) = each(call, &wanted, describe);
    Ok(json!({ "serviceDeployments": found, "failures": failures }))
}

fn describe_service_revisions(call: Call<'_>) -> Answer {
    let wanted = arns(call, "serviceRevisionArns")?;
    let describe = |sources: Sources<'_>, arn: &str| {
        let found = sources.state.revision(arn);
        found.map(|one| one.describe(sources))
    };
    let (found, failures) = each(call, &wanted, describe);
    Ok(json!({ "serviceRevisions": found, "failures": failures }))
}

/// Describes each ARN; a failure for each that is unknown.
fn each(
    call: Call<'_>,
    wanted: &[&str],
    describe: impl Fn(Sources<'_>, &str) -> Option<Value>,
) -> (Vec<Value>, Vec<Value>) {
    let platform_digest = |image: &str, digest: &str| platform_digest(call.aws, image, digest);
    call.aws.service_deployments.read(|state| {
        call.aws.ecs.read(|ecs| {
            let sources = Sources {
                state,
                ecs,
                assumptions: &call.aws.assumptions,
                platform_digest: &platform_digest,
            };
            let (mut found, mut failures) = (Vec::new(), Vec::new());
            for arn in wanted {
                match describe(sources, arn) {
                    Some(described) => found.push(described),
                    None => failures.push(json!({ "arn": arn, "reason": "MISSING" })),
                }
            }
            (found, failures)
        })
    })
}

fn stop_service_deployment(call: Call<'_>) -> Answer {
    let deployment = call.input.required_text("serviceDeploymentArn")?;
    let stop_type = call.input.text("stopType")?;
    requests::stop(&call.aws.service_deployments, deployment, stop_type).map_err(error)?;
    Ok(json!({ "serviceDeploymentArn": deployment }))
}

fn continue_service_deployment(call: Call<'_>) -> Answer {
    let deployment = call.input.required_text("serviceDeploymentArn")?;
    let hook = call.input.required_text("hookId")?;
    let action = match call.input.text("action")? {
        None => HookAction::Continue,
        Some(name) => HookAction::parse(name)
            .ok_or_else(|| invalid("action must be one of CONTINUE, ROLLBACK."))?,
    };
    requests::go_on(&call.aws.service_deployments, deployment, hook, action).map_err(error)?;
    Ok(json!({ "serviceDeploymentArn": deployment }))
}

fn error(refused: Refused) -> ApiError {
    ApiError::new(refused.code, refused.message)
}

fn on_deployment(call: Call<'_>) -> Vec<Permission> {
    let named = call.named_or_any("serviceDeploymentArn");
    vec![on_part(call, "service-deployment", named)]
}

fn on_deployments(call: Call<'_>) -> Vec<Permission> {
    on_all(call, "service-deployment", "serviceDeploymentArns")
}

fn on_revisions(call: Call<'_>) -> Vec<Permission> {
    on_all(call, "service-revision", "serviceRevisionArns")
}

fn on_all(call: Call<'_>, kind: &str, member: &str) -> Vec<Permission> {
    let on = |named| on_part(call, kind, named);
    let needed: Vec<Permission> = call.all_named(member).map(on).collect();
    match needed.is_empty() {
        true => vec![on_part(call, kind, "*")],
        false => needed,
    }
}

/// SAR: `service-deployment/CLUSTER/SERVICE/ID` and `service-revision/…`, with the cluster and the service as condition keys.
fn on_part(call: Call<'_>, kind: &str, named: &str) -> Permission {
    let full = full_arn("ecs", &format!("{kind}/"), named);
    let permission = call.on(&full);
    let mut parts = full.split('/').skip(1);
    match (parts.next(), parts.next()) {
        (Some(cluster), Some(service)) => permission
            .with("ecs:cluster", arn("ecs", &format!("cluster/{cluster}")))
            .with(
                "ecs:service",
                arn("ecs", &format!("service/{cluster}/{service}")),
            ),
        (Some(_) | None, _) => permission,
    }
}
