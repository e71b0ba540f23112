//! Deployments that ECS itself carries out: their stages, hooks, shares of production and reasons.

use record::Deployment;
use record::timeline::{Event, ListenerKind};

use super::deployments::LIFECYCLE_EVENTS;
use super::{expect, list, numbered, owned};
use crate::Expectation;

/// The lifecycle stages of a service deployment, in order (ECS Developer Guide, "Amazon ECS blue/green service deployments
/// workflow").
pub const STAGES: [&str; 11] = [
    "RECONCILE_SERVICE",
    "PRE_SCALE_UP",
    "SCALE_UP",
    "POST_SCALE_UP",
    "TEST_TRAFFIC_SHIFT",
    "POST_TEST_TRAFFIC_SHIFT",
    "PRE_PRODUCTION_TRAFFIC_SHIFT",
    "PRODUCTION_TRAFFIC_SHIFT",
    "POST_PRODUCTION_TRAFFIC_SHIFT",
    "BAKE_TIME",
    "CLEAN_UP",
];

/// Where the production gate of a rolling update is held. ECS has no stage there: the deployment has ended.
pub const AFTER_ROLLING_UPDATE: &str = "AFTER_ROLLING_UPDATE";

/// Whether this is a lifecycle event, a stage of ECS's own deployments, or what follows a rolling update.
pub fn is_lifecycle_event(name: &str) -> bool {
    LIFECYCLE_EVENTS.contains(&name) || STAGES.contains(&name) || name == AFTER_ROLLING_UPDATE
}

/// The deployments of a service by their engines, in order: `CODE_DEPLOY`, or what ECS deploys by.
pub fn engines(service: &str, expected: &[&str]) -> Expectation {
    let claim = format!("engines of `{service}`: {}", list(expected));
    let (service, expected) = (service.to_owned(), owned(expected));
    Expectation::new(claim, move |record| {
        let of_service = |deployment: &&Deployment| deployment.service == service;
        let engine = |deployment: &Deployment| {
            let strategy = deployment.strategy.clone();
            strategy.unwrap_or_else(|| "CODE_DEPLOY".to_owned())
        };
        let found = record.deployments.iter().filter(of_service).map(engine);
        let found: Vec<String> = found.collect();
        expect(found == expected, || list(&found))
    })
}

/// The reason of a deployment's end, or of its rollback, contains all of these texts.
pub fn ended_because(number: usize, says: &[&str]) -> Expectation {
    let quoted = crate::quoted(says);
    let claim = format!("deployment {number} ended with a reason that says {quoted}");
    let says = owned(says);
    Expectation::new(claim, move |record| {
        let reason = numbered(record, number)?.error.clone().unwrap_or_default();
        let holds = says.iter().all(|says| reason.contains(says.as_str()));
        expect(holds, || reason.clone())
    })
}

/// The answers of a function to the hook at a stage of a deployment, each once in a row: ECS repeats a call that was answered
/// `IN_PROGRESS`. Calls of a rollback do not count.
pub fn hook_answered(function: &str, answers: &[&str], stage: &str, number: usize) -> Expectation {
    let claim = format!(
        "`{function}` answered {} at {stage} of deployment {number}",
        list(answers)
    );
    let (function, stage, expected) = (function.to_owned(), stage.to_owned(), owned(answers));
    Expectation::new(claim, move |record| {
        let id = &numbered(record, number)?.id;
        let hooks = record.hooks.iter().filter(|hook| {
            hook.deployment == *id
                && hook.lifecycle_event == stage
                && hook.function.as_deref() == Some(&function)
                && !hook.rollback
        });
        let answers = hooks.flat_map(|hook| &hook.answers);
        let mut found: Vec<String> = answers.map(|answer| answer.status.clone()).collect();
        found.dedup();
        expect(found == expected, || list(&found))
    })
}

/// Green's shares of a service's production, one after the other.
pub fn shares(service: &str, percents: &[&str]) -> Expectation {
    let claim = format!("production of `{service}` gave green {}", list(percents));
    let (name, expected) = (service.to_owned(), owned(percents));
    Expectation::new(claim, move |record| {
        let share = |event: &Event| {
            let Event::Weights {
                service,
                listener: ListenerKind::Production,
                weights,
                ..
            } = event
            else {
                return None;
            };
            let mut weights = weights.iter().filter(|_| *service == name);
            let green = weights.find(|weight| weight.task_set == "Green")?;
            Some(format!("{} %", green.percent))
        };
        let events = record.events.iter();
        let found: Vec<String> = events.filter_map(|entry| share(&entry.event)).collect();
        expect(found == expected, || list(&found))
    })
}

/// The ends of a deployment's pauses, in order: `POST_TEST_TRAFFIC_SHIFT SUCCEEDED`.
pub fn pauses(number: usize, expected: &[&str]) -> Expectation {
    let claim = format!("pauses of deployment {number}: {}", list(expected));
    let expected = owned(expected);
    Expectation::new(claim, move |record| {
        let id = &numbered(record, number)?.id;
        let pause = |event: &Event| {
            let Event::Pause {
                deployment,
                lifecycle_event,
                status,
                ..
            } = event
            else {
                return None;
            };
            let is_end = deployment == id && *status != "AWAITING_ACTION";
            is_end.then(|| format!("{lifecycle_event} {status}"))
        };
        let events = record.events.iter();
        let found: Vec<String> = events.filter_map(|entry| pause(&entry.event)).collect();
        expect(found == expected, || list(&found))
    })
}

/// A service deployment ended in this status: every stage before its last one succeeded, and that one failed here, or none
/// did.
pub fn ended_at(deployment: &Deployment, status: &str, failed: Option<&str>) -> Result<(), String> {
    let stages = deployment.lifecycle_events.iter();
    let stages = stages.filter(|stage| !stage.rollback);
    let stages: Vec<(&str, &str)> = stages
        .map(|stage| (stage.name.as_str(), stage.status.as_str()))
        .collect();
    let has_succeeded = |(_, status): &(&str, &str)| *status == "Succeeded";
    let as_expected = match (stages.split_last(), failed) {
        (Some((last, before)), Some(failed)) => {
            *last == (failed, "Failed") && before.iter().all(has_succeeded)
        }
        (Some((last, _)), None) => last.0 == "CLEAN_UP" && stages.iter().all(has_succeeded),
        (None, _) => false,
    };
    expect(as_expected && deployment.status == status, || {
        let stages = stages
            .iter()
            .map(|(name, status)| format!("{name} {status}"));
        format!(
            "{} {}",
            deployment.status,
            list(&stages.collect::<Vec<_>>())
        )
    })
}
