//! Property: every deployment ends and production is always served, whatever interrupts the deployment and whenever.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::cloudwatch::AlarmState;
use crate::codedeploy::requests::DeploymentWait;
use crate::ecs::service::{TaskSet, TaskSetStatus};
use crate::timeline::{self, ListenerKind};

/// An interruption of the newest deployment.
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
    prop_oneof![
        1 => any::<Option<bool>>().prop_map(Act::Stop),
        1 => prop_oneof![3 => Just(AlarmState::Alarm), 1 => Just(AlarmState::Ok)].prop_map(Act::Alarm),
        3 => prop_oneof![3 => Just(DeploymentWait::Ready), 1 => Just(DeploymentWait::Termination)].prop_map(Act::Continue),
        5 => prop_oneof![5 => Just(HookAnswer::Succeeded), 1 => Just(HookAnswer::Failed)].prop_map(Act::Answer),
        6 => (1_u64..50).prop_map(Act::Wait),
    ]
}

/// A deployment, started after the alarm was reset, and its interruptions. The next round may start another one if this
/// one has ended.
fn round() -> impl Strategy<Value = Vec<Act>> {
    let hooks = [
        LifecycleEvent::BeforeInstall,
        LifecycleEvent::AfterInstall,
        LifecycleEvent::AfterAllowTestTraffic,
        LifecycleEvent::BeforeAllowTraffic,
        LifecycleEvent::AfterAllowTraffic,
    ];
    let hooks = proptest::sample::subsequence(hooks.to_vec(), 0..3);
    (hooks, vec(act(), 0..10)).prop_map(|(hooks, acts)| {
        let begin = [Act::Alarm(AlarmState::Ok), Act::Deploy(hooks), Act::Wait(1)];
        begin.into_iter().chain(acts).collect()
    })
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
        Assumption::RollbackCallsHooks,
        Assumption::HookErrorFailsAtOnce,
        Assumption::HookIsCalledSynchronously,
        Assumption::ReadyTimeoutRollsBack,
    ];
    (
        prop_oneof![Just(TestListener::Present), Just(TestListener::Absent)],
        routing,
        proptest::option::of((1_u64..120).prop_map(|minutes| Duration::from_secs(60 * minutes))),
        proptest::sample::subsequence(events.to_vec(), 0..=3),
        proptest::sample::subsequence(assumptions.to_vec(), 0..=assumptions.len()),
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

async fn perform(world: &World, act: Act) {
    let newest = world
        .codedeploy
        .read(|state| state.deployments.last().map(|last| last.id.clone()));
    let id = newest.unwrap_or_default();
    match act {
        Act::Deploy(hooks) => deploy(world.shared(), &hooks),
        // May be refused in this state, as on AWS.
        Act::Stop(roll_back) => drop(world.codedeploy.stop_deployment(&id, roll_back)),
        Act::Continue(wait) => drop(world.codedeploy.continue_deployment(&id, wait)),
        Act::Alarm(state) => world.cloudwatch.set_alarm(ALARM, state).unwrap(),
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

/// Exactly one task set is PRIMARY, and every target group that receives production traffic has a running task set.
fn check_production(world: &World) {
    let listener = world.listener("web", ListenerKind::Production).unwrap();
    let listeners = world.load_balancers.listeners();
    let listener = listeners
        .iter()
        .find(|known| known.arn == listener)
        .unwrap();
    let weights: Vec<u32> = listener.forward.iter().map(|part| part.weight).collect();
    // Only one target group has a weight above 0.
    let whole = match weights.as_slice() {
        [weight] => *weight > 0,
        weights => weights.iter().sum::<u32>() == 100,
    };
    assert!(whole, "{:?}", listener.forward);
    world.ecs.read(|state| {
        let service = state.service("prod", "web").unwrap();
        let sets = || service.task_sets.iter();
        let primary = sets().filter(|set| set.status == TaskSetStatus::Primary);
        assert_eq!(primary.count(), 1, "{:?}", service.task_sets);
        for part in listener.forward.iter().filter(|part| part.weight > 0) {
            let live = |set: &TaskSet| {
                set.load_balancers[0].target_group_arn == part.target_group_arn
                    && set.status != TaskSetStatus::Draining
            };
            assert!(sets().any(live), "{part:?}: {:?}", service.task_sets);
        }
    });
}

/// Checks a deployment's lifecycle events and rollback links after its end.
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

/// Lifecycle events start in order and end once.
fn check_history(world: &World) {
    let mut statuses: BTreeMap<(String, &'static str), &'static str> = BTreeMap::new();
    for entry in world.timeline.entries() {
        let timeline::Event::LifecycleEvent {
            deployment,
            name,
            status,
            ..
        } = entry.event
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
    fn interrupted_deployments_end_and_production_is_served(setup in setup(), rounds in vec(round(), 1..4)) {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().start_paused(true).build().unwrap();
        runtime.block_on(play(setup, rounds.concat()));
    }
}
