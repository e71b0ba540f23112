//! Why a deployment ended badly, from what its tasks say.

use crate::migration::{self, Verdict};
use crate::names::ContainerName;
use crate::observed::{Task, TaskContainer};

/// What a failed migration's task says; none when it succeeded.
pub fn of_migration(task: &Task, container: &ContainerName) -> Option<String> {
    match migration::judge(task, container) {
        Verdict::Succeeded => None,
        Verdict::Failed { reason, ran: _ } => Some(reason),
    }
}

/// What green's stopped tasks say: the latest that ended by itself, with the container whose log goes with it.
pub fn of_green(stopped: &[Task]) -> Option<(String, &Task, &ContainerName)> {
    // Tasks that ECS stops when it takes a task set down say nothing about why it had to.
    let by_itself = stopped.iter().filter(|task| {
        !matches!(
            task.stop_code.as_deref(),
            Some("ServiceSchedulerInitiated" | "UserInitiated")
        )
    });
    let task = by_itself.max_by_key(|task| (task.stopped_at, &task.arn))?;
    let culprit = task
        .containers
        .iter()
        .find(|container| container.exit_code != Some(0));
    let culprit = culprit.or(task.containers.first())?;
    let count = stopped.len();
    let tasks = if count == 1 {
        "a task of the new revision".to_owned()
    } else {
        format!("{count} tasks of the new revision")
    };
    Some((
        format!("{tasks} stopped: {}", ending(task, culprit)),
        task,
        &culprit.name,
    ))
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
    use time::UtcDateTime;

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
                },
                TaskContainer {
                    name: "web".parse().unwrap(),
                    exit_code,
                    reason: None,
                },
            ],
            overrides: Vec::new(),
        }
    }

    #[test]
    fn the_latest_task_that_ended_by_itself_says_why() {
        let tasks = [
            task("EssentialContainerExited", Some(1), 1),
            task("EssentialContainerExited", Some(3), 2),
            task("ServiceSchedulerInitiated", Some(143), 3),
        ];
        let (cause, _, container) = of_green(&tasks).unwrap();
        assert_eq!(
            cause,
            "3 tasks of the new revision stopped: container `web` exited with code 3; Essential container in task exited"
        );
        assert_eq!(container.as_str(), "web");
    }

    #[test]
    fn tasks_that_ecs_took_down_say_nothing() {
        assert_eq!(
            of_green(&[task("ServiceSchedulerInitiated", Some(143), 3)]),
            None
        );
        assert_eq!(of_green(&[]), None);
    }
}
