//! Why a deployment ended badly, from its stopped tasks.

use crate::config::Migration;
use crate::migration::{self, Verdict};
use crate::names::{ContainerName, DeploymentId, RevisionArn};
use crate::observed::{Task, TaskContainer};

/// A task as the cause of a deployment's bad end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause<'a> {
    /// In one sentence.
    pub sentence: String,
    /// The task.
    pub task: &'a Task,
    /// The container whose log goes with it.
    pub container: &'a ContainerName,
}

/// The cause among stopped tasks: the deployment's migration where it failed, or else one of green's own tasks.
pub fn find<'a>(
    stopped: &'a [Task],
    deployment: &DeploymentId,
    shipped: &RevisionArn,
    migration: Option<&'a Migration>,
) -> Option<Cause<'a>> {
    let started_by = migration::started_by(deployment);
    let migrated = stopped
        .iter()
        .find(|task| task.started_by.as_ref() == Some(&started_by) && task.revision == *shipped);
    let failed_migration = migrated
        .zip(migration)
        .and_then(|(task, migration)| of_migration(task, &migration.container));
    failed_migration.or_else(|| {
        let ours = |by: &str| by.starts_with(migration::STARTED_BY);
        let green = stopped.iter().filter(|task| {
            task.revision == *shipped && !task.started_by.as_deref().is_some_and(ours)
        });
        of_green(&green.collect::<Vec<_>>())
    })
}

fn of_migration<'a>(task: &'a Task, container: &'a ContainerName) -> Option<Cause<'a>> {
    if was_taken_down_after_its_end(task, container) {
        return None;
    }
    match migration::judge(task, container, &[]) {
        Verdict::Succeeded => None,
        Verdict::Failed { reason, ran: _ } => Some(Cause {
            sentence: reason,
            task,
            container,
        }),
    }
}

/// We stop what a sidecar keeps up after the migration. Somebody else may have given our reason: good enough for a message,
/// which decides nothing.
fn was_taken_down_after_its_end(task: &Task, container: &ContainerName) -> bool {
    let exited_with_zero =
        |other: &TaskContainer| other.name == *container && other.exit_code == Some(0);
    task.stopped_reason.as_deref() == Some(migration::NO_LONGER_NEEDED)
        && task.containers.iter().any(exited_with_zero)
}

/// The latest of green's tasks that ended by itself.
fn of_green<'a>(stopped: &[&'a Task]) -> Option<Cause<'a>> {
    // Tasks that ECS stops when it takes a task set down do not show why it had to.
    let by_itself = stopped.iter().copied().filter(|task| {
        !matches!(
            task.stop_code.as_deref(),
            Some("ServiceSchedulerInitiated" | "UserInitiated")
        )
    });
    let by_itself: Vec<&Task> = by_itself.collect();
    let task = by_itself
        .iter()
        .copied()
        .max_by_key(|task| (task.stopped_at, &task.arn))?;
    let culprit = task
        .containers
        .iter()
        .find(|container| container.exit_code != Some(0));
    let culprit = culprit.or(task.containers.first())?;
    let tasks = match by_itself.len() {
        1 => "a task of the new revision".to_owned(),
        count => format!("{count} tasks of the new revision"),
    };
    let sentence = format!("{tasks} stopped: {}", ending(task, culprit));
    Some(Cause {
        sentence,
        task,
        container: &culprit.name,
    })
}

fn ending(task: &Task, container: &TaskContainer) -> String {
    let exit = container
        .exit_code
        .map(|code| format!("container `{}` exited with code {code}", container.name));
    let parts = [exit, container.reason.clone(), task.stopped_reason.clone()];
    let parts: Vec<String> = parts
        .into_iter()
        .flatten()
        .filter(|part| !part.trim().is_empty())
        .collect();
    if parts.is_empty() {
        "ECS gave no reason".to_owned()
    } else {
        parts.join("; ")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use time::UtcDateTime;

    use crate::config::MigrationImage;

    use super::*;

    fn task(stop_code: &str, exit_code: Option<i32>, stopped_at: i64) -> Task {
        Task {
            arn: format!("arn:aws:ecs:eu-central-1:111122223333:task/prod/{stopped_at}")
                .parse()
                .unwrap(),
            cluster: "prod".to_owned(),
            revision: "arn:aws:ecs:eu-central-1:111122223333:task-definition/web:2"
                .parse()
                .unwrap(),
            started_by: Some("ecs-svc/2".to_owned()),
            last_status: "STOPPED".to_owned(),
            stop_code: Some(stop_code.to_owned()),
            stopped_reason: Some("Essential container in task exited".to_owned()),
            created_at: None,
            started_at: None,
            stopped_at: UtcDateTime::from_unix_timestamp(stopped_at).ok(),
            containers: vec![
                TaskContainer {
                    name: "proxy".parse().unwrap(),
                    exit_code: Some(0),
                    reason: None,
                    image_digest: None,
                },
                TaskContainer {
                    name: "web".parse().unwrap(),
                    exit_code,
                    reason: None,
                    image_digest: None,
                },
            ],
            overrides: Vec::new(),
            other_overrides: Vec::new(),
        }
    }

    #[track_caller]
    fn check(tasks: &[Task], expected: Option<&str>) {
        let migration = Migration {
            container: "web".parse().unwrap(),
            command: Vec::new(),
            image: MigrationImage::Pushed,
            time_out: Duration::from_secs(60),
        };
        let shipped = "arn:aws:ecs:eu-central-1:111122223333:task-definition/web:2"
            .parse()
            .unwrap();
        let cause = find(tasks, &"d-1".parse().unwrap(), &shipped, Some(&migration));
        assert_eq!(
            cause
                .map(|cause| format!("{}: {}", cause.container, cause.sentence))
                .as_deref(),
            expected
        );
    }

    #[test]
    fn the_latest_task_that_ended_by_itself_says_why() {
        check(
            &[
                task("EssentialContainerExited", Some(1), 1),
                task("EssentialContainerExited", Some(3), 2),
                task("ServiceSchedulerInitiated", Some(143), 3),
            ],
            Some(
                "web: 2 tasks of the new revision stopped: container `web` exited with code 3; Essential container in task exited",
            ),
        );
    }

    #[test]
    fn a_failed_migration_comes_first_and_another_deployments_does_not_count() {
        let migrated = |deployment: &str, exit_code| Task {
            started_by: Some(format!("greenlight/{deployment}")),
            started_at: Some(UtcDateTime::UNIX_EPOCH),
            ..task("EssentialContainerExited", Some(exit_code), 1)
        };
        let green = task("EssentialContainerExited", Some(3), 2);
        let why = "web: the migration exited with code 9 (Essential container in task exited; stop code EssentialContainerExited)";
        check(&[green.clone(), migrated("d-1", 9)], Some(why));
        let why = "web: a task of the new revision stopped: container `web` exited with code 3; Essential container in task exited";
        check(&[migrated("d-2", 9), green.clone()], Some(why));
        check(&[migrated("d-1", 0), green.clone()], Some(why));
        let taken_down = |exit_code| Task {
            stop_code: Some("UserInitiated".to_owned()),
            stopped_reason: Some(migration::NO_LONGER_NEEDED.to_owned()),
            ..migrated("d-1", exit_code)
        };
        check(&[taken_down(0), green.clone()], Some(why));
        let why = "web: the migration exited with code 9 (the migration has ended; stop code UserInitiated)";
        check(&[taken_down(9), green], Some(why));
    }

    #[test]
    fn tasks_that_ecs_took_down_and_other_revisions_say_nothing() {
        let other = "arn:aws:ecs:eu-central-1:111122223333:task-definition/web:1"
            .parse()
            .unwrap();
        check(&[task("ServiceSchedulerInitiated", Some(143), 3)], None);
        check(
            &[Task {
                revision: other,
                ..task("EssentialContainerExited", Some(1), 3)
            }],
            None,
        );
        check(&[], None);
    }
}
