//! A service with its pipelines: who deploys to it, what it runs, and whether they fit.

use std::time::Duration;

use aws::ecs::ServiceDeployments;
use futures_util::future::join_all;
use lambda::Deadline;
use rules::config::{Pipeline, RevisionFrom};
use rules::doctor::{self, Checks, Read, Severity};
use rules::ecs;
use rules::engine::Engine;
use rules::events::{Request, Wanted, Way};
use rules::names::{RevisionArn, TargetGroupArn};
use rules::observed::{Service, TaskDefinition};
use rules::revision::{self, Matching};
use rules::start::{Force, RunningImage};
use rules::test_traffic::Through;
use start_deployment::Handler;
use tokio::join;

use super::account::{Account, read, why};
use super::roles::{self, Named, need_anywhere};
use super::{group, hooks, image, traffic};
use crate::page::of_caller;
use crate::report::{self, Meaning};
use crate::stack::Stack;

/// What was found of a service. What concerns all its pipelines stands with the first one.
pub(super) struct OfService<'a> {
    pub(super) pipelines: Vec<(&'a Pipeline, Checks)>,
    /// None where nobody deploys to it, or that is not known.
    pub(super) engine: Option<Engine>,
    /// What the next revision is made of.
    pub(super) definition: Option<TaskDefinition>,
    /// ARNs of the roles of its hooks that are not the stack's own.
    pub(super) hook_roles: Vec<String>,
}

/// Checks a service; `pipelines` are all of it.
pub(super) async fn check<'a>(account: &Account<'_>, pipelines: &[&'a Pipeline]) -> OfService<'a> {
    let first = pipelines[0];
    let mut common = Checks::default();
    let found = account
        .ecs
        .describe_service(&first.cluster, &first.service)
        .await;
    let service = match read(found) {
        Read::Found(service) => Some(service),
        Read::Absent => {
            common.wrong(
                "service",
                format!("pipeline `{}` deploys to the service `{}`, which does not exist", first.name, first.place()),
                format!("aws ecs list-services --cluster {}; then `cluster` and `service` of the pipeline", first.cluster),
            );
            None
        }
        Read::NotKnown(why) => {
            common.not_known(
                "service",
                &format!("service `{}` is not known: {why}", first.place()),
            );
            None
        }
    };
    let engine = service
        .as_ref()
        .and_then(|service| engine(&mut common, first, service));
    let definition = match &service {
        Some(service) => definition(account, &mut common, first, service).await,
        None => None,
    };
    if let Some(definition) = &definition
        && let Err(mismatch) = ecs::must_be_of(&account.ours.stack, first, definition)
    {
        common.refused("second-deployer", &mismatch.to_string());
    }
    let matching: Vec<Option<Matching>> = pipelines
        .iter()
        .map(|pipeline| containers(&mut common, pipeline, service.as_ref(), definition.as_ref()))
        .collect();
    let by_engine = async {
        match (&service, engine) {
            (Some(service), Some(engine)) => {
                of_engine(account, pipelines, service, engine, definition.as_ref()).await
            }
            (_, _) => Checks::default(),
        }
    };
    let of_revision = async {
        match &definition {
            Some(definition) => super::revision::check(account, first, definition).await,
            None => Checks::default(),
        }
    };
    let wanted = service.as_ref().zip(definition.as_ref());
    let wanted = wanted.and_then(|(service, definition)| {
        doctor::wanted_platform(definition, service.placement.is_fargate())
    });
    let of_pipelines = join_all(pipelines.iter().zip(&matching).map(
        async |(pipeline, matching)| {
            let running = matching
                .as_ref()
                .and_then(|matching| match &matching.image {
                    RunningImage::Known(digest) => Some(digest),
                    RunningImage::Mixed | RunningImage::Unknown(_) => None,
                });
            let (mut checks, secrets) = join!(
                image::check(account, pipeline, running, wanted.as_ref()),
                traffic::secrets(account, pipeline)
            );
            checks.extend(secrets);
            checks
        },
    ));
    let (by_engine, of_revision, mut of_pipelines) = join!(by_engine, of_revision, of_pipelines);
    common.extend(by_engine);
    common.extend(of_revision);
    if let Some(own) = of_pipelines.first_mut() {
        common.extend(std::mem::take(own));
        *own = common;
    }
    let hook_roles = service
        .as_ref()
        .map(|service| foreign_roles(account, service));
    OfService {
        pipelines: pipelines.iter().copied().zip(of_pipelines).collect(),
        engine,
        definition,
        hook_roles: hook_roles.unwrap_or_default(),
    }
}

fn foreign_roles(account: &Account<'_>, service: &Service) -> Vec<String> {
    let invokers = ecs::role::invokers(
        service,
        &account.ours.functions.all(),
        &account.ours.hook_role,
    );
    invokers.into_iter().map(|invoker| invoker.role).collect()
}

fn engine(checks: &mut Checks, pipeline: &Pipeline, service: &Service) -> Option<Engine> {
    match pipeline.engine(service) {
        Ok(engine) => {
            let ignored = engine.ignores(pipeline);
            let ignored = match ignored.is_empty() {
                true => String::new(),
                false => format!("; `{}` of another engine is ignored", ignored.join("`, `")),
            };
            checks.checked(format!(
                "service {}, deployed by {engine}{ignored}",
                pipeline.place()
            ));
            if service.desired_count == 0 {
                checks.doubt(
                    "service",
                    format!(
                        "service `{}` has the desired count 0: a deployment of it checks nothing",
                        pipeline.place()
                    ),
                    format!(
                        "aws ecs update-service --cluster {} --service {} --desired-count 1",
                        pipeline.cluster, pipeline.service
                    ),
                );
            }
            Some(engine)
        }
        Err(mismatch) => {
            checks.refused("service", &mismatch.to_string());
            None
        }
    }
}

/// What the next revision is made of: what serves production, or the family's latest.
async fn definition(
    account: &Account<'_>,
    checks: &mut Checks,
    pipeline: &Pipeline,
    service: &Service,
) -> Option<TaskDefinition> {
    let serves = service
        .primary()
        .map(|primary| &primary.revision)
        .or(service.revision.as_ref());
    let Some(serves) = serves else {
        checks.wrong(
            "service",
            format!("service `{}` has no task definition and no task set, expected what runs in production", pipeline.place()),
            format!("aws ecs update-service --cluster {} --service {} --task-definition …", pipeline.cluster, pipeline.service),
        );
        return None;
    };
    let latest = match pipeline.revision_from {
        RevisionFrom::Production => Ok(None),
        RevisionFrom::Latest => account.ecs.latest_task_definition(serves.family()).await,
    };
    let found = match latest {
        Ok(Some(latest)) => Ok(latest),
        Ok(None) => account.ecs.describe_task_definition(serves.as_str()).await,
        Err(failed) => Err(failed),
    };
    match found {
        Ok(definition) => Some(definition),
        Err(failed) => {
            checks.not_known(
                "containers",
                &format!(
                    "revision `{}` is not known: {}",
                    serves.short(),
                    why(&failed)
                ),
            );
            None
        }
    }
}

/// The containers that get the pipeline's image, the one behind the load balancer, and the migration's.
fn containers(
    checks: &mut Checks,
    pipeline: &Pipeline,
    service: Option<&Service>,
    definition: Option<&TaskDefinition>,
) -> Option<Matching> {
    const SUBJECT: &str = "containers";
    let definition = definition?;
    let behind = service.into_iter().flat_map(|service| {
        let primary = service
            .primary()
            .and_then(|primary| primary.load_balancer.as_ref());
        primary
            .into_iter()
            .chain(service.load_balancers.iter().map(|one| &one.target))
    });
    for target in behind {
        if let Err(unusable) = revision::is_behind(target, definition) {
            checks.refused(SUBJECT, &unusable.to_string());
        }
    }
    match revision::matching(pipeline, definition) {
        Ok(matching) => {
            if group::migrates(pipeline) {
                doctor::migration(checks, pipeline, definition, &matching);
            }
            Some(matching)
        }
        Err(unusable) => {
            checks.refused(SUBJECT, &unusable.to_string());
            None
        }
    }
}

async fn of_engine(
    account: &Account<'_>,
    pipelines: &[&Pipeline],
    service: &Service,
    engine: Engine,
    definition: Option<&TaskDefinition>,
) -> Checks {
    let mut checks = Checks::default();
    let functions = &account.ours.functions;
    match engine {
        Engine::CodeDeploy => return group::check(account, pipelines, service, definition).await,
        Engine::Native(_) => pipelines
            .iter()
            .for_each(|one| doctor::fits_native(&mut checks, one, service, functions)),
        Engine::Rolling => pipelines
            .iter()
            .for_each(|one| doctor::fits_rolling(&mut checks, one, service, functions)),
    }
    let first = pipelines[0];
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
        let Some(advanced) = advanced.filter(|_| matches!(engine, Engine::Native(_))) else {
            if engine == Engine::Rolling {
                checks.extend(rolling_requests(account, pipelines, serving).await);
            }
            continue;
        };
        doctor::rule_differs(
            &mut checks,
            &place,
            advanced.production_rule.as_ref(),
            advanced.test_rule.as_ref(),
        );
        for (through, rule) in [
            (Through::ProductionListener, &advanced.production_rule),
            (Through::TestListener, &advanced.test_rule),
        ] {
            for pipeline in pipelines {
                if let Some(rule) = rule {
                    checks.extend(traffic::by_rule(account, pipeline, through, rule).await);
                }
            }
        }
        if let Some(role) = &advanced.role {
            checks.extend(infrastructure_role(account, &place, role, advanced, serving).await);
        }
    }
    checks.checked(format!(
        "{} target groups with their rules",
        service.load_balancers.len()
    ));
    checks
}

/// The production gate of a rolling service asks through the listener that leads to its target group.
async fn rolling_requests(
    account: &Account<'_>,
    pipelines: &[&Pipeline],
    serving: &TargetGroupArn,
) -> Checks {
    let mut checks = Checks::default();
    let Some(pipeline) = pipelines
        .iter()
        .find(|one| one.production_traffic.is_some())
    else {
        return checks;
    };
    match account.elb.leads_to(serving).await {
        Ok(leads) => {
            if let Some(arn) = leads.first().and_then(|leads| leads.rule.listener()) {
                if let Ok(found) = traffic::listener(account, &arn).await {
                    traffic::address(
                        account,
                        &mut checks,
                        pipeline,
                        Through::ProductionListener,
                        &found.listener,
                    )
                    .await;
                }
            } else {
                checks.wrong(
                    "listeners",
                    format!("no listener leads to the target group `{}` of service `{}`: its production traffic cannot be asked for", name_of(serving), pipeline.place()),
                    format!("aws elbv2 create-listener --default-actions Type=forward,TargetGroupArn={serving} …"),
                );
            }
        }
        Err(failed) => checks.not_known(
            "listeners",
            &format!(
                "what leads to the target group `{}` is not known: {}",
                name_of(serving),
                why(&failed)
            ),
        ),
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
    let mut needs = vec![need_anywhere(
        "elasticloadbalancing:RegisterTargets",
        serving.as_str(),
        "to register green's tasks",
    )];
    for rule in [&advanced.production_rule, &advanced.test_rule]
        .into_iter()
        .flatten()
    {
        let action = match rule {
            ecs::TrafficRule::Rule(_) => "elasticloadbalancing:ModifyRule",
            ecs::TrafficRule::Listener(_) => "elasticloadbalancing:ModifyListener",
        };
        needs.push(need_anywhere(action, rule.as_str(), "to shift traffic"));
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

/// Asks the function itself, as `plan` does, where nothing wrong was found: what it refuses is wrong whatever it is.
pub(super) async fn as_a_dry_run(stack: &Stack, pipeline: &Pipeline, checks: &mut Checks) {
    const AT_MOST: Duration = Duration::from_secs(120);
    if checks.is_wrong() {
        return;
    }
    let handler = Handler::new(Ok(stack.started.clone()), &stack.session);
    let request = Request {
        pipeline: pipeline.name.clone(),
        wanted: Wanted::Due,
        force: Force::Yes,
        way: Way::Forward,
        dry_run: true,
    };
    match handler
        .handle(request.payload(), Deadline::after(AT_MOST))
        .await
    {
        Ok(answer) => {
            let ours = report::reports(&answer)
                .iter()
                .find(|one| one["pipeline"] == pipeline.name.as_str());
            if let Some(report) = ours.filter(|one| report::meaning(one) == Meaning::Refused) {
                let reason = report["reason"].as_str().unwrap_or_default();
                checks.refused("plan", reason.strip_prefix("dry run: ").unwrap_or(reason));
            }
        }
        // What it could not read is told by its subject, unless no subject asked for it.
        Err(_)
            if checks
                .findings
                .iter()
                .any(|one| one.severity == Severity::NotKnown) => {}
        Err(failure) => checks.not_known("plan", &of_caller(&failure.to_string())),
    }
    checks.checked("a dry run of the function".to_owned());
}
