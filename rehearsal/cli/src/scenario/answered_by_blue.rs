//! Blue answers where green is asked: a check that takes its answers for green's would let green pass.

use local_aws::assumption::Assumption;
use local_aws::ecr::ImageSettings;

use crate::scenario::setting::{BLUE, GREEN, Setting};
use crate::scenario::{Expectation, Provided, Scenario, Step, claims};

/// What every one of them must come to: the gate failed, and production never saw green.
fn refused() -> Vec<Expectation> {
    let mut expectations = claims::nothing_broke();
    expectations.extend(claims::started(1));
    expectations.extend(claims::rolled_back("AfterAllowTestTraffic"));
    expectations.extend(claims::only_blue());
    expectations.extend(claims::messages(&[
        "started",
        "test-traffic-failed",
        "failed",
        "rolled-back",
    ]));
    expectations
}

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![late_nodes(), rule_of_a_path()]
}

/// For three seconds some of the load balancer's nodes send test traffic to blue, which answers well what green does not.
fn late_nodes() -> Scenario {
    let image =
        ImageSettings::new("shop/web", &["latest"], GREEN).misbehaving("answers:500:/orders");
    let mut expectations = refused();
    expectations.push(Expectation::new(
        "every answer to the check was 1.1.0's",
        |record| {
            let versions = &record.test_listener.versions;
            claims::expect(versions.keys().eq([GREEN]), || format!("{versions:?}"))
        },
    ));
    expectations.extend(claims::message_says(
        "test-traffic-failed",
        &["/orders", "wanted status 200, got status 500"],
    ));
    let mut setting = Setting::shop();
    setting.assumptions = [Assumption::NodesLearnLate].into_iter().collect();
    Scenario {
        setting,
        ..Scenario::of_shop(
            "blue-answers-for-green",
            "the load balancer's nodes still answer from 1.0.0 when 1.1.0, which answers 500, is checked",
            vec![Step::Push(Box::new(image)), Step::Settle],
            expectations,
        )
    }
}

/// A rule of the test listener sends one of the paths that are asked to blue, for good.
fn rule_of_a_path() -> Scenario {
    let image =
        ImageSettings::new("shop/web", &["latest"], GREEN).misbehaving("answers:500:/orders");
    let mut expectations = refused();
    expectations.push(Expectation::new(
        "1.0.0 was asked nothing in the place of 1.1.0",
        |record| {
            let versions = &record.test_listener.versions;
            claims::expect(!versions.contains_key(BLUE), || format!("{versions:?}"))
        },
    ));
    let leads_to_blue = claims::message_says(
        "test-traffic-failed",
        &[
            "`/orders` meets rule 10 of the test listener",
            "forwards to `DgpECS-prod-web-blue` (weight 1)",
            "green's target group `DgpECS-prod-web-green`",
        ],
    );
    // Where CodeDeploy moves the rule as well, 1.1.0 is asked, and fails.
    let leads_to_green = claims::message_says(
        "test-traffic-failed",
        &["/orders", "wanted status 200, got status 500"],
    );
    let follow = "listener-rules-follow";
    for (claims, provided) in [
        (leads_to_blue, Provided::NotAssumed(follow)),
        (leads_to_green, Provided::Assumed(follow)),
    ] {
        expectations.extend(claims.into_iter().map(|claim| claim.provided(provided)));
    }
    Scenario::of_shop(
        "rule-leads-to-blue",
        "a rule of the test listener sends a path that the check asks for to 1.0.0, which answers well",
        vec![
            Step::KeepPath {
                service: "web".to_owned(),
                path: "/orders".to_owned(),
            },
            Step::Push(Box::new(image)),
            Step::Settle,
        ],
        expectations,
    )
}
