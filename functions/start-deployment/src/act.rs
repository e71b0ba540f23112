//! Does what was decided, and reports it.

use aws::codedeploy::CreateDeployment;
use aws::observe::{self, Observation};
use aws::{CallFailed, Kind};
use lambda::{Failure, Started};
use rules::codedeploy;
use rules::codedeploy::app_spec::{self, MigrationGate, TestListener};
use rules::config::RevisionFrom;
use rules::environment::{Mode, Starting};
use rules::migration;
use rules::names::{DeploymentId, Image, RevisionArn};
use rules::outcome::Outcome;
use rules::reconcile::Reconciliation;
use rules::revision::{self, Marks, Matching};
use rules::start::{self, AskedBy, Decision, Skip};
use serde_json::{Value, json};

use crate::handler::Handler;
use crate::register::Latest;

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
            reason: start::reason(decision, &observation.observed),
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
pub(crate) struct Next {
    pub(crate) request: Value,
    /// What its migration runs, for people.
    migration: Option<String>,
    /// The revision whose settings it has, and the family's latest then; only under `revision_from = "latest"`.
    pub(crate) latest: Option<Latest>,
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
            latest: None,
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
        let reason = start::reason(decision, &observation.observed);
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
        let Some(revision) = self.registered(&observation, &next).await? else {
            return Ok(Acted::Overtaken(Vec::new()));
        };
        let pipeline = reconciliation.pipeline;
        let meanwhile = self.observer.created_meanwhile(pipeline, &observation);
        let meanwhile = meanwhile.await?;
        if !meanwhile.is_empty() {
            return Ok(Acted::Overtaken(meanwhile));
        }
        let deployment = create_deployment(
            started,
            reconciliation,
            &observation,
            image,
            &revision,
            &next,
        );
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
        let mut marks = Marks {
            ordered_at: observation.ordered_at(),
            service: reconciliation.pipeline.place(),
            stack: started.settings.stack.clone(),
            previous: None,
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
                let latest = match &observation.latest {
                    Some(latest) => latest.clone(),
                    None => self.observer.latest(observation).await?,
                };
                let template = self.observer.described(&latest).await?;
                let matching = observe::usable(reconciliation.pipeline, observation, &template)
                    .map_err(|mismatch| Failure::Refused(mismatch.to_string()))?;
                marks.previous = Some(latest.seen.as_ref().unwrap_or(&latest.template).clone());
                let request =
                    revision::next(&template, &matching, image, host, &marks).map_err(unusable)?;
                Ok(Next {
                    latest: Some(Latest {
                        template: latest.template,
                        seen: latest.seen,
                    }),
                    ..Next::of(reconciliation, request, &matching)?
                })
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
                let again = is_forgotten.then(|| reconciliation.again(image));
                Outcome::waiting(pipeline, image, id, reconciliation.asked_by, again)
            }
            _ => Outcome::skipped(pipeline, image, skip, reconciliation.advice(skip, image)),
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
        let image = reconciliation.ordered_image();
        let (asked_by, again) = (reconciliation.asked_by, reconciliation.request());
        let reason = failure.to_string();
        let outcome = Outcome::refused(reconciliation.pipeline, image, reason, asked_by, again);
        self.messenger.publish(&started.settings, &outcome).await
    }
}

fn create_deployment(
    started: &Started<Starting>,
    reconciliation: &Reconciliation<'_>,
    observation: &Observation,
    image: &Image,
    revision: &RevisionArn,
    next: &Next,
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
    let latest = next.latest.as_ref();
    let brings = latest.map(|latest| observation.observed.brings(&latest.template));
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
        description: codedeploy::description(image, observation.ordered_at(), brings),
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
