//! Runs a deployment: one asynchronous task from `Created` to its end.

use std::sync::Arc;
use std::time::Duration;

use super::ending::{Conclusion, Ending, Failure, Green, conclude};
use super::lifecycle::{EventStatus, LifecycleEvent};
use super::plan::{self, Phase, PrimaryChange};
use super::record::{read, set_event, set_status};
use super::{
    CodeDeploy, Creator, Deployment, DeploymentStatus, Group, announce, hook, install, rollback,
    shift, task_sets, waits, watch,
};
use crate::assumption::Assumption;
use crate::timeline;

/// How long a deployment stays `Created` and has no targets. The state was observed; its duration was not.
const START_DELAY: Duration = Duration::from_secs(1);

/// Starts a deployment that was just created.
pub fn begin(codedeploy: &Arc<CodeDeploy>, id: String) {
    codedeploy
        .context
        .background
        .spawn(play_to_the_end(codedeploy.clone(), id));
}

async fn play_to_the_end(codedeploy: Arc<CodeDeploy>, id: String) {
    let Some((deployment, group)) = read(&codedeploy, &id) else {
        return;
    };
    let play = async {
        codedeploy.context.clock.sleep(START_DELAY).await;
        set_status(&codedeploy, &id, DeploymentStatus::InProgress);
        announce::state_change(&codedeploy, &deployment, &group, "START");
        match deployment.creator {
            Creator::Rollback => rollback::play(&codedeploy, &id, &group).await,
            Creator::User => play(&codedeploy, &id, &group).await,
        }
    };
    // Dropping the future here does what StopDeployment does on AWS: listeners keep their weights, even in the middle
    // of a canary, and green keeps running. Only a rollback reverts them.
    //
    // StopDeployment has already answered that the stop is pending, so a stop takes precedence over an end at the same
    // moment.
    let ending = tokio::select! {
        biased;
        ending = watch::interruption(&codedeploy, &deployment) => ending,
        played = play => played.map_or_else(|ending| ending, |()| Ending::Played),
    };
    end(&codedeploy, &id, &group, ending);
}

/// Runs every phase, from the first lifecycle event until blue is deleted.
async fn play(codedeploy: &Arc<CodeDeploy>, id: &str, group: &Group) -> Result<(), Ending> {
    let Some((deployment, _)) = read(codedeploy, id) else {
        return Ok(());
    };
    let events: Vec<_> = deployment
        .events
        .iter()
        .map(|record| record.event)
        .collect();
    let primary = if codedeploy
        .context
        .assumptions
        .hold(Assumption::GreenIsPrimaryLater)
    {
        PrimaryChange::AfterTheLastEvent
    } else {
        PrimaryChange::AfterAllowTraffic
    };
    for phase in plan::phases(&events, group.ready_option, primary) {
        match phase {
            Phase::Event(event) => {
                let work = perform(codedeploy, &deployment, group, event);
                during(codedeploy, id, event, work).await?;
            }
            Phase::ReadyWait(limit) => waits::ready(codedeploy, id, group, limit).await?,
            Phase::MakeGreenPrimary => make_green_primary(codedeploy, id, group),
            Phase::TerminateBlue => waits::terminate_blue(codedeploy, id, group).await,
        }
    }
    Ok(())
}

/// Runs `work` as one lifecycle event, and records how it ended.
pub(super) async fn during(
    codedeploy: &CodeDeploy,
    id: &str,
    event: LifecycleEvent,
    work: impl Future<Output = Result<(), Failure>>,
) -> Result<(), Ending> {
    set_event(codedeploy, id, event, EventStatus::InProgress, None);
    match work.await {
        Ok(()) => {
            set_event(codedeploy, id, event, EventStatus::Succeeded, None);
            Ok(())
        }
        Err(failure) => {
            let message = Some(failure.message.clone());
            set_event(codedeploy, id, event, EventStatus::Failed, message);
            Err(Ending::Failed(failure))
        }
    }
}

async fn perform(
    codedeploy: &Arc<CodeDeploy>,
    deployment: &Deployment,
    group: &Group,
    event: LifecycleEvent,
) -> Result<(), Failure> {
    let id = deployment.id.as_str();
    match event {
        LifecycleEvent::Install => install::install(codedeploy, id, group).await,
        LifecycleEvent::AllowTestTraffic => {
            shift::test(codedeploy, id, group);
            Ok(())
        }
        LifecycleEvent::AllowTraffic => shift::production(codedeploy, id, group).await,
        LifecycleEvent::BeforeInstall
        | LifecycleEvent::AfterInstall
        | LifecycleEvent::AfterAllowTestTraffic
        | LifecycleEvent::BeforeAllowTraffic
        | LifecycleEvent::AfterAllowTraffic => {
            hook::call(codedeploy, id, event, deployment.app_spec.hooks.get(&event)).await
        }
    }
}

fn make_green_primary(codedeploy: &CodeDeploy, id: &str, group: &Group) {
    if let Some(green) = read(codedeploy, id).and_then(|(deployment, _)| deployment.green) {
        task_sets::make_primary(codedeploy, group, &green);
    }
    task_sets::follow_primary(codedeploy, group);
}

/// Records the end and starts the rollback, if one is due, at the same moment, so that no other deployment can start in
/// between.
fn end(codedeploy: &Arc<CodeDeploy>, id: &str, group: &Group, ending: Ending) {
    let Some((deployment, _)) = read(codedeploy, id) else {
        return;
    };
    let green = match deployment.green {
        Some(_) => Green::Made,
        None => Green::NotMade,
    };
    let conclusion = conclude(ending, &deployment.rollback_on, green);
    // The lifecycle events must have ended before the state change is announced: a function that receives the
    // announcement reads the target first.
    close_events(codedeploy, &deployment, &conclusion);
    // Under either assumption about when the service changes its revision, it has changed by now.
    task_sets::follow_primary(codedeploy, group);
    let rollback = conclusion
        .roll_back
        .then(|| rollback::prepare(codedeploy, &deployment))
        .flatten();
    let error = write_end(codedeploy, id, &conclusion, rollback.as_ref());
    codedeploy
        .context
        .timeline
        .record(timeline::Event::DeploymentStatus {
            deployment: id.to_owned(),
            status: conclusion.status.as_str(),
            error,
        });
    announce::state_change(codedeploy, &deployment, group, conclusion.event_state());
    if let Some((rollback, _)) = rollback {
        announce::created(codedeploy, &rollback);
        begin(codedeploy, rollback.id);
    }
}

/// Marks the lifecycle event in progress as failed, and those after it as skipped.
fn close_events(codedeploy: &CodeDeploy, deployment: &Deployment, conclusion: &Conclusion) {
    let Some(failure) = &conclusion.error else {
        return;
    };
    for record in &deployment.events {
        let status = record.status.after_failure();
        if status != record.status {
            let message = (status == EventStatus::Failed).then(|| failure.message.clone());
            set_event(codedeploy, &deployment.id, record.event, status, message);
        }
    }
}

fn write_end(
    codedeploy: &CodeDeploy,
    id: &str,
    conclusion: &Conclusion,
    rollback: Option<&(Deployment, String)>,
) -> Option<(String, String)> {
    let now = codedeploy.context.clock.now();
    let failure = conclusion.error.as_ref();
    let error = failure.map(|failure| (failure.code.to_owned(), failure.message.clone()));
    codedeploy.write(|state| {
        if let Some(deployment) = state.deployment_mut(id) {
            deployment.status = conclusion.status;
            deployment.error.clone_from(&error);
            deployment.completed_at = Some(now);
            deployment.rolled_back_by = rollback.map(|(rollback, _)| rollback.id.clone());
        }
        if let Some((rollback, content)) = rollback {
            state.use_revision(rollback, content);
            state.deployments.push(rollback.clone());
        }
    });
    error
}
