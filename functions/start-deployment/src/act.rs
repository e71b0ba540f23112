//! Does what was decided, and reports it.

use std::time::Duration;

use aws::codedeploy::CreateDeployment;
use aws::{CallFailed, Kind};
use lambda::{Failure, Started};
use rules::app_spec::{self, TestListener};
use rules::config::RevisionFrom;
use rules::environment::HookFunctions;
use rules::look::Look;
use rules::migration;
use rules::names::{DeploymentId, Image, RevisionArn};
use rules::outcome::Outcome;
use rules::revision::{self, Matching};
use rules::start::{self, Decision, Skip};
use serde_json::{Value, json};

use crate::handler::Handler;
use crate::observe::{Seen, misfit};

/// How long ECS takes to let through one more RegisterTaskDefinition (ECS API Reference, request throttling).
const REFILL: Duration = Duration::from_secs(1);

/// What became of one pipeline.
pub(crate) struct Report {
    pipeline: String,
    pub(crate) decision: &'static str,
    reason: String,
    image: Option<Image>,
    revision: Option<RevisionArn>,
    deployment: Option<DeploymentId>,
    changes: Vec<String>,
}

impl Report {
    fn of(look: &Look<'_>, seen: &Seen, decision: &Decision) -> Self {
        let image = seen
            .observed
            .candidate
            .as_ref()
            .map(|candidate| candidate.image.clone());
        let deployment = match decision {
            Decision::Start(_) => None,
            Decision::EndWait(id) | Decision::Stop(id) => Some(id),
            Decision::Skip(skip) => deployment_of(skip),
        };
        let pipeline = look.pipeline.name.to_string();
        Self {
            pipeline,
            decision: decision.code(),
            reason: decision.reason(look.asked_by),
            image,
            revision: None,
            deployment: deployment.cloned(),
            changes: Vec::new(),
        }
    }

    pub(crate) fn log(&self) {
        let Self {
            pipeline,
            decision,
            reason,
            ..
        } = self;
        let image = self.image.as_ref().map(ToString::to_string);
        let digest = self.image.as_ref().map(|image| image.digest.as_str());
        let deployment = self.deployment.as_ref().map(DeploymentId::as_str);
        let revision = self.revision.as_ref().map(RevisionArn::as_str);
        tracing::info!(
            pipeline,
            decision,
            reason,
            image,
            image_digest = digest,
            revision,
            deployment_id = deployment,
            "pipeline looked at"
        );
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({
            "pipeline": self.pipeline,
            "decision": self.decision,
            "reason": self.reason,
            "image": self.image,
            "revision": self.revision,
            "deployment_id": self.deployment,
            "changes": self.changes,
        })
    }
}

fn deployment_of(skip: &Skip) -> Option<&DeploymentId> {
    match skip {
        Skip::AlreadyInProgress(id)
        | Skip::FailedBefore(id)
        | Skip::SetAside(id)
        | Skip::Waiting(id) => Some(id),
        Skip::NoMatchingImage(_) | Skip::AlreadyRunning(_) | Skip::OlderThanRunning(_) => None,
    }
}

/// The next revision.
struct Next {
    request: Value,
    /// What its migration runs, for people.
    migration: Option<String>,
}

impl Next {
    /// A migration that would not do what it says starts nothing: nothing is registered for it.
    fn of(look: &Look<'_>, request: Value, matching: &Matching) -> Result<Self, Failure> {
        let migration = look.pipeline.migration.as_ref();
        let runs = migration.map(|migration| migration::check(migration, &request, matching));
        let runs = runs
            .transpose()
            .map_err(|unfit| Failure::Refused(unfit.to_string()))?;
        Ok(Self {
            request,
            migration: runs.map(|runs| runs.to_string()),
        })
    }
}

impl Handler {
    pub(crate) async fn act(
        &self,
        started: &Started<HookFunctions>,
        look: &Look<'_>,
        seen: Seen,
        decision: Decision,
    ) -> Result<Report, Failure> {
        let report = Report::of(look, &seen, &decision);
        match &decision {
            Decision::Start(image) => self.start(started, look, seen, image, report).await,
            Decision::EndWait(id) => {
                unless_ended(self.codedeploy.continue_deployment(id).await)?;
                Ok(report)
            }
            Decision::Stop(id) => {
                unless_ended(self.codedeploy.stop_deployment(id).await)?;
                Ok(report)
            }
            Decision::Skip(skip) => {
                self.tell(started, look, &seen, skip).await;
                Ok(report)
            }
        }
    }

    /// What would be done, and what would change.
    pub(crate) async fn say(
        &self,
        look: &Look<'_>,
        seen: &Seen,
        decision: &Decision,
    ) -> Result<Report, Failure> {
        let mut report = Report::of(look, seen, decision);
        if let Decision::Start(image) = decision {
            let next = self.next(look, seen, image).await?;
            report.changes = revision::difference(&seen.production.definition, &next.request);
            report.changes.extend(next.migration);
        }
        report.reason = format!("dry run: {}", report.reason);
        Ok(report)
    }

    async fn start(
        &self,
        started: &Started<HookFunctions>,
        look: &Look<'_>,
        seen: Seen,
        image: &Image,
        mut report: Report,
    ) -> Result<Report, Failure> {
        let next = self.next(look, &seen, image).await?;
        let revision = self.registered(&seen, &next.request).await?;
        let test_listener = if seen.group.test_listener.is_some() {
            TestListener::Present
        } else {
            TestListener::Absent
        };
        let production = &seen.production;
        let app_spec = app_spec::render(
            &revision,
            &production.load_balancer,
            &production.placement,
            &started.own,
            test_listener,
        );
        let deployment = CreateDeployment {
            application: look.pipeline.application.clone(),
            deployment_group: look.pipeline.deployment_group.clone(),
            app_spec,
            deployment_config: look.pipeline.deployment_config.clone(),
            description: start::description(image),
        };
        match self.codedeploy.create_deployment(&deployment).await {
            Ok(id) => {
                report.revision = Some(revision);
                report.deployment = Some(id);
                Ok(report)
            }
            Err(failed) if matches!(failed.kind, Kind::LimitExceeded | Kind::Unavailable) => {
                self.look_again(started, look, seen, failed).await
            }
            Err(failed) => Err(failed.into()),
        }
    }

    /// CreateDeployment has no idempotency token. When another invocation was faster, or when nobody knows whether the
    /// call was heard, what AWS says now decides, not a second call.
    async fn look_again(
        &self,
        started: &Started<HookFunctions>,
        look: &Look<'_>,
        mut seen: Seen,
        failed: CallFailed,
    ) -> Result<Report, Failure> {
        seen.observed.active = self.active(look, seen.observed.candidate.as_ref()).await?;
        match start::decide(look.pipeline, &seen.observed) {
            Decision::Start(_) => Err(failed.into()),
            decision @ (Decision::EndWait(_) | Decision::Stop(_) | Decision::Skip(_)) => {
                Box::pin(self.act(started, look, seen, decision)).await
            }
        }
    }

    /// What would be registered, and what its migration would run.
    async fn next(&self, look: &Look<'_>, seen: &Seen, image: &Image) -> Result<Next, Failure> {
        let unusable = |unusable: revision::Unusable| misfit(unusable.into());
        let production = &seen.production;
        match look.pipeline.revision_from {
            RevisionFrom::Production => {
                let request = revision::next(&production.definition, &production.matching, image);
                Next::of(look, request.map_err(unusable)?, &production.matching)
            }
            RevisionFrom::Latest => {
                let latest = self
                    .ecs
                    .describe_task_definition(seen.observed.running.revision.family())
                    .await?;
                let matching = revision::matching(look.pipeline, &latest).map_err(unusable)?;
                let request = revision::next(&latest, &matching, image).map_err(unusable)?;
                Next::of(look, request, &matching)
            }
        }
    }

    /// The revision to deploy: the family's latest where it is already what would be registered, a new one otherwise.
    ///
    /// One pipeline at a time: two services may share a family, and ECS lets through one RegisterTaskDefinition a second
    /// once its burst is used up. So it is asked slowly, not side by side; the invocation's time ends the waiting.
    async fn registered(&self, seen: &Seen, next: &Value) -> Result<RevisionArn, Failure> {
        let _turn = self.registering.lock().await;
        let latest = match self
            .ecs
            .describe_task_definition(seen.observed.running.revision.family())
            .await
        {
            Ok(latest) => Some(latest).filter(|latest| revision::is_same(latest, next)),
            // The family has no ACTIVE revision: what runs was deregistered.
            Err(failed) if matches!(failed.kind, Kind::NotFound | Kind::Invalid) => None,
            Err(failed) => return Err(failed.into()),
        };
        if let Some(arn) = latest.as_ref().and_then(revision::arn) {
            return Ok(arn);
        }
        loop {
            match self.ecs.register_task_definition(next).await {
                Err(failed) if failed.kind == Kind::Throttled => tokio::time::sleep(REFILL).await,
                answer => return Ok(answer?),
            }
        }
    }

    /// People who pushed are told when their image has to wait.
    async fn tell(
        &self,
        started: &Started<HookFunctions>,
        look: &Look<'_>,
        seen: &Seen,
        skip: &Skip,
    ) {
        if let (Skip::Waiting(id), Some(candidate)) = (skip, &seen.observed.candidate)
            && look.tells_of_waiting(&seen.observed)
        {
            let outcome = Outcome::waiting(look.pipeline, &candidate.image, id, look.asked_by);
            self.messenger.tell(&started.settings, &outcome).await;
        }
    }
}

/// A deployment that ended in between needs neither to be continued nor to be stopped: its end is an event of its own.
fn unless_ended(result: Result<(), CallFailed>) -> Result<(), CallFailed> {
    result.or_else(|failed| {
        if failed.kind == Kind::Conflict {
            Ok(())
        } else {
            Err(failed)
        }
    })
}
