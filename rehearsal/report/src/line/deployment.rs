//! The lines about deployments: their stages, hooks, pauses and ends.

use record::timeline;

use super::part::{Parts, Tone, last, part, who};
use crate::standing::Standing;

pub(super) fn created(event: &timeline::Event) -> Option<Parts> {
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
    let verb = if creator == "codeDeployRollback" {
        "rolls back"
    } else {
        "ships"
    };
    let version = version
        .as_ref()
        .map_or(String::new(), |version| format!(" ({version})"));
    let text = format!(
        "{} {verb} `{service}` to {}{version}, {deployment_config}",
        last(deployment),
        last(revision)
    );
    Some(part("deployment", text, Tone::Strong))
}

pub(super) fn status(event: &timeline::Event) -> Option<Parts> {
    let timeline::Event::DeploymentStatus {
        deployment,
        status,
        error,
    } = event
    else {
        return None;
    };
    let why = error.as_ref().map_or(String::new(), |(code, message)| {
        // ECS has a reason and no code.
        let code = Some(code).filter(|code| code.as_str() != *status);
        let code = code.map_or(String::new(), |code| format!(" ({code})"));
        format!(": {message}{code}")
    });
    let text = format!("{} {status}{why}", last(deployment));
    Some(part("deployment", text, tone(Standing::of(status))?))
}

pub(super) fn lifecycle_event(event: &timeline::Event) -> Option<Parts> {
    let timeline::Event::LifecycleEvent {
        name,
        status,
        message,
        ..
    } = event
    else {
        return None;
    };
    let why = message.as_ref().filter(|message| !message.is_empty());
    let why = why.map_or(String::new(), |message| format!(": {message}"));
    let text = format!("{status}{why}");
    Some(part(name, text, tone(Standing::of(status))?))
}

pub(super) fn hook_called(event: &timeline::Event) -> Option<Parts> {
    let timeline::Event::HookCalled {
        lifecycle_event,
        function,
        ..
    } = event
    else {
        return None;
    };
    let text = format!("calls {function}");
    Some(part(lifecycle_event, text, Tone::Faint))
}

pub(super) fn hook_answered(event: &timeline::Event) -> Option<Parts> {
    let timeline::Event::HookAnswered {
        lifecycle_event,
        status,
        function,
        ..
    } = event
    else {
        return None;
    };
    let text = format!("{} answers {status}", who(function));
    // ECS asks again.
    let tone = tone(Standing::of(status)).unwrap_or(Tone::Faint);
    Some(part(lifecycle_event, text, tone))
}

pub(super) fn pause(event: &timeline::Event) -> Option<Parts> {
    let timeline::Event::Pause {
        lifecycle_event,
        status,
        ..
    } = event
    else {
        return None;
    };
    let text = format!("pause {status}");
    let tone = tone(Standing::of(status)).unwrap_or(Tone::Strong);
    Some(part(lifecycle_event, text, tone))
}

/// `None` for what is under way.
fn tone(standing: Standing) -> Option<Tone> {
    match standing {
        Standing::UnderWay => None,
        Standing::Good => Some(Tone::Good),
        Standing::Bad | Standing::GoingBack => Some(Tone::Bad),
    }
}
