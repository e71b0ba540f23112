//! What a status of CodeDeploy's or of ECS's means to people, whichever of the two says it.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    UnderWay,
    Good,
    Bad,
    /// ECS ends a deployment early, or returns to the previous service revision within it.
    GoingBack,
}

impl Standing {
    /// Of the status of a deployment, a lifecycle event, a stage, an answer to a hook or a pause.
    pub(crate) fn of(status: &str) -> Standing {
        match status {
            "Succeeded" | "SUCCEEDED" | "SUCCESSFUL" => Standing::Good,
            "Failed"
            | "FAILED"
            | "Stopped"
            | "STOPPED"
            | "TIMED_OUT"
            | "ROLLBACK_SUCCESSFUL"
            | "ROLLBACK_FAILED" => Standing::Bad,
            "STOP_REQUESTED" | "ROLLBACK_REQUESTED" | "ROLLBACK_IN_PROGRESS" => Standing::GoingBack,
            _ => Standing::UnderWay,
        }
    }

    /// Whether a deployment with this status has ended.
    pub(crate) fn is_end(self) -> bool {
        match self {
            Standing::Good | Standing::Bad => true,
            Standing::UnderWay | Standing::GoingBack => false,
        }
    }
}
