//! `loadBalancers` of CreateService and UpdateService. The sentences about `advancedConfiguration` are AWS's (ECS Developer
//! Guide, "Troubleshooting Amazon ECS blue/green deployments"); their exception is inferred, as are the other sentences.

use serde_json::Value;

use crate::api::error::{ApiError, not_simulated};
use crate::api::input::Input;
use crate::api::operation::Call;
use crate::api::permission::pass_role;
use crate::ecs::service::LoadBalancerTarget;
use crate::elb::{LoadBalancers, is_of_network};
use crate::iam::Permission;
use crate::service_deployment::configuration::Strategy;
use crate::service_deployment::listener_rules::TwoTargetGroups;

/// Said where the strategy shifts traffic and a load balancer has no second target group.
pub(super) const NEEDS_ADVANCED: &str = "advancedConfiguration field is required for all loadBalancers when using a non-ROLLING deployment strategy";

/// What a service is behind.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Balanced {
    pub(super) given: Vec<Value>,
    pub(super) targets: Vec<LoadBalancerTarget>,
    pub(super) two_groups: Vec<TwoTargetGroups>,
}

/// What ECS takes (Amazon ECS service quotas).
const TARGET_GROUPS_AT_MOST: usize = 5;

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("InvalidParameterException", message)
}

/// Reads and checks the entries.
pub(super) fn read(
    entries: &[Input<'_>],
    strategy: Strategy,
    load_balancers: &LoadBalancers,
) -> Result<Balanced, ApiError> {
    let mut groups: Vec<&str> = Vec::new();
    let mut advanced = 0;
    for entry in entries {
        let has_advanced = entry.structure("advancedConfiguration")?.is_some();
        if entry.text("loadBalancerName")?.is_some() {
            return Err(invalid(match has_advanced {
                true => {
                    "advancedConfiguration field is not allowed with ELBv1 loadBalancers".to_owned()
                }
                false => not_simulated("Classic Load Balancers"),
            }));
        }
        let group = entry.required_text("targetGroupArn")?;
        if groups.contains(&group) {
            return Err(invalid(format!("Duplicate targetGroupArn found: {group}")));
        }
        groups.push(group);
        advanced += usize::from(has_advanced);
    }
    if advanced != 0 && advanced != entries.len() {
        return Err(invalid(
            "Either all or none of the provided loadBalancers must have advancedConfiguration defined",
        ));
    }
    if strategy.is_native() && advanced < entries.len() {
        return Err(invalid(NEEDS_ADVANCED));
    }
    if entries.len() > TARGET_GROUPS_AT_MOST {
        return Err(invalid("load balancers can have at most 5 items."));
    }
    let given = entries
        .iter()
        .map(|entry| Value::Object(entry.raw().clone()));
    let targets = entries.iter().map(|entry| target(entry, load_balancers));
    let targets = targets.collect::<Result<Vec<_>, _>>()?;
    let mut all = Vec::new();
    for entry in entries {
        all.extend(two_groups(entry, load_balancers)?);
    }
    check_together(&all)?;
    Ok(Balanced {
        given: given.collect(),
        targets,
        two_groups: all,
    })
}

/// What one entry may be, and several together may not: the sentences are those for one.
fn check_together(all: &[TwoTargetGroups]) -> Result<(), ApiError> {
    let mut groups: Vec<&str> = Vec::new();
    for group in all.iter().flat_map(|two| &two.groups) {
        if groups.contains(&group.as_str()) {
            return Err(invalid(format!("Duplicate targetGroupArn found: {group}")));
        }
        groups.push(group);
    }
    let is_production = |rule: &&String| all.iter().any(|two| two.production_rule == **rule);
    let mut tests = all.iter().filter_map(|two| two.test_rule.as_ref());
    match tests.find(is_production) {
        None => Ok(()),
        Some(rule) => Err(invalid(format!(
            "The following rules cannot be used as both production and test listener rules: {rule}"
        ))),
    }
}

fn target(
    entry: &Input<'_>,
    load_balancers: &LoadBalancers,
) -> Result<LoadBalancerTarget, ApiError> {
    let group = entry.required_text("targetGroupArn")?;
    let port = entry.integer("containerPort")?;
    let port = port.ok_or_else(|| entry.missing("containerPort"))?;
    let groups = load_balancers.target_groups();
    let known = groups.iter().find(|known| known.arn == group);
    let known =
        known.ok_or_else(|| invalid(format!("The target group {group} does not exist.")))?;
    // With two target groups it is noticed while deploying.
    let is_alone = entry.structure("advancedConfiguration")?.is_none();
    if is_alone && known.load_balancer_arns.is_empty() {
        return Err(invalid(format!(
            "The target group with targetGroupArn {group} does not have an associated load balancer."
        )));
    }
    Ok(LoadBalancerTarget {
        target_group_arn: group.to_owned(),
        container: entry.required_text("containerName")?.to_owned(),
        port: u16::try_from(port)
            .map_err(|_| invalid("containerPort must be between 0 and 65535."))?,
    })
}

fn two_groups(
    entry: &Input<'_>,
    load_balancers: &LoadBalancers,
) -> Result<Option<TwoTargetGroups>, ApiError> {
    let Some(advanced) = entry.structure("advancedConfiguration")? else {
        return Ok(None);
    };
    let (first, second) = (
        entry.required_text("targetGroupArn")?,
        advanced.required_text("alternateTargetGroupArn")?,
    );
    if first == second {
        return Err(invalid(format!("Duplicate targetGroupArn found: {first}")));
    }
    let production = advanced.required_text("productionListenerRule")?;
    let test = advanced.text("testListenerRule")?;
    for (member, rule) in [
        ("productionListenerRule", Some(production)),
        ("testListenerRule", test),
    ] {
        let has_form =
            |rule: &str| rule.contains(":listener-rule/app/") || rule.contains(":listener/net/");
        if let Some(rule) = rule.filter(|rule| !has_form(rule)) {
            return Err(invalid(format!(
                "{member} has an invalid ARN format. Must be RuleArn for ALB or ListenerArn for NLB. Got: {rule}"
            )));
        }
    }
    if test == Some(production) {
        return Err(invalid(format!(
            "The following rules cannot be used as both production and test listener rules: {production}"
        )));
    }
    // A rule that does not exist is noticed while deploying.
    let forward = load_balancers.rule_forward(production).unwrap_or_default();
    let names = |group: &str| forward.iter().any(|part| part.target_group_arn == group);
    if test.is_none() && !is_of_network(production) && !(names(first) && names(second)) {
        return Err(invalid(
            "For Application LoadBalancer, testListenerRule is required when productionListenerRule is not associated with \
             both targetGroup and alternateTargetGroup",
        ));
    }
    Ok(Some(TwoTargetGroups {
        groups: [first.to_owned(), second.to_owned()],
        production_rule: production.to_owned(),
        test_rule: test.map(ToOwned::to_owned),
        role_arn: advanced.required_text("roleArn")?.to_owned(),
    }))
}

/// The roles that a request passes to ECS: of hooks, and of load balancers.
pub(super) fn passed_roles(call: Call<'_>) -> Vec<Permission> {
    let input = |member: &str| call.input.value(member).cloned().unwrap_or_default();
    let (configuration, balancers) = (input("deploymentConfiguration"), input("loadBalancers"));
    let hooks = configuration["lifecycleHooks"]
        .as_array()
        .into_iter()
        .flatten();
    let hooks = hooks.map(|hook| &hook["roleArn"]);
    let balancers = balancers.as_array().into_iter().flatten();
    let balancers = balancers.map(|entry| &entry["advancedConfiguration"]["roleArn"]);
    let mut needed: Vec<Permission> = Vec::new();
    for role in hooks.chain(balancers).filter_map(Value::as_str) {
        let pass = pass_role(role, "ecs.amazonaws.com");
        if !needed.contains(&pass) {
            needed.push(pass);
        }
    }
    needed
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::clock::Clock;
    use crate::elb::{Forward, Nodes, TargetGroupSettings, default_rule};

    fn settings() -> TargetGroupSettings {
        let seconds = std::time::Duration::from_secs;
        TargetGroupSettings {
            name: "web".to_owned(),
            port: 80,
            target_type: "ip".to_owned(),
            vpc_id: "vpc".to_owned(),
            health_check_path: "/".to_owned(),
            matcher: "200".to_owned(),
            interval: seconds(10),
            timeout: seconds(5),
            healthy_threshold: 2,
            unhealthy_threshold: 2,
            deregistration_delay: seconds(0),
        }
    }

    /// Entries with a strategy, and the refusal: of two target groups, of a rule for both, and of one for blue only.
    fn cases([blue, green]: &[String; 2], both: &str, one: &str) -> Vec<(Value, Strategy, String)> {
        let entry = |rule: &str, test: Value| {
            json!({
                "targetGroupArn": blue, "containerName": "web", "containerPort": 80,
                "advancedConfiguration": {
                    "alternateTargetGroupArn": green, "productionListenerRule": rule, "testListenerRule": test,
                    "roleArn": "role",
                },
            })
        };
        let plain =
            || json!({ "targetGroupArn": green, "containerName": "web", "containerPort": 80 });
        let mut classic = entry(both, json!(null));
        classic["loadBalancerName"] = json!("old");
        let native = Strategy::BlueGreen;
        vec![
            (json!([entry(both, json!(null))]), native, String::new()),
            (json!([]), native, String::new()),
            (json!([plain()]), Strategy::Rolling, String::new()),
            (json!([entry(one, json!(both))]), native, String::new()),
            (
                json!([entry("arn:x", json!(null))]),
                native,
                "productionListenerRule has an invalid ARN format. Must be RuleArn for ALB or ListenerArn for NLB. Got: arn:x"
                    .to_owned(),
            ),
            (
                json!([entry(both, json!(both))]),
                native,
                format!("The following rules cannot be used as both production and test listener rules: {both}"),
            ),
            (
                json!([entry(one, json!(null))]),
                native,
                "For Application LoadBalancer, testListenerRule is required when productionListenerRule is not associated \
                 with both targetGroup and alternateTargetGroup"
                    .to_owned(),
            ),
            (
                json!([plain(), plain()]),
                Strategy::Rolling,
                format!("Duplicate targetGroupArn found: {green}"),
            ),
            (
                json!([entry(both, json!(null)), plain()]),
                native,
                "Either all or none of the provided loadBalancers must have advancedConfiguration defined".to_owned(),
            ),
            (json!([plain()]), native, NEEDS_ADVANCED.to_owned()),
            (
                json!([classic]),
                native,
                "advancedConfiguration field is not allowed with ELBv1 loadBalancers".to_owned(),
            ),
        ]
    }

    #[tokio::test]
    async fn load_balancers_are_refused_in_awss_words() {
        let elb = LoadBalancers::new(Clock::start(), Nodes::LearnAtOnce);
        let balancer = elb.create_load_balancer("web").arn;
        let [blue, green] = [(); 2].map(|()| elb.create_target_group(settings()).arn);
        let forward = [(&blue, 1), (&green, 0)].map(|(group, weight)| Forward {
            target_group_arn: group.clone(),
            weight,
        });
        let both = elb
            .create_listener(&balancer, forward.to_vec())
            .await
            .unwrap();
        let one = elb
            .create_listener(&balancer, forward[..1].to_vec())
            .await
            .unwrap();
        let (both, one) = (default_rule(&both.arn), default_rule(&one.arn));
        let mut cases = cases(&[blue, green], &both, &one);
        let alone = elb.create_target_group(settings()).arn;
        cases.push((
            json!([{ "targetGroupArn": alone, "containerName": "web", "containerPort": 80 }]),
            Strategy::Rolling,
            format!(
                "The target group with targetGroupArn {alone} does not have an associated load balancer."
            ),
        ));
        for (entries, strategy, expected) in cases {
            let request = json!({ "loadBalancers": entries });
            let missing = |member: &str| invalid(format!("{member} can not be blank."));
            let input = Input::new(&request, missing).unwrap();
            let outcome = read(&input.structures("loadBalancers").unwrap(), strategy, &elb);
            let outcome = outcome.err().map(|error| error.message).unwrap_or_default();
            assert_eq!(outcome, expected, "{request}");
        }
    }
}
