//! Rules of a listener besides its default one: conditions, and the target groups of requests that meet them. It is not
//! known whether CodeDeploy changes them together with the default action.

use std::time::Duration;

use axum::http::{HeaderMap, Method, Uri, header};

use crate::elb::condition::Condition;
use crate::elb::forward::Distribution;
use crate::elb::node::Node;
use crate::elb::{Forward, RuleDescription};

#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) arn: String,
    pub(super) priority: u32,
    /// All of them must be met.
    pub(super) conditions: Vec<Condition>,
    /// The rule's action, as AWS describes it.
    pub(super) distribution: Distribution,
    /// The actions that the listener's nodes apply.
    pub(super) nodes: Vec<Node>,
    /// For how long a client stays with a target group of the action.
    pub(super) sticks_for: Option<Duration>,
}

/// A request, as conditions see it.
pub(super) struct Asked<'r> {
    pub(super) method: &'r Method,
    pub(super) uri: &'r Uri,
    pub(super) headers: &'r HeaderMap,
}

impl Asked<'_> {
    /// The host without its port.
    pub(super) fn host(&self) -> &str {
        let host = self.headers.get(header::HOST);
        let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
        match host.rsplit_once(':') {
            // The last colon of an IPv6 address without a port is inside its brackets.
            Some((before, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => before,
            Some(_) | None => host,
        }
    }
}

impl Rule {
    pub(super) fn describe(&self) -> RuleDescription {
        RuleDescription {
            arn: self.arn.clone(),
            priority: self.priority,
            conditions: self.conditions.clone(),
            forward: self.distribution.forward(),
            sticks_for: self.sticks_for,
        }
    }

    pub(super) fn is_met(&self, asked: &Asked<'_>) -> bool {
        let host = asked.host();
        let (method, path) = (asked.method.as_str(), asked.uri.path());
        let query = asked.uri.query().unwrap_or_default();
        let mut conditions = self.conditions.iter();
        conditions.all(|condition| match condition {
            Condition::Path(patterns) => Condition::any_like(patterns, path),
            Condition::Host(patterns) => {
                let host = host.to_ascii_lowercase();
                let mut patterns = patterns.iter().map(|pattern| pattern.to_ascii_lowercase());
                patterns.any(|pattern| Condition::is_like(&pattern, &host))
            }
            Condition::Header { name, patterns } => {
                let mut given = asked.headers.get_all(name.as_str()).iter();
                given.any(|value| {
                    let value = value.to_str().unwrap_or_default();
                    Condition::any_like(patterns, value)
                })
            }
            Condition::Method(methods) => methods.iter().any(|one| one == method),
            Condition::Query(pairs) => pairs.iter().any(|pair| pair.is_in(query)),
        })
    }

    /// Changes the action. Each node applies it once it has received the change.
    pub(super) fn set(&mut self, now: std::time::SystemTime, forward: Vec<Forward>) {
        for node in &mut self.nodes {
            node.announce(now, &forward);
        }
        self.distribution = Distribution::new(forward);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::elb::condition::QueryPair;

    fn check(condition: Condition, request: &str, expected: bool) {
        let rule = Rule {
            arn: "rule".to_owned(),
            priority: 1,
            conditions: vec![condition],
            distribution: Distribution::default(),
            nodes: Vec::new(),
            sticks_for: None,
        };
        let mut words = request.split(' ');
        let method = words.next().unwrap().parse().unwrap();
        let uri: Uri = words.next().unwrap().parse().unwrap();
        let mut headers = HeaderMap::new();
        for word in words {
            let (name, value) = word.split_once('=').unwrap();
            let name: header::HeaderName = name.parse().unwrap();
            headers.append(name, value.parse().unwrap());
        }
        let asked = Asked {
            method: &method,
            uri: &uri,
            headers: &headers,
        };
        assert_eq!(
            rule.is_met(&asked),
            expected,
            "{request} {:?}",
            rule.conditions
        );
    }

    #[test]
    fn requests_meet_conditions_as_an_application_load_balancer_compares_them() {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let path = || Condition::Path(texts(&["/api/*", "/v?"]));
        check(path(), "GET /api/orders", true);
        check(path(), "GET /v2?x=1", true);
        check(path(), "GET /API/orders", false);
        let host = || Condition::Host(texts(&["*.Example.com"]));
        check(host(), "GET / host=test.example.COM:8080", true);
        check(host(), "GET / host=example.com", false);
        check(host(), "GET /", false);
        let header = || Condition::Header {
            name: "X-Test".to_owned(),
            patterns: texts(&["yes*"]),
        };
        check(header(), "GET / x-test=no x-test=yes!", true);
        check(header(), "GET / x-test=no", false);
        check(Condition::Method(texts(&["POST"])), "POST /", true);
        check(Condition::Method(texts(&["POST"])), "GET /", false);
        let query = |key: Option<&str>, value: &str| {
            Condition::Query(vec![QueryPair {
                key: key.map(str::to_owned),
                value: value.to_owned(),
            }])
        };
        check(query(Some("colour"), "gr*"), "GET /?a=b&Colour=Green", true);
        check(query(Some("colour"), "gr*"), "GET /?a=green", false);
        check(query(None, "green"), "GET /?a=green", true);
        check(query(None, "green"), "GET /", false);
    }
}
