//! A deployment of CodeDeploy's: green is a task set, and the deployment group names the listeners.

use std::cell::Cell;
use std::slice;

use lambda::{Caller, Deadline, Failure, Hook, Ran};
use rules::codedeploy::Known;
use rules::codedeploy::lifecycle::Stage;
use rules::events::CodeDeployCall;
use rules::gate::Verdict;
use rules::names::TargetGroupArn;
use rules::observed::{Service, TaskSet};
use rules::test_traffic::{self, Health, Through, Wanted};
use serde_json::Value;

use crate::check::{Check, PAUSE, failed};
use crate::handler::Handler;
use crate::prepared::Prepared;
use crate::stopwatch::{Settling, Stopwatch};

/// What became of the wait for green's targets.
enum Green {
    /// All of them are healthy, in this group.
    Healthy(TargetGroupArn),
    Unhealthy(String),
    /// The desired count is 0.
    NotWanted,
}

impl<T> Handler<T> {
    pub(crate) async fn answer_codedeploy(
        &self,
        call: &CodeDeployCall,
        deadline: Deadline,
    ) -> Result<Value, Failure> {
        let hook = Hook {
            gate: self.through.gate(),
            caller: Caller::CodeDeploy {
                client: &self.codedeploy,
                deployment: &call.deployment_id,
                executions: slice::from_ref(&call.execution_id),
            },
            messenger: &self.messenger,
            deadline,
        };
        // Before the first request nothing is known against green.
        let ran = Cell::new(Ran::Unknown);
        // On the heap: the compiler computes the layout of what is nested in one another to a limited depth.
        let answer = hook.answer(&self.start, &ran, |known| self.check(hook, known, &ran));
        Box::pin(answer).await
    }

    async fn check(
        &self,
        hook: Hook<'_>,
        known: Known,
        ran: &Cell<Ran>,
    ) -> Result<Verdict, Failure> {
        let pipeline = &known.pipeline;
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
        let Some(traffic) = self.traffic(pipeline) else {
            return Ok(self.not_configured());
        };
        // First, because a secret that cannot be read is no reason to wait.
        let requests = Prepared::all(traffic, &self.secrets).await?;
        let mut settling = Settling::new(event.started_at, traffic.settle);
        let green = match self.wait_until_healthy(&known, &mut settling).await? {
            Green::Healthy(green) => green,
            Green::Unhealthy(why) => {
                let seconds = pipeline.test_traffic.healthy_within.as_secs();
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
        if requests.is_empty() {
            return Ok(Verdict::Succeeded(
                "green is healthy; the pipeline asks for no requests".to_owned(),
            ));
        }
        let group = self
            .codedeploy
            .get_deployment_group(
                &pipeline.codedeploy.application,
                &pipeline.codedeploy.deployment_group,
            )
            .await?;
        let listener = match self.through {
            Through::TestListener => &group.test_listener,
            Through::ProductionListener => &group.production_listener,
        };
        let listener = listener.as_ref().ok_or_else(|| {
            let words = self.through.words();
            Failure::Refused(format!("the deployment group has no {words}"))
        })?;
        let check = Check {
            elb: &self.elb,
            through: self.through,
            traffic,
            requests: &requests,
            authorities: self.authorities(traffic),
            green: &green,
            listener,
            rule: None,
            ran,
        };
        check.wait_until_settled(&mut settling).await?;
        check.ask().await
    }

    /// Reads the service anew each time: it may be scaled meanwhile. After the shift as before it: more targets than green has
    /// tasks would answer for it.
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

fn green_of<'a>(known: &Known, service: &'a Service) -> Result<&'a TaskSet, Failure> {
    service.green(&known.deployment.id).ok_or_else(|| {
        Failure::Refused(format!(
            "service `{}/{}` has no task set of this deployment",
            known.pipeline.cluster, known.pipeline.service
        ))
    })
}

fn group_of(green: &TaskSet) -> Result<&TargetGroupArn, Failure> {
    green
        .load_balancer
        .as_ref()
        .and_then(|load_balancer| load_balancer.target_group.as_ref())
        .ok_or_else(|| Failure::Refused(format!("task set `{}` has no target group", green.id)))
}
