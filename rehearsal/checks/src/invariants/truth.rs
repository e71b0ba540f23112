//! 7. People are told the truth: no success for a rollback, no unreported end, no secret in a message or a log.
//!
//! - `shipped` is for a deployment that succeeded and is not a rollback; `rolled-back` for a rollback that succeeded;
//!   `failed` and `stopped` for one that ended so; a failed gate for one whose gate did not succeed. The digest is the
//!   one that the deployment shipped, or rolled back from.
//! - A message reports the end of every deployment of a pipeline's group, whoever created it, unless EventBridge lost
//!   the event or it is in a queue whose alarm notifies people. Of several pipelines each is told whose image it shipped.
//! - No message, log line or answer of a function contains a secret.

use record::{By, Deployment, End, Message};

use super::facts::{Facts, short};

pub(super) fn judge(facts: &Facts<'_>) -> Vec<String> {
    let messages = facts.record.messages.iter();
    let lies = messages.filter_map(|told| lie(facts, told));
    let deployments = facts.record.deployments.iter();
    let silences = deployments.filter_map(|deployment| silence(facts, deployment));
    let leaks = facts.record.leaks.iter().map(|leak| {
        let (place, after) = (&leak.place, &leak.after);
        format!("{place} holds a secret, after `{after}`")
    });
    lies.chain(silences).chain(leaks).collect()
}

fn lie(facts: &Facts<'_>, told: &Message) -> Option<String> {
    let deployment = facts.record.deployment(&told.deployment()?)?;
    let (by, status) = (deployment.by, deployment.status.as_str());
    let is_rollback = by == By::Rollback;
    let gate = |name: &str| {
        let mut events = deployment.lifecycle_events.iter();
        events.any(|event| event.name == name && event.status == "Succeeded")
    };
    let outcome = told.outcome();
    let is_true = match outcome.as_str() {
        "shipped" => status == "Succeeded" && !is_rollback,
        "rolled-back" => status == "Succeeded" && is_rollback,
        "failed" => status == "Failed",
        "stopped" => status == "Stopped",
        "migration-failed" => !gate("AfterInstall"),
        "test-traffic-failed" => !gate("AfterAllowTestTraffic"),
        "production-traffic-failed" => !gate("AfterAllowTraffic"),
        "started" | "ready" => !is_rollback,
        "waiting" => return None,
        _ => false,
    };
    if !is_true {
        return Some(format!(
            "`{outcome}` was reported at {} of `{}`, which is {by:?} and {status}",
            facts.when(told.at),
            deployment.id
        ));
    }
    let digest = told.digest()?;
    let about = told.pipeline();
    let mut pipelines = facts.pipelines_of(deployment);
    let pipeline = pipelines.find(|pipeline| Some(&pipeline.given.name) == about.as_ref());
    let pipeline = pipeline.or_else(|| facts.pipelines_of(deployment).next())?;
    let ships = pipeline.shipped_by(deployment);
    let ships = match deployment.images.is_empty() {
        true => ships?,
        // Of several pipelines' images it is the one that the deployment was created for.
        false => ships.unwrap_or("no image of this pipeline"),
    };
    (!is_rollback && digest != ships).then(|| {
        format!(
            "`{outcome}` was reported at {} of {}, but `{}` ships {}",
            facts.when(told.at),
            short(&digest),
            deployment.id,
            short(ships)
        )
    })
}

fn silence(facts: &Facts<'_>, deployment: &Deployment) -> Option<String> {
    facts.pipelines_of(deployment).next()?;
    let outcome = match (deployment.status.as_str(), deployment.by) {
        ("Failed", _) => "failed",
        ("Stopped", _) => "stopped",
        ("Succeeded", By::Rollback) => "rolled-back",
        ("Succeeded", By::Greenlight | By::Hand) => "shipped",
        _ => return None,
    };
    let mut told = facts.record.messages.iter().filter(|told| {
        told.outcome() == outcome && told.deployment().as_ref() == Some(&deployment.id)
    });
    let is_told = match (deployment.by, deployment.images.is_empty()) {
        // Each pipeline whose image it ships is told.
        (By::Greenlight, false) => {
            let told: Vec<Option<String>> = told.map(Message::pipeline).collect();
            let mut pipelines = facts.pipelines_of(deployment);
            pipelines.all(|pipeline| {
                pipeline.shipped_by(deployment).is_none()
                    || told.contains(&Some(pipeline.given.name.clone()))
            })
        }
        (By::Greenlight | By::Hand | By::Rollback, _) => told.next().is_some(),
    };
    let is_lost = match deployment.end {
        End::Told => false,
        End::Lost | End::Kept => true,
    };
    (!is_told && !is_lost).then(|| {
        format!(
            "no message reports that `{}` ({:?}) {}{}",
            deployment.id,
            deployment.by,
            deployment.status,
            deployment
                .ended_at
                .map_or_else(String::new, |ended| format!(" at {}", facts.when(ended)))
        )
    })
}
