//! The production gate after a rolling update, as a hook that nothing waits for: it was held when `check-production` wrote what it found
//! on the revision.

use std::sync::Arc;
use std::time::SystemTime;

use local_aws::world::{AwsCall, World};
use record::{Deployment, Engine, HookAnswer, HookCall};
use serde_json::Value;

/// Who holds it.
const FUNCTION: &str = "check-production";
/// What is told of it in a tag of the revision.
const TAG: &str = "greenlight:gate";

pub(super) fn calls(world: &World, deployments: &[Deployment]) -> Vec<HookCall> {
    let all = world.calls();
    let answers = all.iter().filter_map(|call| answer(call));
    let calls = answers.filter_map(|(id, at, status)| {
        let mut deployments = deployments.iter();
        let deployment =
            deployments.find(|one| one.engine == Engine::Rolling && one.is_called(&id))?;
        let at_end = world.ecs.read(|state| {
            let service = state.service(&deployment.cluster, &deployment.service)?;
            Some(service.desired_count)
        });
        let wanted = wanted_at(&all, deployment, at, at_end);
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

/// The service's desired count at a moment: what the last call before it has set, or what it is at the end where no call has changed
/// it. Before the first change nothing tells it.
fn wanted_at(
    calls: &[Arc<AwsCall>],
    deployment: &Deployment,
    at: SystemTime,
    at_end: Option<u32>,
) -> Option<u32> {
    let last = |given: &Value| {
        let given = given.as_str().unwrap_or_default();
        given.rsplit('/').next().unwrap_or_default().to_owned()
    };
    let changes = calls.iter().filter_map(|call| {
        let request = &call.request;
        let service = match call.operation.as_str() {
            "UpdateService" => last(&request["service"]),
            "CreateService" => last(&request["serviceName"]),
            _ => return None,
        };
        let is_of_it = call.status == 200
            && service == deployment.service
            && last(&request["cluster"]) == deployment.cluster;
        let count = request["desiredCount"].as_u64().filter(|_| is_of_it)?;
        Some((call.at, u32::try_from(count).ok()?))
    });
    let changes: Vec<(SystemTime, u32)> = changes.collect();
    if changes.is_empty() {
        return at_end;
    }
    let mut latest_first = changes.iter().rev();
    let before = latest_first.find(|(changed, _)| *changed <= at);
    before.map(|(_, count)| *count)
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use record::{By, End};
    use serde_json::json;

    use super::*;

    fn at(minute: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(minute * 60)
    }

    fn deployment() -> Deployment {
        Deployment {
            id: "arn:aws:ecs:r:a:service-deployment/prod/web/EZe5".to_owned(),
            engine: Engine::Rolling,
            strategy: None,
            cluster: "prod".to_owned(),
            service: "web".to_owned(),
            application: String::new(),
            deployment_group: String::new(),
            creator: "user".to_owned(),
            by: By::Greenlight,
            revision: String::new(),
            image_digest: None,
            pipeline_digest: None,
            images: BTreeMap::new(),
            status: "SUCCESSFUL".to_owned(),
            error: None,
            lifecycle_events: Vec::new(),
            created_at: at(0),
            ended_at: Some(at(5)),
            end: End::Told,
        }
    }

    #[test]
    fn the_desired_count_is_that_of_the_moment() {
        // Minute, name of the service, status, desired count.
        type Set = (u64, &'static str, u16, u32);
        let cases: [(&[Set], Option<u32>); 6] = [
            (&[], Some(4)),
            (&[(3, "web", 200, 2)], Some(2)),
            (&[(3, "web", 200, 2), (9, "web", 200, 4)], Some(2)),
            // Before the first change nothing tells it.
            (&[(9, "web", 200, 4)], None),
            (&[(3, "web", 400, 2)], Some(4)),
            (&[(3, "api", 200, 2)], Some(4)),
        ];
        for (set, expected) in cases {
            let call = |(minute, service, status, count): &Set| {
                Arc::new(AwsCall {
                    at: at(*minute),
                    function: None,
                    service: "ecs",
                    operation: "UpdateService".to_owned(),
                    status: *status,
                    error: None,
                    response: Value::Null,
                    request: json!({ "cluster": "prod", "service": service, "desiredCount": count }),
                })
            };
            let calls: Vec<Arc<AwsCall>> = set.iter().map(call).collect();
            let wanted = wanted_at(&calls, &deployment(), at(5), Some(4));
            assert_eq!(wanted, expected, "{set:?}");
        }
    }
}
