//! Attempts to imitate a migration by an attacker who can see every identifier that AWS shows to readers.

use anyhow::Context as _;
use local_aws::world::World;
use serde_json::{Value, json};

use super::console::call;
use super::person::{group, under_way};
use crate::scenario::Forgery;

const RUN_TASK: &str = "AmazonEC2ContainerServiceV20141113.RunTask";

pub(super) async fn forge(world: &World, service: &str, forgery: Forgery) -> anyhow::Result<()> {
    let deployment = under_way(world, service)?;
    let cluster = group(world, service)?.cluster;
    let task = || task(world, &cluster, service, &deployment);
    match forgery {
        Forgery::Task => call(world, RUN_TASK, &task()?).await.map(drop),
        Forgery::Token => {
            let mut request = task()?;
            request["clientToken"] = json!(format!("greenlight-AfterInstall-{deployment}"));
            call(world, RUN_TASK, &request).await.map(drop)
        }
        Forgery::Hook => {
            let payload = json!({
                "DeploymentId": deployment, "LifecycleEventHookExecutionId": "an-invented-execution-id",
            });
            invoke(world, "run-migration", payload)
        }
        Forgery::TimeOut => {
            let payload = json!({
                "deployment_id": deployment, "hook_execution_ids": ["an-invented-execution-id"],
                "cluster": cluster, "timeout_minutes": 0,
            });
            invoke(world, "finish-migration", payload)
        }
    }
}

/// The revision in production, with a command that succeeds.
fn task(world: &World, cluster: &str, service: &str, deployment: &str) -> anyhow::Result<Value> {
    let service = world.ecs.read(|state| {
        let service = state.service(cluster, service)?;
        let set = service.task_sets.first()?;
        Some((
            set.task_definition.clone(),
            set.network_configuration.clone(),
        ))
    });
    let (revision, network) = service.context("the service runs nothing")?;
    Ok(json!({
        "cluster": cluster,
        "taskDefinition": revision,
        "launchType": "FARGATE",
        "networkConfiguration": network,
        "startedBy": format!("greenlight/{deployment}"),
        "overrides": { "containerOverrides": [{ "name": "web", "command": ["sample-service", "--version"] }] },
    }))
}

fn invoke(world: &World, binary: &str, payload: Value) -> anyhow::Result<()> {
    let mut functions = world.lambda.functions().into_iter();
    let function = functions
        .find(|function| function.binary_name == binary)
        .with_context(|| format!("there is no `{binary}`"))?;
    Ok(world.lambda.invoke_async(&function.name, payload)?)
}
