//! Does what was decided, and reports it.

use aws::codedeploy::CreateDeployment;
use aws::observe::{self, Deploys, Group, Member};
use aws::{CallFailed, Kind};
use lambda::{Failure, Started};
use rules::codedeploy;
use rules::codedeploy::app_spec::{self, MigrationGate, TestListener};
use rules::config::RevisionFrom;
use rules::environment::{Mode, Starting};
use rules::migration::Runs;
use rules::names::{DeploymentId, RevisionArn, TaskArn};
use rules::observed::TaskDefinition;
use rules::outcome::Outcome;
use rules::reconcile::Reconciliation;
use rules::revision::{self, Marks, Matching, Way};
use rules::start::{self, AskedBy, Brings, Decision, Observed, Skip};

use crate::handler::Handler;
use crate::report::Report;
use crate::together::{self, Due, Latest, Next, due};

/// What became of acting on a decision.
pub(crate) enum Acted {
    /// It was done, or turned out to be needless; in the order of the pipelines.
    Done(Vec<Report>),
    /// These deployments were created meanwhile: the decision has to be taken again.
    Overtaken(Vec<DeploymentId>),
}

/// What became of creating a deployment.
pub(crate) enum Begun {
    Created(RevisionArn, DeploymentId),
    /// The migration of this revision runs as this task, and the deployment follows it.
    Migrating(RevisionArn, TaskArn),
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
                Begun::Created(revision, id) => Some((revision, id, None)),
                Begun::Migrating(revision, task) => {
                    let id = DeploymentId::of_revision(&revision);
                    Some((revision, id, Some(task)))
                }
                Begun::Overtaken(meanwhile) => return Ok(Acted::Overtaken(meanwhile)),
                Begun::Unclear(failed) => return self.decide_again(started, members, failed).await,
            },
        };
        let starts = |member: &Member<'_>| {
            let mut due = due.iter();
            due.any(|due| std::ptr::eq(due.member, member))
        };
        self.look_again(started, &members, &decisions).await;
        let mut is_ended = false;
        let mut reports = Vec::new();
        for (member, decision) in members.iter().zip(&decisions) {
            let decision = match (decision, &created) {
                // What is due and does not go with the others is next.
                (Decision::Start(_), Some((_, id, _))) if !starts(member) => {
                    &Decision::Skip(Skip::Waiting(id.clone()))
                }
                (decision, _) => decision,
            };
            let mut report = Report::of(member, decision);
            match decision {
                Decision::Skip(skip) => self.publish_skip(started, member, skip).await,
                Decision::Start(_) => {
                    if let Some((revision, id, migrates)) = &created {
                        report.starts(revision, id, migrates.as_ref());
                    }
                }
                Decision::EndWait(id) if !is_ended => {
                    unless_ended(self.codedeploy.continue_deployment(id).await)?;
                    is_ended = true;
                }
                Decision::Stop(id) if !is_ended => {
                    self.stop(member, id).await?;
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
        changes.extend(next.migration.map(|runs| runs.to_string()));
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
            let reason = start::reason(decision, &member.observation.observed);
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

    /// Stops a deployment with rollback.
    async fn stop(&self, member: &Member<'_>, id: &DeploymentId) -> Result<(), Failure> {
        let stopped = match &member.observation.deploys {
            Deploys::CodeDeploy(_) => self.codedeploy.stop_deployment(id).await,
            Deploys::Ecs(on_ecs) => match on_ecs.active(id) {
                Some(arn) => self.ecs.stop_service_deployment(arn).await,
                None => Ok(()),
            },
        };
        Ok(unless_ended(stopped)?)
    }

    async fn start(
        &self,
        started: &Started<Starting>,
        members: &[Member<'_>],
        due: &[Due<'_>],
    ) -> Result<Begun, Failure> {
        let next = self.next(started, members, due).await?;
        let observation = &due[0].member.observation;
        let group = match &observation.deploys {
            Deploys::CodeDeploy(group) => group,
            Deploys::Ecs(on_ecs) => {
                return self.start_on_ecs(started, &due[0], on_ecs, &next).await;
            }
        };
        let Some(revision) = self.registered(observation, &next).await? else {
            return Ok(Begun::Overtaken(Vec::new()));
        };
        let meanwhile = self.observer.created_meanwhile(members).await?;
        if !meanwhile.is_empty() {
            return Ok(Begun::Overtaken(meanwhile));
        }
        let deployment = create_deployment(started, due, group, &revision, &next);
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
        let next = self.copied(started, members, due).await?;
        if let Some(family) = next.migration.as_ref().and_then(Runs::own_family) {
            self.must_be_ours(family).await?;
        }
        Ok(next)
    }

    /// What would be registered.
    async fn copied(
        &self,
        started: &Started<Starting>,
        members: &[Member<'_>],
        due: &[Due<'_>],
    ) -> Result<Next, Failure> {
        let Due { member, image } = due[0];
        let (reconciliation, observation) = (member.reconciliation, &member.observation);
        let pipeline = reconciliation.pipeline;
        let mut marks = Marks {
            ordered_at: observation.ordered_at(),
            service: pipeline.place(),
            stack: started.settings.stack.clone(),
            previous: None,
            way: match (&observation.deploys, reconciliation.asked_by) {
                // Its hooks have nothing else to tell it by; CodeDeploy's are left out of the AppSpec.
                (Deploys::Ecs(_), AskedBy::Rollback) => Way::Back,
                (Deploys::CodeDeploy(_), _)
                | (
                    Deploys::Ecs(_),
                    AskedBy::Event | AskedBy::Person | AskedBy::PersonForThisImage,
                ) => Way::Forward,
            },
        };
        let production = &observation.production;
        let of = |template: &TaskDefinition, matching: &Matching, marks: &Marks| {
            if !pipeline.is_alone {
                return together::next(started, members, due, template, marks);
            }
            let host = &pipeline.registry.host(&started.extra.registry);
            let request = revision::next(template, matching, image, host, marks)
                .map_err(|unusable| Failure::Refused(unusable.to_string()))?;
            Next::of(reconciliation, request, matching)
        };
        match pipeline.revision_from {
            RevisionFrom::Production => of(&production.definition, &production.matching, &marks),
            RevisionFrom::Latest => {
                // Read for one pipeline, it serves the others, too.
                let mut observations = members.iter().map(|member| &member.observation);
                let latest = match observations.find_map(|one| one.latest.clone()) {
                    Some(latest) => latest,
                    None => self.observer.latest(observation).await?,
                };
                let template = self.observer.described(&latest).await?;
                let matching = observe::usable(pipeline, observation, &template)
                    .map_err(|mismatch| Failure::Refused(mismatch.to_string()))?;
                marks.previous = Some(latest.seen.as_ref().unwrap_or(&latest.template).clone());
                Ok(Next {
                    latest: Some(Latest {
                        template: latest.template,
                        seen: latest.seen,
                    }),
                    ..of(&template, &matching, &marks)?
                })
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
    due: &[Due<'_>],
    group: &Group,
    revision: &RevisionArn,
    next: &Next,
) -> CreateDeployment {
    let reconciliation = due[0].member.reconciliation;
    let test_listener = if group.group.test_listener.is_some() {
        TestListener::Present
    } else {
        TestListener::Absent
    };
    // What shipped before ran its migration then; another one would take the database where it is already.
    let migration = match reconciliation.asked_by {
        AskedBy::Rollback => MigrationGate::LeftOut,
        AskedBy::Event | AskedBy::Person | AskedBy::PersonForThisImage => MigrationGate::Asked,
    };
    let brings = next.latest.as_ref().map(|latest| Brings {
        template: latest.template.number(),
        due: due_with(due),
    });
    let pipeline = reconciliation.pipeline;
    let hooks = app_spec::hooks(pipeline, &started.extra.hooks, migration, test_listener);
    let app_spec = app_spec::render(revision, &group.load_balancer, &group.placement, &hooks);
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
        description: codedeploy::description(&images.collect::<Vec<_>>(), brings),
        rollback: settings.rollback,
    }
}

/// What a deployment with the template's settings is started for: the settings alone where every image runs already.
fn due_with(due: &[Due<'_>]) -> start::Due {
    let mut observed = due.iter().map(|due| &due.member.observation.observed);
    match observed.all(Observed::only_settings_are_due) {
        true => start::Due::Settings,
        false => start::Due::Image,
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
