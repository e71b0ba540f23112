//! Claims that several scenarios share.

mod always;
mod deployments;
mod messages;
mod service_deployments;
mod traffic;

pub use always::{nothing_broke, permitted, permitted_without, production_answered, sound};
pub use deployments::{
    LIFECYCLE_EVENTS, all_succeeded, called_alone, ended, failed, migrated_before_test_traffic,
    of_pushes, pinned_in, started, taken_back,
};
pub use messages::{
    bus_events, events_come_twice, is_about_an_image, message_says, messages, once,
};
pub use service_deployments::{
    AFTER_ROLLING_UPDATE, STAGES, ended_at, ended_because, engines, hook_answered,
    is_lifecycle_event, pauses, shares,
};
pub use traffic::{only_blue, shifted};

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
