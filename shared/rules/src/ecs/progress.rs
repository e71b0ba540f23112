//! ECS's records of a service deployment, as a person follows it.

use super::deployment::{DeployedRevision, ServiceDeployment, Status};
use super::production::has_shifted;
use super::revision::ServiceRevision;
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
            match deployment.stage.is_some() && has_shifted(deployment) {
                true => State::Shifted,
                false => State::UnderWay,
            }
        }
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
