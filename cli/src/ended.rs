//! How the command ends: its exit status, which scripts branch on.

use std::process::ExitCode;

/// How the command ends. Wrong usage is clap's own 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// All is well: nothing has to be done, or what was asked for is done.
    Well,
    /// It failed, was refused, or what was waited for does not run.
    Failed,
    /// A plan in which something would be done.
    WithChanges,
}

impl Ended {
    pub(crate) fn code(self) -> ExitCode {
        match self {
            Self::Well => ExitCode::SUCCESS,
            Self::Failed => ExitCode::FAILURE,
            Self::WithChanges => ExitCode::from(3),
        }
    }
}
