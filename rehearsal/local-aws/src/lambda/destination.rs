//! The record that an on-failure destination receives of an asynchronous invocation that failed permanently.

use std::time::SystemTime;

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::macros::format_description;

use crate::lambda::{Answer, Function};

/// Why an asynchronous invocation is not retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    RetriesExhausted,
    EventAgeExceeded,
}

impl Condition {
    fn as_str(self) -> &'static str {
        match self {
            Condition::RetriesExhausted => "RetriesExhausted",
            Condition::EventAgeExceeded => "EventAgeExceeded",
        }
    }
}

/// Builds the record. An event that was only ever throttled has no answer, so its record has no response; AWS documents
/// no example of this case.
pub(super) fn record(
    function: &Function,
    request_id: &str,
    payload: &Value,
    attempts: u32,
    condition: Condition,
    answer: Option<&Answer>,
    at: SystemTime,
) -> Value {
    let mut record = json!({
        "version": "1.0",
        "timestamp": timestamp(at),
        "requestContext": {
            "requestId": request_id,
            "functionArn": format!("{}:$LATEST", function.arn()),
            "condition": condition.as_str(),
            "approximateInvokeCount": attempts,
        },
        "requestPayload": payload,
    });
    let Some(answer) = answer else { return record };
    record["responseContext"] = json!({ "statusCode": 200, "executedVersion": "$LATEST" });
    match answer {
        Answer::Response(response) => record["responsePayload"] = response.clone(),
        Answer::Error {
            error_type,
            error_message,
        } => {
            record["responseContext"]["functionError"] = json!("Unhandled");
            record["responsePayload"] =
                json!({ "errorType": error_type, "errorMessage": error_message });
        }
    }
    record
}

fn timestamp(at: SystemTime) -> String {
    let format =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    OffsetDateTime::from(at).format(format).unwrap_or_default()
}
