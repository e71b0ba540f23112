//! Property: every service deployment of a service that can end does, by the documented states, and production is always
//! served, whatever is asked of it and whenever.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::deployment::{HookStatus, ServiceDeployment};
use super::lifecycle_hook::HookAction;
use super::status::Status;
use super::{requests, start};
use crate::assumption::{Assumption, Assumptions};
use crate::cloudwatch::AlarmState;
use crate::ecs::capacity::LaunchKind;
use crate::ecs::service::{TaskSet, TaskSetStatus};
use crate::elb::Protocol;
use crate::template::Template;
use crate::timeline::{Event, ListenerKind};
use crate::world::{
    ContainerSettings, DeployedBy, EcsDeployments, HealthCheck, Internal, IsBalanced,
    ServiceSettings, TestListener, TestRule, World, WorldSettings,
};

const ALARM: &str = "web-5xx";

/// What is asked of the service, or passes.
#[derive(Debug, Clone)]
enum Act {
    /// Of a new task definition.
    Deploy,
    Stop(Option<&'static str>),
    Continue(HookAction),
    Alarm(AlarmState),
    Wait(u64),
}

fn act() -> impl Strategy<Value = Act> {
    let stop = prop_oneof![Just(Some("ROLLBACK")), Just(None), Just(Some("ABORT"))];
    let action = prop_oneof![3 => Just(HookAction::Continue), 1 => Just(HookAction::RollBack)];
    let alarm = prop_oneof![1 => Just(AlarmState::Alarm), 3 => Just(AlarmState::Ok)];
    prop_oneof![
        2 => Just(Act::Deploy),
        1 => stop.prop_map(Act::Stop),
        4 => action.prop_map(Act::Continue),
        1 => alarm.prop_map(Act::Alarm),
        6 => (1_u64..400).prop_map(Act::Wait),
    ]
}

fn configuration() -> impl Strategy<Value = Value> {
    let strategy = prop_oneof![
        Just("ROLLING"),
        Just("BLUE_GREEN"),
        Just("LINEAR"),
        Just("CANARY")
    ];
    let stages = [
        "RECONCILE_SERVICE",
        "PRE_SCALE_UP",
        "POST_SCALE_UP",
        "POST_TEST_TRAFFIC_SHIFT",
        "PRE_PRODUCTION_TRAFFIC_SHIFT",
        "POST_PRODUCTION_TRAFFIC_SHIFT",
    ];
    let stages = proptest::sample::subsequence(stages.to_vec(), 0..3);
    (strategy, stages, any::<bool>(), any::<bool>()).prop_map(|(strategy, stages, alarms, rollback)| {
        let mut given = json!({ "strategy": strategy, "bakeTimeInMinutes": 3 });
        if !stages.is_empty() {
            let timeout = json!({ "timeoutInMinutes": 30 });
            given["lifecycleHooks"] = json!([
                { "targetType": "PAUSE", "lifecycleStages": stages, "timeoutConfiguration": timeout },
            ]);
        }
        given["alarms"] = json!({ "enable": alarms, "rollback": rollback, "alarmNames": [ALARM] });
        given
    })
}

fn assumptions() -> impl Strategy<Value = Vec<Assumption>> {
    let of_deployments = Assumption::ALL.iter().copied();
    let of_deployments = of_deployments.filter(|one| one.is_of_service_deployments());
    // A stop that leaves both revisions is no end that production can be told from.
    let of_deployments = of_deployments
        .filter(|one| *one != Assumption::StopWithoutTypeKeepsBothRevisions)
        .collect::<Vec<_>>();
    proptest::sample::subsequence(of_deployments, 0..6)
}

fn service(configuration: Value) -> ServiceSettings {
    let test_rule = TestRule::OwnPort(Vec::new());
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
        desired_count: 0,
        launch: LaunchKind::Fargate,
        deployed_by: DeployedBy::Ecs(Box::new(EcsDeployments {
            configuration,
            test_rule,
            infrastructure_role: "arn:aws:iam::111122223333:role/infrastructure".to_owned(),
            balanced: IsBalanced::Balanced,
            internal: Internal::Absent,
        })),
        application: String::new(),
        deployment_group: "shop-web".to_owned(),
        deployment_config: String::new(),
        routing: None,
        test_listener: TestListener::Absent,
        listeners: Protocol::Http,
        ready_wait: None,
        termination_wait: Duration::ZERO,
        rollback_on: Vec::new(),
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

async fn world(configuration: Value, assumptions: Assumptions) -> World {
    let settings = WorldSettings {
        without: Vec::new(),
        template: Template::default(),
        assumptions,
        port: 0,
        repositories: Vec::new(),
        images: Vec::new(),
        indexes: Vec::new(),
        services: vec![service(configuration)],
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

/// What UpdateService with a new task definition does.
fn deploy(world: &World) {
    world.ecs.write(|state| {
        let revisions = state.families.get_mut("shop-web").unwrap();
        let mut next = revisions.last().unwrap().clone();
        next.number += 1;
        let arn = next.arn();
        revisions.push(next);
        let service = state.service_mut("prod", "web").unwrap();
        service.task_definition = arn;
    });
    start::start(&world.service_deployments, "prod", "web");
}

fn newest(world: &World) -> ServiceDeployment {
    world.service_deployment_history().pop().unwrap()
}

async fn perform(world: &World, act: Act) {
    let newest = newest(world);
    let deployments = &world.service_deployments;
    match act {
        Act::Deploy => deploy(world),
        // May be refused in this state, as on AWS.
        Act::Stop(stop_type) => drop(requests::stop(deployments, &newest.arn, stop_type)),
        Act::Continue(action) => {
            let mut hooks = newest.hooks.iter();
            if let Some(hook) = hooks.find(|hook| hook.status == HookStatus::AwaitingAction) {
                drop(requests::go_on(deployments, &newest.arn, &hook.id, action));
            }
        }
        Act::Alarm(state) => world.cloudwatch.set_alarm(ALARM, state).unwrap(),
        Act::Wait(seconds) => world.clock.sleep(Duration::from_secs(seconds)).await,
    }
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    check_production(world);
}

/// Every target group that gets production traffic has a revision that is not being drained, and at most one deployment is
/// being carried out.
fn check_production(world: &World) {
    let listener = world.listener("web", ListenerKind::Production).unwrap();
    let mut listeners = world.load_balancers.listeners().into_iter();
    let forward = listeners
        .find(|known| known.arn == listener)
        .unwrap()
        .forward;
    world.ecs.read(|state| {
        let service = state.service("prod", "web").unwrap();
        let serving = forward.iter().filter(|part| part.weight > 0);
        assert!(serving.clone().count() > 0, "{forward:?}");
        for part in serving {
            let live = |set: &TaskSet| {
                let mut behind = set.load_balancers.iter();
                behind.any(|one| one.target_group_arn == part.target_group_arn)
                    && set.status != TaskSetStatus::Draining
            };
            let mut sets = service.task_sets.iter();
            assert!(sets.any(live), "{part:?}: {:?}", service.task_sets);
        }
    });
    let history = world.service_deployment_history();
    let under_way = history
        .iter()
        .filter(|one| one.started_at.is_some() && !one.status.has_ended());
    assert!(under_way.count() <= 1);
}

/// Each deployment went through the states in an order that is documented.
fn check_states(world: &World) {
    let mut last: BTreeMap<String, Status> = BTreeMap::new();
    for entry in world.timeline.entries() {
        let Event::DeploymentStatus {
            deployment, status, ..
        } = entry.event
        else {
            continue;
        };
        let status = Status::parse(status).unwrap();
        let before = last.insert(deployment, status).unwrap_or(Status::Pending);
        assert!(
            before.next().contains(&status),
            "from {before:?} to {status:?}"
        );
    }
}

fn check_end(world: &World) {
    check_states(world);
    let history = world.service_deployment_history();
    for one in &history {
        assert!(one.status.has_ended(), "{one:?}");
        assert!(
            one.hooks.iter().all(|hook| !hook.status.is_active()),
            "{:?}",
            one.hooks
        );
    }
    let last = history.last().unwrap();
    let Some(survivor) = last.survivor() else {
        return;
    };
    let revision = world.service_revision(survivor).unwrap();
    world.ecs.read(|state| {
        let service = state.service("prod", "web").unwrap();
        assert_eq!(service.task_definition, revision.task_definition);
        let sets: Vec<&str> = service
            .task_sets
            .iter()
            .map(|set| set.id.as_str())
            .collect();
        assert_eq!(sets, [revision.task_set()]);
    });
}

fn check(configuration: Value, assumed: Vec<Assumption>, acts: Vec<Act>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let world = world(configuration, assumed.into_iter().collect()).await;
        for act in acts {
            perform(&world, act).await;
        }
        perform(&world, Act::Alarm(AlarmState::Ok)).await;
        world.clock.sleep(Duration::from_secs(5 * 24 * 3600)).await;
        check_production(&world);
        check_end(&world);
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_deployment_ends_and_production_is_served(
        configuration in configuration(),
        assumed in assumptions(),
        acts in vec(act(), 1..16),
    ) {
        check(configuration, assumed, acts);
    }
}

#[test]
fn a_rollback_leaves_what_a_newer_deployment_wants() {
    for strategy in ["ROLLING", "BLUE_GREEN"] {
        for begun_for in [0, 5] {
            let configuration = json!({ "strategy": strategy, "bakeTimeInMinutes": 3 });
            let acts = vec![
                Act::Deploy,
                Act::Wait(begun_for),
                Act::Stop(Some("ROLLBACK")),
                Act::Deploy,
            ];
            check(configuration, Vec::new(), acts);
        }
    }
}

/// The second one stops the last successful revision, to return the service to the first one's, and is replaced then.
#[test]
fn what_a_replaced_deployment_left_ends_with_the_last() {
    for seconds in [0, 2, 20] {
        let pause = json!({
            "targetType": "PAUSE", "lifecycleStages": ["RECONCILE_SERVICE", "POST_PRODUCTION_TRAFFIC_SHIFT"],
            "timeoutConfiguration": { "timeoutInMinutes": 30 },
        });
        let configuration =
            json!({ "strategy": "CANARY", "bakeTimeInMinutes": 3, "lifecycleHooks": [pause] });
        let acts = vec![
            Act::Deploy,
            Act::Wait(611),
            Act::Deploy,
            Act::Wait(seconds),
            Act::Deploy,
        ];
        check(configuration, Vec::new(), acts);
    }
}
