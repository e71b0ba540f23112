//! Starts a deployment where ECS deploys: registers the revision and lets the service run it; and keeps a schedule that looks again
//! while one is under way.

use std::time::Duration;

use aws::ecs::{ServiceDeployments, Updated};
use aws::observe::{Deploys, Member, OnEcs};
use aws::scheduler::{Created, Recurring, Schedule};
use aws::{CallFailed, Kind};
use lambda::{Failure, Started};
use rules::config::Pipeline;
use rules::ecs::report::{self, End, What};
use rules::ecs::{self, Look};
use rules::environment::Starting;
use rules::events::{Claim, ServiceChange};
use rules::names::{DeploymentId, RevisionArn, ServiceDeploymentArn};
use rules::observed::TaskDefinition;
use rules::revision;
use rules::rolling::{Migrations, Record};
use rules::start::Decision;

use crate::act::Begun;
use crate::handler::{Handler, ours};
use crate::together::{Due, Next};

/// How many of a family's revisions are looked through at most for one that was registered and never deployed.
const LOOKED_THROUGH_AT_MOST: usize = 20;
/// How long a claim to start holds: the invocation that made it has ended by then.
const CLAIMED: time::Duration = time::Duration::minutes(5);
/// How long the update of another invocation is waited for, before all is observed anew.
const OTHERS_START: Duration = Duration::from_secs(2);
/// How often the service is looked at while a deployment of it is under way.
const LOOKS_EVERY_MINUTES: u32 = 5;

/// Whose turn it is to update a service.
enum Turn {
    /// This invocation's, by this schedule; none where it could not be made.
    Ours(Option<String>),
    /// Another one's.
    Others,
}

impl Handler {
    /// Registers the revision and updates the service, unless another deployment was faster.
    pub(crate) async fn start_on_ecs(
        &self,
        started: &Started<Starting>,
        due: &Due<'_>,
        on_ecs: &OnEcs,
        next: &Next,
    ) -> Result<Begun, Failure> {
        let pipeline = due.member.reconciliation.pipeline;
        // A rollback migrates nothing.
        let migrations = on_ecs.migrations.as_ref();
        let migrations = migrations.filter(|_| next.migration.is_some());
        let begun = migrations.and_then(|migrations| begun(migrations, next));
        let unused = match &begun {
            Some(_) => None,
            None => self.unused(due.member, on_ecs, next).await?,
        };
        let is_migrated = matches!(begun, Some(Migration::Ended(_)));
        let revision = match (begun, unused) {
            (Some(Migration::Ended(revision) | Migration::Starting(revision)), _)
            | (None, Some(revision)) => revision,
            (None, None) => match self.registered_anew(&due.member.observation, next).await? {
                Some(revision) => revision,
                None => return Ok(Begun::Overtaken(Vec::new())),
            },
        };
        if !self.observer.is_as_decided(pipeline, on_ecs).await? {
            return Ok(Begun::Overtaken(Vec::new()));
        }
        if let Some(migrations) = migrations.filter(|_| !is_migrated) {
            let migrating = self.migrate_first(started, due, on_ecs, migrations, revision);
            // On the heap: the compiler computes the layout of what is nested in one another to a limited depth.
            return Box::pin(migrating).await;
        }
        if !self.migrates_as_decided(on_ecs).await? {
            return Ok(Begun::Overtaken(Vec::new()));
        }
        let claim = match self.claim(started, due.member, on_ecs).await {
            Turn::Ours(claim) => claim,
            Turn::Others => {
                tokio::time::sleep(OTHERS_START).await;
                return Ok(Begun::Overtaken(Vec::new()));
            }
        };
        let (cluster, service) = (&pipeline.cluster, &pipeline.service);
        let is_unchanged = async || self.observer.is_as_decided(pipeline, on_ecs).await;
        let update = self
            .ecs
            .update_service(cluster, service, &revision, is_unchanged);
        let updated = match update.await {
            Ok(Updated::To(current)) => current,
            Ok(Updated::Unclear(_)) => return Ok(Begun::Overtaken(Vec::new())),
            Err(failed) => {
                // The event comes again, and must not wait for the claim's time.
                if let Some(claim) = claim {
                    self.release(&claim).await;
                }
                return Err(failed.into());
            }
        };
        let id = self.id(pipeline, on_ecs, updated, &revision).await;
        Ok(Begun::Created(revision, id))
    }

    /// Of several invocations that start from one state of the service one may update it: ECS refuses no second update. Who may is
    /// whose schedule could be created; it looks at the service again, in case that invocation ends before its update. A claim that
    /// cannot be made keeps nothing from being started: what two updates come to is a deployment that is superseded.
    async fn claim(
        &self,
        started: &Started<Starting>,
        member: &Member<'_>,
        on_ecs: &OnEcs,
    ) -> Turn {
        // ECR's clock.
        let Some(now) = member.observation.asked_at else {
            return Turn::Ours(None);
        };
        let pipeline = member.reconciliation.pipeline;
        let settings = &started.settings;
        let look = Look::of(pipeline, &settings.stack, &settings.topic, now);
        let schedule = Schedule {
            name: Look::claim(pipeline, &settings.stack, on_ecs.newest.as_ref()),
            at: now + CLAIMED,
            target_arn: look.function_arn,
            role_arn: started.extra.schedule_role_arn.clone(),
            input: look.event.to_string(),
            description: format!("Claims to start a deployment of {}", pipeline.place()),
        };
        match self.scheduler.create_passing(&schedule).await {
            Ok(Created::New) => Turn::Ours(Some(schedule.name)),
            Ok(Created::Exists) => Turn::Others,
            Err(failed) => {
                tracing::error!(error = %failed, "started without a claim, and perhaps twice");
                Turn::Ours(None)
            }
        }
    }

    /// Whether no migration of the service has begun since it was decided: another start may have begun one of a newer image, which this
    /// update would take the place of.
    async fn migrates_as_decided(&self, on_ecs: &OnEcs) -> Result<bool, CallFailed> {
        let Some(migrations) = &on_ecs.migrations else {
            return Ok(true);
        };
        let name = migrations.id.service.schedule_name();
        let found = self.scheduler.get_schedule(&name).await?.schedule;
        let read = found.map(|found| Record::read(&found.input).ok());
        Ok(read.is_none_or(|read| read.is_some_and(|read| migrations.knows(&read))))
    }

    async fn release(&self, claim: &str) {
        if let Err(failed) = self.scheduler.delete_schedule(claim).await {
            tracing::warn!(error = %failed, claim, "a claim is still there, and looks again when it is over");
        }
    }

    /// A revision that was registered for this very content and never deployed, where an invocation ended in between. It is newer than
    /// what serves, or what serves is newer by another order.
    async fn unused(
        &self,
        member: &Member<'_>,
        on_ecs: &OnEcs,
        next: &Next,
    ) -> Result<Option<RevisionArn>, CallFailed> {
        let serves = &member.observation.observed.service.revision;
        let family = serves.family();
        let Some(latest) = self.ecs.latest_task_definition(family).await? else {
            return Ok(None);
        };
        let mut deployed = self.observer.deployed(on_ecs).await?;
        deployed.push(serves.clone());
        deployed.extend(on_ecs.wanted.clone());
        let mut candidate = Some(latest);
        for _ in 0..LOOKED_THROUGH_AT_MOST {
            let Some((definition, arn)) =
                candidate.and_then(|one| revision::arn(&one).map(|arn| (one, arn)))
            else {
                return Ok(None);
            };
            let is_ours = revision::is_same(&definition, &next.request)
                && revision::is_of_same_service(&definition, &next.request)
                && revision::is_of_no_earlier_order(&definition, &next.request);
            let migrations = on_ecs.migrations.as_ref();
            let is_untried = migrations.is_none_or(|migrations| migrations.is_untried(&arn));
            if is_ours && is_untried && revision::is_active(&definition) && !deployed.contains(&arn)
            {
                return Ok(Some(arn));
            }
            let before = arn.number().saturating_sub(1);
            if before <= serves.number() {
                return Ok(None);
            }
            let before = arn.sibling(before);
            candidate = match self.ecs.describe_task_definition(before.as_str()).await {
                Ok(definition) => Some(definition),
                // Deleted: what is before it is older still.
                Err(failed) if matches!(failed.kind, Kind::NotFound | Kind::Invalid) => None,
                Err(failed) => return Err(failed),
            };
        }
        Ok(None)
    }

    /// The id of the new deployment: ECS lists it a moment after its answer, and until then it is called after its revision. That it is
    /// not known fails nothing: it has begun.
    async fn id(
        &self,
        pipeline: &Pipeline,
        on_ecs: &OnEcs,
        answered: Option<ServiceDeploymentArn>,
        revision: &RevisionArn,
    ) -> DeploymentId {
        let is_new = |arn: &ServiceDeploymentArn| on_ecs.newest.as_ref() != Some(arn);
        let mut found = answered.filter(is_new);
        if found.is_none() {
            let (cluster, service) = (&pipeline.cluster, &pipeline.service);
            let newest = ServiceDeployments::Newest;
            let listed = self
                .ecs
                .list_service_deployments(cluster, service, newest)
                .await;
            let newest = listed.ok().and_then(|listed| listed.into_iter().next());
            found = newest.map(|newest| newest.arn).filter(is_new);
        }
        found.map_or_else(|| DeploymentId::of_revision(revision), |arn| arn.id())
    }

    /// Makes the schedule that looks at the service again while a deployment of it is under way, and deletes it afterwards. It only makes
    /// up for events that do not come: where it fails, the hourly look is left.
    pub(crate) async fn look_again(
        &self,
        started: &Started<Starting>,
        members: &[Member<'_>],
        decisions: &[Decision],
    ) {
        let Some(first) = members.first() else {
            return;
        };
        let Deploys::Ecs(on_ecs) = &first.observation.deploys else {
            return;
        };
        let pipeline = first.reconciliation.pipeline;
        let stack = &started.settings.stack;
        // Also where a deployment begins now, behind which it is from the next look on: of those that this stack had no part in, the end
        // of the newest alone is told. And before this one's schedule, which has the same name.
        let ended = match on_ecs.is_under_way() {
            true => Ok(()),
            false => self.have_end_told(started, first, on_ecs).await,
        };
        let done = match ecs::is_under_way(on_ecs.is_under_way(), decisions) {
            true => {
                // ECR's clock; without one the schedule would have no end.
                let Some(now) = first.observation.asked_at else {
                    return;
                };
                let look = Look::of(pipeline, stack, &started.settings.topic, now);
                let schedule = recurring(started, look);
                let created = self.scheduler.create_recurring(&schedule).await;
                // Where ECS sends no event of it, this alone makes report-outcome look. It is asked for again by every look: report-outcome
                // may have deleted it at the end of the deployment before, while ECS did not list this one yet.
                let told = self.have_told(started, first, schedule, None).await;
                created.and(told)
            }
            false => {
                let name = Look::name(pipeline, stack);
                self.scheduler.delete_schedule(&name).await
            }
        };
        if let Err(failed) = ended.and(done) {
            let service = pipeline.place();
            tracing::warn!(service, error = %failed, "the schedule that looks again is not as it should be");
        }
    }
}

impl Handler {
    /// Makes the schedule that has report-outcome look at the service.
    async fn have_told(
        &self,
        started: &Started<Starting>,
        member: &Member<'_>,
        like: Recurring,
        claim: Option<&Claim>,
    ) -> Result<(), CallFailed> {
        let Pipeline {
            cluster, service, ..
        } = member.reconciliation.pipeline;
        let settings = &started.settings;
        let stack = &settings.stack;
        let reporter = Recurring {
            name: report::look(stack, cluster, service),
            target_arn: settings.topic.function(&format!("{stack}-report-outcome")),
            input: ServiceChange::input(cluster, service, claim).to_string(),
            ..like
        };
        self.scheduler.create_recurring(&reporter).await.map(drop)
    }

    /// Has an end told that nobody was told of: no event of it came, and it was over before a schedule looked.
    async fn have_end_told(
        &self,
        started: &Started<Starting>,
        member: &Member<'_>,
        on_ecs: &OnEcs,
    ) -> Result<(), CallFailed> {
        let stack = &started.settings.stack;
        let (Some(ended), Some(now)) = (&on_ecs.ended, member.observation.asked_at) else {
            return Ok(());
        };
        let Some(end) = End::of(&ended.status).filter(|_| report::may_be_untold(ended, now)) else {
            return Ok(());
        };
        if !self.observer.is_untold(ended, &ours(started)).await? {
            return Ok(());
        }
        let look = Look::of(
            member.reconciliation.pipeline,
            stack,
            &started.settings.topic,
            now,
        );
        let schedule = recurring(started, look);
        let claim = Claim(report::claim(stack, &What::Ended(end), &ended.arn));
        self.have_told(started, member, schedule, Some(&claim))
            .await
    }
}

/// A look, as Scheduler takes it.
fn recurring(started: &Started<Starting>, look: Look) -> Recurring {
    Recurring {
        name: look.name,
        every_minutes: LOOKS_EVERY_MINUTES,
        until: look.until,
        target_arn: look.function_arn,
        role_arn: started.extra.schedule_role_arn.clone(),
        input: look.event.to_string(),
        description: look.description,
    }
}

/// The revision of this content that a migration was begun for.
enum Migration {
    /// It has succeeded.
    Ended(RevisionArn),
    /// It may not have been started: an invocation ended in between.
    Starting(RevisionArn),
}

/// A mark counts for the content that was migrated, and for no other.
fn begun(migrations: &Migrations, next: &Next) -> Option<Migration> {
    let is_same = |definition: &TaskDefinition| {
        revision::is_same(definition, &next.request)
            && revision::is_of_same_service(definition, &next.request)
            && revision::is_active(definition)
    };
    if let Some(migrated) = migrations.migrated()
        && is_same(&migrated.definition)
    {
        return Some(Migration::Ended(migrated.revision.clone()));
    }
    let (scheduled, definition, _) = migrations.running.as_ref()?;
    is_same(definition).then(|| Migration::Starting(scheduled.record.runs.shipped().clone()))
}
