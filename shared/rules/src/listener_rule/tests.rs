//! Rules as tables: what a request meets, and where it leads.

use super::condition::{Escapes, matches};
use super::*;

fn group(name: &str) -> TargetGroupArn {
    format!(
        "arn:aws:elasticloadbalancing:eu-central-1:111122223333:targetgroup/{name}/0123456789abcdef"
    )
    .parse()
    .unwrap()
}

/// `host=a.com|b.com path=/x* header:x-test=1 query:a=b query:=b method=GET source-ip regex`
fn condition(text: &str) -> RuleCondition {
    let (field, values) = text.split_once('=').unwrap_or((text, ""));
    let values: Vec<String> = values.split('|').map(str::to_owned).collect();
    match field.split_once(':').unwrap_or((field, "")) {
        ("host", _) => RuleCondition::Host(values),
        ("path", _) => RuleCondition::Path(values),
        ("header", name) => RuleCondition::Header {
            name: name.to_owned(),
            values,
        },
        ("query", key) => {
            let key = Some(key.to_owned()).filter(|key| !key.is_empty());
            RuleCondition::Query(
                values
                    .into_iter()
                    .map(|value| (key.clone(), value))
                    .collect(),
            )
        }
        ("method", _) => RuleCondition::Method(values),
        (other, _) => RuleCondition::Unknown(other.to_owned()),
    }
}

/// `blue 90 green 10`, or another action's name
fn action(text: &str) -> RuleAction {
    let words: Vec<&str> = text.split(' ').collect();
    if words.len() < 2 {
        return RuleAction::Other(text.to_owned());
    }
    let pairs = words
        .chunks(2)
        .map(|pair| (group(pair[0]), pair[1].parse().unwrap()));
    RuleAction::Forward(pairs.collect())
}

/// `10: path=/orders -> blue 1`, with several actions behind `, `
fn rule(line: &str) -> ListenerRule {
    let (left, actions) = line.split_once(" -> ").unwrap();
    let (priority, conditions) = left.split_once(':').unwrap();
    ListenerRule {
        priority: priority.to_owned(),
        conditions: conditions.split_whitespace().map(condition).collect(),
        actions: actions.split(", ").map(action).collect(),
        sticks_for: None,
    }
}

const SHOP: &str = "shop.example.com";

const HINT: &str = "(hint: rule 7 leads to green; give `test_traffic.host` or `test_traffic.headers` what its conditions ask for)";

/// A GET of `SHOP` or of `//host/path`.
#[track_caller]
fn check(url: &str, rules: &[&str], expected: &str) {
    check_wanted("200-399", url, rules, expected);
}

/// The same, with these statuses as good answers.
#[track_caller]
fn check_wanted(wanted: &str, url: &str, rules: &[&str], expected: &str) {
    let (host, rest) = match url.strip_prefix("//") {
        Some(rest) => rest.split_at(rest.find('/').unwrap()),
        None => (SHOP, url),
    };
    let (path, query) = match rest.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (rest, None),
    };
    let asked = Asked {
        method: "GET",
        host,
        path,
        query,
        headers: &[("user-agent", "greenlight/1.0"), ("accept", "*/*")],
        wanted: &wanted.parse().unwrap(),
    };
    let rules: Vec<ListenerRule> = rules.iter().map(|line| rule(line)).collect();
    let said = match leads_to_green(&rules, asked, &group("green"), Through::TestListener) {
        Ok(()) => "green".to_owned(),
        Err(why) => why,
    };
    assert_eq!(said, expected, "{url} {rules:?}");
}

/// Whether the condition is met: then the rule leads to green, and otherwise the default rule leads to blue.
#[track_caller]
fn met(url: &str, condition: &str, expected: &str) {
    let blue = format!(
        "`{}` meets the default rule of the test listener, which forwards to `blue` (weight 1): an answer may come from \
         elsewhere than green's target group `green`",
        url.trim_start_matches("//")
            .trim_start_matches(|c| c != '/' && url.starts_with("//"))
            .split('?')
            .next()
            .unwrap()
    );
    let perhaps = |why: &str| {
        format!(
            "whether `{}` meets rule 1 of the test listener cannot be evaluated ({why}), and it forwards to `blue` (weight 1): an \
             answer may come from elsewhere than green's target group `green`",
            blue.split('`').nth(1).unwrap()
        )
    };
    let (to_green, to_blue) = (
        format!("1: {condition} -> green 1"),
        format!("1: {condition} -> blue 1"),
    );
    match expected {
        "yes" => check(url, &[&to_green, "default: -> blue 1"], "green"),
        "no" => {
            let mut parts = condition.split_whitespace();
            let is_asked_for = parts.any(|part| {
                part.starts_with("header:") || part.starts_with("host=") && !part.contains(SHOP)
            });
            let hint = match is_asked_for {
                true => format!(" {HINT}").replace("rule 7", "rule 1"),
                false => String::new(),
            };
            check(
                url,
                &[&to_green, "default: -> blue 1"],
                &format!("{blue}{hint}"),
            );
            check(url, &[&to_blue, "default: -> green 1"], "green");
        }
        why => check(url, &[&to_blue, "default: -> green 1"], &perhaps(why)),
    }
}

#[test]
fn the_first_rule_that_is_met_decides_by_number_and_the_default_comes_last() {
    let elsewhere = "an answer may come from elsewhere than green's target group `green`";
    check("/", &["default: -> green 100"], "green");
    check("/", &["default: -> blue 0 green 100"], "green");
    check("/", &["default: -> green 1 green 0"], "green");
    check(
        "/",
        &["default: -> blue 1 green 99"],
        &format!(
            "`/` meets the default rule of the test listener, which forwards to `blue` (weight 1) and `green` (weight 99): {elsewhere}"
        ),
    );
    check(
        "/",
        &["default: -> blue 0 green 0"],
        &format!(
            "`/` meets the default rule of the test listener, which forwards to `blue` (weight 0) and `green` (weight 0): {elsewhere}"
        ),
    );
    let by_blue = format!(
        "`/orders` meets rule 9 of the test listener, which forwards to `blue` (weight 1): {elsewhere}"
    );
    check(
        "/orders",
        &[
            "default: -> green 1",
            "10: path=/orders -> green 1",
            "9: path=/o* -> blue 1",
        ],
        &by_blue,
    );
    check(
        "/",
        &["default: -> green 1", "9: path=/o* -> blue 1"],
        "green",
    );
    check("/", &[], "`/` meets no rule of the test listener");
}

#[test]
fn whatever_the_load_balancer_answers_by_itself_is_not_greens() {
    let check = |actions: &str, does: &str| {
        check(
            "/",
            &[&format!("default: -> {actions}")],
            &format!(
                "`/` meets the default rule of the test listener, which {does}: such an answer is not green's"
            ),
        );
    };
    check("redirect", "redirects");
    check("fixed-response", "answers a fixed response");
    check(
        "authenticate-oidc, green 1",
        "answers by itself (`authenticate-oidc`)",
    );
}

/// Who sends no valid token gets 401 from the load balancer, and everybody else an answer of green's.
#[test]
fn a_validated_token_leads_to_green_unless_401_is_wanted() {
    let rules = ["default: -> jwt-validation, green 1"];
    for (wanted, expected) in [
        ("200", "green"),
        ("200-399", "green"),
        (
            "401",
            "`/` meets the default rule of the test listener, which answers 401 by itself (`jwt-validation`), which is wanted: such an \
             answer is not green's",
        ),
    ] {
        check_wanted(wanted, "/", &rules, expected);
    }
    check(
        "/",
        &["default: -> jwt-validation, blue 1"],
        "`/` meets the default rule of the test listener, which forwards to `blue` (weight 1): an answer may come from elsewhere than \
         green's target group `green`",
    );
}

/// On a listener that several services share the default rule is nobody's.
#[test]
fn a_rule_that_leads_to_green_is_named_where_the_default_rule_is_met() {
    let met = "`/` meets the default rule of the test listener, which answers a fixed response: such an answer is not green's";
    let hint = &format!(" {HINT}");
    let check = |rule: &str, hint: &str| {
        let rules = [rule, "default: -> fixed-response"];
        check("/", &rules, &format!("{met}{hint}"));
    };
    check("7: host=other.example.com -> green 1", hint);
    check("7: header:x-test=green -> green 1", hint);
    check("7: host=other.example.com -> blue 1", "");
    check("7: path=/orders -> green 1", "");
}

#[test]
fn every_condition_of_a_rule_must_be_met() {
    met("/a", "path=/a host=shop.example.com", "yes");
    met("/a", "path=/a host=other.example.com", "no");
    met("/a", "path=/b host=shop.example.com", "no");
    met("/a", "path=/b source-ip", "no");
    met("/a", "path=/a source-ip", "its condition `source-ip`");
    met("/a", "regex host=shop.example.com", "its condition `regex`");
    met("/a", "method=GET|HEAD", "yes");
    met("/a", "method=get", "no");
    met("/a", "method=POST", "no");
}

#[test]
fn hosts_ignore_case_and_paths_do_not() {
    met("/a", "host=SHOP.example.com", "yes");
    met("/a", "host=other.com|*.example.com", "yes");
    met("/a", "host=????.example.com", "yes");
    met("/a", "host=???.example.com", "no");
    met(
        "//shop.example.com:8443/a",
        "host=*.com",
        "its `Host` carries a port",
    );
    met("//shop.example.com:8443/a", "host=shop*", "yes");
    met("//shop.example.com:8443/a", "host=other*", "no");
    met("/Orders", "path=/orders", "no");
    met("/Orders", "path=/Orders", "yes");
    met("/orders?page=2", "path=/orders", "yes");
    met("/orders?page=2", "path=*page*", "no");
    met("/orders/7/items", "path=/orders/*/items", "yes");
    met("/a%2Fb", "path=/a/b", "its path is percent-encoded");
    met("/a%2Fb", "path=/a*", "yes");
}

#[test]
fn headers_are_those_that_the_check_sends() {
    met("/", "header:User-Agent=GREENLIGHT/*", "yes");
    met("/", "header:user-agent=*curl*|*light*", "yes");
    met("/", "header:user-agent=curl", "no");
    met("/", "header:x-test=*", "no");
}

#[test]
fn a_query_is_compared_pair_by_pair() {
    met("/?version=V1&b=2", "query:Version=v1", "yes");
    met("/?a=1&version=v2", "query:version=v1|v?", "yes");
    met("/?version=v1", "query:version=v2", "no");
    met("/?b=example", "query:=ex*", "yes");
    met("/", "query:=*", "no");
    met("/?a=1*2", "query:a=1\\*2", "yes");
    met("/?a=112", "query:a=1\\*2", "no");
    let encoded = "its query is encoded, or has a name without a value";
    met("/?a=x%20y", "query:a=x?y", encoded);
    met("/?example", "query:=example", encoded);
}

#[test]
fn wildcards_take_no_more_time_than_both_lengths_multiplied() {
    let text = "a".repeat(100_000);
    assert!(!matches("*a*a*a*a*a*a*a*a*b", &text, Escapes::None));
    assert!(matches("*a*a*a*a*a*a*a*a*", &text, Escapes::None));
    for (pattern, text, expected) in [
        ("", "", true),
        ("*", "", true),
        ("?", "", false),
        ("a*b*c", "aXbYbZc", true),
        ("a*b*c", "aXbYbZ", false),
        ("*ab", "aab", true),
        ("**", "x", true),
    ] {
        assert_eq!(matches(pattern, text, Escapes::None), expected, "{pattern}");
    }
}

/// What `GET /orders?a=1` with `x-own: 1` lacks to meet a rule; the configuration names a host where one is given.
#[test]
fn a_request_is_given_what_the_test_rule_asks_for() {
    let check = |conditions: &str, host: Option<&str>, expected: &str| {
        let rule = rule(&format!("10: {conditions} -> green 1"));
        let wanted = "200".parse().unwrap();
        let asked = Asked {
            method: "GET",
            host: host.unwrap_or("lb.example"),
            path: "/orders",
            query: Some("a=1"),
            headers: &[("x-own", "1")],
            wanted: &wanted,
        };
        let said = match addition(&rule, asked, host, Through::TestListener) {
            Err(why) => why,
            Ok(addition) => {
                let host = addition.host.map(|host| format!("host {host}"));
                let pairs = addition.headers.iter().chain(&addition.query);
                let pairs = pairs.map(|(name, value)| format!("{name}={value}"));
                host.into_iter().chain(pairs).collect::<Vec<_>>().join(" ")
            }
        };
        assert_eq!(said, expected, "{conditions}");
    };
    check("", None, "");
    check("path=/orders*", None, "");
    check("host=test.example|other.example", None, "host test.example");
    check("host=*.example", None, "");
    check(
        "host=*.example.com|test.example.com",
        None,
        "host test.example.com",
    );
    check("host=test.example", Some("test.example"), "");
    check("header:x-test=green", None, "x-test=green");
    check("header:x-own=1|2", None, "");
    check("query:a=1", None, "");
    check("query:green=1", None, "green=1");
    check("query=only", None, "greenlight=only");
    check("method=GET|HEAD", None, "");
    check(
        "host=t.example header:x-test=green query:b=2",
        None,
        "host t.example x-test=green b=2",
    );
    // Whether it meets these shows when the whole listener is evaluated.
    check("source-ip", None, "");
    check(
        "host=test.example",
        Some("www.example"),
        "`/orders` does not meet rule 10 of the test listener, which asks for the host `test.example` \
         (hint: give `test_traffic.host` a name that fits)",
    );
}

#[test]
fn what_only_the_configuration_can_meet_is_refused_with_its_remedy() {
    for (conditions, expected) in [
        (
            "host=*.example.com",
            "the host `*.example.com` (hint: give `test_traffic.host`",
        ),
        (
            "header:x-test=g*",
            "the header `x-test` with `g*` (hint: give `test_traffic.headers`",
        ),
        (
            "header:x-own=2",
            "the header `x-own` with `2` (hint: give `test_traffic.headers`",
        ),
        (
            "query:b=*",
            "a query whose values are patterns (hint: add a part",
        ),
        (
            "path=/other",
            "the path `/other` (hint: ask for a path that fits)",
        ),
        (
            "method=POST",
            "the method `POST` (hint: let the rule take GET as well)",
        ),
    ] {
        let rule = rule(&format!("10: {conditions} -> green 1"));
        let wanted = "200".parse().unwrap();
        let asked = Asked {
            method: "GET",
            host: "lb.example",
            path: "/orders",
            query: None,
            headers: &[("x-own", "1")],
            wanted: &wanted,
        };
        let said = addition(&rule, asked, None, Through::TestListener).unwrap_err();
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn a_rule_that_was_put_back_is_not_at_green() {
    let check = |actions: &str, expected: &str| {
        let rule = rule(&format!("10: -> {actions}"));
        let said = is_at_green(&rule, &group("green"), None, Through::ProductionListener);
        assert_eq!(said.err().unwrap_or_default(), expected, "{actions}");
    };
    check("green 100 blue 0", "");
    check(
        "green 0 blue 100",
        "rule 10 of the production listener forwards to `green` (weight 0) and `blue` (weight 100): an answer may come from elsewhere \
         than green's target group `green`",
    );
    check(
        "fixed-response",
        "rule 10 of the production listener answers a fixed response: such an answer is not green's",
    );
}

/// A cookie comes before the weights, so that green's answers to who brings none say nothing of production's clients. ECS does not say
/// what it makes of a sticky rule, and need not: only the rule as it is counts.
#[test]
fn a_rule_that_keeps_clients_where_they_were_passes_no_production_gate() {
    let sticky = "keeps a client for 3600 seconds at the target group that it got first (`TargetGroupStickinessConfig`): a shift does not \
                  reach who is at `blue`, and when its tasks have stopped these get 503 (hint: turn stickiness between target groups off \
                  in the rule's action; that of a target group, between its own targets, may stay)";
    let (test, production) = (Through::TestListener, Through::ProductionListener);
    for (line, seconds, through, is_sticky) in [
        ("default: -> blue 0 green 1", Some(3600), production, true),
        ("default: -> blue 0 green 1", None, production, false),
        // Who asks green brings no cookie.
        ("default: -> blue 0 green 1", Some(3600), test, false),
        // Nothing else to stick to: as a rolling service, or before ECS has written the rule.
        ("default: -> green 1", Some(3600), production, false),
        ("3: path=/* -> blue 0 green 1", Some(3600), production, true),
        // Beside a rule of its own, which is met first.
        (
            "7: path=/other -> blue 0 green 1",
            Some(3600),
            production,
            false,
        ),
    ] {
        let mut one = rule(line);
        one.sticks_for = seconds;
        let others = match one.priority.as_str() {
            "default" => vec![],
            _ => vec![rule("default: -> green 1")],
        };
        let rules: Vec<ListenerRule> = [one.clone()].into_iter().chain(others).collect();
        let asked = Asked {
            method: "GET",
            host: SHOP,
            path: "/orders",
            query: None,
            headers: &[],
            wanted: &"200".parse().unwrap(),
        };
        let said = leads_to_green(&rules, asked, &group("green"), through);
        let found = said.as_ref().is_err_and(|why| why.ends_with(sticky));
        assert_eq!(found, is_sticky, "{line} {seconds:?} {through:?}: {said:?}");
        assert_eq!(said.is_err(), is_sticky);
        let at_green = is_at_green(&one, &group("green"), None, through);
        let is_met = !line.contains("/other");
        assert_eq!(
            at_green.is_err(),
            is_sticky || (!is_met && through == production),
            "{line}"
        );
    }
}
