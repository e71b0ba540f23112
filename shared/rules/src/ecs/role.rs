//! Whether ECS can call a gate's function with the role that a hook names. ECS finds that out only when the hook is due, and then rolls
//! the deployment back (ECS Developer Guide, "Troubleshooting Amazon ECS blue/green deployments").
//!
//! Of the stack's own role nothing has to be asked: the template gives it what it needs.

use serde_json::{Value, json};

use super::hook::HookTarget;
use crate::observed::Service;
use crate::trust::{Trust, trusted, trusting};

/// Who assumes the role of a hook.
const ECS: &str = "ecs.amazonaws.com";
/// What it then calls.
pub const INVOKE: &str = "lambda:InvokeFunction";
/// The word of IAM's policy simulator for what policies allow (IAM API Reference, EvaluationResult).
const ALLOWED: &str = "allowed";
/// Its word for what a policy denies, whatever else allows it.
const DENIED: &str = "explicitDeny";

/// A role that is not the stack's own, and a function of ours that a hook calls with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invoker {
    /// ARN of the role.
    pub role: String,
    /// ARN of the function, as the hook names it.
    pub function: String,
}

/// What IAM says of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said<T> {
    /// This.
    Known(T),
    /// There is no such role.
    NoRole,
    /// IAM could not be asked, for this reason.
    NotKnown(String),
}

/// What IAM says of a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Its trust policy.
    pub trust: Said<Value>,
    /// The policy simulator's word for calling the function.
    pub decision: Said<String>,
}

/// ECS could not call a gate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "service `{service}` has a hook that calls `{function}` with the role `{role}`, {given}, expected one that `ecs.amazonaws.com` may \
     assume and that may invoke the function (hint: {remedy}; or name the stack's output HookRole, `{own}`, in that hook)"
)]
pub struct CannotInvoke {
    /// The service.
    pub service: String,
    /// The function.
    pub function: String,
    /// The role.
    pub role: String,
    /// What was found.
    pub given: String,
    /// What mends it.
    pub remedy: String,
    /// The stack's role.
    pub own: String,
}

/// The roles other than the stack's with which a service calls our functions, each once with each function.
pub fn invokers(service: &Service, ours: &[&str], own: &str) -> Vec<Invoker> {
    let mut found: Vec<Invoker> = Vec::new();
    for hook in &service.configuration.hooks {
        let is_ours = ours.iter().any(|ours| hook.target.is_function(ours));
        if let HookTarget::Lambda {
            function,
            role: Some(role),
        } = &hook.target
            && is_ours
            && role != own
        {
            let invoker = Invoker {
                role: role.clone(),
                function: function.clone(),
            };
            if !found.contains(&invoker) {
                found.push(invoker);
            }
        }
    }
    found
}

impl Invoker {
    /// The role's name, without its path.
    pub fn role_name(&self) -> &str {
        self.role.rsplit('/').next().unwrap_or_default()
    }

    /// Whether the role is one of the function's account, where the stack can ask about it.
    pub fn is_of_one_account(&self) -> bool {
        let account = |arn: &str| arn.split(':').nth(4).map(str::to_owned);
        account(&self.role).is_some() && account(&self.role) == account(&self.function)
    }
}

/// Whether ECS can call the function; what is not known, a sentence each, is no reason to refuse. `own` is the stack's role.
///
/// # Errors
/// It cannot.
pub fn can_invoke(
    service: &str,
    invoker: &Invoker,
    facts: &Facts,
    own: &str,
) -> Result<Vec<String>, Box<CannotInvoke>> {
    let (mut given, mut remedies, mut not_known) = (Vec::new(), Vec::new(), Vec::new());
    let name = invoker.role_name();
    match &facts.trust {
        Said::Known(policy) => match Trust::of(policy, ECS) {
            Trust::Given => {}
            Trust::Denied => {
                given.push(format!("whose trust policy denies `{ECS}`"));
                remedies.push("take that out of its trust policy".to_owned());
            }
            Trust::NotKnown => not_known.push(format!(
                "whether `{ECS}` may assume the role `{}` of a hook is not known: its trust policy has `NotAction` or `NotPrincipal`",
                invoker.role
            )),
            Trust::NotGiven => {
                given.push(match trusted(policy).as_slice() {
                    [] => "which no service may assume".to_owned(),
                    services => format!("which trusts `{}`", services.join("`, `")),
                });
                remedies.push(format!(
                    "`aws iam update-assume-role-policy --role-name {name} --policy-document '{}'`",
                    // The shell would take an apostrophe for the end.
                    trusting(policy, ECS).to_string().replace('\'', r"'\''")
                ));
            }
        },
        Said::NoRole => {
            given.push("which does not exist".to_owned());
            remedies.push("make it, with that trust and that permission".to_owned());
        }
        Said::NotKnown(why) => not_known.push(format!(
            "whether `{ECS}` may assume the role `{}` of a hook is not known: {why}",
            invoker.role
        )),
    }
    match &facts.decision {
        Said::Known(decision) if decision == ALLOWED => {}
        Said::Known(decision) => {
            given.push(format!("whose policies say `{decision}` to `{INVOKE}`"));
            remedies.push(match decision.as_str() {
                DENIED => format!("take away what denies it `{INVOKE}`"),
                _ => format!(
                    "`aws iam put-role-policy --role-name {name} --policy-name greenlight-hooks --policy-document '{}'`",
                    json!({ "Version": "2012-10-17", "Statement": [
                        { "Effect": "Allow", "Action": INVOKE, "Resource": invoker.function },
                    ] })
                ),
            });
        }
        // GetRole says it, too, unless the role was made in between.
        Said::NoRole if given.is_empty() => {
            given.push("which does not exist".to_owned());
            remedies.push("make it, with that trust and that permission".to_owned());
        }
        Said::NoRole => {}
        Said::NotKnown(why) => not_known.push(format!(
            "whether the role `{}` of a hook may invoke `{}` is not known: {why}",
            invoker.role, invoker.function
        )),
    }
    if given.is_empty() {
        return Ok(not_known);
    }
    Err(Box::new(CannotInvoke {
        service: service.to_owned(),
        function: invoker.function.clone(),
        role: invoker.role.clone(),
        given: given.join(" and "),
        remedy: remedies.join(" and "),
        own: own.to_owned(),
    }))
}

#[cfg(test)]
mod tests;
