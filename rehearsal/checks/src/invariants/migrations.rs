//! 5. Every migration that is started is judged by its exit code exactly once; none is left running after its deployment
//!    ended.
//!
//! - A deployment has one migration task at most, and CodeDeploy takes one answer to its AfterInstall hook at most.
//! - `Succeeded` comes after a migration that exited with 0, where the pipeline has one; `finish-migration` answers `Failed`
//!   to none that did before its time was over, and before another essential container ended.
//! - When the deployment ends its task ends within minutes; where EventBridge lost the event of the end, when the
//!   migration's time limit is over.
//!
//! A migration is a task that RunTask gave to `run-migration`, whatever other tasks say of themselves, and its exit code is
//! the one of the container that migrates, if that ended of its own accord.

use std::time::{Duration, SystemTime};

use record::{By, ContainerEnd, Deployment, End, HookAnswer, Migration};

use super::facts::Facts;

/// A function hears of the end, ECS gives the container half a minute, and a call that fails is repeated a few minutes on.
const STOPPED_WITHIN: Duration = Duration::from_secs(10 * 60);

/// The end of a task is told to functions first, and to us a moment later.
const TOLD_WITHIN: Duration = Duration::from_secs(1);

pub(super) fn judge(facts: &Facts<'_>) -> Vec<String> {
    let of = |deployment| {
        let mut found = judged(facts, deployment);
        found.extend(outlived(facts, deployment));
        found
    };
    facts.record.deployments.iter().flat_map(of).collect()
}

fn migrations<'a>(
    facts: &'a Facts<'a>,
    deployment: &'a Deployment,
) -> impl Iterator<Item = &'a Migration> {
    facts.record.migrations.iter().filter(|migration| {
        migration.deployment == deployment.id
            && migration.given_to.as_deref() == Some("run-migration")
    })
}

/// How the container that migrates ended of its own accord; none where its exit code says nothing.
fn own_end<'a>(migration: &'a Migration, container: &str) -> Option<&'a ContainerEnd> {
    let end = migration.container(container)?.end.as_ref()?;
    end.by_itself.then_some(end)
}

/// Whether the container ended first of those whose end ends the task. ECS does not say which did.
fn ended_first(migration: &Migration, container: &str, end: &ContainerEnd) -> bool {
    let mut others = migration.containers.iter();
    others.all(|other| {
        let ends = other.end.as_ref().filter(|end| end.by_itself);
        !other.essential || other.name == container || ends.is_none_or(|other| other.at > end.at)
    })
}

fn judged(facts: &Facts<'_>, deployment: &Deployment) -> Vec<String> {
    let id = &deployment.id;
    let answers: Vec<&HookAnswer> = facts
        .record
        .hooks
        .iter()
        .filter(|hook| hook.deployment == *id && hook.lifecycle_event == "AfterInstall")
        .flat_map(|hook| &hook.answers)
        .collect();
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
            "CodeDeploy took {} answers to the AfterInstall hook of `{id}`",
            answers.len()
        ));
    }
    let gate = facts
        .pipeline_of(deployment)
        .and_then(|pipeline| pipeline.given.migration.as_ref());
    let Some(gate) = gate else { return found };
    let well = |task: &Migration, at: SystemTime| {
        let end = own_end(task, &gate.container)?;
        (end.exit_code == 0 && end.at <= at + TOLD_WITHIN).then_some(*end)
    };
    for answer in answers {
        let well = tasks
            .iter()
            .find_map(|task| Some((task, well(task, answer.at)?)));
        let is_certain = well.is_some_and(|(task, end)| ended_first(task, &gate.container, &end));
        let by_exit_code = answer.function.as_deref() == Some("finish-migration") && is_certain;
        match (answer.status.as_str(), well) {
            ("Succeeded", None) if deployment.by == By::Greenlight => found.push(format!(
                "the AfterInstall hook of `{id}` was answered `Succeeded` at {}, without a migration that had exited with 0",
                facts.when(answer.at)
            )),
            ("Failed", Some((task, _))) if by_exit_code => found.push(format!(
                "the AfterInstall hook of `{id}` was answered `Failed` at {}, though {} had exited with 0",
                facts.when(answer.at),
                task.task
            )),
            _ => {}
        }
    }
    found
}

fn outlived(facts: &Facts<'_>, deployment: &Deployment) -> Vec<String> {
    let Some(ended) = deployment.ended_at else {
        return Vec::new();
    };
    let limit = facts
        .pipeline_of(deployment)
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
