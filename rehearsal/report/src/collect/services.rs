//! Services with their listeners and tasks, and one-off tasks.

use std::collections::BTreeMap;

use record::timeline::{self, ListenerKind, Purpose, Weight};
use record::{Answer, Answers, Listeners, NO_VERSION, TestAnswer, is_called};

use super::source::{Source, last};
use crate::story::{Listener, OneOffTask, Request, Service, Task, Weights};

/// Every service of the scenario.
pub(super) fn of(source: Source<'_>) -> Vec<Service> {
    let service = |listeners: &Listeners| Service {
        name: listeners.service.clone(),
        production: Listener {
            weights: weights(source, &listeners.service, ListenerKind::Production),
            requests: requests(source, &listeners.service),
        },
        test: listeners
            .test
            .as_deref()
            .map(|arn| test_listener(source, &listeners.service, arn)),
        tasks: tasks(source, &listeners.service),
    };
    source.record.listeners.iter().map(service).collect()
}

fn requests(source: Source<'_>, service: &str) -> Vec<Request> {
    let answers = source.record.answers.get(service).into_iter();
    let answers = answers.flat_map(Answers::iter);
    let request = |answer: Answer<'_>| Request {
        at: source.seconds(answer.at),
        version: answer.version.to_owned(),
        failure: answer.failure.map(ToOwned::to_owned),
    };
    answers
        .filter(|answer| answer.at >= source.record.simulated.start)
        .map(request)
        .collect()
}

fn test_listener(source: Source<'_>, service: &str, arn: &str) -> Listener {
    let request = |answer: &TestAnswer| Request {
        at: source.seconds(answer.at),
        version: answer
            .version
            .clone()
            .unwrap_or_else(|| NO_VERSION.to_owned()),
        failure: (!(200..400).contains(&answer.status))
            .then(|| format!("answered {}", answer.status)),
    };
    let answers = source.record.test_answers.iter();
    let answers = answers.filter(|answer| answer.listener == arn);
    Listener {
        weights: weights(source, service, ListenerKind::Test),
        requests: answers.map(request).collect(),
    }
}

fn weights(source: Source<'_>, of: &str, kind: ListenerKind) -> Vec<Weights> {
    let share = |weight: &Weight| {
        let task_set = || weight.task_set.to_lowercase();
        (
            weight.version.clone().unwrap_or_else(task_set),
            weight.percent,
        )
    };
    let changed = |(at, what): (f64, &timeline::Event)| {
        let timeline::Event::Weights {
            cluster,
            service,
            listener,
            weights,
        } = what
        else {
            return None;
        };
        (is_called(of, cluster, service) && *listener == kind).then(|| Weights {
            at,
            shares: weights.iter().map(share).collect(),
        })
    };
    source.told().filter_map(changed).collect()
}

/// A task's ARN names its cluster: `…:task/prod/c5496310`.
fn is_task_of(label: &str, task: &str, purpose: &Purpose) -> bool {
    let cluster = task.rsplit('/').nth(1).unwrap_or_default();
    match purpose {
        Purpose::Service(service) => is_called(label, cluster, service),
        Purpose::Once { .. } => false,
    }
}

/// The tasks of a service, including those that ran before the start.
fn tasks(source: Source<'_>, of: &str) -> Vec<Task> {
    let mut tasks: BTreeMap<&str, Task> = BTreeMap::new();
    for entry in &source.record.events {
        let at = source.seconds(entry.at);
        let new = |version: &Option<String>| Task {
            version: version.clone(),
            began: at,
            ..Task::default()
        };
        if let timeline::Event::TaskStarted {
            task,
            purpose,
            version,
        } = &entry.event
            && is_task_of(of, task, purpose)
        {
            tasks.insert(task, new(version));
        }
        if let timeline::Event::TaskStopped {
            task,
            purpose,
            version,
            exit_code,
            stop_code,
            reason,
        } = &entry.event
            && is_task_of(of, task, purpose)
        {
            let ended = tasks.entry(task).or_insert_with(|| new(version));
            ended.ended = Some(at);
            ended.failure = failure(*exit_code, *stop_code, reason.as_deref());
        }
    }
    let mut tasks: Vec<Task> = tasks.into_values().collect();
    tasks.sort_by(|one, other| {
        one.began
            .total_cmp(&other.began)
            .then_with(|| one.version.cmp(&other.version))
    });
    tasks
}

/// How a task of a service ended, unless ECS or a person stopped it on purpose.
fn failure(
    exit_code: Option<i32>,
    stop_code: Option<&str>,
    reason: Option<&str>,
) -> Option<String> {
    let reason = reason.unwrap_or("no reason given");
    if stop_code == Some("UserInitiated") || reason.starts_with("Scaling") {
        return None;
    }
    let code = exit_code.map_or("no exit code".to_owned(), |code| {
        format!("exit code {code}")
    });
    Some(format!("{code}: {reason}"))
}

/// Tasks that RunTask started, in the order of their start.
pub(super) fn one_off_tasks(source: Source<'_>) -> Vec<OneOffTask> {
    let mut tasks: Vec<OneOffTask> = Vec::new();
    for (at, what) in source.told() {
        if let timeline::Event::TaskStarted {
            task,
            purpose,
            version,
        } = what
        {
            tasks.extend(started(source, at, task, purpose, version));
        }
        if let timeline::Event::TaskStopped {
            task,
            purpose,
            version,
            exit_code,
            reason,
            ..
        } = what
        {
            // The timeline has no start of a task that never ran, so its end is its first entry.
            if !tasks.iter().any(|known| known.id == last(task)) {
                tasks.extend(started(source, at, task, purpose, version));
            }
            if let Some(task) = tasks.iter_mut().find(|known| known.id == last(task)) {
                task.ended = Some(at);
                task.exit_code = *exit_code;
                task.reason.clone_from(reason);
            }
        }
    }
    tasks
}

fn started(
    source: Source<'_>,
    at: f64,
    arn: &str,
    purpose: &Purpose,
    version: &Option<String>,
) -> Option<OneOffTask> {
    match purpose {
        Purpose::Once {
            started_by,
            command,
        } => {
            let id = last(arn);
            let log = source.record.task_logs.get(&id).cloned();
            Some(OneOffTask {
                command: command.join(" "),
                started_by: started_by.clone(),
                version: version.clone(),
                began: at,
                log: log.unwrap_or_default(),
                id,
                ..OneOffTask::default()
            })
        }
        Purpose::Service(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_a_name_or_a_cluster_and_a_name() {
        assert!(is_called("web", "prod", "web"));
        assert!(is_called("prod/web", "prod", "web"));
        assert!(!is_called("prod/web", "staging", "web"));
        let task = "arn:aws:ecs:eu-central-1:111122223333:task/staging/c5496310";
        let of_web = Purpose::Service("web".to_owned());
        assert!(is_task_of("staging/web", task, &of_web));
        assert!(!is_task_of("prod/web", task, &of_web));
    }

    #[test]
    fn only_an_unintended_stop_is_a_failure() {
        let scaled = Some("Scaling activity initiated by (deployment ecs-svc/1)");
        assert_eq!(
            failure(Some(0), Some("ServiceSchedulerInitiated"), scaled),
            None
        );
        assert_eq!(failure(Some(137), Some("UserInitiated"), None), None);
        let ended = Some("Essential container in task exited");
        assert_eq!(
            failure(Some(1), Some("EssentialContainerExited"), ended).as_deref(),
            Some("exit code 1: Essential container in task exited")
        );
    }
}
