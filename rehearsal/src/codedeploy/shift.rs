//! The lifecycle events AllowTestTraffic and AllowTraffic: listeners move to green.

use super::ending::Failure;
use super::record::{edit, look};
use super::{Group, stage};
use crate::happening::ListenerKind;
use crate::world::Aws;

pub(super) fn test(aws: &Aws, id: &str, group: &Group) {
    shift(aws, id, group, ListenerKind::Test, 100);
}

/// Moves production to green in the configuration's steps.
pub(super) async fn production(aws: &Aws, id: &str, group: &Group) -> Result<(), Failure> {
    let Some((deployment, _)) = look(aws, id) else {
        return Ok(());
    };
    for step in deployment.config.routing.steps() {
        if !step.wait.is_zero() {
            aws.clock.sleep(step.wait).await;
        }
        shift(aws, id, group, ListenerKind::Production, step.green_percent);
    }
    Ok(())
}

pub(super) fn shift(aws: &Aws, id: &str, group: &Group, kind: ListenerKind, green_percent: u32) {
    if kind == ListenerKind::Production {
        edit(aws, id, |deployment| {
            deployment.green_percent = green_percent
        });
    }
    if let Some((deployment, _)) = look(aws, id) {
        stage::set_weights(aws, group, &deployment, kind, green_percent);
    }
}
