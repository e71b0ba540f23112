//! Which migration an event or a time-out is about, and whose it is.

use time::UtcDateTime;

use super::{Described, Early, FoundSchedule, IfUnreadable, Need, Observed, Schedule, older};
use crate::codedeploy::Known;
use crate::config::Config;
use crate::events::{TaskChanged, TimedOut};
use crate::gate::Gate;
use crate::migration::{self, Record};
use crate::names::{ContainerName, DeploymentId};

/// A migration that waits for its verdict.
pub(super) struct Waiting {
    /// What was written down before it was started.
    pub(super) record: Record,
    /// The deployment and its pipeline; none where they cannot be read.
    pub(super) known: Option<Known>,
    /// The container that migrates; none where neither the record nor the configuration names one.
    pub(super) container: Option<ContainerName>,
    /// When its time is up.
    pub(super) due: Option<UtcDateTime>,
    /// The time by AWS's clock.
    pub(super) now: Option<UtcDateTime>,
}

impl Waiting {
    pub(super) fn new(
        record: Record,
        known: Option<Known>,
        due: Option<UtcDateTime>,
        now: Option<UtcDateTime>,
    ) -> Self {
        // As it was started, whatever the configuration is by now.
        let written = record.runs.as_ref().map(|runs| &runs.container);
        let container = written.or_else(|| {
            let migration = known.as_ref()?.pipeline.migration.as_ref();
            migration.map(|migration| &migration.container)
        });
        Self {
            container: container.cloned(),
            record,
            known,
            due,
            now,
        }
    }
}

pub(super) fn of_changed(
    config: Option<&Config>,
    change: &TaskChanged,
    observed: &Observed,
) -> Result<Waiting, Early> {
    // Without it the deployment's pipeline is not known. The event comes again, and the time-out at last.
    let config = config.ok_or(Need::Configuration)?;
    let schedule = schedule(&change.deployment, observed)?;
    match &schedule.found {
        Some(found) => written_down(Some(config), &change.deployment, found, schedule, observed),
        None => older::of_changed(config, change, observed),
    }
}

pub(super) fn of_timed_out(
    config: Option<&Config>,
    time_out: &TimedOut,
    observed: &Observed,
) -> Result<Waiting, Early> {
    let schedule = schedule(&time_out.deployment, observed)?;
    match &schedule.found {
        Some(found) => written_down(config, &time_out.deployment, found, schedule, observed),
        None => older::of_timed_out(config, time_out, schedule.now, observed),
    }
}

fn schedule<'a>(deployment: &DeploymentId, observed: &'a Observed) -> Result<&'a Schedule, Need> {
    let schedule = observed.schedule.as_ref();
    schedule.ok_or_else(|| Need::Schedule(deployment.clone()))
}

fn written_down(
    config: Option<&Config>,
    deployment: &DeploymentId,
    found: &FoundSchedule,
    schedule: &Schedule,
    observed: &Observed,
) -> Result<Waiting, Early> {
    let record = Record::read(&found.input).map_err(|reason| {
        let name = migration::schedule_name(deployment);
        Early::Refused(format!("schedule `{name}` cannot be read: {reason}"))
    })?;
    let waiting = |record, known| Ok(Waiting::new(record, known, found.at, schedule.now));
    // Without a configuration the schedule that calls is our own all the same.
    let Some(config) = config else {
        return waiting(record, None);
    };
    // The group in the record is one of ours: the hook is answered without knowing more.
    let if_unreadable = match &record.group {
        // This stack may not even have the right to read another stack's deployments.
        Some((application, group)) if config.of_group(application, group).next().is_none() => {
            return Err(Early::Nothing(nobodys(
                application.as_str(),
                group.as_str(),
            )));
        }
        Some(_) => IfUnreadable::Decide,
        None => IfUnreadable::Fail,
    };
    match known(config, deployment, observed, if_unreadable)? {
        Ok(known) => waiting(record, Some(known)),
        Err(_) => waiting(record, None),
    }
}

/// The deployment and its pipeline, or the reason why they can never be read.
pub(super) fn known(
    config: &Config,
    deployment: &DeploymentId,
    observed: &Observed,
    if_unreadable: IfUnreadable,
) -> Result<Result<Known, String>, Early> {
    let described = observed.deployment.as_ref();
    let deployment =
        match described.ok_or_else(|| Need::Deployment(deployment.clone(), if_unreadable))? {
            Described::This(deployment) => deployment,
            Described::Unreadable(reason) => return Ok(Err(reason.clone())),
            Described::Unknown => {
                return Err(Early::Nothing(format!(
                    "there is no deployment `{deployment}`"
                )));
            }
        };
    let (application, group) = (&deployment.application, &deployment.deployment_group);
    match config.keeper(application, group, Gate::Migration) {
        Some(pipeline) => Ok(Ok(Known {
            pipeline: pipeline.clone(),
            deployment: (**deployment).clone(),
        })),
        None => Err(Early::Nothing(nobodys(
            application.as_str(),
            group.as_str(),
        ))),
    }
}

fn nobodys(application: &str, group: &str) -> String {
    format!("no pipeline has the deployment group `{group}` of `{application}`")
}
