use super::super::{TaskRun, started_by};
use super::*;
use crate::codedeploy::DeploymentStatus;
use crate::codedeploy::tests::described as deployment_described;
use crate::events::TimedOut;
use crate::observed::{ContainerOverride, TaskContainer};

mod alone;
mod first;
mod kept;
mod older;
mod whose;

const EXECUTION: &str = "eyJ1";
const DIGEST: &str = "sha256:4c9a7f3f5a0f3e2f9f6f1f9f4f0a8d6a1c6b0f0f1e2d3c4b5a69788796a5b4c3";
const PIPELINES: &str = "[[pipeline]]\nname='w'\nrepository='shop/web'\ntag='latest'\ncluster='prod'\nservice='web'\n\
     application='shop'\ndeployment_group='shop-web'\n\
     [pipeline.migration]\ncontainer='web'\ncommand=['migrate']\ntimeout_minutes=30";

fn at(minutes: i64) -> UtcDateTime {
    UtcDateTime::UNIX_EPOCH + Duration::minutes(minutes)
}

/// The migration of `d-1`, which has ended with this exit code, or runs.
fn task(exit_code: Option<i64>) -> Task {
    let deployment = "d-1".parse().unwrap();
    Task {
        started_by: Some(started_by(&deployment)),
        last_status: exit_code.map_or("RUNNING", |_| STOPPED).to_owned(),
        overrides: vec![ContainerOverride {
            name: "web".parse().unwrap(),
            command: vec!["migrate".to_owned()],
            environment: std::collections::BTreeMap::new(),
            others: Vec::new(),
        }],
        ..Task::for_tests(&[("web", exit_code)])
    }
}

fn record() -> Record {
    let task = task(None);
    Record {
        deployment: "d-1".parse().unwrap(),
        group: None,
        executions: vec![EXECUTION.parse().unwrap()],
        cluster: "prod".to_owned(),
        runs: Some(TaskRun {
            revision: task.revision.clone(),
            alone_of: None,
            container: "web".parse().unwrap(),
            command: vec!["migrate".to_owned()],
        }),
        task: Some(task.arn),
        timeout_minutes: 30,
    }
}

/// All that can be asked: a migration of `d-1` that waits.
#[derive(Clone)]
struct World {
    config: Option<Config>,
    /// What the schedule's input is; none where there is no schedule.
    input: Option<String>,
    due: i64,
    now: i64,
    deployment: Described<Deployment>,
    task: Described<Task>,
    runs_shipped: bool,
    alone: Described<Vec<String>>,
    essential: &'static [&'static str],
}

impl World {
    fn new(task: Described<Task>) -> Self {
        let deployment = Deployment {
            status: DeploymentStatus::InProgress,
            ..deployment_described(&format!("greenlight {DIGEST}"))
        };
        Self {
            config: Some(Config::parse(PIPELINES).unwrap()),
            input: Some(record().to_json()),
            due: 30,
            now: 30,
            deployment: Described::This(Box::new(deployment)),
            task,
            runs_shipped: true,
            alone: Described::Unknown,
            essential: &["web"],
        }
    }

    fn with_record(mut self, change: impl Fn(&mut Record)) -> Self {
        let mut record = record();
        change(&mut record);
        self.input = Some(record.to_json());
        self
    }

    fn with_status(mut self, status: DeploymentStatus) -> Self {
        if let Described::This(deployment) = &mut self.deployment {
            deployment.status = status;
        }
        self
    }

    /// What is decided, and what was needed for it. Nothing may be needed twice: the loop that observes would not end. An
    /// error is what ends the invocation.
    fn decide(&self, event: &FinishEvent) -> (Result<Finish, String>, Vec<Need>) {
        let mut observed = Observed::default();
        let mut needed = Vec::new();
        loop {
            let need = match decide(self.config.as_ref(), event, &observed) {
                Ok(finish) => return (Ok(finish), needed),
                Err(need) => need,
            };
            assert!(!needed.contains(&need), "{need:?} is needed twice");
            needed.push(need.clone());
            let read = |unreadable: Option<&String>, if_unreadable| match unreadable {
                Some(reason) if if_unreadable == IfUnreadable::Fail => Err(reason.clone()),
                Some(_) | None => Ok(()),
            };
            let readable = match need {
                Need::Configuration => Err("no configuration".to_owned()),
                Need::Schedule(_) => {
                    observed.schedule = Some(Schedule {
                        found: self.input.clone().map(|input| FoundSchedule {
                            input,
                            at: Some(at(self.due)),
                        }),
                        now: Some(at(self.now)),
                    });
                    Ok(())
                }
                Need::Deployment(_, if_unreadable) => {
                    observed.deployment = Some(self.deployment.clone());
                    read(unreadable(&self.deployment), if_unreadable)
                }
                Need::Task(_, if_unreadable) => {
                    observed.task = Some(self.task.clone());
                    read(unreadable(&self.task), if_unreadable)
                }
                Need::RunsShipped(..) => {
                    observed.runs_shipped = Some(self.runs_shipped);
                    Ok(())
                }
                Need::Alone(_, _, _, if_unreadable) => {
                    observed.alone = Some(self.alone.clone());
                    read(unreadable(&self.alone), if_unreadable)
                }
                Need::Essential(_) => {
                    let names = self.essential.iter().map(|name| name.parse().unwrap());
                    observed.essential = Some(names.collect());
                    Ok(())
                }
                Need::Secrets(_) => {
                    observed.secrets = Some(vec!["[DB_PASSWORD]".to_owned()]);
                    Ok(())
                }
                Need::Log(_, container) => {
                    observed.log = Some(TaskLog {
                        of: Some(container),
                        lines: vec!["no such table".to_owned()],
                        ..TaskLog::default()
                    });
                    Ok(())
                }
            };
            if let Err(reason) = readable {
                return (Err(reason), needed);
            }
        }
    }

    fn said(&self, event: &FinishEvent) -> String {
        match self.decide(event).0 {
            Ok(finish) => said(finish),
            Err(reason) => format!("error: {reason}"),
        }
    }
}

fn unreadable<T>(described: &Described<T>) -> Option<&String> {
    match described {
        Described::Unreadable(reason) => Some(reason),
        Described::This(_) | Described::Unknown => None,
    }
}

/// An event of the migration's task that announces its end.
fn ended() -> FinishEvent {
    FinishEvent::Changed(TaskChanged {
        deployment: "d-1".parse().unwrap(),
        task: task(None).arn,
        has_stopped: true,
        ended: Vec::new(),
    })
}

/// The call of the time-out schedule.
fn time_out() -> FinishEvent {
    FinishEvent::TimedOut(TimedOut {
        deployment: "d-1".parse().unwrap(),
        older: None,
    })
}

fn described(task: Task) -> Described<Task> {
    Described::This(Box::new(task))
}

fn said(finish: Finish) -> String {
    let verdict = |verdict| match verdict {
        Verdict::Succeeded(_) => "succeeded".to_owned(),
        Verdict::Failed { reason, log } => format!("failed: {reason} {:?}", log.lines),
        Verdict::NothingRan(reason) => format!("nothing ran: {reason}"),
        Verdict::KeptFromRunning { reason, log } => match log.of {
            Some(of) => format!("nothing ran: {reason} ({of}: {:?})", log.lines),
            None => format!("nothing ran: {reason}"),
        },
        Verdict::TooLate(reason) => format!("too late: {reason}"),
        Verdict::Later(reason) | Verdict::Ignored(reason) => reason,
    };
    match finish {
        Finish::Nothing(reason) => format!("nothing: {reason}"),
        Finish::Refused(reason) => format!("refused: {reason}"),
        Finish::NotYet(reason) => format!("not yet: {reason}"),
        Finish::End(end) => match end.act {
            Act::Answer(answer) => verdict(answer),
            Act::AnswerAndStop(answer, _, reason) => {
                format!("{}, stop: {reason}", verdict(answer))
            }
            Act::StopAndFail(_, reason) => format!("stop: {reason}"),
            Act::StopUnread(task, reason) => format!("stop {} unread: {reason}", task.id()),
        },
    }
}

#[track_caller]
fn check(event: &FinishEvent, task: Described<Task>, expected: &str) {
    assert_eq!(World::new(task).said(event), expected);
}

#[test]
fn an_end_is_judged_as_ecs_describes_it() {
    check(&ended(), described(task(Some(0))), "succeeded");
    check(
        &ended(),
        described(task(Some(3))),
        "failed: the migration exited with code 3 (Essential container in task exited; stop code EssentialContainerExited) \
         [\"no such table\"]",
    );
    let not_yet = "not yet: ECS does not describe task 8f3c1a7c as far as its event does \
                   (hint: nothing to do if a later attempt succeeds)";
    check(&ended(), described(task(None)), not_yet);
    check(&ended(), Described::Unknown, not_yet);
    // The event comes again.
    let denied = || Described::Unreadable("denied".to_owned());
    check(&ended(), denied(), "error: denied");
}

#[test]
fn a_sidecar_is_stopped_after_the_answer() {
    let mut migrated = task(Some(0));
    migrated.last_status = "RUNNING".to_owned();
    migrated.stop_code = None;
    migrated
        .containers
        .push(TaskContainer::for_tests("proxy", None));
    check(
        &ended(),
        described(migrated),
        "succeeded, stop: the migration has ended",
    );
}

/// ECS stops a task whose essential container ends, and a program may answer the signal with 0.
#[test]
fn a_0_beside_an_essential_sidecar_that_ended_is_not_a_success() {
    let mut migrated = task(Some(0));
    migrated
        .containers
        .push(TaskContainer::for_tests("proxy", Some(1)));
    let mut world = World::new(described(migrated));
    assert_eq!(world.said(&ended()), "succeeded");
    world.essential = &["web", "proxy"];
    let said = world.said(&ended());
    let expected = "failed: it is not known whether the migration came to its end";
    assert!(said.starts_with(expected), "{said}");
}

#[test]
fn only_the_migration_answers() {
    let other = FinishEvent::Changed(TaskChanged {
        deployment: "d-1".parse().unwrap(),
        task: "arn:aws:ecs:eu-central-1:111122223333:task/prod/0000"
            .parse()
            .unwrap(),
        has_stopped: true,
        ended: Vec::new(),
    });
    check(
        &other,
        described(task(Some(0))),
        "nothing: deployment `d-1` waits for task 8f3c1a7c, not for 0000",
    );
    // Where a death left the ARN out, every member must be right.
    let mut forged = task(Some(0));
    forged.overrides[0].command = vec!["true".to_owned()];
    let unnoted = |task| {
        let world = World::new(described(task)).with_record(|record| record.task = None);
        world.said(&ended())
    };
    assert_eq!(
        unnoted(forged),
        "nothing: task 8f3c1a7c is not the migration of deployment `d-1`: its command is another one"
    );
    assert_eq!(unnoted(task(Some(0))), "succeeded");
}

#[test]
fn a_migration_is_stopped_when_its_time_is_up() {
    let at_minute = |now: i64, task| {
        let mut world = World::new(task);
        world.now = now;
        world.said(&time_out())
    };
    let runs = || described(task(None));
    let too_long = "stop: the migration did not end within its 30 minutes";
    assert_eq!(at_minute(30, runs()), too_long);
    // Scheduler's clock is another one.
    assert_eq!(at_minute(29, runs()), too_long);
    assert_eq!(
        at_minute(28, runs()),
        "nothing: the migration of deployment `d-1` has time until 1970-01-01 0:30:00.0 +00"
    );
    // It ended, and its event was lost.
    assert_eq!(at_minute(28, described(task(Some(0)))), "succeeded");
    check(
        &time_out(),
        Described::Unknown,
        "failed: ECS does not know the migration's task (any more) []",
    );
    let unnoted = World::new(Described::Unknown).with_record(|record| record.task = None);
    assert_eq!(
        unnoted.said(&time_out()),
        "nothing ran: the migration was never started: run-migration broke off before it, and no later call started it in time"
    );
}

/// What cannot be judged must not run on. Where no ARN was written down there is nothing to stop.
#[test]
fn a_migration_that_cannot_be_read_is_stopped_when_its_time_is_up() {
    let denied = || World::new(Described::Unreadable("denied".to_owned()));
    let over = "the migration's 30 minutes are over, and its task cannot be read (denied)";
    assert_eq!(
        denied().said(&time_out()),
        format!("stop 8f3c1a7c unread: {over}")
    );
    let unnoted = denied().with_record(|record| record.task = None);
    assert_eq!(unnoted.said(&time_out()), format!("failed: {over} []"));
    let mut early = denied();
    early.now = 28;
    assert!(early.said(&time_out()).starts_with("nothing: "));
    let verdict = |world: World, stopped| {
        let Ok(Finish::End(end)) = world.decide(&time_out()).0 else {
            panic!("the time is up");
        };
        end.unread(over, stopped)
    };
    for (stopped, expected) in [
        (Stopped::Yes, "(denied): it was stopped"),
        (
            Stopped::No,
            "(denied), nor could it be stopped: it may still run",
        ),
    ] {
        let verdict = verdict(denied(), stopped);
        assert!(
            matches!(&verdict, Verdict::Failed { reason, .. } if reason.ends_with(expected)),
            "{verdict:?}"
        );
    }
    let ended = denied().with_status(DeploymentStatus::Stopped);
    assert!(matches!(verdict(ended, Stopped::Yes), Verdict::TooLate(_)));
}

#[test]
fn a_failure_after_the_end_is_too_late() {
    let late = |exit_code| {
        let world = World::new(described(task(Some(exit_code))));
        world.with_status(DeploymentStatus::Stopped).said(&ended())
    };
    assert!(late(3).starts_with("too late: "), "{}", late(3));
    assert_eq!(late(0), "succeeded");
    let end = World::new(described(task(None))).with_status(DeploymentStatus::Stopped);
    let Ok(Finish::End(end)) = end.decide(&time_out()).0 else {
        panic!("the time is up");
    };
    let verdict = end.failed(
        &task(None),
        None,
        "it ran longer",
        Stopped::Yes,
        TaskLog::default(),
    );
    assert!(matches!(verdict, Verdict::TooLate(_)), "{verdict:?}");
}

/// A task that never got as far as running its containers changed no database.
#[test]
fn a_migration_whose_time_is_up_before_it_began_did_not_run() {
    let in_status = |status: &str| {
        let mut task = task(None);
        task.last_status = status.to_owned();
        task.started_at = None;
        task
    };
    let of = |task: Task, after: Option<&Task>, stopped| {
        let Ok(Finish::End(end)) = World::new(described(task)).decide(&time_out()).0 else {
            panic!("the time is up");
        };
        let Act::StopAndFail(task, reason) = &end.act else {
            panic!("it is stopped");
        };
        match end.failed(task, after, reason, stopped, TaskLog::default()) {
            Verdict::Failed { reason, .. } => format!("failed: {reason}"),
            Verdict::NothingRan(reason) => format!("nothing ran: {reason}"),
            Verdict::KeptFromRunning { reason, .. }
            | Verdict::Succeeded(reason)
            | Verdict::TooLate(reason)
            | Verdict::Later(reason)
            | Verdict::Ignored(reason) => reason,
        }
    };
    let provisioning = || in_status("PROVISIONING");
    let stopped_after = in_status("DEPROVISIONING");
    let not_started =
        "the migration did not start within its 30 minutes (its task was PROVISIONING)";
    assert_eq!(
        of(provisioning(), Some(&stopped_after), Stopped::Yes),
        format!("nothing ran: {not_started}, and was stopped")
    );
    // It may have begun in between, or that cannot be read.
    let mut began = stopped_after.clone();
    began.containers[0].runtime_id = Some("8f3c1a7c-1".to_owned());
    let stopped = format!("failed: {not_started} and was stopped");
    assert_eq!(of(provisioning(), Some(&began), Stopped::Yes), stopped);
    assert_eq!(of(provisioning(), None, Stopped::Yes), stopped);
    assert_eq!(
        of(provisioning(), Some(&stopped_after), Stopped::No),
        format!("failed: {not_started} and could not be stopped: it may still run")
    );
    // Another container waits for the migration's, which runs.
    assert_eq!(
        of(in_status("PENDING"), Some(&stopped_after), Stopped::Yes),
        "failed: the migration did not end within its 30 minutes (its task was PENDING) and was stopped"
    );
    for status in ["RUNNING", "ACTIVATING", "STOPPING"] {
        assert_eq!(
            of(in_status(status), Some(&stopped_after), Stopped::Yes),
            "failed: the migration did not end within its 30 minutes and was stopped"
        );
    }
}
