//! Lambda's operations.

use axum::body::Bytes;
use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::FutureExt as _;
use serde_json::{Map, Value, json};

use crate::api::error::ApiError;
use crate::api::operation::{Call, Operation, Outcome, Reply};
use crate::api::page::page;
use crate::api::permission::{full_arn, no_resource};
use crate::iam::Permission;
use crate::identity::{ACCOUNT, arn};
use crate::lambda::{Answer, Function, Refused};

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("GetFunction", get_function, on_function)
        .route("GET", "/2015-03-31/functions/{FunctionName}"),
    Operation::new(
        "GetFunctionConfiguration",
        get_function_configuration,
        on_function,
    )
    .route("GET", "/2015-03-31/functions/{FunctionName}/configuration"),
    Operation::new_async("Invoke", |call| invoke(call).boxed(), may_invoke_function)
        .route_with_body(
            "POST",
            "/2015-03-31/functions/{FunctionName}/invocations",
            invocation,
        ),
    Operation::new("ListFunctions", list_functions, no_resource)
        .route("GET", "/2015-03-31/functions/"),
];

/// How many bytes of the log Invoke may return.
const LOG_TAIL: usize = 4096;

/// An invocation's payload is the whole body, and its type a header.
fn invocation(headers: &HeaderMap, body: &Bytes) -> Result<Map<String, Value>, ApiError> {
    let unreadable = |error| {
        ApiError::new(
            "InvalidRequestContentException",
            format!("Could not parse request body into json: {error}"),
        )
    };
    let payload = if body.is_empty() {
        json!({})
    } else {
        serde_json::from_slice(body).map_err(unreadable)?
    };
    let header = |name: &str| headers.get(name)?.to_str().ok();
    let kind = header("x-amz-invocation-type").unwrap_or("RequestResponse");
    let mut members = Map::from_iter([
        ("Payload".to_owned(), payload),
        ("InvocationType".to_owned(), json!(kind)),
    ]);
    if let Some(log_type) = header("x-amz-log-type") {
        members.insert("LogType".to_owned(), json!(log_type));
    }
    Ok(members)
}

async fn invoke(call: Call<'_>) -> Outcome {
    let function = function(call)?;
    let payload = call.input.value("Payload").cloned().unwrap_or(Value::Null);
    let invocation_type = call.input.text("InvocationType")?;
    let log_type = call.input.text("LogType")?.unwrap_or("None");
    if !matches!(log_type, "None" | "Tail") {
        return Err(not_one_of(log_type, "logType", "[None, Tail]"));
    }
    match invocation_type.unwrap_or("RequestResponse") {
        "Event" => {
            let accepted = call.aws.lambda.invoke_async(&function.name, payload);
            accepted.map_err(refusal)?;
            Ok(nothing(202))
        }
        "DryRun" => Ok(nothing(204)),
        "RequestResponse" => {
            let request_id = call.aws.ids.uuid();
            let answer = call
                .aws
                .lambda
                .invoke_as(&request_id, &function.name, payload)
                .await
                .map_err(refusal)?;
            let mut reply = answered(answer);
            if log_type == "Tail" {
                let tail = STANDARD.encode(log_tail(call, &function, &request_id));
                reply.headers.push(("x-amz-log-result", tail));
            }
            Ok(reply)
        }
        other => Err(not_one_of(
            other,
            "invocationType",
            "[Event, RequestResponse, DryRun]",
        )),
    }
}

/// A function's error is an answer with HTTP 200; only a header marks it.
fn answered(answer: Answer) -> Reply {
    let mut headers = vec![("x-amz-executed-version", "$LATEST".to_owned())];
    let body = match answer {
        Answer::Response(body) => body,
        Answer::Error {
            error_type,
            error_message,
        } => {
            headers.push(("x-amz-function-error", "Unhandled".to_owned()));
            json!({ "errorType": error_type, "errorMessage": error_message })
        }
    };
    Reply {
        status: 200,
        body,
        headers,
    }
}

fn nothing(status: u16) -> Reply {
    Reply {
        status,
        body: Value::Null,
        headers: Vec::new(),
    }
}

/// Returns the end of the invocation's log.
fn log_tail(call: Call<'_>, function: &Function, request_id: &str) -> Vec<u8> {
    let invocations = call.aws.lambda.invocations();
    let invocation = invocations
        .iter()
        .find(|invocation| invocation.request_id == request_id);
    let stream = invocation.and_then(|invocation| invocation.log_stream.clone());
    let mut streams = call
        .aws
        .logs
        .streams(&function.log_group)
        .unwrap_or_default();
    let events = stream
        .and_then(|stream| streams.remove(&stream))
        .unwrap_or_default();
    let begins = events
        .iter()
        .position(|event| event.message.contains(request_id));
    let mut log = String::new();
    for event in &events[begins.unwrap_or(0)..] {
        log.push_str(&event.message);
        log.push('\n');
    }
    log.as_bytes()[log.len().saturating_sub(LOG_TAIL)..].to_vec()
}

/// The function that a request names, with a qualifier in the name or beside it.
fn function(call: Call<'_>) -> Result<Function, ApiError> {
    let name = call.input.required_text("FunctionName")?;
    let qualified = match call.input.text("Qualifier")? {
        Some("$LATEST") | None => name.to_owned(),
        Some(qualifier) => format!("{name}:{qualifier}"),
    };
    let missing = || {
        let named = match qualified.starts_with("arn:") {
            true => qualified.clone(),
            false => arn("lambda", &format!("function:{qualified}")),
        };
        refusal(Refused::NoSuchFunction(named))
    };
    call.aws.lambda.find(&qualified).ok_or_else(missing)
}

fn refusal(refused: Refused) -> ApiError {
    let message = refused.to_string();
    let error = match refused {
        Refused::NoSuchFunction(_) => {
            ApiError::new("ResourceNotFoundException", message).with_status(404)
        }
        Refused::AccountThrottled => ApiError::new("TooManyRequestsException", message)
            .with_status(429)
            .with_member("Reason", json!("ConcurrentInvocationLimitExceeded")),
        Refused::Throttled => ApiError::new("TooManyRequestsException", message)
            .with_status(429)
            .with_member(
                "Reason",
                json!("ReservedFunctionConcurrentInvocationLimitExceeded"),
            ),
        Refused::TooLarge { .. } => {
            ApiError::new("RequestTooLargeException", message).with_status(413)
        }
    };
    error.with_member("Type", json!("User"))
}

fn not_one_of(value: &str, member: &str, values: &str) -> ApiError {
    let message = format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: Member must satisfy \
         enum value set: {values}"
    );
    ApiError::new("InvalidParameterValueException", message).with_member("Type", json!("User"))
}

fn get_function(call: Call<'_>) -> Result<Value, ApiError> {
    let function = function(call)?;
    let mut answer = json!({ "Configuration": describe(&function) });
    if let Some(limit) = function.reserved_concurrency {
        answer["Concurrency"] = json!({ "ReservedConcurrentExecutions": limit });
    }
    Ok(answer)
}

fn get_function_configuration(call: Call<'_>) -> Result<Value, ApiError> {
    function(call).map(|function| describe(&function))
}

fn list_functions(call: Call<'_>) -> Result<Value, ApiError> {
    let size = match call.input.integer("MaxItems")? {
        None => 50,
        Some(size @ 1..=10_000) => usize::try_from(size).unwrap_or(50).min(50),
        Some(size) => {
            let message = format!(
                "1 validation error detected: Value '{size}' at 'maxItems' failed to satisfy constraint: Member must \
                 have value between 1 and 10000"
            );
            return Err(ApiError::new("InvalidParameterValueException", message));
        }
    };
    let functions = call.aws.lambda.functions();
    let part = page(functions, size, call.input.text("Marker")?)
        .map_err(|_| ApiError::new("InvalidParameterValueException", "Invalid marker"))?;
    let described: Vec<Value> = part.items.iter().map(describe).collect();
    let mut answer = json!({ "Functions": described });
    if let Some(marker) = part.next_token {
        answer["NextMarker"] = json!(marker);
    }
    Ok(answer)
}

/// The function's configuration, as far as the template is read.
fn describe(function: &Function) -> Value {
    json!({
        "FunctionName": function.name,
        "FunctionArn": function.arn(),
        "Runtime": "provided.al2023",
        "Role": format!("arn:aws:iam::{ACCOUNT}:role/greenlight-{}", function.binary_name),
        "Handler": "bootstrap",
        "Timeout": function.timeout.as_secs(),
        "MemorySize": function.memory_megabytes,
        "Version": "$LATEST",
        "Environment": { "Variables": function.environment },
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "PackageType": "Zip",
        "LoggingConfig": {
            "LogFormat": function.log_format.as_str(),
            "LogGroup": function.log_group,
        },
    })
}

/// SAR, AWS Lambda: the function, with its qualifier if the request has one.
fn on_function(call: Call<'_>) -> Vec<Permission> {
    vec![call.on(named_function_arn(call))]
}

/// Invoke requires an action with a different name.
fn may_invoke_function(call: Call<'_>) -> Vec<Permission> {
    vec![Permission::new(
        "lambda:InvokeFunction",
        named_function_arn(call),
    )]
}

fn named_function_arn(call: Call<'_>) -> String {
    let function = full_arn("lambda", "function:", call.named_or_any("FunctionName"));
    match call.named("Qualifier") {
        Some(qualifier) => format!("{function}:{qualifier}"),
        None => function,
    }
}
