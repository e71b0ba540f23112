//! The requests of one gate, and what must be true of the listener around them.

use std::cell::Cell;
use std::time::Duration;

use aws::elb::Elb;
use lambda::{Failure, Ran};
use reqwest::Url;
use rules::config::Traffic;
use rules::gate::Verdict;
use rules::listener_rule::{self, Addition, Asked};
use rules::names::{ListenerArn, ListenerRuleArn, TargetGroupArn};
use rules::observed::{Listener, ListenerRule};
use rules::task_log::TaskLog;
use rules::test_traffic::{self, Through};
use rustls::pki_types::CertificateDer;

use crate::prepared::Prepared;
use crate::requests::{Requests, authority};
use crate::stopwatch::Settling;

/// Between two calls for AWS's time, or for target health.
pub(crate) const PAUSE: Duration = Duration::from_secs(1);

/// The requests of one gate, through one listener.
pub(crate) struct Check<'a> {
    /// Reads listeners and their rules.
    pub(crate) elb: &'a Elb,
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
    /// The listener.
    pub(crate) listener: &'a ListenerArn,
    /// The rule of it that the engine points at green, where it is one and not the listener: requests are made to meet it.
    pub(crate) rule: Option<&'a ListenerRuleArn>,
    /// Whether a request was sent.
    pub(crate) ran: &'a Cell<Ran>,
}

impl Check<'_> {
    /// Until the settling time is over no request is sent: an answer before it may be blue's.
    pub(crate) async fn wait_until_settled(&self, settling: &mut Settling) -> Result<(), Failure> {
        while !settling.is_over() {
            tokio::time::sleep(PAUSE).await;
            // Only for its date: the load balancer's own clock counts, and the call costs nothing.
            let seen = self.elb.describe_target_health(self.green).await?;
            settling.observe(seen.answered_at);
        }
        Ok(())
    }

    /// Asks, where what is asked leads to green before and after.
    pub(crate) async fn ask(&self) -> Result<Verdict, Failure> {
        let traffic = self.traffic;
        let listener = self.elb.describe_listener(self.listener).await?;
        let base_url = match &traffic.base_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => test_traffic::url(&listener, self.through).map_err(Failure::Refused)?,
        };
        if let Some(why) = traffic.refuses(&base_url) {
            return Err(Failure::Refused(why));
        }
        let additions = match self.rule {
            Some(arn) => {
                let rule = self.elb.describe_rule(arn).await?;
                self.additions(&rule, &base_url).map_err(Failure::Refused)?
            }
            None => Vec::new(),
        };
        let added = self.requests.iter().zip(&additions);
        let added: Vec<Prepared<'_>> = added
            .map(|(request, addition)| request.with(addition))
            .collect::<Result<_, _>>()
            .map_err(Failure::Refused)?;
        let asked = if additions.is_empty() {
            self.requests
        } else {
            &added
        };
        // The rule is one, so that every request lacks the same name.
        let host = additions
            .iter()
            .find_map(|addition| addition.host.as_deref());
        let requests = Requests::new(
            self.through,
            &base_url,
            traffic.host.as_deref().or(host),
            self.authorities,
            // What stands before the load balancer is not known.
            match &traffic.base_url {
                Some(_) => None,
                None => Some(test_traffic::unreachable(&listener)),
            },
        );
        let requests = requests.await.map_err(Failure::Refused)?;
        requests
            .must_reach(&listener)
            .await
            .map_err(Failure::Refused)?;
        if let Err(elsewhere) = self.leads_to_green(&requests, asked, &listener).await? {
            return Ok(failed(elsewhere));
        }
        for request in asked {
            self.ran.set(Ran::Perhaps);
            if let Err(check_failed) = requests.ask(request).await {
                return Ok(failed(check_failed));
            }
        }
        // The listener may have been put back during the requests.
        if let Err(elsewhere) = self.leads_to_green(&requests, asked, &listener).await? {
            return Ok(failed(format!("after the requests {elsewhere}")));
        }
        Ok(Verdict::Succeeded(format!(
            "green is healthy and answered {} requests through the {} as wanted, at {} address(es) each",
            asked.len(),
            self.through.words(),
            requests.addresses()
        )))
    }

    /// What each request lacks to meet the rule.
    fn additions(&self, rule: &ListenerRule, base_url: &str) -> Result<Vec<Addition>, String> {
        let base = Url::parse(base_url)
            .map_err(|error| format!("`{base_url}` is not a valid URL: {error}"))?;
        let (authority, given) = (authority(&base), self.traffic.host.as_deref());
        let of = |prepared: &Prepared<'_>| {
            let path = prepared.path.split_once('?');
            let (path, query) =
                path.map_or((&*prepared.path, None), |(path, query)| (path, Some(query)));
            let method = prepared.method();
            let asked = Asked {
                method: method.as_str(),
                host: given.unwrap_or(&authority),
                path,
                query,
                headers: &prepared.asked(),
                wanted: &prepared.request.status,
            };
            listener_rule::addition(rule, asked, given, self.through)
        };
        self.requests.iter().map(of).collect()
    }

    /// Whether each request meets a rule that sends it to green alone, and the rule that the engine points at green is.
    async fn leads_to_green(
        &self,
        requests: &Requests,
        asked: &[Prepared<'_>],
        listener: &Listener,
    ) -> Result<Result<(), String>, Failure> {
        if let Some(arn) = self.rule {
            let rule = self.elb.describe_rule(arn).await?;
            let wanted = asked.first().map(|prepared| &prepared.request.status);
            let at_green = listener_rule::is_at_green(&rule, self.green, wanted, self.through);
            if at_green.is_err() {
                return Ok(at_green);
            }
        }
        let rules = self.rules(listener).await?;
        Ok(requests.lead_to(self.green, asked, &rules))
    }

    /// As they are now. A Network Load Balancer's listener has its default actions only.
    async fn rules(&self, listener: &Listener) -> Result<Vec<ListenerRule>, Failure> {
        if listener.has_rules() {
            return Ok(self.elb.describe_rules(self.listener).await?);
        }
        let listener = self.elb.describe_listener(self.listener).await?;
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
