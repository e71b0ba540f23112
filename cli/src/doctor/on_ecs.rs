//! A service that ECS itself deploys to: its hooks, alarms, target groups and rules.

use aws::Kind;
use aws::ecs::ServiceDeployments;
use futures_util::future::join_all;
use rules::config::Pipeline;
use rules::counted::counted;
use rules::doctor::{self, Checks, Leads, Needs, Read};
use rules::ecs;
use rules::engine::Engine;
use rules::names::{RevisionArn, TargetGroupArn};
use rules::observed::{Service, TaskDefinition};
use rules::revision;
use rules::test_traffic::Through;
use tokio::join;

use super::account::{Account, read, why};
use super::roles::managed::INFRASTRUCTURE;
use super::roles::{self, Named, need_anywhere, need_of};
use super::{hooks, traffic};

/// Checks a service that ECS itself deploys to; `pipelines` are all of it.
pub(super) async fn check(
    account: &Account<'_>,
    pipelines: &[&Pipeline],
    service: &Service,
    engine: Engine,
    definition: Option<&TaskDefinition>,
) -> Checks {
    let mut checks = Checks::default();
    let functions = &account.ours.functions;
    for pipeline in pipelines {
        match engine {
            Engine::Rolling => doctor::fits_rolling(&mut checks, pipeline, service, functions),
            Engine::Native(_) | Engine::CodeDeploy => {
                doctor::fits_native(&mut checks, pipeline, service, functions)
            }
        }
    }
    let first = pipelines[0];
    if let Engine::Native(_) = engine {
        doctor::ends_natively(&mut checks, first, service);
    }
    let network =
        definition.and_then(|definition| definition.task_definition["networkMode"].as_str());
    let (hooks, alarms, deployer, wired) = join!(
        hooks::of_service(account, first, service),
        alarms(account, first, service),
        deployer(account, first, service),
        wired(account, pipelines, service, engine, network)
    );
    for part in [hooks, alarms, deployer, wired] {
        checks.extend(part);
    }
    checks
}

async fn alarms(account: &Account<'_>, pipeline: &Pipeline, service: &Service) -> Checks {
    let mut checks = Checks::default();
    let alarms = service
        .configuration
        .alarms
        .as_ref()
        .filter(|alarms| alarms.enable && !alarms.names.is_empty());
    if let Some(alarms) = alarms {
        let found = read(account.cloudwatch.describe_alarms(&alarms.names).await);
        let named_by = format!("service `{}`", pipeline.place());
        doctor::alarms(
            &mut checks,
            &named_by,
            &alarms.names,
            &found,
            "`Alarms` of the service's `DeploymentConfiguration`",
        );
    }
    checks
}

/// What the newest deployments shipped, and whether Greenlight registered it.
async fn deployer(account: &Account<'_>, pipeline: &Pipeline, service: &Service) -> Checks {
    const LOOKED_AT: usize = 5;
    let mut checks = Checks::default();
    let newest = ServiceDeployments::Newest;
    let Ok(listed) = account
        .ecs
        .list_service_deployments(&pipeline.cluster, &pipeline.service, newest)
        .await
    else {
        return checks;
    };
    let settled = listed
        .into_iter()
        .filter(|one| one.status == ecs::Status::Successful);
    let targets: Vec<_> = settled
        .filter_map(|one| one.target)
        .take(LOOKED_AT)
        .collect();
    let Ok(described) = account.ecs.describe_service_revisions(&targets).await else {
        return checks;
    };
    let in_order = targets
        .iter()
        .filter_map(|arn| described.iter().find(|one| one.arn == *arn));
    let revisions: Vec<RevisionArn> = in_order.map(|one| one.revision.clone()).collect();
    let is_ours = join_all(revisions.iter().map(async |arn| {
        let definition = account
            .ecs
            .describe_task_definition(arn.as_str())
            .await
            .ok()?;
        Some((arn.clone(), revision::stack_of(&definition).is_some()))
    }));
    let known: Vec<(RevisionArn, bool)> = is_ours.await.into_iter().flatten().collect();
    // What is under way is judged when it has ended.
    if service.rollouts.len() < 2 {
        doctor::foreign_revisions(&mut checks, pipeline, &known);
    }
    checks
}

/// Target groups and rules of a service that ECS deploys to.
async fn wired(
    account: &Account<'_>,
    pipelines: &[&Pipeline],
    service: &Service,
    engine: Engine,
    network: Option<&str>,
) -> Checks {
    let mut checks = Checks::default();
    let place = pipelines[0].place();
    let named_by = format!("service `{place}`");
    for balanced in &service.load_balancers {
        let Some(serving) = &balanced.target.target_group else {
            continue;
        };
        let advanced = balanced.advanced.as_ref();
        let alternate = advanced.and_then(|advanced| advanced.alternate_target_group.as_ref());
        match (engine, alternate) {
            (Engine::Native(_), Some(alternate)) => {
                let pair = join_all([serving, alternate].map(async |arn| {
                    (
                        name_of(arn),
                        read(account.elb.describe_target_group(arn).await),
                    )
                }))
                .await;
                doctor::target_groups(&mut checks, &named_by, &pair, None, network);
            }
            (_, _) => {
                if let Read::Absent = read(account.elb.describe_target_group(serving).await) {
                    checks.wrong(
                        "target-groups",
                        format!(
                            "{named_by} names the target group `{}`, which does not exist",
                            name_of(serving)
                        ),
                        "name another one in `LoadBalancers` of the service",
                    );
                }
            }
        }
        match (engine, advanced) {
            (Engine::Native(_), Some(advanced)) => {
                checks.extend(rules(account, pipelines, service, advanced, serving).await);
            }
            (Engine::Rolling, _) => {
                checks.extend(rolling_listener(account, pipelines, serving).await);
            }
            (Engine::Native(_) | Engine::CodeDeploy, _) => {}
        }
    }
    checks.checked(format!(
        "the rules of {}",
        counted(
            service.load_balancers.len(),
            "load balancer",
            "load balancers"
        )
    ));
    checks
}

/// The rules that ECS points at green: where they lead, and whether requests get through them.
async fn rules(
    account: &Account<'_>,
    pipelines: &[&Pipeline],
    service: &Service,
    advanced: &ecs::Advanced,
    serving: &TargetGroupArn,
) -> Checks {
    let mut checks = Checks::default();
    let place = pipelines[0].place();
    let (production, test) = (
        advanced.production_rule.as_ref(),
        advanced.test_rule.as_ref(),
    );
    doctor::rule_differs(&mut checks, &place, production, test);
    let named: Vec<(Through, &ecs::TrafficRule)> = [
        (Through::ProductionListener, production),
        (Through::TestListener, test),
    ]
    .into_iter()
    .filter_map(|(through, rule)| Some((through, rule?)))
    .collect();
    let mut found = Vec::new();
    for (through, arn) in &named {
        if let Some(rule) = traffic::rule(account, &mut checks, &place, *through, arn).await {
            found.push((*through, *arn, rule));
        }
    }
    let alternate = advanced.alternate_target_group.as_ref();
    // During a deployment they lead where ECS has put them.
    let is_at_rest = service.rollouts.len() < 2;
    if let Some(alternate) = alternate
        && is_at_rest
        && production.is_some()
        && found.len() == named.len()
    {
        let rules: Vec<_> = found
            .iter()
            .map(|(_, arn, (_, rule))| (*arn, rule))
            .collect();
        doctor::rules_lead(&mut checks, &place, &[serving, alternate], &rules);
    }
    let groups = [serving, alternate.unwrap_or(serving)];
    for (through, _, (listener, rule)) in &found {
        let leads = Leads::ByRule {
            rule,
            groups: &groups,
        };
        for pipeline in pipelines {
            checks.extend(
                traffic::requests(account, pipeline, *through, listener, Some(leads)).await,
            );
        }
    }
    if let Some(role) = &advanced.role {
        checks.extend(infrastructure_role(account, &place, role, advanced, serving).await);
    }
    checks
}

/// Something leads to a rolling service's target group, and its production gate asks through that listener.
async fn rolling_listener(
    account: &Account<'_>,
    pipelines: &[&Pipeline],
    serving: &TargetGroupArn,
) -> Checks {
    let mut checks = Checks::default();
    let leads = match account.elb.leads_to(serving).await {
        Ok(leads) => leads,
        // That it does not exist is told already.
        Err(failed) if failed.kind == Kind::NotFound => return checks,
        Err(failed) => {
            checks.not_known(
                "listeners",
                &format!(
                    "what leads to the target group `{}` is not known: {}",
                    name_of(serving),
                    why(&failed)
                ),
            );
            return checks;
        }
    };
    let Some(first) = leads.first() else {
        checks.wrong(
            "listeners",
            format!(
                "no listener leads to the target group `{}` of service `{}`: nobody gets to its tasks",
                name_of(serving),
                pipelines[0].place()
            ),
            format!(
                "aws elbv2 modify-listener --listener-arn <the listener of its load balancer> --default-actions \
                 Type=forward,TargetGroupArn={serving}"
            ),
        );
        return checks;
    };
    let asks = pipelines
        .iter()
        .find(|one| one.production_traffic.is_some());
    if let (Some(pipeline), Some(arn)) = (asks, first.rule.listener())
        && let Ok(found) = traffic::listener(account, &arn).await
    {
        let through = Through::ProductionListener;
        traffic::address(account, &mut checks, pipeline, through, &found.listener).await;
    }
    checks
}

/// The role with which ECS writes listener rules and registers targets.
async fn infrastructure_role(
    account: &Account<'_>,
    place: &str,
    role: &str,
    advanced: &ecs::Advanced,
    serving: &TargetGroupArn,
) -> Checks {
    let mut checks = Checks::default();
    let mut needs: Vec<Needs> = [
        "elasticloadbalancing:DescribeListeners",
        "elasticloadbalancing:DescribeRules",
        "elasticloadbalancing:DescribeTargetGroups",
        "elasticloadbalancing:DescribeTargetHealth",
    ]
    .map(|action| need_of(INFRASTRUCTURE, action, "*", "to see where traffic goes"))
    .into();
    // Blue and green change places between the two.
    for group in [Some(serving), advanced.alternate_target_group.as_ref()] {
        for (action, what_for) in [
            ("elasticloadbalancing:RegisterTargets", "to register tasks"),
            (
                "elasticloadbalancing:DeregisterTargets",
                "to take tasks out",
            ),
        ] {
            if let Some(group) = group {
                needs.push(need_anywhere(
                    INFRASTRUCTURE,
                    action,
                    group.as_str(),
                    what_for,
                ));
            }
        }
    }
    for rule in [&advanced.production_rule, &advanced.test_rule]
        .into_iter()
        .flatten()
    {
        let action = match rule {
            ecs::TrafficRule::Rule(_) => "elasticloadbalancing:ModifyRule",
            ecs::TrafficRule::Listener(_) => "elasticloadbalancing:ModifyListener",
        };
        needs.push(need_anywhere(
            INFRASTRUCTURE,
            action,
            rule.as_str(),
            "to shift traffic",
        ));
    }
    let named = Named {
        role,
        by: format!("the load balancer of service `{place}`"),
        service: "ecs.amazonaws.com",
        context: &[],
    };
    roles::check(account, &mut checks, &named, &needs).await;
    checks
}

fn name_of(group: &TargetGroupArn) -> String {
    group
        .as_str()
        .split('/')
        .nth(1)
        .unwrap_or(group.as_str())
        .to_owned()
}
