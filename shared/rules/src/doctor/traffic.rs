//! Listeners: whether production's target group is behind them, and whether a gate's requests get there.

use super::finding::{Checks, Read};
use super::hooks::Function;
use crate::config::{HeaderValue, Request, Traffic};
use crate::ecs::TrafficRule;
use crate::listener_rule::{self, Asked};
use crate::names::{ListenerArn, TargetGroupArn};
use crate::observed::{Listener, ListenerRule, RuleAction};
use crate::test_traffic::{self, Through};

const LISTENERS: &str = "listeners";

/// A listener of a deployment group: what serves production must be behind it when a deployment starts. `rules` are its rules, or its
/// default action where it has none.
pub fn listener_serves(
    checks: &mut Checks,
    named_by: &str,
    through: Through,
    listener: &ListenerArn,
    rules: &[ListenerRule],
    serving: &TargetGroupArn,
) {
    let groups = |rule: &ListenerRule| -> Vec<TargetGroupArn> {
        let forwards = rule.actions.iter().flat_map(|action| match action {
            RuleAction::Forward(groups) => groups.as_slice(),
            RuleAction::Other(_) => &[],
        });
        forwards
            .filter(|(_, weight)| *weight > 0)
            .map(|(group, _)| group.clone())
            .collect()
    };
    let behind: Vec<TargetGroupArn> = rules.iter().flat_map(groups).collect();
    if behind.contains(serving) {
        return;
    }
    let mut names: Vec<String> = behind
        .iter()
        .map(|group| format!("`{}`", name_of(group)))
        .collect();
    names.dedup();
    let given = match names.as_slice() {
        [] => "forwards to no target group".to_owned(),
        names => format!("forwards to {}", names.join(" and ")),
    };
    let serving_name = name_of(serving);
    checks.wrong(
        LISTENERS,
        format!(
            "the {} of {named_by} {given}, and production's tasks are in `{serving_name}`: CodeDeploy would refuse a deployment with \
             `Primary taskset target group must be behind listener`",
            through.words()
        ),
        format!("aws elbv2 modify-listener --listener-arn {listener} --default-actions Type=forward,TargetGroupArn={serving}"),
    );
}

/// Whether each request of a gate meets a rule that leads to the service: to what serves now, which green takes the place of. Under a rule
/// of ECS's own, whether it can be met at all.
pub fn requests_reach(
    checks: &mut Checks,
    pipeline: &str,
    traffic: &Traffic,
    through: Through,
    listener: &Listener,
    rules: &[ListenerRule],
    leads: &Leads<'_>,
) {
    let host = traffic.host.clone().unwrap_or_else(|| authority(listener));
    for request in &traffic.requests {
        let headers = literal_headers(traffic, request);
        let (path, query) = match request.path.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (request.path.as_str(), None),
        };
        let asked = Asked {
            method: if request.grpc_service.is_some() {
                "POST"
            } else {
                "GET"
            },
            host: &host,
            path,
            query,
            headers: &headers,
            wanted: &request.status,
        };
        let reached = match leads {
            Leads::ToGroup(serving) => {
                listener_rule::leads_to_green(rules, asked, serving, through)
                    // What serves now has green's place.
                    .map_err(|why| {
                        why.replace("green's target group", "production's target group")
                            .replace("is not green's", "is not the service's")
                    })
            }
            Leads::ByRule(rule) => {
                listener_rule::addition(rule, asked, traffic.host.as_deref(), through).map(drop)
            }
        };
        if let Err(why) = reached {
            checks.refused(
                SUBJECTS[usize::from(through == Through::ProductionListener)],
                &format!("pipeline `{pipeline}`: {why}"),
            );
        }
    }
}

/// Where the requests of a gate lead to.
#[derive(Debug, Clone, Copy)]
pub enum Leads<'a> {
    /// To this target group, by whatever rule of the listener.
    ToGroup(&'a TargetGroupArn),
    /// By this rule, which ECS points at green.
    ByRule(&'a ListenerRule),
}

const SUBJECTS: [&str; 2] = ["test-traffic", "production-traffic"];

/// Whether a gate's function can reach the listener, and may send it what is configured; `function` is the one that asks.
pub fn gate_address(
    checks: &mut Checks,
    pipeline: &str,
    traffic: &Traffic,
    through: Through,
    listener: &Listener,
    function: &Read<Function>,
) {
    let subject = SUBJECTS[usize::from(through == Through::ProductionListener)];
    if traffic.requests.is_empty() {
        return;
    }
    let base_url = match &traffic.base_url {
        Some(base_url) => base_url.clone(),
        None => match test_traffic::url(listener, through) {
            Ok(url) => url,
            Err(why) => return checks.refused(subject, &format!("pipeline `{pipeline}`: {why}")),
        },
    };
    if let Some(why) = traffic.refuses(&base_url) {
        checks.refused(subject, &format!("pipeline `{pipeline}`: {why}"));
    }
    if traffic.base_url.is_some() {
        return;
    }
    if listener.protocol == "HTTPS" && traffic.host.is_none() && traffic.ca.is_none() {
        let setting = through.setting();
        checks.wrong(
            subject,
            format!(
                "the {} of pipeline `{pipeline}` speaks HTTPS, and its requests are sent to `{}`: no public authority signs a certificate for \
                 the name of a load balancer",
                through.words(),
                listener.dns_name
            ),
            format!("`{setting}.host`, the name on the listener's certificate, in the pipeline"),
        );
    }
    let is_outside = function.found().is_some_and(|function| !function.is_in_vpc);
    if listener.is_internal && is_outside {
        let hint = test_traffic::unreachable(listener);
        let remedy = hint
            .split_once("; ")
            .map_or(hint.as_str(), |(_, remedy)| remedy);
        checks.wrong(
            subject,
            format!(
                "the {} of pipeline `{pipeline}` is internal, `{}`, and the function that sends its requests is not in the VPC: none of \
                 them would arrive",
                through.words(),
                listener.dns_name
            ),
            remedy,
        );
    }
}

/// The listener of a rule, where a service names both.
pub fn rule_differs(
    checks: &mut Checks,
    place: &str,
    production: Option<&TrafficRule>,
    test: Option<&TrafficRule>,
) {
    if let (Some(production), Some(test)) = (production, test)
        && production == test
    {
        checks.wrong(
            LISTENERS,
            format!("service `{place}` names one rule for production and for test traffic, `{}`, expected two", production.as_str()),
            "another rule as `TestListenerRule` in the service's `AdvancedConfiguration`, such as one of a listener of its own",
        );
    }
}

fn authority(listener: &Listener) -> String {
    let is_default = matches!(
        (listener.protocol.as_str(), listener.port),
        ("HTTP", 80) | ("HTTPS", 443)
    );
    match is_default {
        true => listener.dns_name.clone(),
        false => format!("{}:{}", listener.dns_name, listener.port),
    }
}

/// What a secret holds is not read.
fn literal_headers<'a>(traffic: &'a Traffic, request: &'a Request) -> Vec<(&'a str, &'a str)> {
    let of = traffic.headers_of(request).into_iter();
    of.map(|header| {
        let value = match &header.value {
            HeaderValue::Literal(text) => text.as_str(),
            HeaderValue::Secret { .. } => "",
        };
        (header.name.as_str(), value)
    })
    .collect()
}

/// `…:targetgroup/shop-blue/0123456789abcdef` is `shop-blue`.
fn name_of(group: &TargetGroupArn) -> &str {
    group.as_str().split('/').nth(1).unwrap_or(group.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn group(name: &str) -> TargetGroupArn {
        format!("arn:aws:elasticloadbalancing:eu-central-1:111122223333:targetgroup/{name}/0123456789abcdef").parse().unwrap()
    }

    fn default(groups: &[(&str, u32)]) -> Vec<ListenerRule> {
        let groups = groups.iter().map(|(name, weight)| (group(name), *weight));
        vec![ListenerRule {
            priority: "default".to_owned(),
            conditions: Vec::new(),
            actions: vec![RuleAction::Forward(groups.collect())],
        }]
    }

    fn listener(protocol: &str, is_internal: bool) -> Listener {
        Listener {
            protocol: protocol.to_owned(),
            port: 9000,
            dns_name: "web.elb".to_owned(),
            is_internal,
            default_actions: Vec::new(),
        }
    }

    fn traffic(lines: &str) -> Traffic {
        let file = format!(
            "[[pipeline]]\nname='w'\nrepository='shop/web'\ntag='latest'\ncluster='prod'\nservice='web'\n[pipeline.test_traffic]\n{lines}\n\
             [[pipeline.test_traffic.request]]\npath='/orders'\n"
        );
        Config::parse(&file)
            .unwrap()
            .pipelines
            .remove(0)
            .test_traffic
            .checks
    }

    fn sentences(checks: &Checks) -> Vec<&str> {
        checks
            .findings
            .iter()
            .map(|one| one.sentence.as_str())
            .collect()
    }

    #[test]
    fn what_serves_is_behind_both_listeners() {
        let arn: ListenerArn = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:listener/app/web/0123456789abcdef/0123456789abcdef".parse().unwrap();
        let check = |rules: &[ListenerRule], expected: &[&str]| {
            let mut checks = Checks::default();
            listener_serves(
                &mut checks,
                "the group",
                Through::TestListener,
                &arn,
                rules,
                &group("blue"),
            );
            assert_eq!(sentences(&checks), expected);
        };
        check(&default(&[("blue", 1)]), &[]);
        check(&default(&[("blue", 90), ("green", 10)]), &[]);
        check(
            &default(&[("blue", 0), ("green", 1)]),
            &[
                "the test listener of the group forwards to `green`, and production's tasks are in `blue`: CodeDeploy would refuse a deployment with `Primary taskset target group must be behind listener`",
            ],
        );
        check(
            &[],
            &[
                "the test listener of the group forwards to no target group, and production's tasks are in `blue`: CodeDeploy would refuse a deployment with `Primary taskset target group must be behind listener`",
            ],
        );
    }

    #[test]
    fn a_gate_reaches_its_listener() {
        let outside = Read::Found(Function::default());
        let inside = Read::Found(Function {
            is_in_vpc: true,
            ..Function::default()
        });
        let check = |lines: &str, of: &Listener, function: &Read<Function>, expected: &[&str]| {
            let mut checks = Checks::default();
            gate_address(
                &mut checks,
                "w",
                &traffic(lines),
                Through::TestListener,
                of,
                function,
            );
            assert_eq!(sentences(&checks), expected);
        };
        check("", &listener("HTTP", false), &outside, &[]);
        check("", &listener("HTTP", true), &inside, &[]);
        check("", &listener("HTTP", true), &Read::Absent, &[]);
        check(
            "base_url='http://web.internal:9000'",
            &listener("HTTP", true),
            &outside,
            &[],
        );
        check(
            "",
            &listener("HTTP", true),
            &outside,
            &[
                "the test listener of pipeline `w` is internal, `web.elb`, and the function that sends its requests is not in the VPC: none of them would arrive",
            ],
        );
        check(
            "host='shop.example.com'",
            &listener("HTTPS", false),
            &outside,
            &[],
        );
        check("ca='ca.pem'", &listener("HTTPS", false), &outside, &[]);
        check(
            "",
            &listener("HTTPS", false),
            &outside,
            &[
                "the test listener of pipeline `w` speaks HTTPS, and its requests are sent to `web.elb`: no public authority signs a certificate for the name of a load balancer",
            ],
        );
        check(
            "",
            &listener("TLS", false),
            &outside,
            &[
                "pipeline `w`: the test listener's protocol is TLS, which does not say whether its targets speak HTTP or HTTPS",
            ],
        );
    }

    #[test]
    fn requests_lead_to_the_service() {
        let check = |rules: &[ListenerRule], expected: &[&str]| {
            let mut checks = Checks::default();
            let leads = Leads::ToGroup(&group("blue"));
            requests_reach(
                &mut checks,
                "w",
                &traffic(""),
                Through::TestListener,
                &listener("HTTP", false),
                rules,
                &leads,
            );
            assert_eq!(sentences(&checks), expected);
        };
        check(&default(&[("blue", 1)]), &[]);
        check(
            &default(&[("other", 1)]),
            &[
                "pipeline `w`: `/orders` meets the default rule of the test listener, which forwards to `other` (weight 1): an answer may come from elsewhere than production's target group `blue`",
            ],
        );
    }
}
