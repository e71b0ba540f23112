//! What the tests of ECS's own deployments share: worlds with such services, functions that answer hooks, and readers.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::Uri;
use local_aws::assumption::Assumption;
use local_aws::lambda::external::Place;
use local_aws::timeline::{Entry, Event};
use local_aws::world::{
    DeployedBy, EcsDeployments, Internal, IsBalanced, TestRule, World, WorldSettings,
};
use serde_json::{Value, json};

use crate::aws::{PausedWorld, call, ecs, world};

pub(crate) const ROLE: &str = "arn:aws:iam::111122223333:role/ecsHooks";
pub(crate) const HOOK: &str = "arn:aws:lambda:eu-central-1:111122223333:function:hook";

/// `web` as ECS deploys it, by this configuration.
pub(crate) fn by_ecs(configuration: Value) -> EcsDeployments {
    EcsDeployments {
        configuration,
        test_rule: TestRule::OwnPort(Vec::new()),
        infrastructure_role: "arn:aws:iam::111122223333:role/ecsInfrastructureRole".to_owned(),
        balanced: IsBalanced::Balanced,
        internal: Internal::Absent,
    }
}

/// A world whose service ECS deploys.
pub(crate) async fn deployed_by(
    by: EcsDeployments,
    assumed: &[Assumption],
    change: impl FnOnce(&mut WorldSettings),
) -> PausedWorld {
    world(|settings| {
        settings.assumptions = assumed.iter().copied().collect();
        settings.services[0].deployed_by = DeployedBy::Ecs(Box::new(by));
        change(settings);
    })
    .await
}

/// The same without tasks, in which nothing takes real time but hooks.
pub(crate) async fn empty(configuration: Value, assumed: &[Assumption]) -> PausedWorld {
    deployed_by(by_ecs(configuration), assumed, |settings| {
        settings.services[0].desired_count = 0;
    })
    .await
}

pub(crate) fn blue_green() -> Value {
    json!({ "strategy": "BLUE_GREEN", "bakeTimeInMinutes": 5 })
}

/// A configuration with hooks at these stages.
pub(crate) fn hooked(mut configuration: Value, stages: &[&str]) -> Value {
    configuration["lifecycleHooks"] =
        json!([{ "hookTargetArn": HOOK, "roleArn": ROLE, "lifecycleStages": stages }]);
    configuration
}

/// Answers the function `hook`: each call with the next of these, and then `SUCCEEDED`. Returns the payloads so far.
pub(crate) async fn answer_hooks(world: &World, answers: &[Value]) -> Arc<Mutex<Vec<Value>>> {
    let calls: Arc<Mutex<Vec<Value>>> = Arc::default();
    let left: VecDeque<Value> = answers.iter().cloned().collect();
    let state = (calls.clone(), Arc::new(Mutex::new(left)));
    let router = Router::new().fallback(answer).with_state(state);
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint: Uri = format!("http://{}", socket.local_addr().unwrap())
        .parse()
        .unwrap();
    tokio::spawn(async move { axum::serve(socket, router).await });
    let place = Place::Endpoint(endpoint);
    world
        .lambda
        .register("hook", place, BTreeMap::new())
        .unwrap();
    calls
}

type Answering = (Arc<Mutex<Vec<Value>>>, Arc<Mutex<VecDeque<Value>>>);

async fn answer(State((calls, left)): State<Answering>, body: String) -> String {
    calls
        .lock()
        .unwrap()
        .push(serde_json::from_str(&body).unwrap());
    let next = left.lock().unwrap().pop_front();
    next.unwrap_or_else(|| json!({ "hookStatus": "SUCCEEDED" }))
        .to_string()
}

/// Asks for a revision; returns the answer's service.
pub(crate) async fn update(world: &World, members: Value) -> Value {
    let mut request = json!({ "cluster": "prod", "service": "web" });
    for (name, value) in members.as_object().unwrap() {
        request[name] = value.clone();
    }
    ecs(world, "UpdateService", request).await["service"].clone()
}

/// A call of ECS that is refused; returns the exception and its sentence.
pub(crate) async fn refused(world: &World, operation: &str, members: Value) -> (String, String) {
    let target = format!("AmazonEC2ContainerServiceV20141113.{operation}");
    let (status, body) = call(world, &target, members).await;
    assert_eq!(status, 400, "{operation}: {body}");
    let text = |member: &str| body[member].as_str().unwrap().to_owned();
    (text("__type"), text("message"))
}

pub(crate) async fn service(world: &World) -> Value {
    let request = json!({ "cluster": "prod", "services": ["web"] });
    ecs(world, "DescribeServices", request).await["services"][0].clone()
}

/// The listed deployments' statuses, newest first.
pub(crate) async fn listed(world: &World) -> Vec<Value> {
    let request = json!({ "cluster": "prod", "service": "web" });
    let listed = ecs(world, "ListServiceDeployments", request).await;
    listed["serviceDeployments"].as_array().unwrap().clone()
}

/// The service deployment with this ARN.
pub(crate) async fn deployment(world: &World, arn: &Value) -> Value {
    let request = json!({ "serviceDeploymentArns": [arn] });
    ecs(world, "DescribeServiceDeployments", request).await["serviceDeployments"][0].clone()
}

pub(crate) async fn revision(world: &World, arn: &Value) -> Value {
    let request = json!({ "serviceRevisionArns": [arn] });
    ecs(world, "DescribeServiceRevisions", request).await["serviceRevisions"][0].clone()
}

/// The stages of the newest deployment, a rollback's with a minus.
pub(crate) fn stages(world: &World) -> Vec<String> {
    let newest = world.service_deployment_history().pop().unwrap();
    let stage = |record: &local_aws::service_deployment::deployment::StageRecord| {
        let sign = if record.is_rollback { "-" } else { "" };
        format!("{sign}{}", record.stage.as_str())
    };
    newest.stages.iter().map(stage).collect()
}

/// The weights of every shift so far, production's marked.
pub(crate) fn shifts(world: &World) -> Vec<String> {
    let entries = world.timeline.entries().into_iter();
    let shift = |entry: Entry| {
        let Event::Weights {
            listener, weights, ..
        } = entry.event
        else {
            return None;
        };
        let green = weights.iter().find(|weight| weight.task_set == "Green");
        Some(format!("{listener:?} {}", green.unwrap().percent))
    };
    entries.filter_map(shift).collect()
}

/// Waits until the newest deployment is in this stage.
pub(crate) async fn until_stage(world: &mut PausedWorld, wanted: &'static str) {
    world
        .until(move |event| {
            matches!(event, Event::LifecycleEvent { name, status, .. } if *name == wanted && *status == "InProgress")
        })
        .await;
}

/// The names of ECS's events so far, with the kind's first word.
pub(crate) fn events(world: &World) -> Vec<(String, Value)> {
    let delivered = world.events.delivered().into_iter();
    let of_deployments = delivered.filter_map(|(event, _)| {
        let kind = event["detail-type"].as_str()?;
        let is_it = kind == "ECS Deployment State Change" || kind == "ECS Hook State Change";
        let name = event["detail"]["eventName"].as_str()?.to_owned();
        is_it.then(|| (name, event.clone()))
    });
    of_deployments.collect()
}

/// A call of ECS; returns the HTTP status and the body.
pub(crate) async fn call_ecs(world: &World, operation: &str, members: Value) -> (u16, Value) {
    let target = format!("AmazonEC2ContainerServiceV20141113.{operation}");
    call(world, &target, members).await
}
