//! In which target group green is, and which rule leads there.

use super::*;
use crate::config::{Config, Traffic};
use crate::ecs::{Advanced, LoadBalancer, ResolvedTargetGroup, ServiceRevision, TrafficRule};
use crate::names::TargetGroupArn;
use crate::native::{entries, wanted};
use crate::observed::{LoadBalancerTarget, Placement, Service};
use crate::test_traffic::{Through, Wanted};

const ELB: &str = "arn:aws:elasticloadbalancing:eu-central-1:111122223333";

fn group(name: &str) -> TargetGroupArn {
    format!("{ELB}:targetgroup/{name}/1").parse().unwrap()
}

fn rule(name: &str) -> TrafficRule {
    let arn = format!("{ELB}:listener-rule/app/shop/1/2/{name}");
    TrafficRule::Rule(arn.parse().unwrap())
}

/// An entry of two groups, with a production rule, and a test rule where it has one.
fn balancer(first: &str, second: &str, test: Option<&str>) -> LoadBalancer {
    LoadBalancer {
        target: LoadBalancerTarget {
            container: "web".parse().unwrap(),
            port: 80,
            target_group: Some(group(first)),
        },
        advanced: Some(Advanced {
            alternate_target_group: Some(group(second)),
            production_rule: Some(rule("production")),
            test_rule: test.map(rule),
            role: None,
        }),
    }
}

fn green(groups: &[&str]) -> ServiceRevision {
    let call = call("POST_TEST_TRAFFIC_SHIFT");
    ServiceRevision {
        arn: call.target,
        revision: format!("{HEAD}:task-definition/web:7").parse().unwrap(),
        images: Vec::new(),
        placement: Placement::default(),
        target_groups: groups
            .iter()
            .map(|name| ResolvedTargetGroup {
                target_group: group(name),
                production_rule: None,
            })
            .collect(),
        created_at: None,
    }
}

/// A gate with a request, or with none.
fn traffic(named: Option<&str>, asks: bool) -> Traffic {
    let named = named.map_or_else(String::new, |name| format!("target_group='{name}'\n"));
    let request = match asks {
        true => "[[pipeline.test_traffic.request]]\npath='/'\n",
        false => "",
    };
    let text = format!(
        "[[pipeline]]\nname='w'\nrepository='shop/web'\ntag='latest'\ncluster='prod'\nservice='web'\n\
         [pipeline.test_traffic]\n{named}{request}"
    );
    let pipeline = Config::parse(&text).unwrap().pipelines.remove(0);
    pipeline.test_traffic.checks
}

/// `group by rule` of every entry, with `!` behind the one that is asked; or why there is none.
fn said(balancers: Vec<LoadBalancer>, groups: &[&str], through: Through) -> String {
    said_of(balancers, groups, through, &traffic(None, true))
}

fn said_of(
    balancers: Vec<LoadBalancer>,
    groups: &[&str],
    through: Through,
    traffic: &Traffic,
) -> String {
    let service = Service {
        load_balancers: balancers,
        ..Service::for_tests()
    };
    let green = green(groups);
    match entries(&service, &green, traffic, through) {
        Err(why) => why,
        Ok(entries) => {
            let part = |arn: &str, place| arn.split('/').nth(place).unwrap_or_default().to_owned();
            let one = |entry: &crate::native::Entry<'_>| {
                let by = entry
                    .rule
                    .map_or("no rule".to_owned(), |rule| part(rule.as_str(), 5));
                let asked = if entry.is_asked { "!" } else { "" };
                format!("{} by {by}{asked}", entry.green.name())
            };
            entries.iter().map(one).collect::<Vec<_>>().join(", ")
        }
    }
}

#[test]
fn green_is_in_the_group_that_ecs_states_for_its_revision() {
    let (test, production) = (Through::TestListener, Through::ProductionListener);
    let one = || vec![balancer("a", "b", Some("test"))];
    for (balancers, groups, through, expected) in [
        (one(), &["a"][..], test, "a by test!"),
        (one(), &["b"], test, "b by test!"),
        (one(), &["b"], production, "b by production!"),
        (vec![balancer("a", "b", None)], &["b"], test, "b by no rule"),
        (
            vec![balancer("a", "b", None)],
            &["b"],
            production,
            "b by production!",
        ),
        (vec![], &[], test, ""),
        (
            vec![balancer("a", "b", Some("test")), balancer("c", "d", None)],
            &["d", "a"],
            test,
            "a by test!, d by no rule",
        ),
        (
            one(),
            &[],
            test,
            "ECS states 0 of the target groups of container `web` for green's service revision, expected one: `a` or `b`",
        ),
        (
            one(),
            &["c"],
            test,
            "ECS states 0 of the target groups of container `web` for green's service revision, expected one: `a` or `b`",
        ),
        (
            one(),
            &["a", "b"],
            test,
            "ECS states 2 of the target groups of container `web` for green's service revision, expected one: `a` or `b`",
        ),
    ] {
        assert_eq!(said(balancers, groups, through), expected, "{groups:?}");
    }
}

#[test]
fn of_several_load_balancers_the_one_is_asked_that_is_named_or_the_only_one() {
    let several = "the load balancers of `the service` with the target groups `a` and `c` could all be asked by `test_traffic`, expected \
                   one (hint: `target_group = \"a\"` in `[pipeline.test_traffic]`, or that of the other one)";
    let unknown = "`x` is not a target group of `the service`, expected one of its load balancers', such as `a` and `c` (hint: correct \
                   `test_traffic.target_group`)";
    let no_rule = "the load balancer of `the service` with the target group `c` has no listener rule that `test_traffic` could ask \
                   through (hint: name one in its `AdvancedConfiguration`, or another load balancer in `test_traffic.target_group`)";
    for (second_test, named, asks, expected) in [
        (None, None, true, "b by test!, d by no rule"),
        (Some("other"), None, true, several),
        // Green must be behind every rule, and nothing is asked.
        (Some("other"), None, false, "b by test, d by other"),
        // Blue and green change places: either name is the load balancer's.
        (Some("other"), Some("a"), true, "b by test!, d by other"),
        (Some("other"), Some("b"), true, "b by test!, d by other"),
        (Some("other"), Some("c"), true, "b by test, d by other!"),
        (Some("other"), Some("d"), true, "b by test, d by other!"),
        (Some("other"), Some("x"), true, unknown),
        (None, Some("x"), true, unknown),
        (None, Some("c"), true, no_rule),
    ] {
        let balancers = vec![
            balancer("a", "b", Some("test")),
            balancer("c", "d", second_test),
        ];
        let traffic = traffic(named, asks);
        let said = said_of(balancers, &["d", "b"], Through::TestListener, &traffic);
        assert_eq!(said, expected, "{second_test:?} {named:?} {asks}");
    }
}

#[test]
fn what_is_wanted_of_green_is_what_its_revision_wants() {
    let service = |desired_count| Service {
        desired_count,
        ..Service::for_tests()
    };
    let target = |requested_count, running_count| DeployedRevision {
        requested_count,
        running_count,
        ..deployment("IN_PROGRESS", None).target.unwrap()
    };
    let not_yet = |why: &str| Wanted::NotYet(why.to_owned());
    for (desired, requested, running, expected) in [
        (2, 2, 2, Wanted::Targets(2)),
        (2, 2, 1, not_yet("1 of 2 tasks run")),
        (0, 0, 0, Wanted::Nothing),
        (
            2,
            0,
            0,
            not_yet(
                "the service wants 2 tasks, and its service revision of this deployment wants 0",
            ),
        ),
    ] {
        assert_eq!(
            wanted(&service(desired), &target(requested, running)),
            expected
        );
    }
}
