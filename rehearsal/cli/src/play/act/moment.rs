//! Whether a moment that a script waits for has come.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use local_aws::codedeploy::requests::DeploymentWait;
use local_aws::codedeploy::{Creator, Deployment, State, Wait};
use local_aws::timeline::{self, ListenerKind};
use local_aws::world::World;

use crate::scenario::{Moment, Reached};

/// Whether an event belongs to a service. For a deployment, only its creation names the service.
pub(super) fn is(
    world: &World,
    moment: &Moment,
) -> impl Fn(&timeline::Event) -> bool + Send + 'static {
    let Moment {
        service: wanted,
        reached,
    } = moment.clone();
    let known = world.codedeploy.read(|state| {
        let of = |deployment: &Deployment| {
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
        let is_of = |service: &String| wanted.as_ref().is_none_or(|wanted| wanted == service);
        let is_of_deployment =
            |deployment: &String| wanted.is_none() || known.get(deployment).is_some_and(is_of);
        happens(event, reached, &is_of, &is_of_deployment)
    }
}

fn happens(
    event: &timeline::Event,
    reached: Reached,
    is_of: &impl Fn(&String) -> bool,
    is_of_deployment: &impl Fn(&String) -> bool,
) -> bool {
    match (reached, event) {
        (
            Reached::LifecycleEvent(wanted, at),
            timeline::Event::LifecycleEvent {
                deployment,
                name,
                status,
                ..
            },
        ) => (*name, *status) == (wanted, at) && is_of_deployment(deployment),
        (Reached::Status("Created"), timeline::Event::DeploymentCreated { service, .. }) => {
            is_of(service)
        }
        (
            Reached::Status(wanted),
            timeline::Event::DeploymentStatus {
                deployment, status, ..
            },
        ) => wanted != "Created" && *status == wanted && is_of_deployment(deployment),
        (
            Reached::Pause,
            timeline::Event::Pause {
                deployment, status, ..
            },
        ) => *status == "AWAITING_ACTION" && is_of_deployment(deployment),
        (Reached::Share(wanted), event) => green(event, is_of).any(|percent| percent == wanted),
        (Reached::Shift, event) => green(event, is_of).any(|percent| percent > 0),
        _ => false,
    }
}

/// Green's share of such a service's production from this event on.
fn green(event: &timeline::Event, is_of: &impl Fn(&String) -> bool) -> impl Iterator<Item = u32> {
    let mut weights: &[timeline::Weight] = &[];
    if let timeline::Event::Weights {
        service,
        listener: ListenerKind::Production,
        weights: now,
        ..
    } = event
        && is_of(service)
    {
        weights = now;
    }
    let of_green = weights.iter().filter(|weight| weight.task_set == "Green");
    of_green.map(|weight| weight.percent)
}

/// An event that immediately precedes a wait, at the same moment.
pub(super) fn begins(wait: DeploymentWait, event: &timeline::Event) -> bool {
    match (wait, event) {
        (DeploymentWait::Ready, timeline::Event::DeploymentStatus { status, .. }) => {
            *status == "Ready"
        }
        (DeploymentWait::Termination, timeline::Event::LifecycleEvent { name, status, .. }) => {
            (*name, *status) == ("AfterAllowTraffic", "Succeeded")
        }
        (DeploymentWait::Ready | DeploymentWait::Termination, _) => false,
    }
}

/// Whether a deployment is in the wait, if it is known. A rollback has no termination wait, because it has no blue to
/// stop.
pub(super) fn is_waited(
    wait: DeploymentWait,
    service: Option<&str>,
    state: &State,
) -> Option<bool> {
    let is_of = |deployment: &Deployment| {
        let group = state.group_of(deployment);
        service.is_none_or(|service| group.is_some_and(|group| group.service == service))
    };
    let ships = |deployment: &&Deployment| {
        deployment.status.is_active() && deployment.creator == Creator::User && is_of(deployment)
    };
    let mut shipping = state.deployments.iter().filter(ships).peekable();
    if shipping.peek().is_none() {
        return Some(false);
    }
    let is_in = |deployment: &Deployment| match wait {
        DeploymentWait::Ready => deployment.ready_wait == Wait::Waiting,
        DeploymentWait::Termination => deployment.termination_wait == Wait::Waiting,
    };
    shipping.any(is_in).then_some(true)
}
