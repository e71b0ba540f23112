//! For chats: the custom notification of Amazon Q Developer in chat applications (administrator guide, "Custom
//! notifications"). A message that is not in this form is dropped there without a word.

use serde_json::{Value, json};

use super::parts::{about_log, commands, duration, link, log_lines, pipeline};
use crate::environment::Settings;
use crate::outcome::{Event, Outcome};
use crate::sanitize::{chat, chat_code};

pub(super) fn render(outcome: &Outcome, settings: &Settings) -> String {
    let pipeline = pipeline(outcome);
    let subject = outcome
        .deployment
        .as_ref()
        .map_or_else(|| pipeline.to_owned(), ToString::to_string);
    let next: Vec<String> = outcome
        .next
        .as_deref()
        .map(chat)
        .into_iter()
        .chain(
            commands(outcome, settings)
                .map(|(purpose, command)| format!("{purpose}: {}", code(&command))),
        )
        .chain(link(outcome, &settings.topic))
        .collect();
    let notification: Value = json!({
        "version": "1.0",
        "source": "custom",
        "id": format!("{subject}-{}", outcome.event.code()),
        "content": {
            "textType": "client-markdown",
            "title": format!("{} {}: {}", sign(outcome.event), chat(pipeline), outcome.event.words()),
            "description": description(outcome),
            "nextSteps": next,
            "keywords": [chat(pipeline), outcome.event.code()],
        },
        "metadata": {
            "threadId": subject,
            "summary": chat(&outcome.summary),
            "eventType": outcome.event.code(),
        },
    });
    notification.to_string()
}

fn description(outcome: &Outcome) -> String {
    let mut lines = vec![chat(&outcome.summary)];
    if let Some(reason) = &outcome.reason {
        lines.push(format!("*Why* {}", chat(reason)));
    }
    if let Some(migrated) = outcome.migrated {
        lines.push(format!("*Database* {}", migrated.database()));
    }
    if let (Some(cluster), Some(service)) = (&outcome.cluster, &outcome.service) {
        lines.push(format!(
            "*Service* {}",
            code(&format!("{cluster}/{service}"))
        ));
    }
    if let Some(image) = &outcome.image {
        lines.push(format!("*Image* {}", code(&image.to_string())));
    }
    if let Some(revision) = &outcome.revision {
        lines.push(format!("*Revision* {}", code(revision.short())));
    }
    if !outcome.steps.is_empty() {
        let steps: Vec<String> = outcome
            .steps
            .iter()
            .map(|step| format!("{} {}", chat(&step.name), duration(step.seconds)))
            .collect();
        lines.push(format!("*Steps* {}", steps.join(", ")));
    }
    if let Some(about) = about_log(outcome) {
        lines.push(chat(&about));
    }
    if !outcome.log.lines.is_empty() {
        let log: Vec<String> = log_lines(outcome).map(|line| chat_code(&line)).collect();
        lines.push(format!("```\n{}\n```", log.join("\n")));
    }
    lines.join("\n")
}

fn sign(event: Event) -> &'static str {
    match event {
        Event::Started => ":arrow_forward:",
        Event::Waiting => ":hourglass:",
        Event::Skipped => ":fast_forward:",
        Event::Refused => ":no_entry:",
        Event::Observed => ":eyes:",
        Event::ParameterNotWritten => ":warning:",
        Event::Ready => ":raised_hand:",
        Event::Overdue => ":hourglass:",
        Event::Shipped => ":white_check_mark:",
        Event::MigrationFailed
        | Event::TestTrafficFailed
        | Event::ProductionTrafficFailed
        | Event::Failed => ":x:",
        Event::Stopped => ":octagonal_sign:",
        Event::RolledBack => ":rewind:",
    }
}

/// Foreign text between backticks.
fn code(text: &str) -> String {
    format!("`{}`", chat_code(text))
}
