//! One state change of a deployment: what people are told about it.

use aws::CallFailed;
use aws::codedeploy::CodeDeploy;
use aws::ecs::{Ecs, Tasks};
use aws::logs::Logs;
use aws::sns::Sns;
use lambda::{Failure, Messenger, Start};
use rules::config::{Config, Pipeline};
use rules::events::{DeploymentState, StateChange};
use rules::migration;
use rules::names::DeploymentId;
use rules::observed::{Creator, Deployment, DeploymentStatus};
use rules::outcome::{self, Ending, Event, Outcome};
use serde_json::{Value, json};

pub(crate) struct Handler {
    start: Start<()>,
    pub(crate) codedeploy: CodeDeploy,
    pub(crate) ecs: Ecs,
    pub(crate) logs: Logs,
    messenger: Messenger,
}

impl Handler {
    pub(crate) fn new(start: Start<()>, session: &aws::Session) -> Self {
        Self {
            start,
            codedeploy: CodeDeploy::new(session),
            ecs: Ecs::new(session),
            logs: Logs::new(session),
            messenger: Messenger::new(Sns::new(session)),
        }
    }

    pub(crate) async fn handle(&self, event: Value) -> Result<Value, Failure> {
        let started = self.start.as_ref().map_err(Failure::from)?;
        let change = StateChange::parse(&event)?;
        let outcome = match self.of(&started.config, &change) {
            Ok(pipeline) => {
                let deployment = self.codedeploy.get_deployment(&change.deployment).await?;
                if change.state.is_end() {
                    self.stop_migration(pipeline, &deployment.id).await;
                }
                self.outcome(pipeline, &deployment, change.state).await?
            }
            Err(reason) => Err(reason),
        };
        match outcome {
            Ok(outcome) => {
                self.messenger.publish(&started.settings, &outcome).await;
                let code = outcome.event.code();
                tracing::info!(deployment_id = %change.deployment, decision = "publish", outcome = code, summary = outcome.summary, "outcome reported");
                Ok(
                    json!({"deployment_id": change.deployment, "outcome": code, "summary": outcome.summary}),
                )
            }
            Err(reason) => {
                tracing::info!(deployment_id = %change.deployment, decision = "skip", reason, "nothing to report");
                Ok(json!({"deployment_id": change.deployment, "outcome": null, "reason": reason}))
            }
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
        let ending = self.ending(deployment).await;
        let service = self
            .ecs
            .describe_service(&pipeline.cluster, &pipeline.service)
            .await?;
        let runs = service
            .primary()
            .map(|task_set| &task_set.revision)
            .or(service.revision.as_ref())
            .cloned();
        Ok(match (runs, self.revision_of(deployment).await?) {
            (Some(runs), Some(shipped)) if runs != shipped => Outcome::not_running(
                pipeline,
                deployment,
                &runs,
                Ending {
                    revision: Some(shipped),
                    ..ending
                },
            ),
            (runs, shipped) => Outcome::shipped(
                pipeline,
                deployment,
                Ending {
                    revision: shipped.or(runs),
                    ..ending
                },
            ),
        })
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
        ending.revision = service
            .primary()
            .map(|task_set| task_set.revision.clone())
            .or(service.revision);
        Ok(Outcome::rolled_back(pipeline, &failed, rollback, ending))
    }

    /// How long each step took; a message without it is better than none.
    async fn ending(&self, deployment: &Deployment) -> Ending {
        let target = self.codedeploy.get_deployment_target(&deployment.id).await;
        let target = target
            .inspect_err(|failed| tracing::warn!(error = %failed, "steps not found out"))
            .ok()
            .flatten();
        Ending {
            steps: target.as_ref().map(outcome::steps).unwrap_or_default(),
            ..Ending::default()
        }
    }

    /// Whatever ended the deployment, nobody waits for its migration any more.
    async fn stop_migration(&self, pipeline: &Pipeline, deployment: &DeploymentId) {
        let stop = async {
            let started_by = format!("{}{deployment}", migration::STARTED_BY);
            let cluster = pipeline.cluster.as_str();
            let running = self
                .ecs
                .list_tasks(cluster, Tasks::RunningStartedBy(&started_by))
                .await?;
            for task in running {
                self.ecs
                    .stop_task(cluster, &task, "its deployment has ended")
                    .await?;
                tracing::info!(deployment_id = %deployment, task = %task, "migration stopped");
            }
            Ok::<(), CallFailed>(())
        };
        if let Err(failed) = stop.await {
            tracing::error!(deployment_id = %deployment, error = %failed, "migration not stopped");
        }
    }
}
