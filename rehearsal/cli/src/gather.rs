//! Turns what a world remembers into the record of the run: the one place that asks a world what became of it.
//!
//! What is secret ends here. Every text that somebody wrote freely is redacted, after it was looked at for what a function
//! may have told.

mod aliases;
mod happened;
mod leaks;
mod listeners;
mod pipelines;
mod redact;

use std::collections::BTreeMap;
use std::time::SystemTime;

use local_aws::ecs::service::Service;
use local_aws::ecs::task::{Task as EcsTask, TaskStatus};
use local_aws::iam::{Grant, Refusal};
use local_aws::lambda::Answer;
use local_aws::timeline::{self, Entry, ListenerKind, Purpose};
use local_aws::world::World;
use record::{
    Answered, Answers, AtEnd, AwsCall, DeadLetter, Invocation, Message, Missing, Moment,
    Permission, Record, Seen, Simulated, Task,
};
use serde_json::Value;

use self::aliases::Aliases;
use self::redact::Redactor;
use crate::scenario::{Scenario, custom_pipelines};

/// What a play knows that its world does not say at the end.
pub(crate) struct Known {
    pub(crate) pipelines: Vec<custom_pipelines::Pipeline>,
    /// (repository, tag, digest) of what lay in the repositories at the beginning.
    pub(crate) images: Vec<(String, String, String)>,
    /// ARNs of the revisions that were there before anything happened.
    pub(crate) revisions: Vec<String>,
    pub(crate) start: SystemTime,
}

/// What the clients of production saw, by service.
#[derive(Default)]
pub(crate) struct Production {
    pub(crate) seen: BTreeMap<String, Seen>,
    pub(crate) answers: BTreeMap<String, Answers>,
}

/// Everything that the run left behind, not judged yet. To be asked when everything has come to its end, and before the
/// world ends.
pub(crate) fn gather(
    scenario: &Scenario,
    world: &World,
    known: &Known,
    production: Production,
    real_milliseconds: u64,
) -> Record {
    let timeline = world.timeline.entries();
    let invocations = world.lambda.invocations();
    let (redactor, aliases) = (Redactor::of(world), Aliases::default());
    let simulated = Simulated {
        start: known.start,
        end: world.clock.now(),
    };
    let pipelines = pipelines::pipelines(world, &known.pipelines, &aliases);
    let listeners = listeners::of_services(scenario, world);
    Record {
        test_answers: listeners::answers(world, &listeners, &pipelines, &aliases),
        test_listener: test_listener(scenario, world),
        health: listeners::health(world),
        listeners,
        deployments: pipelines::deployments(world, &pipelines, &redactor),
        images: pipelines::images(world),
        revisions: pipelines::revisions(world, &known.revisions, &timeline),
        pipelines,
        production: production
            .seen
            .values()
            .cloned()
            .fold(Seen::default(), Seen::and),
        services: production.seen,
        answers: production.answers,
        at_end: at_end(scenario, world),
        tasks: timeline
            .iter()
            .filter_map(|entry| one_off_task(entry, &redactor))
            .collect(),
        task_logs: task_logs(world, &timeline, &redactor),
        migrations: happened::migrations(world, &aliases),
        invocations: self::invocations(&invocations, &redactor),
        reconciliations: happened::reconciliations(&timeline, &invocations),
        hooks: happened::hooks(&timeline),
        pushes: happened::pushes(known, &timeline, &invocations),
        dead_letters: dead_letters(world, &redactor),
        aws_calls: aws_calls(world, &redactor),
        messages: messages(&timeline, &redactor),
        leaks: leaks::leaks(world, simulated, &timeline, &invocations),
        timeline: moments(&timeline, simulated),
        events: timeline
            .into_iter()
            .map(|entry| Entry {
                at: entry.at,
                event: entry.event.redacted(|text| redactor.text(text)),
            })
            .collect(),
        simulated_seconds: simulated.since(simulated.end).as_secs(),
        simulated,
        real_milliseconds,
        ..of_scenario(scenario, world)
    }
}

/// What the scenario says, and what of its permissions was used.
fn of_scenario(scenario: &Scenario, world: &World) -> Record {
    let without = scenario.setting.without.iter();
    let claims = scenario.expectations.iter();
    Record {
        scenario: scenario.name.to_owned(),
        summary: scenario.summary.to_owned(),
        assumptions: scenario.setting.assumptions.names(),
        without: without.map(ToString::to_string).collect(),
        claims: claims.map(|expected| expected.claim.clone()).collect(),
        excuses: scenario.excuses.clone(),
        broken_unseen: scenario.setting.broken_unseen.clone(),
        permissions_used: permissions(world.iam.used_grants()),
        permissions_unused: permissions(world.iam.unused_grants()),
        permissions_missing: world.iam.refusals().into_iter().map(missing).collect(),
        ..Record::default()
    }
}

/// What tells in which order things happened.
fn moments(timeline: &[Entry], simulated: Simulated) -> Vec<Moment> {
    let since_start = timeline.iter().filter(|entry| entry.at >= simulated.start);
    let moment = |entry: &Entry| {
        Some(Moment {
            seconds: simulated.since(entry.at).as_secs_f64(),
            what: moment(&entry.event)?,
        })
    };
    since_start.filter_map(moment).collect()
}

/// How many invocations of `start-deployment` ran when each revision was registered, by its ARN.
pub(crate) fn starts_at_once(timeline: &[Entry]) -> BTreeMap<&str, usize> {
    let (mut running, mut at_once) = (0_usize, BTreeMap::new());
    for entry in timeline {
        if let timeline::Event::FunctionInvoked { function, .. } = &entry.event
            && function == "start-deployment"
        {
            running += 1;
        } else if let timeline::Event::FunctionEnded { function, .. } = &entry.event
            && function == "start-deployment"
        {
            running = running.saturating_sub(1);
        } else if let timeline::Event::RevisionRegistered { arn, .. } = &entry.event {
            at_once.insert(arn.as_str(), running);
        }
    }
    at_once
}

fn at_end(scenario: &Scenario, world: &World) -> BTreeMap<String, AtEnd> {
    let label = |service: &Service| {
        let mut labels = scenario.setting.services.iter().map(|known| &known.label);
        let label = labels.find(|label| record::is_called(label, &service.cluster, &service.name));
        label.unwrap_or(&service.name).clone()
    };
    let services: Vec<_> = world.ecs.read(|state| {
        let service = |service: &Service| {
            let primary = service.primary();
            let running = |task: &&EcsTask| task.status == TaskStatus::Running;
            let tasks = primary.map_or(0, |set| state.tasks_of(&set.id).filter(running).count());
            let image = primary.and_then(|set| {
                let revision = state.revision(&set.task_definition)?;
                revision.image_of(&set.load_balancer.container)
            });
            let task_sets = service.task_sets.len();
            (label(service), image, tasks, task_sets)
        };
        state.services.iter().map(service).collect()
    });
    let end = |(name, image, tasks, task_sets): (String, Option<String>, usize, usize)| {
        let version = image.and_then(|image| world.ecr.version(&image));
        let end = AtEnd {
            version,
            tasks,
            task_sets,
        };
        (name, end)
    };
    services.into_iter().map(end).collect()
}

/// All test listeners of the scenario's services together.
fn test_listener(scenario: &Scenario, world: &World) -> Answered {
    let mut answered = Answered::default();
    for service in &scenario.setting.services {
        let Some(listener) = world.listener(&service.label, ListenerKind::Test) else {
            continue;
        };
        let traffic = world.load_balancers.traffic(&listener);
        answered.requests += traffic.requests;
        answered.failed += traffic.failed;
        for (version, count) in traffic.versions {
            *answered.versions.entry(version).or_default() += count;
        }
    }
    answered
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

/// What one-off tasks printed, by the last part of their ARN.
fn task_logs(
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

fn invocations(
    invocations: &[local_aws::lambda::Invocation],
    redactor: &Redactor,
) -> Vec<Invocation> {
    let invocation = |invocation: &local_aws::lambda::Invocation| {
        let (answer, error) = match &invocation.answer {
            Answer::Response(answer) => (redactor.document(answer.clone()), None),
            Answer::Error {
                error_type,
                error_message,
            } => (
                Value::Null,
                Some(redactor.text(&format!("{error_type}: {error_message}"))),
            ),
        };
        Invocation {
            function: invocation.binary_name.clone(),
            ok: error.is_none(),
            milliseconds: invocation.milliseconds,
            error,
            answer,
        }
    };
    invocations.iter().map(invocation).collect()
}

/// What EventBridge could not deliver, and what functions failed at for good: as AWS keeps it, but redacted.
fn dead_letters(world: &World, redactor: &Redactor) -> Vec<DeadLetter> {
    let undelivered = world.events.dead_letters().into_iter().map(|letter| {
        let message = letter.to_value();
        (letter.queue, message)
    });
    undelivered
        .chain(world.lambda.dead_letters())
        .map(|(queue, message)| DeadLetter {
            queue,
            message: redactor.document(message),
        })
        .collect()
}

fn aws_calls(world: &World, redactor: &Redactor) -> Vec<AwsCall> {
    let call = |call: local_aws::world::AwsCall| AwsCall {
        at: call.at,
        function: call.function,
        service: call.service.to_owned(),
        operation: call.operation,
        status: call.status,
        error: call.error.map(|error| redactor.text(&error)),
    };
    world.calls().into_iter().map(call).collect()
}

fn permissions(grants: impl IntoIterator<Item = Grant>) -> Vec<Permission> {
    let permission = |grant: Grant| Permission {
        holder: grant.holder,
        action: grant.action,
        resources: grant.resources,
    };
    grants.into_iter().map(permission).collect()
}

fn missing(refusal: Refusal) -> Missing {
    Missing {
        message: refusal.sentence(),
        holder: refusal.holder,
        action: refusal.action,
        resource: refusal.resource,
    }
}

fn messages(timeline: &[Entry], redactor: &Redactor) -> Vec<Message> {
    let message = |entry: &Entry| {
        let message = happened::message(entry)?;
        Some(Message {
            subject: message.subject.map(|subject| redactor.text(&subject)),
            body: redactor.text(&message.body),
            ..message
        })
    };
    timeline.iter().filter_map(message).collect()
}

/// What the timeline calls an entry; none for what tells no order.
fn moment(event: &timeline::Event) -> Option<String> {
    match event {
        timeline::Event::ImagePushed { .. } => Some("image pushed".to_owned()),
        timeline::Event::DeploymentCreated { creator, .. } => {
            Some(format!("deployment created by {creator}"))
        }
        timeline::Event::DeploymentStatus { status, .. } => Some(format!("deployment {status}")),
        timeline::Event::LifecycleEvent { name, status, .. } => Some(format!("{name} {status}")),
        timeline::Event::HookAnswered {
            lifecycle_event,
            status,
            ..
        } => Some(format!("{lifecycle_event} hook answered {status}")),
        timeline::Event::TaskStarted {
            purpose: Purpose::Once { .. },
            ..
        } => Some("one-off task started".to_owned()),
        timeline::Event::TaskStopped {
            purpose: Purpose::Once { .. },
            ..
        } => Some("one-off task stopped".to_owned()),
        timeline::Event::Weights {
            listener: ListenerKind::Production,
            weights,
            ..
        } => {
            let green = weights.iter().find(|weight| weight.task_set == "Green")?;
            Some(format!("production sends {} % to green", green.percent))
        }
        timeline::Event::RevisionRegistered { .. }
        | timeline::Event::HookCalled { .. }
        | timeline::Event::Weights { .. }
        | timeline::Event::TaskStarted { .. }
        | timeline::Event::TaskStopped { .. }
        | timeline::Event::AlarmState { .. }
        | timeline::Event::MessagePublished { .. }
        | timeline::Event::CallRefused { .. }
        | timeline::Event::FaultInjected { .. }
        | timeline::Event::TimeSkipped { .. }
        | timeline::Event::FunctionInvoked { .. }
        | timeline::Event::FunctionEnded { .. } => None,
    }
}
