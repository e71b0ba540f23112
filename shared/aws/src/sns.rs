//! SNS: messages to people and programs.

use aws_sdk_sns::Client;
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

    /// Publishes a message; the subject is what an e-mail is called.
    pub async fn publish(
        &self,
        topic: &TopicArn,
        subject: Option<&str>,
        message: &str,
    ) -> Result<(), CallFailed> {
        let call = Call::new("sns:Publish", topic.as_str());
        let subject = subject
            .map(|subject| one_line(subject, SUBJECT_LIMIT))
            .filter(|subject| !subject.is_empty());
        let request = self
            .client
            .publish()
            .topic_arn(topic.as_str())
            .set_subject(subject)
            .message(message);
        request
            .send()
            .await
            .map(drop)
            .map_err(|error| call.failed(error))
    }
}
