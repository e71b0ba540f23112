//! Observes green through AWS and through the test listener, and answers the hook.

use std::cell::Cell;
use std::time::Duration;

use aws::codedeploy::CodeDeploy;
use aws::ecs::Ecs;
use aws::elb::Elb;
use aws::sns::Sns;
use lambda::{Caller, Deadline, Failure, Hook, Messenger, Start};
use rules::codedeploy::Known;
use rules::codedeploy::lifecycle::Stage;
use rules::events::HookCall;
use rules::gate::{Gate, Verdict};
use rules::names::TargetGroupArn;
use rules::test_traffic::{self, Health, Through, Wanted};
use serde_json::Value;
use traffic::{Check, Settling, Stopwatch, failed, green_of, group_of};

/// Between two calls for target health.
const PAUSE: Duration = Duration::from_secs(1);

pub(crate) struct Handler {
    start: Start<()>,
    codedeploy: CodeDeploy,
    ecs: Ecs,
    elb: Elb,
    messenger: Messenger,
}

/// What became of the wait for green's targets.
enum Green {
    /// All of them are healthy, in this group.
    Healthy(TargetGroupArn),
    Unhealthy(String),
    /// The desired count is 0.
    NotWanted,
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
            gate: Gate::TestTraffic,
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
        let gate = &known.pipeline.test_traffic;
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
        let mut settling = Settling::new(event.started_at, gate.checks.settle);
        let green = match self.wait_until_healthy(&known, &mut settling).await? {
            Green::Healthy(green) => green,
            Green::Unhealthy(why) => {
                let seconds = gate.healthy_within.as_secs();
                return Ok(failed(format!(
                    "green was not healthy within {seconds} seconds: {why}"
                )));
            }
            Green::NotWanted => {
                return Ok(Verdict::Succeeded(
                    "nothing was checked: the service's desired count is 0".to_owned(),
                ));
            }
        };
        if gate.checks.requests.is_empty() {
            return Ok(Verdict::Succeeded(
                "green is healthy; the pipeline asks for no requests".to_owned(),
            ));
        }
        let check = Check {
            codedeploy: &self.codedeploy,
            elb: &self.elb,
            known: &known,
            through: Through::TestListener,
            traffic: &gate.checks,
            green: &green,
        };
        check.run(&mut settling).await
    }

    /// Reads the service anew each time: it may be scaled meanwhile.
    async fn wait_until_healthy(
        &self,
        known: &Known,
        settling: &mut Settling,
    ) -> Result<Green, Failure> {
        let Known {
            pipeline,
            deployment,
        } = known;
        let mut stopwatch = Stopwatch::start();
        loop {
            let service = self
                .ecs
                .describe_service(&pipeline.cluster, &pipeline.service)
                .await?;
            let green = green_of(known, &service)?;
            let group = group_of(green)?;
            let wanted = test_traffic::wanted(&service, green);
            if wanted == Wanted::Nothing {
                return Ok(Green::NotWanted);
            }
            let seen = self.elb.describe_target_health(group).await?;
            settling.observe(seen.answered_at);
            let health = match wanted {
                Wanted::Targets(tasks) => test_traffic::health(&seen.targets, tasks),
                Wanted::NotYet(why) => Health::NotYet(why),
                Wanted::Nothing => return Ok(Green::NotWanted),
            };
            let passed = stopwatch.passed(seen.answered_at);
            match health {
                Health::Healthy => return Ok(Green::Healthy(group.clone())),
                Health::NotYet(why) if passed + PAUSE > pipeline.test_traffic.healthy_within => {
                    return Ok(Green::Unhealthy(why));
                }
                Health::NotYet(why) => {
                    tracing::debug!(deployment_id = %deployment.id, why, "green is not healthy yet");
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}
