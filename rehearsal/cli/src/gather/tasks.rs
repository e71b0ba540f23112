//! Tasks that RunTask started.

use std::collections::BTreeMap;

use local_aws::ecs::State;
use local_aws::ecs::task::{Task as EcsTask, TaskContainer};
use local_aws::timeline::{self, Entry, Purpose};
use local_aws::world::World;
use record::{Container, ContainerEnd, Migration, Task};

use super::aliases::Aliases;
use super::redact::Redactor;

/// The prefixes of `startedBy` by which Greenlight's tasks name their deployment, by engine.
const STARTED_BY: [&str; 3] = ["greenlight/", "greenlight-native/", "greenlight-rolling/"];
/// Of a revision in which a migration runs alone: the tag with the revision that it was made of.
const MIGRATION_OF: &str = "greenlight:migration-of";

/// The tasks that have ended, in the order of their ends.
pub(super) fn ended(timeline: &[Entry], redactor: &Redactor) -> Vec<Task> {
    let tasks = timeline.iter();
    tasks
        .filter_map(|entry| one_off_task(entry, redactor))
        .collect()
}

fn one_off_task(entry: &Entry, redactor: &Redactor) -> Option<Task> {
    let timeline::Event::TaskStopped {
        task,
        purpose,
        version,
        exit_code,
        reason,
        ..
    } = &entry.event
    else {
        return None;
    };
    match purpose {
        Purpose::Once {
            started_by,
            command,
        } => Some(Task {
            arn: task.clone(),
            started_by: started_by.clone(),
            command: command.iter().map(|word| redactor.text(word)).collect(),
            version: version.clone(),
            exit_code: *exit_code,
            reason: reason.as_deref().map(|reason| redactor.text(reason)),
        }),
        Purpose::Service(_) => None,
    }
}

/// The output of one-off tasks, by the last part of their ARN.
pub(super) fn logs(
    world: &World,
    timeline: &[Entry],
    redactor: &Redactor,
) -> BTreeMap<String, Vec<String>> {
    let ids = timeline.iter().filter_map(|entry| {
        let (timeline::Event::TaskStarted { task, purpose, .. }
        | timeline::Event::TaskStopped { task, purpose, .. }) = &entry.event
        else {
            return None;
        };
        match purpose {
            Purpose::Once { .. } => task.rsplit('/').next(),
            Purpose::Service(_) => None,
        }
    });
    let log = |id: &str| {
        let lines = world.logs.of_task(id);
        let lines = lines.iter().map(|event| redactor.text(&event.message));
        (id.to_owned(), lines.collect())
    };
    ids.map(log).collect()
}

pub(super) fn migrations(world: &World, aliases: &Aliases) -> Vec<Migration> {
    let given = given(world);
    let indexes = indexes(world);
    let migration = |state: &State, task: &EcsTask| {
        let started_by = task.started_by.as_deref()?;
        let mut prefixes = STARTED_BY.into_iter();
        let deployment = prefixes.find_map(|prefix| started_by.strip_prefix(prefix))?;
        Some(Migration {
            task: task.arn.clone(),
            deployment: deployment.to_owned(),
            given_to: given.get(&task.arn).cloned(),
            revision: task.task_definition.clone(),
            of: migrated(state, &task.task_definition),
            started_at: task.started_at,
            stopped_at: task.stopped_at,
            containers: task
                .containers
                .iter()
                .map(|one| container(one, &indexes, aliases))
                .collect(),
        })
    };
    world.ecs.read(|state| {
        let tasks = state.tasks.iter();
        tasks.filter_map(|task| migration(state, task)).collect()
    })
}

/// The revision that a migration in this one migrates.
fn migrated(state: &State, revision: &str) -> String {
    let tags = state.revision(revision).map(|revision| &revision.tags);
    let mut tags = tags.into_iter().flatten();
    let made_of = tags.find(|tag| tag["key"] == MIGRATION_OF);
    let made_of = made_of.and_then(|tag| tag["value"].as_str());
    made_of.unwrap_or(revision).to_owned()
}

/// The index of each manifest that the rehearsal's machine can run: a task may state either digest for the same image.
fn indexes(world: &World) -> BTreeMap<String, String> {
    let images = world
        .ecr
        .repositories()
        .into_iter()
        .flat_map(|repository| repository.images);
    images
        .filter_map(|image| Some((image.platform_digest()?, image.digest)))
        .collect()
}

fn container(
    container: &TaskContainer,
    indexes: &BTreeMap<String, String>,
    aliases: &Aliases,
) -> Container {
    let end = container.end.zip(container.exit_code);
    Container {
        name: container.name.clone(),
        essential: container.essential,
        digest: container
            .image_digest
            .as_ref()
            .map(|digest| indexes.get(digest).unwrap_or(digest).clone()),
        ran: aliases.words(&container.ran),
        end: end.map(|(end, exit_code)| ContainerEnd {
            at: end.at,
            exit_code,
            by_itself: end.by_itself,
        }),
    }
}

/// The functions that called RunTask for the deployment in the task's `startedBy`, by task.
fn given(world: &World) -> BTreeMap<String, String> {
    let calls = world.calls().into_iter();
    let started = calls.filter(|call| call.operation == "RunTask" && call.status == 200);
    let given = started.flat_map(|call| {
        let tasks = call.response["tasks"].as_array().cloned();
        let tasks = tasks.into_iter().flatten();
        tasks.filter_map(move |task| {
            let arn = task["taskArn"].as_str()?.to_owned();
            Some((arn, call.function.clone()?))
        })
    });
    given.collect()
}
