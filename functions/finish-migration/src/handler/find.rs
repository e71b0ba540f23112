//! Which migration an event or a time-out is about, and whose it is.

use aws::{CallFailed, Kind};
use lambda::{Failure, Known, Started};
use rules::events::{TaskChanged, TimedOut};
use rules::migration::finish::{Deployment, Described, Observed, Trigger};
use rules::migration::{self, Record};
use rules::names::DeploymentId;
use time::UtcDateTime;

use super::Handler;

/// A migration that waits for its verdict.
pub(super) struct Waiting {
    pub(super) observed: Observed,
    pub(super) known: Option<Known>,
}

impl Waiting {
    pub(super) fn new(
        trigger: Trigger,
        record: Record,
        known: Option<Known>,
        task: Option<Described>,
    ) -> Self {
        // As it was started, whatever the configuration is by now.
        let written = record.runs.as_ref().map(|runs| &runs.container);
        let container = written.or_else(|| {
            let migration = known.as_ref()?.pipeline.migration.as_ref();
            migration.map(|migration| &migration.container)
        });
        let deployment = match &known {
            Some(known) if known.deployment.status.has_ended() => Deployment::HasEnded,
            Some(_) | None => Deployment::MayWait,
        };
        Self {
            observed: Observed {
                trigger,
                container: container.cloned(),
                record,
                deployment,
                task,
                essential: None,
                log: None,
            },
            known,
        }
    }
}

/// What was found out about a deployment.
pub(super) enum Found {
    Waiting(Box<Waiting>),
    /// Nothing to finish, for this reason.
    Ignored(String),
}

/// The record of a migration.
enum Written {
    /// It was written down.
    Down(Box<Down>),
    /// It was not, or is deleted; with the time by AWS's clock.
    Unwritten(Option<UtcDateTime>),
    /// It is another stack's.
    Ignored(String),
}

/// A migration that was written down.
struct Down {
    record: Record,
    known: Option<Known>,
    /// When its time is up.
    due: Option<UtcDateTime>,
    /// The time by AWS's clock.
    now: Option<UtcDateTime>,
}

impl Handler {
    pub(super) async fn changed(&self, change: TaskChanged) -> Result<Found, Failure> {
        // Without a configuration the deployment's pipeline is not known. The event comes again, and the time-out at last.
        let started = self.start.as_ref().map_err(Failure::from)?;
        match self.written(&change.deployment).await? {
            Written::Down(down) => {
                let Down { record, known, .. } = *down;
                let waiting = Waiting::new(Trigger::Changed(change), record, known, None);
                Ok(Found::Waiting(Box::new(waiting)))
            }
            Written::Unwritten(_) => self.older_task(started, change).await,
            Written::Ignored(reason) => Ok(Found::Ignored(reason)),
        }
    }

    pub(super) async fn timed_out(&self, time_out: TimedOut) -> Result<Found, Failure> {
        match self.written(&time_out.deployment).await? {
            Written::Down(down) => {
                let Down {
                    record,
                    known,
                    due,
                    now,
                } = *down;
                let waiting = Waiting::new(Trigger::TimedOut { due, now }, record, known, None);
                Ok(Found::Waiting(Box::new(waiting)))
            }
            Written::Unwritten(now) => self.older_time_out(time_out, now).await,
            Written::Ignored(reason) => Ok(Found::Ignored(reason)),
        }
    }

    async fn written(&self, deployment: &DeploymentId) -> Result<Written, Failure> {
        let name = migration::schedule_name(deployment);
        let found = self.scheduler.get_schedule(&name).await?;
        let Some(schedule) = found.schedule else {
            return Ok(Written::Unwritten(found.asked_at));
        };
        let record = Record::read(&schedule.input).map_err(|reason| {
            Failure::Refused(format!("schedule `{name}` cannot be read: {reason}"))
        })?;
        let group = record.group.clone();
        let written = |known| {
            Written::Down(Box::new(Down {
                record,
                known,
                due: schedule.at,
                now: found.asked_at,
            }))
        };
        // Without a configuration the schedule that calls is our own all the same.
        let Ok(started) = &self.start else {
            return Ok(written(None));
        };
        // This stack may not even have the right to read another stack's deployments.
        if let Some((application, group)) = &group
            && started.config.of_group(application, group).is_none()
        {
            return Ok(Written::Ignored(format!(
                "no pipeline has the deployment group `{group}` of `{application}`"
            )));
        }
        match self.known(started, deployment).await {
            Ok(Ok(known)) => Ok(written(Some(known))),
            Ok(Err(reason)) => Ok(Written::Ignored(reason)),
            Err(failed) if failed.is_transient() || group.is_none() => Err(failed.into()),
            // The group in the record is one of ours: the hook is answered without knowing more.
            Err(failed) => {
                tracing::warn!(deployment_id = %deployment, error = %failed, "could not read the deployment");
                Ok(written(None))
            }
        }
    }

    /// The deployment and its pipeline, or the reason why it is none of this stack's.
    pub(super) async fn known(
        &self,
        started: &Started<()>,
        deployment: &DeploymentId,
    ) -> Result<Result<Known, String>, CallFailed> {
        let deployment = match self.codedeploy.get_deployment(deployment).await {
            Err(failed) if failed.kind == Kind::NotFound => {
                return Ok(Err(format!("there is no deployment `{deployment}`")));
            }
            deployment => deployment?,
        };
        let (application, group) = (&deployment.application, &deployment.deployment_group);
        let Some(pipeline) = started.config.of_group(application, group).cloned() else {
            return Ok(Err(format!(
                "no pipeline has the deployment group `{group}` of `{application}`"
            )));
        };
        Ok(Ok(Known {
            pipeline,
            deployment,
        }))
    }
}
