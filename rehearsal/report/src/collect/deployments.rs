//! Deployments with their lifecycle events and hooks.

use record::timeline;

use super::source::{Source, last};
use crate::standing::Standing;
use crate::story::{Answer, Deployment, Hook, LifecycleEvent};

const UNDER_WAY: [&str; 2] = ["Pending", "InProgress"];
/// What a pause is called beside functions.
const PAUSE: &str = "a pause";

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
    | timeline::Event::HookAnswered { deployment: id, .. }
    | timeline::Event::Pause { deployment: id, .. }) = event
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
        let standing = Standing::of(status);
        deployment.ended = standing.is_end().then_some(at);
        deployment.goes_back |= standing == Standing::GoingBack;
        let told = error.as_ref().map(|(code, message)| match code == status {
            // ECS has a reason and no code, and states it once.
            true => message.clone(),
            false => format!("{message} ({code})"),
        });
        deployment.error =
            told.or_else(|| deployment.error.take().filter(|_| deployment.goes_back));
    }
    if let timeline::Event::LifecycleEvent {
        name,
        status,
        message,
        ..
    } = event
    {
        let last = deployment.events.iter().rfind(|event| event.name == *name);
        let begins_again = last.is_some_and(|last| {
            // A rollback may begin in the middle of a stage that it has itself.
            last.ended.is_some() || deployment.goes_back && !last.rolls_back
        });
        if UNDER_WAY.contains(status) && begins_again {
            begin(deployment, name, at);
        }
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
        let hooks = &mut event_of(deployment, lifecycle_event, at).hooks;
        let goes_on = |hook: &&mut Hook| {
            let answer = hook.answer.as_ref();
            hook.function == *function && answer.is_some_and(|one| one.status == "IN_PROGRESS")
        };
        match hooks.iter_mut().find(goes_on) {
            Some(hook) => hook.calls += 1,
            None => hooks.push(Hook {
                function: function.clone(),
                called: at,
                calls: 1,
                answer: None,
            }),
        }
    }
    if let timeline::Event::HookAnswered {
        lifecycle_event,
        status,
        function,
        ..
    } = event
    {
        let by = function
            .clone()
            .unwrap_or_else(|| "another caller".to_owned());
        let hooks = &mut event_of(deployment, lifecycle_event, at).hooks;
        // CodeDeploy's hook may be answered by another function than the called one.
        let called = hooks.iter().rposition(|hook| hook.function == by);
        let hook = called.or_else(|| hooks.len().checked_sub(1));
        if let Some(hook) = hook {
            let status = status.clone();
            hooks[hook].answer = Some(Answer { at, status, by });
        }
    }
    if let timeline::Event::Pause {
        lifecycle_event,
        status,
        ..
    } = event
    {
        note_pause(
            &mut event_of(deployment, lifecycle_event, at).hooks,
            at,
            status,
        );
    }
}

fn note_pause(hooks: &mut Vec<Hook>, at: f64, status: &str) {
    let open = |hook: &&mut Hook| hook.function == PAUSE && hook.answer.is_none();
    match hooks.iter_mut().find(open) {
        Some(pause) => {
            pause.answer = Some(Answer {
                at,
                status: status.to_owned(),
                by: PAUSE.to_owned(),
            });
        }
        None => hooks.push(Hook {
            function: PAUSE.to_owned(),
            called: at,
            calls: 1,
            answer: None,
        }),
    }
}

/// The last lifecycle event of this name; it starts now if the timeline has not mentioned it yet, or if it is a stage that begins
/// again: with the next step, or in a rollback.
fn event_of<'a>(deployment: &'a mut Deployment, name: &str, at: f64) -> &'a mut LifecycleEvent {
    let known = |event: &LifecycleEvent| event.name == name;
    let index = deployment.events.iter().rposition(known);
    let index = index.unwrap_or_else(|| begin(deployment, name, at));
    &mut deployment.events[index]
}

fn begin(deployment: &mut Deployment, name: &str, at: f64) -> usize {
    deployment.events.push(LifecycleEvent {
        name: name.to_owned(),
        began: at,
        rolls_back: deployment.goes_back,
        ..LifecycleEvent::default()
    });
    deployment.events.len() - 1
}
