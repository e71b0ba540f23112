//! What a task runs if it is the migration of a revision, be it in that or in one that was made of it.

use super::TaskRun;
use crate::config::{Migration, MigrationRevision};
use crate::observed::TaskDefinition;
use crate::revision;

/// What a task would run as the migration of `shipped`; none where its revision is not one in which that runs. With `alone` it is the
/// task's own, which `ran` describes: of several that were made for one migration any may be the task's.
pub fn run_of(
    migration: &Migration,
    shipped: &TaskDefinition,
    ran: Option<&TaskDefinition>,
) -> Option<TaskRun> {
    let container = &migration.container;
    let of = revision::arn(shipped)?;
    let (revision, alone_of) = match migration.revision {
        MigrationRevision::Shipped => (of, None),
        MigrationRevision::Alone => {
            let ran = ran?;
            let is_alone = revision::differences_from_alone(ran, shipped, container).is_empty();
            (revision::arn(ran).filter(|_| is_alone)?, Some(of))
        }
    };
    Some(TaskRun {
        revision,
        alone_of,
        container: container.clone(),
        command: migration.command.clone(),
    })
}
