//! How the command ends: its exit status, which scripts branch on.

use std::process::ExitCode;

/// How the command ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// All is well: nothing has to be done, or what was asked for is done.
    Well,
    /// It failed, was refused, or what was waited for does not run.
    Failed,
    /// What was given is wrong: clap's own status for a command line.
    WrongUsage,
    /// A plan in which something would be done.
    WithChanges,
}

/// Something that was given and can only be corrected by who gave it: a name, or a configuration file.
#[derive(Debug, thiserror::Error)]
#[error("{0:#}")]
pub(crate) struct WrongUsage(pub(crate) anyhow::Error);

impl Ended {
    pub(crate) fn code(self) -> ExitCode {
        match self {
            Self::Well => ExitCode::SUCCESS,
            Self::Failed => ExitCode::FAILURE,
            Self::WrongUsage => ExitCode::from(2),
            Self::WithChanges => ExitCode::from(3),
        }
    }
}
