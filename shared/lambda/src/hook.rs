//! A hook always answers: CodeDeploy waits an hour for one that does not.
//!
//! Whatever happens inside a hook (a wrong configuration, a denied call, a panic, time running out), CodeDeploy and ECS get
//! `Failed` in time, and the reason is logged and published. When in doubt: `Failed`, traffic stays where it is.

mod caller;
mod ecs;
mod guard;
mod publish;

use std::cell::{Cell, OnceCell};

use aws::CallFailed;
use rules::codedeploy::lifecycle::Stage;
use rules::codedeploy::{Creator, HookAnswer, HookReceipt, Known};
use rules::gate::{Gate, Verdict};
use rules::outcome::Outcome;
use serde_json::{Value, json};

use crate::{Deadline, Failure, Messenger, Start};

pub use caller::Caller;
pub use ecs::EcsHook;
pub(crate) use guard::words_of;
pub use guard::{Ran, checked};
pub use publish::outcome as gate_outcome;

/// One hook that waits for its answer.
#[derive(Debug, Clone, Copy)]
pub struct Hook<'a> {
    /// What it checks.
    pub gate: Gate,
    /// Who waits for the answer.
    pub caller: Caller<'a>,
    /// Publishes a failed gate.
    pub messenger: &'a Messenger,
    /// When Lambda ends the invocation.
    pub deadline: Deadline,
}

impl Hook<'_> {
    /// Whether the caller waits for this hook. A caller that does not yet is read again.
    ///
    /// # Errors
    /// How far the deployment is could not be read.
    pub async fn stage(&self) -> Result<Stage, CallFailed> {
        self.caller.stage(self.gate).await
    }

    /// Reads the deployment, lets `check` decide, and answers, even when any of it fails. While AWS throttles or cannot be
    /// reached, and there is time, `check` is called again, so it must be safe to repeat. It keeps `ran`, and sets it before it
    /// begins what the gate is about: a failure where nothing has begun changed nothing, and is told so.
    ///
    /// # Errors
    /// The answer itself was refused, or did not reach CodeDeploy before the time was over.
    pub async fn answer<T, F>(
        &self,
        start: &Start<T>,
        ran: &Cell<Ran>,
        check: impl Fn(Known) -> F,
    ) -> Result<Value, Failure>
    where
        F: Future<Output = Result<Verdict, Failure>>,
    {
        let known = OnceCell::new();
        let verdict = guard::checked(self.gate, self.deadline, ran, async || {
            self.find_out_and_check(start, &check, &known).await
        });
        let verdict = verdict.await.unwrap_or_else(|failed| failed);
        self.deliver(start, known.get(), &verdict).await
    }

    async fn find_out_and_check<T, F>(
        &self,
        start: &Start<T>,
        check: impl Fn(Known) -> F,
        known: &OnceCell<Known>,
    ) -> Result<Verdict, Failure>
    where
        F: Future<Output = Result<Verdict, Failure>>,
    {
        let started = start.as_ref().map_err(Failure::from)?;
        let deployment = self.caller.read_deployment().await?;
        // A call that comes late or twice must not begin work whose result nothing waits for.
        if deployment.status.has_ended() {
            return Ok(Verdict::TooLate(format!(
                "deployment `{}` has ended",
                deployment.id
            )));
        }
        if deployment.creator == Creator::Rollback {
            return Ok(Verdict::Succeeded(
                "a rollback migrates and checks nothing".to_owned(),
            ));
        }
        let (application, group) = (&deployment.application, &deployment.deployment_group);
        // Of several pipelines of a service the one that configures the gate: its containers migrate, and its people are told.
        let keeper = started.config.keeper(application, group, self.gate);
        let pipeline = keeper.cloned().ok_or_else(|| {
            Failure::Refused(format!(
                "no pipeline has the deployment group `{group}` of the application `{application}` \
                 (hint: add it to the configuration, or take the hooks out of that group's AppSpec)"
            ))
        })?;
        check(
            known
                .get_or_init(|| Known {
                    pipeline,
                    deployment,
                })
                .clone(),
        )
        .await
    }

    /// Answers, and publishes a failure, once: not when the caller had its answer already, or the deployment has ended.
    ///
    /// # Errors
    /// The answer was refused, or did not arrive before the time was over.
    pub async fn deliver<T>(
        &self,
        start: &Start<T>,
        known: Option<&Known>,
        verdict: &Verdict,
    ) -> Result<Value, Failure> {
        let settings = publish::settings_of(start);
        let receipt = match verdict {
            Verdict::Succeeded(_) => Some(self.put(HookAnswer::Succeeded).await?),
            Verdict::Failed { .. }
            | Verdict::KeptFromRunning { .. }
            | Verdict::NothingRan(_)
            | Verdict::TooLate(_) => Some(self.put(HookAnswer::Failed).await?),
            Verdict::Later(_) | Verdict::Ignored(_) => None,
        };
        let (answer, reason) = match verdict {
            Verdict::Succeeded(reason) => ("succeeded", reason),
            Verdict::Failed { reason, log: _ }
            | Verdict::KeptFromRunning { reason, log: _ }
            | Verdict::NothingRan(reason)
            | Verdict::TooLate(reason) => ("failed", reason),
            Verdict::Later(reason) => ("later", reason),
            Verdict::Ignored(reason) => ("ignored", reason),
        };
        let pipeline = known.map(|known| known.pipeline.name.as_str());
        let late = receipt == Some(HookReceipt::AlreadyCompleted)
            || matches!(verdict, Verdict::TooLate(_));
        tracing::info!(deployment_id = %self.caller.deployment(), pipeline, decision = answer, reason, late, "hook answered");
        if let (Some(outcome), Some(HookReceipt::Accepted), Some(settings)) =
            (self.outcome(known, verdict), receipt, settings)
        {
            self.messenger.try_publish(settings, &outcome).await;
        }
        Ok(
            json!({"deployment_id": self.caller.deployment(), "answer": answer, "reason": reason, "late": late}),
        )
    }

    async fn put(&self, answer: HookAnswer) -> Result<HookReceipt, CallFailed> {
        self.caller.put(answer, self.deadline).await
    }

    fn outcome(&self, known: Option<&Known>, verdict: &Verdict) -> Option<Outcome> {
        let subject = known.map(Known::subject);
        let about = known.map(|known| &known.pipeline).zip(subject.as_ref());
        publish::outcome(self.gate, about, self.caller.deployment(), verdict)
    }
}
