//! What it takes to move a service from CodeDeploy to ECS's own deployments, for a person who asks: a dry run answers it.
//!
//! Nothing is asked of AWS for it. What the deployment group knows is filled in, and the call looks the rest up with the rights of who
//! makes it.

use serde_json::{Value, json};

use crate::codedeploy::DeploymentGroup;
use crate::config::{Pipeline, TerminationWait};
use crate::ecs::GateFunctions;
use crate::observed::LoadBalancerTarget;

/// What is known of a service that CodeDeploy deploys to, and of the stack.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// The deployment group.
    pub group: &'a DeploymentGroup,
    /// What is behind the load balancer, with the target group that serves.
    pub behind: &'a LoadBalancerTarget,
    /// The functions that hold the gates.
    pub functions: &'a GateFunctions,
    /// The stack's role for hooks: its output `HookRole`.
    pub hook_role: &'a str,
    /// The Region.
    pub region: &'a str,
}

/// What a service needs to be deployed to by ECS, and what it loses.
#[derive(Debug, Clone, PartialEq)]
pub struct Moving {
    /// Its hooks.
    pub hooks: Vec<NewHook>,
    /// ARN of the role of its hooks.
    pub hook_role: String,
    /// The listeners whose default rules become the production and the test listener rule; none where the group has none.
    pub listeners: [Option<String>; 2],
    /// The commands that move it, for a shell.
    pub command: String,
    /// What has no counterpart, a sentence each.
    pub lost: Vec<String>,
}

/// A lifecycle hook of the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewHook {
    /// ARN of the function.
    pub function: String,
    /// When ECS calls it.
    pub stage: &'static str,
    /// ARN of the role with which it does.
    pub role: String,
}

/// The managed policy of an infrastructure role (ECS Developer Guide, "Amazon ECS infrastructure IAM role for load balancers").
const INFRASTRUCTURE_POLICY: &str = "AmazonECSInfrastructureRolePolicyForLoadBalancers";

/// How long both revisions run after the shift, in the call that is suggested.
const BAKE_MINUTES: u32 = 10;

/// What it takes. All pipelines of a service have the same gates, so one of them tells it.
pub fn moving(pipeline: &Pipeline, known: Known<'_>) -> Moving {
    let hooks = hooks(pipeline, known);
    let (shifting, lost_steps) = shifting(pipeline, known.group);
    let listener = |listener: &Option<crate::names::ListenerArn>| {
        listener
            .as_ref()
            .map(|listener| listener.as_str().to_owned())
    };
    Moving {
        listeners: [
            listener(&known.group.production_listener),
            listener(&known.group.test_listener),
        ],
        command: command(
            pipeline,
            known,
            &configuration(shifting, &hooks, known.group),
        ),
        hook_role: known.hook_role.to_owned(),
        lost: lost_steps.into_iter().chain(lost(pipeline)).collect(),
        hooks,
    }
}

impl Moving {
    /// As the answer has it.
    pub fn to_json(&self) -> Value {
        let hooks = self.hooks.iter().map(
            |hook| json!({ "function": hook.function, "stage": hook.stage, "role": hook.role }),
        );
        let [production, test] = &self.listeners;
        json!({
            "hooks": hooks.collect::<Vec<_>>(),
            "roles": {
                "hooks": self.hook_role,
                "infrastructure": format!(
                    "a role that `ecs.amazonaws.com` may assume, with the managed policy `{INFRASTRUCTURE_POLICY}`"
                ),
            },
            "listeners": { "production": production, "test": test },
            "command": self.command,
            "lost": self.lost,
        })
    }
}

fn hooks(pipeline: &Pipeline, known: Known<'_>) -> Vec<NewHook> {
    let GateFunctions {
        migration,
        test_traffic,
        production_traffic,
    } = known.functions;
    let hook = |is_wanted: bool, function: &String, stage| {
        is_wanted.then(|| NewHook {
            function: function.clone(),
            stage,
            role: known.hook_role.to_owned(),
        })
    };
    // Of test traffic CodeDeploy asks at every test listener, and be it only whether the targets are healthy.
    let has_test_traffic =
        known.group.test_listener.is_some() || !pipeline.test_traffic.checks.requests.is_empty();
    let all = [
        hook(pipeline.migration.is_some(), migration, "PRE_SCALE_UP"),
        hook(has_test_traffic, test_traffic, "POST_TEST_TRAFFIC_SHIFT"),
        hook(
            pipeline.production_traffic.is_some(),
            production_traffic,
            "POST_PRODUCTION_TRAFFIC_SHIFT",
        ),
    ];
    all.into_iter().flatten().collect()
}

/// The strategy that shifts as the deployment configuration does (CodeDeploy User Guide, predefined deployment configurations for an
/// Amazon ECS compute platform), and what is lost with that.
fn shifting(pipeline: &Pipeline, group: &DeploymentGroup) -> (Value, Option<String>) {
    let own = pipeline.codedeploy.deployment_config.as_ref();
    let config = own.or(group.deployment_config.as_ref());
    let config = config.map_or("", |config| config.as_str());
    let steps = |strategy: &str, member: &str, percent: &str, bake: &str, minutes: u32| json!({ "strategy": strategy, member: { percent: 10, bake: minutes } });
    let linear = |minutes| {
        let member = "linearConfiguration";
        steps(
            "LINEAR",
            member,
            "stepPercent",
            "stepBakeTimeInMinutes",
            minutes,
        )
    };
    let canary = |minutes| {
        let member = "canaryConfiguration";
        steps(
            "CANARY",
            member,
            "canaryPercent",
            "canaryBakeTimeInMinutes",
            minutes,
        )
    };
    let known = match config.strip_prefix("CodeDeployDefault.ECS") {
        Some("AllAtOnce") => Some(json!({ "strategy": "BLUE_GREEN" })),
        Some("Linear10PercentEvery1Minutes") => Some(linear(1)),
        Some("Linear10PercentEvery3Minutes") => Some(linear(3)),
        Some("Canary10Percent5Minutes") => Some(canary(5)),
        Some("Canary10Percent15Minutes") => Some(canary(15)),
        Some(_) | None => None,
    };
    let lost = match (&known, own) {
        (Some(_), None) => None,
        (Some(shifting), Some(_)) => Some(format!(
            "`deployment_config` is ignored: the service's strategy shifts for every deployment, `{}` in this call",
            shifting["strategy"].as_str().unwrap_or_default()
        )),
        (None, _) if config.is_empty() => None,
        (None, _) => Some(format!(
            "the steps of the deployment configuration `{config}`, which only CodeDeploy knows: this call shifts all at once (hint: \
             `LINEAR` or `CANARY` with its percentage and minutes)"
        )),
    };
    let shifting = known.unwrap_or_else(|| json!({ "strategy": "BLUE_GREEN" }));
    (shifting, lost)
}

fn configuration(mut shifting: Value, hooks: &[NewHook], group: &DeploymentGroup) -> Value {
    shifting["bakeTimeInMinutes"] = json!(BAKE_MINUTES);
    shifting["deploymentCircuitBreaker"] = json!({ "enable": true, "rollback": true });
    if !group.alarms.is_empty() {
        shifting["alarms"] =
            json!({ "alarmNames": group.alarms, "enable": true, "rollback": true });
    }
    let hooks = hooks.iter().map(|hook| {
        json!({
            "hookTargetArn": hook.function, "roleArn": hook.role, "lifecycleStages": [hook.stage],
        })
    });
    shifting["lifecycleHooks"] = hooks.collect();
    shifting
}

fn lost(pipeline: &Pipeline) -> Vec<String> {
    let mut lost = Vec::new();
    if pipeline.termination_wait == TerminationWait::Cut {
        lost.push(
            "a newer image ends the wait after the shift no more (`termination_wait = \"cut\"`): ECS has no call that ends a bake, so \
             it waits, or replaces what bakes (`when_busy = \"replace\"`)"
                .to_owned(),
        );
    }
    for (event, function) in &pipeline.hooks {
        lost.push(format!(
            "`hooks.{}`: only CodeDeploy calls `{function}`, and a pipeline with `hooks` is refused (hint: make it a hook of the service, \
             with ECS's payload and answer, and take the table out)",
            event.name()
        ));
    }
    lost
}

/// One call, and what it looks up before.
fn command(pipeline: &Pipeline, known: Known<'_>, configuration: &Value) -> String {
    let region = known.region;
    let mut lines = vec![format!(
        "infrastructure_role='<ARN of a role that ecs.amazonaws.com may assume, with the managed policy {INFRASTRUCTURE_POLICY}>'"
    )];
    let mut rules = String::new();
    for (member, variable, listener) in [
        (
            "productionListenerRule",
            "production_rule",
            &known.group.production_listener,
        ),
        ("testListenerRule", "test_rule", &known.group.test_listener),
    ] {
        if let Some(listener) = listener {
            lines.push(match listener.has_rules() {
                true => format!(
                    "{variable}=$(aws elbv2 describe-rules --region {region} --listener-arn {listener} --query \
                     'Rules[?IsDefault].RuleArn' --output text)"
                ),
                // ECS takes the listener itself behind a Network Load Balancer, which has no rules.
                false => format!("{variable}='{listener}'"),
            });
            rules = format!("{rules},{member}=${variable}");
        }
    }
    let serving = known.behind.target_group.as_ref();
    let serving = serving.map_or("<ARN of the target group that serves>", |arn| arn.as_str());
    lines.push(format!("serving='{serving}'"));
    lines.push(format!(
        "other=$(aws elbv2 describe-target-groups --region {region} --names {} --query \
         \"TargetGroups[?TargetGroupArn!='$serving'].TargetGroupArn\" --output text)",
        known.group.target_groups.join(" ")
    ));
    // An alarm's name may hold an apostrophe, and the shell would take it for the end.
    let configuration = configuration.to_string().replace('\'', r"'\''");
    lines.push(format!(
        "aws ecs update-service --region {region} --cluster {} --service {} --deployment-controller type=ECS --deployment-configuration \
         '{configuration}' --load-balancers \"targetGroupArn=$serving,containerName={},containerPort={},\
         advancedConfiguration={{alternateTargetGroupArn=$other{rules},roleArn=$infrastructure_role}}\"",
        pipeline.cluster, pipeline.service, known.behind.container, known.behind.port
    ));
    lines.join("\n")
}

#[cfg(test)]
mod tests;
