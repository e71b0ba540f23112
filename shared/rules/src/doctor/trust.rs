//! Which service may assume a role, by its trust policy.

use serde_json::{Value, json};

use super::like::like;

/// What a trust policy says of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trust {
    /// It may assume the role.
    Trusted,
    /// It may not; these services may.
    Others(Vec<String>),
    /// It is denied, whatever else allows it.
    Denied,
    /// Elements that are not judged here may say either.
    NotKnown,
}

/// Conditions are not judged: what AWS states of itself is not known here, and a wrong alarm would be worse than none.
pub(super) fn trust(policy: &Value, service: &str) -> Trust {
    let statements = statements(policy);
    let speaks = |effect: &str| {
        let mut all = statements.iter().copied();
        all.any(|one| {
            let unconditional = effect == "Allow" || one["Condition"].is_null();
            one["Effect"] == effect && unconditional && assumes(one) && names(one, service)
        })
    };
    if speaks("Deny") {
        return Trust::Denied;
    }
    if speaks("Allow") {
        return Trust::Trusted;
    }
    let by_exclusion = |one: &&Value| {
        let excludes = !one["NotAction"].is_null() || !one["NotPrincipal"].is_null();
        one["Effect"] == "Allow" && excludes
    };
    if statements.iter().any(by_exclusion) {
        return Trust::NotKnown;
    }
    let allow = statements
        .iter()
        .filter(|one| one["Effect"] == "Allow" && assumes(one));
    let others = allow.flat_map(|one| services(one)).map(str::to_owned);
    Trust::Others(others.collect())
}

/// The policy with one more statement, which lets the service assume the role.
pub(super) fn trusting(policy: &Value, service: &str) -> Value {
    let mut all: Vec<Value> = statements(policy).into_iter().cloned().collect();
    all.push(json!({ "Effect": "Allow", "Principal": { "Service": service }, "Action": "sts:AssumeRole" }));
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

fn assumes(statement: &Value) -> bool {
    let actions = texts(&statement["Action"]);
    let mut actions = actions.iter().map(|action| action.to_lowercase());
    actions.any(|action| like(&action, "sts:assumerole"))
}

fn names(statement: &Value, service: &str) -> bool {
    let mut services = services(statement).into_iter();
    services.any(|one| one == service || one == "*")
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
        let others = |services: &[&str]| {
            Trust::Others(services.iter().map(|one| (*one).to_owned()).collect())
        };
        let allow = |principal: Value, action: Value| json!({"Effect": "Allow", "Principal": principal, "Action": action});
        let table = [
            (
                json!({"Statement": [allow(json!({"Service": TASKS}), json!("sts:AssumeRole"))]}),
                Trust::Trusted,
            ),
            (
                json!({"Statement": allow(json!({"Service": [TASKS, "x"]}), json!(["sts:*"]))}),
                Trust::Trusted,
            ),
            (
                json!({"Statement": allow(json!("*"), json!("*"))}),
                Trust::Trusted,
            ),
            (
                json!({"Statement": allow(json!({"Service": "ec2.amazonaws.com"}), json!("sts:AssumeRole"))}),
                others(&["ec2.amazonaws.com"]),
            ),
            (
                json!({"Statement": allow(json!({"Service": TASKS}), json!("sts:TagSession"))}),
                others(&[]),
            ),
            (json!({"Statement": []}), others(&[])),
            (json!({}), others(&[])),
            (
                json!({"Statement": [
                    allow(json!({"Service": TASKS}), json!("sts:AssumeRole")),
                    {"Effect": "Deny", "Principal": {"Service": TASKS}, "Action": "sts:Assume*"},
                ]}),
                Trust::Denied,
            ),
            (
                json!({"Statement": [
                    allow(json!({"Service": TASKS}), json!("sts:AssumeRole")),
                    {"Effect": "Deny", "Principal": "*", "Action": "*", "Condition": {"Bool": {"a": "b"}}},
                ]}),
                Trust::Trusted,
            ),
            (
                json!({"Statement": {"Effect": "Allow", "NotPrincipal": {"Service": "x"}, "Action": "sts:AssumeRole"}}),
                Trust::NotKnown,
            ),
        ];
        for (policy, expected) in table {
            assert_eq!(trust(&policy, TASKS), expected, "{policy}");
            let mended = trusting(&policy, TASKS);
            if expected != Trust::Denied {
                assert_eq!(trust(&mended, TASKS), Trust::Trusted, "{policy}");
            }
        }
    }
}
