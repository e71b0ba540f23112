//! Wildcards of policies: `*` is any text, `?` any one character.

use crate::wildcard::{like, like_within};

/// Compares actions: as strings, without regard to case.
pub(super) fn action_like(pattern: &str, action: &str) -> bool {
    like(&pattern.to_ascii_lowercase(), &action.to_ascii_lowercase())
}

/// Compares resources: a wildcard stays within the ARN's segment, unless it is a `*` that ends one (IAM User
/// Guide, Resource element).
pub(super) fn resource_like(pattern: &str, resource: &str) -> bool {
    like_within(pattern, resource, ':')
}

/// Compares as `ArnEquals` and `ArnLike` do: each of the six components by itself.
pub(super) fn arn_like(pattern: &str, arn: &str) -> bool {
    let (patterns, parts): (Vec<_>, Vec<_>) = (
        pattern.splitn(6, ':').collect(),
        arn.splitn(6, ':').collect(),
    );
    patterns.len() == parts.len()
        && patterns
            .iter()
            .zip(parts)
            .all(|(pattern, part)| like(pattern, part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(compare: fn(&str, &str) -> bool, cases: &[(&str, &str, bool)]) {
        for (pattern, text, expected) in cases {
            assert_eq!(compare(pattern, text), *expected, "{pattern} {text}");
        }
    }

    #[test]
    fn actions_have_no_case() {
        check(
            action_like,
            &[
                ("ecs:runtask", "ecs:RunTask", true),
                ("ECS:Describe*", "ecs:DescribeTasks", true),
                ("ecs:Describe*", "ecs:RunTask", false),
                ("*", "sns:Publish", true),
            ],
        );
    }

    #[test]
    fn a_wildcard_of_a_resource_stays_in_its_segment_unless_it_ends_it() {
        let task = "arn:aws:ecs:eu-central-1:111122223333:task/prod/1";
        let revision = "arn:aws:ecs:eu-central-1:111122223333:task-definition/web:7";
        check(
            resource_like,
            &[
                ("*", task, true),
                (task, task, true),
                ("arn:aws:ecs:*:*:task/*", task, true),
                ("arn:aws:ecs:eu-central-1:111122223333:task/*", task, true),
                (
                    "arn:aws:ecs:eu-central-1:111122223333:task/dev/*",
                    task,
                    false,
                ),
                ("arn:*", task, true),
                ("arn:aws:ecs:eu*1:task/prod/1", task, false),
                (
                    "arn:aws:ecs:eu-central-1:111122223333:task-definition/*",
                    revision,
                    true,
                ),
                (
                    "arn:aws:ecs:eu-central-1:111122223333:task-definition/*:*",
                    revision,
                    true,
                ),
                (
                    "arn:aws:ecs:eu-central-1:111122223333:task-definition/*7",
                    revision,
                    false,
                ),
                (
                    "arn:aws:ecs:eu-central-1:111122223333:task-definition/web?7",
                    revision,
                    false,
                ),
                (
                    "arn:aws:ecs:eu-central-1:111122223333:task-definition/WEB:*",
                    revision,
                    false,
                ),
            ],
        );
    }

    #[test]
    fn arns_are_compared_component_by_component() {
        let cluster = "arn:aws:ecs:eu-central-1:111122223333:cluster/prod";
        check(
            arn_like,
            &[
                (cluster, cluster, true),
                ("arn:aws:ecs:*:*:cluster/p*", cluster, true),
                ("arn:aws:ecs:*:cluster/prod", cluster, false),
                ("arn:*", cluster, false),
                ("arn:aws:ecs:eu-central-1:111122223333:*", cluster, true),
            ],
        );
    }
}
