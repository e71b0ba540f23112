//! Turns what a world remembers into the record of the run.

use std::collections::BTreeMap;
use std::time::SystemTime;

use local_aws::ecs::service::Service;
use local_aws::ecs::task::{Task as EcsTask, TaskStatus};
use local_aws::lambda::Answer;
use local_aws::timeline::{self, Entry, ListenerKind, Purpose};
use local_aws::world::{World, is_called};
use serde_json::Value;

use crate::record::{
    Answered, AtEnd, AwsCall, DeadLetter, Deployment, Invocation, LifecycleEvent, Message, Missing,
    Moment, Permission, Record, Revision, Task,
};
use crate::redact::Redactor;
use crate::scenario::Scenario;
use crate::traffic::Seen;

type Revisions = Vec<(String, Vec<(String, String)>)>;

/// Everything that the run left behind, not judged yet.
pub(crate) fn gather(
    scenario: &Scenario,
    world: &World,
    start: SystemTime,
    services: BTreeMap<String, Seen>,
    revisions_before: &Revisions,
    real_milliseconds: u64,
) -> Record {
    let timeline = world.timeline.entries();
    let since = |at: SystemTime| at.duration_since(start).unwrap_or_default();
    Record {
        scenario: scenario.name.to_owned(),
        assumptions: scenario.setting.assumptions.names(),
        without: scenario
            .setting
            .without
            .iter()
            .map(ToString::to_string)
            .collect(),
        as_expected: false,
        problems: Vec::new(),
        violations: Vec::new(),
        deployments: deployments(world),
        production: services.values().cloned().fold(Seen::default(), Seen::and),
        at_end: at_end(scenario, world),
        test_listener: test_listener(scenario, world),
        services,
        revisions: revisions(world.revisions(), revisions_before, &timeline),
        tasks: timeline.iter().filter_map(one_off_task).collect(),
        invocations: invocations(world),
        dead_letters: dead_letters(world),
        aws_calls: aws_calls(world),
        permissions_used: world
            .iam
            .used_grants()
            .into_iter()
            .map(permission)
            .collect(),
        permissions_unused: world
            .iam
            .unused_grants()
            .into_iter()
            .map(permission)
            .collect(),
        permissions_missing: world.iam.refusals().into_iter().map(missing).collect(),
        messages: messages(world),
        timeline: timeline
            .iter()
            .filter(|entry| entry.at >= start)
            .filter_map(|entry| {
                Some(Moment {
                    seconds: since(entry.at).as_secs_f64(),
                    what: moment(&entry.event)?,
                })
            })
            .collect(),
        simulated_seconds: since(world.clock.now()).as_secs(),
        real_milliseconds,
    }
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

fn deployments(world: &World) -> Vec<Deployment> {
    let deployment = |deployment: local_aws::world::DeploymentRecord| Deployment {
        id: deployment.id,
        service: deployment.service,
        creator: deployment.creator.to_owned(),
        revision: deployment.revision,
        image_digest: deployment.image_digest,
        status: deployment.status.to_owned(),
        error: deployment
            .error
            .map(|(code, message)| format!("{code}: {message}")),
        lifecycle_events: deployment
            .lifecycle_events
            .into_iter()
            .map(|(name, status)| LifecycleEvent {
                name: name.to_owned(),
                status: status.to_owned(),
            })
            .collect(),
    };
    world.deployments().into_iter().map(deployment).collect()
}

fn at_end(scenario: &Scenario, world: &World) -> BTreeMap<String, AtEnd> {
    let label = |service: &Service| {
        let mut labels = scenario.setting.services.iter().map(|known| &known.label);
        let label = labels.find(|label| is_called(label, &service.cluster, &service.name));
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

fn revisions(now: Revisions, before: &Revisions, timeline: &[Entry]) -> Vec<Revision> {
    let starts_at_once = starts_at_once(timeline);
    let registered = now
        .into_iter()
        .filter(|(arn, _)| !before.iter().any(|(known, _)| known == arn));
    let revision = |(arn, images): (String, Vec<(String, String)>)| Revision {
        starts_at_once: starts_at_once
            .get(arn.as_str())
            .copied()
            .unwrap_or_default(),
        arn,
        image: images
            .first()
            .map_or_else(String::new, |(_, image)| image.clone()),
        images: images.into_iter().collect(),
    };
    registered.map(revision).collect()
}

fn one_off_task(entry: &Entry) -> Option<Task> {
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
            command: command.clone(),
            version: version.clone(),
            exit_code: *exit_code,
            reason: reason.clone(),
        }),
        Purpose::Service(_) => None,
    }
}

fn invocations(world: &World) -> Vec<Invocation> {
    let invocation = |invocation: local_aws::lambda::Invocation| {
        let (answer, error) = match invocation.answer {
            Answer::Response(answer) => (answer, None),
            Answer::Error {
                error_type,
                error_message,
            } => (Value::Null, Some(format!("{error_type}: {error_message}"))),
        };
        Invocation {
            function: invocation.binary_name,
            ok: error.is_none(),
            milliseconds: invocation.milliseconds,
            error,
            answer,
        }
    };
    world
        .lambda
        .invocations()
        .into_iter()
        .map(invocation)
        .collect()
}

/// What EventBridge could not deliver, and what functions failed at for good: as AWS keeps it, but redacted.
fn dead_letters(world: &World) -> Vec<DeadLetter> {
    let redactor = Redactor::of(world);
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

fn aws_calls(world: &World) -> Vec<AwsCall> {
    let call = |call: local_aws::world::AwsCall| AwsCall {
        function: call.function,
        service: call.service.to_owned(),
        operation: call.operation,
        status: call.status,
        error: call.error,
    };
    world.calls().into_iter().map(call).collect()
}

fn permission(grant: local_aws::iam::Grant) -> Permission {
    Permission {
        holder: grant.holder,
        action: grant.action,
        resources: grant.resources,
    }
}

fn missing(refusal: local_aws::iam::Refusal) -> Missing {
    Missing {
        message: refusal.sentence(),
        holder: refusal.holder,
        action: refusal.action,
        resource: refusal.resource,
    }
}

fn messages(world: &World) -> Vec<Message> {
    let message = |message: local_aws::world::Message| Message {
        subject: message.subject,
        body: message.body,
    };
    world.messages().into_iter().map(message).collect()
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
