//! Outcomes as messages: text for people, JSON for programs, and the form that Amazon Q Developer shows in chats.
//!
//! Whatever an image's tag or a log line holds, it can neither break a format nor inject anything into a mail or a chat.

mod chat;
mod event;
mod json;
mod parts;
mod text;

pub use self::event::{DETAIL_TYPE, SOURCE, commit_of, detail};

use self::parts::pipeline;
use crate::environment::{MessageFormat, Settings};
use crate::outcome::Outcome;
use crate::sanitize;

/// What is published to SNS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The subject of a mail: less than 100 characters of ASCII without line breaks (SNS API Reference, Publish).
    pub subject: Option<String>,
    /// The message itself.
    pub body: String,
    /// Message attributes of the type `String`, by which a subscription's filter policy selects: `pipeline` where it is known,
    /// `outcome` and `verdict`.
    pub attributes: Vec<(&'static str, String)>,
}

const SUBJECT_CHARACTERS_AT_MOST: usize = 99;
/// What stays of a pipeline's name, however long the rest of the subject is.
const NAME_CHARACTERS_AT_LEAST: usize = 40;

/// Writes an outcome in the configured format. The topic's ARN names the Region of the console links.
pub fn render(outcome: &Outcome, settings: &Settings) -> Message {
    let (subject, body) = match settings.format {
        MessageFormat::Text => (Some(subject(outcome)), text::render(outcome, settings)),
        MessageFormat::Json => {
            let body = json::render(outcome, settings).to_string();
            (Some(subject(outcome)), body)
        }
        // Amazon Q Developer takes the body alone.
        MessageFormat::Chat => (None, chat::render(outcome, settings)),
    };
    Message {
        subject,
        body,
        attributes: attributes(outcome),
    }
}

fn attributes(outcome: &Outcome) -> Vec<(&'static str, String)> {
    let pipeline = outcome.pipeline.as_ref();
    let pipeline = pipeline.map(|name| ("pipeline", name.to_string()));
    let others = [
        ("outcome", outcome.event.code().to_owned()),
        ("verdict", outcome.verdict.code().to_owned()),
    ];
    pipeline.into_iter().chain(others).collect()
}

fn subject(outcome: &Outcome) -> String {
    let image = outcome.image.as_ref().map(|image| match &image.tag {
        Some(tag) => format!(" {}:{tag}", image.repository),
        None => format!(" {}", image.repository),
    });
    let rest = format!(": {}{}", outcome.event.words(), image.unwrap_or_default());
    let room = SUBJECT_CHARACTERS_AT_MOST.saturating_sub(rest.chars().count());
    let name = shortened(pipeline(outcome), room.max(NAME_CHARACTERS_AT_LEAST));
    sanitize::subject(&format!("{name}{rest}"), SUBJECT_CHARACTERS_AT_MOST)
}

/// At most so many characters of a name; where that cuts it, its end shows it.
fn shortened(name: &str, characters_at_most: usize) -> String {
    if name.chars().count() <= characters_at_most {
        return name.to_owned();
    }
    let start: String = name.chars().take(characters_at_most - 3).collect();
    format!("{start}...")
}

#[cfg(test)]
mod command_tests;
#[cfg(test)]
mod planted;
#[cfg(test)]
mod tests;
