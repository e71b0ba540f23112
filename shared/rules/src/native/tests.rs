//! The contract of ECS's hooks as tables: which calls wait, which go back, and which nobody made.

mod calls;
mod migration;
mod traffic;

use serde_json::{Value, json};
use time::{Duration, UtcDateTime};

use crate::ecs::{DeployedRevision, ServiceDeployment, Stage, Status};
use crate::events::{EcsCall, HookCall};

pub(crate) const HEAD: &str = "arn:aws:ecs:eu-central-1:111122223333";
pub(crate) const ID: &str = "EZe5RNVLH6PPzHXINuP28";
pub(crate) const GREEN: &str = "9313423515462893900";

/// ECS's payload (ECS Developer Guide, "Lambda lifecycle hooks").
pub(crate) fn payload(stage: &str) -> Value {
    json!({
        "executionId": "779085de-ab47-42bc-84ad-41f9914a8643",
        "lifecycleStage": stage,
        "resourceArn": format!("{HEAD}:service-deployment/prod/web/{ID}"),
        "executionDetails": {
            "serviceArn": format!("{HEAD}:service/prod/web"),
            "targetServiceRevisionArn": format!("{HEAD}:service-revision/prod/web/{GREEN}"),
            "testTrafficWeights": {},
            "productionTrafficWeights": {},
        },
    })
}

pub(crate) fn read(payload: &Value) -> EcsCall {
    match HookCall::parse(payload).unwrap() {
        HookCall::Ecs(call) => *call,
        HookCall::CodeDeploy(call) => panic!("{call:?} is not ECS's"),
    }
}

pub(crate) fn call(stage: &str) -> EcsCall {
    read(&payload(stage))
}

/// The deployment that makes these calls, at this stage.
pub(crate) fn deployment(status: &str, stage: Option<&str>) -> ServiceDeployment {
    let call = call("PRE_SCALE_UP");
    ServiceDeployment {
        arn: call.deployment,
        status: Status::of(status),
        status_reason: None,
        stage: stage.map(Stage::of),
        sources: Vec::new(),
        target: Some(DeployedRevision {
            arn: call.target,
            requested_count: 2,
            running_count: 2,
            test_weight: None,
            production_weight: None,
        }),
        rollback: None,
        hooks: Vec::new(),
        breaker: None,
        alarms: None,
        created_at: moment(0),
        started_at: None,
        finished_at: None,
        stopped_at: None,
        updated_at: None,
    }
}

/// So many minutes after a moment.
pub(crate) fn moment(minutes: i64) -> UtcDateTime {
    UtcDateTime::UNIX_EPOCH + Duration::days(20_000) + Duration::minutes(minutes)
}
