//! Which rule of a load balancer's listener a request meets, and whether that rule sends it to green alone.
//!
//! Rules are evaluated as Elastic Load Balancing documents it (API reference, `RuleCondition` and the shapes below it): by
//! priority, the default rule last, a rule is met when each of its conditions is, a condition when one of its values is. What
//! cannot be evaluated from outside (the address that a request comes from, a regular expression in ELB's dialect) is perhaps
//! met: such a rule must lead to green like the one that is met in any case.

mod addition;
mod condition;

use self::condition::{Met, condition_met, rule_met};
use crate::names::TargetGroupArn;
use crate::observed::{Listener, ListenerRule, RuleAction, RuleCondition};
use crate::status_matcher::StatusMatcher;
use crate::test_traffic::Through;

pub use addition::{Addition, addition};
pub use condition::Asked;
pub(crate) use condition::matches_ignoring_case;

/// Whether the rule that a request meets sends it to green and to nothing else.
///
/// # Errors
/// Which rule does not, and where it leads instead.
pub fn leads_to_green(
    rules: &[ListenerRule],
    asked: Asked<'_>,
    green: &TargetGroupArn,
    through: Through,
) -> Result<(), String> {
    let listener = through.words();
    let mut in_order: Vec<&ListenerRule> = rules.iter().collect();
    in_order.sort_by_key(|rule| place(rule));
    for rule in &in_order {
        match rule_met(rule, asked) {
            Met::No => {}
            Met::Perhaps(why) => {
                is_of_green(rule, green, Some(asked.wanted), through).map_err(|elsewhere| {
                    format!(
                        "whether `{}` meets {} of the {listener} cannot be evaluated ({why}), and it {elsewhere}",
                        asked.path,
                        named(rule)
                    )
                })?;
            }
            Met::Yes => {
                return is_of_green(rule, green, Some(asked.wanted), through).map_err(
                    |elsewhere| {
                        format!(
                            "`{}` meets {} of the {listener}, which {elsewhere}{}",
                            asked.path,
                            named(rule),
                            hint(&in_order, rule, &asked, green, through)
                        )
                    },
                );
            }
        }
    }
    Err(format!("`{}` meets no rule of the {listener}", asked.path))
}

/// The first rule that a request meets, or may.
pub fn met<'a>(rules: &'a [ListenerRule], asked: Asked<'_>) -> Option<&'a ListenerRule> {
    let mut in_order: Vec<&ListenerRule> = rules.iter().collect();
    in_order.sort_by_key(|rule| place(rule));
    let mut met = in_order.into_iter();
    met.find(|rule| rule_met(rule, asked) != Met::No)
}

/// Whether a rule that ECS has pointed at green still sends to green and to nothing else. Who applies an older rule again during a
/// deployment puts it back, and ECS does not notice (aws/containers-roadmap #2853).
///
/// # Errors
/// Where it leads instead.
pub fn is_at_green(
    rule: &ListenerRule,
    green: &TargetGroupArn,
    wanted: Option<&StatusMatcher>,
    through: Through,
) -> Result<(), String> {
    is_of_green(rule, green, wanted, through)
        .map_err(|elsewhere| format!("{} of the {} {elsewhere}", named(rule), through.words()))
}

/// Why a rule does not send all clients where its weights say; none where it does. A cookie comes before the weights, weight 0 included,
/// and before the health of targets (AWS re:Post, "alb to automatically redirect traffic", answered by AWS). With one target group there
/// is nothing to stick to.
pub fn sticks(rule: &ListenerRule, serving: &TargetGroupArn) -> Option<String> {
    let seconds = rule.sticks_for?;
    let groups = rule.actions.iter().flat_map(|action| match action {
        RuleAction::Forward(groups) => groups.as_slice(),
        RuleAction::Other(_) => &[],
    });
    let others: Vec<String> = groups
        .filter(|(group, _)| group != serving)
        .map(|(group, _)| group_name(group))
        .collect();
    (!others.is_empty()).then(|| {
        format!(
            "keeps a client for {seconds} seconds at the target group that it got first (`TargetGroupStickinessConfig`): a shift does not \
             reach who is at {}, and when its tasks have stopped these get 503 (hint: turn stickiness between target groups off in the \
             rule's action; that of a target group, between its own targets, may stay)",
            others.join(" and ")
        )
    })
}

/// The one rule of a listener that has no others.
pub fn default_of(listener: &Listener) -> ListenerRule {
    ListenerRule {
        priority: "default".to_owned(),
        conditions: Vec::new(),
        actions: listener.default_actions.clone(),
        sticks_for: None,
    }
}

/// Priorities are texts; what is none goes last, before the default rule.
fn place(rule: &ListenerRule) -> (bool, u32) {
    let number = rule.priority.parse().unwrap_or(u32::MAX);
    (rule.priority == "default", number)
}

fn named(rule: &ListenerRule) -> String {
    if rule.priority == "default" {
        "the default rule".to_owned()
    } else {
        format!("rule {}", rule.priority)
    }
}

/// How a request reaches a rule that leads to green: on a listener that several services share, by a host or a header. Nothing
/// where there is no such rule, or where another rule than the last one was met.
fn hint(
    rules: &[&ListenerRule],
    met: &ListenerRule,
    asked: &Asked<'_>,
    green: &TargetGroupArn,
    through: Through,
) -> String {
    let asks = |condition: &RuleCondition| {
        matches!(
            condition,
            RuleCondition::Host(_) | RuleCondition::Header { .. }
        ) && condition_met(condition, *asked) != Met::Yes
    };
    let leads = rules
        .iter()
        .filter(|rule| rule.conditions.iter().any(asks))
        .find(|rule| is_of_green(rule, green, Some(asked.wanted), through).is_ok());
    match leads {
        Some(leads) if met.priority == "default" => {
            let setting = through.setting();
            let rule = named(leads);
            format!(
                " (hint: {rule} leads to green; give `{setting}.host` or `{setting}.headers` what its conditions ask for)"
            )
        }
        Some(_) | None => String::new(),
    }
}

fn is_of_green(
    rule: &ListenerRule,
    green: &TargetGroupArn,
    wanted: Option<&StatusMatcher>,
    through: Through,
) -> Result<(), String> {
    let wants_401 = wanted.is_some_and(|wanted| wanted.matches(401));
    // A rule has one action that answers; one that comes before it may answer in its place.
    let other = rule.actions.iter().find_map(|action| match action {
        // It forwards what carries a valid token, and answers 401 to all else (ELB User Guide, "Verify JWTs").
        RuleAction::Other(kind) if kind == "jwt-validation" && !wants_401 => None,
        RuleAction::Forward(_) => None,
        RuleAction::Other(kind) => Some(kind.as_str()),
    });
    if let Some(kind) = other {
        let does = match kind {
            "jwt-validation" => {
                "answers 401 by itself (`jwt-validation`), which is wanted".to_owned()
            }
            "redirect" => "redirects".to_owned(),
            "fixed-response" => "answers a fixed response".to_owned(),
            kind => format!("answers by itself (`{kind}`)"),
        };
        return Err(format!("{does}: such an answer is not green's"));
    }
    let groups: Vec<&(TargetGroupArn, u32)> = rule
        .actions
        .iter()
        .flat_map(|action| match action {
            RuleAction::Forward(groups) => groups.as_slice(),
            RuleAction::Other(_) => &[],
        })
        .collect();
    let has_weight = |(_, weight): &&&(TargetGroupArn, u32)| *weight > 0;
    let serving: Vec<_> = groups.iter().filter(has_weight).collect();
    if !serving.is_empty() && serving.iter().all(|(group, _)| group == green) {
        return match (through, sticks(rule, green)) {
            // Who asks brings no cookie, so that its answers are green's; production's clients bring theirs.
            (Through::TestListener, _) | (Through::ProductionListener, None) => Ok(()),
            (Through::ProductionListener, Some(why)) => Err(why),
        };
    }
    let parts = groups
        .iter()
        .map(|(group, weight)| format!("{} (weight {weight})", group_name(group)));
    let parts: Vec<String> = parts.collect();
    let to = if parts.is_empty() {
        "no target group".to_owned()
    } else {
        parts.join(" and ")
    };
    Err(format!(
        "forwards to {to}: an answer may come from elsewhere than green's target group {}",
        group_name(green)
    ))
}

/// `…:targetgroup/shop-blue/0123456789abcdef` is `shop-blue`.
fn group_name(arn: &TargetGroupArn) -> String {
    let name = arn.as_str().split('/').nth(1).unwrap_or(arn.as_str());
    format!("`{name}`")
}

#[cfg(test)]
mod tests;
