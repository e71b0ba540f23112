//! Gates: what a hook checks, and its verdict. Which step of a deployment calls a hook, each engine says.

use crate::task_log::TaskLog;

/// What a hook checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// The migration, before green gets any traffic.
    Migration,
    /// Green, through the test listener.
    TestTraffic,
    /// Green, through the production listener, after the shift.
    ProductionTraffic,
}

/// The verdict of a gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Go on, and why.
    Succeeded(String),
    /// Fail the deployment.
    Failed {
        /// Why.
        reason: String,
        /// The log that goes with it.
        log: TaskLog,
    },
    /// Fail the deployment, and why: what was to be started never ran.
    NothingRan(String),
    /// The same where something beside it kept it from starting.
    KeptFromRunning {
        /// Why.
        reason: String,
        /// The log of what kept it from starting.
        log: TaskLog,
    },
    /// The deployment has ended, which is reported elsewhere: the hook is answered as failed in case something waits.
    TooLate(String),
    /// Another function answers: the migration runs now.
    Later(String),
    /// Nothing waits for this answer, so none is given, and why: the call is not the engine's, or not of this moment.
    Ignored(String),
}

impl Verdict {
    /// The same verdict after the deployment has ended. A migration that is stopped because its deployment failed, or judged
    /// again when its time is up, fails once more: that was reported when the deployment ended, and CodeDeploy may take the
    /// same answer twice without a word.
    pub fn after_the_end(self) -> Self {
        match self {
            Self::Failed { reason, log: _ }
            | Self::KeptFromRunning { reason, log: _ }
            | Self::NothingRan(reason) => Self::TooLate(reason),
            Self::Succeeded(_) | Self::TooLate(_) | Self::Later(_) | Self::Ignored(_) => self,
        }
    }
}
