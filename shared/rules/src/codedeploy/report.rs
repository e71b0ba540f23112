//! What becomes of a deployment's state change: which outcome is published, or why none is.
//!
//! An event proves nothing, so every outcome is decided from the state that AWS has now.

mod clean_up;
mod concern;
mod test_listener;
mod told_to;

pub use clean_up::{CleanUp, clean_up};
pub use concern::{Concern, concern};
pub use told_to::concerned;

use super::app_spec::MigrationGate;
use super::lifecycle::AFTER_INSTALL;
use super::{
    Creator, Deployment, DeploymentGroup, DeploymentStatus, DeploymentTarget, LifecycleEventStatus,
    shipped as shipped_digest,
};
use crate::config::{Pipeline, Rollback};
use crate::events::{DeploymentState, StateChange};
use crate::names::{DeploymentId, RevisionArn, TargetGroupArn};
use crate::observed::{Service, TaskCount};
use crate::outcome::{Ending, Event, Outcome};
use crate::reasons::Migrated;
use crate::task_log::TaskLog;

/// What a report is decided from. All but the first two is observed only where the report [`needs`](Need) it: none means
/// not observed, never nothing found.
#[derive(Debug, Clone, PartialEq)]
pub struct Observed {
    /// What the deployment is now, by [`state_of`].
    pub state: DeploymentState,
    /// CodeDeploy's record of the deployment.
    pub deployment: Deployment,
    /// The deployment that it rolls back; the deployment itself where it does not name one.
    pub rolled_back: Option<Deployment>,
    /// The lifecycle events of the deployment that [`is_about`](Self::is_about) returns.
    pub lifecycle: Option<Lifecycle>,
    /// What serves production.
    pub serving: Option<Serving>,
    /// The revision that the deployment shipped.
    pub shipped: Option<Shipped>,
    /// The deployment that made what serves production.
    pub made_by: Option<MadeBy>,
    /// Why the deployment ended badly, or succeeded without a task that runs, from the tasks of its revision.
    pub why_failed: Option<Why>,
    /// Why nothing runs, from the tasks of the revision that serves production.
    pub why_down: Option<Why>,
    /// The deployment group.
    pub group: Option<Group>,
}

impl Observed {
    /// The beginning: an event's state, and the record of its deployment.
    pub fn new(state: DeploymentState, deployment: Deployment) -> Self {
        Self {
            state,
            deployment,
            rolled_back: None,
            lifecycle: None,
            serving: None,
            shipped: None,
            made_by: None,
            why_failed: None,
            why_down: None,
            group: None,
        }
    }

    /// The deployment whose steps and causes people want to read: of a rollback that succeeded the one that it rolled back.
    pub fn is_about(&self) -> &Deployment {
        let rolled_back = self.rolled_back.as_ref();
        rolled_back
            .filter(|_| self.state == DeploymentState::Success)
            .unwrap_or(&self.deployment)
    }

    /// Whether the deployment passed its migration gate, as CodeDeploy states it: what ended badly later, its migration did not.
    pub fn passed_migration_gate(&self) -> bool {
        let status = match &self.lifecycle {
            Some(Lifecycle::Read(target)) => status_of(target.as_ref(), AFTER_INSTALL),
            Some(Lifecycle::Unreadable) | None => None,
        };
        status == Some(LifecycleEventStatus::Succeeded)
    }
}

/// The lifecycle events of a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lifecycle {
    /// As CodeDeploy states them; no target where none has begun.
    Read(Option<DeploymentTarget>),
    /// They cannot be read. A message without them is better than none.
    Unreadable,
}

/// What serves production.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Serving {
    /// Its revision; none where the service has neither a PRIMARY task set nor a task definition.
    pub revision: Option<RevisionArn>,
    /// The deployment that made it; none for a service's first task set.
    pub made_by: Option<DeploymentId>,
    /// How many of its tasks run.
    pub tasks: TaskCount,
}

impl Serving {
    /// On this service.
    pub fn on(service: &Service) -> Self {
        let primary = service.primary();
        let revision = primary.map(|task_set| &task_set.revision);
        Self {
            revision: revision.or(service.revision.as_ref()).cloned(),
            made_by: primary.and_then(|task_set| task_set.deployment.clone()),
            tasks: TaskCount::of(service),
        }
    }
}

/// The revision that a deployment shipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shipped {
    /// Its AppSpec names this one.
    Revision(RevisionArn),
    /// Its AppSpec cannot be read, now or ever.
    Unreadable,
}

/// The deployment group of a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Group {
    /// As CodeDeploy states it.
    Read(Box<DeploymentGroup>),
    /// It cannot be read.
    Unreadable,
}

/// The deployment that made what serves production.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MadeBy {
    /// This one.
    Deployment(Box<Deployment>),
    /// It cannot be read, now or ever.
    Unreadable,
}

/// A bad end, as tasks show it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Why {
    /// Their revision; none where it cannot be read.
    pub revision: Option<RevisionArn>,
    /// One sentence each.
    pub causes: Vec<String>,
    /// What the deployment's migration did, as far as its task shows; none where ECS does not know that task (any more).
    pub migrated: Option<Migrated>,
    /// Whether the deployment asked the migration gate; none where its AppSpec cannot be read.
    pub gate: Option<MigrationGate>,
    /// The target group of the PRIMARY task set; none where the service cannot be read.
    pub serves: Option<TargetGroupArn>,
    /// The log that goes with it.
    pub log: TaskLog,
}

/// What has to be observed before anything can be decided: each is a member of [`Observed`] that is none so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Need {
    /// [`Observed::rolled_back`], which has this id.
    RolledBack(DeploymentId),
    /// [`Observed::lifecycle`]
    Lifecycle,
    /// [`Observed::serving`]
    Serving,
    /// [`Observed::shipped`]
    Shipped,
    /// [`Observed::made_by`], which has this id.
    MadeBy(DeploymentId),
    /// [`Observed::why_failed`]
    WhyFailed,
    /// [`Observed::why_down`], of the tasks of this revision.
    WhyDown(Option<RevisionArn>),
    /// [`Observed::group`]
    Group,
}

/// What becomes of a state change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// This outcome is published.
    Publish(Box<Outcome>),
    /// Nothing is, for this reason.
    Nothing(String),
}

/// An event that announces an end of which CodeDeploy's record does not know yet: it has to come again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the event reports the end of deployment `{deployment}`, and CodeDeploy's record does not yet (hint: nothing to do if a \
     later attempt succeeds)"
)]
pub struct NotYet {
    deployment: DeploymentId,
}

/// The reason why an event is not about this deployment; none where it is. Whoever may write events or call the function can
/// give one pipeline's deployment for another's.
pub fn mistaken(change: &StateChange, deployment: &Deployment) -> Option<String> {
    let given = (&change.application, &change.deployment_group);
    let (application, group) = (&deployment.application, &deployment.deployment_group);
    ((application, group) != given).then(|| {
        format!(
            "deployment `{}` is one of the group `{group}` of `{application}`, not of the event's",
            deployment.id
        )
    })
}

/// The state to report. An end is the one in CodeDeploy's record, whatever the event claims.
///
/// # Errors
/// CodeDeploy does not state an end yet.
pub fn state_of(
    announced: DeploymentState,
    deployment: &Deployment,
) -> Result<DeploymentState, NotYet> {
    if !announced.is_end() {
        return Ok(announced);
    }
    match deployment.status {
        DeploymentStatus::Succeeded => Ok(DeploymentState::Success),
        DeploymentStatus::Failed => Ok(DeploymentState::Failure),
        DeploymentStatus::Stopped => Ok(DeploymentState::Stop),
        DeploymentStatus::Created | DeploymentStatus::InProgress | DeploymentStatus::Ready => {
            Err(NotYet {
                deployment: deployment.id.clone(),
            })
        }
    }
}

/// Decides what is published about a deployment.
///
/// # Errors
/// What else has to be observed. The report is decided again with it, from the beginning: all is plain data.
pub fn decide(pipeline: &Pipeline, observed: &Observed) -> Result<Report, Need> {
    let deployment = &observed.deployment;
    let outcome = match (observed.state, deployment.creator) {
        (DeploymentState::Start, Creator::Caller) => started(pipeline, observed)?,
        (DeploymentState::Start, Creator::Rollback) => {
            return nothing("a rollback is reported when it has ended");
        }
        (DeploymentState::Success, Creator::Caller) => shipped(pipeline, observed)?,
        (DeploymentState::Success, Creator::Rollback) => rolled_back(pipeline, observed)?,
        (DeploymentState::Failure, Creator::Caller) => {
            ended_badly(Event::Failed, pipeline, observed)?
        }
        (DeploymentState::Stop, Creator::Caller) => {
            ended_badly(Event::Stopped, pipeline, observed)?
        }
        (DeploymentState::Failure, Creator::Rollback) => {
            rollback_failed(Event::Failed, pipeline, observed)?
        }
        (DeploymentState::Stop, Creator::Rollback) => {
            rollback_failed(Event::Stopped, pipeline, observed)?
        }
        // A late event must not ask people for what they did already.
        (DeploymentState::Ready, Creator::Caller)
            if deployment.status == DeploymentStatus::Ready =>
        {
            Outcome::ready(pipeline, &deployment.subject(pipeline))
        }
        (DeploymentState::Ready | DeploymentState::Other, _) => {
            return nothing("this state is not reported");
        }
    };
    Ok(Report::Publish(Box::new(outcome)))
}

fn nothing(reason: &str) -> Result<Report, Need> {
    Ok(Report::Nothing(reason.to_owned()))
}

/// A deployment's own setting counts before the group's. Where CodeDeploy states none, ours bring one unless the pipeline leaves
/// it to the group. Where the group cannot be read nothing is claimed.
fn started(pipeline: &Pipeline, observed: &Observed) -> Result<Outcome, Need> {
    let subject = observed.deployment.subject(pipeline);
    let is_left_to_the_group =
        pipeline.codedeploy.rollback == Rollback::Group || subject.image.is_none();
    let mut outcome = Outcome::started(pipeline, &subject);
    let rolls_back = match observed.deployment.rolls_back_on_failure {
        Some(rolls_back) => rolls_back,
        None if is_left_to_the_group => match observed.group.as_ref().ok_or(Need::Group)? {
            Group::Read(group) => group.rolls_back,
            Group::Unreadable => true,
        },
        None => true,
    };
    if !rolls_back {
        outcome.add_without_rollback(subject.engine);
    }
    Ok(outcome)
}

/// CodeDeploy's success is checked against what really serves production.
fn shipped(pipeline: &Pipeline, observed: &Observed) -> Result<Outcome, Need> {
    let deployment = &observed.deployment;
    let subject = deployment.subject(pipeline);
    let ending = ending(observed)?;
    let serving = observed.serving.as_ref().ok_or(Need::Serving)?;
    let shipped = match observed.shipped.as_ref().ok_or(Need::Shipped)? {
        Shipped::Revision(revision) => Some(revision),
        Shipped::Unreadable => None,
    };
    let runs = serving.revision.as_ref();
    let ending = Ending {
        revision: shipped.or(runs).cloned(),
        ..ending
    };
    // A person may have deployed the same revision once more; then the task set is another one's, and all is well.
    let is_serving =
        serving.made_by.as_ref() == Some(&deployment.id) || (shipped.is_some() && shipped == runs);
    if is_serving && !serving.tasks.is_down() {
        return Ok(Outcome::shipped(pipeline, &subject, serving.tasks, ending));
    }
    if is_serving {
        let ending = with_causes(ending, observed)?;
        return Ok(Outcome::shipped_and_down(
            pipeline,
            &subject,
            serving.tasks,
            ending,
        ));
    }
    // This message may come late.
    if let Some(later) = later(observed, serving)? {
        return Ok(Outcome::replaced_since(pipeline, &subject, later, ending));
    }
    Ok(match runs.filter(|_| shipped.is_some()) {
        Some(runs) => Outcome::not_running(pipeline, &subject, runs, ending),
        None => Outcome::shipped_unverified(pipeline, &subject, ending),
    })
}

/// The deployment that made what serves production, where it was created after this one.
fn later<'a>(observed: &'a Observed, serving: &Serving) -> Result<Option<&'a DeploymentId>, Need> {
    let deployment = &observed.deployment;
    let Some(other) = &serving.made_by else {
        return Ok(None);
    };
    if *other == deployment.id {
        return Ok(None);
    }
    let made_by = observed.made_by.as_ref();
    Ok(match made_by.ok_or_else(|| Need::MadeBy(other.clone()))? {
        MadeBy::Deployment(other) if other.created_at > deployment.created_at => Some(&other.id),
        MadeBy::Deployment(_) | MadeBy::Unreadable => None,
    })
}

fn ended_badly(event: Event, pipeline: &Pipeline, observed: &Observed) -> Result<Outcome, Need> {
    let ending = with_causes(ending(observed)?, observed)?;
    let ending = Ending {
        migrated: migrated(pipeline, observed),
        test_listener_left: test_listener::left(observed)?,
        ..ending
    };
    let subject = observed.deployment.subject(pipeline);
    Ok(Outcome::ended_badly(event, pipeline, &subject, ending))
}

/// What the deployment's migration did: the migration gate that it passed shows it, or else its task, or else how far the gate
/// came.
fn migrated(pipeline: &Pipeline, observed: &Observed) -> Option<Migrated> {
    pipeline.migration.as_ref()?;
    let why = observed.why_failed.as_ref()?;
    // ECS forgets a stopped task after an hour or more, and others may be marked as it was. Another tool's AppSpec may call what
    // it likes there.
    if observed.passed_migration_gate()
        && why.gate == Some(MigrationGate::Asked)
        && shipped_digest(pipeline, observed.is_about()).is_some()
    {
        return Some(Migrated::Done);
    }
    if why.migrated.is_some() {
        return why.migrated;
    }
    let Some(Lifecycle::Read(target)) = &observed.lifecycle else {
        return None;
    };
    match (status_of(target.as_ref(), AFTER_INSTALL), why.gate) {
        (None | Some(LifecycleEventStatus::Pending | LifecycleEventStatus::Skipped), _) => {
            Some(Migrated::Nothing)
        }
        (_, Some(MigrationGate::LeftOut)) => Some(Migrated::Nothing),
        (Some(_), _) => None,
    }
}

fn status_of(target: Option<&DeploymentTarget>, name: &str) -> Option<LifecycleEventStatus> {
    let mut events = target?.lifecycle_events.iter();
    Some(events.find(|event| event.name == name)?.status)
}

/// A rollback migrates nothing.
fn rollback_failed(
    event: Event,
    pipeline: &Pipeline,
    observed: &Observed,
) -> Result<Outcome, Need> {
    let ending = with_causes(ending(observed)?, observed)?;
    let subject = observed.deployment.subject(pipeline);
    Ok(Outcome::rollback_failed(event, pipeline, &subject, ending))
}

/// A rollback is reported with the reason of what it rolled back; it is not a success.
fn rolled_back(pipeline: &Pipeline, observed: &Observed) -> Result<Outcome, Need> {
    let rollback = &observed.deployment;
    let failed = match (&rollback.rolls_back, &observed.rolled_back) {
        (None, _) => rollback,
        (Some(_), Some(failed)) => failed,
        (Some(id), None) => return Err(Need::RolledBack(id.clone())),
    };
    let serving = observed.serving.as_ref().ok_or(Need::Serving)?;
    let (failed, rollback) = (failed.subject(pipeline), rollback.subject(pipeline));
    let ending = ending(observed)?;
    if !serving.tasks.is_down() {
        let ending = Ending {
            revision: serving.revision.clone(),
            ..with_causes(ending, observed)?
        };
        let ending = Ending {
            migrated: migrated(pipeline, observed),
            ..ending
        };
        return Ok(Outcome::rolled_back(
            pipeline,
            &failed,
            &rollback,
            serving.tasks,
            ending,
        ));
    }
    // Why the deployment failed was reported at its end; what matters now is why nothing runs.
    let why = observed.why_down.clone();
    let why = why.ok_or_else(|| Need::WhyDown(serving.revision.clone()))?;
    let ending = Ending {
        revision: serving.revision.clone(),
        causes: why.causes,
        log: why.log,
        ..ending
    };
    Ok(Outcome::rolled_back_and_down(
        pipeline,
        &failed,
        &rollback,
        serving.tasks,
        ending,
    ))
}

fn ending(observed: &Observed) -> Result<Ending, Need> {
    let steps = match observed.lifecycle.as_ref().ok_or(Need::Lifecycle)? {
        Lifecycle::Read(target) => target.as_ref().map(DeploymentTarget::steps),
        Lifecycle::Unreadable => None,
    };
    Ok(Ending {
        steps: steps.unwrap_or_default(),
        ..Ending::default()
    })
}

fn with_causes(ending: Ending, observed: &Observed) -> Result<Ending, Need> {
    let why = observed.why_failed.clone().ok_or(Need::WhyFailed)?;
    Ok(Ending {
        way: why.gate.map(MigrationGate::way),
        revision: why.revision.or(ending.revision),
        causes: why.causes,
        log: why.log,
        ..ending
    })
}

#[cfg(test)]
mod tests;
