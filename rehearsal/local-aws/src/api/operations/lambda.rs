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
use crate::api::validation::Violations;
use crate::iam::Permission;
use crate::identity::{ACCOUNT, REGION, arn};
use crate::lambda::name::{self, FunctionName};
use crate::lambda::{Answer, Function, Refused, role_of_external};

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
    let log_type = call.input.text("LogType")?;
    Violations::new("InvalidParameterValueException")
        .one_of("logType", log_type, &["None", "Tail"])
        .one_of(
            "invocationType",
            invocation_type,
            &["Event", "RequestResponse", "DryRun"],
        )
        .check()?;
    match invocation_type {
        Some("Event") => {
            let accepted = call.aws.lambda.invoke_async(&function.name, payload);
            accepted.map_err(refusal)?;
            Ok(nothing(202))
        }
        Some("DryRun") => Ok(nothing(204)),
        Some(_) | None => {
            let request_id = call.aws.ids.uuid();
            let answer = call
                .aws
                .lambda
                .invoke_as(&request_id, &function.name, payload)
                .await
                .map_err(refusal)?;
            let mut reply = answered(answer);
            if log_type == Some("Tail") {
                let tail = STANDARD.encode(log_tail(call, &function, &request_id));
                reply.headers.push(("x-amz-log-result", tail));
            }
            Ok(reply)
        }
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

/// The function that a request names, and its ARN, which ends with the qualifier if the request has one.
fn named_function(call: Call<'_>) -> Result<(Function, String), ApiError> {
    let given = call.input.required_text("FunctionName")?;
    let beside = call.input.text("Qualifier")?;
    let parsed = FunctionName::parse(given);
    Violations::new("ValidationException")
        .pattern("functionName", Some(given), name::PATTERN, |_| {
            parsed.is_some()
        })
        .length("qualifier", beside, 1, 128)
        .check()?;
    let Some(named) = parsed else {
        return Err(call.input.missing("FunctionName"));
    };
    if let Some(region) = named.region.filter(|region| *region != REGION) {
        return Err(not_reachable(region, REGION));
    }
    if named.account.is_some_and(|account| account != ACCOUNT) {
        return Err(of_another_account(call, given));
    }
    let qualifier = match (named.qualifier, beside) {
        (Some(within), Some(beside)) if within != beside => {
            let message = "The derived qualifier from the function name does not match the specified qualifier.";
            return Err(ApiError::new("InvalidParameterValueException", message)
                .with_member("Type", json!("User")));
        }
        (within, beside) => within.or(beside),
    };
    let suffix = qualifier.map_or_else(String::new, |qualifier| format!(":{qualifier}"));
    let arn = arn("lambda", &format!("function:{}{suffix}", named.name));
    let found = call.aws.lambda.find(named.name);
    // There are no versions and no aliases.
    let found = found.filter(|_| qualifier.is_none_or(|qualifier| qualifier == "$LATEST"));
    match found {
        Some(function) => Ok((function, arn)),
        None => Err(refusal(Refused::NoSuchFunction(arn))),
    }
}

fn function(call: Call<'_>) -> Result<Function, ApiError> {
    named_function(call).map(|(function, _)| function)
}

/// Lambda looks for a function in the Region that is asked only.
pub(in crate::api) fn not_reachable(region: &str, asked: &str) -> ApiError {
    let message = format!("Functions from '{region}' are not reachable in this region ('{asked}')");
    ApiError::new("ResourceNotFoundException", message)
        .with_status(404)
        .with_member("Type", json!("User"))
}

/// Nothing here belongs to another account, so nothing of another account allows the caller anything.
fn of_another_account(call: Call<'_>, function: &str) -> ApiError {
    let action = match call.operation {
        "Invoke" => "InvokeFunction",
        operation => operation,
    };
    let message = format!(
        "User is not authorized to perform: lambda:{action} on resource: {function} because no resource-based policy \
         allows the lambda:{action} action"
    );
    ApiError::new("AccessDeniedException", message).with_status(403)
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

fn get_function(call: Call<'_>) -> Result<Value, ApiError> {
    let (function, arn) = named_function(call)?;
    let mut answer = json!({
        "Configuration": describe(call, &function, &arn),
        // On AWS the location is a link to download the code, of which there is none here.
        "Code": { "RepositoryType": "S3" },
    });
    if let Some(limit) = function.reserved_concurrency {
        answer["Concurrency"] = json!({ "ReservedConcurrentExecutions": limit });
    }
    Ok(answer)
}

fn get_function_configuration(call: Call<'_>) -> Result<Value, ApiError> {
    named_function(call).map(|(function, arn)| describe(call, &function, &arn))
}

fn list_functions(call: Call<'_>) -> Result<Value, ApiError> {
    let most = call.input.integer("MaxItems")?;
    Violations::new("InvalidParameterValueException")
        .range("maxItems", most, 1, 10_000)
        .check()?;
    let size = most.and_then(|most| usize::try_from(most).ok());
    let size = size.unwrap_or(50).min(50);
    let functions = call.aws.lambda.functions();
    let part = page(functions, size, call.input.text("Marker")?)
        .map_err(|_| ApiError::new("InvalidParameterValueException", "Invalid marker"))?;
    let described: Vec<Value> = part
        .items
        .iter()
        .map(|f| describe(call, f, &f.arn()))
        .collect();
    let mut answer = json!({ "Functions": described });
    if let Some(marker) = part.next_token {
        answer["NextMarker"] = json!(marker);
    }
    Ok(answer)
}

/// The function's configuration, as far as the template is read.
fn describe(call: Call<'_>, function: &Function, arn: &str) -> Value {
    let role = call.aws.iam.role_arn(&function.binary_name);
    let role = role.unwrap_or_else(|| role_of_external(&function.name));
    json!({
        "FunctionName": function.name,
        "FunctionArn": arn,
        "Runtime": "provided.al2023",
        "Role": role,
        "Handler": "bootstrap",
        "Timeout": function.timeout.as_secs(),
        "MemorySize": function.memory_megabytes,
        "Version": "$LATEST",
        "Environment": { "Variables": function.environment },
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "PackageType": "Zip",
        "EphemeralStorage": { "Size": 512 },
        "SnapStart": { "ApplyOn": "None", "OptimizationStatus": "Off" },
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
