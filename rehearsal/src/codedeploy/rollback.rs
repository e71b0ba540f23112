//! A rollback is a deployment of its own: no new task set, both listeners back to blue, green deleted.

use std::sync::Arc;

use super::app_spec::{self, AppSpec};
use super::engine::set_event;
use super::lifecycle::{EventStatus, LifecycleEvent};
use super::traffic::{ALL_AT_ONCE, DeploymentConfig, Routing};
use super::{Creator, Deployment, DeploymentStatus, Group, Termination, pending, stage};
use crate::happening::ListenerKind;
use crate::identity::sha256_hex;
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
        hooks: std::collections::BTreeMap::new(),
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
        termination: Termination::NotReached,
        stop: None,
        ..original.clone()
    };
    Some((rollback, content))
}

/// Plays a rollback. It cannot fail: blue has served all the time.
pub(super) async fn play(aws: &Arc<Aws>, id: &str, group: &Group) {
    let Some(deployment) = aws.codedeploy.read(|state| state.deployment(id).cloned()) else {
        return;
    };
    for event in deployment.events.iter().map(|record| record.event) {
        set_event(aws, id, event, EventStatus::InProgress, None);
        match event {
            LifecycleEvent::AllowTestTraffic => {
                stage::set_weights(aws, group, &deployment, ListenerKind::Test, 0)
            }
            LifecycleEvent::AllowTraffic => {
                stage::set_weights(aws, group, &deployment, ListenerKind::Production, 0);
                aws.codedeploy.write(|state| {
                    if let Some(deployment) = state.deployment_mut(id) {
                        deployment.green_percent = 0;
                    }
                });
                if let Some(blue) = &deployment.blue {
                    stage::make_primary(aws, group, blue);
                }
            }
            LifecycleEvent::BeforeInstall
            | LifecycleEvent::Install
            | LifecycleEvent::AfterInstall
            | LifecycleEvent::AfterAllowTestTraffic
            | LifecycleEvent::BeforeAllowTraffic
            | LifecycleEvent::AfterAllowTraffic => {}
        }
        set_event(aws, id, event, EventStatus::Succeeded, None);
    }
    if let Some(green) = &deployment.green {
        stage::delete_task_set(aws, green).await;
    }
}
