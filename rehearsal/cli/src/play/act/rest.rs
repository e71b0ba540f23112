//! The end of a storm: nothing fails any more, and everything must come to rest, or to no end, which is watched for.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use local_aws::cloudwatch::AlarmState;
use local_aws::pause::Pause;
use local_aws::timeline;
use local_aws::world::World;

/// An hour, and time for the hourly reconciliation.
const AN_HOUR: Duration = Duration::from_secs(61 * 60);
/// Hours until everything has come to rest. What waits behind something else needs one reconciliation each; each deployment may last
/// an hour and more.
const HOURS_AT_MOST: u32 = 8;

/// Of all services together: a storm has eight pushes and orders at most, of three services, each of which may need a
/// rollback, too.
const DEPLOYMENTS_AT_MOST: usize = 60;

/// Nothing fails any more, and every alarm is off.
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

/// Hours pass until an hourly reconciliation changes nothing.
pub(super) async fn converge(world: &World, pause: &mut Pause) {
    if rest(world, pause).await == Rest::Never {
        return;
    }
    for _ in 0..HOURS_AT_MOST {
        let before = world.deployments().len();
        pause.pass(AN_HOUR).await;
        let rest = rest(world, pause).await;
        if rest == Rest::Never || world.deployments().len() == before {
            return;
        }
    }
}

/// Whether everything comes to an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rest {
    Comes,
    /// What ends begins anew, again and again: there are more deployments already than a storm can give reason for.
    Never,
}

/// Waits until nothing is under way.
pub(super) async fn rest(world: &World, pause: &mut Pause) -> Rest {
    if pause.until(restless(world)).await {
        Rest::Never
    } else {
        // What led here is not waited for afterwards.
        pause.settled().await;
        Rest::Comes
    }
}

/// Whether a deployment is one too many.
pub(super) fn restless(world: &World) -> impl Fn(&timeline::Event) -> bool + Send + 'static {
    let deployments = AtomicUsize::new(world.deployments().len());
    move |event| {
        let is_new = matches!(event, timeline::Event::DeploymentCreated { .. });
        is_new && deployments.fetch_add(1, Ordering::Relaxed) >= DEPLOYMENTS_AT_MOST
    }
}
