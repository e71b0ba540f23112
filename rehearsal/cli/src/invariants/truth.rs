//! 7. A person is told the truth: no success for a rollback, no silence for an end, no secret in a message or a log.
//!
//! - `shipped` is said of a deployment that succeeded and is no rollback; `rolled-back` of a rollback that succeeded;
//!   `failed` and `stopped` of one that ended so; a failed gate of one whose gate did not succeed. The digest is the one
//!   that the deployment shipped, or rolled back from.
//! - Of every deployment of a pipeline's group, whoever created it, the end is told; unless EventBridge lost the event, or
//!   it lies in a queue whose alarm tells it.
//! - No message, log line or answer of a function holds a secret.

use super::facts::{By, Deployment, End, Facts, Status, Told, short};

pub(super) fn judge(facts: &Facts) -> Vec<String> {
    let lies = facts.messages.iter().filter_map(|told| lie(facts, told));
    let silences = facts
        .deployments
        .iter()
        .filter_map(|deployment| silence(facts, deployment));
    lies.chain(silences).chain(leaks(facts)).collect()
}

fn lie(facts: &Facts, told: &Told) -> Option<String> {
    let deployment = facts.deployment(told.deployment.as_deref()?)?;
    let (by, status) = (deployment.by, deployment.status);
    let is_rollback = by == By::Rollback;
    let gate = |name: &str| {
        let mut events = deployment.events.iter();
        events.any(|(event, status)| event == name && status == "Succeeded")
    };
    let is_true = match told.outcome.as_str() {
        "shipped" => status == Status::Succeeded && !is_rollback,
        "rolled-back" => status == Status::Succeeded && is_rollback,
        "failed" => status == Status::Failed,
        "stopped" => status == Status::Stopped,
        "migration-failed" => !gate("AfterInstall"),
        "test-traffic-failed" => !gate("AfterAllowTestTraffic"),
        "started" | "ready" => !is_rollback,
        "waiting" => return None,
        _ => false,
    };
    if !is_true {
        return Some(format!(
            "`{}` is told at {} of `{}`, which is {by:?} and {status:?}",
            told.outcome,
            facts.when(told.at),
            deployment.id
        ));
    }
    let digest = told.digest.as_deref()?;
    let ships = deployment.digest.as_deref()?;
    (!is_rollback && digest != ships).then(|| {
        format!(
            "`{}` is told at {} of {}, but `{}` ships {}",
            told.outcome,
            facts.when(told.at),
            short(digest),
            deployment.id,
            short(ships)
        )
    })
}

fn silence(facts: &Facts, deployment: &Deployment) -> Option<String> {
    facts.pipeline_of(deployment)?;
    let outcome = match (deployment.status, deployment.by) {
        (Status::Failed, _) => "failed",
        (Status::Stopped, _) => "stopped",
        (Status::Succeeded, By::Rollback) => "rolled-back",
        (Status::Succeeded, By::Greenlight | By::Hand) => "shipped",
        (Status::Active, _) => return None,
    };
    let is_told = facts
        .messages
        .iter()
        .any(|told| told.outcome == outcome && told.deployment.as_ref() == Some(&deployment.id));
    let is_lost = match deployment.end {
        End::Told => false,
        End::Lost | End::Kept => true,
    };
    (!is_told && !is_lost).then(|| {
        format!(
            "nobody was told that `{}` ({:?}) {:?}{}",
            deployment.id,
            deployment.by,
            deployment.status,
            deployment
                .ended_at
                .map_or_else(String::new, |ended| format!(" at {}", facts.when(ended)))
        )
    })
}

fn leaks(facts: &Facts) -> Vec<String> {
    let messages = facts.messages.iter().map(|told| {
        let place = format!("the message `{}` at {}", told.outcome, facts.when(told.at));
        (place, told.text.as_str())
    });
    let said = facts
        .said
        .iter()
        .map(|(place, text)| (place.clone(), text.as_str()));
    let leaks = messages.chain(said).filter_map(|(place, text)| {
        // The first of them: what stands before it holds none.
        let secrets = facts.secrets.iter();
        let from = secrets.filter_map(|secret| text.find(secret)).min()?;
        let skipped = text[..from].chars().count().saturating_sub(60);
        let before: String = text[..from].chars().skip(skipped).collect();
        Some(format!("{place} holds a secret, after `{before}`"))
    });
    leaks.collect()
}
