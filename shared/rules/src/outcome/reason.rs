//! Why a deployment ended badly.

use super::Ending;
use crate::codedeploy::{Deployment, LifecycleEventStatus};
use crate::config::{Pipeline, WhenBusy};

/// CodeDeploy's sentence, the step that failed, and what AWS knows beyond them.
pub(super) fn reason(pipeline: &Pipeline, deployment: &Deployment, ending: &Ending) -> String {
    let failed = ending
        .steps
        .iter()
        .find(|step| step.status == LifecycleEventStatus::Failed);
    let step = failed.map(|step| match step.name.as_str() {
        "AfterInstall" => "AfterInstall failed (the migration gate)".to_owned(),
        "AfterAllowTestTraffic" => {
            "AfterAllowTestTraffic failed (the test traffic gate)".to_owned()
        }
        name => format!("{name} failed"),
    });
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
        .chain(error)
        .chain(stopped)
        .chain(ending.causes.iter().cloned())
        .collect();
    if parts.is_empty() {
        "CodeDeploy gave no reason".to_owned()
    } else {
        parts.join("; ")
    }
}

/// CodeDeploy says of both that a user stopped them: of what Greenlight replaced, and of what a person stopped.
pub(super) fn was_perhaps_replaced(pipeline: &Pipeline, deployment: &Deployment) -> bool {
    let by_a_call = |(code, _): &(String, String)| code == "MANUAL_STOP";
    pipeline.when_busy == WhenBusy::Replace && deployment.error.as_ref().is_some_and(by_a_call)
}
