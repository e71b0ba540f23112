//! Actions of people while Greenlight works: in the console, or with the AWS CLI.

use anyhow::Context;
use local_aws::codedeploy::requests::DeploymentWait;
use local_aws::codedeploy::{Deployment, Group};
use local_aws::elb::{Condition, default_rule};
use local_aws::identity::ACCOUNT;
use local_aws::lambda::{Answer, Refused};
use local_aws::service_deployment::stage::Stage;
use local_aws::world::World;
use serde_json::{Value, json};

use super::console::call;
use super::service_deployments;
use crate::scenario::{AfterStop, Moved};

/// The priority of a person's listener rule.
const RULE_PRIORITY: u32 = 10;
/// The template's role with which ECS calls its hooks.
const HOOK_ROLE: &str = "HookRole";

pub(super) async fn stop(world: &World, service: &str, then: AfterStop) -> anyhow::Result<()> {
    if service_deployments::are_of(world, service) {
        return service_deployments::stop(world, service, then).await;
    }
    let roll_back = match then {
        AfterStop::RollBack => true,
        AfterStop::LeaveEverything => false,
    };
    Ok(world
        .codedeploy
        .stop_deployment(&under_way(world, service)?, Some(roll_back))?)
}

pub(super) fn end_wait(world: &World, service: &str, wait: DeploymentWait) -> anyhow::Result<()> {
    Ok(world
        .codedeploy
        .continue_deployment(&under_way(world, service)?, wait)?)
}

/// *Create deployment* in the console: a revision and its load balancer, without hooks. Of a service that ECS deploys, *Update
/// service*.
pub(super) async fn redeploy(world: &World, service: &str, version: &str) -> anyhow::Result<()> {
    let runs = |image: &String| world.ecr.version(image).as_deref() == Some(version);
    let found = world.ecs.read(|state| {
        let mut services = state.services.iter();
        let found = services.find(|found| found.name == service)?;
        let family = &state.revision(&found.task_definition)?.family;
        let revisions = state.families.get(family)?.iter();
        let revisions = revisions.map(|revision| (revision.arn(), revision.images()));
        let behind = found.load_balancers.first().cloned();
        Some((behind, revisions.collect::<Vec<_>>()))
    });
    let (balanced, revisions) = found.with_context(|| format!("`{service}` is not a service"))?;
    let (revision, _) = revisions
        .into_iter()
        .find(|(_, images)| images.iter().any(|(_, image)| runs(image)))
        .with_context(|| format!("no revision runs `{version}`"))?;
    if service_deployments::are_of(world, service) {
        return service_deployments::update(world, service, json!({ "taskDefinition": revision }))
            .await;
    }
    let group = group(world, service)?;
    let balanced = balanced.with_context(|| format!("`{service}` has no load balancer"))?;
    let load_balancer =
        json!({ "ContainerName": balanced.container, "ContainerPort": balanced.port });
    let properties = json!({ "TaskDefinition": revision, "LoadBalancerInfo": load_balancer });
    let app_spec = json!({
        "version": 0.0,
        "Resources": [{ "TargetService": { "Type": "AWS::ECS::Service", "Properties": properties } }],
    });
    let content = json!({ "content": app_spec.to_string() });
    let request = json!({
        "applicationName": group.application,
        "deploymentGroupName": group.name,
        "revision": { "revisionType": "AppSpecContent", "appSpecContent": content },
    });
    call(world, "CodeDeploy_20141006.CreateDeployment", &request)
        .await
        .map(drop)
}

/// What the documents say of moving a service to ECS's own deployments: one UpdateService with the target groups and the listeners' rules
/// that the deployment group has.
pub(super) async fn move_to_ecs(world: &World, service: &str, how: &Moved) -> anyhow::Result<()> {
    let group = group(world, service)?;
    let balanced = world.ecs.read(|state| {
        let found = state.service(&group.cluster, service)?;
        found.load_balancers.first().cloned()
    });
    let balanced = balanced.with_context(|| format!("`{service}` is not a service"))?;
    let mut groups = group.target_groups.iter();
    let other = groups.find(|group| group.arn != balanced.target_group_arn);
    let other = other.context("its deployment group has one target group")?;
    let mut advanced = json!({
        "alternateTargetGroupArn": other.arn,
        "productionListenerRule": default_rule(&group.production_listener),
        "roleArn": format!("arn:aws:iam::{ACCOUNT}:role/ecsInfrastructureRole"),
    });
    if let Some(test) = &group.test_listener {
        advanced["testListenerRule"] = json!(default_rule(test));
    }
    let role = world.iam.role_arn(HOOK_ROLE);
    let role = role.with_context(|| format!("the template has no role `{HOOK_ROLE}`"))?;
    let functions = world.lambda.functions();
    let hook = |(binary, stage): &(String, Stage)| {
        let mut functions = functions.iter();
        let function = functions.find(|function| function.binary_name == *binary);
        let function = function.with_context(|| format!("there is no `{binary}`"))?;
        let arn = local_aws::identity::arn("lambda", &format!("function:{}", function.name));
        anyhow::Ok(
            json!({ "hookTargetArn": arn, "roleArn": role, "lifecycleStages": [stage.as_str()] }),
        )
    };
    let hooks = how.hooks.iter().map(hook).collect::<Result<Vec<_>, _>>()?;
    let members = json!({
        "deploymentController": { "type": "ECS" },
        "deploymentConfiguration": {
            "strategy": how.strategy.as_str(),
            "bakeTimeInMinutes": 5,
            "deploymentCircuitBreaker": { "enable": true, "rollback": true },
            "lifecycleHooks": hooks,
        },
        "loadBalancers": [{
            "targetGroupArn": balanced.target_group_arn,
            "containerName": balanced.container,
            "containerPort": balanced.port,
            "advancedConfiguration": advanced,
        }],
    });
    service_deployments::update(world, service, members).await
}

/// What infrastructure code does on a change: its own last revision of the service's family, with this environment variable
/// of the container behind the load balancer. It knows neither Greenlight's revisions nor their images. Returns the revision's
/// ARN.
pub(super) async fn register(
    world: &World,
    service: &str,
    name: &str,
    value: &str,
) -> anyhow::Result<String> {
    let found = world.ecs.read(|state| {
        let mut services = state.services.iter();
        let found = services.find(|found| found.name == service)?;
        let family = &state.revision(&found.task_definition)?.family;
        let is_own = |tag: &Value| {
            let key = tag["key"].as_str().unwrap_or_default();
            key.starts_with("greenlight:")
        };
        let mut revisions = state.families.get(family)?.iter().rev();
        let last = revisions.find(|revision| !revision.tags.iter().any(is_own))?;
        let container = found.serving_container()?.to_owned();
        Some((container, last.registered.clone(), last.tags.clone()))
    });
    let (container, registered, tags) =
        found.with_context(|| format!("`{service}` has no revision of its own"))?;
    let mut request = Value::Object((*registered).clone());
    if !tags.is_empty() {
        request["tags"] = json!(tags);
    }
    let containers = request["containerDefinitions"].as_array_mut();
    let mut containers = containers.into_iter().flatten();
    let container = containers
        .find(|known| known["name"] == container.as_str())
        .context("its container is gone")?;
    let mut environment = container["environment"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    environment.retain(|known| known["name"] != name);
    environment.push(json!({ "name": name, "value": value }));
    container["environment"] = environment.into();
    let operation = "AmazonEC2ContainerServiceV20141113.RegisterTaskDefinition";
    let registered = call(world, operation, &request).await?;
    let arn = registered["taskDefinition"]["taskDefinitionArn"].as_str();
    Ok(arn.context("the answer names no revision")?.to_owned())
}

pub(super) async fn desire(world: &World, service: &str, count: u32) -> anyhow::Result<()> {
    service_deployments::update(world, service, json!({ "desiredCount": count })).await
}

/// `aws ssm put-parameter --overwrite`.
pub(super) async fn put_parameter(world: &World, name: &str, value: &str) -> anyhow::Result<()> {
    let request = json!({ "Name": name, "Value": value, "Type": "String", "Overwrite": true });
    call(world, "AmazonSSM.PutParameter", &request)
        .await
        .map(drop)
}

/// A rule of the test listener beside the default one, for a path, with the listener's current target.
pub(super) fn keep_path(world: &World, service: &str, path: &str) -> anyhow::Result<()> {
    let listener = group(world, service)?.test_listener;
    let listener = listener.context("there is no test listener")?;
    let mut listeners = world.load_balancers.listeners().into_iter();
    let found = listeners.find(|known| known.arn == listener);
    let forward = found.context("the test listener is gone")?.forward;
    let conditions = vec![Condition::path(path)];
    let balancers = &world.load_balancers;
    let added = balancers.add_rule(&listener, RULE_PRIORITY, conditions, forward);
    added.context("the test listener is gone").map(drop)
}

/// A request to `start-deployment`; the record contains the answer. A request that is throttled is repeated after a
/// wait, as a person would.
pub(super) async fn ask(world: &World, request: Value) -> anyhow::Result<()> {
    let mut functions = world.lambda.functions().into_iter();
    let function = functions
        .find(|function| function.binary_name == "start-deployment")
        .context("there is no `start-deployment`")?;
    loop {
        world.lambda.idle().await;
        match world.lambda.invoke(&function.name, request.clone()).await {
            Ok(Answer::Response(_) | Answer::Error { .. }) => return Ok(()),
            Err(Refused::Throttled | Refused::AccountThrottled) => {}
            Err(refused) => return Err(refused.into()),
        }
    }
}

/// The deployment of a service that has not ended.
pub(super) fn under_way(world: &World, service: &str) -> anyhow::Result<String> {
    let id = world.codedeploy.read(|state| {
        let is_of = |deployment: &&Deployment| {
            let group = state.group_of(deployment);
            group.is_some_and(|group| group.service == service)
        };
        let mut deployments = state.deployments.iter().filter(is_of);
        let active = deployments.find(|deployment| deployment.status.is_active())?;
        Some(active.id.clone())
    });
    id.with_context(|| format!("no deployment of `{service}` is under way"))
}

/// The application and group that deploy a service, and its cluster.
pub(super) fn group(world: &World, service: &str) -> anyhow::Result<Group> {
    let group = world.codedeploy.read(|state| {
        let mut groups = state.groups.iter();
        groups.find(|group| group.service == service).cloned()
    });
    group.with_context(|| format!("no deployment group deploys `{service}`"))
}
