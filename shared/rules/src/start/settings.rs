//! Settings that are due by themselves, under `revision_from = "latest"`: the family's latest revision that Greenlight did not
//! register differs from what production runs.
//!
//! They are tried once, as an image is: a deployment's description names the revision whose settings it brought.

use super::{
    Active, AskedBy, Attempt, Candidate, Decision, End, Force, Need, Observed, Phase, Settings,
    Skip, Template,
};
use crate::config::{Pipeline, RevisionFrom, TerminationWait, WhenBusy};

/// The template, where the pipeline follows its settings. Of several pipelines of a service the first one does, so that settings
/// which fail are tried once, and not once for each image.
pub(super) fn template<'a>(
    pipeline: &Pipeline,
    observed: &'a Observed,
) -> Result<Option<&'a Template>, Need> {
    match pipeline.revision_from {
        RevisionFrom::Production => Ok(None),
        RevisionFrom::Latest if !pipeline.is_first => Ok(None),
        RevisionFrom::Latest => observed.template.as_ref().ok_or(Need::Template).map(Some),
    }
}

/// Whether the template's settings are due with the image that runs. A rollback asks for an image alone.
pub(super) fn are_due(pipeline: &Pipeline, observed: &Observed) -> Result<bool, Need> {
    if observed.asked_by == AskedBy::Rollback {
        return Ok(false);
    }
    let template = template(pipeline, observed)?;
    let due = template.filter(|template| template.settings == Settings::Due);
    Ok(due.is_some_and(|template| !is_being_brought(observed, template)))
}

/// Whether the active deployment, perhaps of another pipeline's image, has the template's settings.
fn is_being_brought(observed: &Observed, template: &Template) -> bool {
    let active = observed.service.active.as_ref();
    let active = active.filter(|active| active.phase != Phase::RollingBack);
    let brings = active.and_then(|active| active.template);
    brings.is_some_and(|brings| brings >= template.revision.number())
}

/// Whether an attempt at the image speaks against another one with the template's settings.
///
/// Where the image runs, only what brought these settings says anything of them. Where another one runs, an image that failed
/// with earlier settings may succeed with these; but that it shipped and was taken back is a decision about the image, which
/// new settings do not undo.
pub(super) fn speaks_against(
    template: Option<&Template>,
    image_runs: bool,
    attempt: &Attempt,
) -> bool {
    let Some(template) = template else {
        return true;
    };
    let order = attempt.order.as_ref();
    let brought = order
        .and_then(|order| order.brings)
        .map(|brings| brings.template);
    let number = template.revision.number();
    match (image_runs, attempt.end) {
        (true, _) => brought == Some(number),
        (false, Some(End::Succeeded)) => true,
        (
            false,
            Some(
                End::Failed
                | End::Stopped
                | End::StoppedByCall
                | End::MigrationUnknown
                | End::Superseded,
            )
            | None,
        ) => brought.is_none_or(|brought| brought == number),
    }
}

/// What becomes of a candidate that the active deployment ships: it need not be deployed, unless with newer settings that are
/// due and wait for nothing.
pub(super) fn beside(
    pipeline: &Pipeline,
    observed: &Observed,
    candidate: &Candidate,
    active: &Active,
) -> Result<Decision, Need> {
    let ships_it = Decision::Skip(Skip::AlreadyInProgress(active.id.clone()));
    if !are_due(pipeline, observed)? {
        return Ok(ships_it);
    }
    let Some(template) = template(pipeline, observed)? else {
        return Ok(ships_it);
    };
    // A person's or an older version's deployment does not say what it brings.
    if active.template.is_none() || super::refuse(pipeline, observed, candidate)?.is_some() {
        return Ok(ships_it);
    }
    let is_later = match observed.asked_by {
        AskedBy::Event => template
            .registered_at
            .is_some_and(|at| at > active.created_at),
        AskedBy::Person | AskedBy::PersonForThisImage | AskedBy::Rollback => true,
    };
    Ok(
        match (active.phase, pipeline.termination_wait, pipeline.when_busy) {
            (Phase::TerminationWait, TerminationWait::Cut, _) => {
                Decision::EndWait(active.id.clone())
            }
            (Phase::Shifting | Phase::Bake | Phase::Rolling, _, WhenBusy::Replace) if is_later => {
                Decision::Stop(active.id.clone())
            }
            (Phase::TerminationWait, TerminationWait::Keep, _)
            | (
                Phase::Shifting | Phase::Bake | Phase::Rolling,
                _,
                WhenBusy::Wait | WhenBusy::Replace,
            )
            | (
                Phase::Accepted
                | Phase::Judging
                | Phase::RollingBack
                | Phase::Migrating
                | Phase::Migrated,
                ..,
            ) => ships_it,
        },
    )
}

impl Observed {
    /// The template whose settings are due, where that is known.
    fn due_template(&self) -> Option<&Template> {
        let template = self.template.as_ref();
        template.filter(|template| template.settings == Settings::Due)
    }

    fn image_runs(&self) -> bool {
        let candidate = self.candidate.as_ref();
        candidate.is_some_and(|candidate| self.runs(candidate))
    }

    /// Whether a deployment is started for the template's settings alone.
    pub fn only_settings_are_due(&self) -> bool {
        self.image_runs() && self.due_template().is_some() && self.force == Force::No
    }
}

/// Why something was decided, for the sender of the order: settings that are due are named beside the image.
pub fn reason(decision: &Decision, observed: &Observed) -> String {
    let due = observed.due_template();
    let due =
        due.map(|template| format!("the settings of revision `{}`", template.revision.short()));
    match (decision, observed.image_runs(), due) {
        (Decision::Start(image), true, Some(settings)) => {
            format!("{settings} are due, with {image}, which runs already")
        }
        (Decision::Start(image), false, Some(settings)) => {
            format!("{image} is due, with {settings}")
        }
        (Decision::Start(image), true, None) => {
            format!("{image} runs already, and the request forces another deployment of it")
        }
        (Decision::Skip(Skip::FailedBefore(id)), true, Some(settings)) => format!(
            "deployment `{id}` of {settings} did not succeed (hint: request the image, or register a corrected revision)"
        ),
        (Decision::Skip(Skip::RolledBackByHand(id)), true, Some(settings)) => format!(
            "deployment `{id}` shipped {settings}, and a person has rolled it back since (hint: request the image, or register \
             another revision)"
        ),
        (
            Decision::Start(_) | Decision::EndWait(_) | Decision::Stop(_) | Decision::Skip(_),
            _,
            _,
        ) => decision.reason(observed.asked_by),
    }
}
