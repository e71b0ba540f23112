//! SNS's operations.

use serde_json::{Value, json};

use crate::api::error::{ApiError, not_simulated};
use crate::api::input::Input;
use crate::api::operation::{Answer, Call, Operation};
use crate::api::page::page;
use crate::api::permission::no_resource;
use crate::api::validation::not_null;
use crate::iam::Permission;
use crate::identity::ACCOUNT;
use crate::sns::{Message, Publication, Subscription, endpoint, malformed_arn, refusal};
use crate::timeline;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("GetTopicAttributes", get_topic_attributes, on_topic),
    Operation::new("ListSubscriptions", list_subscriptions, no_resource),
    Operation::new(
        "ListSubscriptionsByTopic",
        list_subscriptions_by_topic,
        on_topic,
    ),
    Operation::new("ListTopics", list_topics, no_resource),
    Operation::new("Publish", publish, on_topic_or_target),
    Operation::new("Subscribe", subscribe, on_topic),
];

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("InvalidParameter", message)
}

fn no_topic() -> ApiError {
    ApiError::new("NotFound", "Topic does not exist").with_status(404)
}

fn publish(call: Call<'_>) -> Answer {
    let (topic, target) = (call.input.text("TopicArn")?, call.input.text("TargetArn")?);
    let (member, topic) = match (topic, target) {
        (Some(topic), None) => ("TopicArn", topic),
        (None, Some(target)) => ("TargetArn", target),
        (Some(_), Some(_)) => {
            return Err(invalid(
                "Invalid parameter: Only one of TopicArn, TargetArn and PhoneNumber may be given",
            ));
        }
        (None, None) if call.input.text("PhoneNumber")?.is_some() => {
            return Err(invalid(not_simulated("messages to a phone number")));
        }
        (None, None) => {
            let message =
                "Invalid parameter: TopicArn or TargetArn Reason: no value for required parameter";
            return Err(invalid(message));
        }
    };
    let body = call
        .input
        .text("Message")?
        .ok_or_else(|| call.input.missing("Message"))?;
    let subject = call.input.text("Subject")?;
    let publication = Publication {
        subject,
        body,
        structure: call.input.text("MessageStructure")?,
        attribute_bytes: attributes(&call.input)?,
    };
    let wrong = malformed_arn(member, topic).or_else(|| refusal(publication));
    if let Some(message) = wrong {
        return Err(invalid(message));
    }
    if topic.contains(":endpoint/") {
        return Err(invalid(format!(
            "Invalid parameter: {member} Reason: No endpoint found for the target arn specified"
        )));
    }
    known(call, topic)?;
    let message = Message {
        topic: topic.to_owned(),
        subject: subject.map(ToOwned::to_owned),
        body: body.to_owned(),
    };
    call.aws.sns.take(message.clone());
    call.aws.timeline.record(timeline::Event::MessagePublished {
        topic: message.topic,
        subject: message.subject,
        body: message.body,
    });
    Ok(json!({ "MessageId": call.aws.ids.uuid() }))
}

/// The size of the message's attributes in bytes; each must be one that SNS accepts.
fn attributes(input: &Input<'_>) -> Result<usize, ApiError> {
    let mut bytes = 0;
    let mut names: Vec<&str> = Vec::new();
    for attribute in input.structures("MessageAttributes")? {
        let name = attribute.required_text("Name")?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if names.contains(&name) || name.len() > 256 || !name.bytes().all(plain) {
            return Err(invalid(format!(
                "Invalid parameter: Message attribute name '{name}' is invalid"
            )));
        }
        names.push(name);
        let value = attribute.required_structure("Value")?;
        let kind = value.text("DataType")?.filter(|kind| !kind.is_empty());
        let kind = kind.ok_or_else(|| {
            let member = format!("messageAttributes.{name}.member.dataType");
            ApiError::new("ValidationError", not_null(&member))
        })?;
        let member = match kind.split('.').next() {
            Some("String" | "Number") => "StringValue",
            Some("Binary") => "BinaryValue",
            Some(_) | None => {
                return Err(ApiError::new(
                    "ParameterValueInvalid",
                    format!(
                        "The message attribute '{name}' has an invalid message attribute type, the set of supported \
                         type prefixes is Binary, Number, and String."
                    ),
                ));
            }
        };
        let text = value.text(member)?.unwrap_or_default();
        if text.is_empty() || (kind == "Number" && text.parse::<f64>().is_err()) {
            return Err(ApiError::new(
                "ParameterValueInvalid",
                format!(
                    "The message attribute '{name}' must contain non-empty message attribute value for message \
                     attribute type '{kind}'."
                ),
            ));
        }
        bytes += name.len() + kind.len() + text.len();
    }
    Ok(bytes)
}

/// Refuses a topic that does not exist. One of another account has no policy that allows the caller anything.
fn known(call: Call<'_>, topic: &str) -> Result<(), ApiError> {
    if call.aws.sns.topics().iter().any(|known| known == topic) {
        return Ok(());
    }
    match topic.split(':').nth(4) {
        Some(account) if account != ACCOUNT => {
            let action = call.operation;
            let message = format!(
                "User is not authorized to perform: SNS:{action} on resource: {topic} because no resource-based policy \
                 allows the SNS:{action} action"
            );
            Err(ApiError::new("AuthorizationError", message).with_status(403))
        }
        Some(_) | None => Err(no_topic()),
    }
}

/// The topic that a request names.
fn topic<'a>(call: Call<'a>) -> Result<&'a str, ApiError> {
    let topic = call.input.required_text("TopicArn")?;
    match malformed_arn("TopicArn", topic) {
        Some(message) => Err(invalid(message)),
        None => known(call, topic).map(|()| topic),
    }
}

fn get_topic_attributes(call: Call<'_>) -> Answer {
    let topic = topic(call)?;
    let subscriptions = call.aws.sns.subscriptions();
    let count = |confirmed: bool| {
        let counted = subscriptions
            .iter()
            .filter(|known| known.topic == topic && known.confirmed == confirmed);
        counted.count().to_string()
    };
    Ok(json!({ "Attributes": {
        "TopicArn": topic,
        "Owner": ACCOUNT,
        "DisplayName": "",
        "SubscriptionsConfirmed": count(true),
        "SubscriptionsPending": count(false),
        "SubscriptionsDeleted": "0",
        "Policy": default_policy(topic).to_string(),
        "EffectiveDeliveryPolicy": default_delivery().to_string(),
    }}))
}

/// The policy of a topic that was given none: its owner's account may do everything.
fn default_policy(topic: &str) -> Value {
    let actions = [
        "GetTopicAttributes",
        "SetTopicAttributes",
        "AddPermission",
        "RemovePermission",
        "DeleteTopic",
        "Subscribe",
        "ListSubscriptionsByTopic",
        "Publish",
    ];
    json!({
        "Version": "2008-10-17",
        "Id": "__default_policy_ID",
        "Statement": [{
            "Sid": "__default_statement_ID",
            "Effect": "Allow",
            "Principal": { "AWS": "*" },
            "Action": actions.map(|action| format!("SNS:{action}")),
            "Resource": topic,
            "Condition": { "StringEquals": { "AWS:SourceOwner": ACCOUNT } },
        }],
    })
}

/// How SNS calls HTTP endpoints if the topic states nothing.
fn default_delivery() -> Value {
    json!({ "http": {
        "defaultHealthyRetryPolicy": {
            "minDelayTarget": 20,
            "maxDelayTarget": 20,
            "numRetries": 3,
            "numMaxDelayRetries": 0,
            "numNoDelayRetries": 0,
            "numMinDelayRetries": 0,
            "backoffFunction": "linear",
        },
        "disableSubscriptionOverrides": false,
        "defaultRequestPolicy": { "headerContentType": "text/plain; charset=UTF-8" },
    }})
}

fn list_topics(call: Call<'_>) -> Answer {
    let topics = call.aws.sns.topics().iter();
    paged(
        call,
        "Topics",
        topics.map(|topic| json!({ "TopicArn": topic })).collect(),
    )
}

fn subscribe(call: Call<'_>) -> Answer {
    let topic = topic(call)?;
    let protocol = call.input.required_text("Protocol")?;
    let confirmed = match protocol {
        "email" | "email-json" | "http" | "https" => false,
        "application" | "firehose" | "lambda" | "sms" | "sqs" => true,
        other => {
            let message = format!(
                "Invalid parameter: Amazon SNS does not support this protocol string: {other}"
            );
            return Err(invalid(message));
        }
    };
    let given = call
        .input
        .text("Endpoint")?
        .filter(|endpoint| !endpoint.is_empty())
        .ok_or_else(|| invalid("Invalid parameter: Endpoint"))?;
    if let Some(message) = endpoint::refusal(protocol, given, topic) {
        return Err(invalid(message));
    }
    for attribute in call.input.structures("Attributes")? {
        let value = attribute.text("value")?.unwrap_or_default();
        let is_switch = attribute.text("key")? == Some("RawMessageDelivery");
        if is_switch && !["true", "false"].contains(&value) {
            return Err(invalid(format!(
                "Invalid parameter: Attributes Reason: RawMessageDelivery: Invalid value [{value}]. Must be true or \
                 false."
            )));
        }
    }
    let subscription = call.aws.sns.subscribe(Subscription {
        topic: topic.to_owned(),
        protocol: protocol.to_owned(),
        endpoint: given.to_owned(),
        confirmed,
        arn: format!("{topic}:{}", call.aws.ids.uuid()),
    });
    let visible =
        subscription.confirmed || call.input.boolean("ReturnSubscriptionArn")? == Some(true);
    let arn = if visible {
        subscription.arn
    } else {
        "pending confirmation".to_owned()
    };
    Ok(json!({ "SubscriptionArn": arn }))
}

fn list_subscriptions(call: Call<'_>) -> Answer {
    let all = call.aws.sns.subscriptions();
    paged(call, "Subscriptions", all.iter().map(describe).collect())
}

fn list_subscriptions_by_topic(call: Call<'_>) -> Answer {
    let topic = topic(call)?;
    let all = call.aws.sns.subscriptions();
    let its = all
        .iter()
        .filter(|subscription| subscription.topic == topic);
    paged(call, "Subscriptions", its.map(describe).collect())
}

fn describe(subscription: &Subscription) -> Value {
    let arn = match subscription.confirmed {
        true => subscription.arn.as_str(),
        false => "PendingConfirmation",
    };
    json!({
        "SubscriptionArn": arn,
        "Owner": ACCOUNT,
        "Protocol": subscription.protocol,
        "Endpoint": subscription.endpoint,
        "TopicArn": subscription.topic,
    })
}

/// SNS's pages have 100 entries.
fn paged(call: Call<'_>, member: &str, all: Vec<Value>) -> Answer {
    let part = page(all, 100, call.input.text("NextToken")?)
        .map_err(|_| invalid("Invalid parameter: NextToken"))?;
    let mut answer = json!({ member: part.items });
    if let Some(token) = part.next_token {
        answer["NextToken"] = json!(token);
    }
    Ok(answer)
}

/// SAR, Amazon SNS.
fn on_topic(call: Call<'_>) -> Vec<Permission> {
    vec![call.on(call.named_or_any("TopicArn"))]
}

/// A topic encrypted with `alias/aws/sns` needs no permission for the key: its policy allows every principal of the
/// account that may publish.
fn on_topic_or_target(call: Call<'_>) -> Vec<Permission> {
    let topic = call.named("TopicArn");
    vec![call.on(topic.unwrap_or(call.named_or_any("TargetArn")))]
}
