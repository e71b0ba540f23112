//! The migration of a service deployment, which the hook starts and judges: here only how to find one that is left behind.

use super::observed::Target;
use crate::config::Migration;
use crate::migration::TaskRun;

/// What that task runs: a task that is only marked so is not stopped.
pub fn run_of(migration: &Migration, target: &Target) -> TaskRun {
    TaskRun {
        revision: target.revision.revision.clone(),
        alone_of: None,
        container: migration.container.clone(),
        command: migration.command.clone(),
    }
}
