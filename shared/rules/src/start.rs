//! Start or skip: what becomes of a pipeline, from the state that AWS has now.
//!
//! Only neutral types are here. What a deployment is for one engine, and how it is read, is in that engine's module.

mod attempts;
mod migrated;
mod observed;
mod order;
mod running;
mod settings;
mod skip;
mod together;

use crate::config::{Pipeline, TerminationWait, WhenBusy};
use crate::names::{DeploymentId, Image};
use crate::observed::ImageStatus;
use crate::tag_rule::TagRule;

pub use attempts::{Attempt, End, attempts, attempts_since};
pub use observed::{
    Active, AskedBy, Candidate, Chosen, Force, Observed, Phase, Rank, Running, RunningImage,
    Settings, ShippedBefore, Template,
};
pub use order::{Brings, Compared, Deployed, Due, Order};
pub(crate) use order::{moment, read_moment};
pub use running::running_image;
pub use settings::reason;
pub(crate) use skip::ASK_AGAIN;
pub use skip::Skip;
pub use together::{Member, decide_together, starting};

/// What is done: each leaves nothing to choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Deploy the candidate.
    Start(Image),
    /// End the termination wait of this deployment; its end triggers the next reconciliation.
    EndWait(DeploymentId),
    /// Stop this deployment with rollback; its end triggers the next reconciliation.
    Stop(DeploymentId),
    /// Nothing, for this reason.
    Skip(Skip),
}

/// What has to be observed before anything can be decided. Each is a member of [`Observed`] that is none so far.
///
/// It comes from the decision itself, at the line that depends on the fact. A list beside the decision would have to be kept
/// in step with it, and a reason whose fact is missing from that list would silently never fire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// [`Observed::compared`]
    Compared,
    /// [`Observed::attempts`]
    Attempts,
    /// [`Observed::shipped_before`]
    ShippedBefore,
    /// [`Observed::template`]
    Template,
    /// [`Observed::rank`]
    Rank,
    /// [`Observed::attempts_since_push`]
    AttemptsSincePush,
}

/// Decides for one pipeline.
///
/// The order of the questions is the order of what people want to hear: that an image runs or is under way already matters
/// more than why it would not be started. Only then comes what would refuse it, and last what stands in its way.
///
/// # Errors
/// What else has to be observed. The decision is taken again with it, from the beginning: all is plain data.
pub fn decide(pipeline: &Pipeline, observed: &Observed) -> Result<Decision, Need> {
    match migrated::migrated(observed) {
        Some(migrated) => migrated::decide_after(pipeline, observed, migrated),
        None => decide_now(pipeline, observed),
    }
}

/// The same where no migrated revision waits for its deployment.
fn decide_now(pipeline: &Pipeline, observed: &Observed) -> Result<Decision, Need> {
    let Some(candidate) = &observed.candidate else {
        let missing = observed.missing.clone();
        return Ok(Decision::Skip(Skip::NoMatchingImage(missing)));
    };
    let image = &candidate.image;
    let Running { tasks, active, .. } = &observed.service;
    if let Some(active) = active {
        // A rollback ends with the image before, whatever its description says.
        if active.ships(&image.digest) && active.phase != Phase::RollingBack {
            return settings::beside(pipeline, observed, candidate, active);
        }
    }
    let is_kept = active.as_ref().is_none_or(Active::keeps_image);
    if is_kept
        && observed.runs(candidate)
        && !is_forced(observed)
        && !settings::are_due(pipeline, observed)?
    {
        // Only where nothing is under way: what is may take production away from the candidate.
        let skip = Skip::AlreadyRunning(image.clone(), *tasks);
        return Ok(Decision::Skip(skip));
    }
    // Before anything is stopped for it, too: installing Greenlight must not take away what perhaps runs already.
    if let (RunningImage::Unknown(why), AskedBy::Event) = (&observed.running, observed.asked_by) {
        return Ok(Decision::Skip(Skip::RunningUnknown(why.clone())));
    }
    // Before room is made for it: a deployment must not be stopped for an image that is then refused.
    if let Some(reason) = refuse(pipeline, observed, candidate)? {
        return Ok(Decision::Skip(reason));
    }
    if candidate.detail.status != ImageStatus::Active {
        let skip = Skip::ImageArchived(image.clone(), candidate.detail.status);
        return Ok(Decision::Skip(skip));
    }
    Ok(match active {
        Some(active) => make_room(pipeline, observed, candidate, active)?,
        None => Decision::Start(image.clone()),
    })
}

/// Only a person forces anything.
fn is_forced(observed: &Observed) -> bool {
    match observed.asked_by {
        AskedBy::Event => false,
        AskedBy::Person | AskedBy::PersonForThisImage | AskedBy::Rollback => {
            observed.force == Force::Yes
        }
    }
}

/// Why the candidate is not wanted, whatever else is under way.
fn refuse(
    pipeline: &Pipeline,
    observed: &Observed,
    candidate: &Candidate,
) -> Result<Option<Skip>, Need> {
    match observed.asked_by {
        AskedBy::PersonForThisImage => Ok(None),
        AskedBy::Rollback => never_shipped(observed, candidate),
        AskedBy::Person => older(pipeline, observed, candidate),
        AskedBy::Event => match older(pipeline, observed, candidate)? {
            // An older image may have been tried as well; what matters is that a newer one runs.
            Some(older) => Ok(Some(older)),
            None => tried(pipeline, observed, candidate),
        },
    }
}

fn never_shipped(observed: &Observed, candidate: &Candidate) -> Result<Option<Skip>, Need> {
    let shipped = observed.shipped_before.as_ref();
    Ok(match shipped.ok_or(Need::ShippedBefore)? {
        ShippedBefore::Yes => None,
        ShippedBefore::Never => Some(Skip::NeverShipped(candidate.image.clone())),
    })
}

fn older(
    pipeline: &Pipeline,
    observed: &Observed,
    candidate: &Candidate,
) -> Result<Option<Skip>, Need> {
    if !pipeline.tag.is_ordered() {
        return Ok(None);
    }
    let compared = observed.compared.as_ref().ok_or(Need::Compared)?;
    let is_older = compared
        .iter()
        .any(|other| match (&pipeline.tag, observed.asked_by) {
            // A tag that is put on an image later is a new order of it, which only the event tells: ECR states no time of a tag.
            (TagRule::Glob(_) | TagRule::Regex(_), AskedBy::Event)
                if !candidate.is_ordered_by_its_push() =>
            {
                candidate.ordered_at < other.ordered_at
            }
            // What ECR has is compared with what ECR has. The image's own tag may be later than the order of what runs, and its
            // event lost; and a person asks for what ECR has, whatever was ordered in between.
            (TagRule::Glob(_) | TagRule::Regex(_) | TagRule::Semver(_) | TagRule::Exact(_), _) => {
                pipeline.tag.is_before(&candidate.detail, &other.detail)
            }
        });
    Ok(is_older.then(|| Skip::OlderThanRunning(candidate.image.clone())))
}

/// The latest attempt alone counts: what became of the earlier ones, people know and have decided about.
fn tried(
    pipeline: &Pipeline,
    observed: &Observed,
    candidate: &Candidate,
) -> Result<Option<Skip>, Need> {
    let template = settings::template(pipeline, observed)?;
    let runs = observed.runs(candidate);
    let attempts = observed.attempts.as_ref().ok_or(Need::Attempts)?;
    let last = attempts
        .iter()
        .filter(|attempt| settings::speaks_against(template, runs, attempt))
        .max_by_key(|attempt| attempt.created_at);
    let Some(last) = last else {
        return Ok(None);
    };
    let is_back = !runs || template.is_some_and(|template| template.settings == Settings::Due);
    Ok(match last.end {
        Some(End::Failed | End::Stopped | End::StoppedByCall) => {
            Some(Skip::FailedBefore(last.deployment.clone()))
        }
        // A person went back by hand since: no reconciliation may undo that.
        Some(End::Succeeded) if is_back => Some(Skip::RolledBackByHand(last.deployment.clone())),
        Some(End::MigrationUnknown) => Some(Skip::MigrationUnknown(last.deployment.clone())),
        Some(End::Superseded) => Some(Skip::Superseded(last.deployment.clone())),
        Some(End::Succeeded) | None => None,
    })
}

/// What is done about another deployment that is under way. A termination wait is cut or kept, never rolled back:
/// stopping it would take production back to an image that is older than both. ECS's bake cannot be cut, so there `replace` is
/// that way back, which keeps a newer image from waiting for hours. A rollback is left alone.
///
/// So is what began when the candidate was there already, because a person started it: only a later order, or a person,
/// replaces it. What takes production away from the candidate may even have its whole termination wait. And so is everything for an
/// order that is not remembered: the reconciliation after the end would choose another image.
fn make_room(
    pipeline: &Pipeline,
    observed: &Observed,
    candidate: &Candidate,
    active: &Active,
) -> Result<Decision, Need> {
    let may_be_behind = observed.asked_by == AskedBy::Event
        && matches!(pipeline.tag, TagRule::Semver(_))
        && candidate.chosen == Chosen::Named;
    if may_be_behind && observed.rank.is_none() {
        return Err(Need::Rank);
    }
    let later_order = match observed.asked_by {
        AskedBy::Event => candidate.ordered_at > active.created_at,
        AskedBy::Person | AskedBy::PersonForThisImage | AskedBy::Rollback => true,
    };
    if !observed.remembers(&pipeline.tag) {
        return Ok(Decision::Skip(Skip::Waiting(active.id.clone())));
    }
    if observed.is_ordered_later(candidate) && observed.attempts_since_push.is_none() {
        return Err(Need::AttemptsSincePush);
    }
    Ok(
        match (active.phase, pipeline.termination_wait, pipeline.when_busy) {
            (Phase::TerminationWait, TerminationWait::Cut, _)
                if !observed.is_being_rolled_back_by_hand() =>
            {
                Decision::EndWait(active.id.clone())
            }
            // Where blue is the candidate itself, or another pipeline's image would be lost without a word, it goes back instead.
            (Phase::Rolling, _, WhenBusy::Replace)
                if later_order && pipeline.is_alone && !observed.runs(candidate) =>
            {
                Decision::Start(candidate.image.clone())
            }
            // There is nothing to stop. Where a migration comes first, the newer image waits the minute that the gate takes: going
            // back beside a migration would supersede it.
            (Phase::Judging, _, WhenBusy::Replace) if later_order && pipeline.migration.is_none() => {
                Decision::Start(candidate.image.clone())
            }
            (Phase::Shifting | Phase::Bake | Phase::Rolling, _, WhenBusy::Replace)
                if later_order =>
            {
                Decision::Stop(active.id.clone())
            }
            (Phase::TerminationWait, TerminationWait::Cut | TerminationWait::Keep, _)
            | (
                Phase::Shifting | Phase::Bake | Phase::Rolling,
                _,
                WhenBusy::Wait | WhenBusy::Replace,
            )
            // A migration is never killed for a newer image.
            | (
                Phase::Accepted
                | Phase::Judging
                | Phase::RollingBack
                | Phase::Migrating
                | Phase::Migrated,
                ..,
            ) => {
                Decision::Skip(Skip::Waiting(active.id.clone()))
            }
        },
    )
}

impl Decision {
    /// The stable code for logs and reports.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Start(_) => "start",
            Self::EndWait(_) => "end-wait",
            Self::Stop(_) => "stop",
            Self::Skip(skip) => skip.code(),
        }
    }

    /// Why, for the sender of the order. A request is not remembered: what it waits for ends without it.
    pub fn reason(&self, asked_by: AskedBy) -> String {
        let then = match asked_by {
            AskedBy::Event => "its end triggers the next reconciliation",
            AskedBy::Person | AskedBy::PersonForThisImage | AskedBy::Rollback => ASK_AGAIN,
        };
        match self {
            Self::Start(image) => format!("{image} is due"),
            Self::EndWait(id) => {
                format!("deployment `{id}` need not wait for its blue any more; {then}")
            }
            Self::Stop(id) => format!("deployment `{id}` is replaced; {then}"),
            Self::Skip(Skip::Waiting(id)) => format!("deployment `{id}` is under way; {then}"),
            Self::Skip(skip) => skip.to_string(),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
