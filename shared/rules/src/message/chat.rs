//! For chats: the custom notification of Amazon Q Developer in chat applications (administrator guide, "Custom
//! notifications"). A message that is not in this form is dropped there without a word.

use serde_json::{Value, json};

use super::parts::{duration, link, log_lines, pipeline};
use crate::names::TopicArn;
use crate::outcome::{Event, Outcome};
use crate::sanitize::line;

pub(super) fn render(outcome: &Outcome, topic: &TopicArn) -> String {
    let pipeline = pipeline(outcome);
    let subject = outcome
        .deployment
        .as_ref()
        .map_or_else(|| pipeline.to_owned(), ToString::to_string);
    let next: Vec<String> = outcome
        .next
        .as_deref()
        .map(plain)
        .into_iter()
        .chain(
            outcome
                .deployment
                .as_ref()
                .map(|deployment| link(deployment, topic)),
        )
        .collect();
    let notification: Value = json!({
        "version": "1.0",
        "source": "custom",
        "id": format!("{subject}-{}", outcome.event.code()),
        "content": {
            "textType": "client-markdown",
            "title": format!("{} {}: {}", sign(outcome.event), plain(pipeline), outcome.event.words()),
            "description": description(outcome),
            "nextSteps": next,
            "keywords": [plain(pipeline), outcome.event.code()],
        },
        "metadata": {
            "threadId": subject,
            "summary": plain(&outcome.summary),
            "eventType": outcome.event.code(),
        },
    });
    notification.to_string()
}

fn description(outcome: &Outcome) -> String {
    let mut lines = vec![plain(&outcome.summary)];
    if let Some(reason) = &outcome.reason {
        lines.push(format!("*Why* {}", plain(reason)));
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
            .map(|step| format!("{} {}", plain(&step.name), duration(step.seconds)))
            .collect();
        lines.push(format!("*Steps* {}", steps.join(", ")));
    }
    if !outcome.log.is_empty() {
        let log: Vec<String> = log_lines(outcome).map(|line| fenced(&line)).collect();
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
        Event::Ready => ":raised_hand:",
        Event::Shipped => ":white_check_mark:",
        Event::MigrationFailed
        | Event::TestTrafficFailed
        | Event::ProductionTrafficFailed
        | Event::Failed => ":x:",
        Event::Stopped => ":octagonal_sign:",
        Event::RolledBack => ":rewind:",
    }
}

/// Foreign text in a sentence: nothing in it is markup, a mention or a link. Backticks stay, in pairs and one by one.
fn plain(text: &str) -> String {
    let text = inert(&line(text));
    let marked = |c: char| {
        if matches!(c, '*' | '~' | '[' | ']' | '|') {
            ' '
        } else {
            c
        }
    };
    let text: String = text.chars().map(marked).collect();
    if text.matches('`').count().is_multiple_of(2) && !text.contains("``") {
        text
    } else {
        text.replace('`', "'")
    }
}

/// Foreign text between backticks.
fn code(text: &str) -> String {
    format!("`{}`", fenced(text))
}

/// Foreign text in a block of code.
fn fenced(text: &str) -> String {
    inert(&line(text)).replace('`', "'")
}

/// Chats take `<…>` and `@` for mentions, what follows `://` for a link, and `&` for the beginning of any of these.
fn inert(text: &str) -> String {
    text.replace('<', "‹")
        .replace('>', "›")
        .replace('@', "＠")
        .replace('&', "＆")
        .replace("://", ":∕∕")
}
