//! The migration of a service deployment, which the hook starts and judges, and of a rolling one, which came before it: here only how to
//! find one that is left behind, and what one did.

use super::observed::{Observed, Target};
use crate::config::Migration;
use crate::engine::Engine;
use crate::migration::TaskRun;
use crate::reasons::Migrated;
use crate::revision;
use crate::rolling::{self, Ended};

/// What that task runs: a task that is only marked so is not stopped.
pub fn run_of(migration: &Migration, target: &Target) -> TaskRun {
    TaskRun {
        revision: target.revision.revision.clone(),
        alone_of: None,
        container: migration.container.clone(),
        command: migration.command.clone(),
    }
}

/// What the migration before a rolling update did: its task is forgotten after an hour, and the update may last longer.
pub(super) fn migrated_before(observed: &Observed) -> Option<Migrated> {
    let definition = &observed.target.definition;
    let mark = rolling::mark_of(definition, &revision::stack_of(definition)?)?;
    let is_rolling = observed.engine == Engine::Rolling;
    (is_rolling && mark.ended == Ended::Succeeded).then_some(Migrated::Done)
}
