//! For people who read mail.

use std::fmt::Write as _;

use super::parts::{duration, link, log_lines};
use crate::names::TopicArn;
use crate::outcome::Outcome;
use crate::sanitize::line;

pub(super) fn render(outcome: &Outcome, topic: &TopicArn) -> String {
    let mut text = String::new();
    let mut row = |name: &str, value: &str| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name:<11}{value}");
    };
    if let Some(pipeline) = &outcome.pipeline {
        row("Pipeline", pipeline.as_str());
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
    row("What", &line(&outcome.summary));
    if let Some(reason) = &outcome.reason {
        row("Why", &line(reason));
    }
    if let Some(next) = &outcome.next {
        row("Next", &line(next));
    }
    if let Some(deployment) = &outcome.deployment {
        row("Deployment", &link(deployment, topic));
    }
    if !outcome.steps.is_empty() {
        text.push_str("\nSteps\n");
        for step in &outcome.steps {
            let failed = if step.has_failed { "  failed" } else { "" };
            let _ = writeln!(
                text,
                "  {:<23}{}{failed}",
                line(&step.name),
                duration(step.seconds)
            );
        }
    }
    if !outcome.log.is_empty() {
        text.push_str("\nLast lines of the log\n");
        for line in log_lines(outcome) {
            let _ = writeln!(text, "  {line}");
        }
    }
    text
}
