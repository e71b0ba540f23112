//! Observes green through AWS and through a listener, and answers the hook.

use std::cell::Cell;
use std::time::Duration;

use aws::codedeploy::CodeDeploy;
use aws::ecs::Ecs;
use aws::elb::Elb;
use aws::secrets_manager::SecretsManager;
use aws::sns::Sns;
use lambda::{Caller, Deadline, Failure, Hook, Messenger, Ran, Start};
use rules::codedeploy::Known;
use rules::codedeploy::lifecycle::Stage;
use rules::config::Traffic;
use rules::events::HookCall;
use rules::gate::Verdict;
use rules::names::TargetGroupArn;
use rules::observed::{Service, TaskSet};
use rules::test_traffic::{self, Health, Through, Wanted};
use rustls::pki_types::CertificateDer;
use serde_json::Value;

use crate::check::{Check, failed};
use crate::prepared::Prepared;
use crate::stopwatch::{Settling, Stopwatch};

/// Between two calls for target health.
const PAUSE: Duration = Duration::from_secs(1);

/// A gate's function: it answers the hook when green is healthy and has answered.
pub struct Handler {
    through: Through,
    start: Start<()>,
    codedeploy: CodeDeploy,
    ecs: Ecs,
    elb: Elb,
    secrets: SecretsManager,
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
    /// The gate that asks through this listener.
    pub fn new(through: Through, start: Start<()>, session: &aws::Session) -> Self {
        Self {
            through,
            start,
            codedeploy: CodeDeploy::new(session),
            ecs: Ecs::new(session),
            elb: Elb::new(session),
            secrets: SecretsManager::new(session),
            messenger: Messenger::new(Sns::new(session)),
        }
    }

    /// Handles one call of the hook.
    ///
    /// # Errors
    /// It is no call of a hook, or its answer did not reach CodeDeploy.
    pub async fn handle(&self, event: Value, deadline: Deadline) -> Result<Value, Failure> {
        let call = HookCall::parse(&event)?;
        let hook = Hook {
            gate: self.through.gate(),
            caller: Caller::CodeDeploy {
                client: &self.codedeploy,
                deployment: &call.deployment_id,
                executions: std::slice::from_ref(&call.execution_id),
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
        let traffic = match self.through {
            Through::TestListener => Some(&pipeline.test_traffic.checks),
            Through::ProductionListener => pipeline.production_traffic.as_ref(),
        };
        // The table may have been taken out of the file since the deployment was created.
        let Some(traffic) = traffic else {
            return Ok(Verdict::Succeeded(format!(
                "the pipeline has no `{}`",
                self.through.setting()
            )));
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
        let check = Check {
            codedeploy: &self.codedeploy,
            elb: &self.elb,
            pipeline,
            through: self.through,
            traffic,
            requests: &requests,
            authorities: self.authorities(traffic),
            green: &green,
            ran,
        };
        check.run(&mut settling).await
    }

    /// Of the file that the gate names. A function that could not read it has no configuration, and has answered.
    fn authorities(&self, traffic: &Traffic) -> &[CertificateDer<'static>] {
        let started = self.start.as_ref().ok();
        let file = traffic.ca.as_ref();
        let found = started
            .zip(file)
            .and_then(|(started, file)| started.authorities.get(file));
        found.map(Vec::as_slice).unwrap_or_default()
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
