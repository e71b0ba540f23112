//! A rolling update that its production gate did not let pass, or that nobody judged. That the service went back is told as any
//! rollback.

use super::reason::reason;
use super::{Ending, Event, Outcome, Subject};
use crate::config::Pipeline;
use crate::names::{DeploymentId, RevisionArn};
use crate::sanitize::line;

/// What production is left on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LeftOn {
    /// What failed: no earlier deployment of the service was successful.
    Only,
    /// What failed: the service should have gone back to this revision, and could not.
    Failed(RevisionArn),
    /// What this deployment deploys, which somebody else started.
    Newer(DeploymentId),
    /// Whatever is left of this deployment, which went back and did not succeed.
    WayBackFailed(DeploymentId),
}

impl Outcome {
    /// The production gate failed, and the service did not go back.
    pub(crate) fn judged_and_left(
        pipeline: &Pipeline,
        deployment: &Subject,
        left: &LeftOn,
        ending: Ending,
    ) -> Self {
        let place = pipeline.place();
        let (then, next) = match left {
            LeftOn::Only => (
                "nothing to go back to, because no earlier deployment of the service was successful: production stays on it"
                    .to_owned(),
                "correct the cause and push a new image",
            ),
            LeftOn::Failed(back) => (
                format!("going back to {} did not succeed within an hour: production stays on it", back.short()),
                "check the log of check-production for the reason, and go back by hand or push a corrected image",
            ),
            LeftOn::Newer(id) => (
                format!("deployment {id} took its place"),
                "nothing to do where that one is wanted; otherwise correct the cause and push a new image",
            ),
            LeftOn::WayBackFailed(id) => (
                format!("deployment {id}, which went back, did not succeed"),
                deployment.engine.check_production(),
            ),
        };
        let summary =
            format!("{deployment} to {place} did not pass the production traffic check; {then}");
        let mut outcome = Self::about(Event::Failed, pipeline, deployment, summary);
        outcome.reason = Some(reason(pipeline, deployment, &ending));
        outcome.next = Some(next.to_owned());
        outcome.request_again(pipeline, ending.way);
        outcome.ending(ending)
    }

    /// Its production gate failed in an earlier deployment, and somebody deployed it again: what is deployed again is not judged.
    pub(crate) fn shipped_again(
        pipeline: &Pipeline,
        deployment: &Subject,
        why: &str,
        ending: Ending,
    ) -> Self {
        let mut outcome = Self::shipped_unverified(pipeline, deployment, ending);
        outcome.reason = Some(format!(
            "the production traffic gate failed in an earlier deployment of this revision, and does not judge it again: {}",
            line(why)
        ));
        outcome.next = Some(
            "nothing to do where it was deployed again on purpose; otherwise correct the cause and push a new image".to_owned(),
        );
        outcome
    }

    /// Nobody judged it: another deployment took its place before, or the check did not run within an hour.
    pub(crate) fn not_judged(
        pipeline: &Pipeline,
        deployment: &Subject,
        by: Option<&DeploymentId>,
        ending: Ending,
    ) -> Self {
        let Some(by) = by else {
            let mut outcome = Self::shipped_unverified(pipeline, deployment, ending);
            outcome.reason =
                Some("the production traffic check did not run within an hour".to_owned());
            outcome.next =
                Some("check production, and the log of check-production for the reason".to_owned());
            return outcome;
        };
        let summary = format!(
            "{} to {} was stopped before its production traffic check: deployment {by} took its place",
            deployment.deployment(),
            pipeline.place()
        );
        Self {
            summary,
            ..Self::superseded(pipeline, deployment, by, ending)
        }
    }
}
