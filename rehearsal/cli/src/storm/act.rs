//! Does what a storm's plan says. What cannot be done any more when its turn comes is left out: a storm goes on.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use local_aws::cloudwatch::AlarmState;
use local_aws::pause::Pause;
use local_aws::timeline::{self, ListenerKind};
use local_aws::world::World;

use super::plan::{Action, DeliveryFaults, Until};
use crate::play::person;

/// An hour, and time for the hourly look.
const AN_HOUR: Duration = Duration::from_secs(61 * 60);
/// More than a millisecond.
const A_MOMENT: Duration = Duration::from_millis(2);
/// Hours until everything has come to rest. What waits behind something else needs one look each; each deployment may last
/// an hour and more.
const HOURS_AT_MOST: u32 = 8;

/// Of all services together: a storm has eight pushes and orders at most, of three services, each of which may need a
/// rollback, too.
const DEPLOYMENTS_AT_MOST: usize = 60;

pub(crate) async fn act(world: &World, pause: &mut Pause, action: &Action) -> anyhow::Result<()> {
    match action {
        Action::InjectDeliveryFaults(DeliveryFaults {
            rule,
            about,
            faults,
        }) => world
            .events
            .inject_about(rule, about, faults.iter().copied()),
        // A tag that is immutable, or an image that is there with it already.
        Action::Push(image) => {
            drop(world.push(image));
            // ECR tells the moments of pushes in milliseconds, and nobody pushes twice in one.
            pause.pass(A_MOMENT).await;
        }
        Action::Pass(duration) => pause.pass(*duration).await,
        Action::Until(service, until) => {
            let (is, restless) = (is(world, service, *until), restless(world));
            pause.until(move |event| restless(event) || is(event)).await;
        }
        Action::Settle => {
            rest(world, pause).await;
        }
        Action::Stop(service, roll_back) => {
            if let Some(id) = under_way(world, service) {
                // It may wait for nobody any more.
                let _ = world.codedeploy.stop_deployment(&id, Some(*roll_back));
            }
        }
        Action::EndWait(service, wait) => {
            if let Some(id) = under_way(world, service) {
                let _ = world.codedeploy.continue_deployment(&id, *wait);
            }
        }
        Action::Redeploy {
            cluster,
            service,
            version,
        } => {
            // Refused while another deployment is under way, and where no revision has it.
            let _ = person::redeploy(world, cluster, service, version).await;
        }
        Action::Ask(request) => pause.during(person::ask(world, request)).await?,
        Action::Alarm(service, state) => world
            .cloudwatch
            .set_alarm(&format!("{service}-errors"), *state)?,
        Action::Calm => calm(world)?,
        Action::Converge => converge(world, pause).await,
    }
    Ok(())
}

fn under_way(world: &World, service: &str) -> Option<String> {
    world.codedeploy.read(|state| {
        let mut deployments = state.deployments.iter();
        let active = deployments.find(|deployment| {
            deployment.status.is_active()
                && state
                    .group_of(deployment)
                    .is_some_and(|group| group.service == service)
        });
        Some(active?.id.clone())
    })
}

fn calm(world: &World) -> anyhow::Result<()> {
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

async fn converge(world: &World, pause: &mut Pause) {
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
enum Rest {
    Comes,
    /// What ends begins anew, again and again: there are more deployments already than a storm can give reason for.
    Never,
}

/// Waits until nothing is under way.
async fn rest(world: &World, pause: &mut Pause) -> Rest {
    if pause.until(restless(world)).await {
        Rest::Never
    } else {
        // What led here is not waited for afterwards.
        pause.settled().await;
        Rest::Comes
    }
}

/// Whether a deployment is one too many.
fn restless(world: &World) -> impl Fn(&timeline::Event) -> bool + Send + 'static {
    let deployments = AtomicUsize::new(world.deployments().len());
    move |event| {
        let is_new = matches!(event, timeline::Event::DeploymentCreated { .. });
        is_new && deployments.fetch_add(1, Ordering::Relaxed) >= DEPLOYMENTS_AT_MOST
    }
}

/// Whether something happens to a service. Of a deployment only its creation says to which.
fn is(
    world: &World,
    service: &'static str,
    until: Until,
) -> impl Fn(&timeline::Event) -> bool + Send + 'static {
    let known = world.codedeploy.read(|state| {
        let of = |deployment: &local_aws::codedeploy::Deployment| {
            let group = state.group_of(deployment)?;
            Some((deployment.id.clone(), group.service.clone()))
        };
        Some(state.deployments.iter().filter_map(of).collect())
    });
    let known: Mutex<BTreeMap<String, String>> = Mutex::new(known.unwrap_or_default());
    move |event| {
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        if let timeline::Event::DeploymentCreated {
            deployment,
            service: of,
            ..
        } = event
        {
            known.insert(deployment.clone(), of.clone());
        }
        let is_of = |deployment: &String| known.get(deployment).is_some_and(|of| of == service);
        happens(event, service, until, &is_of)
    }
}

fn happens(
    event: &timeline::Event,
    wanted: &str,
    until: Until,
    is_of: &impl Fn(&String) -> bool,
) -> bool {
    match until {
        Until::LifecycleEvent(wanted, at) => matches!(
            event,
            timeline::Event::LifecycleEvent { deployment, name, status, .. }
                if (*name, *status) == (wanted, at) && is_of(deployment)
        ),
        Until::Status("Created") => {
            matches!(event, timeline::Event::DeploymentCreated { service, .. } if service == wanted)
        }
        Until::Status(reached) => matches!(
            event,
            timeline::Event::DeploymentStatus { deployment, status, .. }
                if *status == reached && is_of(deployment)
        ),
        Until::Shift => matches!(
            event,
            timeline::Event::Weights { service, listener: ListenerKind::Production, weights, .. }
                if service == wanted
                    && weights.iter().any(|weight| weight.task_set == "Green" && weight.percent > 0)
        ),
    }
}
