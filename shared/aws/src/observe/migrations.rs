//! The migrations that run before rolling updates: what is under way, and what their revisions say of those that have ended.

use rules::names::RevisionArn;
use rules::observed::TaskDefinition;
use rules::revision;
use rules::rolling::{
    Leftover, MigrationId, Migrations, REVISIONS_AT_MOST, Record, Scheduled, ServiceKey, Underway,
};
use rules::start::AskedBy;

use super::{Member, Observer, OnEcs, Ours};
use crate::call::Call;
use crate::{CallFailed, Kind};

impl Observer {
    /// What the migrations of a rolling service have come to; none where the service has none before its updates.
    pub(super) async fn migrations(
        &self,
        members: &[Member<'_>],
        ours: &Ours,
        on_ecs: &OnEcs,
    ) -> Result<Option<Migrations>, CallFailed> {
        let Some(first) = members.first() else {
            return Ok(None);
        };
        let pipeline = first.reconciliation.pipeline;
        if on_ecs.strategy.is_some() || pipeline.migration.is_none() {
            return Ok(None);
        }
        let key = ServiceKey::of(&ours.stack, &pipeline.cluster, &pipeline.service);
        let scheduled = self.scheduled(&key).await?;
        let mut migrations = Migrations::new(MigrationId {
            service: key,
            before: on_ecs.newest.as_ref().map(|newest| newest.id()),
        });
        if let Some(scheduled) = scheduled {
            self.add_scheduled(&mut migrations, scheduled).await?;
        }
        let serves = &first.observation.observed.service.revision;
        let newest = self.newest_revisions(serves, is_quiet(members)).await?;
        let targets = self.ecs.describe_service_revisions(&on_ecs.targets).await?;
        let newest_target = targets
            .iter()
            .find(|target| Some(&target.arn) == on_ecs.newest_target.as_ref());
        migrations.newest_of_ours =
            newest_target
                .map(|target| target.revision.clone())
                .filter(|arn| {
                    let mut of_newest = newest.iter();
                    let found = of_newest.find(|one| revision::arn(one).as_ref() == Some(arn));
                    found.and_then(revision::stack_of).as_ref() == Some(&ours.stack)
                });
        migrations.deployed = targets.into_iter().map(|target| target.revision).collect();
        migrations.read(pipeline, &ours.stack, newest);
        Ok(Some(migrations))
    }

    async fn scheduled(&self, key: &ServiceKey) -> Result<Option<Scheduled>, CallFailed> {
        let name = key.schedule_name();
        let answer = self.scheduler.get_schedule(&name).await?;
        let Some(found) = answer.schedule else {
            return Ok(None);
        };
        let record = Record::read(&found.input).map_err(|why| {
            let call = Call::new("scheduler:GetSchedule", name);
            call.unexpected(&format!("its input is not a migration's: {why}"))
        })?;
        Ok(Some(Scheduled {
            record,
            due: found.at,
            now: answer.asked_at,
        }))
    }

    async fn add_scheduled(
        &self,
        migrations: &mut Migrations,
        scheduled: Scheduled,
    ) -> Result<(), CallFailed> {
        let Record {
            id,
            cluster,
            runs,
            task,
            ..
        } = &scheduled.record;
        let task = match scheduled.needs_task() {
            true => {
                let (cluster, started_by) = (cluster.as_str(), id.started_by());
                let found = self
                    .ecs
                    .find_task(cluster, &started_by, runs, task.as_ref());
                found.await?
            }
            false => None,
        };
        let underway = scheduled.underway(task.as_ref());
        match underway {
            Underway::Yes | Underway::Starting => {
                let revision = runs.shipped().as_str();
                let definition = self.ecs.describe_task_definition(revision).await?;
                migrations.running = Some((scheduled, definition, underway));
            }
            Underway::Abandoned | Underway::Lost => {
                let at = scheduled.started_at().max(scheduled.record.ordered_at);
                migrations.leftover = Some(Leftover {
                    record: scheduled.record,
                    lost_at: (underway == Underway::Lost).then_some(at),
                });
            }
        }
        Ok(())
    }

    /// The newest revisions of the family of what serves, newest first, without those that were deleted. Where nothing is due only those
    /// that are newer than what serves: what is migrated and waits is one of them.
    async fn newest_revisions(
        &self,
        serves: &RevisionArn,
        is_quiet: bool,
    ) -> Result<Vec<TaskDefinition>, CallFailed> {
        let mut newest = Vec::new();
        let latest = self.ecs.latest_task_definition(serves.family()).await?;
        let Some(arn) = latest.as_ref().and_then(revision::arn) else {
            return Ok(newest);
        };
        newest.extend(latest);
        let oldest = match is_quiet {
            true => serves.number(),
            false => 1,
        };
        let numbers = (oldest..arn.number()).rev().take(REVISIONS_AT_MOST - 1);
        for number in numbers {
            let sibling = arn.sibling(number);
            match self.ecs.describe_task_definition(sibling.as_str()).await {
                Ok(definition) => newest.push(definition),
                Err(failed) if matches!(failed.kind, Kind::NotFound | Kind::Invalid) => {}
                Err(failed) => return Err(failed),
            }
        }
        Ok(newest)
    }
}

/// Whether nothing is due: production runs all that is ordered.
fn is_quiet(members: &[Member<'_>]) -> bool {
    members.iter().all(|member| {
        let observed = &member.observation.observed;
        let candidate = observed.candidate.as_ref();
        observed.asked_by == AskedBy::Event
            && candidate
                .is_none_or(|candidate| observed.running_digest() == Some(&candidate.image.digest))
    })
}
