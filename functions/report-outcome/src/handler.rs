//! One state change of a deployment: what people are told about it.

use std::time::Duration;

use aws::CallFailed;
use aws::codedeploy::CodeDeploy;
use aws::ecs::{Ecs, Tasks};
use aws::logs::Logs;
use aws::scheduler::Scheduler;
use aws::sns::Sns;
use lambda::{Failure, Messenger, Start, Started};
use rules::codedeploy::lifecycle;
use rules::codedeploy::{Creator, Deployment, DeploymentStatus, LifecycleEventStatus};
use rules::config::{Config, Pipeline};
use rules::events::{self, DeploymentState, StateChange};
use rules::migration;
use rules::names::{DeploymentId, RevisionArn};
use rules::observed::TaskCount;
use rules::outcome::{self, Ending, Event, Outcome};
use serde_json::{Value, json};

/// How often a migration is looked for that may have been started while its deployment ended, and the pause between.
const ATTEMPTS: u32 = 3;
const PAUSE: Duration = Duration::from_secs(2);

pub(crate) struct Handler {
    start: Start<()>,
    pub(crate) codedeploy: CodeDeploy,
    pub(crate) ecs: Ecs,
    pub(crate) logs: Logs,
    scheduler: Scheduler,
    messenger: Messenger,
}

impl Handler {
    pub(crate) fn new(start: Start<()>, session: &aws::Session) -> Self {
        Self {
            start,
            codedeploy: CodeDeploy::new(session),
            ecs: Ecs::new(session),
            logs: Logs::new(session),
            scheduler: Scheduler::new(session),
            messenger: Messenger::new(Sns::new(session)),
        }
    }

    pub(crate) async fn handle(&self, event: Value) -> Result<Value, Failure> {
        let started = self.start.as_ref().map_err(Failure::from)?;
        let change = StateChange::parse(&event)?;
        if let Some(reason) = events::elsewhere(&event, &started.settings.topic) {
            return Ok(nothing_to_report(&change, &reason));
        }
        let pipeline = match self.of(&started.config, &change) {
            Ok(pipeline) => pipeline,
            Err(reason) => return Ok(nothing_to_report(&change, &reason)),
        };
        let deployment = self.codedeploy.get_deployment(&change.deployment).await?;
        // Whoever may write events or call this function can give one pipeline's deployment for another's.
        if (&deployment.application, &deployment.deployment_group)
            != (&change.application, &change.deployment_group)
        {
            let reason = format!(
                "deployment `{}` is one of the group `{}` of `{}`, not of the event's",
                deployment.id, deployment.deployment_group, deployment.application
            );
            return Ok(nothing_to_report(&change, &reason));
        }
        let state = state_of(&deployment, change.state)?;
        let stopped = if state.is_end() {
            self.stop_migration(pipeline, &deployment).await
        } else {
            Ok(())
        };
        if state.is_end() && pipeline.migration.is_some() {
            self.delete_schedule(&deployment.id).await;
        }
        let outcome = self.outcome(pipeline, &deployment, state).await?;
        let told = self.tell(started, &change, outcome, &stopped).await?;
        // Nobody else stops it: the event comes again, and is kept in the end.
        stopped?;
        Ok(told)
    }

    async fn tell(
        &self,
        started: &Started<()>,
        change: &StateChange,
        outcome: Result<Outcome, String>,
        stopped: &Result<(), CallFailed>,
    ) -> Result<Value, Failure> {
        match outcome {
            Ok(mut outcome) => {
                if let Err(failed) = stopped {
                    outcome.add_migration_left(failed);
                }
                // Nobody else tells it: the event comes again, and is kept in the end.
                self.messenger.publish(&started.settings, &outcome).await?;
                let code = outcome.event.code();
                tracing::info!(deployment_id = %change.deployment, decision = "publish", outcome = code, summary = outcome.summary, "outcome reported");
                Ok(
                    json!({"deployment_id": change.deployment, "outcome": code, "summary": outcome.summary}),
                )
            }
            Err(reason) => Ok(nothing_to_report(change, &reason)),
        }
    }

    fn of<'a>(&self, config: &'a Config, change: &StateChange) -> Result<&'a Pipeline, String> {
        let (application, group) = (&change.application, &change.deployment_group);
        config.of_group(application, group).ok_or_else(|| {
            format!("no pipeline has the deployment group `{group}` of `{application}`")
        })
    }

    /// What is told, or the reason why nothing is.
    async fn outcome(
        &self,
        pipeline: &Pipeline,
        deployment: &Deployment,
        state: DeploymentState,
    ) -> Result<Result<Outcome, String>, Failure> {
        Ok(match (state, deployment.creator) {
            (DeploymentState::Start, Creator::Caller) => Ok(Outcome::started(pipeline, deployment)),
            (DeploymentState::Start, Creator::Rollback) => {
                Err("a rollback is told when it has ended".to_owned())
            }
            (DeploymentState::Success, Creator::Caller) => {
                Ok(self.shipped(pipeline, deployment).await?)
            }
            (DeploymentState::Success, Creator::Rollback) => {
                Ok(self.rolled_back(pipeline, deployment).await?)
            }
            (DeploymentState::Failure, Creator::Caller) => {
                Ok(self.ended_badly(Event::Failed, pipeline, deployment).await)
            }
            (DeploymentState::Stop, Creator::Caller) => {
                Ok(self.ended_badly(Event::Stopped, pipeline, deployment).await)
            }
            (DeploymentState::Failure, Creator::Rollback) => {
                let ending = self.ending(deployment).await;
                Ok(Outcome::rollback_failed(
                    Event::Failed,
                    pipeline,
                    deployment,
                    ending,
                ))
            }
            (DeploymentState::Stop, Creator::Rollback) => {
                let ending = self.ending(deployment).await;
                Ok(Outcome::rollback_failed(
                    Event::Stopped,
                    pipeline,
                    deployment,
                    ending,
                ))
            }
            // A late event must not ask people for what they did already.
            (DeploymentState::Ready, Creator::Caller)
                if deployment.status == DeploymentStatus::Ready =>
            {
                Ok(Outcome::ready(pipeline, deployment))
            }
            (DeploymentState::Ready | DeploymentState::Other, _) => {
                Err("this state is no news".to_owned())
            }
        })
    }

    /// CodeDeploy's success is checked against what really serves production.
    async fn shipped(
        &self,
        pipeline: &Pipeline,
        deployment: &Deployment,
    ) -> Result<Outcome, Failure> {
        let mut ending = self.ending(deployment).await;
        let service = self
            .ecs
            .describe_service(&pipeline.cluster, &pipeline.service)
            .await?;
        let shipped = self.shipped_revision(deployment).await?;
        let primary = service.primary();
        let runs = primary
            .map(|task_set| &task_set.revision)
            .or(service.revision.as_ref())
            .cloned();
        let made_by = primary.and_then(|task_set| task_set.deployment.as_ref());
        ending.revision = shipped.clone().or_else(|| runs.clone());
        if made_by == Some(&deployment.id) || (shipped.is_some() && shipped == runs) {
            let running = TaskCount::of(&service);
            if !running.is_down() {
                return Ok(Outcome::shipped(pipeline, deployment, running, ending));
            }
            self.add_reasons(pipeline, deployment, &mut ending).await;
            return Ok(Outcome::shipped_and_down(
                pipeline, deployment, running, ending,
            ));
        }
        // This message may come late.
        if let Some(later) = self.later(deployment, made_by).await? {
            return Ok(Outcome::replaced_since(
                pipeline, deployment, &later, ending,
            ));
        }
        Ok(match runs.filter(|_| shipped.is_some()) {
            Some(runs) => Outcome::not_running(pipeline, deployment, &runs, ending),
            None => Outcome::said_to_be_shipped(pipeline, deployment, ending),
        })
    }

    /// The deployment that made what serves production, where it was created after this one.
    async fn later(
        &self,
        deployment: &Deployment,
        made_by: Option<&DeploymentId>,
    ) -> Result<Option<DeploymentId>, Failure> {
        let Some(other) = made_by.filter(|other| **other != deployment.id) else {
            return Ok(None);
        };
        let other = self.codedeploy.get_deployment(other).await.map(Some);
        let other = none_for_ever(other, "could not read the deployment")?;
        Ok(other
            .filter(|other| other.created_at > deployment.created_at)
            .map(|other| other.id))
    }

    /// The revision that a deployment shipped; none where its AppSpec cannot be read, now or ever.
    async fn shipped_revision(
        &self,
        deployment: &Deployment,
    ) -> Result<Option<RevisionArn>, Failure> {
        let revision = self.revision_of(deployment).await;
        none_for_ever(revision, "could not read the revision")
    }

    async fn ended_badly(
        &self,
        event: Event,
        pipeline: &Pipeline,
        deployment: &Deployment,
    ) -> Outcome {
        let mut ending = self.ending(deployment).await;
        self.add_reasons(pipeline, deployment, &mut ending).await;
        Outcome::ended_badly(event, pipeline, deployment, ending)
    }

    /// A rollback is told with the reason of what it rolled back; it is no success.
    async fn rolled_back(
        &self,
        pipeline: &Pipeline,
        rollback: &Deployment,
    ) -> Result<Outcome, Failure> {
        let failed = match &rollback.rolls_back {
            Some(id) => self.codedeploy.get_deployment(id).await?,
            None => rollback.clone(),
        };
        let mut ending = self.ending(&failed).await;
        self.add_reasons(pipeline, &failed, &mut ending).await;
        let service = self
            .ecs
            .describe_service(&pipeline.cluster, &pipeline.service)
            .await?;
        let running = TaskCount::of(&service);
        ending.revision = service
            .primary()
            .map(|task_set| task_set.revision.clone())
            .or(service.revision);
        if !running.is_down() {
            return Ok(Outcome::rolled_back(
                pipeline, &failed, rollback, running, ending,
            ));
        }
        // Why the deployment failed was told at its end; what matters now is why nothing runs.
        (ending.causes, ending.log) = (Vec::new(), Vec::new());
        self.add_reasons_of_revision(pipeline, &rollback.id, &mut ending)
            .await;
        Ok(Outcome::rolled_back_and_down(
            pipeline, &failed, rollback, running, ending,
        ))
    }

    /// How long each step took; a message without it is better than none.
    async fn ending(&self, deployment: &Deployment) -> Ending {
        let target = self.codedeploy.get_deployment_target(&deployment.id).await;
        let target = target
            .inspect_err(
                |failed| tracing::warn!(error = %failed, "could not read lifecycle events"),
            )
            .ok()
            .flatten();
        Ending {
            steps: target.as_ref().map(outcome::steps).unwrap_or_default(),
            ..Ending::default()
        }
    }

    /// Whatever ended the deployment, nobody waits for its migration any more. ECS may list a task some seconds after it was
    /// started; so where the deployment ended during its migration gate, one attempt is not enough. An error says that its
    /// migration perhaps still runs.
    async fn stop_migration(
        &self,
        pipeline: &Pipeline,
        deployment: &Deployment,
    ) -> Result<(), CallFailed> {
        let during_migration = pipeline.migration.is_some()
            && deployment.creator == Creator::Caller
            && deployment.status != DeploymentStatus::Succeeded;
        let may_run = during_migration && self.was_in_migration(&deployment.id).await;
        let attempts = if may_run { ATTEMPTS } else { 1 };
        let stopped = async {
            for attempt in 1..=attempts {
                if self.stop_running(pipeline, &deployment.id).await? || attempt == attempts {
                    break;
                }
                tokio::time::sleep(PAUSE).await;
            }
            Ok(())
        };
        stopped.await.or_else(|failed| {
            tracing::error!(deployment_id = %deployment.id, error = %failed, may_run, "migration not stopped");
            if may_run { Err(failed) } else { Ok(()) }
        })
    }

    /// Whether the deployment ended while AfterInstall was under way; it may have where that cannot be found out.
    async fn was_in_migration(&self, deployment: &DeploymentId) -> bool {
        let target = match self.codedeploy.get_deployment_target(deployment).await {
            Ok(target) => target,
            Err(failed) => {
                tracing::warn!(deployment_id = %deployment, error = %failed, "could not read lifecycle events");
                return true;
            }
        };
        let events = target.map(|target| target.lifecycle_events);
        events.into_iter().flatten().any(|event| {
            event.name == lifecycle::AFTER_INSTALL
                && event.started_at.is_some()
                && event.status != LifecycleEventStatus::Succeeded
        })
    }

    /// Nobody waits for the migration any more: what its schedule keeps is of no use. One that stays calls finish-migration, which
    /// deletes it.
    async fn delete_schedule(&self, deployment: &DeploymentId) {
        let name = migration::schedule_name(deployment);
        if let Err(failed) = self.scheduler.delete_schedule(&name).await {
            tracing::warn!(deployment_id = %deployment, error = %failed, "time-out not called off");
        }
    }

    async fn stop_running(
        &self,
        pipeline: &Pipeline,
        deployment: &DeploymentId,
    ) -> Result<bool, CallFailed> {
        let started_by = migration::started_by(deployment);
        let cluster = pipeline.cluster.as_str();
        let running = self
            .ecs
            .list_tasks(cluster, Tasks::RunningStartedBy(&started_by))
            .await?;
        for task in &running {
            self.ecs
                .stop_task(cluster, task, "its deployment has ended")
                .await?;
            tracing::info!(deployment_id = %deployment, task = %task, "migration stopped");
        }
        Ok(!running.is_empty())
    }
}

/// The end that an event tells of is the one that CodeDeploy states: an event proves nothing. One that is earlier than
/// GetDeployment's answer comes again.
fn state_of(deployment: &Deployment, told: DeploymentState) -> Result<DeploymentState, Failure> {
    if !told.is_end() {
        return Ok(told);
    }
    match deployment.status {
        DeploymentStatus::Succeeded => Ok(DeploymentState::Success),
        DeploymentStatus::Failed => Ok(DeploymentState::Failure),
        DeploymentStatus::Stopped => Ok(DeploymentState::Stop),
        DeploymentStatus::Created | DeploymentStatus::InProgress | DeploymentStatus::Ready => {
            Err(Failure::Refused(format!(
                "the event says that deployment `{}` has ended, and CodeDeploy says that it has not (hint: nothing to do where \
                 a later attempt succeeds)",
                deployment.id
            )))
        }
    }
}

/// What can be found out later is an error, so that the event is delivered again; what never can is nothing.
fn none_for_ever<T>(
    found: Result<Option<T>, CallFailed>,
    otherwise: &'static str,
) -> Result<Option<T>, Failure> {
    match found {
        Err(failed) if !failed.is_transient() => {
            tracing::warn!(error = %failed, "{otherwise}");
            Ok(None)
        }
        found => Ok(found?),
    }
}

fn nothing_to_report(change: &StateChange, reason: &str) -> Value {
    tracing::info!(deployment_id = %change.deployment, decision = "skip", reason, "nothing to report");
    json!({"deployment_id": change.deployment, "outcome": null, "reason": reason})
}
