//! A rolling deployment: the new revision's tasks replace the old ones within the service's limits.

use std::sync::Arc;

use super::configuration::DeploymentConfiguration;
use super::hook_payload::Shares;
use super::observed;
use super::record::{Course, read};
use super::revision::task_set_of;
use super::rolling::{Rollout, Tasks};
use super::service_deployments::ServiceDeployments;
use super::share::Share;
use super::stage::Stage;
use super::status::Ending;
use super::{hooks, task_sets};
use crate::assumption::Assumption;

/// Plays the deployment; what is left after its end runs on by itself.
pub(super) async fn play(deployments: &Arc<ServiceDeployments>, arn: &str) -> Result<(), Ending> {
    let Some((deployment, _)) = read(deployments, arn) else {
        return Ok(());
    };
    run_hooks(deployments, arn, Stage::PreScaleUp).await?;
    let target = &deployment.target;
    match deployment.configuration.early_success {
        None => roll(deployments, arn, target, Until::Done).await,
        Some(early) if early.waits_for_cleanup => roll(deployments, arn, target, Until::Done).await,
        Some(early) => {
            roll(
                deployments,
                arn,
                target,
                Until::Healthy(early.healthy_percent),
            )
            .await;
            let (for_rest, arn, target) = (deployments.clone(), arn.to_owned(), target.clone());
            let rest = async move { roll(&for_rest, &arn, &target, Until::Done).await };
            deployments.context.background.spawn(rest);
        }
    }
    run_hooks(deployments, arn, Stage::PostScaleUp).await
}

/// Which stages of a rolling deployment have hooks is documented nowhere: those without traffic are likely.
async fn run_hooks(
    deployments: &Arc<ServiceDeployments>,
    arn: &str,
    stage: Stage,
) -> Result<(), Ending> {
    let assumptions = &deployments.context.assumptions;
    if assumptions.hold(Assumption::RollingRunsNoHooks) {
        return Ok(());
    }
    let nothing = Shares {
        test: Share::NOTHING,
        before: Share::NOTHING,
        after: Share::NOTHING,
    };
    let run = hooks::run(deployments, arn, stage, nothing, Course::Deploying);
    run.await.map_err(Ending::Failed)
}

/// How far to roll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// Every new task is healthy, and the old ones are asked to stop.
    Done,
    /// This percentage of the new tasks is healthy.
    Healthy(u32),
}

/// Rolls the service to a revision, for as long as it takes.
pub(super) async fn roll(deployments: &Arc<ServiceDeployments>, arn: &str, to: &str, until: Until) {
    // A rollback takes over tasks that serve, which the scheduler would stop if fewer were wanted for a moment.
    task_sets::run(deployments, arn, to, Some(desired_of(deployments, to)));
    loop {
        let written = deployments.ecs.written();
        let health_changed = deployments.load_balancers.health_changed();
        let Some((deployment, service)) = read(deployments, arn) else {
            return;
        };
        let old: Vec<String> = task_sets::active(&service);
        let old: Vec<String> = old.into_iter().filter(|digits| digits != to).collect();
        let mut seen = observed::set(deployments, &task_set_of(to));
        let of_old: Vec<(String, Tasks)> = old
            .into_iter()
            .map(|digits| {
                let set = observed::set(deployments, &task_set_of(&digits));
                seen.next = seen.next.into_iter().chain(set.next).min();
                (digits, set.counts)
            })
            .collect();
        let rollout = rollout(
            &deployment.configuration,
            service.desired_count,
            seen.counts,
            &of_old,
        );
        let is_there = match until {
            Until::Done => rollout.is_done() || rollout.desired == 0,
            Until::Healthy(percent) => rollout.has_healthy(percent),
        };
        if is_there {
            if until == Until::Done {
                task_sets::set_desired(deployments, to, None);
                of_old
                    .iter()
                    .for_each(|(digits, _)| task_sets::drain(deployments, digits));
            }
            return;
        }
        if !move_on(deployments, to, &rollout, &of_old) {
            observed::changed(deployments, seen.next, written, health_changed).await;
        }
    }
}

fn rollout(
    configuration: &DeploymentConfiguration,
    desired: u32,
    new: Tasks,
    old: &[(String, Tasks)],
) -> Rollout {
    let together = |sum: Tasks, (_, of_one): &(String, Tasks)| Tasks {
        live: sum.live + of_one.live,
        healthy: sum.healthy + of_one.healthy,
    };
    Rollout {
        desired,
        minimum_healthy_percent: configuration.minimum_healthy_percent,
        maximum_percent: configuration.maximum_percent,
        new,
        old: old.iter().fold(Tasks::default(), together),
    }
}

/// How many tasks a revision is to have; none if it has no task set.
fn desired_of(deployments: &ServiceDeployments, digits: &str) -> u32 {
    let id = task_set_of(digits);
    let desired = deployments.ecs.read(|state| {
        let (service, set) = state.task_set(&id)?;
        Some(service.desired_count_of(set))
    });
    desired.unwrap_or(0)
}

/// Gives each revision the number of tasks that it is to have; returns whether that changed any.
fn move_on(
    deployments: &ServiceDeployments,
    to: &str,
    rollout: &Rollout,
    old: &[(String, Tasks)],
) -> bool {
    let wanted = rollout.wanted();
    let mut changed = false;
    let mut set = |digits: &str, desired: u32| {
        if desired_of(deployments, digits) != desired {
            task_sets::set_desired(deployments, digits, Some(desired));
            changed = true;
        }
    };
    // A task that failed is missing until the scheduler starts another one: the count that was given before stays.
    let given = desired_of(deployments, to).min(rollout.desired);
    set(to, wanted.new.max(given));
    let mut surplus = rollout.old.live.saturating_sub(wanted.old);
    // The ones without a healthy task first, then the oldest.
    let mut order: Vec<&(String, Tasks)> = old.iter().collect();
    order.sort_by_key(|(_, tasks)| tasks.healthy > 0);
    for (digits, tasks) in order {
        let stopped = surplus.min(tasks.live);
        surplus -= stopped;
        if stopped > 0 {
            set(digits, tasks.live - stopped);
        }
    }
    changed
}
