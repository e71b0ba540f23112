//! How a deployment ends, and whether another one rolls it back.

use std::time::Duration;

use super::{DeploymentStatus, StopRequest};

/// CodeDeploy's error code and message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub code: &'static str,
    pub message: String,
}

impl Failure {
    pub fn new(code: &'static str, message: impl Into<String>) -> Failure {
        Failure {
            code,
            message: message.into(),
        }
    }
}

/// What ended a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    Played,
    Failed(Failure),
    Stopped(StopRequest),
    /// The names of the alarms in ALARM.
    AlarmActive(Vec<String>),
    /// The ready wait timed out.
    NobodyContinued {
        limit: Duration,
        counts: Counts,
    },
}

/// How a deployment that was not continued counts for the automatic rollback; AWS's behaviour is not confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counts {
    AsNothing,
    AsFailed,
}

/// Whether the deployment has created a task set that a rollback could delete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Green {
    Made,
    NotMade,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conclusion {
    pub status: DeploymentStatus,
    pub error: Option<Failure>,
    pub roll_back: bool,
}

impl Conclusion {
    /// The name of the status in the state-change event.
    pub fn event_state(&self) -> &'static str {
        match self.status {
            DeploymentStatus::Succeeded => "SUCCESS",
            DeploymentStatus::Stopped => "STOP",
            DeploymentStatus::Failed
            | DeploymentStatus::Created
            | DeploymentStatus::InProgress
            | DeploymentStatus::Ready => "FAILURE",
        }
    }
}

/// `rollback_on` are the deployment's auto-rollback events.
pub fn conclude(ending: Ending, rollback_on: &[String], green: Green) -> Conclusion {
    let wanted = |event: &str| green == Green::Made && rollback_on.iter().any(|on| on == event);
    match ending {
        Ending::Played => Conclusion {
            status: DeploymentStatus::Succeeded,
            error: None,
            roll_back: false,
        },
        Ending::Failed(failure) => Conclusion {
            status: DeploymentStatus::Failed,
            error: Some(failure),
            roll_back: wanted("DEPLOYMENT_FAILURE"),
        },
        Ending::Stopped(request) => Conclusion {
            status: DeploymentStatus::Stopped,
            error: Some(Failure::new(
                "MANUAL_STOP",
                "The deployment was stopped by the user.",
            )),
            roll_back: match request.roll_back {
                Some(roll_back) => roll_back && green == Green::Made,
                None => wanted("DEPLOYMENT_STOP_ON_REQUEST"),
            },
        },
        Ending::AlarmActive(names) => Conclusion {
            status: DeploymentStatus::Stopped,
            error: Some(alarm_active(&names)),
            roll_back: wanted("DEPLOYMENT_STOP_ON_ALARM"),
        },
        Ending::NobodyContinued { limit, counts } => Conclusion {
            status: DeploymentStatus::Stopped,
            error: Some(nobody_continued(limit)),
            roll_back: match counts {
                // None of the three auto-rollback events covers it.
                Counts::AsNothing => false,
                Counts::AsFailed => wanted("DEPLOYMENT_FAILURE"),
            },
        },
    }
}

/// The wording is inferred; it was observed that the message names the alarm.
fn alarm_active(names: &[String]) -> Failure {
    let message = format!(
        "One or more alarms have been activated according to the Amazon CloudWatch metrics you selected, and the \
         affected deployments have been stopped. Activated alarms: {}",
        names.join(", ")
    );
    Failure::new("ALARM_ACTIVE", message)
}

/// The message is documented; the code is inferred.
fn nobody_continued(limit: Duration) -> Failure {
    let message = format!(
        "The deployment timed out while waiting for a notification to continue. This time out period is {} minutes.",
        limit.as_secs() / 60
    );
    Failure::new("TIMEOUT", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(ending: &Ending, rollback_on: &str, green: Green) -> (&'static str, bool) {
        let concluded = conclude(ending.clone(), &[rollback_on.to_owned()], green);
        (concluded.status.as_str(), concluded.roll_back)
    }

    #[test]
    fn every_ending_with_every_event() {
        let stopped = |roll_back| Ending::Stopped(StopRequest { roll_back });
        let not_continued = |counts| Ending::NobodyContinued {
            limit: Duration::from_secs(600),
            counts,
        };
        let (failure, alarm, request) = (
            "DEPLOYMENT_FAILURE",
            "DEPLOYMENT_STOP_ON_ALARM",
            "DEPLOYMENT_STOP_ON_REQUEST",
        );
        // The ending, its status, and the events that trigger a rollback; an empty string means none.
        let cases: [(Ending, &str, &[&str]); 8] = [
            (Ending::Played, "Succeeded", &[]),
            (
                Ending::Failed(Failure::new("HOOK_EXECUTION_FAILURE", "no")),
                "Failed",
                &[failure],
            ),
            (
                Ending::AlarmActive(vec!["a".to_owned()]),
                "Stopped",
                &[alarm],
            ),
            (not_continued(Counts::AsNothing), "Stopped", &[]),
            (not_continued(Counts::AsFailed), "Stopped", &[failure]),
            (stopped(None), "Stopped", &[request]),
            (
                stopped(Some(true)),
                "Stopped",
                &["", failure, alarm, request],
            ),
            (stopped(Some(false)), "Stopped", &[]),
        ];
        for (ending, status, rolled_back) in &cases {
            for event in ["", failure, alarm, request] {
                let wanted = (*status, rolled_back.contains(&event));
                assert_eq!(
                    check(ending, event, Green::Made),
                    wanted,
                    "{ending:?} {event}"
                );
                // In BeforeInstall green does not exist, so there is nothing to roll back.
                let not_made = check(ending, event, Green::NotMade);
                assert_eq!(not_made, (*status, false), "{ending:?} {event}");
            }
        }
    }

    #[test]
    fn a_stop_without_a_request_states_its_reason() {
        let message = |ending| conclude(ending, &[], Green::Made).error.unwrap().message;
        let alarms = Ending::AlarmActive(vec!["web-5xx".to_owned(), "latency".to_owned()]);
        assert!(message(alarms).ends_with("Activated alarms: web-5xx, latency"));
        let not_continued = Ending::NobodyContinued {
            limit: Duration::from_secs(600),
            counts: Counts::AsNothing,
        };
        assert!(message(not_continued).ends_with("10 minutes."));
    }

    #[test]
    fn the_event_has_its_own_names_for_the_states() {
        let state = |ending| conclude(ending, &[], Green::Made).event_state();
        let failed = Ending::Failed(Failure::new("TIMEOUT", "late"));
        let stopped = Ending::Stopped(StopRequest { roll_back: None });
        assert_eq!(state(Ending::Played), "SUCCESS");
        assert_eq!(state(failed), "FAILURE");
        assert_eq!(state(stopped), "STOP");
        assert_eq!(state(Ending::AlarmActive(Vec::new())), "STOP");
    }
}
