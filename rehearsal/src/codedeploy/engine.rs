//! Plays a deployment: one asynchronous task from Created to its end.

use std::sync::Arc;
use std::time::Duration;

use super::ending::{Ending, Failure, Green, conclude};
use super::lifecycle::{EventStatus, LifecycleEvent};
use super::traffic::Routing;
use super::{
    Creator, Deployment, DeploymentStatus, Group, Termination, announce, hook, rollback, stage,
};
use crate::ecs::keep;
use crate::happening::{ListenerKind, What};
use crate::world::Aws;

/// Green must be steady by then.
const INSTALL_LIMIT: Duration = Duration::from_secs(60 * 60);

/// Plays a deployment that was created just now.
pub fn begin(aws: &Arc<Aws>, id: String) {
    aws.background.spawn(play_to_the_end(aws.clone(), id));
}

async fn play_to_the_end(aws: Arc<Aws>, id: String) {
    let Some((deployment, group)) = look(&aws, &id) else {
        return;
    };
    set_status(&aws, &id, DeploymentStatus::InProgress);
    announce::state_change(&aws, &deployment, &group, "START");
    let ending = match deployment.creator {
        Creator::Rollback => {
            rollback::play(&aws, &id, &group).await;
            Ending::Played
        }
        Creator::User => tokio::select! {
            played = play(&aws, &id, &group) => played.map_or_else(Ending::Failed, |()| Ending::Played),
            request = aws.codedeploy.until(|state| state.deployment(&id)?.stop) => Ending::Stopped(request),
        },
    };
    end(&aws, &id, &group, ending);
}

/// Everything from the first lifecycle event until blue is gone.
async fn play(aws: &Arc<Aws>, id: &str, group: &Group) -> Result<(), Failure> {
    let Some((deployment, _)) = look(aws, id) else {
        return Ok(());
    };
    for event in deployment.events.iter().map(|record| record.event) {
        set_event(aws, id, event, EventStatus::InProgress, None);
        let outcome = match event {
            LifecycleEvent::Install => install(aws, id, group).await,
            LifecycleEvent::AllowTestTraffic => allow_test_traffic(aws, id, group),
            LifecycleEvent::AllowTraffic => allow_traffic(aws, id, group).await,
            LifecycleEvent::BeforeInstall
            | LifecycleEvent::AfterInstall
            | LifecycleEvent::AfterAllowTestTraffic
            | LifecycleEvent::BeforeAllowTraffic
            | LifecycleEvent::AfterAllowTraffic => {
                hook::call(aws, id, event, deployment.app_spec.hooks.get(&event)).await
            }
        };
        match outcome {
            Ok(()) => set_event(aws, id, event, EventStatus::Succeeded, None),
            Err(failure) => {
                set_event(
                    aws,
                    id,
                    event,
                    EventStatus::Failed,
                    Some(failure.message.clone()),
                );
                return Err(failure);
            }
        }
    }
    terminate_blue(aws, id, group).await;
    Ok(())
}

/// Makes green and waits until it is steady.
async fn install(aws: &Arc<Aws>, id: &str, group: &Group) -> Result<(), Failure> {
    let sides = stage::sides(aws, group)?;
    stage::check_listeners(aws, group, &sides)?;
    let Some((deployment, _)) = look(aws, id) else {
        return Ok(());
    };
    let green = stage::create_green(aws, group, &deployment, &sides)?;
    edit(aws, id, |deployment| {
        deployment.blue = Some(sides.blue.clone());
        deployment.green = Some(green.clone());
    });
    match deployment.config.routing {
        Routing::AllAtOnce => {}
        // Behind the listener with weight 0 from the beginning, so that green is health-checked.
        Routing::Canary { .. } | Routing::Linear { .. } => {
            shift(aws, id, group, ListenerKind::Production, 0)
        }
    }
    tokio::select! {
        () = keep::steady(aws, &green) => Ok(()),
        () = aws.clock.sleep(INSTALL_LIMIT) => {
            let message = "The deployment timed out while waiting for the replacement task set to become healthy. This \
                           time out period is 60 minutes.";
            Err(Failure::new("TIMEOUT", message))
        }
    }
}

fn allow_test_traffic(aws: &Aws, id: &str, group: &Group) -> Result<(), Failure> {
    shift(aws, id, group, ListenerKind::Test, 100);
    Ok(())
}

/// Moves production to green in the configuration's steps; at the end green is PRIMARY.
async fn allow_traffic(aws: &Aws, id: &str, group: &Group) -> Result<(), Failure> {
    let Some((deployment, _)) = look(aws, id) else {
        return Ok(());
    };
    for step in deployment.config.routing.steps() {
        if !step.wait.is_zero() {
            aws.clock.sleep(step.wait).await;
        }
        shift(aws, id, group, ListenerKind::Production, step.green_percent);
    }
    if let Some(green) = &deployment.green {
        stage::make_primary(aws, group, green);
    }
    Ok(())
}

fn shift(aws: &Aws, id: &str, group: &Group, kind: ListenerKind, green_percent: u32) {
    if kind == ListenerKind::Production {
        edit(aws, id, |deployment| {
            deployment.green_percent = green_percent
        });
    }
    if let Some((deployment, _)) = look(aws, id) {
        stage::set_weights(aws, group, &deployment, kind, green_percent);
    }
}

/// The wait for a person who might want to go back, then blue's end.
async fn terminate_blue(aws: &Aws, id: &str, group: &Group) {
    edit(aws, id, |deployment| {
        deployment.termination = Termination::Waiting
    });
    let continued = aws.codedeploy.until(|state| {
        let termination = state.deployment(id)?.termination;
        (termination == Termination::Continued).then_some(())
    });
    tokio::select! {
        () = continued => {}
        () = aws.clock.sleep(group.termination_wait) => {}
    }
    edit(aws, id, |deployment| {
        deployment.termination = Termination::Continued
    });
    if let Some(blue) = look(aws, id).and_then(|(deployment, _)| deployment.blue) {
        stage::delete_task_set(aws, &blue).await;
    }
}

/// Writes the end down and, where it is wanted, begins the rollback in the same moment, so that no other deployment
/// gets in between.
fn end(aws: &Arc<Aws>, id: &str, group: &Group, ending: Ending) {
    let Some((deployment, _)) = look(aws, id) else {
        return;
    };
    let green = if deployment.green.is_some() {
        Green::Made
    } else {
        Green::NotMade
    };
    let conclusion = conclude(ending, &deployment.rollback_on, green);
    let now = aws.clock.now();
    let stopped = conclusion
        .error
        .as_ref()
        .map(|failure| failure.message.clone());
    let left: Vec<_> = deployment
        .events
        .iter()
        .filter(|record| record.status != record.status.after_failure())
        .collect();
    if conclusion.status != DeploymentStatus::Succeeded {
        for record in left {
            let status = record.status.after_failure();
            let message = stopped.clone().filter(|_| status == EventStatus::Failed);
            set_event(aws, id, record.event, status, message);
        }
    }
    let error = conclusion
        .error
        .map(|failure| (failure.code.to_owned(), failure.message));
    let rollback = conclusion
        .roll_back
        .then(|| rollback::prepare(aws, &deployment))
        .flatten();
    aws.codedeploy.write(|state| {
        if let Some(deployment) = state.deployment_mut(id) {
            deployment.status = conclusion.status;
            deployment.error.clone_from(&error);
            deployment.completed_at = Some(now);
            deployment.rolled_back_by = rollback.as_ref().map(|(rollback, _)| rollback.id.clone());
        }
        if let Some((rollback, content)) = &rollback {
            state.use_revision(
                &rollback.application,
                &rollback.group,
                &rollback.sha256,
                content,
                now,
            );
            state.deployments.push(rollback.clone());
        }
    });
    let status = conclusion.status.as_str();
    aws.happenings.tell(What::DeploymentStatus {
        deployment: id.to_owned(),
        status,
        error,
    });
    let state = match conclusion.status {
        DeploymentStatus::Succeeded => "SUCCESS",
        DeploymentStatus::Stopped => "STOP",
        DeploymentStatus::Failed | DeploymentStatus::Created | DeploymentStatus::InProgress => {
            "FAILURE"
        }
    };
    announce::state_change(aws, &deployment, group, state);
    if let Some((rollback, _)) = rollback {
        announce::created(aws, &rollback);
        begin(aws, rollback.id);
    }
}

fn look(aws: &Aws, id: &str) -> Option<(Deployment, Group)> {
    aws.codedeploy.read(|state| {
        let deployment = state.deployment(id)?;
        Some((deployment.clone(), state.group_of(deployment)?.clone()))
    })
}

pub(super) fn edit(aws: &Aws, id: &str, change: impl FnOnce(&mut Deployment)) {
    aws.codedeploy
        .write(|state| state.deployment_mut(id).map(change));
}

fn set_status(aws: &Aws, id: &str, status: DeploymentStatus) {
    let now = aws.clock.now();
    edit(aws, id, |deployment| {
        deployment.status = status;
        deployment.started_at.get_or_insert(now);
    });
    aws.happenings.tell(What::DeploymentStatus {
        deployment: id.to_owned(),
        status: status.as_str(),
        error: None,
    });
}

pub(super) fn set_event(
    aws: &Aws,
    id: &str,
    event: LifecycleEvent,
    status: EventStatus,
    message: Option<String>,
) {
    let now = aws.clock.now();
    edit(aws, id, |deployment| {
        let Some(record) = deployment.event_mut(event) else {
            return;
        };
        record.status = status;
        record.message.clone_from(&message);
        match status {
            EventStatus::InProgress => record.started_at = Some(now),
            EventStatus::Succeeded | EventStatus::Failed => record.ended_at = Some(now),
            EventStatus::Pending | EventStatus::Skipped => {}
        }
    });
    aws.clock.dwell();
    let (deployment, name) = (id.to_owned(), event.as_str());
    aws.happenings.tell(What::LifecycleEvent {
        deployment,
        name,
        status: status.as_str(),
        message,
    });
}
