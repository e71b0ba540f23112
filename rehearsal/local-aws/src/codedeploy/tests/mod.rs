//! Deployments of a service without tasks. Tokio's time is paused: only the hooks' functions take real time, and they
//! fail at once.

mod assumed;
mod whatever_happens;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::app_spec::AppSpec;
use super::traffic::Routing;
use super::*;
use crate::assumption::{Assumption, Assumptions};
use crate::aws::Aws;
use crate::ecs::capacity::LaunchKind;
use crate::lambda;
use crate::template::Template;
use crate::world::{
    ContainerSettings, HealthCheck, ServiceSettings, TestListener, World, WorldSettings,
};

const ALARM: &str = "web-5xx";
const HOOK: &str = "CodeDeployHook_test";

/// The initial state of a test case.
#[derive(Debug, Clone)]
struct Setup {
    test_listener: TestListener,
    routing: Routing,
    ready_wait: Option<Duration>,
    rollback_on: Vec<&'static str>,
    assumptions: Vec<Assumption>,
}

fn service(setup: &Setup) -> ServiceSettings {
    ServiceSettings {
        name: "web".to_owned(),
        cluster: "prod".to_owned(),
        family: "shop-web".to_owned(),
        containers: vec![ContainerSettings {
            name: "web".to_owned(),
            image: "web:1".to_owned(),
            container_port: Some(80),
            essential: true,
            entry_point: Vec::new(),
            command: Vec::new(),
            environment: BTreeMap::new(),
            logs: None,
            definition: serde_json::Map::new(),
        }],
        load_balanced: ("web".to_owned(), 80),
        launch: LaunchKind::Fargate,
        desired_count: 0,
        deployed_by: crate::world::DeployedBy::CodeDeploy,
        application: "shop".to_owned(),
        deployment_group: "shop-web".to_owned(),
        deployment_config: "Custom".to_owned(),
        routing: Some(setup.routing),
        test_listener: setup.test_listener,
        listeners: crate::elb::Protocol::Http,
        ready_wait: setup.ready_wait,
        termination_wait: Duration::from_secs(3600),
        rollback_on: setup
            .rollback_on
            .iter()
            .map(|&event| event.to_owned())
            .collect(),
        alarms: vec![ALARM.to_owned()],
        missing_alarms: Vec::new(),
        health_check: HealthCheck {
            path: "/".to_owned(),
            matcher: "200".to_owned(),
            interval: Duration::from_secs(10),
            timeout: Duration::from_secs(5),
            healthy_threshold: 2,
            unhealthy_threshold: 2,
            deregistration_delay: Duration::from_secs(30),
        },
        options: serde_json::Map::new(),
    }
}

/// A function that answers no hook and fails.
fn hook_function() -> lambda::Function {
    lambda::Function {
        logical_id: "Test".to_owned(),
        binary_name: "test".to_owned(),
        name: HOOK.to_owned(),
        binary: PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/lambda/function-for-tests.sh"),
        environment: BTreeMap::from([("TEST_BINARY".to_owned(), "false".to_owned())]),
        timeout: Duration::from_secs(60),
        memory_megabytes: 128,
        maximum_retry_attempts: 2,
        maximum_event_age: Duration::from_secs(3600),
        reserved_concurrency: None,
        on_failure: None,
        log_group: lambda::default_group(HOOK),
        log_format: lambda::LogFormat::Json,
    }
}

async fn world(setup: &Setup) -> World {
    world_with(setup, hook_function()).await
}

async fn world_with(setup: &Setup, function: lambda::Function) -> World {
    let settings = WorldSettings {
        without: Vec::new(),
        template: Template {
            functions: vec![function],
            topic_arn: "arn:aws:sns:eu-central-1:111122223333:outcomes".to_owned(),
            ..Template::default()
        },
        assumptions: Assumptions::from_iter(setup.assumptions.iter().copied()),
        port: 0,
        repositories: Vec::new(),
        images: Vec::new(),
        indexes: Vec::new(),
        services: vec![service(setup)],
        sample_service: PathBuf::from("no task is started"),
        programs: Default::default(),
        dwell: crate::clock::DWELL,
        pace: crate::clock::Pace::Real,
        faults: Vec::new(),
        secrets: Vec::new(),
        listener_ports: crate::elb::ListenerPorts::default(),
        image_environment: std::collections::BTreeMap::new(),
    };
    World::start(settings).await.unwrap()
}

/// Creates a deployment of the latest revision, unless one is in progress.
fn deploy(aws: &Arc<Aws>, hooks: &[LifecycleEvent]) {
    let (id, now) = (aws.ids.deployment(), aws.clock.now());
    let revision = aws
        .ecs
        .read(|state| state.revision("shop-web").unwrap().arn());
    let app_spec = AppSpec {
        hooks: hooks
            .iter()
            .map(|&event| (event, HOOK.to_owned()))
            .collect(),
        ..app_spec::parse(&app_spec::render(&revision, "web", 80)).unwrap()
    };
    let created = aws.codedeploy.write(|state| {
        if state.active("shop", "shop-web").is_some() {
            return false;
        }
        let group = state.group("shop", "shop-web").unwrap();
        let config = state.config(&group.config).unwrap().clone();
        let deployment = Deployment::of(group, id.clone(), config, (app_spec, "content"), now);
        state.deployments.push(deployment);
        true
    });
    if created {
        engine::begin(&aws.codedeploy, id);
    }
}

fn sample() -> Deployment {
    let target_group = |name: &str| TargetGroup {
        name: name.to_owned(),
        arn: name.to_owned(),
    };
    let group = Group {
        application: "shop".to_owned(),
        name: "shop-web".to_owned(),
        id: "id".to_owned(),
        cluster: "prod".to_owned(),
        service: "web".to_owned(),
        target_groups: [target_group("blue"), target_group("green")],
        production_listener: "production".to_owned(),
        test_listener: None,
        config: traffic::ALL_AT_ONCE.to_owned(),
        service_role: "role".to_owned(),
        triggers: json!([]),
        ready_option: ReadyOption::ContinueDeployment,
        termination_wait: Duration::ZERO,
        rollback_on: Vec::new(),
        alarms: Alarms::default(),
    };
    let revision = "arn:aws:ecs:eu-central-1:111122223333:task-definition/web:2";
    let content = app_spec::render(revision, "web", 80);
    let app_spec = app_spec::parse(&content).unwrap();
    let config = traffic::predefined().remove(0);
    let now = SystemTime::UNIX_EPOCH;
    Deployment::of(&group, "d-1".to_owned(), config, (app_spec, &content), now)
}

#[test]
fn a_hook_is_answered_once() {
    use EventStatus::{Failed, InProgress, Succeeded};
    use hook::SecondAnswer::{Accepted, Refused};
    let event = LifecycleEvent::AfterInstall;
    let completed = Err(hook::AnswerRefused::AlreadyCompleted(event));
    let unknown = Err(hook::AnswerRefused::UnknownExecution);
    let (yes, no) = (HookAnswer::Succeeded, HookAnswer::Failed);
    let cases = [
        ("e", None, InProgress, Refused, Ok(Some(event))),
        ("other", None, InProgress, Refused, unknown),
        ("e", None, Failed, Accepted, completed),
        ("e", Some(yes), InProgress, Refused, completed),
        ("e", Some(yes), Succeeded, Refused, completed),
        ("e", Some(yes), Succeeded, Accepted, Ok(None)),
        ("e", Some(no), Failed, Accepted, completed),
    ];
    for (id, answer, status, second, wanted) in cases {
        let mut deployment = sample();
        let execution_id = "e".to_owned();
        deployment.hooks = vec![Hook {
            execution_id,
            event,
            answer,
        }];
        deployment.event_mut(event).unwrap().status = status;
        let given = hook::answer(&mut deployment, id, yes, second);
        assert_eq!(given, wanted, "{id} {answer:?} {status:?} {second:?}");
    }
}
