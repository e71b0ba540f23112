//! SNS: topics, the validation of Publish, and the accepted messages.

pub mod endpoint;

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use crate::identity::REGION;

/// The maximum size of body and attributes together.
const LARGEST_MESSAGE_BYTES: usize = 262_144;

/// All topics, their subscriptions, and everything that was published.
pub struct Sns {
    topics: Vec<String>,
    /// None once it keeps no history.
    messages: Mutex<Option<Vec<Message>>>,
    subscriptions: Mutex<Vec<Subscription>>,
}

/// A message that SNS accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub topic: String,
    pub subject: Option<String>,
    pub body: String,
}

/// A subscription. Nothing is sent to its endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    pub topic: String,
    pub protocol: String,
    pub endpoint: String,
    /// Subscriptions of persons and servers are pending until they confirm, which never happens here.
    pub confirmed: bool,
    pub arn: String,
}

/// A message to publish.
#[derive(Debug, Clone, Copy, Default)]
pub struct Publication<'a> {
    pub subject: Option<&'a str>,
    pub body: &'a str,
    /// `MessageStructure`.
    pub structure: Option<&'a str>,
    /// The size of all attributes: names, types and values together.
    pub attribute_bytes: usize,
}

impl Sns {
    pub fn new(topics: Vec<String>) -> Sns {
        Sns {
            topics,
            messages: Mutex::new(Some(Vec::new())),
            subscriptions: Mutex::default(),
        }
    }

    /// Subscribing an endpoint again returns the first subscription.
    pub fn subscribe(&self, subscription: Subscription) -> Subscription {
        let mut subscriptions = self
            .subscriptions
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let same = |known: &&Subscription| {
            (&known.topic, &known.protocol, &known.endpoint)
                == (
                    &subscription.topic,
                    &subscription.protocol,
                    &subscription.endpoint,
                )
        };
        if let Some(known) = subscriptions.iter().find(same) {
            return known.clone();
        }
        subscriptions.push(subscription.clone());
        subscription
    }

    pub fn subscriptions(&self) -> Vec<Subscription> {
        let subscriptions = self.subscriptions.lock();
        subscriptions
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub fn topics(&self) -> &[String] {
        &self.topics
    }

    pub fn take(&self, message: Message) {
        if let Some(messages) = self.lock().as_mut() {
            messages.push(message);
        }
    }

    /// Keeps no message any more.
    pub(crate) fn keep_no_history(&self) {
        *self.lock() = None;
    }

    pub fn messages(&self) -> Vec<Message> {
        self.lock().clone().unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Vec<Message>>> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns SNS's error message (`InvalidParameter`) for an invalid message.
pub fn refusal(publication: Publication<'_>) -> Option<String> {
    let Publication { subject, body, .. } = publication;
    if body.is_empty() {
        return Some("Invalid parameter: Empty message".to_owned());
    }
    if body.len() + publication.attribute_bytes > LARGEST_MESSAGE_BYTES {
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
    match publication.structure {
        None => None,
        Some("json") => structured(body),
        Some(_) => Some("Invalid parameter: MessageStructure".to_owned()),
    }
}

/// A message for several protocols must have a default. Entries that do not name one of AWS's protocols, or that are
/// not strings, are ignored.
fn structured(body: &str) -> Option<String> {
    let wrong = |what: &str| Some(format!("Invalid parameter: Message Structure - {what}"));
    match serde_json::from_str::<Value>(body) {
        Ok(Value::Object(members)) if members.get("default").is_some_and(Value::is_string) => None,
        Ok(Value::Object(_)) => wrong("No default entry in JSON message body"),
        Ok(_) | Err(_) => wrong("JSON message body failed to parse"),
    }
}

/// Returns SNS's error message (`InvalidParameter`) for an ARN that names no topic or endpoint of this Region.
pub fn malformed_arn(member: &str, arn: &str) -> Option<String> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    match parts.as_slice() {
        ["arn", _, "sns", region, _, name] if !name.is_empty() && *region == REGION => None,
        [_, _, _, _, _, _] => Some(format!("Invalid parameter: {member}")),
        parts => Some(format!(
            "Invalid parameter: {member} Reason: An ARN must have at least 6 elements, not {}",
            parts.len()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_messages_are_refused_with_snss_error() {
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
            (
                None,
                r#"{"default": "a", "email": 1, "pigeon": "b"}"#,
                Some("json"),
                "",
            ),
            (None, "hello", Some("xml"), "MessageStructure"),
            (Some("bell\u{7}"), "hello", None, "Subject"),
            (Some("erledigt: größer"), "hello", None, ""),
        ];
        for (subject, message, structure, wanted) in cases {
            let publication = Publication {
                subject,
                body: message,
                structure,
                attribute_bytes: 0,
            };
            let refused = refusal(publication).unwrap_or_default();
            assert!(
                refused.contains(wanted) && refused.is_empty() == wanted.is_empty(),
                "{subject:?}: {refused}"
            );
        }
        let publication = Publication {
            body: &long,
            attribute_bytes: 1,
            ..Publication::default()
        };
        assert_eq!(
            refusal(publication).as_deref(),
            Some("Invalid parameter: Message too long")
        );
    }

    #[test]
    fn arns_are_validated_as_by_sns() {
        let check = |arn: &str| malformed_arn("TopicArn", arn).unwrap_or_default();
        assert_eq!(check("arn:aws:sns:eu-central-1:111122223333:outcomes"), "");
        assert_eq!(
            check("arn:aws:sqs:eu-central-1:111122223333:outcomes"),
            "Invalid parameter: TopicArn"
        );
        assert_eq!(
            check("arn:aws:sns:us-east-1:111122223333:outcomes"),
            "Invalid parameter: TopicArn"
        );
        let short =
            "Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not 1";
        assert_eq!(check("outcomes"), short);
    }
}
