//! Observes green, plans the migration task and runs it, for the hook of either engine.

mod codedeploy;
mod native;
mod record;

use std::cell::Cell;
use std::time::Duration;

use aws::codedeploy::CodeDeploy;
use aws::ecs::{Ecs, RunTaskAnswer};
use aws::logs::Logs;
use aws::scheduler::Scheduler;
use aws::{CallFailed, Kind, Patience};
use lambda::{Deadline, Failure, Messenger, Ran, Start};
use rules::environment::TimeOutSchedule;
use rules::events::HookCall;
use rules::migration::MigrationTask;
use rules::migration::verdict::Stopped;
use rules::names::ClusterName;
use rules::observed::Task;
use serde_json::Value;
use tokio::time::Instant;

/// How long StopTask is repeated for a task that ECS does not know yet, and the pause between.
const STOPPING: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_secs(1);

pub(crate) struct Handler {
    start: Start<TimeOutSchedule>,
    codedeploy: CodeDeploy,
    ecs: Ecs,
    logs: Logs,
    scheduler: Scheduler,
    messenger: Messenger,
}

impl Handler {
    pub(crate) fn new(start: Start<TimeOutSchedule>, session: &aws::Session) -> Self {
        Self {
            start,
            codedeploy: CodeDeploy::new(session),
            ecs: Ecs::new(session),
            logs: Logs::new(session),
            scheduler: Scheduler::new(session),
            messenger: Messenger::new(session),
        }
    }

    pub(crate) async fn handle(&self, event: Value, deadline: Deadline) -> Result<Value, Failure> {
        match HookCall::parse(&event)? {
            HookCall::CodeDeploy(call) => self.answer_codedeploy(&call, deadline).await,
            HookCall::Ecs(call) => Ok(self.answer_ecs(&call, deadline).await),
        }
    }

    /// Until ECS refuses the call, a task may run.
    async fn run_task(
        &self,
        cluster: &ClusterName,
        task: &MigrationTask,
        ran: &Cell<Ran>,
    ) -> Result<RunTaskAnswer, CallFailed> {
        let before = ran.replace(Ran::Perhaps);
        let sent = Instant::now();
        let answer = self.ecs.run_task(cluster, task).await;
        // The SDK sends a call again that is not answered in time: what refuses it then says nothing of what came of it before.
        let was_unanswered = sent.elapsed() >= Patience::STANDARD.attempt;
        let is_refused = match &answer {
            Ok(RunTaskAnswer::Refused(_)) => true,
            Ok(RunTaskAnswer::Started(_) | RunTaskAnswer::Taken(_)) => false,
            Err(failed) => match failed.kind {
                Kind::Throttled
                | Kind::Denied
                | Kind::NotFound
                | Kind::Conflict
                | Kind::LimitExceeded
                | Kind::Invalid => !was_unanswered,
                Kind::Unavailable | Kind::Unexpected => false,
            },
        };
        if is_refused {
            ran.set(before);
        }
        answer
    }

    /// Stops a task that was just started. ECS may not know it yet, and then refuses the request itself.
    async fn stop(&self, task: &Task, reason: &str, deadline: Deadline) -> Stopped {
        let until = Instant::now() + STOPPING.min(deadline.for_work());
        loop {
            let stopped = self.ecs.stop_task(&task.cluster, &task.arn, reason).await;
            let Err(failed) = stopped else {
                return Stopped::Yes;
            };
            let may_pass =
                failed.is_transient() || matches!(failed.kind, Kind::Invalid | Kind::NotFound);
            if !may_pass || Instant::now() + PAUSE >= until {
                tracing::error!(error = %failed, task = %task.arn, "migration not stopped");
                return Stopped::No;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}
