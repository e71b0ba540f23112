//! The sample events: each is read or refused as its name says, and wakes the functions that it should.

use std::fmt::{Display, Write};

use rules::events::{
    Announced, FinishEvent, GateCall, HookCall, Request, RollingEvent, ServiceChange, StartEvent,
    StateChange, TaskChanged, Way,
};
use rules::start::Force;
use serde_json::Value;

use crate::repository;
use crate::template::read::{functions, triggers};

/// What a function makes of an event, in one line; the refusal where it cannot read it.
fn reading(function: &str, event: &Value) -> Result<String, String> {
    match function {
        "start-deployment" => match StartEvent::parse(event) {
            Ok(StartEvent::Unreadable { error, .. }) | Err(error) => Err(error.to_string()),
            Ok(read) => Ok(said_of_start(read)),
        },
        "finish-migration" => match RollingEvent::parse(event) {
            Ok(Some(read)) => Ok(said_of_rolling(read)),
            Ok(None) => FinishEvent::parse(event)
                .map(said_of_finish)
                .map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        },
        "report-outcome" => match ServiceChange::parse(event) {
            Ok(Some(change)) => Ok(said_of_service(change)),
            Ok(None) => StateChange::parse(event)
                .map(|change| {
                    format!(
                        "{:?} of {} in {}",
                        change.state, change.deployment, change.deployment_group
                    )
                })
                .map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        },
        "check-production" if event.get("gate").is_some() => GateCall::parse(event)
            .map(|call| {
                let id = call.map(|call| call.deployment.id().to_string());
                format!("a rolling update to judge: {}", id.unwrap_or_default())
            })
            .map_err(|error| error.to_string()),
        other if is_hook(other) => HookCall::parse(event)
            .map(said_of_hook)
            .map_err(|error| error.to_string()),
        other => panic!(
            "events/{other} is for no function that tests/it/events.rs reads events of, name it after one or add one"
        ),
    }
}

fn is_hook(function: &str) -> bool {
    functions()
        .iter()
        .any(|known| known.name == function && known.hook.is_some())
}

fn said_of_hook(call: HookCall) -> String {
    match call {
        HookCall::CodeDeploy(call) => format!("hook of {}", call.deployment_id),
        HookCall::Ecs(call) => format!(
            "hook of service deployment {} at {}, which deploys {}{}",
            call.deployment.id(),
            call.stage.as_str(),
            call.target.digits(),
            match rules::native::goes_back(&call) {
                Some(_) => ", in a rollback",
                None => "",
            }
        ),
    }
}

fn said_of_start(event: StartEvent) -> String {
    match event {
        StartEvent::Pushed { image, tag, at } => {
            let at = at.map_or_else(|| "no order".to_owned(), |at| format!("at {at}"));
            format!("pushed {image} as {tag} {at}")
        }
        StartEvent::DeploymentEnded {
            application,
            deployment_group,
        } => {
            format!("a deployment of {application}/{deployment_group} ended")
        }
        StartEvent::Routine => "every pipeline".to_owned(),
        StartEvent::Asked(Request {
            pipeline,
            wanted,
            force: Force::No,
            way: Way::Forward,
            dry_run,
        }) => {
            format!("asked for {pipeline}, {wanted:?}, dry run {dry_run}")
        }
        StartEvent::Asked(Request {
            pipeline,
            wanted,
            force,
            way,
            dry_run,
        }) => {
            format!("asked for {pipeline}, {wanted:?}, force {force:?}, {way:?}, dry run {dry_run}")
        }
        StartEvent::Ignored(reason) => format!("ignored: {reason}"),
        StartEvent::ServiceChanged { cluster, service } => {
            format!("a change of {cluster}/{service}")
        }
        StartEvent::Unreadable { error, .. } => error.to_string(),
    }
}

fn said_of_service(change: ServiceChange) -> String {
    let place = format!("{}/{}", change.cluster, change.service);
    match change.announced {
        Announced::InProgress => format!("a deployment of {place} began"),
        Announced::Ended => format!("a deployment of {place} ended"),
        Announced::Waits(pause) => format!(
            "{} of {place} waits at {}",
            pause.deployment.id(),
            pause.hook
        ),
        Announced::Routine(claim) => format!("a look at {place}, by a claim {}", claim.is_some()),
        Announced::Other => format!("nothing of {place}"),
    }
}

fn said_of_finish(event: FinishEvent) -> String {
    match event {
        FinishEvent::Changed(change) => said_of_task(&change),
        FinishEvent::TimedOut(time_out) => format!(
            "time-out of {}, of an older version {}",
            time_out.deployment,
            time_out.older.is_some()
        ),
        FinishEvent::Ignored(reason) => format!("ignored: {reason}"),
    }
}

fn said_of_rolling(event: RollingEvent) -> String {
    match event {
        RollingEvent::Changed(change) => {
            format!("before a rolling update: {}", said_of_task(&change))
        }
        RollingEvent::TimedOut(id) => format!("before a rolling update: time-out of {id}"),
        RollingEvent::Ignored(reason) => format!("before a rolling update, ignored: {reason}"),
    }
}

fn said_of_task<Of: Display>(change: &TaskChanged<Of>) -> String {
    let ended: Vec<&str> = change.ended.iter().map(|name| name.as_str()).collect();
    format!(
        "task {} of {}, stopped {}, containers that have ended: {ended:?}",
        change.task.id(),
        change.deployment,
        change.has_stopped
    )
}

/// The events in `events/`, as (function, file's name without its ending, event).
fn samples() -> Vec<(String, String, Value)> {
    let split = |path: String| {
        let name = path
            .strip_prefix("events/")
            .and_then(|name| name.strip_suffix(".json"));
        let (function, name) = name
            .and_then(|name| name.split_once('/'))
            .unwrap_or_else(|| {
                panic!("{path} is no sample event, name it events/<function>/<event>.json");
            });
        (
            function.to_owned(),
            name.to_owned(),
            repository::json(&path),
        )
    };
    repository::files("events").into_iter().map(split).collect()
}

/// Whether EventBridge lets an event through a pattern. Exact values, `prefix`, `anything-but`, `exists` and `$or` are all
/// that `template.yaml` uses; a field that is not there matches none of them, and of a list one item is enough (EventBridge
/// User Guide, event patterns).
fn matches(pattern: &Value, event: &Value) -> bool {
    if let Some(fields) = pattern.as_object() {
        if let Some(items) = event.as_array() {
            return items.iter().any(|item| matches(pattern, item));
        }
        return fields
            .iter()
            .all(|(field, pattern)| match pattern.as_array() {
                Some(alternatives) if field == "$or" => alternatives
                    .iter()
                    .any(|alternative| matches(alternative, event)),
                Some(_) | None => matches(pattern, &event[field]),
            });
    }
    let alternatives = pattern.as_array().unwrap();
    alternatives.iter().any(|alternative| {
        if let Some(start) = alternative["prefix"].as_str() {
            event.as_str().is_some_and(|text| text.starts_with(start))
        } else if let Some(exists) = alternative["exists"].as_bool() {
            event.is_null() != exists
        } else if let Some(others) = alternative["anything-but"].as_array() {
            !event.is_null() && !others.contains(event)
        } else {
            assert!(
                alternative.is_string(),
                "{alternative} is a filter that this test does not know, teach it"
            );
            alternative == event
        }
    })
}

fn woken(event: &Value) -> Vec<String> {
    let by_pattern = |pattern: &Value| !pattern.is_null() && matches(pattern, event);
    triggers()
        .into_iter()
        .filter(|trigger| by_pattern(&trigger.properties["Pattern"]))
        .map(|trigger| trigger.name)
        .collect()
}

#[test]
fn every_event_is_refused_when_its_name_says_malformed_and_read_otherwise() {
    for (function, name, event) in samples() {
        let reading = reading(&function, &event);
        assert_eq!(
            reading.is_err(),
            name.starts_with("malformed"),
            "events/{function}/{name}.json is read as {reading:?}, rename it or correct it"
        );
    }
}

#[test]
fn every_event_is_understood() {
    let mut said = String::new();
    for (function, name, event) in samples() {
        let reading = reading(&function, &event).unwrap_or_else(|refusal| refusal);
        writeln!(said, "{function}/{name}\n    {reading}").unwrap();
    }
    insta::assert_snapshot!(said);
}

/// What asks for nothing should not even start a function.
#[test]
fn every_event_wakes_the_functions_that_it_should() {
    let mut said = String::new();
    for (function, name, event) in samples()
        .into_iter()
        .filter(|(_, _, event)| event["source"].is_string())
    {
        let woken = woken(&event);
        let woken = if woken.is_empty() {
            "nobody".to_owned()
        } else {
            woken.join(", ")
        };
        writeln!(said, "{function}/{name}: {woken}").unwrap();
    }
    insta::assert_snapshot!(said);
}

#[test]
fn a_duplicate_is_the_same_event() {
    let push = repository::json("events/start-deployment/push.json");
    assert_eq!(
        push,
        repository::json("events/start-deployment/push-duplicate.json")
    );
}
