//! The lifecycle hooks of a service: `deploymentConfiguration.lifecycleHooks`, with AWS's limits (ECS Developer Guide,
//! "Lifecycle hooks for Amazon ECS service deployments", "Pause lifecycle hooks").

use std::time::Duration;

use serde_json::{Value, json};

use super::members::{array, integer, text};
use super::stage::Stage;

/// The number of Lambda hooks, and of pause hooks, that a service can have.
const HOOKS_AT_MOST: usize = 10;
/// A hook without a time-out has a day.
const USUAL_TIMEOUT: u64 = 1440;

/// A hook of the service. Hooks belong to the service, not to a deployment.
#[derive(Debug, Clone, PartialEq)]
pub struct LifecycleHook {
    pub target: HookTarget,
    pub stages: Vec<Stage>,
    pub timeout: Duration,
    pub on_timeout: HookAction,
    /// As given.
    given: Value,
}

#[derive(Debug, Clone, PartialEq)]
pub enum HookTarget {
    Lambda {
        function_arn: String,
        /// The role that ECS assumes to invoke the function.
        role_arn: Option<String>,
        /// `hookDetails`, any document.
        details: Option<Value>,
    },
    /// Waits for ContinueServiceDeployment.
    Pause,
}

/// What ends a hook that waits: a person's answer or its time-out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HookAction {
    Continue,
    RollBack,
}

impl HookAction {
    pub fn as_str(self) -> &'static str {
        match self {
            HookAction::Continue => "CONTINUE",
            HookAction::RollBack => "ROLLBACK",
        }
    }

    pub fn parse(name: &str) -> Option<HookAction> {
        let all = [HookAction::Continue, HookAction::RollBack];
        all.into_iter().find(|action| action.as_str() == name)
    }
}

impl HookTarget {
    /// `targetType`.
    pub fn kind(&self) -> &'static str {
        match self {
            HookTarget::Lambda { .. } => "AWS_LAMBDA",
            HookTarget::Pause => "PAUSE",
        }
    }
}

impl LifecycleHook {
    /// As DescribeServices returned them: a pause hook with its stages only (seen in 2026-05), a Lambda hook with the default
    /// time-out written out (seen in 2026-09).
    pub fn describe(&self) -> Value {
        match &self.target {
            HookTarget::Pause => json!({ "lifecycleStages": self.given["lifecycleStages"] }),
            HookTarget::Lambda { .. } => {
                let mut described = self.given.clone();
                described["timeoutConfiguration"] = json!({
                    "timeoutInMinutes": self.timeout.as_secs() / 60,
                    "action": self.on_timeout.as_str(),
                });
                described
            }
        }
    }
}

/// Reads `lifecycleHooks`. The sentences about the target type and the stages of a pause are AWS's ("Troubleshooting Amazon
/// ECS blue/green deployments"), the others are inferred.
pub fn read_hooks(configuration: &Value) -> Result<Vec<LifecycleHook>, String> {
    let hooks = array(configuration, "lifecycleHooks")?;
    let hooks: Vec<LifecycleHook> = hooks.iter().map(read).collect::<Result<_, _>>()?;
    for kind in ["AWS_LAMBDA", "PAUSE"] {
        let count = hooks.iter().filter(|hook| hook.target.kind() == kind);
        if count.count() > HOOKS_AT_MOST {
            return Err(format!(
                "A service can have at most {HOOKS_AT_MOST} lifecycle hooks of the type {kind}."
            ));
        }
    }
    Ok(hooks)
}

fn read(hook: &Value) -> Result<LifecycleHook, String> {
    let kind = text(hook, "targetType")?.unwrap_or("AWS_LAMBDA");
    if !["AWS_LAMBDA", "PAUSE"].contains(&kind) {
        return Err("Invalid targetType. Valid values are: AWS_LAMBDA, PAUSE".to_owned());
    }
    let mut stages = Vec::new();
    for stage in array(hook, "lifecycleStages")? {
        let stage = stage.as_str().and_then(Stage::parse);
        stages.push(
            stage
                .filter(|stage| stage.takes_hooks())
                .ok_or("Invalid lifecycle stage provided for Lambda Hook")?,
        );
    }
    if stages.is_empty() {
        return Err("lifecycleStages can not be blank.".to_owned());
    }
    let target = match (kind, text(hook, "hookTargetArn")?) {
        ("PAUSE", _) => HookTarget::Pause,
        (_, None | Some("")) => return Err("hookTargetArn can not be blank.".to_owned()),
        (_, Some(arn)) => HookTarget::Lambda {
            function_arn: arn.to_owned(),
            role_arn: text(hook, "roleArn")?.map(ToOwned::to_owned),
            details: Some(hook["hookDetails"].clone()).filter(|details| !details.is_null()),
        },
    };
    if target == HookTarget::Pause && !stages.iter().all(|stage| stage.takes_pauses()) {
        return Err("Invalid lifecycle stage provided for Pause Hook".to_owned());
    }
    let timeout = &hook["timeoutConfiguration"];
    let longest = match target {
        HookTarget::Lambda { .. } => 1440,
        HookTarget::Pause => 20_160,
    };
    let minutes = integer(timeout, "timeoutInMinutes", 1..=longest)?.unwrap_or(USUAL_TIMEOUT);
    let on_timeout = match text(timeout, "action")? {
        None => HookAction::RollBack,
        Some(action) => HookAction::parse(action)
            .ok_or("timeoutConfiguration.action must be CONTINUE or ROLLBACK.")?,
    };
    Ok(LifecycleHook {
        target,
        stages,
        timeout: Duration::from_secs(60 * minutes),
        on_timeout,
        given: hook.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(hook: Value) -> String {
        match read_hooks(&json!({ "lifecycleHooks": [hook] })) {
            Err(sentence) => sentence,
            Ok(hooks) => format!(
                "{} {}m {} {}",
                hooks[0].target.kind(),
                hooks[0].timeout.as_secs() / 60,
                hooks[0].on_timeout.as_str(),
                hooks[0].describe()
            ),
        }
    }

    #[test]
    fn hooks_are_checked_in_awss_words() {
        let lambda = |more: Value| {
            let mut hook = json!({ "hookTargetArn": "arn:f", "lifecycleStages": ["PRE_SCALE_UP"] });
            for (name, value) in more.as_object().unwrap() {
                hook[name] = value.clone();
            }
            hook
        };
        let pause = |stage: &str| json!({ "targetType": "PAUSE", "lifecycleStages": [stage, "POST_SCALE_UP"] });
        for (hook, expected) in [
            (
                lambda(json!({})),
                r#"AWS_LAMBDA 1440m ROLLBACK {"hookTargetArn":"arn:f","lifecycleStages":["PRE_SCALE_UP"],"timeoutConfiguration":{"timeoutInMinutes":1440,"action":"ROLLBACK"}}"#,
            ),
            (
                lambda(json!({ "targetType": "SNS" })),
                "Invalid targetType. Valid values are: AWS_LAMBDA, PAUSE",
            ),
            (
                lambda(json!({ "hookTargetArn": null })),
                "hookTargetArn can not be blank.",
            ),
            (
                lambda(json!({ "lifecycleStages": [] })),
                "lifecycleStages can not be blank.",
            ),
            (
                lambda(json!({ "lifecycleStages": ["SCALE_UP"] })),
                "Invalid lifecycle stage provided for Lambda Hook",
            ),
            (
                lambda(json!({ "timeoutConfiguration": { "timeoutInMinutes": 1441 } })),
                "timeoutInMinutes must be between 1 and 1440.",
            ),
            (
                lambda(json!({ "timeoutConfiguration": { "action": "WAIT" } })),
                "timeoutConfiguration.action must be CONTINUE or ROLLBACK.",
            ),
            (
                pause("POST_TEST_TRAFFIC_SHIFT"),
                r#"PAUSE 1440m ROLLBACK {"lifecycleStages":["POST_TEST_TRAFFIC_SHIFT","POST_SCALE_UP"]}"#,
            ),
            (
                pause("TEST_TRAFFIC_SHIFT"),
                "Invalid lifecycle stage provided for Pause Hook",
            ),
            (
                json!({ "targetType": "PAUSE", "lifecycleStages": ["PRE_SCALE_UP"], "timeoutConfiguration": { "timeoutInMinutes": 20_161 } }),
                "timeoutInMinutes must be between 1 and 20160.",
            ),
        ] {
            assert_eq!(outcome(hook.clone()), expected, "{hook}");
        }
    }

    #[test]
    fn a_service_has_at_most_ten_hooks_of_each_type() {
        let lambda = json!({ "hookTargetArn": "arn:f", "lifecycleStages": ["PRE_SCALE_UP"] });
        let pause = json!({ "targetType": "PAUSE", "lifecycleStages": ["PRE_SCALE_UP"] });
        let of = |lambdas: usize, pauses: usize| {
            let hooks = [vec![lambda.clone(); lambdas], vec![pause.clone(); pauses]].concat();
            read_hooks(&json!({ "lifecycleHooks": hooks })).is_ok()
        };
        assert!(of(10, 10));
        assert!(!of(11, 0) && !of(0, 11));
    }
}
