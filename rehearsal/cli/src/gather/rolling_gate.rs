//! The production gate after a rolling update, as a hook that nothing waits for: it was held when `check-production` wrote what it found
//! on the revision.

use std::time::SystemTime;

use local_aws::world::{AwsCall, World};
use record::{Deployment, Engine, HookAnswer, HookCall};

/// Who holds it.
const FUNCTION: &str = "check-production";
/// What is told of it in a tag of the revision.
const TAG: &str = "greenlight:gate";

pub(super) fn calls(world: &World, deployments: &[Deployment]) -> Vec<HookCall> {
    let answers = world.calls().into_iter().filter_map(|call| answer(&call));
    let calls = answers.filter_map(|(id, at, status)| {
        let mut deployments = deployments.iter();
        let deployment =
            deployments.find(|one| one.engine == Engine::Rolling && one.is_called(&id))?;
        let wanted = world.ecs.read(|state| {
            let service = state.service(&deployment.cluster, &deployment.service)?;
            Some(service.desired_count)
        });
        Some(HookCall {
            deployment: deployment.id.clone(),
            lifecycle_event: checks::claims::AFTER_ROLLING_UPDATE.to_owned(),
            function: Some(FUNCTION.to_owned()),
            rollback: false,
            // It may be asked from then on.
            called_at: deployment.ended_at?,
            answers: vec![HookAnswer {
                at,
                status: status.to_owned(),
                function: Some(FUNCTION.to_owned()),
                wanted,
            }],
        })
    });
    calls.collect()
}

/// The deployment that was judged, when, and how.
fn answer(call: &AwsCall) -> Option<(String, SystemTime, &'static str)> {
    let is_mark = call.function.as_deref() == Some(FUNCTION)
        && call.operation == "TagResource"
        && call.status == 200;
    let tags = call.request["tags"].as_array().filter(|_| is_mark)?;
    let tag = tags.iter().find(|tag| tag["key"] == TAG)?;
    let words: Vec<&str> = tag["value"].as_str()?.split(' ').collect();
    match words[..] {
        ["passed", _, id] => Some((id.to_owned(), call.at, "SUCCEEDED")),
        ["failed", _, id, ..] => Some((id.to_owned(), call.at, "FAILED")),
        _ => None,
    }
}
