//! Does what was decided, and reports it.

use std::time::Duration;

use aws::codedeploy::CreateDeployment;
use aws::observe::{Member, Observation};
use aws::{CallFailed, Kind};
use lambda::{Failure, Started};
use rules::codedeploy;
use rules::codedeploy::app_spec::{self, MigrationGate, TestListener};
use rules::config::RevisionFrom;
use rules::environment::{Mode, Starting};
use rules::names::{DeploymentId, Image, RevisionArn};
use rules::outcome::Outcome;
use rules::reconcile::{Reconciliation, Search};
use rules::revision::{self, Marks};
use rules::start::{AskedBy, Decision, Skip};
use serde_json::Value;

use crate::handler::Handler;
use crate::report::Report;
use crate::together::{self, Due, Next, due};

/// How long ECS takes to let through one more RegisterTaskDefinition (ECS API Reference, request throttling).
const REFILL: Duration = Duration::from_secs(1);

/// What became of acting on a decision.
pub(crate) enum Acted {
    /// It was done, or turned out to be needless; in the order of the pipelines.
    Done(Vec<Report>),
    /// These deployments were created meanwhile: the decision has to be taken again.
    Overtaken(Vec<DeploymentId>),
}

/// What became of creating a deployment.
enum Begun {
    Created(RevisionArn, DeploymentId),
    /// These deployments were created meanwhile.
    Overtaken(Vec<DeploymentId>),
    /// Another invocation was faster, or it is not known whether the call arrived.
    Unclear(CallFailed),
}

impl Handler {
    /// Does what was decided for the pipelines of one service, as far as the stack's mode allows: what is due goes into one
    /// deployment, and another one is ended or stopped once.
    pub(crate) async fn act(
        &self,
        started: &Started<Starting>,
        members: Vec<Member<'_>>,
        decisions: Vec<Decision>,
    ) -> Result<Acted, Failure> {
        match started.extra.mode {
            Mode::Observe => return self.only_publish(started, &members, &decisions).await,
            Mode::Deploy => {}
        }
        let due = due(&members, &decisions);
        let created = match due.is_empty() {
            true => None,
            false => match self.start(started, &members, &due).await? {
                Begun::Created(revision, id) => Some((revision, id)),
                Begun::Overtaken(meanwhile) => return Ok(Acted::Overtaken(meanwhile)),
                Begun::Unclear(failed) => return self.decide_again(started, members, failed).await,
            },
        };
        let starts = |member: &Member<'_>| {
            let mut due = due.iter();
            due.any(|due| std::ptr::eq(due.member, member))
        };
        let mut is_ended = false;
        let mut reports = Vec::new();
        for (member, decision) in members.iter().zip(&decisions) {
            let decision = match (decision, &created) {
                // What is due and does not go with the others is next.
                (Decision::Start(_), Some((_, id))) if !starts(member) => {
                    &Decision::Skip(Skip::Waiting(id.clone()))
                }
                (decision, _) => decision,
            };
            let mut report = Report::of(member, decision);
            match decision {
                Decision::Skip(skip) => self.publish_skip(started, member, skip).await,
                Decision::Start(_) => {
                    (report.revision, report.deployment) = created.clone().unzip();
                }
                Decision::EndWait(id) if !is_ended => {
                    unless_ended(self.codedeploy.continue_deployment(id).await)?;
                    is_ended = true;
                }
                Decision::Stop(id) if !is_ended => {
                    unless_ended(self.codedeploy.stop_deployment(id).await)?;
                    is_ended = true;
                }
                Decision::EndWait(_) | Decision::Stop(_) => {}
            }
            reports.push(report);
        }
        Ok(Acted::Done(reports))
    }

    /// What would be done, and what would change.
    pub(crate) async fn dry_run(
        &self,
        started: &Started<Starting>,
        members: &[Member<'_>],
        decisions: &[Decision],
    ) -> Result<Vec<Report>, Failure> {
        let changes = self.changes(started, members, decisions).await?;
        let reports = members.iter().zip(decisions).map(|(member, decision)| {
            let mut report = Report::of(member, decision);
            if let Decision::Start(_) = decision {
                report.changes.clone_from(&changes);
            }
            report.reason = format!("dry run: {}", report.reason);
            report
        });
        Ok(reports.collect())
    }

    /// What the next deployment would change.
    async fn changes(
        &self,
        started: &Started<Starting>,
        members: &[Member<'_>],
        decisions: &[Decision],
    ) -> Result<Vec<String>, Failure> {
        let due = due(members, decisions);
        let Some(first) = due.first() else {
            return Ok(Vec::new());
        };
        let next = self.next(started, members, &due).await?;
        let production = &first.member.observation.production;
        let mut changes = revision::difference(&production.definition, &next.request);
        changes.extend(next.migration);
        Ok(changes)
    }

    /// Publishes what would be done for an order. The role could not do it either.
    async fn only_publish(
        &self,
        started: &Started<Starting>,
        members: &[Member<'_>],
        decisions: &[Decision],
    ) -> Result<Acted, Failure> {
        let mut reports = self.dry_run(started, members, decisions).await?;
        let decided = members.iter().zip(decisions);
        for (report, (member, decision)) in reports.iter_mut().zip(decided) {
            let reconciliation = member.reconciliation;
            let reason = decision.reason(reconciliation.asked_by);
            if let Decision::Skip(skip) = decision {
                report.reason = reason;
                self.publish_skip(started, member, skip).await;
                continue;
            }
            report.reason = format!("only observed: {reason}");
            if let (true, Some(candidate)) = (
                reconciliation.carries_an_order(),
                &member.observation.observed.candidate,
            ) {
                let outcome = Outcome::observed(reconciliation.pipeline, &candidate.image, &reason);
                self.messenger
                    .try_publish(&started.settings, &outcome)
                    .await;
            }
        }
        Ok(Acted::Done(reports))
    }

    async fn start(
        &self,
        started: &Started<Starting>,
        members: &[Member<'_>],
        due: &[Due<'_>],
    ) -> Result<Begun, Failure> {
        let next = self.next(started, members, due).await?;
        let observation = &due[0].member.observation;
        let revision = self.registered(observation, &next.request).await?;
        let meanwhile = self.observer.created_meanwhile(members).await?;
        if !meanwhile.is_empty() {
            return Ok(Begun::Overtaken(meanwhile));
        }
        let deployment = create_deployment(started, due, &revision);
        match self.codedeploy.create_deployment(&deployment).await {
            Ok(id) => Ok(Begun::Created(revision, id)),
            Err(failed) if matches!(failed.kind, Kind::LimitExceeded | Kind::Unavailable) => {
                Ok(Begun::Unclear(failed))
            }
            Err(failed) => Err(failed.into()),
        }
    }

    /// CreateDeployment has no idempotency token. When another invocation was faster, or when it is not known whether
    /// the call arrived, the state that AWS has now decides, not a second call.
    async fn decide_again(
        &self,
        started: &Started<Starting>,
        mut members: Vec<Member<'_>>,
        failed: CallFailed,
    ) -> Result<Acted, Failure> {
        self.observer.observe_active(&mut members).await?;
        let decisions = self.observer.decide(&mut members).await?;
        let is_start = |decision: &Decision| matches!(decision, Decision::Start(_));
        if decisions.iter().any(is_start) {
            return Err(failed.into());
        }
        Box::pin(self.act(started, members, decisions)).await
    }

    /// What would be registered, and what its migration would run.
    async fn next(
        &self,
        started: &Started<Starting>,
        members: &[Member<'_>],
        due: &[Due<'_>],
    ) -> Result<Next, Failure> {
        let Due { member, image } = due[0];
        let (reconciliation, observation) = (member.reconciliation, &member.observation);
        let pipeline = reconciliation.pipeline;
        let marks = Marks {
            ordered_at: observation.ordered_at(),
            service: pipeline.place(),
            stack: started.settings.stack.clone(),
        };
        let unusable = |unusable: revision::Unusable| Failure::Refused(unusable.to_string());
        let production = &observation.production;
        let template = match pipeline.revision_from {
            RevisionFrom::Production => &production.definition,
            RevisionFrom::Latest => {
                let family = observation.observed.service.revision.family();
                &self.ecs.describe_task_definition(family).await?
            }
        };
        let matching = revision::matching(pipeline, template).map_err(unusable)?;
        if pipeline.revision_from == RevisionFrom::Latest {
            // The deployment names what is behind the load balancer now.
            revision::is_behind(&production.load_balancer, template).map_err(unusable)?;
        }
        if !pipeline.is_alone {
            return together::next(started, members, due, template, &marks);
        }
        let host = &pipeline.registry.host(&started.extra.registry);
        let request = revision::next(template, &matching, image, host, &marks).map_err(unusable)?;
        Next::of(reconciliation, request, &matching)
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
    async fn publish_skip(&self, started: &Started<Starting>, member: &Member<'_>, skip: &Skip) {
        let (reconciliation, observation) = (member.reconciliation, &member.observation);
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
        | Skip::Waiting(_) => None,
    }
}

fn create_deployment(
    started: &Started<Starting>,
    due: &[Due<'_>],
    revision: &RevisionArn,
) -> CreateDeployment {
    let Member {
        reconciliation,
        observation,
    } = due[0].member;
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
    let images = due.iter().map(|due| {
        let pipeline = due.member.reconciliation.pipeline;
        codedeploy::Ordered {
            image: due.image,
            ordered_at: due.member.observation.ordered_at(),
            mark: (!pipeline.is_alone).then_some(&pipeline.mark),
        }
    });
    CreateDeployment {
        application: settings.application.clone(),
        deployment_group: settings.deployment_group.clone(),
        app_spec,
        deployment_config: settings.deployment_config.clone(),
        description: codedeploy::description(&images.collect::<Vec<_>>()),
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
