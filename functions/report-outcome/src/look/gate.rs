//! The production gate after a rolling update: its outcome is told when the gate has been held, so `check-production` is called first.
//!
//! No event is certain, so each look makes the same schedule until the gate is held: its name comes from the deployment, and one that is
//! there already stays. A `check-production` that was killed is called again by the next look.

use aws::scheduler::Schedule;
use lambda::Failure;
use rules::ecs::report::{self, Observed, Telling, What};
use rules::events::GateCall;
use rules::rolling;

use super::Looking;
use crate::handler::Handler;

/// Whether something is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IsToBeTold {
    Now,
    /// When the gate has been held, and the service has gone back where it has to.
    Later,
    /// Something else that is told says it, too.
    Never,
}

impl Handler {
    pub(super) async fn is_to_be_told(
        &self,
        looking: &Looking<'_>,
        observed: &Observed,
        what: &What,
    ) -> Result<IsToBeTold, Failure> {
        match report::telling(observed, what) {
            Telling::Now => Ok(IsToBeTold::Now),
            Telling::AfterTheWayBack => Ok(IsToBeTold::Later),
            Telling::AfterTheGate => self.have_it_judged(looking, observed).await,
            Telling::Never => {
                self.mark_untold(looking, observed, what).await?;
                Ok(IsToBeTold::Never)
            }
        }
    }

    /// Has `check-production` called. Where that has led to nothing for an hour, people are told so.
    async fn have_it_judged(
        &self,
        looking: &Looking<'_>,
        observed: &Observed,
    ) -> Result<IsToBeTold, Failure> {
        let (started, deployment) = (looking.started, &observed.deployment);
        let settings = &started.settings;
        let name = report::gate(&settings.stack, &deployment.arn);
        // Scheduler's clock is the one by which its schedules are due.
        let found = self.scheduler.get_schedule(&name).await?;
        let Some(now) = found.asked_at else {
            return Ok(IsToBeTold::Later);
        };
        if rolling::is_given_up(deployment, now) {
            return Ok(IsToBeTold::Now);
        }
        let call = GateCall {
            cluster: looking.change.cluster.clone(),
            service: looking.change.service.clone(),
            deployment: deployment.arn.clone(),
        };
        let function = format!("CodeDeployHook_{}_check-production", settings.stack);
        let schedule = Schedule {
            name,
            at: now + Schedule::AT_ONCE,
            target_arn: settings.topic.function(&function),
            role_arn: started.extra.schedule_role_arn.clone(),
            input: call.input().to_string(),
            description: format!("Has production of {} asked", looking.place()),
        };
        self.scheduler.create_passing(&schedule).await?;
        tracing::info!(deployment_id = %deployment.arn.id(), decision = "judge", "production is asked before the outcome is told");
        Ok(IsToBeTold::Later)
    }

    /// The end of a way back is written down all the same: when what it went back from is out of sight, it would be told by itself.
    async fn mark_untold(
        &self,
        looking: &Looking<'_>,
        observed: &Observed,
        what: &What,
    ) -> Result<(), Failure> {
        match what {
            What::Ended(_) => {}
            What::Started | What::Overdue | What::Waits(_) => return Ok(()),
        }
        let revision = &observed.target.revision.revision;
        let told = report::Told::of(&observed.target.definition, &looking.started.settings.stack);
        let value = told.with(what, &observed.deployment.arn);
        self.ecs
            .tag_task_definition(revision, what.tag(), &value)
            .await?;
        Ok(())
    }
}
