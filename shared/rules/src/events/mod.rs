//! What wakes the functions: events of AWS, and requests of people, as they come over the wire.
//!
//! A function takes any JSON and parses it here, so that what cannot be read fails with a name and a path. AWS adds
//! fields to its events: unknown ones are left alone. In requests, which are ours, an unknown field is a typing mistake.

mod hook;
mod object;
mod start;
mod state_change;
mod task;

use object::Object;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::names::{TopicArn, shortened};
use crate::sanitize::line;

pub use hook::HookCall;
pub(crate) use start::is_image;
pub use start::{Request, StartEvent, Wanted, Way};
pub use state_change::{DeploymentState, StateChange};
pub use task::{FinishEvent, TaskChanged, TimedOut};

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

/// `source` and `detail-type` of an EventBridge event; none when it is something else.
fn envelope(event: &Value) -> Option<(&str, &str)> {
    Some((
        event.get("source")?.as_str()?,
        event.get("detail-type")?.as_str()?,
    ))
}

/// Why an event is none of this account and Region; none where it is, or where it names neither. A bus may be fed from
/// other accounts and Regions, and what happens there concerns nobody here.
pub fn elsewhere(event: &Value, topic: &TopicArn) -> Option<String> {
    let mut parts = topic.as_str().split(':').skip(3);
    let (region, account) = (parts.next()?, parts.next()?);
    envelope(event)?;
    let other = |field: &str, here: &str| {
        let there = event.get(field)?.as_str()?;
        (there != here).then(|| {
            format!(
                "an event of the {field} `{}`, not `{here}`",
                shortened(there)
            )
        })
    };
    other("account", account).or_else(|| other("region", region))
}

mod moment {
    //! RFC 3339, as EventBridge writes it.

    use serde::{Deserialize, Deserializer, de::Error};
    use time::format_description::well_known::Rfc3339;
    use time::{OffsetDateTime, UtcDateTime};

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<UtcDateTime, D::Error> {
        let text = String::deserialize(deserializer)?;
        let refused = |_| {
            D::Error::custom(format!(
                "`{text}` is not a time such as `2026-10-14T09:21:47Z`"
            ))
        };
        OffsetDateTime::parse(&text, &Rfc3339)
            .map(OffsetDateTime::to_utc)
            .map_err(refused)
    }
}

#[cfg(test)]
mod tests;
