//! The order of a deployment: its lifecycle events, and CodeDeploy's actions and waits between them.

use super::ReadyOption;
use super::lifecycle::LifecycleEvent;
use std::time::Duration;

/// A part of a deployment; the phases run one after another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Event(LifecycleEvent),
    /// The deployment is `Ready`, and ends unless it is continued in time.
    ReadyWait(Duration),
    /// UpdateServicePrimaryTaskSet.
    MakeGreenPrimary,
    /// The termination wait, then the deletion of blue.
    TerminateBlue,
}

/// When green becomes PRIMARY; AWS's behaviour is not confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrimaryChange {
    AfterAllowTraffic,
    AfterTheLastEvent,
}

/// Returns all phases, in order. The position of the ready wait is inferred: BeforeAllowTraffic is the first event of
/// rerouting production.
pub fn phases(events: &[LifecycleEvent], ready: ReadyOption, primary: PrimaryChange) -> Vec<Phase> {
    let mut phases = Vec::new();
    for &event in events {
        if let (LifecycleEvent::BeforeAllowTraffic, ReadyOption::StopDeployment { wait }) =
            (event, ready)
        {
            phases.push(Phase::ReadyWait(wait));
        }
        phases.push(Phase::Event(event));
        let changes_primary = match primary {
            PrimaryChange::AfterAllowTraffic => event == LifecycleEvent::AllowTraffic,
            PrimaryChange::AfterTheLastEvent => event == LifecycleEvent::AfterAllowTraffic,
        };
        if changes_primary {
            phases.push(Phase::MakeGreenPrimary);
        }
    }
    phases.push(Phase::TerminateBlue);
    phases
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codedeploy::lifecycle::events;

    fn check(test_listener: Option<&str>, ready: ReadyOption, primary: PrimaryChange) -> String {
        let name = |phase: Phase| match phase {
            Phase::Event(event) => event.as_str().to_owned(),
            Phase::ReadyWait(wait) => format!("[ready {}m]", wait.as_secs() / 60),
            Phase::MakeGreenPrimary => "[primary]".to_owned(),
            Phase::TerminateBlue => "[blue]".to_owned(),
        };
        let all = phases(&events(test_listener), ready, primary);
        all.into_iter().map(name).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_order_of_every_kind_of_deployment() {
        let wait = Duration::from_secs(600);
        let cases = [
            (
                Some("test"),
                ReadyOption::ContinueDeployment,
                PrimaryChange::AfterAllowTraffic,
                "BeforeInstall Install AfterInstall AllowTestTraffic AfterAllowTestTraffic BeforeAllowTraffic \
                 AllowTraffic [primary] AfterAllowTraffic [blue]",
            ),
            (
                Some("test"),
                ReadyOption::StopDeployment { wait },
                PrimaryChange::AfterTheLastEvent,
                "BeforeInstall Install AfterInstall AllowTestTraffic AfterAllowTestTraffic [ready 10m] \
                 BeforeAllowTraffic AllowTraffic AfterAllowTraffic [primary] [blue]",
            ),
            (
                None,
                ReadyOption::StopDeployment { wait },
                PrimaryChange::AfterAllowTraffic,
                "BeforeInstall Install AfterInstall [ready 10m] BeforeAllowTraffic AllowTraffic [primary] \
                 AfterAllowTraffic [blue]",
            ),
        ];
        for (test_listener, ready, primary, wanted) in cases {
            assert_eq!(check(test_listener, ready, primary), wanted);
        }
    }
}
