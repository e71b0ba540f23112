use super::super::{TaskRun, started_by};
use super::*;
use crate::observed::{ContainerOverride, TaskContainer};

const EXECUTION: &str = "eyJ1";

fn at(minutes: i64) -> UtcDateTime {
    UtcDateTime::UNIX_EPOCH + Duration::minutes(minutes)
}

/// The migration of `d-1`, which has ended with this exit code, or runs.
fn task(exit_code: Option<i32>) -> Task {
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
            container: "web".parse().unwrap(),
            command: vec!["migrate".to_owned()],
        }),
        task: Some(task.arn),
        timeout_minutes: 30,
    }
}

fn observed(trigger: Trigger) -> Observed {
    Observed {
        trigger,
        record: record(),
        container: "web".parse().ok(),
        deployment: Deployment::MayWait,
        task: None,
        essential: None,
        log: None,
    }
}

/// An event of the migration's task that announces its end.
fn ended() -> Trigger {
    Trigger::Changed(TaskChanged {
        deployment: "d-1".parse().unwrap(),
        task: task(None).arn,
        has_stopped: true,
        ended: Vec::new(),
    })
}

/// What is decided where ECS describes this task. Nothing may be needed twice: the loop that observes would not end.
fn decided(observed: Observed, described: &Described) -> Finish {
    decided_with(&["web"], observed, described)
}

/// The same, where these containers are essential.
fn decided_with(essential: &[&str], mut observed: Observed, described: &Described) -> Finish {
    let mut asked = Vec::new();
    loop {
        let need = match decide(&observed) {
            Ok(finish) => return finish,
            Err(need) => need,
        };
        assert!(!asked.contains(&need), "{need:?} is needed twice");
        asked.push(need);
        match need {
            Need::Task => observed.task = Some(described.clone()),
            Need::Essential => {
                let names = essential.iter().map(|name| name.parse().unwrap());
                observed.essential = Some(names.collect());
            }
            Need::Log => observed.log = Some(vec!["no such table".to_owned()]),
        }
    }
}

fn described(task: Task) -> Described {
    Described::Task(Box::new(task))
}

fn said(finish: Finish) -> String {
    let verdict = |verdict| match verdict {
        Verdict::Succeeded(_) => "succeeded".to_owned(),
        Verdict::Failed { reason, log } => format!("failed: {reason} {log:?}"),
        Verdict::NothingRan(reason) => format!("nothing ran: {reason}"),
        Verdict::TooLate(reason) => format!("too late: {reason}"),
        Verdict::Later(reason) | Verdict::Ignored(reason) => reason,
    };
    match finish {
        Finish::Nothing(reason) => format!("nothing: {reason}"),
        Finish::NotYet(reason) => format!("not yet: {reason}"),
        Finish::Answer(answer) => verdict(answer),
        Finish::AnswerAndStop(answer, _, reason) => format!("{}, stop: {reason}", verdict(answer)),
        Finish::StopAndFail(_, reason) => format!("stop: {reason}"),
    }
}

#[track_caller]
fn check(trigger: Trigger, described: &Described, expected: &str) {
    let said = said(decided(observed(trigger), described));
    assert_eq!(said, expected);
}

#[test]
fn an_end_is_judged_as_ecs_describes_it() {
    check(ended(), &described(task(Some(0))), "succeeded");
    check(
        ended(),
        &described(task(Some(3))),
        "failed: the migration exited with code 3 (Essential container in task exited; stop code EssentialContainerExited) \
         [\"no such table\"]",
    );
    let not_yet = "not yet: ECS does not describe task 8f3c1a7c as far as its event does \
                   (hint: nothing to do if a later attempt succeeds)";
    check(ended(), &described(task(None)), not_yet);
    check(ended(), &Described::Unknown, not_yet);
}

#[test]
fn a_sidecar_is_stopped_after_the_answer() {
    let mut migrated = task(Some(0));
    migrated.last_status = "RUNNING".to_owned();
    migrated.stop_code = None;
    migrated.containers.push(TaskContainer {
        name: "proxy".parse().unwrap(),
        exit_code: None,
        reason: None,
        image_digest: None,
    });
    let said = said(decided(observed(ended()), &described(migrated)));
    assert_eq!(said, "succeeded, stop: the migration has ended");
}

/// ECS stops a task whose essential container ends, and a program may answer the signal with 0.
#[test]
fn a_0_beside_an_essential_sidecar_that_ended_is_not_a_success() {
    let mut migrated = task(Some(0));
    migrated.containers.push(TaskContainer {
        name: "proxy".parse().unwrap(),
        exit_code: Some(1),
        reason: None,
        image_digest: None,
    });
    let migrated = described(migrated);
    let said = |essential: &[&str]| said(decided_with(essential, observed(ended()), &migrated));
    assert_eq!(said(&["web"]), "succeeded");
    let expected = "failed: it is not known whether the migration came to its end";
    assert!(
        said(&["web", "proxy"]).starts_with(expected),
        "{}",
        said(&["web", "proxy"])
    );
}

#[test]
fn only_the_migration_answers() {
    let other = Trigger::Changed(TaskChanged {
        deployment: "d-1".parse().unwrap(),
        task: "arn:aws:ecs:eu-central-1:111122223333:task/prod/0000"
            .parse()
            .unwrap(),
        has_stopped: true,
        ended: Vec::new(),
    });
    check(
        other,
        &described(task(Some(0))),
        "nothing: deployment `d-1` waits for task 8f3c1a7c, not for 0000",
    );
    // Where a death left the ARN out, every member must be right.
    let mut unnoted = observed(ended());
    unnoted.record.task = None;
    let mut forged = task(Some(0));
    forged.overrides[0].command = vec!["true".to_owned()];
    assert_eq!(
        said(decided(unnoted.clone(), &described(forged))),
        "nothing: task 8f3c1a7c is not the migration of deployment `d-1`: its command is another one"
    );
    assert_eq!(
        said(decided(unnoted, &described(task(Some(0))))),
        "succeeded"
    );
}

#[test]
fn a_migration_is_stopped_when_its_time_is_up() {
    let time_out = |due: i64, now: i64| Trigger::TimedOut {
        due: Some(at(due)),
        now: Some(at(now)),
    };
    let runs = described(task(None));
    let too_long = "stop: the migration ran longer than its 30 minutes";
    check(time_out(30, 30), &runs, too_long);
    // Scheduler's clock is another one.
    check(time_out(30, 29), &runs, too_long);
    check(
        time_out(30, 28),
        &runs,
        "nothing: the migration of deployment `d-1` has time until 1970-01-01 0:30:00.0 +00",
    );
    // It ended, and its event was lost.
    check(time_out(30, 28), &described(task(Some(0))), "succeeded");
    check(
        time_out(30, 30),
        &Described::Unknown,
        "failed: ECS does not know the migration's task (any more) []",
    );
    check(
        time_out(30, 30),
        &Described::Unreadable("denied".to_owned()),
        "failed: denied []",
    );
    let mut unnoted = observed(time_out(30, 30));
    unnoted.record.task = None;
    assert_eq!(
        said(decided(unnoted, &Described::Unknown)),
        "nothing ran: the migration was never started: run-migration broke off before it, and no later call started it in time"
    );
}

#[test]
fn a_failure_after_the_end_is_too_late() {
    let mut late = observed(ended());
    late.deployment = Deployment::HasEnded;
    let failed = said(decided(late.clone(), &described(task(Some(3)))));
    assert!(failed.starts_with("too late: "), "{failed}");
    assert_eq!(said(decided(late, &described(task(Some(0))))), "succeeded");
}
