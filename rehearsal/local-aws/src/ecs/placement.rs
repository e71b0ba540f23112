//! Which container instances may get a task, and which of them gets it: constraints and strategies (ECS Developer Guide, "How
//! Amazon ECS places tasks on container instances").

use std::collections::BTreeMap;

use serde_json::Value;

use super::instance::{ContainerInstance, Resources};
use super::query::Query;

/// `placementConstraints` and `placementStrategy`, as a request has them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Placement {
    pub constraints: Vec<Value>,
    pub strategies: Vec<Value>,
}

/// A container instance, and what runs on it.
#[derive(Debug, Clone)]
pub(super) struct Candidate<'s> {
    pub(super) instance: &'s ContainerInstance,
    pub(super) left: Resources,
    /// The groups of its tasks, one for each task.
    pub(super) groups: Vec<&'s str>,
}

impl Placement {
    /// Of a service's options.
    pub fn of(options: &serde_json::Map<String, Value>) -> Placement {
        let list = |member: &str| {
            let list = options.get(member).and_then(Value::as_array);
            list.cloned().unwrap_or_default()
        };
        Placement {
            constraints: list("placementConstraints"),
            strategies: list("placementStrategy"),
        }
    }
}

impl Candidate<'_> {
    /// The reason why a task of this group must not run here, as ECS states it.
    pub(super) fn violates(&self, constraints: &[Value], group: &str) -> Option<&'static str> {
        constraints.iter().find_map(|constraint| {
            match constraint["type"].as_str().unwrap_or_default() {
                // Inferred from the other one.
                "distinctInstance" => self
                    .groups
                    .contains(&group)
                    .then_some("DistinctInstance placement constraint unsatisfied."),
                _ => {
                    let expression = constraint["expression"].as_str().unwrap_or_default();
                    let query = Query::read(expression);
                    let holds = query.is_some_and(|query| query.holds(&|name| self.values(name)));
                    (!holds).then_some("MemberOf placement constraint unsatisfied.")
                }
            }
        })
    }

    /// The values of a subject of an expression.
    fn values(&self, subject: &str) -> Vec<String> {
        match subject {
            "task:group" => self.groups.iter().map(|&group| group.to_owned()).collect(),
            "ec2InstanceId" => vec![self.instance.ec2_instance_id.clone()],
            "agentConnected" => vec!["true".to_owned()],
            "runningTasksCount" => vec![self.groups.len().to_string()],
            _ => {
                let name = subject.strip_prefix("attribute:").unwrap_or_default();
                let value = self.instance.attributes.get(name);
                value.into_iter().cloned().collect()
            }
        }
    }

    /// What a strategy spreads over.
    fn value(&self, field: &str) -> String {
        match field {
            "instanceId" | "host" => self.instance.ec2_instance_id.clone(),
            field => self.values(field).into_iter().next().unwrap_or_default(),
        }
    }
}

/// The candidate that gets a task of this group: each strategy leaves fewer of them, in order, and of the last ones the one
/// with the fewest tasks gets it. `random` leaves all of them: any choice is one that AWS could make.
pub(super) fn choose<'c, 's>(
    candidates: &'c [Candidate<'s>],
    strategies: &[Value],
    group: &str,
) -> Option<&'c Candidate<'s>> {
    let mut left: Vec<&Candidate<'_>> = candidates.iter().collect();
    for strategy in strategies {
        let field = strategy["field"].as_str().unwrap_or_default();
        match strategy["type"].as_str().unwrap_or_default() {
            "spread" => {
                let mut tasks: BTreeMap<String, usize> = BTreeMap::new();
                for candidate in &left {
                    let own = candidate.groups.iter().filter(|other| **other == group);
                    *tasks.entry(candidate.value(field)).or_default() += own.count();
                }
                let fewest = tasks.values().copied().min().unwrap_or_default();
                left.retain(|one| tasks.get(&one.value(field)) == Some(&fewest));
            }
            "binpack" => {
                let remains = |one: &Candidate<'_>| match field.to_ascii_lowercase().as_str() {
                    "cpu" => one.left.cpu,
                    _ => one.left.memory,
                };
                let least = left
                    .iter()
                    .map(|one| remains(one))
                    .min()
                    .unwrap_or_default();
                left.retain(|one| remains(one) == least);
            }
            _ => {}
        }
    }
    let fewest = left.iter().map(|one| one.groups.len()).min()?;
    let chosen = left.into_iter().find(|one| one.groups.len() == fewest)?;
    candidates
        .iter()
        .find(|one| one.instance.arn == chosen.instance.arn)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ecs::instance::instance_for_tests;

    /// Instances `i-1`, `i-2` and `i-3`; the first two are in one zone. Each runs tasks of these groups.
    fn check(
        groups: [&'static [&'static str]; 3],
        constraints: Value,
        strategies: Value,
    ) -> String {
        let instances = [1, 2, 3].map(|number| {
            let mut instance = instance_for_tests(number);
            let zone = if number < 3 { "a" } else { "b" };
            let name = "ecs.availability-zone".to_owned();
            instance.attributes.insert(name, zone.to_owned());
            instance
        });
        let candidates = instances
            .iter()
            .zip(groups)
            .map(|(instance, groups)| Candidate {
                instance,
                left: Resources {
                    cpu: 2048 - 100 * groups.len() as u64,
                    memory: 1000,
                },
                groups: groups.to_vec(),
            });
        let constraints = constraints.as_array().cloned().unwrap_or_default();
        let strategies = strategies.as_array().cloned().unwrap_or_default();
        let (fit, unfit): (Vec<_>, Vec<_>) =
            candidates.partition(|one| one.violates(&constraints, "service:web").is_none());
        let reason = unfit
            .first()
            .and_then(|one| one.violates(&constraints, "service:web"));
        let chosen = choose(&fit, &strategies, "service:web");
        match chosen {
            Some(chosen) => chosen.instance.ec2_instance_id.clone(),
            None => reason.unwrap_or_default().to_owned(),
        }
    }

    #[test]
    fn constraints_leave_out_and_strategies_choose() {
        const WEB: &str = "service:web";
        let member_of =
            |expression: &str| json!([{ "type": "memberOf", "expression": expression }]);
        let distinct = || json!([{ "type": "distinctInstance" }]);
        let spread = |field: &str| json!([{ "type": "spread", "field": field }]);
        let zone = "attribute:ecs.availability-zone";
        for (groups, constraints, strategies, expected) in [
            ([&[][..], &[], &[]], json!([]), json!([]), "i-1"),
            ([&[WEB][..], &[], &[]], json!([]), json!([]), "i-2"),
            (
                [&[][..], &[], &[]],
                member_of(&format!("{zone} == b")),
                json!([]),
                "i-3",
            ),
            (
                [&[][..], &[], &[]],
                member_of("attribute:disk == ssd"),
                json!([]),
                "MemberOf placement constraint unsatisfied.",
            ),
            (
                [&[WEB][..], &["other"], &[WEB]],
                distinct(),
                json!([]),
                "i-2",
            ),
            (
                [&[WEB][..], &[WEB], &[WEB]],
                distinct(),
                json!([]),
                "DistinctInstance placement constraint unsatisfied.",
            ),
            ([&[WEB][..], &[], &[]], json!([]), spread(zone), "i-3"),
            // Only tasks of the same group count, and in each zone the emptiest instance gets the task.
            (
                [&[WEB][..], &[], &[WEB, "other"]],
                json!([]),
                spread(zone),
                "i-2",
            ),
            (
                [&[WEB][..], &[WEB], &["other"]],
                json!([]),
                spread("instanceId"),
                "i-3",
            ),
            (
                [&[WEB][..], &["other", "other"], &[]],
                json!([]),
                json!([{ "type": "binpack", "field": "cpu" }]),
                "i-2",
            ),
            (
                [&["other"][..], &["other", "other"], &[]],
                json!([]),
                json!([{ "type": "spread", "field": zone }, { "type": "binpack", "field": "cpu" }]),
                "i-2",
            ),
            (
                [&[WEB][..], &[], &[]],
                json!([]),
                json!([{ "type": "random" }]),
                "i-2",
            ),
        ] {
            let said = check(groups, constraints.clone(), strategies.clone());
            assert_eq!(said, expected, "{constraints} {strategies}");
        }
    }
}
