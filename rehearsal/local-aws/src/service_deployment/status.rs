//! The states of a service deployment, and how one ends (ECS Developer Guide, "View service history using Amazon ECS service
//! deployments").

/// `status`. There is no FAILED: a failed deployment is rolled back or stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Pending,
    InProgress,
    Successful,
    StopRequested,
    Stopped,
    RollbackRequested,
    RollbackInProgress,
    RollbackSuccessful,
    RollbackFailed,
}

impl Status {
    pub const ALL: [Status; 9] = [
        Status::Pending,
        Status::InProgress,
        Status::Successful,
        Status::StopRequested,
        Status::Stopped,
        Status::RollbackRequested,
        Status::RollbackInProgress,
        Status::RollbackSuccessful,
        Status::RollbackFailed,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Status::Pending => "PENDING",
            Status::InProgress => "IN_PROGRESS",
            Status::Successful => "SUCCESSFUL",
            Status::StopRequested => "STOP_REQUESTED",
            Status::Stopped => "STOPPED",
            Status::RollbackRequested => "ROLLBACK_REQUESTED",
            Status::RollbackInProgress => "ROLLBACK_IN_PROGRESS",
            Status::RollbackSuccessful => "ROLLBACK_SUCCESSFUL",
            Status::RollbackFailed => "ROLLBACK_FAILED",
        }
    }

    pub fn parse(name: &str) -> Option<Status> {
        Status::ALL
            .into_iter()
            .find(|status| status.as_str() == name)
    }

    pub fn has_ended(self) -> bool {
        match self {
            Status::Successful
            | Status::Stopped
            | Status::RollbackSuccessful
            | Status::RollbackFailed => true,
            Status::Pending
            | Status::InProgress
            | Status::StopRequested
            | Status::RollbackRequested
            | Status::RollbackInProgress => false,
        }
    }

    /// The states that may follow, as the guide lists them.
    pub fn next(self) -> &'static [Status] {
        match self {
            Status::Pending => &[
                Status::InProgress,
                Status::RollbackRequested,
                Status::StopRequested,
                Status::Stopped,
            ],
            Status::InProgress => &[
                Status::Successful,
                Status::StopRequested,
                Status::RollbackRequested,
                Status::RollbackInProgress,
                Status::Stopped,
            ],
            Status::StopRequested => &[Status::Stopped],
            Status::RollbackRequested => &[
                Status::Successful,
                Status::RollbackInProgress,
                Status::Stopped,
            ],
            Status::RollbackInProgress => &[Status::RollbackSuccessful, Status::RollbackFailed],
            Status::Successful
            | Status::Stopped
            | Status::RollbackSuccessful
            | Status::RollbackFailed => &[],
        }
    }
}

/// What somebody asked of a deployment that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopRequest {
    /// A newer deployment was started.
    Superseded,
    RollBack,
    /// ABORT, or no stop type, if that leaves both revisions as they are.
    LeaveBoth,
}

/// Why a deployment did not come to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    Requested(StopRequest),
    BreakerTripped {
        rolls_back: bool,
    },
    /// The alarms in ALARM.
    AlarmsActive {
        names: Vec<String>,
        rolls_back: bool,
    },
    /// A hook, the network, or a stage that took too long: rolled back whatever breaker and alarms say.
    Failed(String),
}

/// What follows from an ending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conclusion {
    Stop { reason: String },
    RollBack { reason: String },
}

impl Ending {
    /// `Service deployment rolled back because …` is AWS's beginning; the sentences for the breaker and for hooks are quoted
    /// from recorded answers, the others are inferred.
    pub fn conclude(&self) -> Conclusion {
        let by = |rolls_back: bool, because: String| match rolls_back {
            true => Conclusion::RollBack {
                reason: format!("Service deployment rolled back because {because}"),
            },
            false => Conclusion::Stop {
                reason: format!("Service deployment stopped because {because}"),
            },
        };
        match self {
            Ending::Requested(StopRequest::Superseded) => by(
                false,
                "a new service deployment was started for the service.".to_owned(),
            ),
            Ending::Requested(StopRequest::LeaveBoth) => by(false, "it was requested.".to_owned()),
            Ending::Requested(StopRequest::RollBack) => {
                by(true, "a rollback was requested.".to_owned())
            }
            Ending::BreakerTripped { rolls_back } => by(
                *rolls_back,
                "the circuit breaker threshold was exceeded.".to_owned(),
            ),
            Ending::AlarmsActive { names, rolls_back } => by(
                *rolls_back,
                format!("alarm(s) {} went into ALARM state.", names.join(", ")),
            ),
            Ending::Failed(because) => by(true, because.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_have_awss_names_and_ended_ones_stay() {
        for status in Status::ALL {
            assert_eq!(Status::parse(status.as_str()), Some(status));
            assert_eq!(status.next().is_empty(), status.has_ended());
        }
        assert_eq!(Status::parse("FAILED"), None);
    }

    #[test]
    fn an_ending_stops_or_rolls_back() {
        let alarms = |rolls_back| Ending::AlarmsActive {
            names: vec!["a".to_owned(), "b".to_owned()],
            rolls_back,
        };
        for (ending, expected) in [
            (
                Ending::Requested(StopRequest::Superseded),
                "stopped because a new service deployment was started for the service.",
            ),
            (
                Ending::Requested(StopRequest::RollBack),
                "rolled back because a rollback was requested.",
            ),
            (
                Ending::Requested(StopRequest::LeaveBoth),
                "stopped because it was requested.",
            ),
            (
                Ending::BreakerTripped { rolls_back: true },
                "rolled back because the circuit breaker threshold was exceeded.",
            ),
            (
                Ending::BreakerTripped { rolls_back: false },
                "stopped because the circuit breaker threshold was exceeded.",
            ),
            (
                alarms(true),
                "rolled back because alarm(s) a, b went into ALARM state.",
            ),
            (
                alarms(false),
                "stopped because alarm(s) a, b went into ALARM state.",
            ),
            (
                Ending::Failed("PRE_SCALE_UP lifecycle hook(s) failed.".to_owned()),
                "rolled back because PRE_SCALE_UP lifecycle hook(s) failed.",
            ),
        ] {
            let reason = match ending.conclude() {
                Conclusion::Stop { reason } | Conclusion::RollBack { reason } => reason,
            };
            assert_eq!(reason, format!("Service deployment {expected}"));
        }
    }
}
