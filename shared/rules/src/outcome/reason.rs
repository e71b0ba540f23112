//! Why a deployment ended badly.

use super::{Ending, Subject};
use crate::config::{Pipeline, WhenBusy};
use crate::names::FunctionName;

/// The step that failed, the engine's sentence, and what AWS knows beyond them.
pub(super) fn reason(pipeline: &Pipeline, deployment: &Subject, ending: &Ending) -> String {
    let engine = deployment.engine;
    let failed = ending.steps.iter().find(|step| step.has_failed);
    let error_says = |text: &str| {
        let error = deployment.error.as_ref();
        error.is_some_and(|(_, message)| message.contains(text))
    };
    let of_step = failed.and_then(|step| step.message.as_deref());
    let of_step = of_step
        .map(|message| message.trim().trim_end_matches('.'))
        .filter(|message| !message.is_empty() && !error_says(message))
        .map(str::to_owned);
    let step =
        failed.map(
            |step| match (own_hook(pipeline, &step.name), engine.gate_of(&step.name)) {
                (Some(function), _) => format!("{} failed (your function `{function}`)", step.name),
                (None, Some(gate)) => format!("{} failed ({gate})", step.name),
                (None, None) => format!("{} failed", step.name),
            },
        );
    let error = deployment.error.as_ref().map(|(code, message)| {
        match message.trim().trim_end_matches('.') {
            "" => code.clone(),
            message => format!("{message} ({code})"),
        }
    });
    let stopped = was_perhaps_replaced(pipeline, deployment).then(|| {
        "a person stopped it, or a newer image replaces it (`when_busy = \"replace\"`)".to_owned()
    });
    let parts: Vec<String> = step
        .into_iter()
        .chain(of_step)
        .chain(error)
        .chain(stopped)
        .chain(ending.causes.iter().cloned())
        .collect();
    if parts.is_empty() {
        format!("{engine} gave no reason")
    } else {
        parts.join("; ")
    }
}

/// The function of the user's that CodeDeploy calls at a lifecycle event. It does nothing else at such an event, so that one which
/// failed failed by that function.
fn own_hook<'a>(pipeline: &'a Pipeline, step: &str) -> Option<&'a FunctionName> {
    let mut hooks = pipeline.hooks.iter();
    hooks
        .find(|(event, _)| event.name() == step)
        .map(|(_, function)| function)
}

/// AWS reports the same for both, what Greenlight replaced and what a person stopped: a call stopped it.
pub(super) fn was_perhaps_replaced(pipeline: &Pipeline, deployment: &Subject) -> bool {
    pipeline.when_busy == WhenBusy::Replace && deployment.stopped_by_call
}
