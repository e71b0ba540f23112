//! What interrupts a service deployment: a request, an alarm, or the circuit breaker.

use super::deployment::{Monitor, ServiceDeployment, State};
use super::observed;
use super::record::edit;
use super::revision::task_set_of;
use super::service_deployments::ServiceDeployments;
use super::stage::Stage;
use super::status::{Ending, Status, StopRequest};
use crate::assumption::Assumption;

/// Returns the first interruption, and waits forever if there is none.
pub(super) async fn interruption(deployments: &ServiceDeployments, arn: &str) -> Ending {
    tokio::select! {
        biased;
        request = requested(deployments, arn) => Ending::Requested(request),
        (names, rolls_back) = alarms(deployments, arn) => Ending::AlarmsActive { names, rolls_back },
        rolls_back = breaker(deployments, arn) => Ending::BreakerTripped { rolls_back },
    }
}

/// A request that comes when blue is being stopped is too late: the deployment ends as SUCCESSFUL.
async fn requested(deployments: &ServiceDeployments, arn: &str) -> StopRequest {
    let request = |state: &State| {
        let deployment = state.deployment(arn)?;
        deployment
            .stop
            .filter(|_| deployment.stage != Some(Stage::CleanUp))
    };
    deployments.until(request).await
}

async fn begun(deployments: &ServiceDeployments, arn: &str) -> Option<ServiceDeployment> {
    let begun = |state: &State| match state.deployment(arn) {
        None => Some(None),
        Some(deployment) => {
            let is_begun = deployment.status != Status::Pending && deployment.started_at.is_some();
            is_begun.then(|| Some(deployment.clone()))
        }
    };
    deployments.until(begun).await
}

/// An alarm that goes into ALARM, or is there already, from the start until the bake time is over.
async fn alarms(deployments: &ServiceDeployments, arn: &str) -> (Vec<String>, bool) {
    let deployment = begun(deployments, arn).await;
    let Some(alarms) = deployment.and_then(|deployment| deployment.configuration.alarms) else {
        return std::future::pending().await;
    };
    let active = |state: &crate::cloudwatch::State| {
        Some(state.active(&alarms.names)).filter(|names| !names.is_empty())
    };
    let names = deployments.cloudwatch.until(active).await;
    if deployments.read(|state| is_cleaning_up(state, arn)) {
        return std::future::pending().await;
    }
    edit(deployments, arn, |deployment| {
        deployment.alarms = Monitor::Triggered;
        deployment.triggered_alarms.clone_from(&names);
    });
    (names, alarms.rolls_back)
}

fn is_cleaning_up(state: &State, arn: &str) -> bool {
    let deployment = state.deployment(arn);
    deployment.is_none_or(|deployment| deployment.stage == Some(Stage::CleanUp))
}

/// Counts the target's failed tasks, and returns once there are as many as the threshold of the breaker. Documents say that it
/// is for rolling updates only; tests on AWS show that it works for all strategies.
async fn breaker(deployments: &ServiceDeployments, arn: &str) -> bool {
    let Some(deployment) = begun(deployments, arn).await else {
        return std::future::pending().await;
    };
    let is_ignored = deployment.configuration.strategy.is_native()
        && deployments
            .context
            .assumptions
            .hold(Assumption::BreakerIsIgnoredOnNative);
    let breaker = deployment.configuration.breaker.filter(|_| !is_ignored);
    let resets = breaker.is_none_or(|breaker| breaker.resets);
    let (id, mut failures) = (task_set_of(&deployment.target), deployment.failures);
    loop {
        let written = deployments.ecs.written();
        let health_changed = deployments.load_balancers.health_changed();
        let seen = observed::set(deployments, &id);
        let before = failures.count;
        failures.see(&seen.tasks, seen.unplaced, resets);
        let desired = deployments.ecs.read(|state| {
            let service = state.service(&deployment.cluster, &deployment.service);
            service.map_or(0, |service| service.desired_count)
        });
        let threshold = breaker.map_or(0, |breaker| breaker.threshold.of(desired));
        if breaker.is_some() {
            // The deployment has failed once the count equals the threshold, also if several tasks fail at one moment.
            failures.count = failures.count.min(threshold);
        }
        if failures.count != before {
            edit(deployments, arn, |deployment| {
                deployment.failures = failures.clone();
                deployment.threshold = threshold;
            });
        }
        if let Some(breaker) = breaker
            && failures.count >= threshold
            && !deployments.read(|state| is_cleaning_up(state, arn))
        {
            edit(deployments, arn, |deployment| {
                deployment.breaker = Monitor::Triggered
            });
            return breaker.rolls_back;
        }
        observed::changed(deployments, seen.next, written, health_changed).await;
    }
}
