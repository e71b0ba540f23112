//! Builds the record of a run from its world's state. No other module queries a world for its results.
//!
//! Redaction happens here. Every free text is redacted, after it was searched for secrets that a function may have
//! revealed.

mod aliases;
mod bus_events;
mod functions;
mod happened;
mod hooks;
mod known;
mod leaks;
mod pipelines;
mod redact;
mod rolling_gate;
mod service_deployments;
mod services;
mod stacks;
mod tasks;

use local_aws::timeline::{self, Entry, ListenerKind, Purpose};
use local_aws::world::World;
use record::{Message, Moment, Parameter, Record, Seen, Simulated};

use self::aliases::Aliases;
pub(crate) use self::happened::starts_at_once;
pub(crate) use self::known::{Known, Production};
use self::redact::Redactor;
use crate::scenario::Scenario;

/// Everything that the run left behind, before the verdict. Call it when everything has ended and before the world is
/// dropped.
pub(crate) fn gather(
    scenario: &Scenario,
    world: &World,
    known: &Known,
    production: Production,
    real_milliseconds: u64,
) -> Record {
    let (timeline, invocations) = (world.timeline.entries(), world.lambda.invocations());
    let (redactor, aliases) = (Redactor::of(world), Aliases::default());
    let simulated = Simulated {
        start: known.start,
        end: world.clock.now(),
    };
    let pipelines = pipelines::pipelines(world, &known.pipelines, &aliases);
    let listeners = services::listeners(scenario, world);
    let mut deployments = pipelines::deployments(world, &pipelines, &redactor);
    deployments.extend(service_deployments::of(
        world,
        &pipelines,
        (known.start, &timeline),
        &redactor,
    ));
    deployments.sort_by_key(|deployment| deployment.created_at);
    let mut hooks = hooks::hooks(&timeline);
    hooks.extend(rolling_gate::calls(world, &deployments));
    Record {
        production_answers: services::production_answers(
            world,
            &listeners,
            &pipelines,
            &deployments,
            &hooks,
            &aliases,
        ),
        test_answers: services::test_answers(world, &listeners, &pipelines, &aliases),
        test_listener: services::test_listener(scenario, world),
        health: services::health(world),
        listeners,
        deployments,
        images: pipelines::images(world),
        parameters: parameters(world, &redactor),
        stacks: stacks::stacks(scenario, world, &redactor),
        revisions: pipelines::revisions(world, &known.revisions, &timeline),
        pipelines,
        production: production
            .seen
            .values()
            .cloned()
            .fold(Seen::default(), Seen::and),
        services: production.seen,
        answers: production.answers,
        at_end: services::at_end(scenario, world),
        tasks: tasks::ended(&timeline, &redactor),
        task_logs: tasks::logs(world, &timeline, &redactor),
        migrations: tasks::migrations(world, &aliases),
        invocations: functions::invocations(&invocations, &redactor),
        reconciliations: happened::reconciliations(&timeline, &invocations),
        hooks,
        pushes: happened::pushes(known, &timeline, &invocations),
        dead_letters: functions::dead_letters(world, &redactor),
        aws_calls: functions::aws_calls(world, &redactor),
        messages: messages(&timeline, &redactor),
        bus_events: bus_events::bus_events(world, &redactor),
        leaks: leaks::leaks(world, simulated, &timeline, &invocations, &redactor),
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

fn parameters(world: &World, redactor: &Redactor) -> Vec<Parameter> {
    let parameters = world.ssm.parameters().into_iter();
    let parameters = parameters.map(|parameter| {
        let versions = parameter.versions.iter();
        Parameter {
            values: versions.map(|one| redactor.text(&one.value)).collect(),
            name: parameter.name,
        }
    });
    parameters.collect()
}

/// The scenario's settings, and the permissions that were used.
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
        permissions_used: functions::permissions(world.iam.used_grants()),
        permissions_unused: functions::permissions(world.iam.unused_grants()),
        permissions_missing: world
            .iam
            .refusals()
            .into_iter()
            .map(functions::missing)
            .collect(),
        ..Record::default()
    }
}

/// The moments that show the order of events.
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

/// The name of an entry in the timeline of moments; `None` for entries that claims do not need.
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
        timeline::Event::Pause {
            lifecycle_event,
            status,
            ..
        } => Some(format!("{lifecycle_event} pause {status}")),
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
        | timeline::Event::NothingRuns { .. }
        | timeline::Event::ProgramFailed { .. }
        | timeline::Event::EventArrived { .. }
        | timeline::Event::FunctionInvoked { .. }
        | timeline::Event::FunctionEnded { .. } => None,
    }
}
