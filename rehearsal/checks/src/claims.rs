//! Claims that several scenarios share.

mod always;
mod answers;
mod deployments;
mod messages;
mod parameters;
mod service_deployments;
mod traffic;

pub use always::{nothing_broke, permitted, permitted_without, production_answered, sound};
pub use answers::{
    aws_answered, called, called_after, hooks_of_the_rollback, invocations_say, told_after,
};
pub use deployments::{
    LIFECYCLE_EVENTS, all_succeeded, called_alone, ended, failed, migrated_before_test_traffic,
    of_pushes, pinned_in, started, taken_back,
};
pub use messages::{
    bus_events, events_come_twice, is_about_an_image, message_says, messages, once,
};
pub use parameters::parameter_was;
pub use service_deployments::{
    AFTER_ROLLING_UPDATE, STAGES, ended_at, ended_because, engines, hook_answered,
    is_lifecycle_event, pauses, shares,
};
pub use traffic::{only_blue, shifted};

use record::{Deployment, Record};

/// The result of a check: the finding, if the claim does not hold.
pub fn expect(holds: bool, found: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(found()) }
}

/// Holds if nothing was found.
fn none(found: Vec<String>, what: &str) -> Result<(), String> {
    expect(found.is_empty(), || {
        format!("{} {what}: {}", found.len(), list(&found))
    })
}

fn first(failures: &[String]) -> &str {
    failures.first().map_or("", String::as_str)
}

/// Joins items as a sentence does.
pub fn list(items: &[impl AsRef<str>]) -> String {
    let items: Vec<&str> = items.iter().map(AsRef::as_ref).collect();
    if items.is_empty() {
        "none".to_owned()
    } else {
        items.join(", ")
    }
}

fn numbered(record: &Record, number: usize) -> Result<&Deployment, String> {
    let deployment = number
        .checked_sub(1)
        .and_then(|at| record.deployments.get(at));
    deployment.ok_or_else(|| "there was no such deployment".to_owned())
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}
