//! 7. People are told the truth: no success for a rollback, no unreported end, no secret in a message or a log.
//!
//! - `shipped` is for a deployment that succeeded and is not a rollback; `rolled-back` for a rollback that succeeded;
//!   `failed` and `stopped` for one that ended so; a failed gate for one whose gate did not succeed. The digest is the
//!   one that the deployment shipped, or rolled back from.
//! - A message reports the end of every deployment of a pipeline's group, whoever created it, unless EventBridge lost
//!   the event or it is in a queue whose alarm notifies people.
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
    let ships = deployment.pipeline_digest.as_deref()?;
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
    facts.pipeline_of(deployment)?;
    let outcome = match (deployment.status.as_str(), deployment.by) {
        ("Failed", _) => "failed",
        ("Stopped", _) => "stopped",
        ("Succeeded", By::Rollback) => "rolled-back",
        ("Succeeded", By::Greenlight | By::Hand) => "shipped",
        _ => return None,
    };
    let is_told = facts.record.messages.iter().any(|told| {
        told.outcome() == outcome && told.deployment().as_ref() == Some(&deployment.id)
    });
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
