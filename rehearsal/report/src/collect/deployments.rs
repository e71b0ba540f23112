//! Deployments with their lifecycle events and hooks.

use record::timeline;

use super::source::{Source, last};
use crate::story::{Answer, Deployment, Hook, LifecycleEvent};

const UNDER_WAY: [&str; 2] = ["Pending", "InProgress"];
const ENDS: [&str; 3] = ["Succeeded", "Failed", "Stopped"];

/// Every deployment, in the order of creation.
pub(super) fn of(source: Source<'_>) -> Vec<Deployment> {
    let mut deployments = Vec::new();
    for (at, event) in source.told() {
        if let Some(created) = created(at, event) {
            deployments.push(created);
        } else if let Some(deployment) = concerned(&mut deployments, event) {
            note(deployment, at, event);
        }
    }
    deployments
}

fn created(at: f64, event: &timeline::Event) -> Option<Deployment> {
    let timeline::Event::DeploymentCreated {
        deployment,
        service,
        deployment_config,
        creator,
        revision,
        version,
        ..
    } = event
    else {
        return None;
    };
    Some(Deployment {
        id: deployment.clone(),
        service: service.clone(),
        rolls_back: creator == "codeDeployRollback",
        revision: last(revision),
        version: version.clone(),
        config: deployment_config.clone(),
        created: at,
        status: "Created".to_owned(),
        ..Deployment::default()
    })
}

fn concerned<'a>(
    deployments: &'a mut [Deployment],
    event: &timeline::Event,
) -> Option<&'a mut Deployment> {
    let (timeline::Event::DeploymentStatus { deployment: id, .. }
    | timeline::Event::LifecycleEvent { deployment: id, .. }
    | timeline::Event::HookCalled { deployment: id, .. }
    | timeline::Event::HookAnswered { deployment: id, .. }) = event
    else {
        return None;
    };
    deployments
        .iter_mut()
        .find(|deployment| deployment.id == *id)
}

fn note(deployment: &mut Deployment, at: f64, event: &timeline::Event) {
    if let timeline::Event::DeploymentStatus { status, error, .. } = event {
        deployment.status = (*status).to_owned();
        deployment.ended = ENDS.contains(status).then_some(at);
        deployment.error = error
            .as_ref()
            .map(|(code, message)| format!("{message} ({code})"));
    }
    if let timeline::Event::LifecycleEvent {
        name,
        status,
        message,
        ..
    } = event
    {
        let event = event_of(deployment, name, at);
        event.status = (*status).to_owned();
        let message = message.as_deref().filter(|message| !message.is_empty());
        event.message = message.map(ToOwned::to_owned);
        if UNDER_WAY.contains(status) {
            event.began = at;
        } else {
            event.ended = Some(at);
        }
    }
    note_hook(deployment, at, event);
}

fn note_hook(deployment: &mut Deployment, at: f64, event: &timeline::Event) {
    if let timeline::Event::HookCalled {
        lifecycle_event,
        function,
        ..
    } = event
    {
        event_of(deployment, lifecycle_event, at).hook = Some(Hook {
            function: function.clone(),
            called: at,
            answer: None,
        });
    }
    if let timeline::Event::HookAnswered {
        lifecycle_event,
        status,
        function,
        ..
    } = event
        && let Some(hook) = &mut event_of(deployment, lifecycle_event, at).hook
    {
        hook.answer = Some(Answer {
            at,
            status: status.clone(),
            by: function
                .clone()
                .unwrap_or_else(|| "another caller".to_owned()),
        });
    }
}

/// The lifecycle event of this name; it starts now if the timeline has not mentioned it yet.
fn event_of<'a>(deployment: &'a mut Deployment, name: &str, at: f64) -> &'a mut LifecycleEvent {
    let known = |event: &LifecycleEvent| event.name == name;
    let index = deployment.events.iter().position(known);
    let index = index.unwrap_or_else(|| {
        deployment.events.push(LifecycleEvent {
            name: name.to_owned(),
            began: at,
            ..LifecycleEvent::default()
        });
        deployment.events.len() - 1
    });
    &mut deployment.events[index]
}
