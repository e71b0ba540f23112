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

/// How far a deployment is. `rollback` is the deployment that rolls it back, where there is one: until that has ended it is not done.
/// The service is what has the revisions of its task sets.
pub fn progress(
    deployment: &Deployment,
    rollback: Option<&Deployment>,
    target: Option<&DeploymentTarget>,
    task_sets: &[TargetTaskSet],
    service: Option<&Service>,
) -> Progress {
    let events = target.map(|target| target.lifecycle_events.as_slice());
    let events = events.unwrap_or_default();
    // Its target keeps the weights at which it ended: what shifts traffic back is another deployment.
    let has_weights = match deployment.status {
        DeploymentStatus::Failed | DeploymentStatus::Stopped => false,
        DeploymentStatus::Created
        | DeploymentStatus::InProgress
        | DeploymentStatus::Ready
        | DeploymentStatus::Succeeded => true,
    };
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
            weight: has_weights.then_some(set.weight),
            test_weight: None,
        })
    };
    Progress {
        id: deployment.id.clone(),
        state: state(deployment, rollback, events),
        status: word(deployment.status).to_owned(),
        created_at: deployment.created_at,
        ended_at: deployment.completed_at,
        steps: events.iter().map(step).collect(),
        blue: side(Label::Blue),
        green: side(Label::Green),
        reasons: reasons(deployment, rollback, events),
    }
}

fn state(
    deployment: &Deployment,
    rollback: Option<&Deployment>,
    events: &[LifecycleEvent],
) -> State {
    let succeeded = |event: &LifecycleEvent| event.status == LifecycleEventStatus::Succeeded;
    // As in `active`: the status stays InProgress until blue is stopped.
    let all_done = !events.is_empty() && events.iter().all(succeeded);
    match (deployment.status, deployment.creator) {
        (DeploymentStatus::Succeeded, Creator::Caller) => State::Succeeded,
        (DeploymentStatus::Succeeded, Creator::Rollback) => State::RolledBack,
        (DeploymentStatus::Failed | DeploymentStatus::Stopped, _) => {
            match rollback.map(|rollback| rollback.status) {
                Some(DeploymentStatus::Succeeded) => State::RolledBack,
                Some(
                    DeploymentStatus::Created
                    | DeploymentStatus::InProgress
                    | DeploymentStatus::Ready,
                ) => State::RollingBack,
                Some(DeploymentStatus::Failed | DeploymentStatus::Stopped) | None => State::Failed,
            }
        }
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

fn reasons(
    deployment: &Deployment,
    rollback: Option<&Deployment>,
    events: &[LifecycleEvent],
) -> Vec<String> {
    let failed = events
        .iter()
        .filter(|event| event.status == LifecycleEventStatus::Failed);
    let failed = failed.map(|event| match event.message.as_deref().map(without_stop) {
        Some(message) => format!("{} failed: {message}", event.name),
        None => format!("{} failed", event.name),
    });
    let mut reasons: Vec<String> = failed.collect();
    // CodeDeploy mostly says the same of the deployment and of its event: then only the code is new.
    if let Some((code, sentence)) = &deployment.error {
        let sentence = without_stop(sentence);
        let is_known = reasons.iter().any(|known| known.contains(sentence));
        reasons.push(match is_known || sentence.is_empty() {
            true => code.clone(),
            false => format!("{sentence} ({code})"),
        });
    }
    if let Some(rollback) = rollback {
        let (id, status) = (&rollback.id, word(rollback.status));
        reasons.push(format!("deployment `{id}` rolls it back ({status})"));
    }
    if let Some(id) = &deployment.rolls_back {
        reasons.push(format!("it rolls back deployment `{id}`"));
    }
    reasons
}

fn without_stop(sentence: &str) -> &str {
    sentence.trim().trim_end_matches('.')
}

#[cfg(test)]
mod tests {
    use time::macros::utc_datetime;

    use super::*;

    fn deployment(id: &str, status: DeploymentStatus, creator: Creator) -> Deployment {
        Deployment {
            id: id.parse().unwrap(),
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
            rolled_back_by: None,
            rolls_back: None,
            rolls_back_on_failure: None,
            app_spec_sha256: None,
        }
    }

    fn event(name: &str, status: LifecycleEventStatus, message: &str) -> LifecycleEvent {
        LifecycleEvent {
            name: name.to_owned(),
            status,
            started_at: None,
            ended_at: None,
            message: Some(message.to_owned()),
        }
    }

    /// Statuses of a deployment, of its rollback and of its last lifecycle event, `-` for none, and what they mean.
    const STATES: [(&str, State); 14] = [
        ("Created caller - -", State::UnderWay),
        ("InProgress caller - InProgress", State::UnderWay),
        ("InProgress caller - Pending", State::UnderWay),
        ("InProgress caller - Succeeded", State::Shifted),
        ("Ready caller - Pending", State::UnderWay),
        ("Succeeded caller - Succeeded", State::Succeeded),
        ("Failed caller Created Failed", State::RollingBack),
        ("Stopped caller InProgress Failed", State::RollingBack),
        ("Failed caller Succeeded Failed", State::RolledBack),
        ("Failed caller Failed Failed", State::Failed),
        ("Failed caller - Failed", State::Failed),
        ("Stopped caller - -", State::Failed),
        ("InProgress rollback - Succeeded", State::RollingBack),
        ("Succeeded rollback - Succeeded", State::RolledBack),
    ];

    fn status(text: &str) -> Option<DeploymentStatus> {
        use DeploymentStatus::{Created, Failed, InProgress, Ready, Stopped, Succeeded};
        let all = [Created, InProgress, Ready, Succeeded, Failed, Stopped];
        all.into_iter().find(|status| word(*status) == text)
    }

    fn event_status(text: &str) -> Option<LifecycleEventStatus> {
        use LifecycleEventStatus::{Failed, InProgress, Pending, Succeeded};
        let all = [Pending, InProgress, Succeeded, Failed];
        all.into_iter().find(|status| status.as_str() == text)
    }

    #[test]
    fn a_deployment_is_shifted_when_every_lifecycle_event_succeeded_and_none_is_missing() {
        for (row, expected) in STATES {
            let words: Vec<&str> = row.split(' ').collect();
            let creator = match words[1] {
                "rollback" => Creator::Rollback,
                _ => Creator::Caller,
            };
            let shown = deployment("d-1", status(words[0]).unwrap(), creator);
            let rollback = status(words[2]);
            let rollback = rollback.map(|one| deployment("d-2", one, Creator::Rollback));
            let target = event_status(words[3]).map(|last| DeploymentTarget {
                lifecycle_events: vec![
                    event("Install", LifecycleEventStatus::Succeeded, ""),
                    event("AfterAllowTraffic", last, ""),
                ],
            });
            let green = TargetTaskSet {
                id: "ecs-svc/1".to_owned(),
                label: Label::Green,
                desired: 1,
                running: 1,
                weight: 10.0,
            };
            let sets = [green];
            let found = progress(&shown, rollback.as_ref(), target.as_ref(), &sets, None);
            assert_eq!(found.state, expected, "{row}");
            // What it shifted is shifted back by another deployment.
            let has_ended_badly = words[0] == "Failed" || words[0] == "Stopped";
            let weight = found.green.unwrap().weight;
            assert_eq!(weight.is_none(), has_ended_badly, "{row}");
        }
    }

    #[test]
    fn what_failed_comes_first_and_nothing_is_said_twice() {
        let failed = deployment("d-1", DeploymentStatus::Failed, Creator::Caller);
        let back = deployment("d-2", DeploymentStatus::InProgress, Creator::Rollback);
        for (message, of_deployment) in [
            ("exit code 1", "A hook failed (HOOK_EXECUTION_FAILURE)"),
            ("A hook failed.", "HOOK_EXECUTION_FAILURE"),
        ] {
            let failed_event = event("AfterInstall", LifecycleEventStatus::Failed, message);
            let target = DeploymentTarget {
                lifecycle_events: vec![failed_event],
            };
            assert_eq!(
                progress(&failed, Some(&back), Some(&target), &[], None).reasons,
                [
                    &format!("AfterInstall failed: {}", without_stop(message)),
                    of_deployment,
                    "deployment `d-2` rolls it back (InProgress)",
                ]
            );
        }
    }
}
