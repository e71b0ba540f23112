//! SNS: messages to people and programs.

use std::collections::HashMap;

use aws_sdk_sns::Client;
use aws_sdk_sns::types::MessageAttributeValue;
use rules::message::Message;
use rules::names::TopicArn;

use crate::Session;
use crate::call::{Call, CallFailed};

/// SNS's operations.
#[derive(Debug, Clone)]
pub struct Sns {
    client: Client,
}

impl Sns {
    /// A client of this session.
    pub fn new(session: &Session) -> Self {
        Self {
            client: Client::new(session.config()),
        }
    }

    /// Publishes a message, whose subject fits already.
    pub async fn publish(&self, topic: &TopicArn, message: &Message) -> Result<(), CallFailed> {
        let call = Call::new("sns:Publish", topic.as_str());
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
            .set_subject(message.subject.clone())
            .set_message_attributes(Some(attributes))
            .message(&message.body);
        request
            .send()
            .await
            .map(drop)
            .map_err(|error| call.failed(error))
    }
}
