//! Whatever happens to deployments, and whenever: each of them ends, and production is always served.
//!
//! The service runs no task, so nothing takes real time but the hooks' functions, which do nothing; time is paused.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::json;

use super::app_spec::AppSpec;
use super::requests::DeploymentWait;
use super::traffic::Routing;
use super::*;
use crate::assumption::{Assumption, Assumptions};
use crate::cloudwatch::AlarmState;
use crate::ecs::service::{TaskSet, TaskSetStatus};
use crate::happening::{ListenerKind, What};
use crate::lambda;
use crate::template::Template;
use crate::world::{
    Aws, ContainerSettings, HealthCheck, ServiceSettings, TestListener, World, WorldSettings,
};

const ALARM: &str = "web-5xx";
const HOOK: &str = "CodeDeployHook_test";

/// Something that happens to the newest deployment.
#[derive(Debug, Clone)]
enum Act {
    Deploy(Vec<LifecycleEvent>),
    Stop(Option<bool>),
    Alarm(AlarmState),
    Continue(DeploymentWait),
    Answer(HookAnswer),
    Wait(u64),
}

fn act() -> impl Strategy<Value = Act> {
    let hooks = [
        LifecycleEvent::BeforeInstall,
        LifecycleEvent::AfterInstall,
        LifecycleEvent::AfterAllowTestTraffic,
        LifecycleEvent::BeforeAllowTraffic,
        LifecycleEvent::AfterAllowTraffic,
    ];
    prop_oneof![
        2 => proptest::sample::subsequence(hooks.to_vec(), 0..3).prop_map(Act::Deploy),
        1 => any::<Option<bool>>().prop_map(Act::Stop),
        1 => prop_oneof![Just(AlarmState::Alarm), Just(AlarmState::Ok)].prop_map(Act::Alarm),
        2 => prop_oneof![Just(DeploymentWait::Ready), Just(DeploymentWait::Termination)].prop_map(Act::Continue),
        4 => prop_oneof![3 => Just(HookAnswer::Succeeded), 1 => Just(HookAnswer::Failed)].prop_map(Act::Answer),
        4 => (0_u64..90).prop_map(Act::Wait),
    ]
}

/// What a case begins with.
#[derive(Debug, Clone)]
struct Setup {
    test_listener: TestListener,
    routing: Routing,
    ready_wait: Option<Duration>,
    rollback_on: Vec<&'static str>,
    assumptions: Vec<Assumption>,
}

fn setup() -> impl Strategy<Value = Setup> {
    let routing = prop_oneof![
        Just(Routing::AllAtOnce),
        (1_u32..100, 1_u32..30).prop_map(|(percentage, interval_minutes)| Routing::Canary {
            percentage,
            interval_minutes
        }),
        (20_u32..100, 1_u32..30).prop_map(|(percentage, interval_minutes)| Routing::Linear {
            percentage,
            interval_minutes
        }),
    ];
    let events = [
        "DEPLOYMENT_FAILURE",
        "DEPLOYMENT_STOP_ON_ALARM",
        "DEPLOYMENT_STOP_ON_REQUEST",
    ];
    let assumptions = [
        Assumption::GreenIsPrimaryLater,
        Assumption::ServiceRevisionChangesLater,
        Assumption::RollbackCallsHooks,
        Assumption::HookErrorFailsAtOnce,
        Assumption::HookIsCalledSynchronously,
    ];
    (
        prop_oneof![Just(TestListener::Present), Just(TestListener::Absent)],
        routing,
        proptest::option::of((1_u64..120).prop_map(|minutes| Duration::from_secs(60 * minutes))),
        proptest::sample::subsequence(events.to_vec(), 0..=3),
        proptest::sample::subsequence(assumptions.to_vec(), 0..=5),
    )
        .prop_map(
            |(test_listener, routing, ready_wait, rollback_on, assumptions)| Setup {
                test_listener,
                routing,
                ready_wait,
                rollback_on,
                assumptions,
            },
        )
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
            environment: BTreeMap::new(),
            logs: None,
        }],
        load_balanced: ("web".to_owned(), 80),
        desired_count: 0,
        application: "shop".to_owned(),
        deployment_group: "shop-web".to_owned(),
        deployment_config: "Custom".to_owned(),
        routing: Some(setup.routing),
        test_listener: setup.test_listener,
        ready_wait: setup.ready_wait,
        termination_wait: Duration::from_secs(3600),
        rollback_on: setup
            .rollback_on
            .iter()
            .map(|&event| event.to_owned())
            .collect(),
        alarms: vec![ALARM.to_owned()],
        health_check: HealthCheck {
            path: "/".to_owned(),
            matcher: "200".to_owned(),
            interval: Duration::from_secs(10),
            timeout: Duration::from_secs(5),
            healthy_threshold: 2,
            unhealthy_threshold: 2,
            deregistration_delay: Duration::from_secs(30),
        },
    }
}

/// Answers nobody and fails.
fn hook_function() -> lambda::Function {
    lambda::Function {
        logical_id: "Test".to_owned(),
        binary_name: "test".to_owned(),
        name: HOOK.to_owned(),
        binary: PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/lambda/function-for-tests.sh"),
        environment: BTreeMap::from([("TEST_BINARY".to_owned(), "false".to_owned())]),
        timeout: Duration::from_secs(60),
        memory_megabytes: 128,
        maximum_retry_attempts: 0,
        maximum_event_age: Duration::from_secs(3600),
        reserved_concurrency: None,
        on_failure: None,
    }
}

async fn world(setup: &Setup) -> World {
    let settings = WorldSettings {
        template: Template {
            functions: vec![hook_function()],
            rules: Vec::new(),
            topic_arn: "arn:aws:sns:eu-central-1:111122223333:outcomes".to_owned(),
        },
        assumptions: Assumptions::from_iter(setup.assumptions.iter().copied()),
        port: 0,
        repositories: Vec::new(),
        images: Vec::new(),
        services: vec![service(setup)],
        sample_service: PathBuf::from("no task is ever started"),
    };
    World::start(settings).await.unwrap()
}

/// A deployment of the first revision once more, unless one is under way.
fn deploy(aws: &Arc<Aws>, hooks: &[LifecycleEvent]) {
    let (id, now) = (aws.ids.deployment(), aws.clock.now());
    let revision = aws
        .ecs
        .read(|state| state.revision("shop-web:1").unwrap().arn());
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
        engine::begin(aws, id);
    }
}

async fn perform(world: &World, act: Act) {
    let newest = world
        .codedeploy
        .read(|state| state.deployments.last().map(|last| last.id.clone()));
    let id = newest.unwrap_or_default();
    match act {
        Act::Deploy(hooks) => deploy(world.shared(), &hooks),
        // Refused where it makes no sense, which is what AWS does.
        Act::Stop(roll_back) => drop(world.stop_deployment(&id, roll_back)),
        Act::Continue(wait) => drop(world.continue_deployment(&id, wait)),
        Act::Alarm(state) => world.set_alarm(ALARM, state).unwrap(),
        Act::Answer(given) => world.codedeploy.write(|state| {
            let deployment = state.deployment_mut(&id);
            let open = deployment.and_then(|deployment| {
                let hook = deployment.hooks.last()?.execution_id.clone();
                Some((deployment, hook))
            });
            if let Some((deployment, hook)) = open {
                let _ = hook::answer(deployment, &hook, given, hook::SecondAnswer::Refused);
            }
        }),
        Act::Wait(minutes) => world.clock.sleep(Duration::from_secs(60 * minutes)).await,
    }
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    check_production(world);
}

/// One task set is PRIMARY, and every target group that production goes to has a task set that lives.
fn check_production(world: &World) {
    let listener = world.listener("web", ListenerKind::Production).unwrap();
    let listeners = world.load_balancers.listeners();
    let listener = listeners
        .iter()
        .find(|known| known.arn == listener)
        .unwrap();
    let weight: u32 = listener.forward.iter().map(|part| part.weight).sum();
    assert_eq!(weight, 100, "{:?}", listener.forward);
    world.ecs.read(|state| {
        let service = state.service("prod", "web").unwrap();
        let sets = || service.task_sets.iter();
        let primary = sets().filter(|set| set.status == TaskSetStatus::Primary);
        assert_eq!(primary.count(), 1, "{:?}", service.task_sets);
        for part in listener.forward.iter().filter(|part| part.weight > 0) {
            let live = |set: &TaskSet| {
                set.load_balancer.target_group_arn == part.target_group_arn
                    && set.status != TaskSetStatus::Draining
            };
            assert!(sets().any(live), "{part:?}: {:?}", service.task_sets);
        }
    });
}

/// What a deployment's lifecycle events and links may look like at its end.
fn check_end(deployment: &Deployment, all: &[Deployment]) {
    let statuses: Vec<EventStatus> = deployment
        .events
        .iter()
        .map(|record| record.status)
        .collect();
    let rank = |status: &EventStatus| match status {
        EventStatus::Succeeded => 0,
        EventStatus::Failed => 1,
        EventStatus::Skipped => 2,
        EventStatus::Pending | EventStatus::InProgress => 3,
    };
    assert!(statuses.is_sorted_by_key(rank), "{statuses:?}");
    let count = |wanted| statuses.iter().filter(|&&status| status == wanted).count();
    assert!(count(EventStatus::Failed) <= 1, "{statuses:?}");
    assert_eq!(
        count(EventStatus::Pending) + count(EventStatus::InProgress),
        0
    );
    match deployment.status {
        DeploymentStatus::Succeeded => {
            assert_eq!(count(EventStatus::Succeeded), statuses.len());
            assert_eq!(deployment.error, None);
        }
        DeploymentStatus::Failed => {
            assert_eq!(count(EventStatus::Failed), 1, "{statuses:?}");
            assert!(deployment.error.is_some());
        }
        DeploymentStatus::Stopped => assert!(deployment.error.is_some()),
        DeploymentStatus::Created | DeploymentStatus::InProgress | DeploymentStatus::Ready => {
            panic!("{} has not ended: {statuses:?}", deployment.id)
        }
    }
    let find = |id: &String| all.iter().find(|other| other.id == *id).unwrap();
    if let Some(rollback) = deployment.rolled_back_by.as_ref().map(find) {
        assert_eq!(rollback.rolls_back.as_ref(), Some(&deployment.id));
        assert_eq!(rollback.creator, Creator::Rollback);
        assert_ne!(deployment.status, DeploymentStatus::Succeeded);
    }
    if let Some(original) = deployment.rolls_back.as_ref().map(find) {
        assert_eq!(original.rolled_back_by.as_ref(), Some(&deployment.id));
    }
}

/// Lifecycle events begin in order and end once.
fn check_history(world: &World) {
    let mut statuses: BTreeMap<(String, &'static str), &'static str> = BTreeMap::new();
    for happening in world.happenings.all() {
        let What::LifecycleEvent {
            deployment,
            name,
            status,
            ..
        } = happening.what
        else {
            continue;
        };
        let before = statuses.insert((deployment, name), status);
        let follows = matches!(
            (before, status),
            (None, "InProgress" | "Skipped") | (Some("InProgress"), "Succeeded" | "Failed")
        );
        assert!(follows, "{name}: {before:?}, then {status}");
    }
}

async fn play(setup: Setup, acts: Vec<Act>) {
    let world = world(&setup).await;
    for act in acts {
        perform(&world, act).await;
    }
    let ended = tokio::time::timeout(Duration::from_secs(3600), world.settled()).await;
    assert!(ended.is_ok(), "a deployment never ends");
    check_production(&world);
    check_history(&world);
    let all = world.codedeploy.read(|state| state.deployments.clone());
    all.iter()
        .for_each(|deployment| check_end(deployment, &all));
    world.shutdown().await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_deployments_end_and_production_is_served(setup in setup(), acts in vec(act(), 1..25)) {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().start_paused(true).build().unwrap();
        runtime.block_on(play(setup, acts));
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
