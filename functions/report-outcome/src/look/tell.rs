//! Tells one thing about a deployment, and writes down that it was told.
//!
//! ECS sends several events within a second, and each starts an invocation. Which of them tells is decided by a schedule's name: only
//! one of them can create it. When it has published, it marks the revision and deletes the schedule; where it died before, the schedule
//! calls this function again.

use aws::CallFailed;
use aws::ecs::Tasks;
use aws::scheduler::{Created, Schedule};
use lambda::{Failure, runs_as};
use rules::ecs::report::{self, Observed, Told, What};
use rules::engine::Engine;
use rules::events::{Claim, ServiceChange};
use rules::migration;
use rules::names::TaskArn;
use rules::native;
use serde_json::{Value, json};

use super::{Looking, claim_of};
use crate::handler::{ATTEMPTS, Handler, PAUSE};

/// Whether this invocation tells.
enum Turn {
    /// It does.
    Ours,
    /// Another one does, or its schedule will call.
    Others,
}

impl Handler {
    pub(super) async fn tell_once(
        &self,
        looking: &Looking<'_>,
        observed: &mut Observed,
        what: &What,
    ) -> Result<Vec<Value>, Failure> {
        let claim = claim_of(looking, what, &observed.deployment);
        match self.claim(looking, &claim).await? {
            Turn::Ours => {}
            Turn::Others => {
                tracing::info!(claim = claim.0, "another invocation tells it");
                return Ok(Vec::new());
            }
        }
        let told = self.tell_and_mark(looking, observed, what).await;
        // Also where it failed: the event comes again, and must not wait for the claim's time.
        self.release(&claim).await;
        told
    }

    /// A claim that cannot be made for good keeps nothing from being told: better twice than never.
    async fn claim(&self, looking: &Looking<'_>, claim: &Claim) -> Result<Turn, Failure> {
        if looking.claim() == Some(claim) {
            return Ok(Turn::Ours);
        }
        match self.make_claim(looking, claim).await {
            Ok(turn) => Ok(turn),
            Err(failed) if failed.is_transient() => Err(failed.into()),
            Err(failed) => {
                tracing::error!(error = %failed, "told without a claim, and perhaps twice");
                Ok(Turn::Ours)
            }
        }
    }

    async fn make_claim(&self, looking: &Looking<'_>, claim: &Claim) -> Result<Turn, CallFailed> {
        let found = self.scheduler.get_schedule(&claim.0).await?;
        if found.schedule.is_some() {
            return Ok(Turn::Others);
        }
        // Scheduler's clock is the one by which its schedules are due.
        let Some(now) = found.asked_at else {
            return Ok(Turn::Ours);
        };
        let ServiceChange {
            cluster, service, ..
        } = looking.change;
        let schedule = Schedule {
            name: claim.0.clone(),
            at: report::claimed_until(now),
            target_arn: looking.function_arn(),
            role_arn: looking.started.extra.schedule_role_arn.clone(),
            input: ServiceChange::input(cluster, service, Some(claim)).to_string(),
            description: format!("Claims to tell an outcome of {}", looking.place()),
        };
        Ok(match self.scheduler.create_passing(&schedule).await? {
            Created::New => Turn::Ours,
            Created::Exists => Turn::Others,
        })
    }

    async fn tell_and_mark(
        &self,
        looking: &Looking<'_>,
        observed: &mut Observed,
        what: &What,
    ) -> Result<Vec<Value>, Failure> {
        let arn = observed.deployment.arn.clone();
        let revision = observed.target.revision.revision.clone();
        // Whoever held the claim before has marked it since this was observed.
        let definition = self.ecs.describe_task_definition(revision.as_str()).await?;
        let told = Told::of(&definition, &looking.started.settings.stack);
        if told.has(what, &arn) {
            return Ok(Vec::new());
        }
        let stopped = match what {
            What::Ended(_) => {
                // It was described before its deployments were: what of an ended one runs, only a later description says.
                let (cluster, service) = (&looking.change.cluster, &looking.change.service);
                observed.service = self.ecs.describe_service(cluster, service).await?;
                self.stop_migration_of(looking, observed).await
            }
            What::Started | What::Overdue | What::Waits(_) => Ok(()),
        };
        let outcomes = self.publish_all(looking, observed, what, &stopped).await?;
        let value = told.with(what, &arn);
        self.ecs
            .tag_task_definition(&revision, what.tag(), &value)
            .await?;
        // Nothing else stops it: it was told, and the event is kept in the end.
        stopped?;
        Ok(outcomes)
    }

    async fn publish_all(
        &self,
        looking: &Looking<'_>,
        observed: &mut Observed,
        what: &What,
        stopped: &Result<(), CallFailed>,
    ) -> Result<Vec<Value>, Failure> {
        let mut published = Vec::new();
        for pipeline in report::concerned(&looking.pipelines, observed) {
            let mut outcome = loop {
                match report::decide(pipeline, observed, what) {
                    Ok(outcome) => break outcome,
                    Err(need) => {
                        let until = looking.explain_until;
                        self.add_need(pipeline, need, observed, until).await?;
                    }
                }
            };
            if let Err(failed) = stopped {
                outcome.add_migration_left(failed);
            }
            let sent = self.messenger.publish(&looking.started.settings, &outcome);
            let sent = sent.await;
            let (code, id) = (outcome.event.code(), observed.deployment.arn.id());
            tracing::info!(deployment_id = %id, decision = "publish", outcome = code, summary = outcome.summary, "outcome reported");
            published.push(sent.map(
                |()| json!({"deployment_id": id, "outcome": code, "summary": outcome.summary}),
            ));
        }
        // One that cannot be published keeps no other back.
        let published: Result<Vec<Value>, CallFailed> = published.into_iter().collect();
        Ok(published?)
    }

    /// Stops the migration of a deployment that has ended: its hook may have been killed. ECS may list a task some seconds after it
    /// was started; so where the deployment did not succeed, one attempt is not enough.
    async fn stop_migration_of(
        &self,
        looking: &Looking<'_>,
        observed: &Observed,
    ) -> Result<(), CallFailed> {
        match observed.engine {
            Engine::Native(_) => {}
            // A rolling update migrates before it begins.
            Engine::Rolling | Engine::CodeDeploy => return Ok(()),
        }
        let attempts = match report::End::of(&observed.deployment.status) {
            Some(report::End::Shipped) => 1,
            Some(_) | None => ATTEMPTS,
        };
        for attempt in 1..=attempts {
            let running = self.migrations(looking, observed).await?;
            for task in &running {
                let cluster = looking.change.cluster.as_str();
                self.ecs
                    .stop_task(cluster, task, "its deployment has ended")
                    .await?;
                tracing::info!(task = %task, "migration stopped");
            }
            if !running.is_empty() || attempt == attempts {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }

    /// The running tasks that are the deployment's migration in every member. Who may call RunTask can mark another one so.
    async fn migrations(
        &self,
        looking: &Looking<'_>,
        observed: &Observed,
    ) -> Result<Vec<TaskArn>, CallFailed> {
        let mut pipelines = looking.pipelines.iter();
        // Gates belong to the service, and stand in all its pipelines.
        let Some(migration) = pipelines.find_map(|pipeline| pipeline.migration.as_ref()) else {
            return Ok(Vec::new());
        };
        let cluster = looking.change.cluster.as_str();
        let started_by = native::migration::started_by(&observed.deployment.arn);
        let marked = Tasks::RunningStartedBy(&started_by);
        let marked = self.ecs.list_tasks(cluster, marked).await?;
        if marked.is_empty() {
            return Ok(Vec::new());
        }
        let shipped = &observed.target.definition;
        let mut own = Vec::new();
        for task in self.ecs.describe_tasks(cluster, &marked).await? {
            let runs = runs_as(&self.ecs, migration, shipped, &task).await?;
            let is_it = runs.is_some_and(|runs| {
                migration::differences_of(&task, &started_by, cluster, &runs).is_empty()
            });
            match is_it {
                true => own.push(task.arn),
                false => {
                    tracing::warn!(task = %task.arn, "marked as the migration, and another task: not stopped");
                }
            }
        }
        Ok(own)
    }
}
