//! A hook of a deployment of ECS's own. ECS takes the answer from what the function returns, so a call that fails in any way returns
//! `FAILED` with its reason logged and published: ECS itself tells people no reason.

use std::cell::{Cell, OnceCell};
use std::time::Duration;

use aws::CallFailed;
use aws::ecs::Ecs;
use rules::ecs::ServiceDeployment;
use rules::events::EcsCall;
use rules::gate::{Gate, Verdict};
use rules::names::RevisionArn;
use rules::native::{self, Answer, GATE_TAG, GateMark, Known, Standing, Step};
use serde_json::Value;

use super::guard::{Ran, checked};
use super::publish;
use crate::{Deadline, Failure, Messenger, Start};

/// One hook for whose answer ECS waits.
#[derive(Debug, Clone, Copy)]
pub struct EcsHook<'a> {
    /// What it checks.
    pub gate: Gate,
    /// ECS's client.
    pub ecs: &'a Ecs,
    /// The call.
    pub call: &'a EcsCall,
    /// Publishes a failed gate.
    pub messenger: &'a Messenger,
    /// When Lambda ends the invocation.
    pub deadline: Deadline,
}

/// Between two reads of a deployment that is not described as far as the call says.
const PAUSE: Duration = Duration::from_secs(1);
/// How often it is read until it is: ECS calls a hook at the moment at which its record says so, or a little before.
const ATTEMPTS: u32 = 5;
/// What is left of the invocation's time for publishing.
const PUBLISHING: Duration = Duration::from_secs(15);
/// What publishing leaves of it for the answer.
const ANSWERING: Duration = Duration::from_secs(3);

impl EcsHook<'_> {
    /// The service deployment as ECS describes it now; none where it knows none.
    ///
    /// # Errors
    /// The call failed.
    pub async fn deployment(&self) -> Result<Option<ServiceDeployment>, CallFailed> {
        let arn = std::slice::from_ref(&self.call.deployment);
        let described = self.ecs.describe_service_deployments(arn).await?;
        Ok(described.into_iter().next())
    }

    /// Reads the deployment, lets `check` decide, and returns what ECS is answered, whatever fails. While AWS throttles or cannot
    /// be reached, and there is time, `check` is called again, so it must be safe to repeat. It keeps `ran`, as for CodeDeploy.
    pub async fn answer<T, F>(
        &self,
        start: &Start<T>,
        ran: &Cell<Ran>,
        check: impl Fn(Known) -> F,
    ) -> Value
    where
        F: Future<Output = Result<Step, Failure>>,
    {
        // Whatever else is wrong, a rollback must not wait for it.
        if let Some(reason) = native::goes_back(self.call) {
            return self.returned(&Answer::Succeeded, None, &reason);
        }
        let known = OnceCell::new();
        let step = checked(self.gate, self.deadline, ran, async || {
            self.find_out_and_check(start, &check, &known).await
        });
        let verdict = match step.await {
            Ok(Step::Running(progress)) => {
                let reason = progress.reason.clone();
                return self.returned(&Answer::InProgress(progress), known.get(), &reason);
            }
            Ok(Step::Decided(verdict)) | Err(verdict) => verdict,
        };
        let verdict = self.unless_ended(verdict, known.get()).await;
        let (answer, reason) = match &verdict {
            Verdict::Succeeded(reason) => (Answer::Succeeded, reason),
            Verdict::Failed { reason, log: _ }
            | Verdict::KeptFromRunning { reason, log: _ }
            | Verdict::NothingRan(reason)
            | Verdict::TooLate(reason)
            // Nothing is answered by another function here, so that neither of these passes.
            | Verdict::Later(reason)
            | Verdict::Ignored(reason) => (Answer::Failed, reason),
        };
        let told = tokio::time::timeout(
            self.deadline.left().saturating_sub(ANSWERING),
            self.tell(start, known.get(), &verdict),
        );
        if told.await.is_err() {
            tracing::error!("the failed gate was not published in time");
        }
        self.returned(&answer, known.get(), reason)
    }

    async fn find_out_and_check<T, F>(
        &self,
        start: &Start<T>,
        check: impl Fn(Known) -> F,
        known: &OnceCell<Known>,
    ) -> Result<Step, Failure>
    where
        F: Future<Output = Result<Step, Failure>>,
    {
        let decided = |verdict| Ok(Step::Decided(verdict));
        let (standing, deployment) = self.standing().await?;
        match standing {
            Standing::Waits => {}
            Standing::GoesBack(reason) => return decided(Verdict::Succeeded(reason)),
            Standing::Misplaced(reason) | Standing::NotYet(reason) => {
                return decided(Verdict::NothingRan(reason));
            }
            Standing::NoMore(reason) => return decided(Verdict::TooLate(reason)),
            Standing::Foreign(reason) => return decided(Verdict::Ignored(reason)),
        }
        let Some(deployment) = deployment else {
            return decided(Verdict::Ignored("ECS knows no such deployment".to_owned()));
        };
        let started = start.as_ref().map_err(Failure::from)?;
        let (cluster, service) = (
            self.call.deployment.cluster(),
            self.call.deployment.service(),
        );
        let keeper = started
            .config
            .keeper_of_service(cluster, service, self.gate);
        let pipeline = keeper.cloned().ok_or_else(|| {
            Failure::Refused(format!(
                "no pipeline deploys to the service `{cluster}/{service}` (hint: add it to the configuration, or take the hooks out \
                 of that service)"
            ))
        })?;
        let service = self
            .ecs
            .describe_service(&pipeline.cluster, &pipeline.service);
        let service = service.await?;
        let target = self
            .ecs
            .describe_service_revisions(std::slice::from_ref(&self.call.target));
        let target = target.await?.into_iter().next().ok_or_else(|| {
            Failure::Refused(format!(
                "ECS knows no service revision `{}`",
                self.call.target.digits()
            ))
        })?;
        let definition = self
            .ecs
            .describe_task_definition(target.revision.as_str())
            .await?;
        let found = known.get_or_init(|| Known {
            pipeline,
            deployment,
            service,
            target,
            definition,
        });
        check(found.clone()).await
    }

    /// How the call stands to the deployment. One that does not wait yet is read again.
    async fn standing(&self) -> Result<(Standing, Option<ServiceDeployment>), CallFailed> {
        let mut attempt = 1;
        loop {
            let deployment = self.deployment().await?;
            let standing = native::standing(self.call, self.gate, deployment.as_ref());
            if attempt == ATTEMPTS || !matches!(standing, Standing::NotYet(_)) {
                return Ok((standing, deployment));
            }
            attempt += 1;
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// The verdict where the deployment has ended or gone back meanwhile, which people are told elsewhere: a check of minutes fails
    /// then, and says nothing of green. ECS takes no answer back, so it has to be read.
    async fn unless_ended(&self, verdict: Verdict, known: Option<&Known>) -> Verdict {
        let reason = match &verdict {
            Verdict::Failed { reason, log: _ }
            | Verdict::KeptFromRunning { reason, log: _ }
            | Verdict::NothingRan(reason)
                if known.is_some() =>
            {
                reason
            }
            Verdict::Failed { .. }
            | Verdict::KeptFromRunning { .. }
            | Verdict::NothingRan(_)
            | Verdict::Succeeded(_)
            | Verdict::TooLate(_)
            | Verdict::Later(_)
            | Verdict::Ignored(_) => return verdict,
        };
        let left = self.deadline.left().saturating_sub(PUBLISHING);
        let Ok(Ok(deployment)) = tokio::time::timeout(left, self.deployment()).await else {
            return verdict;
        };
        match native::standing(self.call, self.gate, deployment.as_ref()) {
            Standing::GoesBack(why) => {
                Verdict::Succeeded(format!("{why}; the gate had failed: {reason}"))
            }
            Standing::NoMore(_) => verdict.after_the_end(),
            Standing::Waits
            | Standing::Misplaced(_)
            | Standing::NotYet(_)
            | Standing::Foreign(_) => verdict,
        }
    }

    /// Publishes a failure, and writes it on the revision, where `report-outcome` finds the reason that ECS does not tell.
    async fn tell<T>(&self, start: &Start<T>, known: Option<&Known>, verdict: &Verdict) {
        let subject = known.map(Known::subject);
        let about = known.map(|known| &known.pipeline).zip(subject.as_ref());
        let id = self.call.deployment.id();
        let Some(outcome) = publish::outcome(self.gate, about, &id, verdict) else {
            return;
        };
        if let Some(known) = known {
            let reason = outcome.reason.as_deref().unwrap_or_default();
            let mark = GateMark::new(self.gate, id, reason);
            self.mark(&known.target.revision, &mark).await;
        }
        if let Some(settings) = publish::settings_of(start) {
            self.messenger.try_publish(settings, &outcome).await;
        }
    }

    /// The mark is there to help: that it cannot be written changes nothing.
    async fn mark(&self, revision: &RevisionArn, mark: &GateMark) {
        let value = mark.to_string();
        let written = self.ecs.tag_task_definition(revision, GATE_TAG, &value);
        if let Err(failed) = written.await {
            tracing::warn!(error = %failed, "the reason was not written on the revision");
        }
    }

    fn returned(&self, answer: &Answer, known: Option<&Known>, reason: &str) -> Value {
        let pipeline = known.map(|known| known.pipeline.name.as_str());
        let (deployment, stage) = (self.call.deployment.id(), self.call.stage.as_str());
        let decision = answer.word();
        tracing::info!(deployment_id = %deployment, stage, pipeline, decision, reason, "hook answered");
        answer.to_json()
    }
}
