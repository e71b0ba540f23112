//! The run in one sentence.

use super::story::{Deployment, Story};

/// For example: web went from 1.0.0 to 1.1.0; all 497 production requests were answered. Names are in backticks.
pub(super) fn what_happened(story: &Story) -> String {
    let mut parts: Vec<String> = story
        .deployments
        .iter()
        .filter(|deployment| !deployment.rolls_back)
        .map(|deployment| became_of(story, deployment))
        .collect();
    if parts.is_empty() {
        parts.push("nothing was deployed".to_owned());
    }
    parts.push(production(story));
    let sentence = parts.join("; ");
    let mut letters = sentence.chars();
    match letters.next() {
        Some(first) => format!("{}{}.", first.to_uppercase(), letters.as_str()),
        None => sentence,
    }
}

fn became_of(story: &Story, deployment: &Deployment) -> String {
    let service = &deployment.service;
    let what = deployment
        .version
        .as_deref()
        .unwrap_or(&deployment.revision);
    match deployment.status.as_str() {
        "Succeeded" | "SUCCESSFUL" => match before(story, deployment) {
            Some(before) if before != what => format!("`{service}` went from {before} to {what}"),
            Some(_) | None => format!("`{service}` was brought to {what}"),
        },
        "Failed" => {
            let at = deployment.failed_at();
            let at = at.map_or(String::new(), |event| format!(" at {}", event.name));
            let back = rolled_back(story, deployment);
            format!("the deployment of {what} to `{service}` failed{at}{back}")
        }
        "ROLLBACK_SUCCESSFUL" | "ROLLBACK_FAILED" => {
            let at = deployment.failed_at();
            let at = at.map_or(String::new(), |event| format!(" at {}", event.name));
            let back = match deployment.status.as_str() {
                "ROLLBACK_FAILED" => "and its rollback failed",
                _ => "and was rolled back",
            };
            format!("the deployment of {what} to `{service}` failed{at} {back}")
        }
        "Stopped" | "STOPPED" => {
            let back = rolled_back(story, deployment);
            format!("the deployment of {what} to `{service}` was stopped{back}")
        }
        status => format!("the deployment of {what} to `{service}` had not ended ({status})"),
    }
}

/// The version that answered production's requests when the deployment started.
fn before<'a>(story: &'a Story, deployment: &Deployment) -> Option<&'a str> {
    let service = story
        .services
        .iter()
        .find(|service| service.name == deployment.service)?;
    let mut requests = service.production.requests.iter();
    let before = requests.rfind(|request| request.at <= deployment.created);
    let first = service.production.requests.first();
    before.or(first).map(|request| request.version.as_str())
}

fn rolled_back(story: &Story, failed: &Deployment) -> String {
    let rollback = story.deployments.iter().find(|deployment| {
        let after = failed
            .ended
            .is_some_and(|ended| deployment.created >= ended);
        deployment.rolls_back && deployment.service == failed.service && after
    });
    match rollback {
        None => String::new(),
        Some(rollback) => match rollback.status.as_str() {
            "Succeeded" => " and was rolled back".to_owned(),
            status => format!("; its rollback is {status}"),
        },
    }
}

fn production(story: &Story) -> String {
    match story.production() {
        (0, _) => "production received no requests".to_owned(),
        (requests, 0) => format!("all {requests} production requests were answered"),
        (requests, failed) => format!("{failed} of {requests} production requests failed"),
    }
}
