//! A rollback is a separate deployment: it creates no task set, returns both listeners to blue, and deletes green.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::app_spec::{self, AppSpec};
use super::ending::{Ending, Failure};
use super::engine::during;
use super::lifecycle::LifecycleEvent;
use super::record::read;
use super::traffic::{ALL_AT_ONCE, DeploymentConfig, Routing};
use super::{
    Alarms, CodeDeploy, Creator, Deployment, DeploymentStatus, Group, Wait, hook, pending, shift,
    task_sets,
};
use crate::assumption::Assumption;
use crate::identity::sha256_hex;
use crate::timeline::ListenerKind;

/// Creates the rollback of a deployment and its AppSpec: blue's revision, all at once whatever the original's
/// configuration.
pub(super) fn prepare(
    codedeploy: &CodeDeploy,
    original: &Deployment,
) -> Option<(Deployment, String)> {
    let blue = original.blue.as_deref()?;
    let (task_definition, container, port) = codedeploy.ecs.read(|state| {
        let (_, set) = state.task_set(blue)?;
        let behind = set.load_balancers.first()?;
        let container = behind.container.clone();
        Some((set.task_definition.clone(), container, behind.port))
    })?;
    let content = app_spec::render(&task_definition, &container, port);
    let app_spec = AppSpec {
        task_definition,
        container,
        port,
        platform_version: None,
        network_configuration: None,
        capacity_provider_strategy: None,
        hooks: hooks(codedeploy, original),
    };
    let rollback = Deployment {
        id: codedeploy.context.ids.deployment(),
        config: DeploymentConfig {
            name: ALL_AT_ONCE.to_owned(),
            routing: Routing::AllAtOnce,
        },
        description: None,
        creator: Creator::Rollback,
        status: DeploymentStatus::Created,
        error: None,
        created_at: codedeploy.context.clock.now(),
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

/// The hooks that the rollback calls. It is not known whether AWS calls any.
fn hooks(codedeploy: &CodeDeploy, original: &Deployment) -> BTreeMap<LifecycleEvent, String> {
    if codedeploy
        .context
        .assumptions
        .hold(Assumption::RollbackCallsHooks)
    {
        original.app_spec.hooks.clone()
    } else {
        BTreeMap::new()
    }
}

/// Runs a rollback. Blue has kept running, so only a hook can fail.
pub(super) async fn play(
    codedeploy: &Arc<CodeDeploy>,
    id: &str,
    group: &Group,
) -> Result<(), Ending> {
    let Some((deployment, _)) = read(codedeploy, id) else {
        return Ok(());
    };
    for event in deployment.events.iter().map(|record| record.event) {
        let work = perform(codedeploy, &deployment, group, event);
        during(codedeploy, id, event, work).await?;
    }
    // Last, once no listener forwards to it: until now green may have served all of production.
    if let Some(green) = &deployment.green {
        task_sets::delete_task_set(codedeploy, green).await;
    }
    Ok(())
}

async fn perform(
    codedeploy: &Arc<CodeDeploy>,
    deployment: &Deployment,
    group: &Group,
    event: LifecycleEvent,
) -> Result<(), Failure> {
    match event {
        LifecycleEvent::Install => {}
        LifecycleEvent::AllowTestTraffic => {
            shift::shift(codedeploy, &deployment.id, group, ListenerKind::Test, 0)
        }
        LifecycleEvent::AllowTraffic => {
            shift::shift(
                codedeploy,
                &deployment.id,
                group,
                ListenerKind::Production,
                0,
            );
            // Blue is still PRIMARY unless the original got past AllowTraffic.
            if let Some(blue) = &deployment.blue {
                task_sets::make_primary(codedeploy, group, blue);
                task_sets::follow_primary(codedeploy, group);
            }
        }
        LifecycleEvent::BeforeInstall
        | LifecycleEvent::AfterInstall
        | LifecycleEvent::AfterAllowTestTraffic
        | LifecycleEvent::BeforeAllowTraffic
        | LifecycleEvent::AfterAllowTraffic => {
            let function = deployment.app_spec.hooks.get(&event);
            return hook::call(codedeploy, &deployment.id, event, function).await;
        }
    }
    Ok(())
}
