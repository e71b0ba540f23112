//! Whether a pipeline fits its service, where ECS deploys to it: a gate that cannot hold refuses the start. ECS deploys without it, and
//! nobody would know.

use super::hook::{Hook, HookTarget};
use super::role::CannotInvoke;
use super::stage::Stage;
use super::traffic::{LoadBalancer, TrafficRule, Unclear, asked};
use crate::config::{Pipeline, Traffic, WithoutRollback};
use crate::environment::HookFunctions;
use crate::names::{ListenerArn, StackName, TopicArn};
use crate::observed::{Service, TaskDefinition};
use crate::revision;
use crate::test_traffic::Through;

/// The ARNs of the functions that hold the gates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateFunctions {
    /// `run-migration`
    pub migration: String,
    /// `check-test-traffic`
    pub test_traffic: String,
    /// `check-production`
    pub production_traffic: String,
}

impl GateFunctions {
    /// Those of these names, where the topic is: a stack has all it has in one account and Region.
    pub fn of(hooks: &HookFunctions, topic: &TopicArn) -> Self {
        Self {
            migration: topic.function(hooks.after_install.as_str()),
            test_traffic: topic.function(hooks.after_allow_test_traffic.as_str()),
            production_traffic: topic.function(hooks.after_allow_traffic.as_str()),
        }
    }

    /// All of them.
    pub fn all(&self) -> [&str; 3] {
        [
            &self.migration,
            &self.test_traffic,
            &self.production_traffic,
        ]
    }

    /// Whether a hook calls one of them.
    pub fn has(&self, target: &HookTarget) -> bool {
        self.all().iter().any(|ours| target.is_function(ours))
    }
}

/// A pipeline that does not fit its service.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// Nothing calls a gate.
    #[error(
        "service `{service}` {given}, expected one for the pipeline's `{gate}` (hint: add to `LifecycleHooks` of the service's \
         `DeploymentConfiguration`: `{{HookTargetArn: \"{function}\", RoleArn: <the stack's output HookRole>, LifecycleStages: \
         [{stage}]}}`)"
    )]
    NoHook {
        /// The service.
        service: String,
        /// What was found.
        given: String,
        /// The gate, as the file names it.
        gate: &'static str,
        /// The function that holds it.
        function: String,
        /// The stage that is best for it.
        stage: &'static str,
    },
    /// ECS has no role to call a gate with.
    #[error(
        "service `{service}` has a hook that calls `{function}` without `roleArn`, expected the role with which ECS invokes it \
         (hint: `RoleArn: <the stack's output HookRole>` in that hook)"
    )]
    NoRole {
        /// The service.
        service: String,
        /// The function.
        function: String,
    },
    /// ECS could not call a gate with the role that it has.
    #[error(transparent)]
    CannotInvoke(#[from] Box<CannotInvoke>),
    /// A listener stands where a rule has to.
    #[error(
        "service `{service}` names the listener `{given}` as {which}, expected one of its rules (hint: `aws elbv2 describe-rules \
         --listener-arn {given} --query 'Rules[].RuleArn'` lists them; the default rule is one)"
    )]
    ListenerForRule {
        /// The service.
        service: String,
        /// The listener.
        given: ListenerArn,
        /// Which of the two rules.
        which: &'static str,
    },
    /// Functions of the user's that nothing would call.
    #[error(
        "pipeline `{pipeline}` has `hooks`, which only CodeDeploy calls, and ECS itself deploys to `{service}` (hint: put them into \
         `LifecycleHooks` of the service's `DeploymentConfiguration`, and take the table out)"
    )]
    OwnHooks {
        /// The pipeline.
        pipeline: String,
        /// The service.
        service: String,
    },
    /// There is no green to send test traffic to.
    #[error(
        "pipeline `{pipeline}` has `test_traffic`, and a rolling update of `{service}` has no green that could get it (hint: take the \
         table out, or give the service the strategy `BLUE_GREEN`, `LINEAR` or `CANARY`)"
    )]
    NoTestTraffic {
        /// The pipeline.
        pipeline: String,
        /// The service.
        service: String,
    },
    /// No load balancer leads to what the requests of a gate are for.
    #[error(
        "pipeline `{pipeline}` has requests in `{gate}`, and no load balancer of `{service}` has {lacks}, so nothing could be asked (hint: \
         {remedy}, or take the requests out)"
    )]
    NothingToAsk {
        /// The pipeline.
        pipeline: String,
        /// The gate, as the file names it.
        gate: &'static str,
        /// The service.
        service: String,
        /// What would lead there.
        lacks: &'static str,
        /// What mends it.
        remedy: &'static str,
    },
    /// Which of several load balancers a gate asks is not clear.
    #[error("pipeline `{pipeline}`: {}", .why.sentence(.gate, .service))]
    UnclearToAsk {
        /// The pipeline.
        pipeline: String,
        /// The gate, as the file names it.
        gate: &'static str,
        /// The service.
        service: String,
        /// Why.
        why: Unclear,
    },
    /// Nothing ends a rolling update whose tasks do not start.
    #[error(
        "service `{service}` has neither a circuit breaker nor alarms that roll back, so a bad image would be tried for ever (hint: \
         `DeploymentCircuitBreaker: {{Enable: true, Rollback: true}}` in the service's `DeploymentConfiguration`, or `without_rollback = \
         true` in the pipeline)"
    )]
    NothingRollsBack {
        /// The service.
        service: String,
    },
    /// Neither may a task stop before another one starts, nor the other way round.
    #[error(
        "service `{service}` keeps at least {least} of its {desired} tasks healthy (`minimumHealthyPercent` {minimum}, rounded up) and runs at \
         most {most} (`maximumPercent` {maximum}, rounded down), so a rolling update could neither stop nor start one (hint: `MaximumPercent: \
         200` in the service's `DeploymentConfiguration`)"
    )]
    NoRoom {
        /// The service.
        service: String,
        /// Its desired count.
        desired: u64,
        /// `minimumHealthyPercent`
        minimum: u64,
        /// `maximumPercent`
        maximum: u64,
        /// How many tasks stay healthy.
        least: u64,
        /// How many tasks run at most.
        most: u64,
    },
    /// Another stack deploys to the service.
    #[error(
        "service `{service}` runs `{revision}`, which stack `{other}` registered, expected one stack for a service (hint: take the \
         pipeline out of one of them; where `{other}` is gone, `aws ecs untag-resource --tag-keys greenlight:stack --resource-arn {revision}`)"
    )]
    OtherStack {
        /// The service.
        service: String,
        /// What serves.
        revision: String,
        /// The stack that registered it.
        other: StackName,
    },
}

/// Whether a pipeline fits its service of a native strategy. All pipelines of a service have the same gates.
///
/// # Errors
/// The first thing that does not.
pub fn fits_native(
    pipeline: &Pipeline,
    service: &Service,
    functions: &GateFunctions,
) -> Result<(), Mismatch> {
    own_hooks(pipeline)?;
    let place = pipeline.place();
    let migration = pipeline.migration.as_ref();
    must_be_rules(&place, service)?;
    let hooks = &service.configuration.hooks;
    let gates = [
        migration.is_some().then(|| Needed {
            gate: "migration",
            function: &functions.migration,
            // Before green has a task, so that none starts on the old schema; or when green is healthy.
            stages: &[Stage::PreScaleUp, Stage::PostScaleUp],
            best: "PRE_SCALE_UP",
        }),
        has_test_traffic(pipeline).then(|| Needed {
            gate: "test_traffic",
            function: &functions.test_traffic,
            stages: &[Stage::PostTestTrafficShift],
            best: "POST_TEST_TRAFFIC_SHIFT",
        }),
        pipeline.production_traffic.as_ref().map(|_| Needed {
            gate: "production_traffic",
            function: &functions.production_traffic,
            stages: &[Stage::PostProductionTrafficShift],
            best: "POST_PRODUCTION_TRAFFIC_SHIFT",
        }),
    ];
    let mut gates = gates.into_iter().flatten();
    gates.try_for_each(|needed| must_be_called(&place, hooks, &needed))?;
    can_be_asked_natively(pipeline, service)
}

/// Whether each gate with requests has one rule through which green is asked.
fn can_be_asked_natively(pipeline: &Pipeline, service: &Service) -> Result<(), Mismatch> {
    let remedy = "name one in `AdvancedConfiguration` of the service's `LoadBalancers`";
    let test = has_test_traffic(pipeline).then_some(&pipeline.test_traffic.checks);
    for (through, traffic, lacks) in [
        (Through::TestListener, test, "a `testListenerRule`"),
        (
            Through::ProductionListener,
            pipeline.production_traffic.as_ref(),
            "a `productionListenerRule`",
        ),
    ] {
        let Some(traffic) = traffic else { continue };
        let leads = |one: &LoadBalancer| through.rule_of(one).is_some();
        if !one_can_be_asked(pipeline, service, traffic, through, leads)? {
            return Err(nothing_to_ask(pipeline, through, lacks, remedy));
        }
    }
    Ok(())
}

fn one_can_be_asked(
    pipeline: &Pipeline,
    service: &Service,
    traffic: &Traffic,
    through: Through,
    leads: impl Fn(&LoadBalancer) -> bool,
) -> Result<bool, Mismatch> {
    let named = traffic.target_group.as_ref();
    let asked = asked(&service.load_balancers, named, leads);
    let asked = asked.map_err(|why| Mismatch::UnclearToAsk {
        pipeline: pipeline.name.to_string(),
        gate: through.setting(),
        service: pipeline.place(),
        why,
    })?;
    Ok(asked.is_some())
}

fn nothing_to_ask(
    pipeline: &Pipeline,
    through: Through,
    lacks: &'static str,
    remedy: &'static str,
) -> Mismatch {
    Mismatch::NothingToAsk {
        pipeline: pipeline.name.to_string(),
        gate: through.setting(),
        service: pipeline.place(),
        lacks,
        remedy,
    }
}

fn own_hooks(pipeline: &Pipeline) -> Result<(), Mismatch> {
    match pipeline.hooks.is_empty() {
        true => Ok(()),
        false => Err(Mismatch::OwnHooks {
            pipeline: pipeline.name.to_string(),
            service: pipeline.place(),
        }),
    }
}

/// Whether what serves is of this stack, or of none. Two stacks that deploy to one service would undo each other's deployments.
///
/// # Errors
/// Another stack registered it.
pub fn must_be_of(
    stack: &StackName,
    pipeline: &Pipeline,
    serves: &TaskDefinition,
) -> Result<(), Mismatch> {
    match revision::stack_of(serves) {
        Some(other) if other != *stack => Err(Mismatch::OtherStack {
            service: pipeline.place(),
            revision: revision::arn(serves).map_or_else(|| "?".to_owned(), |arn| arn.to_string()),
            other,
        }),
        Some(_) | None => Ok(()),
    }
}

/// A gate with the function that holds it, and the stages that fit, the best one first.
struct Needed<'a> {
    gate: &'static str,
    function: &'a str,
    stages: &'a [Stage],
    best: &'static str,
}

/// Whether anything is asked of green. That its targets become healthy ECS waits for itself.
fn has_test_traffic(pipeline: &Pipeline) -> bool {
    !pipeline.test_traffic.checks.requests.is_empty()
}

/// Whether a pipeline fits its service of rolling updates.
///
/// # Errors
/// The first thing that does not.
pub fn fits_rolling(pipeline: &Pipeline, service: &Service) -> Result<(), Mismatch> {
    own_hooks(pipeline)?;
    let place = pipeline.place();
    if has_test_traffic(pipeline) {
        return Err(Mismatch::NoTestTraffic {
            pipeline: pipeline.name.to_string(),
            service: place,
        });
    }
    // `base_url` alone is not enough: nothing would tie what answers there to the service's tasks.
    if let Some(traffic) = &pipeline.production_traffic {
        let through = Through::ProductionListener;
        let remedy = "put the service behind a load balancer";
        let leads = |one: &LoadBalancer| one.target.target_group.is_some();
        if !one_can_be_asked(pipeline, service, traffic, through, leads)? {
            return Err(nothing_to_ask(pipeline, through, "a target group", remedy));
        }
    }
    has_room(&place, service)?;
    match pipeline.without_rollback {
        WithoutRollback::Refused if !service.configuration.rolls_back() => {
            Err(Mismatch::NothingRollsBack { service: place })
        }
        WithoutRollback::Refused | WithoutRollback::Accepted => Ok(()),
    }
}

/// Whether a task more or a task less is allowed during an update (ECS API Reference, DeploymentConfiguration). A daemon's tasks are
/// counted by its instances.
fn has_room(place: &str, service: &Service) -> Result<(), Mismatch> {
    let percent = |stated: Option<i32>, default: u64| {
        let stated = stated.and_then(|percent| u64::try_from(percent).ok());
        stated.unwrap_or(default)
    };
    let minimum = percent(service.configuration.minimum_healthy_percent, 100);
    let maximum = percent(service.configuration.maximum_percent, 200);
    let desired = u64::try_from(service.desired_count).unwrap_or_default();
    let (least, most) = ((desired * minimum).div_ceil(100), desired * maximum / 100);
    let is_daemon = service.scheduling_strategy.as_deref() == Some("DAEMON");
    if desired == 0 || is_daemon || least < desired || most > desired {
        return Ok(());
    }
    Err(Mismatch::NoRoom {
        service: place.to_owned(),
        desired,
        minimum,
        maximum,
        least,
        most,
    })
}

fn must_be_called(place: &str, hooks: &[Hook], needed: &Needed<'_>) -> Result<(), Mismatch> {
    let ours: Vec<&Hook> = hooks
        .iter()
        .filter(|hook| hook.target.is_function(needed.function))
        .collect();
    let fits = |hook: &&Hook| {
        let mut stages = hook.stages.iter();
        stages.any(|stage| needed.stages.contains(stage))
    };
    let fitting: Vec<&Hook> = ours.iter().copied().filter(fits).collect();
    if fitting.is_empty() {
        let expected = needed.stages.iter().map(Stage::as_str);
        let expected: Vec<&str> = expected.collect();
        let at: Vec<&str> = ours
            .iter()
            .flat_map(|hook| hook.stages.iter().map(Stage::as_str))
            .collect();
        let function = needed.function;
        let expected = expected.join(" or ");
        return Err(Mismatch::NoHook {
            service: place.to_owned(),
            given: match at.is_empty() {
                true => format!("has no hook that calls `{function}` at {expected}"),
                false => format!(
                    "calls `{function}` at {}, and not at {expected}",
                    at.join(", ")
                ),
            },
            gate: needed.gate,
            function: function.to_owned(),
            stage: needed.best,
        });
    }
    let has_role = |hook: &&Hook| match &hook.target {
        HookTarget::Lambda { role, .. } => role.is_some(),
        HookTarget::Pause => false,
    };
    match fitting.iter().any(has_role) {
        true => Ok(()),
        false => Err(Mismatch::NoRole {
            service: place.to_owned(),
            function: needed.function.to_owned(),
        }),
    }
}

/// Requests meet rules at an Application Load Balancer; its listener alone says nothing of who gets them.
fn must_be_rules(place: &str, service: &Service) -> Result<(), Mismatch> {
    let advanced = service.load_balancers.iter();
    for advanced in advanced.filter_map(|one| one.advanced.as_ref()) {
        for (rule, which) in [
            (&advanced.production_rule, "`productionListenerRule`"),
            (&advanced.test_rule, "`testListenerRule`"),
        ] {
            if let Some(TrafficRule::Listener(listener)) = rule
                && listener.has_rules()
            {
                return Err(Mismatch::ListenerForRule {
                    service: place.to_owned(),
                    given: listener.clone(),
                    which,
                });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
