//! After a migration that runs before its deployment: what is migrated goes first, so that nothing of it is lost, unless
//! `when_busy = "replace"` has a newer image that is due.

use super::{Active, AskedBy, Decision, Need, Observed, Phase, Skip, decide_now};
use crate::config::{Pipeline, WhenBusy};
use crate::names::Image;

/// What is migrated and not deployed yet.
pub(super) fn migrated(observed: &Observed) -> Option<&Active> {
    let active = observed.service.active.as_ref();
    active.filter(|active| active.phase == Phase::Migrated)
}

/// A person's request is for its own image. A request whose migration has ended is not remembered otherwise, so what is migrated goes
/// on whatever the tag rule selects by now, and whatever would be asked before a start.
pub(super) fn decide_after(
    pipeline: &Pipeline,
    observed: &Observed,
    migrated: &Active,
) -> Result<Decision, Need> {
    let by_itself = || {
        let mut observed = observed.clone();
        observed.service.active = None;
        decide_now(pipeline, &observed)
    };
    match observed.asked_by {
        AskedBy::Event => {}
        AskedBy::Person | AskedBy::PersonForThisImage | AskedBy::Rollback => return by_itself(),
    }
    let Some(image) = image(pipeline, observed, migrated) else {
        // It is there for another pipeline of the service.
        return Ok(match by_itself()? {
            Decision::Start(_) => Decision::Skip(Skip::Waiting(migrated.id.clone())),
            other @ (Decision::EndWait(_) | Decision::Stop(_) | Decision::Skip(_)) => other,
        });
    };
    if may_be_replaced(pipeline, observed, migrated)
        && let Decision::Start(newer) = by_itself()?
    {
        return Ok(Decision::Start(newer));
    }
    Ok(Decision::Start(image))
}

/// The pipeline's image that is migrated; none where it only runs on beside another pipeline's.
fn image(pipeline: &Pipeline, observed: &Observed, migrated: &Active) -> Option<Image> {
    let deployed = migrated.ships.first()?;
    let is_kept = !pipeline.is_alone && observed.running_digest() == Some(&deployed.digest);
    (!is_kept).then(|| Image {
        repository: pipeline.repository.clone(),
        digest: deployed.digest.clone(),
        tag: deployed.tag.clone(),
    })
}

fn may_be_replaced(pipeline: &Pipeline, observed: &Observed, migrated: &Active) -> bool {
    let is_newer = observed.candidate.as_ref().is_some_and(|candidate| {
        !migrated.ships(&candidate.image.digest) && candidate.ordered_at > migrated.created_at
    });
    match pipeline.when_busy {
        WhenBusy::Replace => is_newer && pipeline.is_alone,
        WhenBusy::Wait => false,
    }
}
