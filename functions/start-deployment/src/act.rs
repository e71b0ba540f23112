//! Does what was decided, and reports it.

use std::time::Duration;

use aws::codedeploy::CreateDeployment;
use aws::observe::Observation;
use aws::{CallFailed, Kind};
use lambda::{Failure, Started};
use rules::codedeploy;
use rules::codedeploy::app_spec::{self, MigrationGate, TestListener};
use rules::config::RevisionFrom;
use rules::environment::{Mode, Starting};
use rules::migration;
use rules::names::{DeploymentId, Image, RevisionArn};
use rules::outcome::Outcome;
use rules::reconcile::{Reconciliation, Search};
use rules::revision::{self, Marks, Matching};
use rules::start::{AskedBy, Decision, Skip};
use serde_json::{Value, json};

use crate::handler::Handler;

/// How long ECS takes to let through one more RegisterTaskDefinition (ECS API Reference, request throttling).
const REFILL: Duration = Duration::from_secs(1);

/// What became of acting on a decision.
pub(crate) enum Acted {
    /// It was done, or turned out to be needless.
    Done(Report),
    /// These deployments were created meanwhile: the decision has to be taken again.
    Overtaken(Vec<DeploymentId>),
}

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
    fn of(
        reconciliation: &Reconciliation<'_>,
        observation: &Observation,
        decision: &Decision,
    ) -> Self {
        let image = observation
            .observed
            .candidate
            .as_ref()
            .map(|candidate| candidate.image.clone());
        let deployment = match decision {
            Decision::Start(_) => None,
            Decision::EndWait(id) | Decision::Stop(id) => Some(id),
            Decision::Skip(skip) => skip.deployment(),
        };
        let pipeline = reconciliation.pipeline.name.to_string();
        Self {
            pipeline,
            decision: decision.code(),
            reason: decision.reason(reconciliation.asked_by),
            image,
            revision: None,
            deployment: deployment.cloned(),
            changes: Vec::new(),
        }
    }

    /// Nothing can be done for the pipeline, and trying again changes nothing.
    pub(crate) fn refused(reconciliation: &Reconciliation<'_>, failure: &Failure) -> Self {
        Self {
            pipeline: reconciliation.pipeline.name.to_string(),
            decision: "refused",
            reason: failure.to_string(),
            image: None,
            revision: None,
            deployment: None,
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
            "pipeline reconciled"
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

/// The next revision.
struct Next {
    request: Value,
    /// What its migration runs, for people.
    migration: Option<String>,
}

impl Next {
    /// A migration that would not do what is configured starts nothing: no revision is registered for it.
    fn of(
        reconciliation: &Reconciliation<'_>,
        request: Value,
        matching: &Matching,
    ) -> Result<Self, Failure> {
        // A rollback migrates nothing.
        let migrates = reconciliation.asked_by != AskedBy::Rollback;
        let migration = reconciliation
            .pipeline
            .migration
            .as_ref()
            .filter(|_| migrates);
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
    /// Does what was decided, as far as the stack's mode allows.
    pub(crate) async fn act(
        &self,
        started: &Started<Starting>,
        reconciliation: &Reconciliation<'_>,
        observation: Observation,
        decision: Decision,
    ) -> Result<Acted, Failure> {
        let report = Report::of(reconciliation, &observation, &decision);
        match (&decision, started.extra.mode) {
            (Decision::Skip(skip), _) => {
                self.publish_skip(started, reconciliation, &observation, skip)
                    .await;
                Ok(Acted::Done(report))
            }
            (Decision::Start(_) | Decision::EndWait(_) | Decision::Stop(_), Mode::Observe) => {
                self.only_publish(started, reconciliation, &observation, &decision)
                    .await
            }
            (Decision::Start(image), Mode::Deploy) => {
                self.start(started, reconciliation, observation, image, report)
                    .await
            }
            (Decision::EndWait(id), Mode::Deploy) => {
                unless_ended(self.codedeploy.continue_deployment(id).await)?;
                Ok(Acted::Done(report))
            }
            (Decision::Stop(id), Mode::Deploy) => {
                unless_ended(self.codedeploy.stop_deployment(id).await)?;
                Ok(Acted::Done(report))
            }
        }
    }

    /// What would be done, and what would change.
    pub(crate) async fn dry_run(
        &self,
        started: &Started<Starting>,
        reconciliation: &Reconciliation<'_>,
        observation: &Observation,
        decision: &Decision,
    ) -> Result<Report, Failure> {
        let mut report = Report::of(reconciliation, observation, decision);
        if let Decision::Start(image) = decision {
            let next = self
                .next(started, reconciliation, observation, image)
                .await?;
            report.changes =
                revision::difference(&observation.production.definition, &next.request);
            report.changes.extend(next.migration);
        }
        report.reason = format!("dry run: {}", report.reason);
        Ok(report)
    }

    /// Publishes what would be done for an order. The role could not do it either.
    async fn only_publish(
        &self,
        started: &Started<Starting>,
        reconciliation: &Reconciliation<'_>,
        observation: &Observation,
        decision: &Decision,
    ) -> Result<Acted, Failure> {
        let mut report = self
            .dry_run(started, reconciliation, observation, decision)
            .await?;
        let reason = decision.reason(reconciliation.asked_by);
        report.reason = format!("only observed: {reason}");
        if let (true, Some(candidate)) = (
            reconciliation.carries_an_order(),
            &observation.observed.candidate,
        ) {
            let outcome = Outcome::observed(reconciliation.pipeline, &candidate.image, &reason);
            self.messenger
                .try_publish(&started.settings, &outcome)
                .await;
        }
        Ok(Acted::Done(report))
    }

    async fn start(
        &self,
        started: &Started<Starting>,
        reconciliation: &Reconciliation<'_>,
        observation: Observation,
        image: &Image,
        mut report: Report,
    ) -> Result<Acted, Failure> {
        let next = self
            .next(started, reconciliation, &observation, image)
            .await?;
        let revision = self.registered(&observation, &next.request).await?;
        let pipeline = reconciliation.pipeline;
        let meanwhile = self.observer.created_meanwhile(pipeline, &observation);
        let meanwhile = meanwhile.await?;
        if !meanwhile.is_empty() {
            return Ok(Acted::Overtaken(meanwhile));
        }
        let deployment = create_deployment(started, reconciliation, &observation, image, &revision);
        match self.codedeploy.create_deployment(&deployment).await {
            Ok(id) => {
                report.revision = Some(revision);
                report.deployment = Some(id);
                Ok(Acted::Done(report))
            }
            Err(failed) if matches!(failed.kind, Kind::LimitExceeded | Kind::Unavailable) => {
                self.decide_again(started, reconciliation, observation, failed)
                    .await
            }
            Err(failed) => Err(failed.into()),
        }
    }

    /// CreateDeployment has no idempotency token. When another invocation was faster, or when it is not known whether
    /// the call arrived, the state that AWS has now decides, not a second call.
    async fn decide_again(
        &self,
        started: &Started<Starting>,
        reconciliation: &Reconciliation<'_>,
        mut observation: Observation,
        failed: CallFailed,
    ) -> Result<Acted, Failure> {
        let candidate = observation.observed.candidate.as_ref();
        let active = self.observer.active(reconciliation.pipeline, candidate);
        observation.observed.service.active = active.await?;
        // The rule compares the candidate with what the active deployment ships, too.
        observation.observed.compared = None;
        let decision = self.observer.decide(reconciliation, &mut observation);
        match decision.await? {
            Decision::Start(_) => Err(failed.into()),
            decision @ (Decision::EndWait(_) | Decision::Stop(_) | Decision::Skip(_)) => {
                Box::pin(self.act(started, reconciliation, observation, decision)).await
            }
        }
    }

    /// What would be registered, and what its migration would run.
    async fn next(
        &self,
        started: &Started<Starting>,
        reconciliation: &Reconciliation<'_>,
        observation: &Observation,
        image: &Image,
    ) -> Result<Next, Failure> {
        let marks = Marks {
            ordered_at: observation.ordered_at(),
            service: reconciliation.pipeline.place(),
            stack: started.settings.stack.clone(),
        };
        let unusable = |unusable: revision::Unusable| Failure::Refused(unusable.to_string());
        let production = &observation.production;
        let host = &reconciliation
            .pipeline
            .registry
            .host(&started.extra.registry);
        match reconciliation.pipeline.revision_from {
            RevisionFrom::Production => {
                let (definition, matching) = (&production.definition, &production.matching);
                let request = revision::next(definition, matching, image, host, &marks);
                Next::of(
                    reconciliation,
                    request.map_err(unusable)?,
                    &production.matching,
                )
            }
            RevisionFrom::Latest => {
                let latest = self
                    .ecs
                    .describe_task_definition(observation.observed.service.revision.family())
                    .await?;
                let matching =
                    revision::matching(reconciliation.pipeline, &latest).map_err(unusable)?;
                // The deployment names what is behind the load balancer now.
                revision::is_behind(&production.load_balancer, &latest).map_err(unusable)?;
                let request =
                    revision::next(&latest, &matching, image, host, &marks).map_err(unusable)?;
                Next::of(reconciliation, request, &matching)
            }
        }
    }

    /// The revision to deploy: the family's latest where it is already what would be registered, a new one otherwise.
    ///
    /// One pipeline at a time: two services may share a family, and ECS lets through one RegisterTaskDefinition a second
    /// once its burst is used up. So revisions are registered one after the other; the invocation's time ends the waiting.
    async fn registered(
        &self,
        observation: &Observation,
        next: &Value,
    ) -> Result<RevisionArn, Failure> {
        let _turn = self.registering.lock().await;
        let latest = match self
            .ecs
            .describe_task_definition(observation.observed.service.revision.family())
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

    /// Publishes why nothing is started for an order.
    async fn publish_skip(
        &self,
        started: &Started<Starting>,
        reconciliation: &Reconciliation<'_>,
        observation: &Observation,
        skip: &Skip,
    ) {
        if !reconciliation.publishes(&observation.observed, skip) {
            return;
        }
        let pipeline = reconciliation.pipeline;
        let candidate = observation.observed.candidate.as_ref();
        let is_forgotten = !reconciliation.remembers(&observation.observed);
        let image = candidate.map(|candidate| &candidate.image);
        let outcome = match (skip, image) {
            (Skip::Waiting(id), Some(image)) => {
                let digest = [("digest", image.digest.as_str())];
                let again = is_forgotten.then(|| started.settings.request(&pipeline.name, &digest));
                let asked_by = reconciliation.asked_by;
                Outcome::waiting(pipeline, image, id, asked_by, again.as_deref())
            }
            _ => Outcome::skipped(
                pipeline,
                image,
                skip,
                next_step(started, reconciliation, skip, image),
            ),
        };
        self.messenger
            .try_publish(&started.settings, &outcome)
            .await;
    }

    /// Publishes, once, that nothing can be done for an order. An error means that nothing was published.
    pub(crate) async fn publish_refused(
        &self,
        started: &Started<Starting>,
        reconciliation: &Reconciliation<'_>,
        failure: &Failure,
    ) -> Result<(), CallFailed> {
        let more = match &reconciliation.search {
            Search::Tag(tag) => vec![("tag", tag.as_str())],
            Search::Digest(digest) => vec![("digest", digest.as_str())],
            Search::All => Vec::new(),
        };
        let again = started
            .settings
            .request(&reconciliation.pipeline.name, &more);
        let image = reconciliation.ordered_image();
        let outcome = Outcome::refused(reconciliation.pipeline, image, failure.to_string(), &again);
        self.messenger.publish(&started.settings, &outcome).await
    }
}

/// What a person may do about an order for which nothing is started; none where nothing has to be done.
fn next_step(
    started: &Started<Starting>,
    reconciliation: &Reconciliation<'_>,
    skip: &Skip,
    image: Option<&Image>,
) -> Option<String> {
    let request = |more: &[(&str, &str)]| {
        started
            .settings
            .request(&reconciliation.pipeline.name, more)
    };
    let this_image = || image.map(|image| request(&[("digest", image.digest.as_str())]));
    match skip {
        Skip::OlderThanRunning(_) => {
            this_image().map(|command| format!("nothing, or to go back to it: {command}"))
        }
        Skip::NeverShipped(_) => {
            this_image().map(|command| format!("to deploy it with its gates: {command}"))
        }
        Skip::RunningUnknown(_) | Skip::FailedBefore(_) | Skip::RolledBackByHand(_) => {
            this_image().map(|command| format!("to deploy it all the same: {command}"))
        }
        Skip::NoMatchingImage(_)
        | Skip::AlreadyRunning(..)
        | Skip::AlreadyInProgress(_)
        | Skip::ImageArchived(..)
        | Skip::Waiting(_) => None,
    }
}

fn create_deployment(
    started: &Started<Starting>,
    reconciliation: &Reconciliation<'_>,
    observation: &Observation,
    image: &Image,
    revision: &RevisionArn,
) -> CreateDeployment {
    let test_listener = if observation.group.test_listener.is_some() {
        TestListener::Present
    } else {
        TestListener::Absent
    };
    // What shipped before ran its migration then; another one would take the database where it is already.
    let migration = match reconciliation.asked_by {
        AskedBy::Rollback => MigrationGate::LeftOut,
        AskedBy::Event | AskedBy::Person | AskedBy::PersonForThisImage => MigrationGate::Asked,
    };
    let production = &observation.production;
    let pipeline = reconciliation.pipeline;
    let hooks = app_spec::hooks(pipeline, &started.extra.hooks, migration, test_listener);
    let (load_balancer, placement) = (&production.load_balancer, &production.placement);
    let app_spec = app_spec::render(revision, load_balancer, placement, &hooks);
    let settings = &reconciliation.pipeline.codedeploy;
    CreateDeployment {
        application: settings.application.clone(),
        deployment_group: settings.deployment_group.clone(),
        app_spec,
        deployment_config: settings.deployment_config.clone(),
        description: codedeploy::description(image, observation.ordered_at()),
        rollback: settings.rollback,
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
