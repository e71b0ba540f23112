//! What becomes of an order before any deployment is started for it.

use super::{Command, Event, Outcome, Verdict};
use crate::config::Pipeline;
use crate::names::{DeploymentId, Image};
use crate::observed::ImageStatus;
use crate::start::{self, AskedBy, Skip};

impl Outcome {
    /// An image waits behind another deployment. A request is not remembered until then; `again` is the command that repeats an
    /// order which is not remembered either.
    pub fn waiting(
        pipeline: &Pipeline,
        image: &Image,
        active: &DeploymentId,
        asked_by: AskedBy,
        again: Option<&str>,
    ) -> Self {
        let summary = format!("{image} waits for the end of deployment {active}");
        let mut outcome = Self::new(
            Event::Waiting,
            pipeline,
            Some(image.clone()),
            Some(active),
            summary,
        );
        let next = match (asked_by, again) {
            (AskedBy::Event, None) => {
                "nothing to do: when that deployment has ended, the image that is due then is deployed".to_owned()
            }
            (AskedBy::Event, Some(again)) => format!(
                "ask for it when that deployment has ended, because a tag on an older image is not remembered: {again}"
            ),
            (AskedBy::Person | AskedBy::PersonForThisImage | AskedBy::Rollback, _) => {
                start::ASK_AGAIN.to_owned()
            }
        };
        outcome.next = Some(next);
        outcome
    }

    /// Nothing is started for an order, because of the pipeline's rules. `next` is what a person may do about it.
    pub fn skipped(
        pipeline: &Pipeline,
        image: Option<&Image>,
        skip: &Skip,
        next: Option<String>,
    ) -> Self {
        let what = image.map_or_else(|| "nothing".to_owned(), ToString::to_string);
        let summary = match image {
            Some(_) => format!("{what} is not deployed to {}", pipeline.place()),
            None => format!("{what} is deployed to {}", pipeline.place()),
        };
        let mut outcome = Self::new(
            Event::Skipped,
            pipeline,
            image.cloned(),
            skip.deployment(),
            summary,
        );
        outcome.verdict = verdict_of(skip);
        outcome.reason = Some(format!("{skip} ({})", skip.code()));
        outcome.next = next;
        if let Skip::ImageArchived(image, status) = skip {
            if *status == ImageStatus::Archived {
                outcome.commands.push(Command::RestoreImage {
                    registry: pipeline.registry.clone(),
                    repository: pipeline.repository.clone(),
                    digest: image.digest.clone(),
                });
            }
            outcome.request_again();
        }
        outcome
    }

    /// Nothing can be started for an order, and trying again changes nothing: something must be corrected first. `again` is
    /// the command that requests it then.
    pub fn refused(pipeline: &Pipeline, image: Option<Image>, reason: String, again: &str) -> Self {
        let what = image
            .as_ref()
            .map_or_else(|| pipeline.repository.to_string(), ToString::to_string);
        let summary = format!(
            "{what} cannot be deployed to {}; nothing was changed",
            pipeline.place()
        );
        let mut outcome = Self::new(Event::Refused, pipeline, image, None, summary);
        outcome.reason = Some(reason);
        outcome.next = Some(format!(
            "correct the cause; it is tried again within the hour, or at once by: {again}"
        ));
        outcome
    }

    /// A deployment would be started or stopped for an order; `decision` is that in a sentence. The stack only observes.
    pub fn observed(pipeline: &Pipeline, image: &Image, decision: &str) -> Self {
        let summary = format!(
            "{image} would go to {}; this stack only observes (`Mode` is `observe`), nothing was changed",
            pipeline.place()
        );
        let mut outcome = Self::new(
            Event::Observed,
            pipeline,
            Some(image.clone()),
            None,
            summary,
        );
        outcome.reason = Some(decision.to_owned());
        outcome.next = Some("to deploy from now on: sam deploy with Mode=deploy".to_owned());
        outcome
    }
}

/// What a skip means for the image that was ordered.
fn verdict_of(skip: &Skip) -> Verdict {
    match skip {
        Skip::AlreadyRunning(_, Some(tasks)) if tasks.is_down() => Verdict::Failure,
        Skip::AlreadyRunning(..) => Verdict::Success,
        Skip::AlreadyInProgress(_) | Skip::Waiting(_) => Verdict::Pending,
        Skip::OlderThanRunning(_) => Verdict::Superseded,
        Skip::NoMatchingImage(_)
        | Skip::RunningUnknown(_)
        | Skip::FailedBefore(_)
        | Skip::RolledBackByHand(_)
        | Skip::NeverShipped(_)
        | Skip::ImageArchived(..) => Verdict::Failure,
    }
}
