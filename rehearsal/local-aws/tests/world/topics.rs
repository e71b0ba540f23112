//! SNS over HTTP.

use crate::aws::signed;
use crate::functions::with_function;

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_published_to_topics_of_the_account() {
    let world = with_function().await;
    let topic = "arn:aws:sns:eu-central-1:111122223333:outcomes";
    let publish = |more: &str| format!("Version=2010-03-31&Action=Publish&Message=hello&{more}");
    let attribute = "MessageAttributes.entry.1.Name=a&MessageAttributes.entry.1.Value.DataType=Colour&\
                     MessageAttributes.entry.1.Value.StringValue=red";
    for (form, status, wanted) in [
        (publish(&format!("TopicArn={topic}")), 200, "<MessageId>"),
        (
            publish(&format!("TopicArn={topic}x")),
            404,
            "<Code>NotFound</Code>",
        ),
        (
            publish("TopicArn=outcomes"),
            400,
            "An ARN must have at least 6 elements, not 1",
        ),
        (
            publish(&format!("TopicArn={topic}&Subject=a%0Ab")),
            400,
            "<Message>Invalid parameter: Subject</Message>",
        ),
        (
            publish(&format!("TopicArn={topic}&MessageStructure=json")),
            400,
            "failed to parse",
        ),
        (
            publish(&format!("TopicArn={topic}&{attribute}")),
            400,
            "<Code>ParameterValueInvalid</Code>",
        ),
        (publish(""), 400, "<Code>InvalidParameter</Code>"),
        (
            publish("PhoneNumber=%2B15551234567"),
            400,
            "the rehearsal does not simulate messages to a phone number",
        ),
        (
            publish("TargetArn=arn:aws:sns:eu-central-1:111122223333:endpoint/GCM/app/1"),
            400,
            "Invalid parameter: TargetArn Reason: No endpoint found for the target arn specified",
        ),
        (
            publish("TopicArn=arn:aws:sns:us-east-1:111122223333:outcomes"),
            400,
            "<Message>Invalid parameter: TopicArn</Message>",
        ),
        (
            publish("TopicArn=arn:aws:sns:eu-central-1:444455556666:outcomes"),
            403,
            "<Code>AuthorizationError</Code>",
        ),
        (
            publish(&format!(
                "TopicArn={topic}&MessageAttributes.entry.1.Name=a&MessageAttributes.entry.1.Value.StringValue=red"
            )),
            400,
            "<Code>ValidationError</Code><Message>1 validation error detected: Value null at \
             'messageAttributes.a.member.dataType' failed",
        ),
    ] {
        let (found, _, body) = signed(&world, "POST", "/", "", &form).await;
        assert!(
            found == status && body.contains(wanted),
            "{form}: {found} {body}"
        );
    }
    assert_eq!(world.messages().len(), 1);
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn subscriptions_are_made_and_listed() {
    let world = with_function().await;
    let topic = "arn:aws:sns:eu-central-1:111122223333:outcomes";
    for (form, status, wanted) in [
        (
            format!(
                "Version=2010-03-31&Action=Subscribe&Protocol=sqs&Endpoint=queue&TopicArn={topic}"
            ),
            400,
            "<Message>Invalid parameter: SQS endpoint ARN</Message>",
        ),
        (
            format!(
                "Version=2010-03-31&Action=Subscribe&Protocol=email&Endpoint=a%40example.com&TopicArn={topic}"
            ),
            200,
            "<SubscriptionArn>pending confirmation</SubscriptionArn>",
        ),
        (
            format!("Version=2010-03-31&Action=ListSubscriptionsByTopic&TopicArn={topic}"),
            200,
            "<SubscriptionArn>PendingConfirmation</SubscriptionArn>",
        ),
        (
            "Version=2010-03-31&Action=Subscribe&Protocol=pigeon&Endpoint=a&TopicArn=".to_owned()
                + topic,
            400,
            "does not support this protocol string: pigeon",
        ),
    ] {
        let (found, _, body) = signed(&world, "POST", "/", "", &form).await;
        assert!(
            found == status && body.contains(wanted),
            "{form}: {found} {body}"
        );
    }
    world.shutdown().await;
}
