//! The tasks of service revisions: which revisions run, and how many tasks each is to have.

use std::sync::Arc;

use super::deployment::ServiceDeployment;
use super::service_deployments::ServiceDeployments;
use crate::ecs::keep;
use crate::ecs::service::{LoadBalancerTarget, Service, TaskSet, TaskSetStatus};

/// The digits of a set's id.
pub(super) fn digits_of(set: &TaskSet) -> String {
    set.id.trim_start_matches("ecs-svc/").to_owned()
}

/// The digits of the service's revisions that are not being drained, oldest first.
pub(super) fn active(service: &Service) -> Vec<String> {
    let active = service.task_sets.iter();
    let active = active.filter(|set| set.status != TaskSetStatus::Draining);
    active.map(digits_of).collect()
}

/// Lets a revision run as the service's newest, with this number of tasks; the service's desired count if absent. Its earlier
/// tasks are taken over if it still has some.
pub(super) fn run(
    deployments: &Arc<ServiceDeployments>,
    deployment: &str,
    digits: &str,
    desired: Option<u32>,
) {
    let Some(revision) = deployments.read(|state| state.revision_of(digits).cloned()) else {
        return;
    };
    let (id, now) = (revision.task_set(), deployments.context.clock.now());
    let is_new = deployments.ecs.write(|state| {
        let service = state.service_mut(&revision.cluster, &revision.service)?;
        for set in &mut service.task_sets {
            if set.status == TaskSetStatus::Primary && set.id != id {
                set.status = TaskSetStatus::Active;
                set.updated_at = now;
            }
        }
        if let Some(set) = service.task_sets.iter_mut().find(|set| set.id == id) {
            set.status = TaskSetStatus::Primary;
            set.desired = desired;
            set.updated_at = now;
            return Some(false);
        }
        let behind = revision.resolved.iter().zip(&service.load_balancers);
        let behind = behind.map(|(resolved, entry)| LoadBalancerTarget {
            target_group_arn: resolved.target_group.clone(),
            ..entry.clone()
        });
        let load_balancers = behind.collect();
        service.task_sets.push(TaskSet {
            id: id.clone(),
            status: TaskSetStatus::Primary,
            task_definition: revision.task_definition.clone(),
            external_id: Some(deployment.to_owned()),
            load_balancers,
            platform_version: revision.platform_version.clone(),
            network_configuration: revision.network_configuration.clone(),
            capacity_provider_strategy: None,
            created_at: now,
            updated_at: now,
            failures: 0,
            last_failure: None,
            unplaced: 0,
            desired,
        });
        Some(true)
    });
    if is_new == Some(true) {
        let kept = keep::keep(deployments.ecs.clone(), id);
        deployments.context.background.spawn(kept);
    }
}

/// Changes the number of tasks of a revision; the service's desired count if absent.
pub(super) fn set_desired(deployments: &ServiceDeployments, digits: &str, desired: Option<u32>) {
    edit(deployments, digits, |set| set.desired = desired);
}

/// Stops all tasks of a revision. It is forgotten when the last one has stopped.
pub(super) fn drain(deployments: &ServiceDeployments, digits: &str) {
    edit(deployments, digits, |set| {
        set.status = TaskSetStatus::Draining;
        set.desired = Some(0);
    });
}

fn edit(deployments: &ServiceDeployments, digits: &str, change: impl FnOnce(&mut TaskSet)) {
    let now = deployments.context.clock.now();
    let id = super::revision::task_set_of(digits);
    deployments.ecs.write(|state| {
        if let Some(set) = state.task_set_mut(&id) {
            change(set);
            set.updated_at = now;
        }
    });
}

/// Waits until no task of the revision is left.
pub(super) async fn gone(deployments: &ServiceDeployments, digits: &str) {
    let id = super::revision::task_set_of(digits);
    let is_gone = |state: &crate::ecs::State| state.task_set(&id).is_none().then_some(());
    deployments.ecs.until(is_gone).await;
}

/// The service wants this revision again, to which the deployment goes back, unless a newer deployment has brought another.
pub(super) fn want_again(
    deployments: &ServiceDeployments,
    deployment: &ServiceDeployment,
    digits: &str,
) {
    let newest = deployments.read(|state| {
        let mut of_service = state.of_service(&deployment.cluster, &deployment.service);
        of_service.next().map(|newest| newest.arn.clone())
    });
    if newest.as_ref() != Some(&deployment.arn) {
        return;
    }
    let Some(revision) = deployments.read(|state| state.revision_of(digits).cloned()) else {
        return;
    };
    deployments.ecs.write(|state| {
        if let Some(service) = state.service_mut(&revision.cluster, &revision.service) {
            service.task_definition = revision.task_definition;
            service.platform_version = revision.platform_version;
            service.network_configuration = revision.network_configuration;
        }
    });
}
