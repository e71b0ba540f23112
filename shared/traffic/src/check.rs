//! The requests of one gate, and what must be true of the listener around them.

use std::cell::Cell;
use std::time::Duration;

use aws::codedeploy::CodeDeploy;
use aws::elb::Elb;
use lambda::{Failure, Ran};
use rules::config::{Pipeline, Traffic};
use rules::gate::Verdict;
use rules::listener_rule;
use rules::names::{ListenerArn, TargetGroupArn};
use rules::observed::{Listener, ListenerRule};
use rules::task_log::TaskLog;
use rules::test_traffic::{self, Through};
use rustls::pki_types::CertificateDer;

use crate::prepared::Prepared;
use crate::requests::Requests;
use crate::stopwatch::Settling;

/// Between two calls for AWS's time.
const PAUSE: Duration = Duration::from_secs(1);

/// The requests of one gate.
pub(crate) struct Check<'a> {
    /// Reads the deployment group.
    pub(crate) codedeploy: &'a CodeDeploy,
    /// Reads listeners and their rules.
    pub(crate) elb: &'a Elb,
    /// The pipeline that asks.
    pub(crate) pipeline: &'a Pipeline,
    /// Which listener is asked.
    pub(crate) through: Through,
    /// What is asked.
    pub(crate) traffic: &'a Traffic,
    /// It, with what it carries.
    pub(crate) requests: &'a [Prepared<'a>],
    /// Whose certificates count beside those of the public authorities.
    pub(crate) authorities: &'a [CertificateDer<'static>],
    /// Green's target group.
    pub(crate) green: &'a TargetGroupArn,
    /// Whether a request was sent.
    pub(crate) ran: &'a Cell<Ran>,
}

impl Check<'_> {
    /// Waits for the settling time, and asks.
    pub(crate) async fn run(&self, settling: &mut Settling) -> Result<Verdict, Failure> {
        self.wait_until_settled(settling).await?;
        self.ask().await
    }

    /// Until the settling time is over no request is sent: an answer before it may be blue's.
    async fn wait_until_settled(&self, settling: &mut Settling) -> Result<(), Failure> {
        while !settling.is_over() {
            tokio::time::sleep(PAUSE).await;
            // Only for its date: the load balancer's own clock counts, and the call costs nothing.
            let seen = self.elb.describe_target_health(self.green).await?;
            settling.observe(seen.answered_at);
        }
        Ok(())
    }

    async fn ask(&self) -> Result<Verdict, Failure> {
        let (pipeline, traffic, green) = (self.pipeline, self.traffic, self.green);
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
        let Some(arn) = listener else {
            return Err(Failure::Refused(format!(
                "the deployment group has no {}",
                self.through.words()
            )));
        };
        let listener = self.elb.describe_listener(arn).await?;
        let base_url = match &traffic.base_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => test_traffic::url(&listener, self.through).map_err(Failure::Refused)?,
        };
        if let Some(why) = traffic.refuses(&base_url) {
            return Err(Failure::Refused(why));
        }
        // What stands before the load balancer is not known.
        let if_unreachable = match &traffic.base_url {
            Some(_) => None,
            None => Some(test_traffic::unreachable(&listener)),
        };
        let host = traffic.host.as_deref();
        let requests = Requests::new(
            self.through,
            &base_url,
            host,
            self.authorities,
            if_unreachable,
        );
        let requests = requests.await.map_err(Failure::Refused)?;
        requests
            .must_reach(&listener)
            .await
            .map_err(Failure::Refused)?;
        let rules = self.rules(arn, &listener).await?;
        if let Err(elsewhere) = requests.lead_to(green, self.requests, &rules) {
            return Ok(failed(elsewhere));
        }
        for request in self.requests {
            self.ran.set(Ran::Perhaps);
            if let Err(check_failed) = requests.ask(request).await {
                return Ok(failed(check_failed));
            }
        }
        // The listener may have been put back during the requests.
        let rules = self.rules(arn, &listener).await?;
        if let Err(elsewhere) = requests.lead_to(green, self.requests, &rules) {
            return Ok(failed(format!("after the requests {elsewhere}")));
        }
        Ok(Verdict::Succeeded(format!(
            "green is healthy and answered {} requests through the {} as wanted, at {} address(es) each",
            traffic.requests.len(),
            self.through.words(),
            requests.addresses()
        )))
    }

    /// As they are now. A Network Load Balancer's listener has its default actions only.
    async fn rules(
        &self,
        arn: &ListenerArn,
        listener: &Listener,
    ) -> Result<Vec<ListenerRule>, Failure> {
        if listener.has_rules() {
            return Ok(self.elb.describe_rules(arn).await?);
        }
        let listener = self.elb.describe_listener(arn).await?;
        Ok(vec![listener_rule::default_of(&listener)])
    }
}

/// The verdict of a gate that failed for this reason.
pub(crate) fn failed(reason: String) -> Verdict {
    Verdict::Failed {
        reason,
        log: TaskLog::default(),
    }
}
