//! Outcomes as messages: text for people, JSON for programs, and the form that Amazon Q Developer shows in chats.
//!
//! Whatever an image's tag or a log line holds, it can neither break a format nor inject anything into a mail or a chat.

mod chat;
mod json;
mod text;

use crate::environment::MessageFormat;
use crate::names::{DeploymentId, PipelineName, TopicArn};
use crate::outcome::Outcome;
use crate::sanitize::line;

/// What is published to SNS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The subject of a mail: less than 100 characters of ASCII without line breaks (SNS API Reference, Publish).
    pub subject: Option<String>,
    /// The message itself.
    pub body: String,
}

const SUBJECT_CHARACTERS_AT_MOST: usize = 99;
const LOG_LINES_AT_MOST: usize = 20;

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

/// The pipeline's name, or who is talking where no pipeline is known.
fn pipeline(outcome: &Outcome) -> &str {
    outcome
        .pipeline
        .as_ref()
        .map_or("greenlight", PipelineName::as_str)
}

/// The deployment's page in the CodeDeploy console.
fn link(deployment: &DeploymentId, topic: &TopicArn) -> String {
    let mut parts = topic.as_str().split(':').skip(1);
    let partition = parts.next().unwrap_or_default();
    let region = parts.nth(1).unwrap_or_default();
    let domain = match partition {
        "aws-cn" => "amazonaws.cn",
        "aws-us-gov" => "amazonaws-us-gov.com",
        _ => "aws.amazon.com",
    };
    format!(
        "https://console.{domain}/codesuite/codedeploy/deployments/{deployment}?region={region}"
    )
}

/// The last lines of a log.
fn log_lines(outcome: &Outcome) -> impl Iterator<Item = String> {
    let skipped = outcome.log.len().saturating_sub(LOG_LINES_AT_MOST);
    outcome.log.iter().skip(skipped).map(|text| line(text))
}

fn duration(seconds: u64) -> String {
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests;
