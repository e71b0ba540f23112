//! Messages to people.

use record::{BusEvent, Message, Record};
use serde_json::Value;

use super::{expect, list};
use crate::{Expectation, quoted};

/// Exactly these messages were published, in any order: SNS does not guarantee one.
pub fn messages(outcomes: &[&str]) -> Vec<Expectation> {
    let expected: Vec<String> = outcomes.iter().map(|&outcome| outcome.to_owned()).collect();
    vec![Expectation::new(
        format!("messages: {}", outcomes.join(", ")),
        move |record| {
            let published: Vec<String> = once(record).into_iter().map(Message::outcome).collect();
            let (mut found, mut expected) = (published.clone(), expected.clone());
            found.sort();
            expected.sort();
            expect(found == expected, || list(&published))
        },
    )]
}

/// A message with this outcome contains all of these texts.
pub fn message_says(outcome: &str, texts: &[&str]) -> Vec<Expectation> {
    let claim = format!("the message `{outcome}` says {}", quoted(texts));
    let outcome = outcome.to_owned();
    let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
    vec![Expectation::new(claim, move |record| {
        let first = record
            .message(&outcome)
            .ok_or("there was no such message")?;
        let missing = |message: &Message| -> Vec<&str> {
            let texts = texts.iter().map(String::as_str);
            texts.filter(|text| !message.body.contains(text)).collect()
        };
        let mut messages = record.messages.iter();
        let says =
            messages.any(|message| message.outcome() == outcome && missing(message).is_empty());
        expect(says, || {
            format!("{} missing in: {}", quoted(&missing(first)), first.body)
        })
    })]
}

/// Exactly these events were put on the stack's bus, in any order, each as `OUTCOME VERDICT [COMMIT]`.
pub fn bus_events(words: &[&str]) -> Vec<Expectation> {
    let expected: Vec<String> = words.iter().map(|&words| words.to_owned()).collect();
    vec![Expectation::new(
        format!("events on the bus: {}", words.join(", ")),
        move |record| {
            let mut found: Vec<String> = record.bus_events.iter().map(BusEvent::words).collect();
            let said = list(&found);
            let mut expected = expected.clone();
            if events_come_twice(record) {
                // An image that is pushed a second time may wait for the deployment that the first push started.
                found.retain(|put| expected.contains(put) || !put.starts_with("waiting "));
            }
            found.sort();
            expected.sort();
            if events_come_twice(record) {
                found.dedup();
                expected.dedup();
            }
            expect(found == expected, || said)
        },
    )]
}

/// The messages without duplicates. If an event arrives twice, its message may be sent twice, because functions keep no
/// state.
pub fn once(record: &Record) -> Vec<&Message> {
    let twice = events_come_twice(record);
    let mut messages: Vec<&Message> = Vec::new();
    for message in &record.messages {
        let told = messages.iter().any(|before| is_repeated(before, message));
        if !(twice && told) {
            messages.push(message);
        }
    }
    messages
}

/// Whether a message is about an image of the run, and not about the first deployment of a service that a template makes.
pub fn is_about_an_image(record: &Record, message: &Message) -> bool {
    let body: Value = serde_json::from_str(&message.body).unwrap_or_default();
    message.at >= record.simulated.start && !body["image"].is_null()
}

/// Whether two messages report the same outcome. A later message may list longer steps and more of the log.
fn is_repeated(before: &Message, message: &Message) -> bool {
    let about = |message: &Message| {
        let body: Value = serde_json::from_str(&message.body).ok()?;
        let members = ["outcome", "pipeline", "service", "image", "deployment_id"];
        Some(members.map(|member| body[member].clone()))
    };
    (&before.subject, &before.body) == (&message.subject, &message.body)
        || about(before).is_some_and(|before| Some(before) == about(message))
}

pub fn events_come_twice(record: &Record) -> bool {
    let mut assumptions = record.assumptions.iter();
    assumptions.any(|name| name == "events-come-twice")
}
