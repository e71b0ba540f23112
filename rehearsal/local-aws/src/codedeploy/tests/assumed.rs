//! Both sides of each assumption about AWS.

use super::*;
use crate::timeline;

/// An uninterrupted deployment of a second revision, with one hook; it is rolled back on failure.
async fn begin(assumed: Option<Assumption>, hook: LifecycleEvent) -> World {
    begin_with(assumed, hook, hook_function()).await
}

async fn begin_with(
    assumed: Option<Assumption>,
    hook: LifecycleEvent,
    function: lambda::Function,
) -> World {
    let setup = Setup {
        test_listener: TestListener::Present,
        routing: Routing::AllAtOnce,
        ready_wait: None,
        rollback_on: vec!["DEPLOYMENT_FAILURE"],
        assumptions: assumed.into_iter().collect(),
    };
    let world = world_with(&setup, function).await;
    world.ecs.write(|state| {
        let revisions = state.families.get_mut("shop-web").unwrap();
        let mut second = revisions[0].clone();
        second.number = 2;
        revisions.push(second);
    });
    deploy(world.shared(), &[hook]);
    world
}

/// Waits until the first deployment's hook is in progress.
async fn called(world: &World) {
    let called = |state: &State| (!state.deployments[0].hooks.is_empty()).then_some(());
    world.codedeploy.until(called).await;
}

fn succeed(world: &World) {
    world.codedeploy.write(|state| {
        let deployment = &mut state.deployments[0];
        let execution_id = deployment.hooks[0].execution_id.clone();
        let refused = hook::SecondAnswer::Refused;
        hook::answer(deployment, &execution_id, HookAnswer::Succeeded, refused).unwrap();
    });
}

/// The revision numbers of the service and of the PRIMARY task set.
fn revisions(world: &World) -> (char, char) {
    world.ecs.read(|state| {
        let service = state.service("prod", "web").unwrap();
        let number = |arn: &str| arn.chars().last().unwrap();
        let primary = service.primary().unwrap();
        (
            number(&service.task_definition),
            number(&primary.task_definition),
        )
    })
}

#[tokio::test(start_paused = true)]
async fn a_function_that_fails_ends_its_hook_at_once_or_after_an_hour() {
    let cases = [
        (None, "TIMEOUT", 1),
        (
            Some(Assumption::HookErrorFailsAtOnce),
            "HOOK_EXECUTION_FAILURE",
            0,
        ),
    ];
    for (assumed, code, hours) in cases {
        let world = begin(assumed, LifecycleEvent::AfterInstall).await;
        world.settled().await;
        let deployment = world.codedeploy.read(|state| state.deployments[0].clone());
        assert_eq!(deployment.error.unwrap().0, code);
        let lasted = deployment.completed_at.unwrap();
        let lasted = lasted.duration_since(deployment.created_at).unwrap();
        assert_eq!(lasted.as_secs() / 3600, hours, "{lasted:?}");
        world.shutdown().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_failing_function_is_retried_unless_it_was_invoked_synchronously() {
    let cases = [(None, 3), (Some(Assumption::HookIsCalledSynchronously), 1)];
    for (assumed, attempts) in cases {
        let world = begin(assumed, LifecycleEvent::AfterInstall).await;
        world.settled().await;
        assert_eq!(world.lambda.invocations().len(), attempts, "{assumed:?}");
        world.shutdown().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_function_that_is_always_throttled_is_called_until_the_deployment_has_ended() {
    let throttled = lambda::Function {
        reserved_concurrency: Some(0),
        ..hook_function()
    };
    let assumed = Some(Assumption::HookIsCalledSynchronously);
    let world = begin_with(assumed, LifecycleEvent::AfterInstall, throttled).await;
    called(&world).await;
    world.clock.sleep(Duration::from_secs(60)).await;
    assert!(!world.lambda.is_idle(), "the call is not retried");
    let over = |state: &State| {
        let mut deployments = state.deployments.iter();
        let over = deployments.all(|deployment| !deployment.status.is_active());
        over.then(|| state.deployments[0].error.clone())
    };
    let error = world.codedeploy.until(over).await;
    assert_eq!(error.unwrap().0, "TIMEOUT");
    world.clock.sleep(Duration::from_secs(60)).await;
    assert!(world.lambda.is_idle(), "the call is still retried");
    world.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_rollback_calls_no_hook_or_every_hook_again() {
    let cases = [(None, 1), (Some(Assumption::RollbackCallsHooks), 2)];
    for (assumed, calls) in cases {
        let world = begin(assumed, LifecycleEvent::AfterInstall).await;
        world.settled().await;
        let timeline = world.timeline.entries();
        let called = timeline
            .iter()
            .filter(|entry| matches!(entry.event, timeline::Event::HookCalled { .. }));
        assert_eq!(called.count(), calls, "{assumed:?}");
        world.shutdown().await;
    }
}

#[tokio::test(start_paused = true)]
async fn green_is_primary_before_after_allow_traffic_or_after_it() {
    let cases = [
        (None, ('2', '2')),
        (Some(Assumption::GreenIsPrimaryLater), ('1', '1')),
    ];
    for (assumed, during) in cases {
        let world = begin(assumed, LifecycleEvent::AfterAllowTraffic).await;
        called(&world).await;
        assert_eq!(revisions(&world), during, "{assumed:?}");
        succeed(&world);
        let waiting =
            |state: &State| (state.deployments[0].termination_wait == Wait::Waiting).then_some(());
        world.codedeploy.until(waiting).await;
        assert_eq!(revisions(&world), ('2', '2'), "{assumed:?}");
        world.settled().await;
        assert_eq!(revisions(&world), ('2', '2'), "{assumed:?}");
        world.shutdown().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_deployment_that_is_not_continued_is_left_or_rolled_back() {
    let cases = [(vec![], 1), (vec![Assumption::ReadyTimeoutRollsBack], 2)];
    for (assumptions, deployments) in cases {
        let world = world(&Setup {
            test_listener: TestListener::Present,
            routing: Routing::AllAtOnce,
            ready_wait: Some(Duration::from_secs(600)),
            rollback_on: vec!["DEPLOYMENT_FAILURE"],
            assumptions,
        })
        .await;
        deploy(world.shared(), &[]);
        world.settled().await;
        let made = world.codedeploy.read(|state| state.deployments.len());
        assert_eq!(made, deployments);
        world.shutdown().await;
    }
}

#[tokio::test(start_paused = true)]
async fn production_begins_to_shift_within_120_hours_or_not_at_all() {
    let world = world(&Setup {
        test_listener: TestListener::Present,
        routing: Routing::AllAtOnce,
        ready_wait: Some(Duration::from_secs(200 * 3600)),
        rollback_on: Vec::new(),
        assumptions: Vec::new(),
    })
    .await;
    deploy(world.shared(), &[]);
    world.settled().await;
    let deployment = world.codedeploy.read(|state| state.deployments[0].clone());
    assert_eq!(deployment.status, DeploymentStatus::Failed);
    assert!(deployment.error.unwrap().1.contains("120 hours"));
    world.shutdown().await;
}
