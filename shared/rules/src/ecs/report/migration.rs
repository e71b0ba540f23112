//! The migration of a rolling service deployment, which came before it: here only what it did.

use super::observed::Observed;
use crate::engine::Engine;
use crate::reasons::Migrated;
use crate::revision;
use crate::rolling::{self, Ended};

/// What the migration before a rolling update did: its task is forgotten after an hour, and the update may last longer.
pub(super) fn migrated_before(observed: &Observed) -> Option<Migrated> {
    let definition = &observed.target.definition;
    let mark = rolling::mark_of(definition, &revision::stack_of(definition)?)?;
    let is_rolling = observed.engine == Engine::Rolling;
    let is_done = matches!(mark.ended, Ended::Succeeded | Ended::Superseded);
    (is_rolling && is_done).then_some(Migrated::Done)
}
