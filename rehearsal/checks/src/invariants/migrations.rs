//! 5. Every started migration is judged by its exit code exactly once; none is left running after its deployment has
//!    ended.
//!
//! - A deployment has at most one migration task, and its hook gets at most one answer that ends it.
//! - `Succeeded` comes after a migration that exited with 0, if the pipeline has one; `finish-migration`, or `run-migration`
//!   where ECS repeats its call, answers `Failed` to none that exited with 0 within its time limit and before any other
//!   essential container ended, unless AWS kept `run-migration` from reading that.
//! - When the deployment ends, its task ends within minutes; if EventBridge lost the event of the end, when the
//!   migration's time limit has passed.
//!
//! - Before a rolling update a revision is migrated once, and not for longer than the migration's time limit; `migration-failed`
//!   is reported of none that exited with 0 as above, and of each that did not.
//!
//! A migration is a task that `run-migration` started, before a rolling update `start-deployment`, whatever the marks of other
//! tasks claim. Its exit code is that of the container that migrates, if that exited by itself.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use record::{
    By, ContainerEnd, Deployment, End, Engine, HookAnswer, HookCall, Migration, MigrationGate,
};

use super::facts::{Facts, Pipeline};
use super::gate::{Gate, starter};

/// A function receives the end, ECS gives the container half a minute, and a failed call is retried a few minutes
/// later.
const STOPPED_WITHIN: Duration = Duration::from_secs(10 * 60);

/// Of errors of AWS that say nothing of what was asked.
const WITHHELD: [&str; 2] = ["AccessDenied", "Throttl"];

/// What `run-migration` reads to decide what it answers ECS.
const READS: [&str; 7] = [
    "DescribeServiceDeployments",
    "DescribeServiceRevisions",
    "DescribeServices",
    "DescribeTaskDefinition",
    "DescribeTasks",
    "ListServiceDeployments",
    "ListTasks",
];

/// The timeline records the end of a task a moment after functions receive it.
const TOLD_WITHIN: Duration = Duration::from_secs(1);

pub(super) fn judge(facts: &Facts<'_>) -> Vec<String> {
    let of = |deployment| {
        let mut found = judged(facts, deployment);
        found.extend(outlived(facts, deployment));
        found
    };
    let deployments = facts.record.deployments.iter();
    let mut found: Vec<String> = deployments.flat_map(of).collect();
    found.extend(before_updates(facts));
    found
}

fn migrations<'a>(
    facts: &'a Facts<'a>,
    deployment: &'a Deployment,
) -> impl Iterator<Item = &'a Migration> {
    facts.record.migrations.iter().filter(|migration| {
        deployment.is_called(&migration.deployment)
            && migration.given_to.as_deref() == Some(Gate::Migration.function())
    })
}

/// How the container that migrates exited by itself; `None` if its exit code has no meaning.
fn own_end<'a>(migration: &'a Migration, container: &str) -> Option<&'a ContainerEnd> {
    let end = migration.container(container)?.end.as_ref()?;
    end.by_itself.then_some(end)
}

/// Whether the container was the first of the essential ones to end. ECS does not report which was first.
fn ended_first(migration: &Migration, container: &str, end: &ContainerEnd) -> bool {
    let mut others = migration.containers.iter();
    others.all(|other| {
        let ends = other.end.as_ref().filter(|end| end.by_itself);
        !other.essential || other.name == container || ends.is_none_or(|other| other.at > end.at)
    })
}

fn judged(facts: &Facts<'_>, deployment: &Deployment) -> Vec<String> {
    let id = &deployment.id;
    let is_of_gate = |hook: &&HookCall| {
        hook.deployment == *id
            && !hook.rollback
            && Gate::of(deployment.engine, hook) == Some(Gate::Migration)
    };
    let hooks = facts.record.hooks.iter().filter(is_of_gate);
    let answers = hooks.flat_map(|hook| hook.verdicts().map(move |answer| (hook, answer)));
    let answers: Vec<(&HookCall, &HookAnswer)> = answers.collect();
    let tasks: Vec<&Migration> = migrations(facts, deployment).collect();
    let mut found = Vec::new();
    if tasks.len() > 1 {
        let tasks: Vec<&str> = tasks.iter().map(|task| task.task.as_str()).collect();
        found.push(format!(
            "`{id}` was migrated {} times: {}",
            tasks.len(),
            tasks.join(", ")
        ));
    }
    if answers.len() > 1 {
        found.push(format!(
            "{} answers to the hook that migrates for `{id}` were accepted",
            answers.len()
        ));
    }
    let gate = facts
        .keeper_of(deployment, |pipeline| pipeline.migration.is_some())
        .and_then(|pipeline| pipeline.given.migration.as_ref());
    let Some(gate) = gate else { return found };
    let well = |task: &Migration, at: SystemTime| {
        let end = own_end(task, &gate.container)?;
        (end.exit_code == 0 && end.at <= at + TOLD_WITHIN).then_some(*end)
    };
    let judges = match deployment.engine {
        Engine::CodeDeploy => "finish-migration",
        Engine::Native | Engine::Rolling => Gate::Migration.function(),
    };
    let migrates = deployment.by == By::Greenlight && !facts.goes_back(deployment);
    for (hook, answer) in answers {
        let well = tasks
            .iter()
            .find_map(|task| Some((task, well(task, answer.at)?)));
        let is_certain = well.is_some_and(|(task, end)| ended_first(task, &gate.container, &end));
        let by_exit_code = answer.function.as_deref() == Some(judges)
            && is_certain
            && !was_kept_from_knowing(facts, deployment, hook, answer);
        let told = format!(
            "the {} hook of `{id}` was answered `{}` at {}",
            hook.lifecycle_event,
            answer.status,
            facts.when(answer.at)
        );
        match (answer.passes(), well) {
            (true, None) if migrates => found.push(format!(
                "{told}, without a migration that had exited with 0"
            )),
            (false, Some((task, _))) if by_exit_code => {
                found.push(format!("{told}, though {} had exited with 0", task.task));
            }
            _ => {}
        }
    }
    found
}

/// Whether AWS refused or failed a call by which the invocation that answered ECS reads how the migration stands. ECS would take
/// `IN_PROGRESS` and call again; that a gate in doubt fails is a choice. CodeDeploy's hook is answered by an invocation that is
/// repeated.
fn was_kept_from_knowing(
    facts: &Facts<'_>,
    deployment: &Deployment,
    hook: &HookCall,
    answer: &HookAnswer,
) -> bool {
    let before = hook.answers.iter().map(|other| other.at);
    let before = before.filter(|at| *at < answer.at).max();
    let invoked = before.unwrap_or(hook.called_at)..=answer.at;
    let mut calls = facts.record.aws_calls.iter();
    deployment.engine != Engine::CodeDeploy
        && calls.any(|call| {
            let error = call.error.as_deref().unwrap_or_default();
            call.function == answer.function
                && READS.contains(&call.operation.as_str())
                && invoked.contains(&call.at)
                && (call.status >= 500 || WITHHELD.iter().any(|word| error.contains(word)))
        })
}

fn outlived(facts: &Facts<'_>, deployment: &Deployment) -> Vec<String> {
    let Some(ended) = deployment.ended_at else {
        return Vec::new();
    };
    let limit = facts
        .keeper_of(deployment, |pipeline| pipeline.migration.is_some())
        .and_then(|pipeline| Some(pipeline.given.migration.as_ref()?.limit_minutes));
    let late = |migration: &Migration| {
        let by_schedule = match deployment.end {
            End::Told => None,
            End::Lost | End::Kept => migration
                .started_at
                .zip(limit)
                .map(|(started, minutes)| started + Duration::from_secs(minutes * 60)),
        };
        let until = by_schedule.map_or(ended, |moment| moment.max(ended)) + STOPPED_WITHIN;
        migration.stopped_at.is_none_or(|stopped| stopped > until)
    };
    let found = migrations(facts, deployment).filter(|migration| late(migration));
    found
        .map(|migration| {
            let then = migration
                .stopped_at
                .map_or("still runs".to_owned(), |stopped| {
                    format!("ran until {}", facts.when(stopped))
                });
            format!(
                "the migration {} of `{}`, which ended at {}, {then}",
                migration.task,
                deployment.id,
                facts.when(ended)
            )
        })
        .collect()
}

/// The migrations before rolling updates, which no hook and no deployment names: each is of a revision.
fn before_updates(facts: &Facts<'_>) -> Vec<String> {
    let starts = starter(Engine::Rolling);
    let mut by_revision: BTreeMap<&str, Vec<&Migration>> = BTreeMap::new();
    let migrations = facts.record.migrations.iter();
    for task in migrations.filter(|task| task.given_to.as_deref() == Some(starts)) {
        by_revision.entry(&task.of).or_default().push(task);
    }
    let mut found = Vec::new();
    for (revision, tasks) in by_revision {
        if tasks.len() > 1 {
            found.push(format!("{revision} was migrated {} times", tasks.len()));
        }
        found.extend(tasks.iter().filter_map(|task| misjudged(facts, task)));
    }
    found
}

/// The configuration of a migration before a rolling update: of a pipeline that follows one of its images, and whose container it
/// has. Of several such the task does not say which one it is of.
fn gate_of<'a>(facts: &'a Facts<'_>, task: &Migration) -> Option<&'a MigrationGate> {
    let is_followed = |pipeline: &Pipeline<'_>| {
        let mut digests = task.containers.iter();
        digests.any(|container| {
            let mut pushes = facts.followed(pipeline);
            pushes.any(|push| container.digest.as_ref() == Some(&push.digest))
        })
    };
    let gates = facts.pipelines.iter().filter_map(|pipeline| {
        let gate = pipeline.given.migration.as_ref()?;
        let has_container = task.container(&gate.container).is_some();
        Some((is_followed(pipeline), has_container, gate))
    });
    let best = gates.max_by_key(|(followed, has, gate)| (*followed, *has, gate.limit_minutes));
    best.map(|(_, _, gate)| gate)
}

/// How the end of a migration before a rolling update was judged otherwise than by its exit code, or when it runs too long.
fn misjudged(facts: &Facts<'_>, task: &Migration) -> Option<String> {
    let gate = gate_of(facts, task)?;
    let limit = Duration::from_secs(gate.limit_minutes * 60);
    let (name, revision) = (&task.task, &task.of);
    let until = task
        .started_at
        .map(|started| started + limit + STOPPED_WITHIN);
    let stopped = task.stopped_at.unwrap_or(facts.record.simulated.end);
    if until.is_some_and(|until| stopped > until) {
        return Some(format!(
            "the migration {name} of {revision} ran past its time limit"
        ));
    }
    let end = own_end(task, &gate.container);
    let is_certain =
        end.is_some_and(|end| end.exit_code == 0 && ended_first(task, &gate.container, end));
    let called = called(revision);
    let mut messages = facts.record.messages.iter();
    let is_told = messages.any(|told| {
        told.outcome() == "migration-failed"
            && told.deployment().as_deref() == Some(called.as_str())
    });
    match (is_certain, is_told) {
        (true, true) => Some(format!(
            "{name} had exited with 0, and `migration-failed` was reported of {revision}"
        )),
        (false, false) if task.stopped_at.is_some() => Some(format!(
            "{name} did not exit with 0, and no message reports it of {revision}"
        )),
        (true | false, false) | (false, true) => None,
    }
}

/// What a rolling update is called in messages before ECS has named it: `family-number`.
fn called(revision: &str) -> String {
    let short = revision.rsplit('/').next().unwrap_or_default();
    short.replace(':', "-")
}
