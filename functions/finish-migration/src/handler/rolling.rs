//! A migration that ran before a rolling update: its end is written on the revision, and `start-deployment` looks again.
//!
//! First the mark, which also says whether another deployment took its place, so that whatever dies in between, the end is not lost;
//! then the message; then the schedule is deleted, which until then says that the migration is under way; and only then
//! `start-deployment` is called.

use aws::ecs::ServiceDeployments;
use aws::scheduler::Schedule;
use lambda::{EvidenceReader, Failure, Started};
use rules::config::Pipeline;
use rules::engine::Engine;
use rules::environment::Scheduling;
use rules::events::{RollingEvent, ServiceChange};
use rules::gate::Verdict;
use rules::migration::verdict::{self, Stopped};
use rules::migration::{self, NO_LONGER_NEEDED, STOPPED, TaskRun, may_not_have_begun};
use rules::names::Image;
use rules::observed::Task;
use rules::outcome::{Outcome, Subject};
use rules::rolling::{self, MIGRATION_TAG, Record, Step};
use rules::task_log::TaskLog;
use serde_json::{Value, json};
use time::UtcDateTime;

use super::{ATTEMPTS, Handler, PAUSE, nothing_to_finish};

/// A migration, as it was written down.
struct Waiting {
    record: Record,
    due: Option<UtcDateTime>,
    now: UtcDateTime,
}

impl Handler {
    pub(super) async fn finish_rolling(&self, event: &RollingEvent) -> Result<Value, Failure> {
        let started = self.start.as_ref().map_err(Failure::from)?;
        let id = match event {
            RollingEvent::Changed(change) => &change.deployment,
            RollingEvent::TimedOut(id) => id,
            RollingEvent::Ignored(reason) => return Ok(nothing_to_finish(reason)),
        };
        let name = id.service.schedule_name();
        let found = self.scheduler.get_schedule(&name).await?;
        let Some(schedule) = found.schedule else {
            return Ok(nothing_to_finish(
                "no migration of this service is under way",
            ));
        };
        let record = Record::read(&schedule.input).map_err(|reason| {
            Failure::Refused(format!("the migration's schedule cannot be read: {reason}"))
        })?;
        let now = found
            .asked_at
            .ok_or_else(|| Failure::Refused("AWS's answer states no date".to_owned()))?;
        let waiting = Waiting {
            record,
            due: schedule.at,
            now,
        };
        let mut reader = EvidenceReader::new(&self.ecs, &self.logs);
        let (step, task) = self.step(event, &waiting, &mut reader).await?;
        let verdict = match (&step, &task) {
            (Step::Nothing(reason), _) => return Ok(nothing_to_finish(reason)),
            (Step::NotYet(reason), _) => return Err(Failure::NotYet(reason.clone())),
            (Step::Judge, Some(task)) => {
                let runs = &waiting.record.runs;
                let judge = |seen: &verdict::Seen<'_>| verdict::of(task, &runs.container, seen);
                let verdict = reader.decide(task, judge).await;
                Some(self.of_shipped(runs, task, verdict, &mut reader).await?)
            }
            (Step::Stop(reason), Some(task)) => Some(
                self.stopped(&waiting.record, task, reason, &mut reader)
                    .await,
            ),
            (Step::NeverStarted, _) => Some(Verdict::NothingRan(
                "the migration was never started: start-deployment broke off before it".to_owned(),
            )),
            (Step::Forgotten | Step::Judge | Step::Stop(_), _) => None,
        };
        self.end_rolling(started, &waiting, task.as_ref(), verdict)
            .await
    }

    /// What is to be done, and the task as ECS describes it; again while that is an older state than the event.
    async fn step(
        &self,
        event: &RollingEvent,
        waiting: &Waiting,
        reader: &mut EvidenceReader<'_>,
    ) -> Result<(Step, Option<Task>), Failure> {
        let Waiting { record, due, now } = waiting;
        let (cluster, started_by) = (record.cluster.as_str(), record.id.started_by());
        let change = match event {
            RollingEvent::Changed(change) => change,
            RollingEvent::Ignored(reason) => return Ok((Step::Nothing(reason.clone()), None)),
            RollingEvent::TimedOut(_) => {
                let task = record.task.as_ref();
                let found = self.ecs.find_task(cluster, &started_by, &record.runs, task);
                let task = found.await?;
                let step = rolling::after_time_out(record, task.as_ref(), *due, Some(*now));
                return Ok((step, task));
            }
        };
        if let Some(reason) = rolling::is_of_another(record, change) {
            return Ok((Step::Nothing(reason), None));
        }
        for attempt in 1.. {
            let described = self
                .ecs
                .describe_tasks(cluster, std::slice::from_ref(&change.task));
            let task = described.await?.into_iter().next();
            let step = match &task {
                Some(task) => {
                    let decide = |seen: &verdict::Seen<'_>| {
                        rolling::after_change(record, change, Some(task), seen)
                    };
                    reader.decide(task, decide).await
                }
                None => Step::NotYet(format!(
                    "ECS does not describe task {} yet (hint: nothing to do if a later attempt succeeds)",
                    change.task.id()
                )),
            };
            if attempt >= ATTEMPTS || !matches!(step, Step::NotYet(_)) {
                return Ok((step, task));
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(Failure::Unfinished)
    }

    /// The verdict, where a migration that ran alone succeeded: only in a revision that is made of the shipped one for it. A record is a
    /// claim of whoever may write schedules.
    async fn of_shipped(
        &self,
        runs: &TaskRun,
        task: &Task,
        verdict: Verdict,
        reader: &mut EvidenceReader<'_>,
    ) -> Result<Verdict, Failure> {
        let (Verdict::Succeeded(_), Some(shipped)) = (&verdict, &runs.alone_of) else {
            return Ok(verdict);
        };
        let container = &runs.container;
        let differs = self.alone(&task.revision, shipped, container, reader);
        let differs = differs.await?;
        Ok(match migration::not_of(task, shipped, &differs) {
            None => verdict,
            Some(reason) => Verdict::Failed {
                reason,
                log: TaskLog::default(),
            },
        })
    }

    /// Stops a migration whose time is up.
    async fn stopped(
        &self,
        record: &Record,
        task: &Task,
        reason: &str,
        reader: &mut EvidenceReader<'_>,
    ) -> Verdict {
        let stopped: Stopped = self.stop(&task.cluster, &task.arn, reason).await;
        let (after, log) = match may_not_have_begun(task) {
            // It may have begun since it was described.
            true => (self.described(task).await, TaskLog::default()),
            // Only now: what it wrote last says how far it came.
            false => (None, reader.last_lines(task, &record.runs.container).await),
        };
        verdict::after_stop(task, after.as_ref(), reason, stopped, log)
    }

    async fn end_rolling(
        &self,
        started: &Started<Scheduling>,
        waiting: &Waiting,
        task: Option<&Task>,
        verdict: Option<Verdict>,
    ) -> Result<Value, Failure> {
        let record = &waiting.record;
        let is_superseded = match &verdict {
            Some(Verdict::Succeeded(_)) => self.is_superseded(record).await?,
            Some(
                Verdict::Failed { .. }
                | Verdict::KeptFromRunning { .. }
                | Verdict::NothingRan(_)
                | Verdict::TooLate(_)
                | Verdict::Later(_)
                | Verdict::Ignored(_),
            )
            | None => false,
        };
        let mark = rolling::marked_as(record, task, verdict.as_ref(), is_superseded, waiting.now);
        let value = mark.to_string();
        // Gates and pipelines may be other ones by now; the mark is of what ran.
        let revision = record.runs.shipped();
        self.ecs
            .tag_task_definition(revision, MIGRATION_TAG, &value)
            .await?;
        if let Some(task) = task.filter(|task| task.last_status != STOPPED) {
            // A sidecar keeps it up after its migration.
            self.stop(&task.cluster, &task.arn, NO_LONGER_NEEDED).await;
        }
        let pipeline = started.config.named(&record.pipeline);
        if let Some(pipeline) = pipeline
            && let Some(outcome) = outcome(pipeline, record, verdict, is_superseded)
        {
            // No deployment follows whose end would report it: the event comes again, and its time limit after that.
            self.messenger.publish(&started.settings, &outcome).await?;
        }
        self.scheduler
            .delete_schedule(&record.id.service.schedule_name())
            .await?;
        self.look_at_once(started, waiting).await;
        let deployment = record.deployment();
        tracing::info!(deployment_id = %deployment, revision = %revision, mark = value, "migration ended");
        Ok(json!({"answer": "mark", "revision": revision, "mark": value}))
    }

    /// Whether somebody else's deployment was faster.
    async fn is_superseded(&self, record: &Record) -> Result<bool, Failure> {
        let newest = ServiceDeployments::Newest;
        let listed = self
            .ecs
            .list_service_deployments(&record.cluster, &record.service, newest);
        let newest = listed.await?.first().map(|newest| newest.arn.id());
        Ok(newest != record.id.before)
    }

    /// Makes `start-deployment` look again. Where this fails, its own schedules do later.
    async fn look_at_once(&self, started: &Started<Scheduling>, waiting: &Waiting) {
        let Record {
            id,
            cluster,
            service,
            ..
        } = &waiting.record;
        let settings = &started.settings;
        let schedule = Schedule {
            name: format!("greenlight-look-after-{:.40}", id.to_string()),
            at: waiting.now + Schedule::AT_ONCE,
            target_arn: settings
                .topic
                .function(&format!("{}-start-deployment", settings.stack)),
            role_arn: started.extra.schedule_role_arn.clone(),
            input: ServiceChange::input(cluster, service, None).to_string(),
            description: format!("Looks at {cluster}/{service} after its migration"),
        };
        if let Err(failed) = self.scheduler.create_passing(&schedule).await {
            tracing::warn!(error = %failed, "start-deployment is not called");
        }
    }
}

/// What people are told: that it failed, or that somebody else's deployment was faster.
fn outcome(
    pipeline: &Pipeline,
    record: &Record,
    verdict: Option<Verdict>,
    is_superseded: bool,
) -> Option<Outcome> {
    let subject = subject(pipeline, record);
    let mut outcome = match verdict {
        None => Outcome::migration_unknown(pipeline, &subject),
        Some(Verdict::Failed { reason, log }) => {
            Outcome::migration_failed(pipeline, &subject, reason, log)
        }
        Some(Verdict::KeptFromRunning { reason, log }) => Outcome {
            log,
            ..Outcome::migration_did_not_run(pipeline, &subject, reason)
        },
        Some(Verdict::NothingRan(reason)) => {
            Outcome::migration_did_not_run(pipeline, &subject, reason)
        }
        Some(
            Verdict::Succeeded(_) | Verdict::TooLate(_) | Verdict::Later(_) | Verdict::Ignored(_),
        ) => {
            if !is_superseded {
                return None;
            }
            Outcome::superseded_after_migration(pipeline, &subject)
        }
    };
    outcome.revision = Some(record.runs.shipped().clone());
    Some(outcome)
}

fn subject(pipeline: &Pipeline, record: &Record) -> Subject {
    Subject {
        engine: Engine::Rolling,
        id: record.deployment(),
        image: Some(Image {
            repository: pipeline.repository.clone(),
            digest: record.digest.clone(),
            tag: record.tag.clone(),
        }),
        settings: None,
        error: None,
        stopped_by_call: false,
        rolled_back_by: None,
        rolls_back: None,
    }
}
