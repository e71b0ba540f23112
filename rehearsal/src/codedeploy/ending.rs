//! How a deployment ends, and whether another one rolls it back.

use std::time::Duration;

use super::{DeploymentStatus, StopRequest};

/// CodeDeploy's error code and sentence.
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

/// What ended the play.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    Played,
    Failed(Failure),
    Stopped(StopRequest),
    /// The names of the alarms that are in ALARM.
    AlarmActive(Vec<String>),
    /// The ready wait is over.
    NobodyContinued {
        limit: Duration,
    },
}

/// Whether the deployment has made anything that a rollback could take back.
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
    /// The event's word for the status.
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
        // None of the three events is about it, so that no rollback follows is inferred.
        Ending::NobodyContinued { limit } => Conclusion {
            status: DeploymentStatus::Stopped,
            error: Some(nobody_continued(limit)),
            roll_back: false,
        },
    }
}

/// The sentence is inferred; observed is that it names the alarm.
fn alarm_active(names: &[String]) -> Failure {
    let message = format!(
        "One or more alarms have been activated according to the Amazon CloudWatch metrics you selected, and the \
         affected deployments have been stopped. Activated alarms: {}",
        names.join(", ")
    );
    Failure::new("ALARM_ACTIVE", message)
}

/// The sentence is documented, the code inferred.
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

    #[test]
    fn every_ending_with_every_setting() {
        let failed = || Ending::Failed(Failure::new("HOOK_EXECUTION_FAILURE", "no"));
        let stopped = |roll_back| Ending::Stopped(StopRequest { roll_back });
        let cases = [
            (
                Ending::Played,
                "DEPLOYMENT_FAILURE",
                Green::Made,
                "Succeeded",
                false,
            ),
            (failed(), "DEPLOYMENT_FAILURE", Green::Made, "Failed", true),
            (
                failed(),
                "DEPLOYMENT_FAILURE",
                Green::NotMade,
                "Failed",
                false,
            ),
            (
                failed(),
                "DEPLOYMENT_STOP_ON_REQUEST",
                Green::Made,
                "Failed",
                false,
            ),
            (failed(), "", Green::Made, "Failed", false),
            (
                stopped(None),
                "DEPLOYMENT_FAILURE",
                Green::Made,
                "Stopped",
                false,
            ),
            (
                stopped(None),
                "DEPLOYMENT_STOP_ON_REQUEST",
                Green::Made,
                "Stopped",
                true,
            ),
            (stopped(Some(true)), "", Green::Made, "Stopped", true),
            (stopped(Some(true)), "", Green::NotMade, "Stopped", false),
            (
                stopped(Some(false)),
                "DEPLOYMENT_STOP_ON_REQUEST",
                Green::Made,
                "Stopped",
                false,
            ),
        ];
        for (ending, rollback_on, green, status, roll_back) in cases {
            let concluded = conclude(ending.clone(), &[rollback_on.to_owned()], green);
            let outcome = (concluded.status.as_str(), concluded.roll_back);
            assert_eq!(
                outcome,
                (status, roll_back),
                "{ending:?} {rollback_on} {green:?}"
            );
        }
    }
}
