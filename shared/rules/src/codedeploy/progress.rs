//! CodeDeploy's records of a deployment, as a person follows it.

use super::{
    Creator, Deployment, DeploymentStatus, DeploymentTarget, LifecycleEvent, LifecycleEventStatus,
};
use crate::observed::Service;
use crate::progress::{Progress, Side, State, Step};

/// A task set of a deployment's target, with its traffic (GetDeploymentTarget, `taskSetsInfo`).
#[derive(Debug, Clone, PartialEq)]
pub struct TargetTaskSet {
    /// `ecs-svc/…`
    pub id: String,
    /// Whether it is what served when the deployment began.
    pub label: Label,
    /// Tasks that it should have.
    pub desired: i32,
    /// Tasks that run.
    pub running: i32,
    /// Its share of production traffic, in percent.
    pub weight: f64,
}

/// CodeDeploy's label of a task set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Label {
    /// It served when the deployment began.
    Blue,
    /// The deployment made it.
    Green,
}

/// How far a deployment is. The service is what has the revisions of its task sets.
pub fn progress(
    deployment: &Deployment,
    target: Option<&DeploymentTarget>,
    task_sets: &[TargetTaskSet],
    service: Option<&Service>,
) -> Progress {
    let events = target.map(|target| target.lifecycle_events.as_slice());
    let events = events.unwrap_or_default();
    let side = |label: Label| {
        let set = task_sets.iter().find(|set| set.label == label)?;
        let known = service.and_then(|service| {
            let mut known = service.task_sets.iter();
            known.find(|known| known.id == set.id)
        });
        Some(Side {
            revision: known.map(|known| known.revision.short().to_owned()),
            desired: set.desired,
            running: set.running,
            weight: Some(set.weight),
            test_weight: None,
        })
    };
    Progress {
        id: deployment.id.clone(),
        state: state(deployment, events),
        status: word(deployment.status).to_owned(),
        created_at: deployment.created_at,
        ended_at: deployment.completed_at,
        steps: events.iter().map(step).collect(),
        blue: side(Label::Blue),
        green: side(Label::Green),
        reasons: reasons(deployment, events),
    }
}

fn state(deployment: &Deployment, events: &[LifecycleEvent]) -> State {
    let succeeded = |event: &LifecycleEvent| event.status == LifecycleEventStatus::Succeeded;
    // As in `active`: the status stays InProgress until blue is stopped.
    let all_done = !events.is_empty() && events.iter().all(succeeded);
    match (deployment.status, deployment.creator) {
        (DeploymentStatus::Succeeded, Creator::Caller) => State::Succeeded,
        (DeploymentStatus::Succeeded, Creator::Rollback) => State::RolledBack,
        (DeploymentStatus::Failed | DeploymentStatus::Stopped, _)
            if deployment.rolled_back_by.is_some() =>
        {
            State::RolledBack
        }
        (DeploymentStatus::Failed | DeploymentStatus::Stopped, _) => State::Failed,
        (_, Creator::Rollback) => State::RollingBack,
        (_, Creator::Caller) if all_done => State::Shifted,
        (_, Creator::Caller) => State::UnderWay,
    }
}

fn word(status: DeploymentStatus) -> &'static str {
    match status {
        DeploymentStatus::Created => "Created",
        DeploymentStatus::InProgress => "InProgress",
        DeploymentStatus::Ready => "Ready",
        DeploymentStatus::Succeeded => "Succeeded",
        DeploymentStatus::Failed => "Failed",
        DeploymentStatus::Stopped => "Stopped",
    }
}

fn step(event: &LifecycleEvent) -> Step {
    Step {
        name: event.name.clone(),
        status: event.status.as_str().to_owned(),
        started_at: event.started_at,
        ended_at: event.ended_at,
        is_current: event.status == LifecycleEventStatus::InProgress,
        has_failed: event.status == LifecycleEventStatus::Failed,
    }
}

fn reasons(deployment: &Deployment, events: &[LifecycleEvent]) -> Vec<String> {
    let failed = events
        .iter()
        .filter(|event| event.status == LifecycleEventStatus::Failed);
    let failed = failed.map(|event| match &event.message {
        Some(message) => format!("{} failed: {message}", event.name),
        None => format!("{} failed", event.name),
    });
    let error = deployment
        .error
        .iter()
        .map(|(code, sentence)| match sentence.as_str() {
            "" => code.clone(),
            sentence => format!("{} ({code})", sentence.trim_end_matches('.')),
        });
    let back = deployment.rolled_back_by.iter();
    let back = back.map(|id| format!("deployment `{id}` rolls it back"));
    let rolls_back = deployment.rolls_back.iter();
    let rolls_back = rolls_back.map(|id| format!("it rolls back deployment `{id}`"));
    failed.chain(error).chain(back).chain(rolls_back).collect()
}

#[cfg(test)]
mod tests {
    use time::macros::utc_datetime;

    use super::*;

    fn deployment(status: DeploymentStatus, creator: Creator, rolled_back: bool) -> Deployment {
        Deployment {
            id: "d-1".parse().unwrap(),
            application: "shop".parse().unwrap(),
            deployment_group: "web".parse().unwrap(),
            status,
            creator,
            description: None,
            created_at: utc_datetime!(2026-11-28 0:00),
            completed_at: None,
            error: Some((
                "HOOK_EXECUTION_FAILURE".to_owned(),
                "A hook failed.".to_owned(),
            )),
            rolled_back_by: rolled_back.then(|| "d-2".parse().unwrap()),
            rolls_back: None,
            rolls_back_on_failure: None,
            app_spec_sha256: None,
        }
    }

    fn event(name: &str, status: LifecycleEventStatus) -> LifecycleEvent {
        LifecycleEvent {
            name: name.to_owned(),
            status,
            started_at: None,
            ended_at: None,
            message: Some("exit code 1".to_owned()),
        }
    }

    #[test]
    fn a_deployment_is_shifted_when_every_lifecycle_event_succeeded_and_none_is_missing() {
        use DeploymentStatus::{Created, Failed, InProgress, Ready, Stopped, Succeeded};
        use LifecycleEventStatus as Event;
        let (caller, rollback) = (Creator::Caller, Creator::Rollback);
        for (status, creator, rolled_back, last, expected) in [
            (Created, caller, false, None, State::UnderWay),
            (
                InProgress,
                caller,
                false,
                Some(Event::InProgress),
                State::UnderWay,
            ),
            (
                InProgress,
                caller,
                false,
                Some(Event::Pending),
                State::UnderWay,
            ),
            (
                InProgress,
                caller,
                false,
                Some(Event::Succeeded),
                State::Shifted,
            ),
            (Ready, caller, false, Some(Event::Pending), State::UnderWay),
            (
                Succeeded,
                caller,
                false,
                Some(Event::Succeeded),
                State::Succeeded,
            ),
            (Failed, caller, true, Some(Event::Failed), State::RolledBack),
            (Failed, caller, false, Some(Event::Failed), State::Failed),
            (Stopped, caller, false, None, State::Failed),
            (
                InProgress,
                rollback,
                false,
                Some(Event::Succeeded),
                State::RollingBack,
            ),
            (
                Succeeded,
                rollback,
                false,
                Some(Event::Succeeded),
                State::RolledBack,
            ),
        ] {
            let events = last.map(|last| {
                vec![
                    event("Install", Event::Succeeded),
                    event("AfterAllowTraffic", last),
                ]
            });
            let target = events.map(|lifecycle_events| DeploymentTarget { lifecycle_events });
            let deployment = deployment(status, creator, rolled_back);
            let found = progress(&deployment, target.as_ref(), &[], None);
            assert_eq!(found.state, expected, "{status:?} {creator:?} {last:?}");
        }
    }

    #[test]
    fn what_failed_comes_before_what_codedeploy_says_of_it() {
        let deployment = deployment(DeploymentStatus::Failed, Creator::Caller, true);
        let lifecycle_events = vec![event("AfterInstall", LifecycleEventStatus::Failed)];
        let target = DeploymentTarget { lifecycle_events };
        assert_eq!(
            progress(&deployment, Some(&target), &[], None).reasons,
            [
                "AfterInstall failed: exit code 1",
                "A hook failed (HOOK_EXECUTION_FAILURE)",
                "deployment `d-2` rolls it back",
            ]
        );
    }
}
