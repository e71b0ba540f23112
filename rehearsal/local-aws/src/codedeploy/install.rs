//! The lifecycle event Install: creates green and waits until it is steady.

use std::sync::Arc;
use std::time::Duration;

use super::ending::Failure;
use super::record::{edit, read};
use super::traffic::Routing;
use super::{CodeDeploy, Group, shift, task_sets};
use crate::ecs::keep;
use crate::timeline::ListenerKind;

/// How long green may take to become steady.
const INSTALL_LIMIT: Duration = Duration::from_secs(60 * 60);

/// Creates green and waits until it is steady.
pub(super) async fn install(
    codedeploy: &Arc<CodeDeploy>,
    id: &str,
    group: &Group,
) -> Result<(), Failure> {
    let sides = task_sets::sides(codedeploy, group)?;
    // Before green is created: a deployment that fails here leaves nothing behind, so it is not rolled back.
    task_sets::check_listeners(codedeploy, group, &sides)?;
    let Some((deployment, _)) = read(codedeploy, id) else {
        return Ok(());
    };
    let green = task_sets::create_green(codedeploy, group, &deployment, &sides)?;
    // From here on a failure can be rolled back: `ending::Green` depends on this field.
    edit(codedeploy, id, |deployment| {
        deployment.blue = Some(sides.blue.clone());
        deployment.green = Some(green.clone());
    });
    match deployment.config.routing {
        // Green's group may have no listener until traffic shifts to it: its targets are `unused` until then, which
        // counts as steady. Tasks that never become healthy are therefore first noticed by test traffic, or in
        // production.
        Routing::AllAtOnce => {}
        // In the listener's action with weight 0 from the start, so that green is health-checked.
        Routing::Canary { .. } | Routing::Linear { .. } => {
            shift::shift(codedeploy, id, group, ListenerKind::Production, 0)
        }
    }
    tokio::select! {
        biased;
        () = keep::steady(&codedeploy.ecs, &green) => Ok(()),
        () = codedeploy.context.clock.sleep(INSTALL_LIMIT) => {
            let message = "The deployment timed out while waiting for the replacement task set to become healthy. This \
                           time out period is 60 minutes.";
            Err(Failure::new("TIMEOUT", message))
        }
    }
}
