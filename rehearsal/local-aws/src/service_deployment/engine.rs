//! Runs a service deployment: one asynchronous task from PENDING to its end.

use std::sync::Arc;
use std::time::Duration;

use super::announce::{self, Change};
use super::configuration::Strategy;
use super::deployment::{HookStatus, Monitor, ServiceDeployment, State};
use super::record::{edit, read, set_status};
use super::revision::task_set_of;
use super::service_deployments::ServiceDeployments;
use super::share::Share;
use super::status::{Conclusion, Ending, Status, StopRequest};
use super::{native, observed, rollback, rolling_update, task_sets, watch};
use crate::assumption::{Assumption, Assumptions};

/// How long a deployment is PENDING if nothing else is under way.
const PENDING: Duration = Duration::from_secs(1);
/// From a request to its effect. That a deployment is STOP_REQUESTED or ROLLBACK_REQUESTED for a while is documented; how
/// long is inferred.
const REQUESTED: Duration = Duration::from_secs(1);

/// Plays a deployment that was just created.
pub(super) async fn run(deployments: Arc<ServiceDeployments>, arn: String) {
    let play = async {
        earlier_ended(&deployments, &arn).await;
        deployments.context.clock.sleep(PENDING).await;
        begin(&deployments, &arn);
        let strategy = read(&deployments, &arn).map(|(one, _)| one.configuration.strategy);
        match strategy.unwrap_or(Strategy::Rolling) {
            Strategy::Rolling => rolling_update::play(&deployments, &arn).await,
            Strategy::BlueGreen | Strategy::Linear | Strategy::Canary => {
                native::play(&deployments, &arn).await
            }
        }
    };
    // Dropping the future leaves everything as it is, even in the middle of a canary.
    let ended = tokio::select! {
        biased;
        ending = watch::interruption(&deployments, &arn) => Err(ending),
        played = play => played,
    };
    match ended {
        Ok(()) => succeed(&deployments, &arn),
        Err(ending) => end(&deployments, &arn, &ending).await,
    }
}

/// Only one deployment of a service is in progress at a time.
async fn earlier_ended(deployments: &ServiceDeployments, arn: &str) {
    let ended = |state: &State| {
        let own = state.deployment(arn)?;
        let mut earlier = state.deployments.iter().take_while(|one| one.arn != arn);
        earlier
            .all(|one| !one.is_of(&own.cluster, &own.service) || one.status.has_ended())
            .then_some(())
    };
    deployments.until(ended).await;
}

fn begin(deployments: &ServiceDeployments, arn: &str) {
    let Some((deployment, service)) = read(deployments, arn) else {
        return;
    };
    let sources = task_sets::active(&service);
    let assumptions = &deployments.context.assumptions;
    let candidate = deployments.read(|state| candidate(state, &deployment, &sources, assumptions));
    let breaker = deployment.configuration.breaker;
    edit(deployments, arn, |deployment| {
        deployment.sources = sources;
        deployment.candidate = candidate;
        if let Some(breaker) = breaker {
            deployment.breaker = Monitor::Monitoring;
            deployment.threshold = breaker.threshold.of(service.desired_count);
        }
        if deployment.configuration.alarms.is_some() {
            deployment.alarms = Monitor::Monitoring;
        }
    });
    set_status(deployments, arn, Status::InProgress, None);
    announce::state_change(
        deployments,
        &deployment,
        &deployment.target,
        Change::InProgress,
        None,
    );
}

/// The revision that serves when a deployment begins, and to which it would go back. What a deployment that was superseded
/// leaves behind is not documented.
fn candidate(
    state: &State,
    deployment: &ServiceDeployment,
    sources: &[String],
    assumptions: &Assumptions,
) -> Option<String> {
    let mut before = state.of_service(&deployment.cluster, &deployment.service);
    let before = before.find(|one| one.arn != deployment.arn && one.started_at.is_some());
    let left = before.filter(|one| one.status == Status::Stopped);
    let left = left.filter(|one| {
        let half = assumptions.hold(Assumption::HalfShiftedGreenBecomesBlue);
        let is_serving = match one.production_share {
            Share::ALL => true,
            share => half && share > Share::NOTHING,
        };
        is_serving && sources.contains(&one.target)
    });
    // One that was superseded may have stopped the last successful revision before, to return the service to one.
    let is_there = |last: &&str| sources.is_empty() || sources.iter().any(|one| one == last);
    let last = || {
        let last = state.last_successful(&deployment.cluster, &deployment.service);
        let newest = || sources.last().map(String::as_str);
        last.filter(is_there).or_else(newest)
    };
    left.map(|one| one.target.as_str())
        .or_else(last)
        .map(str::to_owned)
}

fn succeed(deployments: &ServiceDeployments, arn: &str) {
    complete_monitors(deployments, arn);
    set_status(deployments, arn, Status::Successful, None);
    if let Some((deployment, _)) = read(deployments, arn) {
        announce::state_change(
            deployments,
            &deployment,
            &deployment.target,
            Change::Completed,
            None,
        );
    }
}

fn complete_monitors(deployments: &ServiceDeployments, arn: &str) {
    edit(deployments, arn, |deployment| {
        for monitor in [&mut deployment.breaker, &mut deployment.alarms] {
            if *monitor == Monitor::Monitoring {
                *monitor = Monitor::MonitoringComplete;
            }
        }
    });
}

async fn end(deployments: &Arc<ServiceDeployments>, arn: &str, ending: &Ending) {
    complete_monitors(deployments, arn);
    match ending {
        Ending::Requested(_) => deployments.context.clock.sleep(REQUESTED).await,
        Ending::BreakerTripped { .. } | Ending::AlarmsActive { .. } | Ending::Failed(_) => {}
    }
    let Some((deployment, _)) = read(deployments, arn) else {
        return;
    };
    // What it waited for is of no use any more.
    edit(deployments, arn, |deployment| {
        let hooks = deployment.hooks.iter_mut();
        hooks
            .filter(|hook| hook.status.is_active())
            .for_each(|hook| hook.status = HookStatus::Failed);
    });
    let has_begun = deployment.started_at.is_some();
    match ending.conclude() {
        Conclusion::RollBack { reason } if has_begun => {
            rollback::play(deployments, arn, ending, reason).await;
        }
        // Nothing was changed, so there is nothing to go back from.
        Conclusion::RollBack { reason } => {
            task_sets_back(deployments, &deployment);
            set_status(deployments, arn, Status::Stopped, Some(&reason));
        }
        Conclusion::Stop { reason } => stop(deployments, &deployment, ending, &reason),
    }
}

/// A deployment that had not begun set the wanted revision already.
fn task_sets_back(deployments: &ServiceDeployments, deployment: &ServiceDeployment) {
    let last = deployments.read(|state| {
        let last = state.last_successful(&deployment.cluster, &deployment.service);
        last.map(str::to_owned)
    });
    if let Some(last) = last {
        task_sets::want_again(deployments, deployment, &last);
    }
}

/// Leaves both revisions as they are. One that failed starts no more tasks.
fn stop(
    deployments: &ServiceDeployments,
    deployment: &ServiceDeployment,
    ending: &Ending,
    reason: &str,
) {
    let has_failed = match ending {
        Ending::Requested(StopRequest::Superseded) => false,
        Ending::Requested(StopRequest::RollBack | StopRequest::LeaveBoth) => true,
        Ending::BreakerTripped { .. } | Ending::AlarmsActive { .. } | Ending::Failed(_) => true,
    };
    if has_failed {
        let seen = observed::set(deployments, &task_set_of(&deployment.target));
        task_sets::set_desired(deployments, &deployment.target, Some(seen.counts.live));
        if deployment.status != Status::StopRequested {
            set_status(deployments, &deployment.arn, Status::StopRequested, None);
        }
    }
    set_status(deployments, &deployment.arn, Status::Stopped, Some(reason));
    let assumptions = &deployments.context.assumptions;
    let has_begun = deployment.started_at.is_some();
    if has_begun && !assumptions.hold(Assumption::EndedEarlySendsNoEvent) {
        let (change, reason) = (Change::Failed, Some(reason.to_owned()));
        announce::state_change(deployments, deployment, &deployment.target, change, reason);
    }
}
