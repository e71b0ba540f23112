mod told;

use super::*;
use crate::codedeploy::LifecycleEvent;
use crate::codedeploy::LifecycleEventStatus;
use crate::codedeploy::tests::described;
use crate::config::Config;
use crate::outcome::Step;

fn pipeline() -> Pipeline {
    let text = "[[pipeline]]\nname='w'\nrepository='shop/web'\ntag='latest'\ncluster='prod'\nservice='web'\n\
                [pipeline.migration]\ncontainer='web'\ncommand=['migrate']";
    Config::parse(text).unwrap().pipelines.remove(0)
}

fn revision(number: u32) -> RevisionArn {
    format!("arn:aws:ecs:eu-central-1:111122223333:task-definition/web:{number}")
        .parse()
        .unwrap()
}

fn deployment(id: &str, creator: Creator, status: DeploymentStatus) -> Deployment {
    Deployment {
        id: id.parse().unwrap(),
        creator,
        status,
        ..described("")
    }
}

fn why() -> Why {
    Why {
        revision: Some(revision(2)),
        causes: vec!["a task stopped".to_owned()],
        ..Why::default()
    }
}

/// Everything that can be asked about a deployment `d-1` which shipped `web:2`.
#[derive(Clone)]
struct World {
    serves: (u32, Option<&'static str>),
    tasks: (i32, i32),
    shipped: Shipped,
    lifecycle: Lifecycle,
}

impl World {
    fn new() -> Self {
        Self {
            serves: (2, Some("d-1")),
            tasks: (2, 2),
            shipped: Shipped::Revision(revision(2)),
            lifecycle: Lifecycle::Read(None),
        }
    }

    /// What is decided, and how often something was needed. Nothing may be needed twice: the loop that observes would not end.
    fn ask<T>(
        &self,
        observed: &mut Observed,
        decide: impl Fn(&Pipeline, &Observed) -> Result<T, Need>,
    ) -> T {
        let mut asked = Vec::new();
        loop {
            let need = match decide(&pipeline(), observed) {
                Ok(decided) => return decided,
                Err(need) => need,
            };
            assert!(!asked.contains(&need), "{need:?} is needed twice");
            match &need {
                Need::RolledBack(id) => {
                    let (creator, status) = (Creator::Caller, DeploymentStatus::Failed);
                    observed.rolled_back = Some(deployment(id.as_str(), creator, status));
                }
                Need::Lifecycle => {
                    // A rollback that succeeded is reported with the steps of the deployment that failed.
                    let about = observed.is_about();
                    let succeeded = about.status == DeploymentStatus::Succeeded;
                    assert!(about.creator == Creator::Caller || !succeeded);
                    observed.lifecycle = Some(self.lifecycle.clone());
                }
                Need::Serving => {
                    let (desired, running) = self.tasks;
                    observed.serving = Some(Serving {
                        revision: Some(revision(self.serves.0)),
                        made_by: self.serves.1.map(|id| id.parse().unwrap()),
                        tasks: TaskCount { desired, running },
                    });
                }
                Need::Shipped => observed.shipped = Some(self.shipped.clone()),
                Need::MadeBy(id) => {
                    let (creator, status) = (Creator::Caller, DeploymentStatus::Succeeded);
                    let mut made_by = deployment(id.as_str(), creator, status);
                    // `d-0` was created before, every other one after.
                    let after = if id.as_str() == "d-0" { -1 } else { 1 };
                    made_by.created_at += time::Duration::seconds(after);
                    observed.made_by = Some(MadeBy::Deployment(Box::new(made_by)));
                }
                Need::WhyFailed => observed.why_failed = Some(why()),
                Need::WhyDown(_) => observed.why_down = Some(why()),
                Need::Group => observed.group = Some(Group::Unreadable),
            }
            asked.push(need);
        }
    }

    fn report(&self, announced: DeploymentState, deployment: Deployment) -> String {
        let state = match state_of(announced, &deployment) {
            Ok(state) => state,
            Err(early) => return early.to_string(),
        };
        let mut observed = Observed::new(state, deployment);
        self.ask(&mut observed, clean_up);
        match self.ask(&mut observed, decide) {
            Report::Publish(outcome) => format!("{}: {}", outcome.event.code(), outcome.summary),
            Report::Nothing(reason) => reason,
        }
    }
}

#[track_caller]
fn check_success(change: impl Fn(&mut World), expected: &str) {
    let mut world = World::new();
    change(&mut world);
    let succeeded = deployment("d-1", Creator::Caller, DeploymentStatus::Succeeded);
    let said = world.report(DeploymentState::Success, succeeded);
    assert_eq!(said, expected);
}

#[test]
fn a_success_is_checked_against_what_serves_production() {
    let all_is_well = "shipped: prod/web runs deployment d-1 (2 of 2 tasks)";
    check_success(|_| {}, all_is_well);
    check_success(|world| world.serves = (2, Some("d-2")), all_is_well);
    check_success(|world| world.shipped = Shipped::Unreadable, all_is_well);
    check_success(
        |world| world.tasks = (2, 0),
        "failed: CodeDeploy reports success for deployment d-1 to prod/web, but 0 of 2 tasks run",
    );
    check_success(
        |world| world.serves = (3, Some("d-2")),
        "shipped: deployment d-1 was shipped to prod/web; deployment d-2 has replaced it since",
    );
    check_success(
        |world| world.serves = (3, Some("d-0")),
        "failed: CodeDeploy reports success for deployment d-1, but prod/web is on another revision",
    );
    check_success(
        |world| {
            world.serves = (3, None);
            world.shipped = Shipped::Unreadable;
        },
        "shipped: CodeDeploy reports success for deployment d-1 to prod/web; whether production runs it could not be checked",
    );
}

/// What is reported of a deployment with this status after an event that announces this state.
fn announced(state: DeploymentState, creator: Creator, status: DeploymentStatus) -> String {
    let mut deployment = deployment("d-1", creator, status);
    if creator == Creator::Rollback {
        deployment.rolls_back = Some("d-0".parse().unwrap());
    }
    World::new().report(state, deployment)
}

#[test]
fn an_end_is_reported_as_codedeploy_states_it() {
    use DeploymentState::{Failure, Stop, Success};
    let ends = |creator, status| {
        let said = [Success, Failure, Stop].map(|state| announced(state, creator, status));
        assert!(said.iter().all(|other| *other == said[0]), "{said:?}");
        said.into_iter().next().unwrap()
    };
    let code = |said: String| said.split(':').next().unwrap().to_owned();
    for (creator, status, expected) in [
        (Creator::Caller, DeploymentStatus::Succeeded, "shipped"),
        (Creator::Caller, DeploymentStatus::Failed, "failed"),
        (Creator::Caller, DeploymentStatus::Stopped, "stopped"),
        (
            Creator::Rollback,
            DeploymentStatus::Succeeded,
            "rolled-back",
        ),
        (Creator::Rollback, DeploymentStatus::Failed, "failed"),
        (Creator::Rollback, DeploymentStatus::Stopped, "stopped"),
    ] {
        assert_eq!(code(ends(creator, status)), expected, "{status:?}");
    }
    for status in [
        DeploymentStatus::Created,
        DeploymentStatus::InProgress,
        DeploymentStatus::Ready,
    ] {
        assert_eq!(
            ends(Creator::Caller, status),
            "the event reports the end of deployment `d-1`, and CodeDeploy's record does not yet (hint: nothing to do if a \
             later attempt succeeds)"
        );
    }
}

#[test]
fn nobody_is_asked_to_reroute_what_moved_on() {
    let ready = |creator, status| announced(DeploymentState::Ready, creator, status);
    for status in [
        DeploymentStatus::Created,
        DeploymentStatus::InProgress,
        DeploymentStatus::Succeeded,
        DeploymentStatus::Failed,
        DeploymentStatus::Stopped,
    ] {
        assert_eq!(ready(Creator::Caller, status), "this state is not reported");
    }
    let waits = ready(Creator::Caller, DeploymentStatus::Ready);
    assert!(waits.starts_with("ready: "), "{waits}");
}

#[test]
fn a_rollback_without_tasks_is_not_reported_as_one() {
    let mut rollback = deployment("d-2", Creator::Rollback, DeploymentStatus::Succeeded);
    rollback.rolls_back = "d-1".parse().ok();
    let mut world = World::new();
    world.tasks = (2, 0);
    assert_eq!(
        world.report(DeploymentState::Success, rollback),
        "failed: CodeDeploy reports that prod/web is rolled back from deployment d-1, but 0 of 2 tasks run"
    );
}

#[test]
fn a_rollback_that_ended_badly_says_why() {
    for (status, state) in [
        (DeploymentStatus::Failed, DeploymentState::Failure),
        (DeploymentStatus::Stopped, DeploymentState::Stop),
    ] {
        let mut rollback = deployment("d-2", Creator::Rollback, status);
        rollback.rolls_back = "d-1".parse().ok();
        let mut observed = Observed::new(state, rollback);
        let Report::Publish(outcome) = World::new().ask(&mut observed, decide) else {
            panic!("{status:?}: not reported");
        };
        assert_eq!(observed.is_about().id.as_str(), "d-2");
        let reason = outcome.reason.unwrap_or_default();
        assert!(reason.contains("a task stopped"), "{reason}");
        assert_eq!(outcome.revision, Some(revision(2)));
        assert_eq!(outcome.migrated, None);
    }
}

#[test]
fn a_migration_may_run_where_its_gate_did_not_end_well() {
    let during = |status| {
        Lifecycle::Read(Some(DeploymentTarget {
            lifecycle_events: vec![LifecycleEvent {
                name: "AfterInstall".to_owned(),
                status,
                started_at: Some(time::UtcDateTime::UNIX_EPOCH),
                ended_at: None,
                message: None,
            }],
        }))
    };
    let failed = during(LifecycleEventStatus::Failed);
    for (status, lifecycle, expected) in [
        (DeploymentStatus::InProgress, failed.clone(), None),
        (
            DeploymentStatus::Failed,
            failed.clone(),
            Some(CleanUp::MayRun),
        ),
        (
            DeploymentStatus::Stopped,
            failed.clone(),
            Some(CleanUp::MayRun),
        ),
        (
            DeploymentStatus::Succeeded,
            failed,
            Some(CleanUp::HardlyRuns),
        ),
        (
            DeploymentStatus::Failed,
            during(LifecycleEventStatus::Succeeded),
            Some(CleanUp::HardlyRuns),
        ),
        (
            DeploymentStatus::Failed,
            Lifecycle::Read(None),
            Some(CleanUp::HardlyRuns),
        ),
        (
            DeploymentStatus::Failed,
            Lifecycle::Unreadable,
            Some(CleanUp::MayRun),
        ),
    ] {
        let world = World {
            lifecycle,
            ..World::new()
        };
        let state = if status.has_ended() {
            DeploymentState::Failure
        } else {
            DeploymentState::Start
        };
        let mut observed = Observed::new(state, deployment("d-1", Creator::Caller, status));
        assert_eq!(world.ask(&mut observed, clean_up), expected, "{status:?}");
    }
}

#[test]
fn a_start_without_a_rollback_says_what_a_failure_would_mean() {
    let next = |own: Option<bool>, rolls_back: bool, rollback: Rollback| {
        let mut pipeline = pipeline();
        pipeline.codedeploy.rollback = rollback;
        let digest = format!(
            "greenlight sha256:{} 2026-10-14T09:21:47Z 1",
            "4c".repeat(32)
        );
        let started = Deployment {
            id: "d-1".parse().unwrap(),
            status: DeploymentStatus::InProgress,
            rolls_back_on_failure: own,
            ..described(&digest)
        };
        let mut observed = Observed::new(DeploymentState::Start, started);
        observed.group = Some(Group::Read(Box::new(DeploymentGroup {
            service: None,
            target_groups: Vec::new(),
            production_listener: None,
            test_listener: None,
            deployment_config: None,
            rolls_back,
            alarms: Vec::new(),
        })));
        match decide(&pipeline, &observed).unwrap() {
            Report::Publish(outcome) => outcome.next,
            Report::Nothing(reason) => panic!("{reason}"),
        }
    };
    use Rollback::{Automatic, Group as OfGroup};
    for (own, group, rollback, is_told) in [
        (None, false, OfGroup, true),
        (None, true, OfGroup, false),
        (None, false, Automatic, false),
        // What CodeDeploy states of the deployment counts before the group's.
        (Some(true), false, OfGroup, false),
        (Some(false), true, OfGroup, true),
        (Some(true), false, Automatic, false),
        (Some(false), true, Automatic, true),
    ] {
        let said = next(own, group, rollback).unwrap_or_default();
        let told = said.contains("no automatic rollback is on");
        assert_eq!(told, is_told, "{own:?} {group} {rollback:?}: {said}");
    }
}

/// A migration whose hook was answered with a success is not why a deployment failed later.
#[test]
fn a_migration_is_suspected_until_its_gate_is_passed() {
    let failed = deployment("d-1", Creator::Caller, DeploymentStatus::Failed);
    let mut observed = Observed::new(DeploymentState::Failure, failed);
    let read = |status: Option<LifecycleEventStatus>| {
        let lifecycle_events = status.into_iter().map(|status| LifecycleEvent {
            name: AFTER_INSTALL.to_owned(),
            status,
            started_at: None,
            ended_at: None,
            message: None,
        });
        Some(Lifecycle::Read(Some(DeploymentTarget {
            lifecycle_events: lifecycle_events.collect(),
        })))
    };
    for (lifecycle, is_suspect) in [
        (None, true),
        (Some(Lifecycle::Unreadable), true),
        (Some(Lifecycle::Read(None)), true),
        (read(None), true),
        (read(Some(LifecycleEventStatus::InProgress)), true),
        (read(Some(LifecycleEventStatus::Failed)), true),
        (read(Some(LifecycleEventStatus::Succeeded)), false),
    ] {
        observed.lifecycle = lifecycle;
        let passed = observed.passed_migration_gate();
        assert_eq!(!passed, is_suspect, "{:?}", observed.lifecycle);
    }
}
