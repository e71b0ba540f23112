//! For programs: names are an interface, documented in docs/reference.md.

use serde_json::{Value, json};

use super::parts::{commands, link, log_lines};
use crate::environment::Settings;
use crate::outcome::Outcome;
use crate::reasons::Migrated;
use crate::sanitize::quoted;

pub(super) fn render(outcome: &Outcome, settings: &Settings) -> Value {
    let steps: Vec<Value> = outcome
        .steps
        .iter()
        .map(|step| json!({"name": quoted(&step.name), "status": step.status, "seconds": step.seconds}))
        .collect();
    let commands: Vec<Value> = commands(outcome, settings)
        .map(|(purpose, command)| json!({"purpose": purpose, "command": command}))
        .collect();
    let log: Vec<String> = log_lines(outcome).collect();
    json!({
        "outcome": outcome.event.code(),
        "verdict": outcome.verdict.code(),
        "pipeline": outcome.pipeline,
        "cluster": outcome.cluster,
        "service": outcome.service,
        "image": outcome.image,
        "revision": outcome.revision,
        "deployment_id": outcome.deployment,
        "summary": quoted(&outcome.summary),
        "reason": outcome.reason.as_deref().map(quoted),
        "database": outcome.migrated.map(Migrated::database),
        "next": outcome.next.as_deref().map(quoted),
        "commands": commands,
        "link": link(outcome, &settings.topic),
        "steps": steps,
        "log": log,
        "log_of": outcome.log.of,
        "no_log": outcome.log.why_none.as_deref().map(quoted),
    })
}
