//! The service scheduler: keeps a task set at its desired count, replaces unhealthy tasks, and throttles starts that
//! fail repeatedly.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::capacity::NoPlace;
use super::launch::{Launch, launch};
use super::placement::Placement;
use super::run::request_stop;
use super::service::{
    Measured, Service, ServiceEvent, Stability, TaskSet, TaskSetStatus, measured, stability,
    target_of, unhealthy_in,
};
use super::task::{Stop, Task, TaskStatus};
use super::{Ecs, State};
use crate::assumption::Assumption;
use crate::identity::sha256_hex;
use crate::service_deployment::controller::Controller;

/// The delay before the next start after the first failure; it doubles with every further one.
const FIRST_BACK_OFF: Duration = Duration::from_secs(10);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(15 * 60);

/// DescribeServices returns up to 100 of a service's events.
const EVENTS_KEPT: usize = 100;

/// The scheduler's view of one task set.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Observed {
    desired: usize,
    /// Tasks that have not been asked to stop, oldest first.
    live: Vec<String>,
    /// Those of them whose target is unhealthy after the service's grace period.
    unhealthy: Vec<String>,
    /// When the first grace period of a task that is unhealthy already ends.
    grace_end: Option<SystemTime>,
    failures: u32,
    last_failure: Option<SystemTime>,
    now: SystemTime,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Decision {
    Start(usize),
    ScaleIn(Vec<String>),
    Replace(Vec<String>),
    WaitUntil(SystemTime),
    Rest,
}

fn decide(observed: &Observed) -> Decision {
    let live = observed.live.len();
    if live > observed.desired {
        return Decision::ScaleIn(observed.live[observed.desired..].to_vec());
    }
    if !observed.unhealthy.is_empty() {
        return Decision::Replace(observed.unhealthy.clone());
    }
    if live == observed.desired {
        return observed
            .grace_end
            .map_or(Decision::Rest, Decision::WaitUntil);
    }
    let next = observed
        .last_failure
        .map(|failure| failure + back_off(observed.failures, observed.desired));
    match next {
        Some(moment) if moment > observed.now => Decision::WaitUntil(moment),
        Some(_) | None => Decision::Start(observed.desired - live),
    }
}

/// The delay grows by rounds: a round is as many failures as the set has tasks, because one bad revision fails them
/// all.
fn back_off(failures: u32, desired: usize) -> Duration {
    let desired = u32::try_from(desired.max(1)).unwrap_or(u32::MAX);
    let rounds = failures.div_ceil(desired);
    match rounds.checked_sub(1) {
        Some(doublings) => FIRST_BACK_OFF
            .saturating_mul(2_u32.saturating_pow(doublings))
            .min(LONGEST_BACK_OFF),
        None => Duration::ZERO,
    }
}

/// Runs until the task set is deleted: DRAINING, and its last task STOPPED.
pub async fn keep(ecs: Arc<Ecs>, task_set: String) {
    loop {
        let (written, health_changed) = (ecs.written(), ecs.load_balancers.health_changed());
        let Some(measured) = measured_of(&ecs, &task_set) else {
            return;
        };
        if remove_when_drained(&ecs, &task_set) {
            return;
        }
        let now = ecs.context.clock.now();
        let Some(observed) = ecs.read(|state| observe(state, &task_set, &measured, now)) else {
            return;
        };
        let wake = match decide(&observed) {
            Decision::Start(count) => {
                (0..count).for_each(|_| start_one(&ecs, &task_set));
                continue;
            }
            Decision::ScaleIn(tasks) => {
                let reason = format!("Scaling activity initiated by (deployment {task_set})");
                stop_all(&ecs, &tasks, &reason);
                continue;
            }
            Decision::Replace(tasks) => {
                replace(&ecs, &task_set, &tasks, &measured);
                continue;
            }
            Decision::WaitUntil(moment) => Some(moment),
            Decision::Rest => None,
        };
        let back_off = async {
            match wake {
                Some(moment) => ecs.context.clock.sleep_until(moment).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = written => {}
            () = health_changed => {}
            () = back_off => {}
        }
    }
}

/// Waits until the task set is in STEADY_STATE, forever if it never is.
pub async fn steady(ecs: &Ecs, task_set: &str) {
    loop {
        let (written, health_changed) = (ecs.written(), ecs.load_balancers.health_changed());
        let Some(measured) = measured_of(ecs, task_set) else {
            return;
        };
        let settled = ecs.read(|state| {
            let (service, set) = state.task_set(task_set)?;
            let tasks: Vec<&Task> = state.tasks_of(task_set).collect();
            let settled = stability(service.desired_count_of(set), &tasks, &measured);
            Some(settled == Stability::SteadyState)
        });
        if settled.unwrap_or(true) {
            return;
        }
        tokio::select! {
            biased;
            () = written => {}
            () = health_changed => {}
        }
    }
}

/// The target groups of a set's tasks, with the health of their targets; `None` if the set is gone.
fn measured_of(ecs: &Ecs, task_set: &str) -> Option<Vec<Measured>> {
    let behind = ecs.read(|state| Some(state.task_set(task_set)?.1.load_balancers.clone()))?;
    let health = |group: &str| ecs.load_balancers.target_health(group).unwrap_or_default();
    Some(measured(behind, health))
}

fn observe(
    state: &State,
    task_set: &str,
    measured: &[Measured],
    now: SystemTime,
) -> Option<Observed> {
    let (service, set) = state.task_set(task_set)?;
    let live: Vec<&Task> = state
        .tasks_of(task_set)
        .filter(|task| task.stop.is_none())
        .collect();
    let is_unhealthy = |task: &&Task| unhealthy_in(task, measured).is_some();
    let grace_end = |task: &Task| task.started_at.map(|since| since + service.grace_period());
    let in_grace = |task: &&Task| grace_end(task).is_some_and(|end| now < end);
    let (spared, unhealthy): (Vec<&Task>, Vec<&Task>) = live
        .iter()
        .copied()
        .filter(is_unhealthy)
        .partition(in_grace);
    Some(Observed {
        desired: service.desired_count_of(set) as usize,
        unhealthy: unhealthy.iter().map(|task| task.arn.clone()).collect(),
        grace_end: spared.iter().filter_map(|task| grace_end(task)).min(),
        live: live.iter().map(|task| task.arn.clone()).collect(),
        failures: set.failures,
        last_failure: set.last_failure,
        now,
    })
}

/// Starts one more task of the set. Without capacity it waits, as after a task that failed.
fn start_one(ecs: &Arc<Ecs>, task_set: &str) {
    let wanted = ecs.read(|state| {
        let (service, set) = state.task_set(task_set)?;
        let revision = state.revision(&set.task_definition)?.clone();
        Some(Launch {
            cluster: service.cluster.clone(),
            tags: service.tags_of_tasks(&revision),
            revision,
            launch_type: service.launch_type.clone(),
            platform_version: Some(set.platform_version.clone()),
            network_configuration: set.network_configuration.clone(),
            placement: Placement::of(&service.options),
            service: Some((service.name.clone(), set.id.clone())),
            group: format!("service:{}", service.name),
            started_by: Some(started_by(ecs, service, set)),
            overrides: serde_json::json!({ "containerOverrides": [] }),
        })
    });
    if let Some(Err(no_place)) = wanted.map(|wanted| launch(ecs, wanted)) {
        note_no_place(ecs, task_set, &no_place);
    }
}

/// The `startedBy` of a task set's tasks: its id, or by assumption another one of its form. Where ECS deploys, the digits are
/// known to be the service revision's.
fn started_by(ecs: &Ecs, service: &Service, set: &TaskSet) -> String {
    let assumptions = &ecs.context.assumptions;
    let is_hidden = match service.controller {
        Controller::Ecs(_) => false,
        Controller::CodeDeploy | Controller::External => {
            assumptions.hold(Assumption::TasksDoNotNameTheirTaskSet)
        }
    };
    if !is_hidden {
        return set.id.clone();
    }
    let digits = sha256_hex(&set.id);
    let digits = digits.bytes().take(18).map(|byte| byte % 10);
    let digits: String = digits.map(|digit| char::from(b'0' + digit)).collect();
    format!("ecs-svc/8{digits}")
}

/// Adds a service event; the scheduler retries later.
fn note_no_place(ecs: &Ecs, task_set: &str, no_place: &NoPlace) {
    let sentence = no_place.sentence();
    add_event(
        ecs,
        task_set,
        &format!("was unable to place a task{sentence}"),
        "",
    );
    let now = ecs.context.clock.now();
    ecs.write(|state| {
        let mut sets = state
            .services
            .iter_mut()
            .flat_map(|service| &mut service.task_sets);
        if let Some(set) = sets.find(|set| set.id == task_set) {
            set.failures += 1;
            set.unplaced += 1;
            set.last_failure = Some(now);
        }
    });
}

/// Stops unhealthy tasks, each with one service event (ECS Developer Guide, service unhealthy event messages, with a task set).
fn replace(ecs: &Ecs, task_set: &str, tasks: &[String], measured: &[Measured]) {
    let unhealthy: Vec<(String, String, String)> = ecs.read(|state| {
        let unhealthy = state.tasks_of(task_set);
        let unhealthy = unhealthy.filter(|task| tasks.contains(&task.arn));
        let told = unhealthy.filter_map(|task| {
            let group = unhealthy_in(task, measured)?;
            let reason = target_of(task, group).and_then(|found| found.description.clone());
            let arn = &group.behind.target_group_arn;
            let message = format!(
                "(task {}) (port {}) is unhealthy in (target-group {arn}) due to (reason {})",
                task.arn.rsplit('/').next().unwrap_or_default(),
                group.behind.port,
                reason.unwrap_or_default()
            );
            Some((task.arn.clone(), arn.clone(), message))
        });
        told.collect()
    });
    let is_of_ecs = |state: &State| {
        let found = state.task_set(task_set);
        found.is_some_and(|(service, _)| service.controller.ecs().is_some())
    };
    let of_set = match ecs.read(is_of_ecs) {
        true => String::new(),
        false => format!(", taskSet {task_set}"),
    };
    for (_, _, message) in &unhealthy {
        add_event(ecs, task_set, message, &of_set);
    }
    for (task, group, _) in unhealthy {
        let reason = format!("Task failed ELB health checks in (target-group {group})");
        stop_all(ecs, &[task], &reason);
    }
}

/// Adds an event to the service of the task set, whose name it begins with.
fn add_event(ecs: &Ecs, task_set: &str, message: &str, after_name: &str) {
    let (id, at) = (ecs.context.ids.uuid(), ecs.context.clock.now());
    ecs.write(|state| {
        let service = state
            .services
            .iter_mut()
            .find(|service| service.task_sets.iter().any(|set| set.id == task_set));
        let Some(service) = service else { return };
        let message = format!("(service {}{after_name}) {message}", service.name);
        service.events.insert(0, ServiceEvent { id, at, message });
        service.events.truncate(EVENTS_KEPT);
    });
}

fn stop_all(ecs: &Ecs, tasks: &[String], reason: &str) {
    for task in tasks {
        request_stop(
            ecs,
            task,
            Stop {
                code: "ServiceSchedulerInitiated",
                reason: reason.to_owned(),
            },
        );
    }
}

fn remove_when_drained(ecs: &Ecs, task_set: &str) -> bool {
    ecs.read(|state| {
        let draining = state
            .task_set(task_set)
            .is_some_and(|(_, set)| set.status == TaskSetStatus::Draining);
        draining
            && state
                .tasks_of(task_set)
                .all(|task| task.status == TaskStatus::Stopped)
    }) && {
        ecs.write(|state| {
            state
                .services
                .iter_mut()
                .for_each(|service| service.task_sets.retain(|set| set.id != task_set));
        });
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn observed(desired: usize, live: usize) -> Observed {
        let live = (0..live).map(|number| format!("task-{number}")).collect();
        Observed {
            desired,
            live,
            unhealthy: Vec::new(),
            grace_end: None,
            failures: 0,
            last_failure: None,
            now: UNIX_EPOCH,
        }
    }

    #[test]
    fn the_desired_count_of_tasks_is_kept() {
        assert_eq!(decide(&observed(2, 0)), Decision::Start(2));
        assert_eq!(decide(&observed(2, 1)), Decision::Start(1));
        assert_eq!(decide(&observed(2, 2)), Decision::Rest);
        assert_eq!(
            decide(&observed(1, 2)),
            Decision::ScaleIn(vec!["task-1".to_owned()])
        );
        assert_eq!(
            decide(&observed(0, 1)),
            Decision::ScaleIn(vec!["task-0".to_owned()])
        );
        assert_eq!(decide(&observed(0, 0)), Decision::Rest);
        let unhealthy = Observed {
            unhealthy: vec!["task-0".to_owned()],
            ..observed(1, 1)
        };
        assert_eq!(
            decide(&unhealthy),
            Decision::Replace(vec!["task-0".to_owned()])
        );
    }

    #[test]
    fn an_unhealthy_task_is_spared_for_its_grace_period() {
        let end = UNIX_EPOCH + Duration::from_secs(60);
        let spared = Observed {
            grace_end: Some(end),
            ..observed(1, 1)
        };
        assert_eq!(decide(&spared), Decision::WaitUntil(end));
        let missing = Observed {
            desired: 2,
            ..spared
        };
        assert_eq!(decide(&missing), Decision::Start(1));
    }

    #[test]
    fn the_delay_between_failing_starts_doubles() {
        let seconds: Vec<u64> = (0..=18)
            .step_by(2)
            .map(|failures| back_off(failures, 2).as_secs())
            .collect();
        assert_eq!(seconds, [0, 10, 20, 40, 80, 160, 320, 640, 900, 900]);
        let failed = Observed {
            failures: 2,
            last_failure: Some(UNIX_EPOCH),
            ..observed(2, 0)
        };
        let due = UNIX_EPOCH + Duration::from_secs(10);
        assert_eq!(decide(&failed), Decision::WaitUntil(due));
        assert_eq!(decide(&Observed { now: due, ..failed }), Decision::Start(2));
    }
}
