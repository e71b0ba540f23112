//! Outcomes as messages: text for people, JSON for programs, and the form that Amazon Q Developer shows in chats.
//!
//! Whatever an image's tag or a log line holds, it can neither break a format nor inject anything into a mail or a chat.

mod chat;
mod json;
mod parts;
mod text;

use self::parts::pipeline;
use crate::environment::MessageFormat;
use crate::names::TopicArn;
use crate::outcome::Outcome;

/// What is published to SNS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The subject of a mail: less than 100 characters of ASCII without line breaks (SNS API Reference, Publish).
    pub subject: Option<String>,
    /// The message itself.
    pub body: String,
}

const SUBJECT_CHARACTERS_AT_MOST: usize = 99;

/// Writes an outcome in the configured format. The topic's ARN names the Region of the console links.
pub fn render(outcome: &Outcome, format: MessageFormat, topic: &TopicArn) -> Message {
    let subject = || Some(subject(outcome));
    match format {
        MessageFormat::Text => Message {
            subject: subject(),
            body: text::render(outcome, topic),
        },
        MessageFormat::Json => Message {
            subject: subject(),
            body: json::render(outcome, topic),
        },
        // Amazon Q Developer takes the body alone.
        MessageFormat::Chat => Message {
            subject: None,
            body: chat::render(outcome, topic),
        },
    }
}

fn subject(outcome: &Outcome) -> String {
    let image = outcome.image.as_ref().map(|image| match &image.tag {
        Some(tag) => format!(" {}:{tag}", image.repository),
        None => format!(" {}", image.repository),
    });
    let subject = format!(
        "{}: {}{}",
        pipeline(outcome),
        outcome.event.words(),
        image.unwrap_or_default()
    );
    let printable = subject.chars().map(|c| {
        if c.is_ascii_graphic() || c == ' ' {
            c
        } else {
            '?'
        }
    });
    printable.take(SUBJECT_CHARACTERS_AT_MOST).collect()
}

#[cfg(test)]
mod tests;
