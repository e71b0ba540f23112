//! ECS's records of a service deployment, as a person follows it.

use super::deployment::{DeployedRevision, ServiceDeployment, Status};
use super::revision::ServiceRevision;
use super::stage::Stage;
use crate::progress::{Progress, Side, State, Step};

/// How far a service deployment is; `revisions` are those that it names, and `newest` says whether a newer one is there.
pub fn progress(
    deployment: &ServiceDeployment,
    revisions: &[ServiceRevision],
    newest: Newest,
) -> Progress {
    let side = |deployed: &DeployedRevision| {
        let mut known = revisions.iter();
        let known = known.find(|known| known.arn == deployed.arn);
        Side {
            revision: known.map(|known| known.revision.short().to_owned()),
            desired: deployed.requested_count,
            running: deployed.running_count,
            weight: deployed.production_weight,
            test_weight: deployed.test_weight,
        }
    };
    let state = state(deployment, newest);
    let step = deployment.stage.as_ref().map(|stage| Step {
        name: stage.as_str().to_owned(),
        status: deployment.status.as_str().to_owned(),
        // ECS states when the deployment changed last, and not since when it is in this stage.
        started_at: None,
        ended_at: None,
        is_current: !state.has_ended(),
        has_failed: state.goes_wrong(),
    });
    Progress {
        id: deployment.arn.id(),
        state,
        status: deployment.status.as_str().to_owned(),
        created_at: deployment.created_at,
        ended_at: deployment.ended_at(),
        steps: step.into_iter().collect(),
        blue: deployment.sources.first().map(side),
        green: deployment.target.as_ref().map(side),
        reasons: match state.goes_wrong() {
            true => reasons(deployment),
            false => Vec::new(),
        },
    }
}

/// Whether a service has a newer deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Newest {
    /// It has none.
    Yes,
    /// It has.
    No,
}

fn state(deployment: &ServiceDeployment, newest: Newest) -> State {
    match (&deployment.status, newest) {
        (Status::Successful, _) => State::Succeeded,
        (Status::RollbackSuccessful, _) => State::RolledBack,
        (Status::Stopped, Newest::No) if !deployment.was_triggered() => State::Superseded,
        (Status::Stopped | Status::RollbackFailed, _) => State::Failed,
        (Status::StopRequested | Status::RollbackRequested | Status::RollbackInProgress, _) => {
            State::RollingBack
        }
        (Status::Pending | Status::InProgress | Status::Unknown(_), _) => {
            // A rolling update has no stage: it is done when it has ended.
            match &deployment.stage {
                Some(stage) if has_passed_every_gate(stage) => State::Shifted,
                Some(_) | None => State::UnderWay,
            }
        }
    }
}

/// Whether no hook is left that could fail the deployment. Green has all production traffic before: the production gate is held at
/// `POST_PRODUCTION_TRAFFIC_SHIFT`.
fn has_passed_every_gate(stage: &Stage) -> bool {
    match stage {
        Stage::BakeTime | Stage::CleanUp => true,
        Stage::ReconcileService
        | Stage::PreScaleUp
        | Stage::ScaleUp
        | Stage::PostScaleUp
        | Stage::TestTrafficShift
        | Stage::PostTestTrafficShift
        | Stage::PreProductionTrafficShift
        | Stage::ProductionTrafficShift
        | Stage::PostProductionTrafficShift
        | Stage::Unknown(_) => false,
    }
}

fn reasons(deployment: &ServiceDeployment) -> Vec<String> {
    let of_rollback = deployment.rollback.as_ref();
    let said = of_rollback.and_then(|rollback| rollback.reason.clone());
    let said = said.or_else(|| deployment.status_reason.clone());
    let triggered = deployment
        .alarms
        .iter()
        .flat_map(|alarms| &alarms.triggered);
    let triggered = triggered.map(|alarm| format!("alarm `{alarm}` triggered"));
    let said = said.map(|said| said.trim().trim_end_matches('.').to_owned());
    said.into_iter().chain(triggered).collect()
}

#[cfg(test)]
mod tests {
    use time::macros::utc_datetime;

    use super::super::deployment::{BreakerState, Rollback, TriggeredAlarms};
    use super::*;

    fn deployment(status: &str, stage: Option<&str>, breaker: &str) -> ServiceDeployment {
        ServiceDeployment {
            arn: "arn:aws:ecs:eu-central-1:111122223333:service-deployment/prod/web/EZe5RNVLH6"
                .parse()
                .unwrap(),
            status: Status::of(status),
            status_reason: Some("Service deployment stopped.".to_owned()),
            stage: stage.map(Stage::of),
            sources: Vec::new(),
            // It is green's before the gate is held that asks production.
            target: Some(DeployedRevision {
                arn: "arn:aws:ecs:eu-central-1:111122223333:service-revision/prod/web/2"
                    .parse()
                    .unwrap(),
                requested_count: 2,
                running_count: 2,
                test_weight: Some(0.0),
                production_weight: Some(100.0),
            }),
            rollback: None,
            hooks: Vec::new(),
            breaker: Some(BreakerState {
                status: breaker.to_owned(),
                failure_count: 0,
                threshold: 3,
            }),
            alarms: None,
            created_at: utc_datetime!(2026-11-28 0:00),
            started_at: None,
            finished_at: None,
            stopped_at: None,
            updated_at: Some(utc_datetime!(2026-11-28 0:05)),
        }
    }

    /// Status, stage and circuit breaker of a service deployment, and whether it is the newest one.
    const STATES: [(&str, State); 15] = [
        ("PENDING - MONITORING newest", State::UnderWay),
        ("IN_PROGRESS - MONITORING newest", State::UnderWay),
        ("IN_PROGRESS SCALE_UP MONITORING newest", State::UnderWay),
        (
            "IN_PROGRESS PRODUCTION_TRAFFIC_SHIFT MONITORING newest",
            State::UnderWay,
        ),
        (
            "IN_PROGRESS POST_PRODUCTION_TRAFFIC_SHIFT MONITORING newest",
            State::UnderWay,
        ),
        ("IN_PROGRESS BAKE_TIME MONITORING newest", State::Shifted),
        ("A_STATE_TO_COME CLEAN_UP MONITORING newest", State::Shifted),
        ("SUCCESSFUL - MONITORING older", State::Succeeded),
        ("STOP_REQUESTED - MONITORING older", State::RollingBack),
        ("STOPPED - MONITORING older", State::Superseded),
        ("STOPPED - TRIGGERED older", State::Failed),
        ("STOPPED - MONITORING newest", State::Failed),
        (
            "ROLLBACK_IN_PROGRESS BAKE_TIME TRIGGERED newest",
            State::RollingBack,
        ),
        ("ROLLBACK_SUCCESSFUL - TRIGGERED newest", State::RolledBack),
        ("ROLLBACK_FAILED - TRIGGERED newest", State::Failed),
    ];

    #[test]
    fn every_status_means_something_for_production() {
        for (row, expected) in STATES {
            let words: Vec<&str> = row.split(' ').collect();
            let stage = Some(words[1]).filter(|stage| *stage != "-");
            let newest = match words[3] {
                "newest" => Newest::Yes,
                _ => Newest::No,
            };
            let found = progress(&deployment(words[0], stage, words[2]), &[], newest);
            assert_eq!(found.state, expected, "{row}");
            assert_eq!(found.state.has_ended(), found.ended_at.is_some(), "{row}");
        }
    }

    #[test]
    fn the_reason_of_a_rollback_comes_before_that_of_the_status_and_alarms_are_named() {
        let mut failed = deployment("ROLLBACK_SUCCESSFUL", None, "MONITORING");
        failed.rollback = Some(Rollback {
            reason: Some("Service deployment rolled back because of an alarm.".to_owned()),
            started_at: None,
            revision: None,
        });
        failed.alarms = Some(TriggeredAlarms {
            status: "TRIGGERED".to_owned(),
            triggered: vec!["errors".to_owned()],
        });
        let found = progress(&failed, &[], Newest::Yes);
        assert_eq!(
            found.reasons,
            [
                "Service deployment rolled back because of an alarm",
                "alarm `errors` triggered"
            ]
        );
        // Of what goes well nothing is explained.
        let well = progress(&deployment("SUCCESSFUL", None, ""), &[], Newest::Yes);
        assert_eq!(well.reasons, Vec::<String>::new());
    }
}
