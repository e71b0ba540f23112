//! For programs: names are an interface, documented in docs/reference.md.

use serde_json::{Value, json};

use super::parts::{link, log_lines};
use crate::names::TopicArn;
use crate::outcome::Outcome;
use crate::sanitize::line;

pub(super) fn render(outcome: &Outcome, topic: &TopicArn) -> String {
    let steps: Vec<Value> = outcome
        .steps
        .iter()
        .map(|step| json!({"name": line(&step.name), "status": step.status, "seconds": step.seconds}))
        .collect();
    let log: Vec<String> = log_lines(outcome).collect();
    json!({
        "outcome": outcome.event.code(),
        "pipeline": outcome.pipeline,
        "cluster": outcome.cluster,
        "service": outcome.service,
        "image": outcome.image,
        "revision": outcome.revision,
        "deployment_id": outcome.deployment,
        "summary": line(&outcome.summary),
        "reason": outcome.reason.as_deref().map(line),
        "next": outcome.next.as_deref().map(line),
        "link": outcome.deployment.as_ref().map(|deployment| link(deployment, topic)),
        "steps": steps,
        "log": log,
    })
    .to_string()
}
