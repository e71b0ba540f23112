//! The end of a storm: without further faults, everything must come to rest. The code also detects that it never does.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use local_aws::cloudwatch::AlarmState;
use local_aws::pause::Pause;
use local_aws::timeline;
use local_aws::world::World;

/// An hour, plus time for the hourly reconciliation.
const AN_HOUR: Duration = Duration::from_secs(61 * 60);
/// The maximum number of hours until everything has come to rest. Each waiting image needs one reconciliation, and each
/// deployment may last more than an hour.
const HOURS_AT_MOST: u32 = 8;

/// The maximum for all services together: a storm has at most eight pushes and orders for three services, and each may
/// also need a rollback.
const DEPLOYMENTS_AT_MOST: usize = 60;

/// Ends all faults and alarms.
pub(super) fn calm(world: &World) -> anyhow::Result<()> {
    world.events.calm();
    world.api.faults.forget();
    let alarms: Vec<String> = world
        .cloudwatch
        .read(|alarms| Some(alarms.alarms.keys().cloned().collect()))
        .unwrap_or_default();
    for alarm in alarms {
        world.cloudwatch.set_alarm(&alarm, AlarmState::Ok)?;
    }
    Ok(())
}

/// Advances the clock by hours until an hourly reconciliation changes nothing.
pub(super) async fn converge(world: &World, pause: &mut Pause) {
    if rest(world, pause).await == Rest::Never {
        return;
    }
    for _ in 0..HOURS_AT_MOST {
        let before = deployments(world);
        pause.pass(AN_HOUR).await;
        let rest = rest(world, pause).await;
        if rest == Rest::Never || deployments(world) == before {
            return;
        }
    }
}

/// The number of deployments of every engine.
fn deployments(world: &World) -> usize {
    world.deployments().len() + world.service_deployment_history().len()
}

/// Whether everything ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rest {
    Comes,
    /// Work that ends starts anew, endlessly: there are already more deployments than a storm can justify.
    Never,
}

/// Waits until nothing is under way.
pub(super) async fn rest(world: &World, pause: &mut Pause) -> Rest {
    if pause.until(restless(world)).await {
        Rest::Never
    } else {
        // Earlier events are not waited for again.
        pause.settled().await;
        Rest::Comes
    }
}

/// Whether a deployment exceeds the maximum.
pub(super) fn restless(world: &World) -> impl Fn(&timeline::Event) -> bool + Send + 'static {
    let deployments = AtomicUsize::new(deployments(world));
    move |event| {
        let is_new = matches!(event, timeline::Event::DeploymentCreated { .. });
        is_new && deployments.fetch_add(1, Ordering::Relaxed) >= DEPLOYMENTS_AT_MOST
    }
}
