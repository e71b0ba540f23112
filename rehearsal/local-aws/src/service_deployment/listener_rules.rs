//! What the listener rules of a service say about its two target groups.
//!
//! Which of the two serves is a matter of the production rule, not of the service: ECS deploys green into the other one
//! (observed on AWS; `targetGroupArn` and `alternateTargetGroupArn` never swap).

use super::share::Share;
use crate::elb::{Forward, is_of_network};

/// `advancedConfiguration` of a load balancer, with the entry's own target group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TwoTargetGroups {
    /// `targetGroupArn` and `alternateTargetGroupArn`.
    pub groups: [String; 2],
    /// ARNs of rules; of listeners at a Network Load Balancer.
    pub production_rule: String,
    pub test_rule: Option<String>,
    /// The infrastructure role, with which ECS changes the rules.
    pub role_arn: String,
}

/// The target groups' parts in a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sides {
    pub blue: String,
    pub green: String,
}

/// Reads from the rules which target group serves, or why that is not to be told. The sentences are AWS's ("Troubleshooting
/// Amazon ECS blue/green deployments").
pub fn sides(
    of: &TwoTargetGroups,
    production: Option<&[Forward]>,
    test: Option<&[Forward]>,
) -> Result<Sides, String> {
    let [first, second] = &of.groups;
    let production = production.ok_or(". One or more rules not found")?;
    if of.test_rule.is_some() && test.is_none() {
        return Err(". One or more rules not found".to_owned());
    }
    let serving: Vec<&Forward> = production.iter().filter(|part| part.weight > 0).collect();
    let serving = match serving.as_slice() {
        [only] => &only.target_group_arn,
        several => {
            return Err(format!(
                ". productionListenerRule {} should have exactly one target group serving traffic but found {} target \
                 groups",
                of.production_rule,
                several.len()
            ));
        }
    };
    if serving != first && serving != second {
        return Err(format!(
            ". Production listener rule is forwarding traffic to unexpected target group {serving}. Expected traffic to be \
             forwarded to either targetGroupArn: {first} or alternateTargetGroupArn: {second}"
        ));
    }
    let named = |group: &String| {
        let mut parts = production.iter().chain(test.unwrap_or_default());
        parts.any(|part| part.target_group_arn == *group)
    };
    if !of.groups.iter().all(named) {
        return Err(
            ". Both targetGroup and alternateTargetGroup must be associated with the productionListenerRule or \
             testListenerRule."
                .to_owned(),
        );
    }
    let other = if serving == first { second } else { first };
    Ok(Sides {
        blue: serving.clone(),
        green: other.clone(),
    })
}

impl TwoTargetGroups {
    /// Whether they are behind a Network Load Balancer.
    pub fn are_of_network(&self) -> bool {
        is_of_network(&self.production_rule)
    }
}

impl Sides {
    /// What a rule forwards once green has this share. The plain target group gives way to both with their weights.
    pub fn forward(&self, green: Share) -> Vec<Forward> {
        let (of_green, of_blue) = green.weights();
        [(&self.blue, of_blue), (&self.green, of_green)]
            .map(|(group, weight)| Forward {
                target_group_arn: group.clone(),
                weight,
            })
            .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forward(parts: &[(&str, u32)]) -> Vec<Forward> {
        let part = |(group, weight): &(&str, u32)| Forward {
            target_group_arn: (*group).to_owned(),
            weight: *weight,
        };
        parts.iter().map(part).collect()
    }

    type Parts<'a> = Option<&'a [(&'a str, u32)]>;

    #[test]
    fn the_production_rule_decides_which_target_group_is_blue() {
        let of = TwoTargetGroups {
            groups: ["a".to_owned(), "b".to_owned()],
            production_rule: "rule/p".to_owned(),
            test_rule: Some("rule/t".to_owned()),
            role_arn: "role".to_owned(),
        };
        let both = ". Both targetGroup and alternateTargetGroup must be associated with the productionListenerRule or \
                    testListenerRule.";
        let cases: [(Parts<'_>, Parts<'_>, &str); 10] = [
            (
                Some(&[("a", 1), ("b", 0)]),
                Some(&[("a", 1)]),
                "a serves, b is next",
            ),
            (
                Some(&[("a", 0), ("b", 100)]),
                Some(&[("b", 1)]),
                "b serves, a is next",
            ),
            (Some(&[("a", 1)]), Some(&[("b", 1)]), "a serves, b is next"),
            (Some(&[("a", 1)]), Some(&[("a", 1)]), both),
            (None, Some(&[("a", 1)]), ". One or more rules not found"),
            (
                Some(&[("a", 1), ("b", 0)]),
                None,
                ". One or more rules not found",
            ),
            (
                Some(&[("a", 90), ("b", 10)]),
                Some(&[("a", 1)]),
                ". productionListenerRule rule/p should have exactly one target group serving traffic but found 2 target groups",
            ),
            (
                Some(&[("a", 0), ("b", 0)]),
                Some(&[("a", 1)]),
                ". productionListenerRule rule/p should have exactly one target group serving traffic but found 0 target groups",
            ),
            (
                Some(&[("c", 1)]),
                Some(&[("a", 1)]),
                ". Production listener rule is forwarding traffic to unexpected target group c. Expected traffic to be \
                 forwarded to either targetGroupArn: a or alternateTargetGroupArn: b",
            ),
            (
                Some(&[("b", 1)]),
                Some(&[("b", 1), ("a", 0)]),
                "b serves, a is next",
            ),
        ];
        for (production, test, expected) in cases {
            let (production, test) = (production.map(forward), test.map(forward));
            let found = match sides(&of, production.as_deref(), test.as_deref()) {
                Ok(Sides { blue, green }) => format!("{blue} serves, {green} is next"),
                Err(sentence) => sentence,
            };
            assert_eq!(found, expected, "{production:?} {test:?}");
        }
    }

    #[test]
    fn rewritten_rules_name_both_groups() {
        let sides = Sides {
            blue: "a".to_owned(),
            green: "b".to_owned(),
        };
        for (tenths, expected) in [
            (0, [("a", 100), ("b", 0)]),
            (1000, [("a", 0), ("b", 100)]),
            (1, [("a", 999), ("b", 1)]),
        ] {
            assert_eq!(sides.forward(Share::of_tenths(tenths)), forward(&expected));
        }
    }
}
