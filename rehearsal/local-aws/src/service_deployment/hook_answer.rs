//! What a Lambda hook answered, and what the next call of it is told.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::assumption::{Assumption, Assumptions};

/// Without `callBackDelay` a hook in progress is called again after this.
const USUAL_DELAY: Duration = Duration::from_secs(30);
/// The limits of `callBackDelay`, if there are any.
const LIMITS: (f64, f64) = (1.0, 900.0);

/// A hook's answer.
#[derive(Debug, Clone, PartialEq)]
pub enum HookAnswer {
    Succeeded,
    Failed,
    InProgress {
        call_back: Duration,
        /// Merged into the details of the next call.
        details: Option<Map<String, Value>>,
    },
}

impl HookAnswer {
    /// `hookStatus`.
    pub fn as_str(&self) -> &'static str {
        match self {
            HookAnswer::Succeeded => "SUCCEEDED",
            HookAnswer::Failed => "FAILED",
            HookAnswer::InProgress { .. } => "IN_PROGRESS",
        }
    }

    /// Reads a function's response; the error says why ECS cannot parse it.
    pub fn parse(response: &Value, assumptions: &Assumptions) -> Result<HookAnswer, String> {
        match &response["hookStatus"] {
            Value::Null => Err("HookStatus must not be null".to_owned()),
            Value::String(status) => match status.as_str() {
                "SUCCEEDED" => Ok(HookAnswer::Succeeded),
                "FAILED" => Ok(HookAnswer::Failed),
                "IN_PROGRESS" => Ok(HookAnswer::InProgress {
                    call_back: call_back(&response["callBackDelay"], assumptions)?,
                    details: response["hookDetails"].as_object().cloned(),
                }),
                other => Err(format!("{other} is not a valid HookStatus")),
            },
            other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                Err(format!("{other} is not a valid HookStatus"))
            }
        }
    }
}

/// No limits of `callBackDelay` are documented, nor whether it may be a fraction.
fn call_back(given: &Value, assumptions: &Assumptions) -> Result<Duration, String> {
    if given.is_null() {
        return Ok(USUAL_DELAY);
    }
    let seconds = given.as_f64().filter(|seconds| *seconds >= 0.0);
    let seconds = seconds.ok_or_else(|| format!("{given} is not a valid CallBackDelay"))?;
    let taken = if assumptions.hold(Assumption::CallBackDelayIsClamped) {
        seconds.ceil().clamp(LIMITS.0, LIMITS.1)
    } else {
        seconds
    };
    Duration::try_from_secs_f64(taken).map_err(|_| format!("{given} is not a valid CallBackDelay"))
}

/// The details of the next call: those of the last one, with what was answered in place of the members that it names. What
/// is not an object cannot be merged, and gives way.
pub fn merged(before: Option<Value>, answered: Option<Map<String, Value>>) -> Option<Value> {
    match (before, answered) {
        (before, None) => before,
        (Some(Value::Object(mut before)), Some(answered)) => {
            before.extend(answered);
            Some(Value::Object(before))
        }
        (_, Some(answered)) => Some(Value::Object(answered)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(response: Value, assumed: &[Assumption]) -> String {
        let assumptions = assumed.iter().copied().collect();
        match HookAnswer::parse(&response, &assumptions) {
            Ok(HookAnswer::InProgress { call_back, .. }) => {
                format!("again after {}", call_back.as_secs_f64())
            }
            Ok(answer) => answer.as_str().to_owned(),
            Err(reason) => reason,
        }
    }

    #[test]
    fn answers_are_read_strictly() {
        for (response, expected) in [
            (json!({ "hookStatus": "SUCCEEDED" }), "SUCCEEDED"),
            (json!({ "hookStatus": "FAILED", "reason": "no" }), "FAILED"),
            (json!({ "hookStatus": "IN_PROGRESS" }), "again after 30"),
            (
                json!({ "hookStatus": "IN_PROGRESS", "callBackDelay": 5 }),
                "again after 5",
            ),
            (
                json!({ "hookStatus": "IN_PROGRESS", "callBackDelay": 0 }),
                "again after 0",
            ),
            (
                json!({ "hookStatus": "IN_PROGRESS", "callBackDelay": 0.5 }),
                "again after 0.5",
            ),
            (
                json!({ "hookStatus": "IN_PROGRESS", "callBackDelay": 7200 }),
                "again after 7200",
            ),
            (
                json!({ "hookStatus": "IN_PROGRESS", "callBackDelay": -1 }),
                "-1 is not a valid CallBackDelay",
            ),
            (
                json!({ "hookStatus": "succeeded" }),
                "succeeded is not a valid HookStatus",
            ),
            (
                json!({ "hookStatus": true }),
                "true is not a valid HookStatus",
            ),
            (
                json!({ "HookStatus": "SUCCEEDED" }),
                "HookStatus must not be null",
            ),
            (json!({}), "HookStatus must not be null"),
            (json!(null), "HookStatus must not be null"),
            (json!("SUCCEEDED"), "HookStatus must not be null"),
        ] {
            assert_eq!(read(response.clone(), &[]), expected, "{response}");
        }
    }

    #[test]
    fn a_delay_is_taken_as_given_or_clamped() {
        let delay =
            |seconds: Value| json!({ "hookStatus": "IN_PROGRESS", "callBackDelay": seconds });
        for (seconds, taken, clamped) in [
            (json!(0), "0", "1"),
            (json!(0.5), "0.5", "1"),
            (json!(60), "60", "60"),
            (json!(7200), "7200", "900"),
        ] {
            let assumed = [Assumption::CallBackDelayIsClamped];
            assert_eq!(
                read(delay(seconds.clone()), &[]),
                format!("again after {taken}")
            );
            assert_eq!(
                read(delay(seconds), &assumed),
                format!("again after {clamped}")
            );
        }
    }

    #[test]
    fn details_of_an_answer_are_merged_into_the_next_call() {
        let object = |value: Value| value.as_object().cloned();
        for (before, answered, expected) in [
            (None, json!(null), None),
            (None, json!({ "a": 1 }), Some(json!({ "a": 1 }))),
            (
                Some(json!({ "a": 1, "b": 2 })),
                json!({ "a": 3 }),
                Some(json!({ "a": 3, "b": 2 })),
            ),
            (
                Some(json!({ "a": 1 })),
                json!(null),
                Some(json!({ "a": 1 })),
            ),
            (
                Some(json!(true)),
                json!({ "a": 1 }),
                Some(json!({ "a": 1 })),
            ),
            (Some(json!("text")), json!(null), Some(json!("text"))),
        ] {
            assert_eq!(merged(before, object(answered)), expected);
        }
    }
}
