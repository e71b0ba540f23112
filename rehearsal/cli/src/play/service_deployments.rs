//! Actions of people and infrastructure code on services that ECS deploys, by AWS's API.

use anyhow::Context;
use local_aws::elb::Forward;
use local_aws::service_deployment::controller::EcsManaged;
use local_aws::world::World;
use serde_json::{Value, json};

use super::console::call;
use crate::scenario::{AfterStop, PauseAction};

const ECS: &str = "AmazonEC2ContainerServiceV20141113";
/// The statuses of a service deployment that has not ended.
const UNDER_WAY: [&str; 5] = [
    "PENDING",
    "IN_PROGRESS",
    "STOP_REQUESTED",
    "ROLLBACK_REQUESTED",
    "ROLLBACK_IN_PROGRESS",
];

/// Whether ECS itself deploys a service.
pub(super) fn are_of(world: &World, service: &str) -> bool {
    managed(world, service).is_some()
}

fn managed(world: &World, service: &str) -> Option<EcsManaged> {
    world.ecs.read(|state| {
        let mut services = state.services.iter();
        let found = services.find(|found| found.name == service)?;
        found.controller.ecs().cloned()
    })
}

/// UpdateService with these members.
pub(super) async fn update(world: &World, service: &str, members: Value) -> anyhow::Result<()> {
    let mut request = members;
    request["cluster"] = json!(cluster(world, service)?);
    request["service"] = json!(service);
    ask(world, "UpdateService", &request).await.map(drop)
}

/// UpdateService's `deploymentConfiguration` with the strategy as it is and another bake time, and nothing else.
pub(super) async fn set_bake_time(
    world: &World,
    service: &str,
    minutes: u64,
) -> anyhow::Result<()> {
    let managed = managed(world, service);
    let managed = managed.with_context(|| format!("ECS does not deploy `{service}`"))?;
    let strategy = managed.configuration.strategy.as_str();
    let configuration = json!({ "strategy": strategy, "bakeTimeInMinutes": minutes });
    let members = json!({ "deploymentConfiguration": configuration });
    update(world, service, members).await
}

pub(super) async fn stop(world: &World, service: &str, then: AfterStop) -> anyhow::Result<()> {
    let stop_type = match then {
        AfterStop::RollBack => "ROLLBACK",
        AfterStop::LeaveEverything => "ABORT",
    };
    // A console that was left open still offers to stop what has ended.
    let listed = newest(world, service, json!(UNDER_WAY)).await?;
    let arn = match listed {
        Some(arn) => arn,
        None => {
            let ended = newest(world, service, json!([])).await?;
            ended.with_context(|| format!("`{service}` was never deployed"))?
        }
    };
    let request = json!({ "serviceDeploymentArn": arn, "stopType": stop_type });
    ask(world, "StopServiceDeployment", &request)
        .await
        .map(drop)
}

/// Answers the pause in which the service's deployment waits.
pub(super) async fn answer_pause(
    world: &World,
    service: &str,
    action: PauseAction,
) -> anyhow::Result<()> {
    let action = match action {
        PauseAction::Continue => "CONTINUE",
        PauseAction::RollBack => "ROLLBACK",
    };
    let arn = under_way(world, service).await?;
    let request = json!({ "serviceDeploymentArns": [arn] });
    let described = ask(world, "DescribeServiceDeployments", &request).await?;
    let hooks = described["serviceDeployments"][0]["lifecycleHookDetails"].as_array();
    let mut hooks = hooks.into_iter().flatten();
    let waiting = hooks.find(|hook| hook["status"] == "AWAITING_ACTION");
    let hook = waiting.with_context(|| format!("`{service}` is in no pause: {described}"))?;
    let request =
        json!({ "serviceDeploymentArn": arn, "hookId": hook["hookId"], "action": action });
    ask(world, "ContinueServiceDeployment", &request)
        .await
        .map(drop)
}

/// Lets the production rule forward to the first target group alone, which may be empty.
pub(super) fn put_rule_back(world: &World, service: &str) -> anyhow::Result<()> {
    let two = managed(world, service).map(|managed| managed.two_groups);
    let two = two.and_then(|all| all.into_iter().next());
    let two = two.with_context(|| format!("`{service}` has no production rule"))?;
    let [first, _] = two.groups;
    let forward = Forward {
        target_group_arn: first,
        // ELB's default weight of a single target group.
        weight: 1,
    };
    world
        .load_balancers
        .set_rule_forward(&two.production_rule, vec![forward]);
    Ok(())
}

/// The ARN of the deployment that has not ended.
async fn under_way(world: &World, service: &str) -> anyhow::Result<String> {
    let newest = newest(world, service, json!(UNDER_WAY)).await?;
    newest.with_context(|| format!("no deployment of `{service}` is under way"))
}

/// The ARN of the newest deployment with one of these statuses; of any status if there is none.
async fn newest(world: &World, service: &str, status: Value) -> anyhow::Result<Option<String>> {
    let request = json!({
        "cluster": cluster(world, service)?, "service": service, "status": status,
    });
    let listed = ask(world, "ListServiceDeployments", &request).await?;
    let newest = listed["serviceDeployments"][0]["serviceDeploymentArn"].as_str();
    Ok(newest.map(str::to_owned))
}

fn cluster(world: &World, service: &str) -> anyhow::Result<String> {
    let found = world.ecs.read(|state| {
        let mut services = state.services.iter();
        let found = services.find(|found| found.name == service)?;
        Some(found.cluster.clone())
    });
    found.with_context(|| format!("`{service}` is not a service"))
}

async fn ask(world: &World, operation: &str, request: &Value) -> anyhow::Result<Value> {
    call(world, &format!("{ECS}.{operation}"), request).await
}
