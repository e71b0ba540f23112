//! What becomes of an order before any deployment is started for it.

use super::{Command, Event, Outcome, Verdict};
use crate::config::Pipeline;
use crate::events::Request;
use crate::names::{DeploymentId, Image, ParameterName};
use crate::observed::ImageStatus;
use crate::start::{self, AskedBy, Skip};

impl Outcome {
    /// An image waits behind another deployment; `again` repeats an order that is not remembered until then: a request, or that of
    /// a tag on an older image.
    pub fn waiting(
        pipeline: &Pipeline,
        image: &Image,
        active: &DeploymentId,
        asked_by: AskedBy,
        again: Option<Request>,
    ) -> Self {
        let summary = format!("{image} waits for the end of deployment {active}");
        let mut outcome = Self::new(
            Event::Waiting,
            pipeline,
            Some(image.clone()),
            Some(active),
            summary,
        );
        let next = match (asked_by, &again) {
            (AskedBy::Event, None) => {
                "nothing to do: when that deployment has ended, the image that is due then is deployed"
            }
            (AskedBy::Event, Some(_)) => {
                "ask for it when that deployment has ended, because no later reconciliation finds it: its tag was put on an older \
                 image, or a higher version is there"
            }
            (AskedBy::Person | AskedBy::PersonForThisImage | AskedBy::Rollback, _) => {
                start::ASK_AGAIN
            }
        };
        outcome.next = Some(next.to_owned());
        let purpose = "to ask for it when that deployment has ended";
        let again = again.map(|request| Command::Request { purpose, request });
        outcome.commands.extend(again);
        outcome
    }

    /// Nothing is started for an order, because of the pipeline's rules. `advice` is what a person may do about it, and by which
    /// commands.
    pub fn skipped(
        pipeline: &Pipeline,
        image: Option<&Image>,
        skip: &Skip,
        advice: Option<(&str, Vec<Command>)>,
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
        if let Some((next, commands)) = advice {
            outcome.next = Some(next.to_owned());
            outcome.commands = commands;
        }
        if let Skip::ImageArchived(image, ImageStatus::Archived) = skip {
            let restore = Command::RestoreImage {
                registry: pipeline.registry.clone(),
                repository: pipeline.repository.clone(),
                digest: image.digest.clone(),
            };
            outcome.commands.insert(0, restore);
        }
        outcome
    }

    /// Nothing can be started for an order, and trying again changes nothing: something must be corrected first. `again` repeats the
    /// order then. Only the order of an event is found again by the hourly reconciliation.
    pub fn refused(
        pipeline: &Pipeline,
        image: Option<Image>,
        reason: String,
        asked_by: AskedBy,
        again: Request,
    ) -> Self {
        let what = image
            .as_ref()
            .map_or_else(|| pipeline.repository.to_string(), ToString::to_string);
        let summary = format!(
            "{what} cannot be deployed to {}; no deployment was created",
            pipeline.place()
        );
        let mut outcome = Self::new(Event::Refused, pipeline, image, None, summary);
        outcome.reason = Some(reason);
        let (next, purpose) = match asked_by {
            AskedBy::Event => (
                "correct the cause; it is tried again within the hour, or at once by the command",
                "to request it at once",
            ),
            AskedBy::Person | AskedBy::PersonForThisImage | AskedBy::Rollback => (
                "correct the cause, and request it again by the command, because a request is not remembered",
                "to request it again",
            ),
        };
        outcome.next = Some(next.to_owned());
        outcome.commands.push(Command::Request {
            purpose,
            request: again,
        });
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

    /// The pipeline's parameter could not be written. It names no image: what becomes of the one that was ordered does not depend on it.
    pub fn parameter_not_written(
        pipeline: &Pipeline,
        parameter: &ParameterName,
        reason: String,
    ) -> Self {
        let summary = format!(
            "the SSM parameter `{parameter}` could not be brought up to date; deployments do not wait for it, but an infrastructure \
             template that reads it may bring an older image back"
        );
        let mut outcome = Self::new(Event::ParameterNotWritten, pipeline, None, None, summary);
        outcome.reason = Some(reason);
        outcome.next = Some(
            "correct the cause; every reconciliation tries again, and the next one is within the hour".to_owned(),
        );
        outcome
    }
}

/// What a skip means for the image that was ordered.
fn verdict_of(skip: &Skip) -> Verdict {
    match skip {
        Skip::AlreadyRunning(_, Some(tasks)) if tasks.is_down() => Verdict::Failure,
        Skip::AlreadyRunning(..) => Verdict::Success,
        Skip::AlreadyInProgress(_) | Skip::Waiting(_) => Verdict::Pending,
        Skip::OlderThanRunning(_) | Skip::Superseded(_) => Verdict::Superseded,
        Skip::NoMatchingImage(_)
        | Skip::RunningUnknown(_)
        | Skip::FailedBefore(_)
        | Skip::RolledBackByHand(_)
        | Skip::MigrationUnknown(_)
        | Skip::NeverShipped(_)
        | Skip::ImageArchived(..) => Verdict::Failure,
    }
}
