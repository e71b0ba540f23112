//! Whether CodeDeploy waits for a hook. A call of the hook only names a deployment, and anybody who may invoke the function
//! can make one.

use super::{DeploymentTarget, LifecycleEvent, LifecycleEventStatus};
use crate::gate::Gate;

/// The lifecycle event whose hook migrates.
pub const AFTER_INSTALL: &str = "AfterInstall";
/// The lifecycle event in which CodeDeploy points the test listener at green.
pub const ALLOW_TEST_TRAFFIC: &str = "AllowTestTraffic";
/// The lifecycle event in which CodeDeploy sends production to green.
pub const ALLOW_TRAFFIC: &str = "AllowTraffic";
/// The lifecycle event whose hook checks green through the test listener.
pub const AFTER_ALLOW_TEST_TRAFFIC: &str = "AfterAllowTestTraffic";

/// The lifecycle event whose hook checks green through the production listener. Blue still lives, so a failure goes back at
/// once.
pub const AFTER_ALLOW_TRAFFIC: &str = "AfterAllowTraffic";

/// The lifecycle event whose hook is this gate.
pub fn event_of(gate: Gate) -> &'static str {
    match gate {
        Gate::Migration => AFTER_INSTALL,
        Gate::TestTraffic => AFTER_ALLOW_TEST_TRAFFIC,
        Gate::ProductionTraffic => AFTER_ALLOW_TRAFFIC,
    }
}

/// How far a lifecycle event is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// CodeDeploy waits for the hook's answer.
    Waits(LifecycleEvent),
    /// The event has not begun, or CodeDeploy does not know; the sentence says which.
    NotYet(String),
    /// The event is over: whatever the answer is, it comes too late.
    NoMore(String),
}

/// How far the lifecycle event of this name is.
pub fn stage(target: Option<DeploymentTarget>, name: &str) -> Stage {
    let event = target.and_then(|target| {
        let mut events = target.lifecycle_events.into_iter();
        events.find(|event| event.name == name)
    });
    let Some(event) = event else {
        return Stage::NotYet(format!("`{name}` has not begun"));
    };
    let status = event.status;
    let says = format!("`{name}` is `{}`, not `InProgress`", status.as_str());
    match status {
        LifecycleEventStatus::InProgress => Stage::Waits(event),
        LifecycleEventStatus::Pending | LifecycleEventStatus::Unknown => Stage::NotYet(says),
        LifecycleEventStatus::Succeeded
        | LifecycleEventStatus::Failed
        | LifecycleEventStatus::Skipped => Stage::NoMore(says),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hook_is_waited_for_while_its_own_lifecycle_event_is_in_progress() {
        use LifecycleEventStatus::{Failed, InProgress, Pending, Skipped, Succeeded, Unknown};
        let event = |name: &str, status| LifecycleEvent {
            name: name.to_owned(),
            status,
            started_at: None,
            ended_at: None,
            message: None,
        };
        for name in [AFTER_INSTALL, AFTER_ALLOW_TEST_TRAFFIC, AFTER_ALLOW_TRAFFIC] {
            for (status, expected) in [
                (InProgress, "now".to_owned()),
                (
                    Pending,
                    format!("not yet: `{name}` is `Pending`, not `InProgress`"),
                ),
                (
                    Unknown,
                    format!("not yet: `{name}` is `Unknown`, not `InProgress`"),
                ),
                (
                    Succeeded,
                    format!("no more: `{name}` is `Succeeded`, not `InProgress`"),
                ),
                (
                    Failed,
                    format!("no more: `{name}` is `Failed`, not `InProgress`"),
                ),
                (
                    Skipped,
                    format!("no more: `{name}` is `Skipped`, not `InProgress`"),
                ),
            ] {
                // Another hook that waits does not make this one wait.
                let lifecycle_events =
                    vec![event("BeforeAllowTraffic", InProgress), event(name, status)];
                let found = match stage(Some(DeploymentTarget { lifecycle_events }), name) {
                    Stage::Waits(found) => {
                        assert_eq!(found.name, name);
                        "now".to_owned()
                    }
                    Stage::NotYet(why) => format!("not yet: {why}"),
                    Stage::NoMore(why) => format!("no more: {why}"),
                };
                assert_eq!(found, expected);
            }
            let lifecycle_events = vec![event("BeforeAllowTraffic", InProgress)];
            for elsewhere in [None, Some(DeploymentTarget { lifecycle_events })] {
                let why = format!("`{name}` has not begun");
                assert_eq!(stage(elsewhere, name), Stage::NotYet(why));
            }
        }
    }
}
