//! Whether a role's trust policy lets a service of AWS assume it.

use serde_json::{Value, json};

use crate::listener_rule::matches_ignoring_case;

/// What a service does with a role.
const ASSUME: &str = "sts:AssumeRole";

/// What a trust policy says of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    /// It may assume the role.
    Given,
    /// A statement denies it.
    Denied,
    /// Nothing allows it.
    NotGiven,
    /// A statement says whom or what it leaves out: that is not evaluated here.
    NotKnown,
}

/// How a statement stands to the service's call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Speaks {
    No,
    Perhaps,
    Yes,
}

impl Trust {
    /// Conditions are not judged: what a service states of itself is not known here, and a wrong refusal would be worse than a rollback.
    pub(crate) fn of(policy: &Value, service: &str) -> Self {
        let all = statements(policy);
        let of = |effect: &str, counts: fn(&Value) -> bool| {
            let of_effect = all.iter().filter(|one| one["Effect"] == effect);
            let said = of_effect
                .filter(|one| counts(one))
                .map(|one| speaks(one, service));
            said.max().unwrap_or(Speaks::No)
        };
        let denies = of("Deny", |statement| statement["Condition"].is_null());
        let allows = of("Allow", |_| true);
        match (denies, allows) {
            (Speaks::Yes, _) => Self::Denied,
            (Speaks::No, Speaks::Yes) => Self::Given,
            (Speaks::No | Speaks::Perhaps, Speaks::No) => Self::NotGiven,
            (Speaks::Perhaps, Speaks::Yes | Speaks::Perhaps) | (Speaks::No, Speaks::Perhaps) => {
                Self::NotKnown
            }
        }
    }
}

fn speaks(statement: &Value, service: &str) -> Speaks {
    let leaves_out = ["NotAction", "NotPrincipal"];
    if leaves_out.iter().any(|member| !statement[member].is_null()) {
        return Speaks::Perhaps;
    }
    let services = services(statement);
    let mut services = services.iter();
    let names_it = services.any(|one| *one == service || *one == "*");
    match names_it && assumes(statement) {
        true => Speaks::Yes,
        false => Speaks::No,
    }
}

/// The services that may assume the role.
pub(crate) fn trusted(policy: &Value) -> Vec<String> {
    let statements = statements(policy).into_iter();
    let allow = statements.filter(|statement| statement["Effect"] == "Allow" && assumes(statement));
    let services = allow.flat_map(|statement| services(statement));
    services.map(str::to_owned).collect()
}

/// The policy with one more statement, which lets the service assume the role.
pub(crate) fn trusting(policy: &Value, service: &str) -> Value {
    let mut all: Vec<Value> = statements(policy).into_iter().cloned().collect();
    all.push(json!({
        "Effect": "Allow", "Principal": { "Service": service }, "Action": ASSUME,
    }));
    json!({ "Version": "2012-10-17", "Statement": all })
}

/// One statement may stand without a list.
fn statements(policy: &Value) -> Vec<&Value> {
    let all = &policy["Statement"];
    match all.as_array() {
        Some(statements) => statements.iter().collect(),
        None => Some(all)
            .filter(|one| one.is_object())
            .into_iter()
            .collect(),
    }
}

/// Actions have no case, and take `*` and `?` (IAM User Guide, "IAM JSON policy elements: Action").
fn assumes(statement: &Value) -> bool {
    let actions = texts(&statement["Action"]);
    let mut actions = actions.iter();
    actions.any(|action| matches_ignoring_case(action, ASSUME))
}

fn services(statement: &Value) -> Vec<&str> {
    let principal = &statement["Principal"];
    match principal.as_str() {
        Some(everybody) => vec![everybody],
        None => texts(&principal["Service"]),
    }
}

fn texts(value: &Value) -> Vec<&str> {
    match value.as_array() {
        Some(texts) => texts.iter().filter_map(Value::as_str).collect(),
        None => value.as_str().into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trust_policy_names_services() {
        const TASKS: &str = "ecs-tasks.amazonaws.com";
        let allow = |principal: Value, action: Value| json!({"Effect": "Allow", "Principal": principal, "Action": action});
        let assume = || json!("sts:AssumeRole");
        let deny =
            json!({"Effect": "Deny", "Principal": {"Service": TASKS}, "Action": "sts:Assume*"});
        let perhaps = json!({"Effect": "Deny", "Principal": "*", "Action": "*", "Condition": {"Bool": {"a": "b"}}});
        let of_tasks = || allow(json!({"Service": TASKS}), assume());
        let excluding = json!({"Effect": "Allow", "NotPrincipal": {"Service": "x"}, "Action": "sts:AssumeRole"});
        let table = [
            (json!({"Statement": [of_tasks()]}), Trust::Given),
            (
                json!({"Statement": allow(json!({"Service": [TASKS, "x"]}), json!(["sts:*"]))}),
                Trust::Given,
            ),
            (
                json!({"Statement": allow(json!("*"), json!("*"))}),
                Trust::Given,
            ),
            (
                json!({"Statement": allow(json!({"Service": "ecs.amazonaws.com"}), assume())}),
                Trust::NotGiven,
            ),
            (
                json!({"Statement": allow(json!({"Service": TASKS}), json!("sts:TagSession"))}),
                Trust::NotGiven,
            ),
            (json!({"Statement": []}), Trust::NotGiven),
            (json!({}), Trust::NotGiven),
            (json!({"Statement": [of_tasks(), deny]}), Trust::Denied),
            (json!({"Statement": [of_tasks(), perhaps]}), Trust::Given),
            (json!({"Statement": excluding}), Trust::NotKnown),
        ];
        for (policy, expected) in table {
            assert_eq!(Trust::of(&policy, TASKS), expected, "{policy}");
            if expected == Trust::NotGiven {
                assert_eq!(
                    Trust::of(&trusting(&policy, TASKS), TASKS),
                    Trust::Given,
                    "{policy}"
                );
            }
        }
    }
}
