//! Shifts traffic: rewrites the service's listener rules, with the infrastructure role.

use super::deployment::ServiceDeployment;
use super::listener_rules::{Sides, TwoTargetGroups, sides};
use super::record::edit;
use super::revision::task_set_of;
use super::service_deployments::ServiceDeployments;
use super::share::Share;
use super::stage::Stage;
use crate::ecs::service::Service;
use crate::iam::Permission;
use crate::timeline::{self, ListenerKind, Weight};

/// The session in which ECS acts on load balancers.
const SESSION: &str = "ECSNetworkingWithELB";

/// Reads from the rules where green belongs, or why the deployment cannot go on.
pub(super) fn find_sides(
    deployments: &ServiceDeployments,
    service: &Service,
    of: &TwoTargetGroups,
) -> Result<Sides, String> {
    let networking = |rest: String| format!("of invalid networking configuration{rest}");
    let action = match of.are_of_network() {
        true => "elasticloadbalancing:DescribeListeners",
        false => "elasticloadbalancing:DescribeRules",
    };
    let describe = [Permission::new(action, "*")];
    let iam = &deployments.iam;
    let is_trusted = iam.trusts(&of.role_arn, "ecs.amazonaws.com", &service.arn());
    if !is_trusted || iam.check_role(&of.role_arn, SESSION, &describe).is_err() {
        return Err(networking(format!(
            ". ECS was unable to manage the ELB resources due to missing permissions on ECS Infrastructure Role '{}'.",
            of.role_arn
        )));
    }
    let known = deployments.load_balancers.target_groups();
    if let Some(missing) = of
        .groups
        .iter()
        .find(|group| !known.iter().any(|one| one.arn == **group))
    {
        return Err(networking(format!(
            ". The target group {missing} does not exist."
        )));
    }
    let forward = |rule: &String| deployments.load_balancers.rule_forward(rule);
    let (production, test) = (
        forward(&of.production_rule),
        of.test_rule.as_ref().and_then(forward),
    );
    sides(of, production.as_deref(), test.as_deref()).map_err(networking)
}

/// The target groups of a deployment whose green is in some, for each load balancer.
fn known_sides(
    deployments: &ServiceDeployments,
    two_groups: &[TwoTargetGroups],
    target: &str,
) -> Vec<Sides> {
    let resolved = deployments.read(|state| {
        state
            .revision_of(target)
            .map(|green| green.resolved.clone())
    });
    let resolved = resolved.unwrap_or_default();
    let sides = two_groups.iter().zip(resolved).map(|(of, resolved)| {
        let [first, second] = &of.groups;
        let green = resolved.target_group;
        let blue = if green == *first { second } else { first };
        Sides {
            blue: blue.clone(),
            green,
        }
    });
    sides.collect()
}

/// Gives green this share of test or of production traffic, at every load balancer. A service without such a rule has nothing to
/// shift, and one without a load balancer only notes the share.
pub(super) fn shift(
    deployments: &ServiceDeployments,
    (deployment, service): &(ServiceDeployment, Service),
    kind: ListenerKind,
    share: Share,
) -> Result<(), String> {
    let two_groups = service.controller.two_groups();
    let rule = |two: &'_ TwoTargetGroups| match kind {
        ListenerKind::Production => Some(two.production_rule.clone()),
        ListenerKind::Test => two.test_rule.clone(),
    };
    let has_rule = two_groups.iter().any(|two| rule(two).is_some());
    let note = || {
        edit(deployments, &deployment.arn, |deployment| match kind {
            ListenerKind::Production => deployment.production_share = share,
            ListenerKind::Test => deployment.test_share = share,
        });
    };
    let sides = known_sides(deployments, two_groups, &deployment.target);
    for (two, sides) in two_groups.iter().zip(&sides) {
        let Some(rule) = rule(two) else { continue };
        // A rollback puts back what was rewritten: where the role was not allowed to, another rule may have been before it.
        if share == Share::NOTHING && !gives_green(deployments, &rule, sides) {
            continue;
        }
        rewrite(deployments, two, &rule, sides, share)
            .map_err(|failure| not_shifted(failure, kind))?;
        note();
    }
    if has_rule || two_groups.is_empty() {
        note();
    }
    if has_rule {
        tell(deployments, deployment, kind, share);
    }
    Ok(())
}

fn gives_green(deployments: &ServiceDeployments, rule: &str, sides: &Sides) -> bool {
    let forward = deployments.load_balancers.rule_forward(rule);
    let mut parts = forward.iter().flatten();
    parts.any(|part| part.target_group_arn == sides.green && part.weight > 0)
}

fn not_shifted(failure: NotRewritten, kind: ListenerKind) -> String {
    match failure {
        NotRewritten::NoRule => {
            "of invalid networking configuration. One or more rules not found".to_owned()
        }
        // A hook's message, though no hook of the service's failed.
        NotRewritten::Denied(sentence) => {
            let stage = match kind {
                ListenerKind::Production => Stage::ProductionTrafficShift,
                ListenerKind::Test => Stage::TestTrafficShift,
            };
            format!("{} lifecycle hook(s) failed. {sentence}", stage.as_str())
        }
    }
}

/// Lets both rules forward everything to this target group.
pub(super) fn return_to(
    deployments: &ServiceDeployments,
    two: &TwoTargetGroups,
    group: &str,
) -> Result<(), String> {
    let [first, second] = &two.groups;
    let other = if group == first { second } else { first };
    let sides = Sides {
        blue: group.to_owned(),
        green: other.clone(),
    };
    let mut rules = [Some(&two.production_rule), two.test_rule.as_ref()]
        .into_iter()
        .flatten();
    rules.try_for_each(|rule| {
        let done = rewrite(deployments, two, rule, &sides, Share::NOTHING);
        done.map_err(|failure| match failure {
            NotRewritten::NoRule => {
                "of invalid networking configuration. One or more rules not found".to_owned()
            }
            NotRewritten::Denied(sentence) => {
                format!("{} failed. {sentence}", Stage::ReconcileService.as_str())
            }
        })
    })
}

enum NotRewritten {
    NoRule,
    Denied(String),
}

fn rewrite(
    deployments: &ServiceDeployments,
    two: &TwoTargetGroups,
    rule: &str,
    sides: &Sides,
    share: Share,
) -> Result<(), NotRewritten> {
    if deployments.load_balancers.rule_forward(rule).is_none() {
        return Err(NotRewritten::NoRule);
    }
    let action = match two.are_of_network() {
        true => "elasticloadbalancing:ModifyListener",
        false => "elasticloadbalancing:ModifyRule",
    };
    let needed = [Permission::new(action, rule)];
    deployments
        .iam
        .check_role(&two.role_arn, SESSION, &needed)
        .map_err(|refusal| NotRewritten::Denied(refusal.sentence()))?;
    deployments
        .load_balancers
        .set_rule_forward(rule, sides.forward(share));
    // Before the change is recorded, so that a step that acts on the entry finds these weights in effect for at least the
    // dwell.
    deployments.context.clock.dwell();
    Ok(())
}

fn tell(
    deployments: &ServiceDeployments,
    deployment: &ServiceDeployment,
    kind: ListenerKind,
    share: Share,
) {
    let version = |digits: &str| {
        let image = deployments.ecs.read(|state| {
            let (_, set) = state.task_set(&task_set_of(digits))?;
            let revision = state.revision(&set.task_definition)?;
            revision.image_of(set.serving_container()?)
        })?;
        deployments.ecr.version(&image)
    };
    let blue = deployment.candidate.as_deref().map(|blue| Weight {
        task_set: "Blue",
        version: version(blue),
        percent: share.rest().whole_percent(),
    });
    let green = Weight {
        task_set: "Green",
        version: version(&deployment.target),
        percent: share.whole_percent(),
    };
    deployments
        .context
        .timeline
        .record(timeline::Event::Weights {
            cluster: deployment.cluster.clone(),
            service: deployment.service.clone(),
            listener: kind,
            weights: blue.into_iter().chain([green]).collect(),
        });
}
