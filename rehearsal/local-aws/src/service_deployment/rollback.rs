//! Rolls a service deployment back: part of the same deployment, to the revision that was last successful.

use std::sync::Arc;

use super::announce::{self, Change};
use super::configuration::Strategy;
use super::deployment::{Rollback, ServiceDeployment};
use super::hook_payload::Shares;
use super::record::{Course, edit, enter, leave, read, set_status};
use super::revision::task_set_of;
use super::rolling_update::{Until, roll};
use super::service_deployments::ServiceDeployments;
use super::share::Share;
use super::stage::Stage;
use super::status::{Ending, Status};
use super::{hooks, observed, task_sets, traffic};
use crate::assumption::Assumption;
use crate::timeline::ListenerKind;

/// What a rollback without a way back says, in place of its reason.
const NO_CANDIDATE: &str = "No rollback candidate was found to run the rollback.";

/// Plays the rollback to its end.
pub(super) async fn play(
    deployments: &Arc<ServiceDeployments>,
    arn: &str,
    ending: &Ending,
    reason: String,
) {
    let now = deployments.context.clock.now();
    let Some((deployment, _)) = read(deployments, arn) else {
        return;
    };
    announce_failure(deployments, &deployment, ending, &reason);
    set_status(deployments, arn, Status::RollbackInProgress, Some(&reason));
    let Some(to) = deployment.candidate.clone() else {
        // It stalls, and starts no more tasks.
        let seen = observed::set(deployments, &task_set_of(&deployment.target));
        task_sets::set_desired(deployments, &deployment.target, Some(seen.counts.live));
        set_status(deployments, arn, Status::RollbackFailed, Some(NO_CANDIDATE));
        return;
    };
    edit(deployments, arn, |deployment| {
        deployment.rollback = Some(Rollback {
            reason,
            started_at: now,
            to: to.clone(),
        });
    });
    // IN_PROGRESS comes again; only its reason and its id tell.
    announce::state_change(deployments, &deployment, &to, Change::InProgress, None);
    let outcome = match deployment.configuration.strategy {
        Strategy::Rolling => {
            task_sets::want_again(deployments, &deployment, &to);
            roll(deployments, arn, &to, Until::Done).await;
            Ok(())
        }
        Strategy::BlueGreen | Strategy::Linear | Strategy::Canary => {
            back_to_blue(deployments, &deployment, &to).await
        }
    };
    match outcome {
        Ok(()) => {
            set_status(deployments, arn, Status::RollbackSuccessful, None);
            announce::state_change(deployments, &deployment, &to, Change::Completed, None);
        }
        Err(why) => {
            let reason = format!("Service deployment rollback failed because {why}");
            set_status(deployments, arn, Status::RollbackFailed, Some(&reason));
            let assumptions = &deployments.context.assumptions;
            if !assumptions.hold(Assumption::EndedEarlySendsNoEvent) {
                let change = Change::Failed;
                announce::state_change(deployments, &deployment, &to, change, Some(reason));
            }
        }
    }
}

/// FAILED is documented for services with the circuit breaker on.
fn announce_failure(
    deployments: &ServiceDeployments,
    deployment: &ServiceDeployment,
    ending: &Ending,
    reason: &str,
) {
    let is_silent = match ending {
        Ending::Requested(_) => deployments
            .context
            .assumptions
            .hold(Assumption::EndedEarlySendsNoEvent),
        Ending::BreakerTripped { .. } | Ending::AlarmsActive { .. } | Ending::Failed(_) => false,
    };
    if !is_silent {
        let (change, reason) = (Change::Failed, Some(reason.to_owned()));
        announce::state_change(deployments, deployment, &deployment.target, change, reason);
    }
}

/// Shifts traffic back as far as it had shifted, calls the hooks of both shifts again, and stops green.
async fn back_to_blue(
    deployments: &Arc<ServiceDeployments>,
    deployment: &ServiceDeployment,
    to: &str,
) -> Result<(), String> {
    let assumptions = &deployments.context.assumptions;
    let calls_all = assumptions.hold(Assumption::RollbackCallsEveryTrafficHook);
    let reached = |stage: Stage| {
        let mut stages = deployment.stages.iter();
        calls_all || stages.any(|record| record.stage == stage)
    };
    let mut failed = None;
    for (stage, kind, before) in [
        (
            Stage::ProductionTrafficShift,
            ListenerKind::Production,
            deployment.production_share,
        ),
        (
            Stage::TestTrafficShift,
            ListenerKind::Test,
            deployment.test_share,
        ),
    ] {
        if !reached(stage) {
            continue;
        }
        enter(deployments, &deployment.arn, stage, Course::RollingBack);
        let Some(both) = read(deployments, &deployment.arn) else {
            return Ok(());
        };
        let shifted = match before == Share::NOTHING {
            true => Ok(()),
            false => traffic::shift(deployments, &both, kind, Share::NOTHING),
        };
        let shares = Shares {
            test: Share::NOTHING,
            before,
            after: Share::NOTHING,
        };
        let course = Course::RollingBack;
        let called = hooks::run(deployments, &deployment.arn, stage, shares, course).await;
        let message = called.as_ref().err().or(shifted.as_ref().err());
        leave(
            deployments,
            &deployment.arn,
            stage,
            message.map(String::as_str),
        );
        // Blue cannot serve what the rules do not send it.
        shifted?;
        failed = failed.or(called.err());
    }
    task_sets::want_again(deployments, deployment, to);
    task_sets::run(deployments, &deployment.arn, to, None);
    enter(
        deployments,
        &deployment.arn,
        Stage::CleanUp,
        Course::RollingBack,
    );
    task_sets::drain(deployments, &deployment.target);
    leave(deployments, &deployment.arn, Stage::CleanUp, None);
    match failed {
        Some(why) if assumptions.hold(Assumption::FailedHookFailsTheRollback) => Err(why),
        Some(_) | None => Ok(()),
    }
}
