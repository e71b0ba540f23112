//! Stickiness between the target groups of an action: a cookie comes before the weights, weight 0 included, and before the health of
//! targets (ELB User Guide, "Sticky sessions for your Application Load Balancer"; AWS re:Post, "alb to automatically redirect traffic").
//! AWS encrypts what the cookie says. That each answer renews it is inferred from the cookie of a target group's own stickiness. What
//! ECS and CodeDeploy make of it when they write weights is not documented: here it stays.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::http::{HeaderMap, HeaderValue, header};

use crate::elb::LoadBalancers;
use crate::elb::forward::Distribution;
use crate::elb::rule_arn::whole_listener;
use crate::identity::sha256_hex;

/// The cookie of an action with several target groups.
const COOKIE: &str = "AWSALBTG";

impl LoadBalancers {
    /// Changes for how long a rule keeps clients, a listener's default one included.
    pub fn set_stickiness(&self, rule_arn: &str, sticks_for: Option<Duration>) {
        let mut state = self.inner.lock();
        for listener in &mut state.listeners {
            if whole_listener(&listener.arn) == rule_arn {
                listener.sticks_for = sticks_for;
            }
            let mut rules = listener.rules.iter_mut();
            if let Some(rule) = rules.find(|rule| rule.arn == rule_arn) {
                rule.sticks_for = sticks_for;
            }
        }
    }
}

/// The target group of an action that the request's cookie names; `None` where the weights decide.
pub(super) fn kept(
    headers: &HeaderMap,
    distribution: &Distribution,
    now: SystemTime,
) -> Option<String> {
    let given = headers.get_all(header::COOKIE).iter();
    let mut cookies = given
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split("; "));
    let value = cookies.find_map(|cookie| cookie.strip_prefix(COOKIE)?.strip_prefix('='))?;
    let (named, until) = value.split_once('-')?;
    let until = UNIX_EPOCH + Duration::from_secs(until.parse().ok()?);
    let groups = distribution.forward();
    let mut groups = groups.into_iter().map(|part| part.target_group_arn);
    groups.find(|group| now < until && sha256_hex(group) == named)
}

/// What keeps the client at this target group.
pub(super) fn cookie(group: &str, sticks_for: Duration, now: SystemTime) -> Option<HeaderValue> {
    let until = (now + sticks_for).duration_since(UNIX_EPOCH).ok()?;
    let value = format!(
        "{COOKIE}={}-{}; Path=/; Max-Age={}",
        sha256_hex(group),
        until.as_secs(),
        sticks_for.as_secs()
    );
    HeaderValue::from_str(&value).ok()
}
