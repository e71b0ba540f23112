//! A rollback is a deployment of its own: no new task set, both listeners back to blue, green deleted.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::app_spec::{self, AppSpec};
use super::ending::{Ending, Failure};
use super::engine::during;
use super::lifecycle::LifecycleEvent;
use super::record::look;
use super::traffic::{ALL_AT_ONCE, DeploymentConfig, Routing};
use super::{
    Alarms, Creator, Deployment, DeploymentStatus, Group, Wait, hook, pending, shift, task_sets,
};
use crate::assumption::Assumption;
use crate::identity::sha256_hex;
use crate::timeline::ListenerKind;
use crate::world::Aws;

/// The rollback of a deployment, with its AppSpec's text: blue's revision, all at once whatever the original used.
pub(super) fn prepare(aws: &Aws, original: &Deployment) -> Option<(Deployment, String)> {
    let blue = original.blue.as_deref()?;
    let (task_definition, container, port) = aws.ecs.read(|state| {
        let (_, set) = state.task_set(blue)?;
        Some((
            set.task_definition.clone(),
            set.load_balancer.container.clone(),
            set.load_balancer.port,
        ))
    })?;
    let content = app_spec::render(&task_definition, &container, port);
    let app_spec = AppSpec {
        task_definition,
        container,
        port,
        platform_version: None,
        network_configuration: None,
        capacity_provider_strategy: None,
        hooks: hooks(aws, original),
    };
    let rollback = Deployment {
        id: aws.ids.deployment(),
        config: DeploymentConfig {
            name: ALL_AT_ONCE.to_owned(),
            routing: Routing::AllAtOnce,
        },
        description: None,
        creator: Creator::Rollback,
        status: DeploymentStatus::Created,
        error: None,
        created_at: aws.clock.now(),
        started_at: None,
        completed_at: None,
        sha256: sha256_hex(&content),
        app_spec,
        rollback_on: Vec::new(),
        rolled_back_by: None,
        rolls_back: Some(original.id.clone()),
        events: pending(original.events.iter().map(|record| record.event).collect()),
        hooks: Vec::new(),
        alarms: Alarms::default(),
        alarms_override: None,
        ready_wait: Wait::NotReached,
        termination_wait: Wait::NotReached,
        stop: None,
        ..original.clone()
    };
    Some((rollback, content))
}

/// Those that the rollback calls. Whether AWS does is not known.
fn hooks(aws: &Aws, original: &Deployment) -> BTreeMap<LifecycleEvent, String> {
    if aws.assumptions.hold(Assumption::RollbackCallsHooks) {
        original.app_spec.hooks.clone()
    } else {
        BTreeMap::new()
    }
}

/// Plays a rollback. Blue has served all the time, so nothing of it can fail but a hook.
pub(super) async fn play(aws: &Arc<Aws>, id: &str, group: &Group) -> Result<(), Ending> {
    let Some((deployment, _)) = look(aws, id) else {
        return Ok(());
    };
    for event in deployment.events.iter().map(|record| record.event) {
        let work = perform(aws, &deployment, group, event);
        during(aws, id, event, work).await?;
    }
    if let Some(green) = &deployment.green {
        task_sets::delete_task_set(aws, green).await;
    }
    Ok(())
}

async fn perform(
    aws: &Arc<Aws>,
    deployment: &Deployment,
    group: &Group,
    event: LifecycleEvent,
) -> Result<(), Failure> {
    match event {
        LifecycleEvent::Install => {}
        LifecycleEvent::AllowTestTraffic => {
            shift::shift(aws, &deployment.id, group, ListenerKind::Test, 0)
        }
        LifecycleEvent::AllowTraffic => {
            shift::shift(aws, &deployment.id, group, ListenerKind::Production, 0);
            if let Some(blue) = &deployment.blue {
                task_sets::make_primary(aws, group, blue);
                task_sets::follow_primary(aws, group);
            }
        }
        LifecycleEvent::BeforeInstall
        | LifecycleEvent::AfterInstall
        | LifecycleEvent::AfterAllowTestTraffic
        | LifecycleEvent::BeforeAllowTraffic
        | LifecycleEvent::AfterAllowTraffic => {
            let function = deployment.app_spec.hooks.get(&event);
            return hook::call(aws, &deployment.id, event, function).await;
        }
    }
    Ok(())
}
