//! SNS's operations.

use serde_json::json;

use super::{Answer, Call};
use crate::api::error::ApiError;
use crate::happening::What;
use crate::identity::ACCOUNT;
use crate::sns::refusal;
use crate::world::Message;

fn no_topic() -> ApiError {
    ApiError::new("NotFound", "Topic does not exist").with_status(404)
}

pub(super) fn publish(call: Call<'_>) -> Answer {
    let topic = call
        .input
        .text("TopicArn")?
        .or(call.input.text("TargetArn")?);
    let topic = topic.ok_or_else(|| call.input.missing("TopicArn or TargetArn"))?;
    let body = call
        .input
        .text("Message")?
        .ok_or_else(|| call.input.missing("Message"))?;
    let subject = call.input.text("Subject")?;
    let attributes = call.input.structures("MessageAttributes")?;
    let mut attribute_bytes = 0;
    for attribute in attributes {
        let value = attribute.required_structure("Value")?;
        let parts = [
            attribute.required_text("Name")?,
            value.required_text("DataType")?,
            value.text("StringValue")?.unwrap_or(""),
        ];
        attribute_bytes += parts.iter().map(|part| part.len()).sum::<usize>();
    }
    if let Some(message) = refusal(
        subject,
        body,
        call.input.text("MessageStructure")?,
        attribute_bytes,
    ) {
        return Err(ApiError::new("InvalidParameter", message));
    }
    if !call.aws.sns.topics().iter().any(|known| known == topic) {
        return Err(no_topic());
    }
    let message = Message {
        topic: topic.to_owned(),
        subject: subject.map(ToOwned::to_owned),
        body: body.to_owned(),
    };
    call.aws.sns.take(message.clone());
    call.aws.happenings.tell(What::MessagePublished {
        topic: message.topic,
        subject: message.subject,
        body: message.body,
    });
    Ok(json!({ "MessageId": call.aws.ids.uuid() }))
}

pub(super) fn get_topic_attributes(call: Call<'_>) -> Answer {
    let topic = call.input.required_text("TopicArn")?;
    if !call.aws.sns.topics().iter().any(|known| known == topic) {
        return Err(no_topic());
    }
    Ok(json!({ "Attributes": {
        "TopicArn": topic,
        "Owner": ACCOUNT,
        "DisplayName": "",
        "SubscriptionsConfirmed": "0",
        "SubscriptionsPending": "0",
        "SubscriptionsDeleted": "0",
    }}))
}

pub(super) fn list_topics(call: Call<'_>) -> Answer {
    let topics: Vec<_> = call
        .aws
        .sns
        .topics()
        .iter()
        .map(|topic| json!({ "TopicArn": topic }))
        .collect();
    Ok(json!({ "Topics": topics }))
}
