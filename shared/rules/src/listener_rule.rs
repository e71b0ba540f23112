//! Which rule of a load balancer's listener a request meets, and whether that rule sends it to green alone.
//!
//! Rules are evaluated as Elastic Load Balancing documents it (API reference, `RuleCondition` and the shapes below it): by
//! priority, the default rule last, a rule is met when each of its conditions is, a condition when one of its values is. What
//! cannot be evaluated from outside (the address that a request comes from, a regular expression in ELB's dialect) is perhaps
//! met: such a rule must lead to green like the one that is met in any case.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use crate::names::TargetGroupArn;
use crate::observed::{Listener, ListenerRule, RuleAction, RuleCondition};
use crate::status_matcher::StatusMatcher;
use crate::test_traffic::Through;

/// A request, as far as conditions can ask about it.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Its method.
    pub method: &'a str,
    /// The `Host` header.
    pub host: &'a str,
    /// From `/`, without the query.
    pub path: &'a str,
    /// What follows `?`.
    pub query: Option<&'a str>,
    /// Its other headers.
    pub headers: &'a [(&'a str, &'a str)],
    /// The statuses that are a good answer.
    pub wanted: &'a StatusMatcher,
}

/// Whether a condition or a rule is met.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Met {
    Yes,
    No,
    /// It cannot be evaluated, because of this.
    Perhaps(String),
}

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
                is_of_green(rule, green, asked.wanted).map_err(|elsewhere| {
                    format!(
                        "whether `{}` meets {} of the {listener} cannot be evaluated ({why}), and it {elsewhere}",
                        asked.path,
                        named(rule)
                    )
                })?;
            }
            Met::Yes => {
                return is_of_green(rule, green, asked.wanted).map_err(|elsewhere| {
                    format!(
                        "`{}` meets {} of the {listener}, which {elsewhere}{}",
                        asked.path,
                        named(rule),
                        hint(&in_order, rule, &asked, green, through)
                    )
                });
            }
        }
    }
    Err(format!("`{}` meets no rule of the {listener}", asked.path))
}

/// The one rule of a listener that has no others.
pub fn default_of(listener: &Listener) -> ListenerRule {
    ListenerRule {
        priority: "default".to_owned(),
        conditions: Vec::new(),
        actions: listener.default_actions.clone(),
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
        .find(|rule| is_of_green(rule, green, asked.wanted).is_ok());
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
    wanted: &StatusMatcher,
) -> Result<(), String> {
    // A rule has one action that answers; one that comes before it may answer in its place.
    let other = rule.actions.iter().find_map(|action| match action {
        // It forwards what carries a valid token, and answers 401 to all else (ELB User Guide, "Verify JWTs").
        RuleAction::Other(kind) if kind == "jwt-validation" && !wanted.matches(401) => None,
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
        return Ok(());
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

fn rule_met(rule: &ListenerRule, asked: Asked<'_>) -> Met {
    let mut perhaps = None;
    for condition in &rule.conditions {
        match condition_met(condition, asked) {
            Met::Yes => {}
            Met::No => return Met::No,
            Met::Perhaps(why) => perhaps = Some(why),
        }
    }
    perhaps.map_or(Met::Yes, Met::Perhaps)
}

fn condition_met(condition: &RuleCondition, asked: Asked<'_>) -> Met {
    match condition {
        RuleCondition::Host(patterns) => any(patterns.iter().map(|pattern| {
            let without_port = asked
                .host
                .rsplit_once(':')
                .map_or(asked.host, |(host, _)| host);
            // Whether the port that a client adds is compared is not documented.
            agree(
                matches_ignoring_case(pattern, asked.host),
                matches_ignoring_case(pattern, without_port),
                "its `Host` carries a port",
            )
        })),
        RuleCondition::Path(patterns) => any(patterns.iter().map(|pattern| {
            agree(
                matches(pattern, asked.path, Escapes::None),
                matches(pattern, &decoded(asked.path), Escapes::None),
                "its path is percent-encoded",
            )
        })),
        RuleCondition::Header { name, values } => {
            let sent = asked
                .headers
                .iter()
                .filter(|(sent, _)| sent.eq_ignore_ascii_case(name));
            any(sent.flat_map(|(_, sent)| {
                values
                    .iter()
                    .map(|pattern| certain(matches_ignoring_case(pattern, sent)))
            }))
        }
        RuleCondition::Query(wanted) => any(wanted
            .iter()
            .map(|(key, value)| query_met(key.as_deref(), value, asked.query.unwrap_or_default()))),
        RuleCondition::Method(methods) => {
            any(methods.iter().map(|method| certain(method == asked.method)))
        }
        RuleCondition::Unknown(what) => Met::Perhaps(format!("its condition `{what}`")),
    }
}

fn query_met(key: Option<&str>, value: &str, query: &str) -> Met {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    any(pairs.map(|pair| {
        let (sent_key, sent_value) = pair.split_once('=').unwrap_or((pair, ""));
        let met = |sent_key: &str, sent_value: &str| {
            let fits = |pattern: &str, sent: &str| {
                matches(
                    &pattern.to_lowercase(),
                    &sent.to_lowercase(),
                    Escapes::Backslash,
                )
            };
            key.is_none_or(|key| fits(key, sent_key)) && fits(value, sent_value)
        };
        // Whether encoded text is compared as it was sent is not documented, nor how a name without a value is.
        let other = if pair.contains('=') {
            met(&decoded(sent_key), &decoded(sent_value))
        } else {
            met("", sent_key)
        };
        agree(
            met(sent_key, sent_value),
            other,
            "its query is encoded, or has a name without a value",
        )
    }))
}

fn certain(met: bool) -> Met {
    if met { Met::Yes } else { Met::No }
}

/// Two readings of one thing.
fn agree(one: bool, other: bool, why: &str) -> Met {
    if one == other {
        certain(one)
    } else {
        Met::Perhaps(why.to_owned())
    }
}

fn any(values: impl Iterator<Item = Met>) -> Met {
    values.fold(Met::No, |found, met| match (found, met) {
        (Met::Yes, _) | (_, Met::Yes) => Met::Yes,
        (Met::Perhaps(why), _) | (_, Met::Perhaps(why)) => Met::Perhaps(why),
        (Met::No, Met::No) => Met::No,
    })
}

/// Whether a literal `*` or `?` can be written in a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Escapes {
    None,
    Backslash,
}

/// One character of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    AnyText,
    AnyCharacter,
    This(char),
}

fn matches_ignoring_case(pattern: &str, text: &str) -> bool {
    matches(&pattern.to_lowercase(), &text.to_lowercase(), Escapes::None)
}

/// `*` stands for any text, `?` for any character. Only the last `*` is ever gone back to, so the time is bounded by the
/// product of both lengths, however many there are.
fn matches(pattern: &str, text: &str, escapes: Escapes) -> bool {
    let pattern = tokens(pattern, escapes);
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut read) = (0, 0);
    // Behind the last `*`, and from where on the text is tried after it.
    let mut retry: Option<(usize, usize)> = None;
    while read < text.len() {
        match pattern.get(at) {
            Some(Token::AnyText) => {
                at += 1;
                retry = Some((at, read));
            }
            Some(token) if *token == Token::AnyCharacter || *token == Token::This(text[read]) => {
                at += 1;
                read += 1;
            }
            Some(_) | None => {
                let Some((behind, from)) = retry else {
                    return false;
                };
                at = behind;
                read = from + 1;
                retry = Some((behind, read));
            }
        }
    }
    pattern[at..].iter().all(|token| *token == Token::AnyText)
}

fn tokens(pattern: &str, escapes: Escapes) -> Vec<Token> {
    let mut characters = pattern.chars();
    let mut tokens = Vec::new();
    while let Some(character) = characters.next() {
        tokens.push(match character {
            '\\' if escapes == Escapes::Backslash => Token::This(characters.next().unwrap_or('\\')),
            '*' => Token::AnyText,
            '?' => Token::AnyCharacter,
            other => Token::This(other),
        });
    }
    tokens
}

fn decoded(text: &str) -> Cow<'_, str> {
    percent_decode_str(text).decode_utf8_lossy()
}

#[cfg(test)]
mod tests;
