//! The lifecycle events of an ECS deployment, and the status of the remaining ones after a failure.

/// In the order in which they run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LifecycleEvent {
    BeforeInstall,
    Install,
    AfterInstall,
    AllowTestTraffic,
    AfterAllowTestTraffic,
    BeforeAllowTraffic,
    AllowTraffic,
    AfterAllowTraffic,
}

use LifecycleEvent as Event;

const ALL: [Event; 8] = [
    Event::BeforeInstall,
    Event::Install,
    Event::AfterInstall,
    Event::AllowTestTraffic,
    Event::AfterAllowTestTraffic,
    Event::BeforeAllowTraffic,
    Event::AllowTraffic,
    Event::AfterAllowTraffic,
];

impl LifecycleEvent {
    pub fn as_str(self) -> &'static str {
        match self {
            Event::BeforeInstall => "BeforeInstall",
            Event::Install => "Install",
            Event::AfterInstall => "AfterInstall",
            Event::AllowTestTraffic => "AllowTestTraffic",
            Event::AfterAllowTestTraffic => "AfterAllowTestTraffic",
            Event::BeforeAllowTraffic => "BeforeAllowTraffic",
            Event::AllowTraffic => "AllowTraffic",
            Event::AfterAllowTraffic => "AfterAllowTraffic",
        }
    }

    /// The event with this name, if it can have a hook.
    pub fn hook(name: &str) -> Option<LifecycleEvent> {
        ALL.into_iter()
            .filter(|event| event.takes_hook())
            .find(|event| event.as_str() == name)
    }

    fn takes_hook(self) -> bool {
        match self {
            Event::Install | Event::AllowTestTraffic | Event::AllowTraffic => false,
            Event::BeforeInstall
            | Event::AfterInstall
            | Event::AfterAllowTestTraffic
            | Event::BeforeAllowTraffic
            | Event::AfterAllowTraffic => true,
        }
    }

    fn needs_test_listener(self) -> bool {
        matches!(self, Event::AllowTestTraffic | Event::AfterAllowTestTraffic)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventStatus {
    Pending,
    InProgress,
    Succeeded,
    Failed,
    Skipped,
}

impl EventStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            EventStatus::Pending => "Pending",
            EventStatus::InProgress => "InProgress",
            EventStatus::Succeeded => "Succeeded",
            EventStatus::Failed => "Failed",
            EventStatus::Skipped => "Skipped",
        }
    }

    /// The event's status once its deployment has failed or was stopped.
    pub fn after_failure(self) -> EventStatus {
        match self {
            EventStatus::Pending => EventStatus::Skipped,
            EventStatus::InProgress => EventStatus::Failed,
            EventStatus::Succeeded | EventStatus::Failed | EventStatus::Skipped => self,
        }
    }
}

/// The events of a deployment: eight with a test listener, six without.
pub fn events(test_listener: Option<&str>) -> Vec<LifecycleEvent> {
    ALL.into_iter()
        .filter(|event| test_listener.is_some() || !event.needs_test_listener())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_events_or_six() {
        assert_eq!(events(Some("listener")), ALL);
        let names: Vec<_> = events(None)
            .into_iter()
            .map(LifecycleEvent::as_str)
            .collect();
        let six = [
            "BeforeInstall",
            "Install",
            "AfterInstall",
            "BeforeAllowTraffic",
            "AllowTraffic",
            "AfterAllowTraffic",
        ];
        assert_eq!(names, six);
    }

    #[test]
    fn five_events_take_hooks() {
        let hooks: Vec<_> = ALL
            .into_iter()
            .filter(|event| LifecycleEvent::hook(event.as_str()).is_some())
            .collect();
        assert_eq!(hooks.len(), 5);
        assert_eq!(LifecycleEvent::hook("AllowTraffic"), None);
        assert_eq!(LifecycleEvent::hook("ApplicationStart"), None);
    }

    #[test]
    fn no_event_is_pending_after_a_failure() {
        use EventStatus::{Failed, InProgress, Pending, Skipped, Succeeded};
        let pairs = [
            (Pending, Skipped),
            (InProgress, Failed),
            (Succeeded, Succeeded),
            (Failed, Failed),
            (Skipped, Skipped),
        ];
        for (before, after) in pairs {
            assert_eq!(before.after_failure(), after);
        }
    }
}
