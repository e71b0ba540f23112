//! Observes green through AWS and through the test listener, and answers the hook.

use std::time::Duration;

use aws::codedeploy::CodeDeploy;
use aws::ecs::Ecs;
use aws::elb::Elb;
use aws::sns::Sns;
use lambda::{Deadline, Failure, Gate, Hook, Known, Messenger, Start, Verdict};
use rules::config::TestTraffic;
use rules::events::HookCall;
use rules::names::TargetGroupArn;
use rules::observed::{DeploymentGroup, TaskSet};
use rules::test_traffic::{self, Health};
use serde_json::Value;
use tokio::time::Instant;

use crate::requests::Requests;

/// Between two looks at target health.
const PAUSE: Duration = Duration::from_secs(1);

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
            gate: Gate::TestTraffic,
            call: &call,
            codedeploy: &self.codedeploy,
            messenger: &self.messenger,
            deadline,
        };
        hook.answer(&self.start, |known| self.check(known)).await
    }

    async fn check(&self, known: Known) -> Result<Verdict, Failure> {
        let Known {
            pipeline,
            deployment,
        } = &known;
        let gate = &pipeline.test_traffic;
        let (service, group) = tokio::try_join!(
            self.ecs
                .describe_service(&pipeline.cluster, &pipeline.service),
            self.codedeploy
                .get_deployment_group(&pipeline.application, &pipeline.deployment_group),
        )?;
        let green = service.green(&deployment.id).ok_or_else(|| {
            Failure::Refused(format!(
                "service `{}/{}` has no task set of this deployment",
                pipeline.cluster, pipeline.service
            ))
        })?;
        if let Health::NotYet(why) = self.wait_until_healthy(gate, green).await? {
            let reason = format!(
                "green was not healthy within {} seconds: {why}",
                gate.healthy_within.as_secs()
            );
            return Ok(failed(reason));
        }
        if gate.requests.is_empty() {
            return Ok(Verdict::Succeeded(
                "green is healthy; the pipeline asks for no requests".to_owned(),
            ));
        }
        self.ask(gate, &group).await
    }

    async fn wait_until_healthy(
        &self,
        gate: &TestTraffic,
        green: &TaskSet,
    ) -> Result<Health, Failure> {
        let target_group: &TargetGroupArn = green
            .load_balancer
            .as_ref()
            .and_then(|load_balancer| load_balancer.target_group.as_ref())
            .ok_or_else(|| {
                Failure::Refused(format!("task set `{}` has no target group", green.id))
            })?;
        let wanted = usize::try_from(green.computed_desired_count).unwrap_or_default();
        let until = Instant::now() + gate.healthy_within;
        loop {
            let targets = self.elb.describe_target_health(target_group).await?;
            let health = test_traffic::health(&targets, wanted);
            if health == Health::Healthy || Instant::now() + PAUSE > until {
                return Ok(health);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn ask(&self, gate: &TestTraffic, group: &DeploymentGroup) -> Result<Verdict, Failure> {
        let base_url = match (&gate.base_url, &group.test_listener) {
            (Some(url), _) => url.trim_end_matches('/').to_owned(),
            (None, Some(listener)) => {
                test_traffic::url(&self.elb.describe_listener(listener).await?)
            }
            (None, None) => {
                return Err(Failure::Refused(
                    "the deployment group has no test listener".to_owned(),
                ));
            }
        };
        let requests = Requests::new(&base_url, gate.host.as_deref())
            .await
            .map_err(Failure::Refused)?;
        for request in &gate.requests {
            if let Err(unwell) = requests.ask(request).await {
                return Ok(failed(unwell.to_string()));
            }
        }
        Ok(Verdict::Succeeded(format!(
            "green is healthy and answered {} requests as wanted",
            gate.requests.len()
        )))
    }
}

fn failed(reason: String) -> Verdict {
    Verdict::Failed {
        reason,
        log: Vec::new(),
    }
}
