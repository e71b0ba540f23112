//! A gate's requests: whether they get to the listener, and from there to the service.

use super::finding::{Checks, Read};
use super::hooks::Function;
use super::listeners::{groups_of, name_of};
use crate::config::{HeaderValue, Request, Traffic};
use crate::listener_rule::{self, Asked};
use crate::names::TargetGroupArn;
use crate::observed::{Listener, ListenerRule, RuleAction};
use crate::test_traffic::{self, Through};

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
                beside_default(checks, pipeline, through, rules, asked, serving);
                listener_rule::leads_to_green(rules, asked, serving, through)
                    // What serves now has green's place.
                    .map_err(|why| {
                        why.replace("green's target group", "production's target group")
                            .replace("is not green's", "is not the service's")
                    })
            }
            Leads::ByRule { rule, groups } => {
                by_rule(rules, rule, groups, asked, traffic.host.as_deref(), through)
            }
        };
        if let Err(why) = reached {
            checks.refused(subject(through), &format!("pipeline `{pipeline}`: {why}"));
        }
    }
}

/// Whether a request meets the rule once ECS has pointed it at green, whichever of the two groups that is: what it lacks it is given, and
/// another rule that it meets first keeps it.
fn by_rule(
    rules: &[ListenerRule],
    rule: &ListenerRule,
    groups: &[&TargetGroupArn; 2],
    asked: Asked<'_>,
    host: Option<&str>,
    through: Through,
) -> Result<(), String> {
    let added = listener_rule::addition(rule, asked, host, through)?;
    let mut headers = asked.headers.to_vec();
    headers.extend(
        added
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str())),
    );
    let parts = added
        .query
        .iter()
        .map(|(name, value)| format!("{name}={value}"));
    let query: Vec<String> = asked
        .query
        .map(str::to_owned)
        .into_iter()
        .chain(parts)
        .collect();
    let query = query.join("&");
    let asked = Asked {
        host: added.host.as_deref().unwrap_or(asked.host),
        headers: &headers,
        query: (!query.is_empty()).then_some(query.as_str()),
        ..asked
    };
    for green in groups {
        let pointed: Vec<ListenerRule> = rules
            .iter()
            .map(|one| match one.priority == rule.priority {
                true => ListenerRule {
                    actions: vec![RuleAction::Forward(vec![((*green).clone(), 1)])],
                    ..one.clone()
                },
                false => one.clone(),
            })
            .collect();
        listener_rule::leads_to_green(&pointed, asked, green, through).map_err(|why| {
            match why.contains("(hint: ") {
                true => why,
                false => format!(
                    "{why} (hint: delete that rule, or ask for what the service's own rule takes: ECS points that one alone at green)"
                ),
            }
        })?;
    }
    Ok(())
}

/// AWS's documents describe the default rule of a listener as the one that CodeDeploy points at green, and leave it open for others.
fn beside_default(
    checks: &mut Checks,
    pipeline: &str,
    through: Through,
    rules: &[ListenerRule],
    asked: Asked<'_>,
    serving: &TargetGroupArn,
) {
    let leads = |rule: &ListenerRule| {
        groups_of(rule).any(|(group, weight)| group == serving && *weight > 0)
    };
    let mut defaults = rules.iter().filter(|rule| rule.priority == "default");
    let met = listener_rule::met(rules, asked).filter(|rule| rule.priority != "default");
    let Some(met) = met.filter(|met| leads(met) && defaults.any(leads)) else {
        return;
    };
    checks.doubt(
        subject(through),
        format!(
            "pipeline `{pipeline}`: `{}` meets rule {} of the {}, which leads to `{}` as its default rule does: AWS does not say whether \
             CodeDeploy points such a rule at green too, and where it does not, blue answers",
            asked.path,
            met.priority,
            through.words(),
            name_of(serving)
        ),
        "ask for what the default rule takes, or delete that rule: the default rule leads to the same target group",
    );
}

fn subject(through: Through) -> &'static str {
    match through {
        Through::TestListener => "test-traffic",
        Through::ProductionListener => "production-traffic",
    }
}

/// Where the requests of a gate lead to.
#[derive(Debug, Clone, Copy)]
pub enum Leads<'a> {
    /// To this target group, by whatever rule of the listener.
    ToGroup(&'a TargetGroupArn),
    /// By this rule, which ECS points at green: at one of these two target groups or at the other.
    ByRule {
        /// The rule.
        rule: &'a ListenerRule,
        /// The service's target groups.
        groups: &'a [&'a TargetGroupArn; 2],
    },
}

/// Whether a gate's function can reach the listener, and may send it what is configured; `function` is the one that asks.
pub fn gate_address(
    checks: &mut Checks,
    pipeline: &str,
    traffic: &Traffic,
    through: Through,
    listener: &Listener,
    function: &Read<Function>,
) {
    let subject = subject(through);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::observed::RuleCondition;

    fn group(name: &str) -> TargetGroupArn {
        format!("arn:aws:elasticloadbalancing:eu-central-1:111122223333:targetgroup/{name}/0123456789abcdef").parse().unwrap()
    }

    fn default(groups: &[(&str, u32)]) -> Vec<ListenerRule> {
        let groups = groups.iter().map(|(name, weight)| (group(name), *weight));
        vec![ListenerRule {
            priority: "default".to_owned(),
            conditions: Vec::new(),
            actions: vec![RuleAction::Forward(groups.collect())],
            sticks_for: None,
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

    fn pinned(priority: &str, path: &str, to: &str) -> ListenerRule {
        ListenerRule {
            priority: priority.to_owned(),
            conditions: vec![RuleCondition::Path(vec![path.to_owned()])],
            actions: vec![RuleAction::Forward(vec![(group(to), 1)])],
            sticks_for: None,
        }
    }

    fn reach(rules: &[ListenerRule], leads: &Leads<'_>) -> Vec<String> {
        let mut checks = Checks::default();
        let of = listener("HTTP", false);
        let through = Through::TestListener;
        requests_reach(&mut checks, "w", &traffic(""), through, &of, rules, leads);
        let line = |one: &crate::doctor::Finding| {
            let remedy = one.remedy.as_deref().unwrap_or_default();
            format!("{} {} {remedy}", one.severity.code(), one.sentence)
        };
        checks.findings.iter().map(line).collect()
    }

    #[test]
    fn a_rule_that_comes_first_keeps_a_request_from_green() {
        let both = [&group("blue"), &group("green")];
        let of_service = default(&[("blue", 1)]);
        let leads = Leads::ByRule {
            rule: &of_service[0],
            groups: &both,
        };
        let with = |rule: ListenerRule| [of_service.clone(), vec![rule]].concat();
        assert_eq!(reach(&of_service, &leads), Vec::<String>::new());
        assert_eq!(
            reach(&with(pinned("1", "/other", "blue")), &leads),
            Vec::<String>::new()
        );
        for to in ["blue", "green", "other"] {
            let found = reach(&with(pinned("1", "/orders", to)), &leads);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(
                found[0].starts_with("wrong pipeline `w`: `/orders` meets rule 1"),
                "{found:?}"
            );
            assert!(found[0].ends_with("that one alone at green"), "{found:?}");
        }
        let leads = Leads::ToGroup(both[0]);
        let found = reach(&with(pinned("1", "/orders", "blue")), &leads);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].starts_with("doubt pipeline `w`: `/orders` meets rule 1"),
            "{found:?}"
        );
        // On a listener of several services a rule is all that leads to one.
        let shared = [
            default(&[("other", 1)]),
            vec![pinned("1", "/orders", "blue")],
        ]
        .concat();
        assert_eq!(reach(&shared, &leads), Vec::<String>::new());
    }
}
