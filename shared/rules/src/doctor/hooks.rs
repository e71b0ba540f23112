//! Functions that hooks call: that they are there, that they can answer, and for how long they are waited for.

use std::time::Duration;

use super::finding::{Checks, Read};
use super::roles::Needs;
use crate::config::Pipeline;
use crate::ecs::{GateFunctions, HookTarget};
use crate::observed::Service;

/// A Lambda function (GetFunction).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Function {
    /// ARN of its role.
    pub role: Option<String>,
    /// `Active`, `Pending`, `Inactive`, `Failed`.
    pub state: Option<String>,
    /// `Successful`, `InProgress`, `Failed`.
    pub last_update: Option<String>,
    /// Why one of them is `Failed`.
    pub reason: Option<String>,
    /// Whether it runs in subnets of a VPC.
    pub is_in_vpc: bool,
    /// How many invocations at once are reserved for it; none where none are.
    pub reserved: Option<i32>,
}

/// How long a hook of ECS may take where it states nothing (ECS Developer Guide, lifecycle hooks).
const HOOK_TIMEOUT: Duration = Duration::from_secs(24 * 3600);

/// Whether a function can be invoked; `named_by` says what calls it.
pub fn function(
    checks: &mut Checks,
    name: &str,
    named_by: &str,
    read: &Read<Function>,
    remedy: &str,
) {
    const SUBJECT: &str = "hooks";
    let found = match read {
        Read::Found(found) => found,
        Read::Absent => {
            return checks.wrong(
                SUBJECT,
                format!("{named_by} calls the function `{name}`, which does not exist"),
                remedy,
            );
        }
        Read::NotKnown(why) => {
            return checks.not_known(
                SUBJECT,
                &format!("whether the function `{name}` exists is not known: {why}"),
            );
        }
    };
    let why = found
        .reason
        .as_ref()
        .map(|why| format!(" ({why})"))
        .unwrap_or_default();
    for (what, state) in [("state", &found.state), ("last update", &found.last_update)] {
        if state.as_deref() == Some("Failed") {
            checks.wrong(
                SUBJECT,
                format!("{named_by} calls the function `{name}`, whose {what} is `Failed`{why}"),
                format!(
                    "aws lambda get-function-configuration --function-name {name}; deploy it again"
                ),
            );
        }
    }
    if found.reserved == Some(0) {
        checks.wrong(
            SUBJECT,
            format!("{named_by} calls the function `{name}`, whose reserved concurrency is 0: it is never invoked"),
            format!("aws lambda delete-function-concurrency --function-name {name}"),
        );
    }
}

/// What a hook of CodeDeploy's needs to answer. AWS's documents differ on its resource: the deployment group, or none.
pub fn answers(name: &str, group_arn: &str) -> Needs {
    Needs {
        action: "codedeploy:PutLifecycleEventHookExecutionStatus",
        resource: "*".to_owned(),
        all: None,
        or: vec![group_arn.to_owned()],
        managed: None,
        what_for: format!(
            "for the hook `{name}` to answer: without it CodeDeploy waits an hour and fails"
        ),
    }
}

/// The functions that a service's hooks call, each once, with what was read of it. ECS calls every hook in every deployment.
pub fn hooks_of_service(
    checks: &mut Checks,
    place: &str,
    cluster: &str,
    name: &str,
    functions: &[(String, Read<Function>)],
) {
    for (arn, read) in functions {
        let remedy = format!(
            "take the hook out of `LifecycleHooks` of the service's template, or make the function: aws ecs describe-services \
             --cluster {cluster} --services {name} --query services[].deploymentConfiguration.lifecycleHooks"
        );
        let named_by = format!("a hook of service `{place}`");
        function(checks, arn, &named_by, read, &remedy);
    }
}

/// Whether a hook of ours is waited for as long as its gate takes: a migration runs up to its own time limit.
pub fn hook_timeouts(
    checks: &mut Checks,
    pipeline: &Pipeline,
    service: &Service,
    ours: &GateFunctions,
) {
    let Some(migration) = &pipeline.migration else {
        return;
    };
    let needed = migration.time_out;
    for hook in &service.configuration.hooks {
        if !hook.target.is_function(&ours.migration) {
            continue;
        }
        let given = hook.timeout.unwrap_or(HOOK_TIMEOUT);
        if given < needed {
            let minutes = |duration: Duration| duration.as_secs().div_ceil(60);
            checks.wrong(
                "hooks",
                format!(
                    "the hook of service `{}` that runs the migration may take {} minutes, and the pipeline's migration {}: ECS would \
                     end it before its time",
                    pipeline.place(),
                    minutes(given),
                    minutes(needed)
                ),
                format!(
                    "`TimeoutConfiguration: {{TimeoutInMinutes: {}}}` in that hook, or a smaller `timeout_minutes` of `[pipeline.migration]`",
                    minutes(needed)
                ),
            );
        }
    }
}

/// The functions that a service's hooks call, other than ours, each once.
pub fn foreign<'a>(service: &'a Service, ours: &GateFunctions) -> Vec<&'a str> {
    let mut found = Vec::new();
    for hook in &service.configuration.hooks {
        let is_ours = ours.all().iter().any(|ours| hook.target.is_function(ours));
        if let HookTarget::Lambda { function, .. } = &hook.target
            && !is_ours
            && !found.contains(&function.as_str())
        {
            found.push(function.as_str());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(read: &Read<Function>, expected: &[&str]) {
        let mut checks = Checks::default();
        function(&mut checks, "warm-up", "the pipeline", read, "remedy");
        let sentences: Vec<&str> = checks
            .findings
            .iter()
            .map(|one| one.sentence.as_str())
            .collect();
        assert_eq!(sentences, expected);
    }

    #[test]
    fn a_function_must_be_there_and_be_invoked() {
        let well = Function {
            state: Some("Active".to_owned()),
            last_update: Some("Successful".to_owned()),
            ..Function::default()
        };
        check(&Read::Found(well.clone()), &[]);
        check(
            &Read::Found(Function {
                state: Some("Inactive".to_owned()),
                reserved: Some(1),
                ..well.clone()
            }),
            &[],
        );
        check(
            &Read::Absent,
            &["the pipeline calls the function `warm-up`, which does not exist"],
        );
        check(
            &Read::NotKnown("denied".to_owned()),
            &["whether the function `warm-up` exists is not known: denied"],
        );
        check(
            &Read::Found(Function {
                last_update: Some("Failed".to_owned()),
                reason: Some("no image".to_owned()),
                ..well.clone()
            }),
            &[
                "the pipeline calls the function `warm-up`, whose last update is `Failed` (no image)",
            ],
        );
        check(
            &Read::Found(Function {
                reserved: Some(0),
                ..well
            }),
            &[
                "the pipeline calls the function `warm-up`, whose reserved concurrency is 0: it is never invoked",
            ],
        );
    }
}
