//! What happened in a world: pushes, reconciliations, hooks, migrations, messages.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use local_aws::ecs::task::{Task, TaskContainer};
use local_aws::lambda::{Answer, Invocation};
use local_aws::timeline::{self, Entry};
use local_aws::world::World;
use record::{
    Container, ContainerEnd, HookAnswer, HookCall, Message, Migration, Push, Reconciliation,
};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::Known;
use super::aliases::Aliases;

/// How the tasks that Greenlight starts say for whom.
const STARTED_BY: &str = "greenlight/";

pub(super) fn pushes(known: &Known, timeline: &[Entry], invocations: &[Invocation]) -> Vec<Push> {
    let mut points: BTreeMap<(String, String), String> = BTreeMap::new();
    let mut pushes = Vec::new();
    for (repository, tag, digest) in &known.images {
        points.insert((repository.clone(), tag.clone()), digest.clone());
        pushes.push(Push {
            at: known.start,
            repository: repository.clone(),
            digest: digest.clone(),
            tag: tag.clone(),
            moved: true,
            heard: false,
        });
    }
    for entry in timeline {
        let timeline::Event::ImagePushed {
            repository,
            digest,
            tag: Some(tag),
        } = &entry.event
        else {
            continue;
        };
        let before = points.insert((repository.clone(), tag.clone()), digest.clone());
        pushes.push(Push {
            at: entry.at,
            repository: repository.clone(),
            digest: digest.clone(),
            tag: tag.clone(),
            moved: before.as_ref() != Some(digest),
            heard: invocations
                .iter()
                .any(|invocation| hears(invocation, digest, tag, entry.at)),
        });
    }
    pushes
}

/// Whether an invocation of `start-deployment` was told of this push, and came to its end.
fn hears(invocation: &Invocation, digest: &str, tag: &str, at: SystemTime) -> bool {
    let event = &invocation.payload;
    let told_at = event["time"]
        .as_str()
        .and_then(|time| OffsetDateTime::parse(time, &Rfc3339).ok());
    let is_then = told_at.is_some_and(|told_at| {
        let since = at.duration_since(SystemTime::from(told_at));
        since.is_ok_and(|since| since < Duration::from_secs(1))
    });
    invocation.binary_name == "start-deployment"
        && matches!(invocation.answer, Answer::Response(_))
        && event["detail"]["image-digest"] == digest
        && event["detail"]["image-tag"] == tag
        && is_then
}

pub(super) fn reconciliations(
    timeline: &[Entry],
    invocations: &[Invocation],
) -> Vec<Reconciliation> {
    let asked: BTreeMap<&str, String> = invocations
        .iter()
        .filter(|invocation| invocation.payload["dry_run"] != true)
        .filter_map(|invocation| {
            let pipeline = invocation.payload["pipeline"].as_str()?;
            Some((invocation.request_id.as_str(), pipeline.to_owned()))
        })
        .collect();
    let mut begun: Vec<(&str, Reconciliation)> = Vec::new();
    for entry in timeline {
        if let timeline::Event::FunctionInvoked {
            function,
            request_id,
        } = &entry.event
            && function == "start-deployment"
        {
            let one = Reconciliation {
                began: entry.at,
                ended: None,
                asked: asked.get(request_id.as_str()).cloned(),
            };
            begun.push((request_id, one));
        } else if let timeline::Event::FunctionEnded { request_id, .. } = &entry.event {
            let mut open = begun.iter_mut();
            let ended = open.find(|(id, one)| id == request_id && one.ended.is_none());
            if let Some((_, one)) = ended {
                one.ended = Some(entry.at);
            }
        }
    }
    begun.into_iter().map(|(_, one)| one).collect()
}

pub(super) fn hooks(timeline: &[Entry]) -> Vec<HookCall> {
    let mut hooks: Vec<HookCall> = Vec::new();
    for entry in timeline {
        if let timeline::Event::HookCalled {
            deployment,
            lifecycle_event,
            ..
        } = &entry.event
        {
            hooks.push(HookCall {
                deployment: deployment.clone(),
                lifecycle_event: (*lifecycle_event).to_owned(),
                called_at: entry.at,
                answers: Vec::new(),
            });
        } else if let timeline::Event::HookAnswered {
            deployment,
            lifecycle_event,
            status,
            function,
            wanted,
        } = &entry.event
        {
            let mut called = hooks.iter_mut().rev();
            let hook = called.find(|hook| {
                hook.deployment == *deployment && hook.lifecycle_event == *lifecycle_event
            });
            if let Some(hook) = hook {
                hook.answers.push(HookAnswer {
                    at: entry.at,
                    status: status.clone(),
                    function: function.clone(),
                    wanted: *wanted,
                });
            }
        }
    }
    hooks
}

pub(super) fn migrations(world: &World, aliases: &Aliases) -> Vec<Migration> {
    let given = given(world);
    let indexes = indexes(world);
    let migration = |task: &Task| {
        let deployment = task.started_by.as_deref()?.strip_prefix(STARTED_BY)?;
        Some(Migration {
            task: task.arn.clone(),
            deployment: deployment.to_owned(),
            given_to: given.get(&task.arn).cloned(),
            revision: task.task_definition.clone(),
            started_at: task.started_at,
            stopped_at: task.stopped_at,
            containers: task
                .containers
                .iter()
                .map(|one| container(one, &indexes, aliases))
                .collect(),
        })
    };
    world
        .ecs
        .read(|state| state.tasks.iter().filter_map(migration).collect())
}

/// The index of each manifest that a machine of the rehearsal runs: a task may state either digest for the same image.
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

/// The functions that RunTask gave tasks to, for the deployment that the task says, by task.
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

/// A message as it was published.
pub(super) fn message(entry: &Entry) -> Option<Message> {
    let timeline::Event::MessagePublished {
        topic,
        subject,
        body,
    } = &entry.event
    else {
        return None;
    };
    Some(Message {
        at: entry.at,
        topic: topic.clone(),
        subject: subject.clone(),
        body: body.clone(),
    })
}
