//! Listeners and their rules: whether production's target group is behind them.

use super::finding::{Checks, apart};
use crate::ecs::TrafficRule;
use crate::listener_rule;
use crate::names::{ListenerArn, TargetGroupArn};
use crate::observed::{ListenerRule, RuleAction};
use crate::test_traffic::Through;

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
    if through == Through::ProductionListener {
        let of_serving = rules.iter().filter(|rule| groups(rule).contains(serving));
        sticky(checks, named_by, of_serving, serving);
    }
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

/// Rules of production that keep clients where they were, whatever is shifted.
fn sticky<'a>(
    checks: &mut Checks,
    named_by: &str,
    mut rules: impl Iterator<Item = &'a ListenerRule>,
    serving: &TargetGroupArn,
) {
    let why = rules.find_map(|rule| listener_rule::sticks(rule, serving));
    let Some(why) = why else { return };
    let (why, remedy) = apart(&why);
    checks.doubt(
        LISTENERS,
        format!(
            "the production rule of {named_by} {why}; `production_traffic` fails for it, since no answer that it gets shows that"
        ),
        remedy.unwrap_or_default(),
    );
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

/// The rules of a service, as ECS reads them before it deploys: production's leads to one of the service's two target groups, and both of
/// them stand in one rule or the other (ECS Developer Guide, "Troubleshooting Amazon ECS blue/green deployments"). `rules` are production's
/// and, where there is one, test traffic's, each with its ARN.
pub fn rules_lead(
    checks: &mut Checks,
    place: &str,
    groups: &[&TargetGroupArn; 2],
    rules: &[(&TrafficRule, &ListenerRule)],
) {
    let Some((named, production)) = rules.first() else {
        return;
    };
    let [first, second] = groups;
    let (one, other) = (name_of(first), name_of(second));
    let serving: Vec<&TargetGroupArn> = groups_of(production)
        .filter(|(_, weight)| *weight > 0)
        .map(|(group, _)| group)
        .collect();
    let is_theirs = |group: &&TargetGroupArn| groups.contains(group);
    if serving.len() != 1 || !serving.iter().all(is_theirs) {
        return checks.wrong(
            LISTENERS,
            format!(
                "the production rule of service `{place}` forwards to {}, expected either `{one}` or `{other}`, its two target groups: ECS \
                 would roll a deployment back",
                named_or_none(&serving)
            ),
            format!(
                "look whether production's tasks are there:\naws elbv2 describe-target-health --target-group-arn {first}\nthen, or the same \
                 with {second}:\n{}",
                forwarding(named, production, first)
            ),
        );
    }
    if let [serving] = serving[..] {
        sticky(
            checks,
            &format!("service `{place}`"),
            [*production].into_iter(),
            serving,
        );
    }
    let stands = |group: &&&TargetGroupArn| {
        let mut all = rules.iter().flat_map(|(_, rule)| groups_of(rule));
        all.any(|(one, _)| one == **group)
    };
    let missing = groups.iter().find(|group| !stands(group));
    if let (Some(missing), Some((named, rule))) = (missing, rules.get(1)) {
        checks.wrong(
            LISTENERS,
            format!(
                "neither rule of service `{place}` forwards to its target group `{}`, and its test rule forwards to {}: ECS takes no deployment \
                 whose two target groups are not both in one rule or the other",
                name_of(missing),
                named_or_none(&groups_of(rule).map(|(group, _)| group).collect::<Vec<_>>())
            ),
            forwarding(named, rule, missing),
        );
    }
}

/// The command that points a rule at a target group; a default rule is changed with its listener.
fn forwarding(named: &TrafficRule, rule: &ListenerRule, group: &TargetGroupArn) -> String {
    match (named, named.listener()) {
        (TrafficRule::Rule(arn), listener) if rule.priority != "default" || listener.is_none() => {
            format!(
                "aws elbv2 modify-rule --rule-arn {arn} --actions Type=forward,TargetGroupArn={group}"
            )
        }
        (TrafficRule::Rule(_) | TrafficRule::Listener(_), listener) => {
            let listener = listener.map(|arn| arn.to_string()).unwrap_or_default();
            format!(
                "aws elbv2 modify-listener --listener-arn {listener} --default-actions Type=forward,TargetGroupArn={group}"
            )
        }
    }
}

fn named_or_none(groups: &[&TargetGroupArn]) -> String {
    match groups {
        [] => "no target group".to_owned(),
        groups => {
            let names: Vec<String> = groups
                .iter()
                .map(|group| format!("`{}`", name_of(group)))
                .collect();
            names.join(" and ")
        }
    }
}

/// Target groups and weights of a rule.
pub(super) fn groups_of(rule: &ListenerRule) -> impl Iterator<Item = &(TargetGroupArn, u32)> {
    rule.actions.iter().flat_map(|action| match action {
        RuleAction::Forward(groups) => groups.as_slice(),
        RuleAction::Other(_) => &[],
    })
}

/// `…:targetgroup/shop-blue/0123456789abcdef` is `shop-blue`.
pub(super) fn name_of(group: &TargetGroupArn) -> &str {
    group.as_str().split('/').nth(1).unwrap_or(group.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_rule_of_production_that_keeps_clients_is_a_doubt() {
        let arn: ListenerArn = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:listener/app/web/0123456789abcdef/0123456789abcdef".parse().unwrap();
        let both = [("blue", 1), ("green", 0)];
        for (through, groups, seconds, expected) in [
            (Through::ProductionListener, &both[..], Some(3600), 1),
            (Through::ProductionListener, &both[..], None, 0),
            (Through::ProductionListener, &both[..1], Some(3600), 0),
            (Through::TestListener, &both[..], Some(3600), 0),
        ] {
            let mut rules = default(groups);
            rules[0].sticks_for = seconds;
            let mut checks = Checks::default();
            let blue = group("blue");
            listener_serves(&mut checks, "the group", through, &arn, &rules, &blue);
            let found = sentences(&checks);
            assert_eq!(
                found.len(),
                expected,
                "{through:?} {groups:?} {seconds:?}: {found:?}"
            );
            if through == Through::TestListener {
                continue;
            }
            let rule = TrafficRule::Listener(arn.clone());
            let mut checks = Checks::default();
            let green = group("green");
            rules_lead(
                &mut checks,
                "prod/web",
                &[&blue, &green],
                &[(&rule, &rules[0])],
            );
            let found = sentences(&checks);
            let is_told = found.iter().any(|one| {
                one.starts_with(
                    "the production rule of service `prod/web` keeps a client for 3600 seconds",
                )
            });
            assert_eq!(is_told, expected == 1, "{groups:?} {seconds:?}: {found:?}");
        }
    }

    #[test]
    fn the_rules_of_a_service_lead_to_its_target_groups() {
        let check = |production: &[(&str, u32)], test: Option<&[(&str, u32)]>, expected: &str| {
            let head = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:listener-rule/app/web/0123456789abcdef/0123456789abcdef";
            let named =
                ["1", "2"].map(|id| TrafficRule::Rule(format!("{head}/{id}").parse().unwrap()));
            let rules: Vec<ListenerRule> = [Some(production), test]
                .into_iter()
                .flatten()
                .flat_map(default)
                .collect();
            let rules: Vec<_> = named.iter().zip(&rules).collect();
            let mut checks = Checks::default();
            rules_lead(
                &mut checks,
                "prod/web",
                &[&group("blue"), &group("green")],
                &rules,
            );
            let found = sentences(&checks);
            assert_eq!(found.len(), usize::from(!expected.is_empty()), "{found:?}");
            assert!(found.concat().contains(expected), "{found:?}");
        };
        let blue: &[(&str, u32)] = &[("blue", 1)];
        check(blue, Some(&[("green", 1)]), "");
        check(&[("green", 100), ("blue", 0)], Some(blue), "");
        check(&[("green", 100), ("blue", 0)], None, "");
        check(
            &[("other", 1)],
            Some(blue),
            "production rule of service `prod/web` forwards to `other`, expected either `blue` or `green`",
        );
        check(
            &[("blue", 1), ("green", 1)],
            Some(blue),
            "forwards to `blue` and `green`, expected either",
        );
        check(&[], Some(blue), "forwards to no target group");
        check(
            blue,
            Some(blue),
            "neither rule of service `prod/web` forwards to its target group `green`",
        );
        check(
            blue,
            Some(&[("other", 1)]),
            "its test rule forwards to `other`",
        );
    }
}
