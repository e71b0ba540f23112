//! What triggers the functions: events of AWS, and requests of people, as they come over the wire.
//!
//! A function takes any JSON and parses it here, so that what cannot be read fails with a name and a path. AWS adds
//! fields to its events: unknown ones are left alone. In requests, which are ours, an unknown field is a typing mistake.
//!
//! Envelopes are those of `aws_lambda_events`; what is inside is ours, where that crate is stricter than AWS: a state that
//! AWS adds tomorrow has to be read.

mod gate;
mod hook;
mod object;
mod origin;
mod service;
mod start;
mod state_change;
mod task;

use aws_lambda_events::eventbridge::EventBridgeEvent;
use object::Object;
use serde::de::DeserializeOwned;
use serde_json::Value;
use time::UtcDateTime;

use crate::names::shortened;
use crate::sanitize::line;

pub use gate::GateCall;
pub use hook::{CodeDeployCall, EcsCall, HookCall};
pub use origin::{Origin, other_account};
pub use service::{Announced, Claim, Pause, ServiceChange};
pub use start::{Request, StartEvent, Subject, Wanted, Way};
pub use state_change::{DeploymentState, StateChange};
pub use task::{FinishEvent, RollingEvent, TaskChanged, TimedOut};

/// An event that cannot be read: where, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot read the event at `{path}`: {reason}")]
pub struct UnreadableEvent {
    /// The path in the event; `.` is the event itself.
    pub path: String,
    /// What is there and what was expected.
    pub reason: String,
}

impl UnreadableEvent {
    fn new(path: &str, reason: &str) -> Self {
        Self {
            path: line(path),
            reason: line(reason),
        }
    }
}

fn read<T: DeserializeOwned>(event: &Value) -> Result<T, UnreadableEvent> {
    let read: Result<Object<T>, _> = serde_path_to_error::deserialize(event);
    read.map(|Object(read)| read).map_err(|error| {
        let (path, reason) = (error.path().to_string(), error.inner().to_string());
        let reason = if NOT_SHOWN.iter().any(|part| path.contains(part)) {
            "not what is expected there; the value is not shown".to_owned()
        } else {
            reason
        };
        UnreadableEvent::new(&path, &reason)
    })
}

/// What the refusal of an event must not repeat: environment values, and what answers a hook.
const NOT_SHOWN: [&str; 3] = ["environment", "ExecutionId", "execution_id"];

impl UnreadableEvent {
    /// The same, seen from the object around the one that was read.
    fn below(self, field: &str) -> Self {
        let path = if self.path == "." {
            field.to_owned()
        } else {
            format!("{field}.{}", self.path)
        };
        Self {
            path,
            reason: self.reason,
        }
    }
}

/// Whether this is an event of EventBridge; a request of a person or a schedule's input is something else.
fn is_from_event_bridge(event: &Value) -> bool {
    let is_text = |field| event.get(field).is_some_and(Value::is_string);
    is_text("source") && is_text("detail-type")
}

/// An event of EventBridge. A schedule's has an empty detail, and one that a person sends may have none.
type Envelope = EventBridgeEvent<Option<Value>>;

/// The envelope of an event.
fn envelope(event: &Value) -> Result<Envelope, UnreadableEvent> {
    read(event).map_err(|error| match event["time"].as_str() {
        Some(given) if error.path == "time" => {
            let given = shortened(given);
            let reason = format!("`{given}` is not a time such as `2026-10-14T09:21:47Z`");
            UnreadableEvent::new("time", &reason)
        }
        _ => error,
    })
}

/// What an event is about: the part that its source defines.
fn detail<T: DeserializeOwned>(event: &Envelope) -> Result<T, UnreadableEvent> {
    let detail = event.detail.as_ref().unwrap_or(&Value::Null);
    read(detail).map_err(|error| error.below("detail"))
}

/// When an event happened.
fn time_of(event: &Envelope) -> Result<UtcDateTime, UnreadableEvent> {
    let time = event.time.and_then(|time| {
        let whole = UtcDateTime::from_unix_timestamp(time.timestamp()).ok()?;
        whole.replace_nanosecond(time.timestamp_subsec_nanos()).ok()
    });
    time.ok_or_else(|| {
        UnreadableEvent::new(
            "time",
            "missing, expected a time such as `2026-10-14T09:21:47Z`",
        )
    })
}

#[cfg(test)]
mod tests;
