//! What only deployments of ECS's own come to.

use super::reason::reason;
use super::{Command, Continue, Ending, Event, Outcome, Subject, Verdict};
use crate::config::Pipeline;
use crate::events::Pause;
use crate::names::DeploymentId;
use crate::observed::TaskCount;

impl Outcome {
    /// Adds how the deployment goes: ECS's strategies differ in who answers meanwhile.
    pub(crate) fn of_service(mut self, how: &str) -> Self {
        self.summary = format!("{}; {how}", self.summary);
        self
    }

    /// A deployment waits for a person at a pause hook of the service.
    pub(crate) fn paused(pipeline: &Pipeline, deployment: &Subject, pause: &Pause) -> Self {
        let stage = pause.stage.as_ref();
        let at = stage.map(|stage| format!(" at `{}`", stage.as_str()));
        let summary = format!(
            "{deployment} to {} waits{} for a person to continue it",
            pipeline.place(),
            at.unwrap_or_default()
        );
        let mut outcome = Self::about(Event::Ready, pipeline, deployment, summary);
        let until = pause.expires_at.map(|at| {
            let (day, hour, minute) = (at.date(), at.hour(), at.minute());
            format!(" before {day} {hour:02}:{minute:02} UTC")
        });
        outcome.next = Some(format!(
            "continue the deployment or let it roll back{}; then ECS does what the pause hook is configured to do",
            until.unwrap_or_default()
        ));
        let (deployment, hook) = (&pause.deployment, &pause.hook);
        outcome.commands = [Continue::On, Continue::Back]
            .map(|way| Command::Continue {
                deployment: deployment.clone(),
                hook: hook.clone(),
                way,
            })
            .to_vec();
        outcome
    }

    /// The deployment by which the service itself came to be. Greenlight starts none of a service that is not there.
    pub(crate) fn service_created(
        pipeline: &Pipeline,
        deployment: &Subject,
        running: TaskCount,
        ending: Ending,
    ) -> Self {
        let place = pipeline.place();
        let revision = ending.revision.as_ref();
        let runs = revision.map_or("", |revision| revision.short());
        let then = match running.desired {
            0 => "nothing was checked: its desired count is 0".to_owned(),
            _ => format!("it runs {runs} ({running})"),
        };
        let summary = format!(
            "the service {place} was created with {runs}, by deployment {}; {then}",
            deployment.id
        );
        Self::about(Event::Shipped, pipeline, deployment, summary).ending(ending)
    }

    /// A rolling update that neither a circuit breaker nor alarms would roll back has not ended within its time. Nothing is stopped: what
    /// serves goes on, as far as it still has tasks.
    pub(crate) fn overdue(
        pipeline: &Pipeline,
        deployment: &Subject,
        minutes: i64,
        ending: Ending,
    ) -> Self {
        let summary = format!(
            "{} to {} has not ended after {minutes} minutes; neither a circuit breaker nor alarms roll it back, so ECS goes on trying",
            deployment.deployment(),
            pipeline.place()
        );
        let mut outcome = Self::about(Event::Overdue, pipeline, deployment, summary);
        outcome.reason = Some(reason(pipeline, deployment, &ending));
        outcome.next = Some(
            "correct the cause and push a new image, which replaces this deployment under `when_busy = \"replace\"` and waits for it \
             otherwise; or go back now, with `aws ecs update-service` and the previous revision"
                .to_owned(),
        );
        outcome.ending(ending)
    }

    /// ECS reports success, and production traffic may go elsewhere.
    pub(crate) fn shipped_elsewhere(
        pipeline: &Pipeline,
        deployment: &Subject,
        why: String,
        ending: Ending,
    ) -> Self {
        let mut outcome = Self::shipped_unverified(pipeline, deployment, ending);
        outcome.reason = Some(why);
        outcome.next = Some(
            "check the production listener rule now: whatever wrote it during the deployment (infrastructure code, a person) may have \
             sent traffic to tasks that are being stopped; let it ignore changes of the rule's action"
                .to_owned(),
        );
        outcome
    }

    /// A newer deployment took its place before it had ended.
    pub(crate) fn superseded(
        pipeline: &Pipeline,
        deployment: &Subject,
        by: &DeploymentId,
        ending: Ending,
    ) -> Self {
        let summary = format!(
            "{} to {} was stopped: deployment {by} took its place",
            deployment.deployment(),
            pipeline.place()
        );
        let mut outcome = Self::about(Event::Stopped, pipeline, deployment, summary);
        outcome.verdict = Verdict::Superseded;
        outcome.ending(ending)
    }

    /// A rollback of ECS's own, which is the same deployment, did not end well: a person has to check production.
    pub(crate) fn went_back_badly(
        pipeline: &Pipeline,
        deployment: &Subject,
        ending: Ending,
    ) -> Self {
        let summary = format!(
            "{} to {} failed, and so did its rollback",
            deployment.deployment(),
            pipeline.place()
        );
        let mut outcome = Self::about(Event::Failed, pipeline, deployment, summary);
        outcome.reason = Some(reason(pipeline, deployment, &ending));
        outcome.next = Some(deployment.engine.check_production().to_owned());
        outcome.ending(ending)
    }
}
