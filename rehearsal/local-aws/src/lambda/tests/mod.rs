//! The local Lambda with real processes.

mod function;
mod sessions;

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use serde_json::json;

use super::*;
use crate::assumption::Assumptions;

pub(crate) fn function() -> Function {
    let test_binary = std::env::current_exe().unwrap().display().to_string();
    Function {
        logical_id: "RunMigration".to_owned(),
        binary_name: "run-migration".to_owned(),
        name: "CodeDeployHook_greenlight_run-migration".to_owned(),
        binary: PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/lambda/function-for-tests.sh"),
        environment: BTreeMap::from([("TEST_BINARY".to_owned(), test_binary)]),
        timeout: Duration::from_secs(60),
        memory_megabytes: 128,
        maximum_retry_attempts: 2,
        maximum_event_age: Duration::from_secs(3600),
        reserved_concurrency: None,
        on_failure: Some("FailedEvents".to_owned()),
        log_group: default_group("CodeDeployHook_greenlight_run-migration"),
        log_format: LogFormat::Json,
    }
}

pub(crate) async fn start(function: Function) -> (Lambda, Clock) {
    let clock = Clock::with(crate::clock::Pace::Real, Duration::from_millis(1));
    let lambda = start_at(clock.clone(), function).await;
    (lambda.unwrap(), clock)
}

/// With unknown roles, so that no call is denied.
async fn start_at(clock: Clock, function: Function) -> anyhow::Result<Lambda> {
    let context = Context::new(clock, Assumptions::default());
    let iam = Arc::new(Iam::new(Vec::new(), &[]).unwrap());
    let local_aws = "http://127.0.0.1:4566".to_owned();
    Lambda::start(context, iam, Logs::default(), vec![function], local_aws).await
}

const NAME: &str = "CodeDeployHook_greenlight_run-migration";

async fn invoke(lambda: &Lambda, event: Value) -> Answer {
    lambda
        .invoke("CodeDeployHook_greenlight_run-migration", event)
        .await
        .unwrap()
}

fn response(answer: Answer) -> Value {
    match answer {
        Answer::Response(response) => response,
        Answer::Error {
            error_type,
            error_message,
        } => panic!("{error_type}: {error_message}"),
    }
}

fn error(answer: Answer) -> (String, String) {
    match answer {
        Answer::Response(response) => panic!("{response}"),
        Answer::Error {
            error_type,
            error_message,
        } => (error_type, error_message),
    }
}

#[tokio::test]
async fn a_process_takes_invocations_one_after_another() {
    let (lambda, _) = start(function()).await;
    assert_eq!(
        response(invoke(&lambda, json!({ "a": 1 })).await),
        json!({ "count": 1, "event": { "a": 1 } })
    );
    assert_eq!(
        response(invoke(&lambda, json!({ "a": 2 })).await),
        json!({ "count": 2, "event": { "a": 2 } })
    );
    let error = error(invoke(&lambda, json!({ "do": "fail" })).await);
    assert_eq!(error, ("AwsDenied".to_owned(), "access denied".to_owned()));
    assert_eq!(response(invoke(&lambda, json!({})).await)["count"], 4);
    assert_eq!(lambda.invocations().len(), 4);
    assert_eq!(
        lambda
            .logs("run-migration")
            .iter()
            .filter(|line| *line == "the function starts")
            .count(),
        1
    );
}

#[tokio::test]
async fn overlapping_invocations_have_a_process_each() {
    let (lambda, _) = start(function()).await;
    let (first, second) = tokio::join!(invoke(&lambda, json!({})), invoke(&lambda, json!({})));
    assert_eq!(
        (
            response(first)["count"].clone(),
            response(second)["count"].clone()
        ),
        (json!(1), json!(1))
    );
}

/// Three more events than the account's concurrency: ten run at once, the others wait in the queue.
#[tokio::test]
async fn without_a_reservation_invocations_run_side_by_side_as_far_as_the_account_goes() {
    let (lambda, _) = start(function()).await;
    let concurrency: Vec<_> = (0..ACCOUNT_CONCURRENCY - 2)
        .map(|_| lambda.place(&function()).unwrap())
        .collect();
    let (one, two, three) = tokio::join!(
        lambda.invoke(NAME, json!({})),
        lambda.invoke(NAME, json!({})),
        lambda.invoke(NAME, json!({}))
    );
    let counts = [one, two].map(|answer| response(answer.unwrap())["count"].clone());
    assert_eq!(counts, [1, 1], "one process each");
    assert_eq!(three, Err(Refused::AccountThrottled));
    drop(concurrency);
    for _ in 0..ACCOUNT_CONCURRENCY + 3 {
        lambda.invoke_async(NAME, json!({})).unwrap();
    }
    lambda.idle().await;
    assert_eq!(lambda.invocations().len(), 2 + ACCOUNT_CONCURRENCY + 3);
}

#[tokio::test]
async fn above_the_reserved_concurrency_events_wait_and_callers_are_throttled() {
    let (lambda, _) = start(Function {
        reserved_concurrency: Some(1),
        ..function()
    })
    .await;
    let name = "CodeDeployHook_greenlight_run-migration";
    for _ in 0..3 {
        lambda.invoke_async(name, json!({})).unwrap();
    }
    lambda.idle().await;
    let counts: Vec<Value> = lambda
        .invocations()
        .into_iter()
        .map(|i| response(i.answer)["count"].clone())
        .collect();
    assert_eq!(counts, [1, 2, 3]);
    let (first, second) = tokio::join!(
        lambda.invoke(name, json!({})),
        lambda.invoke(name, json!({}))
    );
    assert!(first.is_ok());
    assert_eq!(second, Err(Refused::Throttled));
}

#[tokio::test]
async fn a_function_sees_what_lambda_sets_and_nothing_else() {
    let (lambda, _) = start(function()).await;
    let environment = response(invoke(&lambda, json!({ "do": "environment" })).await);
    for (name, value) in [
        (
            "AWS_LAMBDA_FUNCTION_NAME",
            "CodeDeployHook_greenlight_run-migration",
        ),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        (
            "AWS_LAMBDA_LOG_GROUP_NAME",
            "/aws/lambda/CodeDeployHook_greenlight_run-migration",
        ),
        ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:4566"),
        ("AWS_ACCESS_KEY_ID", "GREENLIGHTRUNMIGRATION"),
    ] {
        assert_eq!(environment[name], value, "{name}");
    }
    assert!(
        environment.get("HOME").is_none() && environment.get("CARGO").is_none(),
        "{environment}"
    );

    let headers = response(invoke(&lambda, json!({ "do": "headers" })).await);
    assert_eq!(
        headers["lambda-runtime-invoked-function-arn"],
        "arn:aws:lambda:eu-central-1:111122223333:function:CodeDeployHook_greenlight_run-migration"
    );
    assert_eq!(
        headers["lambda-runtime-aws-request-id"],
        lambda.invocations()[1].request_id
    );
    assert!(
        headers["lambda-runtime-trace-id"]
            .as_str()
            .unwrap()
            .starts_with("Root=1-")
    );
    let deadline: u64 = headers["lambda-runtime-deadline-ms"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let deadline = SystemTime::UNIX_EPOCH + Duration::from_millis(deadline);
    let left = deadline.duration_since(lambda.inner.clock.now()).unwrap();
    assert!(
        left <= Duration::from_secs(60) && left > Duration::from_secs(30),
        "{left:?}"
    );
}

#[tokio::test]
async fn a_process_that_exits_is_an_error_and_the_next_invocation_gets_another() {
    let (lambda, _) = start(function()).await;
    let (error_type, error_message) = error(invoke(&lambda, json!({ "do": "exit" })).await);
    assert_eq!(error_type, "Runtime.ExitError");
    assert!(
        error_message.ends_with("Error: Runtime exited with error: exit status 3"),
        "{error_message}"
    );
    assert_eq!(response(invoke(&lambda, json!({})).await)["count"], 1);
}

#[tokio::test]
async fn a_function_that_cannot_start_reports_the_reason() {
    let mut function = function();
    function
        .environment
        .insert("TEST_FAILS_TO_START".to_owned(), "yes".to_owned());
    let (lambda, _) = start(function).await;
    let error = error(invoke(&lambda, json!({})).await);
    assert_eq!(
        error,
        (
            "Runtime.NoConfiguration".to_owned(),
            "`GREENLIGHT_CONFIG` is not set".to_owned()
        )
    );
}

#[tokio::test]
async fn a_function_that_hangs_is_killed_at_its_time_limit() {
    let (lambda, _) = start(Function {
        timeout: Duration::from_millis(250),
        ..function()
    })
    .await;
    let (error_type, error_message) = error(invoke(&lambda, json!({ "do": "hang" })).await);
    assert_eq!(error_type, "Sandbox.Timedout");
    assert!(
        error_message.ends_with("Error: Task timed out after 0.25 seconds"),
        "{error_message}"
    );
}

#[tokio::test]
async fn an_asynchronous_invocation_is_retried_after_one_and_two_minutes_and_becomes_a_dead_letter()
{
    let (lambda, clock) = start(function()).await;
    let before = clock.now();
    lambda
        .invoke_async(
            "CodeDeployHook_greenlight_run-migration",
            json!({ "do": "fail" }),
        )
        .unwrap();
    lambda.idle().await;
    let took = clock.now().duration_since(before).unwrap();
    assert!(
        took >= Duration::from_secs(180) && took < Duration::from_secs(240),
        "{took:?}"
    );
    let invocations = lambda.invocations();
    assert_eq!(invocations.len(), 3);
    assert!(
        invocations
            .iter()
            .all(|invocation| invocation.request_id == invocations[0].request_id)
    );
    let (queue, letter) = &lambda.dead_letters()[0];
    assert_eq!(queue, "FailedEvents");
    assert_eq!(letter["requestContext"]["condition"], "RetriesExhausted");
    assert_eq!(letter["requestContext"]["approximateInvokeCount"], 3);
    assert_eq!(letter["requestPayload"], json!({ "do": "fail" }));
    assert_eq!(letter["responseContext"]["functionError"], "Unhandled");
    assert_eq!(letter["responsePayload"]["errorType"], "AwsDenied");
}

#[tokio::test]
async fn an_event_that_is_too_old_is_not_retried() {
    let (lambda, _) = start(Function {
        maximum_event_age: Duration::from_secs(90),
        ..function()
    })
    .await;
    lambda
        .invoke_async(
            "CodeDeployHook_greenlight_run-migration",
            json!({ "do": "fail" }),
        )
        .unwrap();
    lambda.idle().await;
    assert_eq!(lambda.invocations().len(), 2);
    assert_eq!(
        lambda.dead_letters()[0].1["requestContext"]["condition"],
        "EventAgeExceeded"
    );
}

#[tokio::test]
async fn an_asynchronous_invocation_that_succeeds_is_over() {
    let (lambda, _) = start(function()).await;
    lambda
        .invoke_async("CodeDeployHook_greenlight_run-migration", json!({}))
        .unwrap();
    lambda.idle().await;
    assert_eq!(
        (lambda.invocations().len(), lambda.dead_letters().len()),
        (1, 0)
    );
    assert!(lambda.invoke_async("run-migration", json!({})).is_err());
}

#[tokio::test]
async fn a_function_is_found_by_name_and_by_arn() {
    let (lambda, _) = start(function()).await;
    let name = "CodeDeployHook_greenlight_run-migration";
    let arn = format!("arn:aws:lambda:eu-central-1:111122223333:function:{name}");
    for given in [
        name.to_owned(),
        format!("{name}:$LATEST"),
        arn.clone(),
        format!("{arn}:$LATEST"),
        format!("111122223333:function:{name}"),
        format!("111122223333:{name}"),
        format!("eu-central-1:111122223333:function:{name}:$LATEST"),
        format!("function:{name}"),
    ] {
        assert_eq!(lambda.find(&given).unwrap().name, name, "{given}");
    }
    for given in [
        "RunMigration".to_owned(),
        format!("{name}:live"),
        format!("{arn}:1"),
        arn.replace("111122223333", "999999999999"),
        arn.replace("eu-central-1", "us-east-1"),
        format!("{name}:$LATEST:$LATEST"),
    ] {
        assert!(lambda.find(&given).is_none(), "{given}");
    }
}

#[tokio::test]
async fn a_missing_binary_is_named() {
    let function = Function {
        binary: PathBuf::from("/nowhere/run-migration"),
        ..function()
    };
    let Err(error) = start_at(Clock::start(), function).await else {
        panic!("it started")
    };
    assert!(
        error
            .to_string()
            .ends_with("has no binary at `/nowhere/run-migration`"),
        "{error}"
    );
}

#[tokio::test]
async fn throttled_events_back_off_and_become_dead_letters_when_they_are_too_old() {
    let (lambda, clock) = start(Function {
        reserved_concurrency: Some(1),
        maximum_event_age: Duration::from_secs(60),
        ..function()
    })
    .await;
    // Another invocation uses the only slot for longer than an event may wait.
    let place = lambda.place(&function()).unwrap();
    let before = clock.now();
    lambda.invoke_async(NAME, json!({})).unwrap();
    lambda.idle().await;
    let took = clock.now().duration_since(before).unwrap();
    assert!(
        took >= Duration::from_secs(60) && took < Duration::from_secs(90),
        "{took:?}"
    );
    let (_, letter) = &lambda.dead_letters()[0];
    assert_eq!(letter["requestContext"]["condition"], "EventAgeExceeded");
    assert_eq!(letter["requestContext"]["approximateInvokeCount"], 0);
    assert_eq!(letter.get("responsePayload"), None);
    drop(place);
    lambda.invoke_async(NAME, json!({})).unwrap();
    lambda.idle().await;
    assert_eq!(lambda.invocations().len(), 1);
}

#[tokio::test]
async fn payloads_have_limits() {
    let (lambda, _) = start(function()).await;
    let event = |bytes: usize| json!("x".repeat(bytes - 2));
    let refused = lambda
        .invoke_async(NAME, event(LARGEST_EVENT + 1))
        .unwrap_err();
    assert_eq!(
        refused.to_string(),
        "1048577 byte payload is too large for the Event invocation type (limit 1048576 bytes)"
    );
    assert_eq!(lambda.invoke_async(NAME, event(LARGEST_EVENT)), Ok(()));
    let refused = lambda
        .invoke(NAME, event(LARGEST_REQUEST + 1))
        .await
        .unwrap_err();
    assert!(
        matches!(
            refused,
            Refused::TooLarge {
                limit: LARGEST_REQUEST,
                ..
            }
        ),
        "{refused}"
    );
    lambda.idle().await;
    let (error_type, _) = error(invoke(&lambda, json!({ "do": "say much" })).await);
    assert_eq!(error_type, "Function.ResponseSizeTooLarge");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_function_that_exceeds_its_memory_is_killed() {
    let (lambda, _) = start(function()).await;
    let (error_type, error_message) = error(invoke(&lambda, json!({ "do": "take memory" })).await);
    assert_eq!(error_type, "Runtime.OutOfMemory");
    assert!(
        error_message.ends_with("Runtime exited with error: signal: killed"),
        "{error_message}"
    );
    assert_eq!(response(invoke(&lambda, json!({})).await)["count"], 1);
}

#[tokio::test]
async fn lines_go_to_the_log_group_between_lambdas_lines() {
    for (log_format, begins, ends) in [
        (LogFormat::Text, "START RequestId: ", "REPORT RequestId: "),
        (LogFormat::Json, "{\"time\":", "{\"time\":"),
    ] {
        let (lambda, _) = start(Function {
            log_group: "/greenlight/hooks".to_owned(),
            log_format,
            ..function()
        })
        .await;
        let logs = lambda.inner.logs.clone();
        assert_eq!(logs.streams("/greenlight/hooks").unwrap().len(), 0);
        invoke(&lambda, json!({})).await;
        let stream = lambda.invocations()[0].log_stream.clone().unwrap();
        assert!(
            stream.contains("/CodeDeployHook_greenlight_run-migration[$LATEST]"),
            "{stream}"
        );
        let events = logs.streams("/greenlight/hooks").unwrap()[&stream].clone();
        let lines: Vec<&str> = events.iter().map(|event| event.message.as_str()).collect();
        let position = |part: &str| {
            lines
                .iter()
                .position(|line| line.starts_with(part))
                .unwrap()
        };
        let said = lines
            .iter()
            .position(|line| line.contains("the function starts"))
            .unwrap();
        let report = lines
            .iter()
            .rposition(|line| line.starts_with(ends))
            .unwrap();
        assert!(position(begins) < said && said < report, "{lines:#?}");
    }
}
