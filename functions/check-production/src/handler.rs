//! Asks green through the production listener, and answers the hook.

use std::cell::Cell;

use aws::codedeploy::CodeDeploy;
use aws::ecs::Ecs;
use aws::elb::Elb;
use aws::sns::Sns;
use lambda::{Caller, Deadline, Failure, Hook, Messenger, Start};
use rules::codedeploy::Known;
use rules::codedeploy::lifecycle::Stage;
use rules::events::HookCall;
use rules::gate::{Gate, Verdict};
use rules::test_traffic::{self, Through, Wanted};
use serde_json::Value;
use traffic::{Check, Settling, green_of, group_of};

pub(crate) struct Handler {
    start: Start<()>,
    codedeploy: CodeDeploy,
    ecs: Ecs,
    elb: Elb,
    messenger: Messenger,
}

impl Handler {
    pub(crate) fn new(start: Start<()>, session: &aws::Session) -> Self {
        Self {
            start,
            codedeploy: CodeDeploy::new(session),
            ecs: Ecs::new(session),
            elb: Elb::new(session),
            messenger: Messenger::new(Sns::new(session)),
        }
    }

    pub(crate) async fn handle(&self, event: Value, deadline: Deadline) -> Result<Value, Failure> {
        let call = HookCall::parse(&event)?;
        let hook = Hook {
            gate: Gate::ProductionTraffic,
            caller: Caller::CodeDeploy {
                client: &self.codedeploy,
                deployment: &call.deployment_id,
                executions: std::slice::from_ref(&call.execution_id),
            },
            messenger: &self.messenger,
            deadline,
        };
        // Where AWS or the load balancer gave no answer, nothing is known against green.
        let may_have_run = Cell::new(false);
        hook.answer(&self.start, &may_have_run, |known| self.check(hook, known))
            .await
    }

    async fn check(&self, hook: Hook<'_>, known: Known) -> Result<Verdict, Failure> {
        let event = match hook.stage().await? {
            Stage::Waits(event) => event,
            // Answered all the same: if CodeDeploy's record lags, it waits for this call, and would for an hour. A call that is
            // forged holds no execution id that CodeDeploy knows.
            Stage::NotYet(why) => return Ok(Verdict::NothingRan(why)),
            // The event is over, and what is under way now is another gate's.
            Stage::NoMore(why) => {
                return Ok(Verdict::Ignored(format!(
                    "nothing waits for this gate: {why}"
                )));
            }
        };
        // The table may have been taken out of the file since the deployment was created.
        let Some(traffic) = &known.pipeline.production_traffic else {
            return Ok(Verdict::Succeeded(
                "the pipeline asks for no requests to production".to_owned(),
            ));
        };
        let service = self
            .ecs
            .describe_service(&known.pipeline.cluster, &known.pipeline.service)
            .await?;
        let green = green_of(&known, &service)?;
        // Of tasks that are only about to run the requests tell.
        if test_traffic::wanted(&service, green) == Wanted::Nothing {
            return Ok(Verdict::Succeeded(
                "nothing was checked: the service's desired count is 0".to_owned(),
            ));
        }
        let check = Check {
            codedeploy: &self.codedeploy,
            elb: &self.elb,
            known: &known,
            through: Through::ProductionListener,
            traffic,
            green: group_of(green)?,
        };
        let mut settling = Settling::new(event.started_at, traffic.settle);
        check.run(&mut settling).await
    }
}
