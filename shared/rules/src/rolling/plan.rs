//! The migration to start before a rolling update.

use time::{Duration, UtcDateTime};

use super::id::MigrationId;
use crate::config::Migration;
use crate::migration::{Marks, MigrationTask};
use crate::names::RevisionArn;
use crate::observed::Placement;

/// What to start: the new revision, where the one runs that serves. `last` is the newest revision whose migration has ended.
pub fn migration_task(
    migration: &Migration,
    id: &MigrationId,
    last: Option<&RevisionArn>,
    revision: &RevisionArn,
    placement: &Placement,
) -> MigrationTask {
    MigrationTask::new(
        migration,
        Marks {
            started_by: id.started_by(),
            client_token: id.client_token(last.map(RevisionArn::number)),
        },
        revision.clone(),
        placement.clone(),
    )
}

/// When the time of a migration is up that was started at this moment.
pub fn due_at(migration: &Migration, started_at: UtcDateTime) -> UtcDateTime {
    let time = Duration::try_from(migration.time_out).unwrap_or(Duration::MAX);
    started_at.saturating_add(time)
}
