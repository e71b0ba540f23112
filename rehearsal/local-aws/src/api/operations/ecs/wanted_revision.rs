//! The task definition that a request wants a service to run.

use crate::api::error::ApiError;
use crate::api::operation::Call;
use crate::ecs::service::LoadBalancerTarget;
use crate::ecs::task_definition::Revision;

/// `taskDefinition` of the request, or the one that is there already.
pub(super) fn wanted_revision(call: Call<'_>, present: Option<&str>) -> Result<Revision, ApiError> {
    let given = call.input.text("taskDefinition")?;
    let wanted = given.or(present);
    let wanted = wanted.ok_or_else(|| call.input.missing("taskDefinition"))?;
    let found = call.aws.ecs.read(|state| state.revision(wanted).cloned());
    let revision =
        found.ok_or_else(|| ApiError::new("ClientException", "TaskDefinition not found."))?;
    // A service goes on with a revision that was deregistered after it was deployed.
    match given.is_none() || revision.is_active() {
        true => Ok(revision),
        false => Err(ApiError::new(
            "ClientException",
            "TaskDefinition is inactive",
        )),
    }
}

/// The container behind each load balancer must be in the revision, with that port.
pub(super) fn check_containers(
    revision: &Revision,
    behind: &[LoadBalancerTarget],
) -> Result<(), ApiError> {
    let mut behind = behind.iter();
    behind.try_for_each(|behind| check_container(revision, behind))
}

fn check_container(revision: &Revision, behind: &LoadBalancerTarget) -> Result<(), ApiError> {
    let (name, port) = (&behind.container, behind.port);
    let invalid = |message| Err(ApiError::new("InvalidParameterException", message));
    let mut containers = revision.containers();
    let Some(container) = containers.find(|container| container["name"] == name.as_str()) else {
        return invalid(format!(
            "The container {name} does not exist in the task definition."
        ));
    };
    let mut ports = container["portMappings"].as_array().into_iter().flatten();
    match ports.any(|mapping| mapping["containerPort"] == port) {
        true => Ok(()),
        false => invalid(format!(
            "The container {name} did not have a container port {port} defined."
        )),
    }
}

/// A task with an interface of its own is registered by its address, never by an instance, and any other task by its instance. The
/// sentence is AWS's.
pub(super) fn check_target_types(
    call: Call<'_>,
    revision: &Revision,
    behind: &[LoadBalancerTarget],
) -> Result<(), ApiError> {
    let groups = call.aws.load_balancers.target_groups();
    let mode = revision.network_mode();
    let target_type = |behind: &LoadBalancerTarget| {
        let mut groups = groups.iter();
        let group = groups.find(|group| group.arn == behind.target_group_arn);
        group.map_or("", |group| group.settings.target_type.as_str())
    };
    let unfit = behind.iter().find_map(|behind| {
        let target_type = target_type(behind);
        match (target_type, mode == "awsvpc") {
            ("instance", true) | ("ip", false) => Some((behind, target_type)),
            (_, _) => None,
        }
    });
    match unfit {
        None => Ok(()),
        Some((unfit, target_type)) => Err(ApiError::new(
            "InvalidParameterException",
            format!(
                "The provided target group {} has target type {target_type}, which is incompatible with the {mode} network mode \
                 specified in the task definition.",
                unfit.target_group_arn
            ),
        )),
    }
}
