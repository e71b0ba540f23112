//! Lambda, EventBridge, SNS and Logs over HTTP, with a function that exits as soon as it is started.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use local_aws::lambda::{Function, LogFormat, default_group};
use serde_json::{Value, json};

use crate::aws::{PausedWorld, call, signed, world};

const INVOKE: &str = "/2015-03-31/functions/shop-hook/invocations";

/// A function that exits as soon as it is started.
pub(crate) fn function() -> Function {
    Function {
        logical_id: "Hook".to_owned(),
        binary_name: "hook".to_owned(),
        name: "shop-hook".to_owned(),
        binary: PathBuf::from("/bin/false"),
        environment: BTreeMap::new(),
        timeout: Duration::from_secs(3),
        memory_megabytes: 128,
        maximum_retry_attempts: 0,
        maximum_event_age: Duration::from_secs(60),
        reserved_concurrency: Some(1),
        on_failure: Some("FailedInvocations".to_owned()),
        log_group: default_group("shop-hook"),
        log_format: LogFormat::Text,
    }
}

pub(crate) async fn with_function() -> PausedWorld {
    world(|settings| {
        settings.services.clear();
        settings.template.functions.push(function());
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn invocations_answer_as_lambda_does() {
    let mut world = with_function().await;
    let tail = "X-Amz-Log-Type: Tail\r\n";
    let (status, head, body) = signed(&world, "POST", INVOKE, tail, "{}").await;
    assert_eq!(status, 200);
    assert!(head.contains("x-amz-function-error: unhandled"), "{head}");
    assert!(head.contains("x-amz-executed-version: $latest"), "{head}");
    assert!(head.contains("x-amz-log-result: "), "{head}");
    let error: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(error["errorType"], "Runtime.ExitError");

    for (invocation_type, wanted) in [("Event", 202), ("DryRun", 204), ("Later", 400)] {
        let headers = format!("X-Amz-Invocation-Type: {invocation_type}\r\n");
        let (status, ..) = signed(&world, "POST", INVOKE, &headers, "{}").await;
        assert_eq!(status, wanted, "{invocation_type}");
    }
    world.during(async |world| world.lambda.idle().await).await;
    assert_eq!(world.lambda.dead_letters()[0].0, "FailedInvocations");

    for path in [
        format!("{INVOKE}?Qualifier=live"),
        INVOKE.replace("shop-hook", "missing"),
    ] {
        let (status, head, body) = signed(&world, "POST", &path, "", "{}").await;
        assert_eq!(status, 404, "{body}");
        assert!(
            head.contains("x-amzn-errortype: resourcenotfoundexception"),
            "{head}"
        );
        assert!(
            body.contains("Function not found: arn:aws:lambda:eu-central-1:111122223333:function:"),
            "{body}"
        );
    }
    let large = format!("\"{}\"", "x".repeat(1 << 20));
    let (status, head, _) = signed(
        &world,
        "POST",
        INVOKE,
        "X-Amz-Invocation-Type: Event\r\n",
        &large,
    )
    .await;
    assert_eq!(status, 413);
    assert!(
        head.contains("x-amzn-errortype: requesttoolargeexception"),
        "{head}"
    );
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_are_described_as_the_template_declares_them() {
    let world = with_function().await;
    let get = async |path: &str| {
        let (status, _, body) = signed(&world, "GET", path, "", "").await;
        (status, serde_json::from_str::<Value>(&body).unwrap())
    };
    let (_, listed) = get("/2015-03-31/functions").await;
    assert_eq!(listed["Functions"][0]["FunctionName"], "shop-hook");
    let (_, function) = get("/2015-03-31/functions/shop-hook").await;
    assert_eq!(function["Configuration"]["MemorySize"], 128);
    assert_eq!(function["Concurrency"]["ReservedConcurrentExecutions"], 1);
    let (_, configuration) = get("/2015-03-31/functions/shop-hook/configuration").await;
    assert_eq!(
        configuration["LoggingConfig"]["LogGroup"],
        "/aws/lambda/shop-hook"
    );
    assert_eq!(get("/2015-03-31/functions/missing").await.0, 404);
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_are_named_as_lambda_lets_them_be_named() {
    let world = with_function().await;
    let own = "arn:aws:lambda:eu-central-1:111122223333:function:shop-hook";
    let arn = |region: &str, account: &str| {
        format!("arn:aws:lambda:{region}:{account}:function:shop-hook")
    };
    for (name, status, expected) in [
        (
            "shop-hook".to_owned(),
            200,
            format!("\"FunctionArn\":\"{own}\""),
        ),
        (
            "shop-hook?Qualifier=$LATEST".to_owned(),
            200,
            format!("\"FunctionArn\":\"{own}:$LATEST\""),
        ),
        (
            format!("{own}:$LATEST"),
            200,
            format!("\"FunctionArn\":\"{own}:$LATEST\""),
        ),
        (
            "111122223333:function:shop-hook".to_owned(),
            200,
            "\"Code\":{\"RepositoryType\":\"S3\"".to_owned(),
        ),
        (
            "shop-hook:live".to_owned(),
            404,
            format!("Function not found: {own}:live"),
        ),
        (
            "shop-hook:live?Qualifier=$LATEST".to_owned(),
            400,
            "The derived qualifier from the function name does not match the specified qualifier."
                .to_owned(),
        ),
        (
            arn("us-east-1", "111122223333"),
            404,
            "Functions from 'us-east-1' are not reachable in this region ('eu-central-1')"
                .to_owned(),
        ),
        (
            arn("eu-central-1", "444455556666"),
            403,
            "not authorized to perform: lambda:GetFunction".to_owned(),
        ),
        (
            "shop%20hook".to_owned(),
            400,
            "Value 'shop hook' at 'functionName' failed to satisfy".to_owned(),
        ),
    ] {
        let path = format!("/2015-03-31/functions/{name}");
        let (found, _, body) = signed(&world, "GET", &path, "", "").await;
        assert!(
            found == status && body.contains(&expected),
            "{name}: {found} {body}"
        );
    }
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_functions_lines_are_read_from_its_log_group() {
    let world = with_function().await;
    signed(&world, "POST", INVOKE, "", "{}").await;
    let logs = async |operation: &str, members: Value| {
        call(&world, &format!("Logs_20140328.{operation}"), members).await
    };
    let (_, groups) = logs(
        "DescribeLogGroups",
        json!({ "logGroupNamePrefix": "/aws/lambda/" }),
    )
    .await;
    assert_eq!(
        groups["logGroups"][0]["logGroupName"],
        "/aws/lambda/shop-hook"
    );
    let group = |member: &str, value: &str| json!({ "logGroupName": "/aws/lambda/shop-hook", member: value });
    let (_, streams) = logs("DescribeLogStreams", group("orderBy", "LastEventTime")).await;
    let stream = streams["logStreams"][0]["logStreamName"].as_str().unwrap();
    let (_, read) = logs("GetLogEvents", group("logStreamName", stream)).await;
    let messages: Vec<&str> = read["events"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|event| event["message"].as_str())
        .collect();
    assert!(messages[0].starts_with("START RequestId: "), "{messages:?}");
    assert!(
        messages[2].contains("Status: error\tError Type: Runtime.ExitError"),
        "{messages:?}"
    );
    let (_, found) = logs("FilterLogEvents", group("filterPattern", "REPORT -START")).await;
    assert_eq!(found["events"].as_array().unwrap().len(), 1);
    let (status, refused) = logs("FilterLogEvents", group("filterPattern", "{ $.a = 1 }")).await;
    assert_eq!(
        (status, &refused["__type"]),
        (400, &json!("InvalidParameterException"))
    );
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn log_groups_are_named_as_the_model_has_them() {
    let world = with_function().await;
    let logs = async |operation: &str, members: Value| {
        call(&world, &format!("Logs_20140328.{operation}"), members).await
    };
    let arn = "arn:aws:logs:eu-central-1:111122223333:log-group:/aws/lambda/shop-hook";
    let by_arn = json!({ "logGroupIdentifier": arn });
    let streams = json!({ "logStreams": [] });
    assert_eq!(logs("DescribeLogStreams", by_arn).await.1, streams);
    let pattern = r"[\w#+=/:,.@-]*";
    let valid = "failed to satisfy constraint: Member must";
    for (operation, members, code, message) in [
        (
            "DescribeLogStreams",
            json!({ "logGroupIdentifier": format!("{arn}:*") }),
            "InvalidParameterException",
            format!(
                "1 validation error detected: Value '{arn}:*' at 'logGroupIdentifier' {valid} satisfy regular expression \
                 pattern: {pattern}"
            ),
        ),
        (
            "DescribeLogStreams",
            json!({ "logGroupName": "/aws/lambda/shop-hook", "logGroupIdentifier": arn }),
            "ValidationException",
            "LogGroup name and LogGroup ARN are mutually exclusive parameters.".to_owned(),
        ),
        (
            "FilterLogEvents",
            json!({ "logGroupName": "/aws/lambda/shop-hook", "limit": 10_001 }),
            "InvalidParameterException",
            format!(
                "1 validation error detected: Value '10001' at 'limit' {valid} have value less than or equal to 10000"
            ),
        ),
        (
            "DescribeLogStreams",
            json!({ "logGroupName": "/aws/lambda/shop-hook", "limit": 0 }),
            "InvalidParameterException",
            format!(
                "1 validation error detected: Value '0' at 'limit' {valid} have value greater than or equal to 1"
            ),
        ),
        (
            "DescribeLogStreams",
            json!({ "logGroupIdentifier": arn.replace("eu-central-1", "us-east-1") }),
            "ResourceNotFoundException",
            "The specified log group does not exist.".to_owned(),
        ),
    ] {
        let (_, refused) = logs(operation, members.clone()).await;
        assert_eq!(
            refused,
            json!({ "__type": code, "message": message }),
            "{members}"
        );
    }
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn patterns_can_be_tested() {
    let world = with_function().await;
    let events = async |operation: &str, members: Value| {
        call(&world, &format!("AWSEvents.{operation}"), members)
            .await
            .1
    };
    let event = json!({ "id": "1", "detail-type": "t", "source": "aws.ecr", "account": "1", "time": "t", "region": "r",
        "resources": [], "detail": { "n": 1 } });
    for (pattern, wanted) in [
        (
            json!({ "detail": { "n": [{ "numeric": [">", 0] }] } }),
            json!({ "Result": true }),
        ),
        (
            json!({ "detail": { "n": [2] } }),
            json!({ "Result": false }),
        ),
    ] {
        let request = json!({ "EventPattern": pattern.to_string(), "Event": event.to_string() });
        assert_eq!(events("TestEventPattern", request).await, wanted);
    }
    let mut bare = event.clone();
    bare.as_object_mut().unwrap().remove("resources");
    let request =
        json!({ "EventPattern": "{\"source\": [\"aws.ecr\"]}", "Event": bare.to_string() });
    assert_eq!(
        events("TestEventPattern", request).await,
        json!({ "Result": true })
    );
    bare.as_object_mut().unwrap().remove("account");
    for event in [
        bare.to_string(),
        "[]".to_owned(),
        "\"a\"".to_owned(),
        "{".to_owned(),
    ] {
        let request = json!({ "EventPattern": "{\"source\": [\"aws.ecr\"]}", "Event": event });
        let refused = events("TestEventPattern", request).await;
        let expected =
            json!({ "__type": "ValidationException", "message": "Parameter Event is not valid." });
        assert_eq!(refused, expected, "{event}");
    }
    let request =
        json!({ "EventPattern": "{\"source\": \"aws.ecr\"}", "Event": event.to_string() });
    let refused = events("TestEventPattern", request).await;
    assert_eq!(refused["__type"], "InvalidEventPatternException");
    let message = refused["message"].as_str().unwrap();
    let expected = "Event pattern is not valid. Reason: \"source\" must be an object or an array\n at `source` (hint: \
                    write `[\"aws.ecr\"]`)";
    assert_eq!(message, expected);
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_aws_emits_as_aws_and_requests_have_limits() {
    let world = with_function().await;
    let events = async |operation: &str, members: Value| {
        call(&world, &format!("AWSEvents.{operation}"), members)
            .await
            .1
    };
    let entry = |source: &str| json!({ "Source": source, "DetailType": "t", "Detail": "{}" });
    let put = events(
        "PutEvents",
        json!({ "Entries": [entry("aws.ecr"), entry("shop")] }),
    )
    .await;
    assert_eq!(put["FailedEntryCount"], 1);
    assert_eq!(
        put["Entries"][0]["ErrorCode"],
        "NotAuthorizedForSourceException"
    );
    // An event for a bus that does not exist is accepted, and nobody gets it.
    let mut lost = entry("shop");
    lost["EventBusName"] = json!("none");
    let accepted = events("PutEvents", json!({ "Entries": [lost] })).await;
    assert_eq!(accepted["FailedEntryCount"], 0);
    assert!(accepted["Entries"][0]["EventId"].is_string(), "{accepted}");
    for (entries, wanted) in [
        (
            vec![entry("shop"); 11],
            "Value '[PutEventsRequestEntry(time=null, source=shop, resources=null, detailType=t, detail={}, eventBusName=null, \
             traceHeader=null, kmsKeyIdentifier=null, internalMetadata=null), PutEvents",
        ),
        (
            Vec::new(),
            "Value '[]' at 'entries' failed to satisfy constraint: Member must have length greater than or equal to 1",
        ),
    ] {
        let refused = events("PutEvents", json!({ "Entries": entries })).await;
        let message = refused["message"].as_str().unwrap();
        let begin = format!("1 validation error detected: {wanted}");
        assert!(message.starts_with(&begin), "{message}");
    }
    let mut large = entry("shop");
    large["Detail"] = json!("x".repeat(1 << 20));
    let refused = events("PutEvents", json!({ "Entries": [large] })).await;
    let sentence = "Total size of the entries in the request is over the limit.";
    assert_eq!(refused["message"], sentence);
    let delivered = world.events.delivered();
    assert_eq!(
        (delivered.len(), &delivered[0].0["id"]),
        (1, &put["Entries"][1]["EventId"])
    );
    world.shutdown().await;
}
