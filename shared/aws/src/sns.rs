//! SNS: messages to people and programs.

use std::collections::HashMap;

use aws_sdk_sns::Client;
use aws_sdk_sns::types::MessageAttributeValue;
use rules::message::Message;
use rules::names::TopicArn;

use crate::Session;
use crate::call::{Call, CallFailed};
use crate::text::one_line;

/// SNS's operations.
#[derive(Debug, Clone)]
pub struct Sns {
    client: Client,
}

/// What SNS takes as a subject: fewer than 100 characters, in one line.
const SUBJECT_LIMIT: usize = 99;

impl Sns {
    /// A client of this session.
    pub fn new(session: &Session) -> Self {
        Self {
            client: Client::new(session.config()),
        }
    }

    /// Publishes a message.
    pub async fn publish(&self, topic: &TopicArn, message: &Message) -> Result<(), CallFailed> {
        let call = Call::new("sns:Publish", topic.as_str());
        let subject = message.subject.as_deref();
        let subject = subject
            .map(|subject| one_line(subject, SUBJECT_LIMIT))
            .filter(|subject| !subject.is_empty());
        let mut attributes = HashMap::new();
        for (name, value) in &message.attributes {
            let value = MessageAttributeValue::builder()
                .data_type("String")
                .string_value(value)
                .build()
                .map_err(|error| call.unexpected(&error.to_string()))?;
            attributes.insert((*name).to_owned(), value);
        }
        let request = self
            .client
            .publish()
            .topic_arn(topic.as_str())
            .set_subject(subject)
            .set_message_attributes(Some(attributes))
            .message(&message.body);
        request
            .send()
            .await
            .map(drop)
            .map_err(|error| call.failed(error))
    }
}
