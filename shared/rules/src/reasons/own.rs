//! Which tasks of a revision are a deployment's own. The same revision may have been deployed before, and anyone may run a task of it
//! by hand.

use time::UtcDateTime;

use super::Known;
use crate::observed::{Task, TaskSet};

/// How a deployment's own tasks are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Own<'a> {
    /// The id of its task set, or of its rollout where ECS itself deploys; none where that is not known (any more).
    pub task_set: Option<&'a str>,
    /// When it began: none of its tasks is older. None where that is not known.
    pub since: Option<UtcDateTime>,
}

impl<'a> Own<'a> {
    /// Those of a task set.
    pub fn of(task_set: &'a TaskSet) -> Self {
        Self {
            task_set: Some(&task_set.id),
            since: task_set.created_at,
        }
    }

    /// Those that the service has started since this moment: the task set is gone.
    pub fn since(moment: UtcDateTime) -> Self {
        Self {
            task_set: None,
            since: Some(moment),
        }
    }
}

/// What `startedBy` begins with where a service started the task.
const STARTED_BY_SERVICE: &str = "ecs-svc/";

/// The deployment's own tasks of the revision that it ships.
///
/// That the `startedBy` of a service's task is the id of its task set is likely, and not confirmed for services that CodeDeploy
/// deploys. So a task that names the task set counts alone; where none does, those count that a service has started since the
/// deployment began, and that name no other task set of the service.
pub(super) fn own_tasks<'a>(tasks: &'a [Task], known: Known<'_>) -> Vec<&'a Task> {
    let Own { task_set, since } = known.own;
    let shipped = || tasks.iter().filter(|task| task.revision == *known.shipped);
    let named: Vec<&Task> = shipped()
        .filter(|task| task_set.is_some() && task.started_by.as_deref() == task_set)
        .collect();
    if !named.is_empty() {
        return named;
    }
    // Green's is among them only where no task names it.
    let is_of_another = |started_by: &str| {
        known.service.is_some_and(|service| {
            let mut task_sets = service.task_sets.iter();
            task_sets.any(|other| other.id == started_by)
        })
    };
    let is_young = |task: &Task| {
        since
            .zip(task.created_at)
            .is_none_or(|(since, at)| at >= since)
    };
    shipped()
        .filter(|task| {
            let started_by = task.started_by.as_deref().unwrap_or_default();
            started_by.starts_with(STARTED_BY_SERVICE) && !is_of_another(started_by)
        })
        .filter(|task| is_young(task))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{known, revision, service};
    use super::*;
    use crate::observed::{Placement, Service, TaskSetStatus};

    fn second(second: i64) -> UtcDateTime {
        UtcDateTime::from_unix_timestamp(second).unwrap()
    }

    /// Blue and green, of the same revision.
    fn with_task_sets() -> Service {
        let task_set = |(id, status): (&str, _)| TaskSet {
            id: id.to_owned(),
            status,
            created_at: Some(second(100)),
            deployment: None,
            revision: revision(2),
            placement: Placement::default(),
            load_balancer: None,
            computed_desired_count: 2,
            running_count: 2,
        };
        let sets = [
            ("ecs-svc/1", TaskSetStatus::Primary),
            ("ecs-svc/2", TaskSetStatus::Active),
        ];
        Service {
            task_sets: sets.into_iter().map(task_set).collect(),
            ..service(&[])
        }
    }

    /// Of tasks as `startedBy` and the second of their creation: which are the deployment's own.
    #[track_caller]
    fn check(own: Own<'_>, tasks: &[(Option<&str>, i64)], expected: &[usize]) {
        let (shipped, service) = (revision(2), with_task_sets());
        let tasks: Vec<Task> = tasks
            .iter()
            .map(|(started_by, created)| Task {
                started_by: started_by.map(str::to_owned),
                created_at: Some(second(*created)),
                ..Task::for_tests(&[("web", Some(1))])
            })
            .collect();
        let known = Known {
            own,
            service: Some(&service),
            ..known(&shipped)
        };
        let found = own_tasks(&tasks, known);
        let places: Vec<usize> = (0..tasks.len())
            .filter(|place| found.iter().any(|task| std::ptr::eq(*task, &tasks[*place])))
            .collect();
        assert_eq!(places, expected, "{own:?} {tasks:?}");
    }

    /// Not of the service, or too old.
    const FOREIGN: [(Option<&str>, i64); 5] = [
        (Some("somebody"), 101),
        (None, 101),
        (Some("greenlight/d-0"), 101),
        (Some("ecs-svc/1"), 101),
        (Some("ecs-svc/1999"), 99),
    ];

    #[test]
    fn a_deployments_own_tasks_name_its_task_set() {
        let green = Own {
            task_set: Some("ecs-svc/2"),
            since: Some(second(100)),
        };
        for foreign in FOREIGN.into_iter().chain([(Some("ecs-svc/22"), 101)]) {
            check(green, &[foreign, (Some("ecs-svc/2"), 101)], &[1]);
        }
    }

    /// The other side of what is not confirmed: `startedBy` is an id that nothing else shows.
    #[test]
    fn where_no_task_names_the_task_set_its_time_says_whose_it_is() {
        for own in [
            Own {
                task_set: Some("ecs-svc/2"),
                since: Some(second(100)),
            },
            Own::since(second(100)),
        ] {
            let number = Some("ecs-svc/7305918264025");
            for foreign in FOREIGN {
                check(own, &[foreign], &[]);
                check(own, &[foreign, (number, 100), (number, 101)], &[1, 2]);
            }
        }
        // A rollback's revision may have begun whenever.
        check(Own::default(), &[(Some("ecs-svc/1999"), 1)], &[0]);
        check(Own::default(), &[(Some("somebody"), 1)], &[]);
    }
}
