//! For people who read mail.

use std::fmt::Write as _;

use super::parts::{about_log, commands, duration, link, log_lines};
use crate::environment::Settings;
use crate::outcome::Outcome;
use crate::sanitize::quoted;

pub(super) fn render(outcome: &Outcome, settings: &Settings) -> String {
    let mut text = String::new();
    let mut row = |name: &str, value: &str| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name:<11}{value}");
    };
    if let Some(pipeline) = &outcome.pipeline {
        row("Pipeline", &quoted(pipeline.as_str()));
    }
    if let (Some(cluster), Some(service)) = (&outcome.cluster, &outcome.service) {
        row("Service", &format!("{cluster}/{service}"));
    }
    if let Some(image) = &outcome.image {
        let name = image.tag.as_ref().map_or_else(
            || image.repository.to_string(),
            |tag| format!("{}:{tag}", image.repository),
        );
        row("Image", &name);
        row("Digest", image.digest.as_str());
    }
    if let Some(revision) = &outcome.revision {
        row("Revision", revision.short());
    }
    row("Outcome", outcome.event.words());
    row("What", &quoted(&outcome.summary));
    if let Some(reason) = &outcome.reason {
        row("Why", &quoted(reason));
    }
    if let Some(migrated) = outcome.migrated {
        row("Database", migrated.database());
    }
    if let Some(next) = &outcome.next {
        row("Next", &quoted(next));
    }
    if let Some(deployment) = &outcome.deployment {
        let link = link(outcome, &settings.topic);
        row("Deployment", link.as_deref().unwrap_or(deployment.as_str()));
    }
    if !outcome.steps.is_empty() {
        text.push_str("\nSteps\n");
        for step in &outcome.steps {
            let failed = if step.has_failed { "  failed" } else { "" };
            let _ = writeln!(
                text,
                "  {:<23}{}{failed}",
                quoted(&step.name),
                duration(step.seconds)
            );
        }
    }
    for (purpose, command) in commands(outcome, settings) {
        let _ = writeln!(text, "\nCommand {purpose}\n  {command}");
    }
    if let Some(about) = about_log(outcome) {
        let _ = writeln!(text, "\n{about}");
        for line in log_lines(outcome) {
            let _ = writeln!(text, "  {line}");
        }
    }
    text
}
