//! Placement constraints and strategies, of RunTask and of UpdateService. That Fargate takes neither, the types, and the
//! numbers are documented (ECS API Reference, RunTask, PlacementConstraint, PlacementStrategy); the sentences about Fargate
//! are widely reported ones, the others are inferred.

use crate::api::error::ApiError;
use crate::api::input::Input;
use crate::ecs::query::Query;

/// Constraints of a task: those of the request and those of the task definition together.
const CONSTRAINTS_AT_MOST: usize = 10;
const STRATEGIES_AT_MOST: usize = 5;
const EXPRESSION_AT_MOST: usize = 2000;

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("InvalidParameterException", message)
}

/// Checks both members; `defined` is the number of constraints in the task definition.
pub(super) fn check(input: &Input<'_>, launch_type: &str, defined: usize) -> Result<(), ApiError> {
    let constraints = input.structures("placementConstraints")?;
    let strategies = input.structures("placementStrategy")?;
    if launch_type == "FARGATE" && !constraints.is_empty() {
        return Err(invalid(
            "Placement constraints are not supported with FARGATE launch type.",
        ));
    }
    if launch_type == "FARGATE" && !strategies.is_empty() {
        return Err(invalid(
            "Placement strategies are not supported with FARGATE launch type.",
        ));
    }
    if !constraints.is_empty() && constraints.len() + defined > CONSTRAINTS_AT_MOST {
        return Err(invalid("A task can have at most 10 placement constraints."));
    }
    if strategies.len() > STRATEGIES_AT_MOST {
        return Err(invalid("A task can have at most 5 placement strategies."));
    }
    constraints.iter().try_for_each(check_constraint)?;
    strategies.iter().try_for_each(check_strategy)
}

fn check_constraint(constraint: &Input<'_>) -> Result<(), ApiError> {
    let expression = constraint.text("expression")?;
    match (constraint.required_text("type")?, expression) {
        ("distinctInstance", None) | ("memberOf", Some(_)) => {}
        ("distinctInstance", Some(_)) => {
            return Err(invalid(
                "A distinctInstance placement constraint cannot have an expression.",
            ));
        }
        ("memberOf", None) => return Err(constraint.missing("expression")),
        (other, _) => {
            return Err(invalid(format!(
                "constraint.type '{other}' is not supported."
            )));
        }
    }
    match expression.map(|expression| expression.chars().count()) {
        Some(0) => Err(constraint.missing("expression")),
        Some(length) if length > EXPRESSION_AT_MOST => Err(invalid(
            "A placement constraint's expression can have at most 2000 characters.",
        )),
        Some(_) if expression.and_then(Query::read).is_none() => {
            let expression = expression.unwrap_or_default();
            Err(invalid(format!(
                "Invalid placement constraint expression '{expression}'."
            )))
        }
        Some(_) | None => Ok(()),
    }
}

fn check_strategy(strategy: &Input<'_>) -> Result<(), ApiError> {
    let field = strategy.text("field")?;
    match (strategy.required_text("type")?, field) {
        // Its field is not used.
        ("random", _) => Ok(()),
        ("spread", Some("instanceId" | "host")) => Ok(()),
        ("spread", Some(field)) if field.starts_with("attribute:") => Ok(()),
        ("binpack", Some("cpu" | "CPU" | "memory" | "MEMORY")) => Ok(()),
        ("spread" | "binpack", None) => Err(strategy.missing("field")),
        (kind @ ("spread" | "binpack"), Some(field)) => Err(invalid(format!(
            "strategy.field '{field}' is not supported for {kind}."
        ))),
        (other, _) => Err(invalid(format!(
            "strategy.type '{other}' is not supported."
        ))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// ECS's refusal; empty where it takes the request.
    fn refusal(request: &Value, launch_type: &str, defined: usize) -> String {
        let missing = |member: &str| invalid(format!("{member} can not be blank."));
        let outcome = check(&Input::new(request, missing).unwrap(), launch_type, defined);
        outcome.err().map(|error| error.message).unwrap_or_default()
    }

    #[test]
    fn constraints_are_checked() {
        let member_of = |expression: &str| json!({ "type": "memberOf", "expression": expression });
        let distinct = json!({ "type": "distinctInstance" });
        for (constraints, sentence) in [
            (json!([]), ""),
            (json!([distinct, member_of("attribute:disk == ssd")]), ""),
            (
                json!([member_of(&format!("attribute:{} == a", "a".repeat(1985)))]),
                "",
            ),
            (
                json!([member_of("attribute:disk = ssd")]),
                "Invalid placement constraint expression 'attribute:disk = ssd'.",
            ),
            (
                json!([member_of(&"a".repeat(2001))]),
                "A placement constraint's expression can have at most 2000 characters.",
            ),
            (json!([member_of("")]), "expression can not be blank."),
            (
                json!([{ "type": "memberOf" }]),
                "expression can not be blank.",
            ),
            (json!([{ "expression": "a" }]), "type can not be blank."),
            (
                json!([{ "type": "distinctInstance", "expression": "a" }]),
                "A distinctInstance placement constraint cannot have an expression.",
            ),
            (
                json!([{ "type": "distinctHost" }]),
                "constraint.type 'distinctHost' is not supported.",
            ),
            (
                json!(vec![distinct.clone(); 9]),
                "A task can have at most 10 placement constraints.",
            ),
            (json!(vec![distinct.clone(); 8]), ""),
        ] {
            let request = json!({ "placementConstraints": constraints });
            assert_eq!(refusal(&request, "EC2", 2), sentence, "{request}");
        }
    }

    #[test]
    fn strategies_are_checked() {
        let strategy = |kind: &str, field: &str| json!({ "type": kind, "field": field });
        for (strategies, sentence) in [
            (json!([]), ""),
            (
                json!([
                    strategy("spread", "attribute:ecs.availability-zone"),
                    strategy("spread", "instanceId"),
                    strategy("binpack", "memory"),
                    { "type": "random" },
                ]),
                "",
            ),
            (json!(vec![json!({ "type": "random" }); 5]), ""),
            (
                json!(vec![json!({ "type": "random" }); 6]),
                "A task can have at most 5 placement strategies.",
            ),
            (json!([{ "type": "spread" }]), "field can not be blank."),
            (json!([{ "field": "cpu" }]), "type can not be blank."),
            (
                json!([strategy("binpack", "instanceId")]),
                "strategy.field 'instanceId' is not supported for binpack.",
            ),
            (
                json!([strategy("pack", "cpu")]),
                "strategy.type 'pack' is not supported.",
            ),
        ] {
            let request = json!({ "placementStrategy": strategies });
            assert_eq!(refusal(&request, "EC2", 0), sentence, "{request}");
        }
    }

    #[test]
    fn fargate_takes_neither() {
        for (request, sentence) in [
            (
                json!({ "placementConstraints": [{ "type": "distinctInstance" }] }),
                "Placement constraints are not supported with FARGATE launch type.",
            ),
            (
                json!({ "placementStrategy": [{ "type": "random" }] }),
                "Placement strategies are not supported with FARGATE launch type.",
            ),
            (
                json!({ "placementConstraints": [], "placementStrategy": [] }),
                "",
            ),
        ] {
            assert_eq!(refusal(&request, "FARGATE", 0), sentence);
        }
    }
}
