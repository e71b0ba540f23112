//! Hooks of a service: ECS calls them in every deployment of it, whoever started that.

use std::time::Duration;

use super::stage::Stage;

/// A lifecycle hook in a service's `deploymentConfiguration`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// What it calls, or that it waits.
    pub target: HookTarget,
    /// The stages at which it is due.
    pub stages: Vec<Stage>,
    /// How long it may take in all; none where ECS states nothing, and its default of 24 hours holds.
    pub timeout: Option<Duration>,
    /// Whether the deployment goes on when that time is up (`action` is `CONTINUE`); else ECS rolls back.
    pub goes_on: bool,
}

/// What a hook does. One without a function's ARN is a pause: DescribeServices was seen to return nothing but the stages of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HookTarget {
    /// A Lambda function.
    Lambda {
        /// The function's ARN, as the service names it: perhaps with a version or alias behind it.
        function: String,
        /// The role with which ECS calls it; none where the service states none, and no call can succeed.
        role: Option<String>,
    },
    /// It waits for a person (ContinueServiceDeployment).
    Pause,
}

impl Hook {
    /// Whether it calls this function at this stage.
    pub fn calls(&self, function: &str, stage: &Stage) -> bool {
        self.stages.contains(stage) && self.target.is_function(function)
    }
}

impl HookTarget {
    /// Whether it calls this function, by its ARN without a version; a version or an alias of it is the same function.
    pub fn is_function(&self, arn: &str) -> bool {
        match self {
            Self::Lambda { function, .. } => {
                let rest = function.strip_prefix(arn);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
            }
            Self::Pause => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str =
        "arn:aws:lambda:eu-central-1:111122223333:function:CodeDeployHook_greenlight_run-migration";

    #[test]
    fn a_hook_calls_our_function_by_its_arn_or_a_version_of_it() {
        let check = |function: &str, expected: bool| {
            let hook = Hook {
                target: HookTarget::Lambda {
                    function: function.to_owned(),
                    role: None,
                },
                stages: vec![Stage::PreScaleUp],
                timeout: None,
                goes_on: false,
            };
            assert_eq!(hook.calls(OURS, &Stage::PreScaleUp), expected, "{function}");
            assert!(!hook.calls(OURS, &Stage::PostScaleUp), "{function}");
        };
        check(OURS, true);
        check(&format!("{OURS}:live"), true);
        check(&format!("{OURS}-of-somebody-else"), false);
        check(&OURS.replace("111122223333", "444455556666"), false);
        check("", false);
        assert!(!HookTarget::Pause.is_function(OURS));
    }
}
