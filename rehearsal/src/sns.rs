//! SNS: topics, what Publish refuses, and the messages that were taken.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use crate::world::Message;

/// Body and attributes together.
const LARGEST_MESSAGE_BYTES: usize = 262_144;

/// All topics and everything that was published to them.
pub struct Sns {
    topics: Vec<String>,
    messages: Mutex<Vec<Message>>,
}

impl Sns {
    pub fn new(topics: Vec<String>) -> Sns {
        Sns {
            topics,
            messages: Mutex::default(),
        }
    }

    pub fn topics(&self) -> &[String] {
        &self.topics
    }

    pub fn take(&self, message: Message) {
        self.lock().push(message);
    }

    pub fn messages(&self) -> Vec<Message> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Message>> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why SNS takes no such message; its sentence (`InvalidParameter`).
pub fn refusal(
    subject: Option<&str>,
    message: &str,
    structure: Option<&str>,
    attribute_bytes: usize,
) -> Option<String> {
    if message.is_empty() {
        return Some("Invalid parameter: Empty message".to_owned());
    }
    if message.len() + attribute_bytes > LARGEST_MESSAGE_BYTES {
        return Some("Invalid parameter: Message too long".to_owned());
    }
    if let Some(subject) = subject {
        let begins = subject
            .chars()
            .next()
            .is_some_and(|c| c.is_alphanumeric() || c.is_ascii_punctuation());
        if !begins || subject.chars().count() >= 100 || subject.chars().any(char::is_control) {
            return Some("Invalid parameter: Subject".to_owned());
        }
    }
    match structure {
        None => None,
        Some("json") => match serde_json::from_str::<Value>(message) {
            Ok(Value::Object(members)) => match members.get("default") {
                Some(Value::String(_)) => None,
                Some(_) | None => Some(
                    "Invalid parameter: Message Structure - No default entry in JSON message body"
                        .to_owned(),
                ),
            },
            Ok(_) | Err(_) => Some(
                "Invalid parameter: Message Structure - JSON message body failed to parse"
                    .to_owned(),
            ),
        },
        Some(_) => Some("Invalid parameter: MessageStructure".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn publish_is_refused_as_sns_refuses_it() {
        let long = "x".repeat(LARGEST_MESSAGE_BYTES);
        let cases = [
            (None, "hello", None, ""),
            (Some("shipped: shop-web 1.1.0"), "hello", None, ""),
            (Some("two\nlines"), "hello", None, "Subject"),
            (Some(""), "hello", None, "Subject"),
            (Some(" space first"), "hello", None, "Subject"),
            (Some(&long[..99]), "hello", None, ""),
            (Some(&long[..100]), "hello", None, "Subject"),
            (None, "", None, "Empty message"),
            (None, &long, None, ""),
            (None, r#"{"default": "a"}"#, Some("json"), ""),
            (None, r#"{"email": "a"}"#, Some("json"), "No default"),
            (None, r#"{"default": 1}"#, Some("json"), "No default"),
            (None, "[]", Some("json"), "failed to parse"),
            (None, "hello", Some("xml"), "MessageStructure"),
        ];
        for (subject, message, structure, wanted) in cases {
            let refused = refusal(subject, message, structure, 0).unwrap_or_default();
            assert!(
                refused.contains(wanted) && refused.is_empty() == wanted.is_empty(),
                "{subject:?}: {refused}"
            );
        }
        assert_eq!(
            refusal(None, &long, None, 1).as_deref(),
            Some("Invalid parameter: Message too long")
        );
    }
}
