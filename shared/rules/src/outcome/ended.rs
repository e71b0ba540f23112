//! A deployment that has ended.

use super::reason::{reason, was_perhaps_replaced};
use super::{Command, Ending, Event, Outcome, Subject, TestListener, Verdict};
use crate::config::Pipeline;
use crate::events::Way;
use crate::names::{DeploymentId, RevisionArn};
use crate::observed::TaskCount;

impl Outcome {
    /// Production runs the image, or would if any task were wanted.
    pub fn shipped(
        pipeline: &Pipeline,
        deployment: &Subject,
        running: TaskCount,
        ending: Ending,
    ) -> Self {
        let place = pipeline.place();
        let summary = match running {
            TaskCount { desired: 0, .. } => format!(
                "{deployment} is shipped to {place}; nothing was checked: the service's desired count is 0"
            ),
            running => format!("{place} runs {deployment} ({running})"),
        };
        Self::ended_well(pipeline, deployment, summary, ending)
    }

    fn ended_well(
        pipeline: &Pipeline,
        deployment: &Subject,
        summary: String,
        ending: Ending,
    ) -> Self {
        Self::about(Event::Shipped, pipeline, deployment, summary).ending(ending)
    }

    /// Production ran the image, and a later deployment replaced it before this outcome was reported.
    pub fn replaced_since(
        pipeline: &Pipeline,
        deployment: &Subject,
        by: &DeploymentId,
        ending: Ending,
    ) -> Self {
        let summary = format!(
            "{deployment} was shipped to {}; deployment {by} has replaced it since",
            pipeline.place()
        );
        Self::ended_well(pipeline, deployment, summary, ending)
    }

    /// The engine reports success, and what production runs could not be found out.
    pub fn shipped_unverified(pipeline: &Pipeline, deployment: &Subject, ending: Ending) -> Self {
        let summary = format!(
            "{} reports success for {deployment} to {}; whether production runs it could not be checked",
            deployment.engine,
            pipeline.place()
        );
        Self {
            verdict: Verdict::Pending,
            ..Self::ended_well(pipeline, deployment, summary, ending)
        }
    }

    /// The engine reports success, and production runs something else: that is not a success.
    pub fn not_running(
        pipeline: &Pipeline,
        deployment: &Subject,
        runs: &RevisionArn,
        ending: Ending,
    ) -> Self {
        let summary = format!(
            "{} reports success for {deployment}, but {} is on another revision",
            deployment.engine,
            pipeline.place()
        );
        let mut outcome = Self::about(Event::Failed, pipeline, deployment, summary).ending(ending);
        outcome.reason = Some(deployment.engine.what_serves(runs));
        outcome.next = Some(deployment.engine.check_who_changed().to_owned());
        outcome
    }

    /// A deployment ended badly, or was stopped.
    pub fn ended_badly(
        event: Event,
        pipeline: &Pipeline,
        deployment: &Subject,
        ending: Ending,
    ) -> Self {
        let verb = verb(event);
        let after = match &deployment.rolled_back_by {
            Some(rollback) => format!("deployment {rollback} rolls it back"),
            None => deployment.engine.not_rolled_back(),
        };
        let summary = format!(
            "{} to {} {verb}; {after}",
            deployment.deployment(),
            pipeline.place()
        );
        let mut outcome = Self::about(event, pipeline, deployment, summary);
        outcome.reason = Some(reason(pipeline, deployment, &ending));
        let correct = outcome.correct(pipeline, deployment, ending.way);
        outcome.next = Some(
            match (&deployment.rolled_back_by, &ending.test_listener_left) {
                (Some(_), _) => format!("wait for the rollback's message; {correct}"),
                (None, None) => format!("{}; {correct}", deployment.engine.check_what_is_left()),
                (None, Some(TestListener::PerhapsElsewhere)) => {
                    let engine = deployment.engine;
                    let (check, listener) =
                        (engine.check_what_is_left(), engine.check_test_listener());
                    format!("{check}; {listener}; {correct}")
                }
                (
                    None,
                    Some(TestListener::LeftOnGreen {
                        listener,
                        target_group,
                    }),
                ) => {
                    let restore = Command::RestoreTestListener {
                        listener: listener.clone(),
                        target_group: target_group.clone(),
                    };
                    outcome.commands.insert(0, restore);
                    let engine = deployment.engine;
                    let (check, restore) =
                        (engine.check_what_is_left(), engine.restore_test_listener());
                    format!("{check}; {restore}; {correct}")
                }
            },
        );
        outcome.ending(ending)
    }

    /// Production is back on what it ran before.
    pub fn rolled_back(
        pipeline: &Pipeline,
        failed: &Subject,
        rollback: &Subject,
        running: TaskCount,
        ending: Ending,
    ) -> Self {
        let revision = ending.revision.as_ref().map(RevisionArn::short);
        let then = match (running, revision) {
            (TaskCount { desired: 0, .. }, _) => {
                "; nothing was checked: the service's desired count is 0".to_owned()
            }
            (running, Some(revision)) => format!(" and runs {revision} ({running})"),
            (running, None) => format!(" ({running} run)"),
        };
        let summary = format!("{} is rolled back from {failed}{then}", pipeline.place(),);
        let mut outcome = Self {
            image: failed.image.clone(),
            ..Self::about(Event::RolledBack, pipeline, rollback, summary)
        };
        outcome.reason = Some(reason(pipeline, failed, &ending));
        let correct = outcome.correct(pipeline, failed, ending.way);
        outcome.next = Some(format!("{correct}; this one is not tried again by itself"));
        outcome.ending(ending)
    }

    /// What to do about the image of a deployment that did not succeed.
    fn correct(&mut self, pipeline: &Pipeline, failed: &Subject, way: Option<Way>) -> &'static str {
        if was_perhaps_replaced(pipeline, failed) {
            self.verdict = Verdict::Superseded;
            return "nothing to correct where a newer image follows";
        }
        self.request_again(pipeline, way);
        match (&failed.image, failed.settings) {
            (Some(_), None) => "correct the cause and push a new image, or request this one again",
            (Some(_), Some(_)) => {
                "correct the settings and register another revision, or request this image again"
            }
            (None, _) => "correct the cause and deploy again",
        }
    }

    /// A rollback that did not end well: a person has to check production.
    pub fn rollback_failed(
        event: Event,
        pipeline: &Pipeline,
        rollback: &Subject,
        ending: Ending,
    ) -> Self {
        let of = rollback
            .rolls_back
            .as_ref()
            .map(|id| format!(" of deployment {id}"))
            .unwrap_or_default();
        let summary = format!("the rollback{of} of {} {}", pipeline.place(), verb(event));
        let mut outcome = Self {
            image: None,
            ..Self::about(event, pipeline, rollback, summary)
        };
        outcome.reason = Some(reason(pipeline, rollback, &ending));
        outcome.next = Some(rollback.engine.check_production().to_owned());
        outcome.ending(ending)
    }
}

fn verb(event: Event) -> &'static str {
    if event == Event::Stopped {
        "was stopped"
    } else {
        "failed"
    }
}
