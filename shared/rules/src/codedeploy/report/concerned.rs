//! Whose pipelines a deployment's outcome is told to: in a service of several, to those whose images it ships.

use super::{Need, Observed};
use crate::codedeploy::{Creator, Deployment, shipped_image};
use crate::config::Pipeline;

/// The pipelines for which an outcome is published, given all of the deployment's group. Where it is not known whose images a deployment
/// ships, because a person or another tool made it, the first pipeline speaks for the service.
///
/// # Errors
/// What else has to be observed.
pub fn concerned<'a>(
    pipelines: &[&'a Pipeline],
    observed: &Observed,
) -> Result<Vec<&'a Pipeline>, Need> {
    if let [_] | [] = pipelines {
        return Ok(pipelines.to_vec());
    }
    let shipped = ships(observed)?;
    let concerned = pipelines.iter().copied();
    let concerned: Vec<&Pipeline> = concerned
        .filter(|pipeline| shipped_image(pipeline, shipped).is_some())
        .collect();
    Ok(match concerned.is_empty() {
        true => pipelines[..1].to_vec(),
        false => concerned,
    })
}

/// The deployment whose images an event is about: of a rollback what it rolls back.
fn ships(observed: &Observed) -> Result<&Deployment, Need> {
    let deployment = &observed.deployment;
    match (deployment.creator, &deployment.rolls_back) {
        (Creator::Rollback, Some(id)) if observed.state.is_end() => {
            let rolled_back = observed.rolled_back.as_ref();
            rolled_back.ok_or_else(|| Need::RolledBack(id.clone()))
        }
        (Creator::Rollback | Creator::Caller, _) => Ok(deployment),
    }
}
