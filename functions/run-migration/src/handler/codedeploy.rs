//! A deployment of CodeDeploy's: the hook writes the migration down, starts it and returns, and `finish-migration` answers.
//!
//! The time-out schedule is made before there is a task: whatever dies in between, the schedule ends the wait, and it alone
//! says which task may answer the hook.

use std::slice;

use aws::ecs::{RunTaskAnswer, refused};
use lambda::{Caller, Deadline, Failure, Hook};
use rules::codedeploy::lifecycle::Stage;
use rules::codedeploy::{DeploymentStatus, Known, LifecycleEvent};
use rules::events::CodeDeployCall;
use rules::gate::{Gate, Verdict};
use rules::migration::{self, MigrationTask, TaskRun};
use rules::names::TaskArn;
use rules::observed::Task;
use rules::revision;
use serde_json::Value;

use super::Handler;
use super::record::{Seen, Written};

impl Handler {
    pub(super) async fn answer_codedeploy(
        &self,
        call: &CodeDeployCall,
        deadline: Deadline,
    ) -> Result<Value, Failure> {
        let hook = Hook {
            gate: Gate::Migration,
            caller: Caller::CodeDeploy {
                client: &self.codedeploy,
                deployment: &call.deployment_id,
                executions: slice::from_ref(&call.execution_id),
            },
            messenger: &self.messenger,
            deadline,
        };
        let seen = Seen::default();
        hook.answer(&self.start, &seen.ran, |known| {
            self.migrate(hook, call, known, &seen)
        })
        .await
    }

    async fn migrate(
        &self,
        hook: Hook<'_>,
        call: &CodeDeployCall,
        known: Known,
        seen: &Seen,
    ) -> Result<Verdict, Failure> {
        let deadline = hook.deadline;
        let pipeline = &known.pipeline;
        // A payload alone proves nothing, and must start nothing.
        let event = match hook.stage().await? {
            Stage::Waits(event) => event,
            Stage::NotYet(reason) => return Ok(Verdict::NothingRan(reason)),
            Stage::NoMore(reason) => return Ok(Verdict::TooLate(reason)),
        };
        // Only now: another hook's id would be answered with this gate's `Succeeded`.
        let Some(migration) = &pipeline.migration else {
            return Ok(Verdict::Succeeded(
                "the pipeline has no migration".to_owned(),
            ));
        };
        let service = self
            .ecs
            .describe_service(&pipeline.cluster, &pipeline.service)
            .await?;
        let task = migration::plan(migration, &call.deployment_id, &service);
        let mut task = task.map_err(|no_green| Failure::Refused(no_green.to_string()))?;
        // Another tool's deployment calls this hook as well, and its revision was not checked before.
        let definition = self
            .ecs
            .describe_task_definition(task.revision.as_str())
            .await?;
        let matching = revision::matching(pipeline, &definition)
            .map_err(|unusable| Failure::Refused(unusable.to_string()))?;
        let fits = migration::check(migration, &definition.task_definition, &matching);
        if let Err(unfit) = fits {
            return Ok(Verdict::NothingRan(unfit.to_string()));
        }
        let written = self
            .write_down(call, &known, &mut task, &definition, &event, seen)
            .await?;
        let started = match written {
            Written::Ready => match self
                .run_task(&known.pipeline.cluster, &task, &seen.ran)
                .await?
            {
                RunTaskAnswer::Started(started) => started,
                RunTaskAnswer::Refused(failures) => return Ok(seen.not_started(refused(&failures))),
                RunTaskAnswer::Taken(tasks) => {
                    match self.same(call, &known, &task, &tasks, seen).await? {
                        Ok(started) => started,
                        Err(verdict) => return Ok(verdict),
                    }
                }
            },
            Written::Running(task) => return Ok(runs_as(&task)),
            Written::Refused(reason) => return Ok(seen.not_started(reason)),
        };
        self.note(call, &known, &task, &event, &started, deadline)
            .await
    }

    /// The task that used the token up, where it is the migration of an older version.
    async fn same(
        &self,
        call: &CodeDeployCall,
        known: &Known,
        task: &MigrationTask,
        tasks: &[TaskArn],
        seen: &Seen,
    ) -> Result<Result<Task, Verdict>, Failure> {
        let cluster = known.pipeline.cluster.as_str();
        let described = self.ecs.describe_tasks(cluster, tasks).await?;
        let Some(described) = described.into_iter().next() else {
            let reason = "another request has used the migration's client token, and ECS does not know its task (any more)";
            return Ok(Err(seen.not_started(reason.to_owned())));
        };
        let executions = std::slice::from_ref(&call.execution_id);
        let (id, runs) = (&call.deployment_id, TaskRun::from(task));
        let differs = migration::differences(&described, id, cluster, &runs, executions);
        if differs.is_empty() {
            return Ok(Ok(described));
        }
        // Every request for the migration has this token, so that none of them was the one that started a task.
        Ok(Err(Verdict::NothingRan(format!(
            "another caller started the task {} with the migration's client token: {}",
            described.arn.id(),
            differs.join(", ")
        ))))
    }

    /// Writes down which task it is, and sees to it that it does not outlive its deployment: that may have ended, and
    /// report-outcome looked for migrations, before this one was there.
    async fn note(
        &self,
        call: &CodeDeployCall,
        known: &Known,
        task: &MigrationTask,
        event: &LifecycleEvent,
        started: &Task,
        deadline: Deadline,
    ) -> Result<Verdict, Failure> {
        // What fails in passing is tried again: RunTask then answers with the same task.
        let status = match self.codedeploy.get_deployment(&call.deployment_id).await {
            Ok(deployment) => Some(deployment.status),
            Err(failed) if failed.is_transient() => return Err(failed.into()),
            Err(failed) => {
                tracing::warn!(error = %failed, "could not read the deployment again");
                None
            }
        };
        if status.is_some_and(DeploymentStatus::has_ended) {
            self.stop(started, "its deployment has ended", deadline)
                .await;
            return Ok(Verdict::TooLate(format!(
                "deployment `{}` has ended while its migration was started",
                call.deployment_id
            )));
        }
        match self.write_task(call, known, task, event, started).await {
            Ok(()) => Ok(runs_as(&started.arn)),
            Err(Failure::Aws(failed)) if failed.is_transient() => Err(failed.into()),
            Err(failure) => {
                let reason = "it could not be written down which task it is";
                self.stop(started, reason, deadline).await;
                Err(failure)
            }
        }
    }
}

fn runs_as(task: &TaskArn) -> Verdict {
    Verdict::Later(format!("the migration runs as task {}", task.id()))
}
