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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codedeploy::tests::{described, pipelines};
    use crate::events::DeploymentState;

    fn ships(pipelines: &[&Pipeline]) -> String {
        let digest = "4c".repeat(32);
        let images = pipelines
            .iter()
            .map(|pipeline| format!("{}=sha256:{digest}", pipeline.mark));
        format!("greenlight {}", images.collect::<Vec<_>>().join(" "))
    }

    #[track_caller]
    fn check(pipelines: &[&Pipeline], observed: &Observed, expected: &[&str]) {
        let told = concerned(pipelines, observed).unwrap();
        let told: Vec<&str> = told.iter().map(|pipeline| pipeline.name.as_str()).collect();
        assert_eq!(told, expected, "{:?}", observed.deployment.description);
    }

    #[test]
    fn each_pipeline_is_told_whose_image_is_shipped() {
        let all = pipelines(&["shop/web", "shop/nginx"]);
        let all: Vec<&Pipeline> = all.iter().collect();
        let observed = |text: &str| Observed::new(DeploymentState::Success, described(text));
        check(&all, &observed(&ships(&all)), &["shop/web", "shop/nginx"]);
        check(&all, &observed(&ships(&all[1..])), &["shop/nginx"]);
        // A person's: the service is told once.
        check(&all, &observed("by hand"), &["shop/web"]);
        let alone = pipelines(&["shop/nginx"]);
        check(&[&alone[0]], &observed("by hand"), &["shop/nginx"]);
    }

    #[test]
    fn a_rollback_is_told_to_those_whose_image_it_takes_back() {
        let all = pipelines(&["shop/web", "shop/nginx"]);
        let all: Vec<&Pipeline> = all.iter().collect();
        let rollback = Deployment {
            creator: Creator::Rollback,
            rolls_back: "d-2".parse().ok(),
            ..described("automatic rollback")
        };
        let mut observed = Observed::new(DeploymentState::Success, rollback);
        let need = Need::RolledBack("d-2".parse().unwrap());
        assert_eq!(concerned(&all, &observed).unwrap_err(), need);
        observed.rolled_back = Some(described(&ships(&all[1..])));
        check(&all, &observed, &["shop/nginx"]);
    }
}
