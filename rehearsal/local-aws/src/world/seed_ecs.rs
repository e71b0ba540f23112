//! An initial service that ECS itself deploys: its rules, its hooks, and the deployment that made it.

use std::sync::Arc;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::seed::{behind, create_alarms, keep_service, register, service, target_group};
use super::settings::{EcsDeployments, Internal, IsBalanced, ServiceSettings, TestRule};
use crate::aws::Aws;
use crate::ecs::service::{LoadBalancerTarget, TaskSet};
use crate::elb::{Forward, Protocol, whole_listener};
use crate::service_deployment::configuration::{DeploymentConfiguration, Strategy};
use crate::service_deployment::controller::{Controller, EcsManaged};
use crate::service_deployment::deployment::ServiceDeployment;
use crate::service_deployment::listener_rules::TwoTargetGroups;
use crate::service_deployment::revision::Resolved;
use crate::service_deployment::share::Share;
use crate::service_deployment::start;
use crate::service_deployment::status::Status;
use crate::template::Template;

/// Creates the service as its first deployment left it, and returns the id of its tasks.
pub(super) async fn create(
    aws: &Arc<Aws>,
    settings: &ServiceSettings,
    by: &EcsDeployments,
    template: &Template,
) -> anyhow::Result<String> {
    create_alarms(aws, &settings.alarms);
    let configuration = configuration(by, template)?;
    let revision = register(aws, settings)?;
    let entries = balance(aws, settings, by, configuration.strategy, template).await?;
    let (mut behind, mut given, mut two_groups) = (Vec::new(), Vec::new(), Vec::new());
    let mut resolved = Vec::new();
    for entry in entries {
        let two = entry.two_groups;
        resolved.push(Resolved {
            target_group: entry.behind.target_group_arn.clone(),
            production_rule: two.as_ref().map(|two| two.production_rule.clone()),
        });
        behind.push(entry.behind);
        given.push(entry.given);
        two_groups.extend(two);
    }
    let controller = Controller::Ecs(Box::new(EcsManaged {
        configuration: configuration.clone(),
        load_balancers: given,
        two_groups,
    }));
    let service = service(aws, settings, &revision, behind, controller);
    let now = aws.clock.now();
    let mut revision = start::revision(&aws.service_deployments, &service, now);
    revision.resolved = resolved;
    let created = start::deployment(
        &aws.service_deployments,
        &service,
        configuration,
        &revision,
        now,
    );
    let first = ServiceDeployment {
        status: Status::Successful,
        visible_from: now,
        started_at: Some(now),
        finished_at: Some(now),
        test_share: Share::ALL,
        production_share: Share::ALL,
        ..created
    };
    let id = revision.task_set();
    let tasks = TaskSet::first(&service, id.clone(), Some(first.arn.clone()));
    aws.service_deployments.write(|state| {
        state.revisions.push(revision);
        state.deployments.push(first);
    });
    keep_service(aws, service, tasks);
    Ok(id)
}

/// The configuration, with the ARNs of the functions and roles that it names by logical id.
fn configuration(
    by: &EcsDeployments,
    template: &Template,
) -> anyhow::Result<DeploymentConfiguration> {
    let mut given = by.configuration.clone();
    let hooks = given["lifecycleHooks"].as_array_mut();
    for hook in hooks.into_iter().flatten() {
        let named = |member: &str| hook[member].as_str().map(str::to_owned);
        let (function, role) = (named("hookTargetArn"), named("roleArn"));
        if let Some(function) = function.filter(|name| !name.starts_with("arn:")) {
            let mut functions = template.functions.iter();
            let found = functions.find(|known| known.logical_id == function);
            let found =
                found.with_context(|| format!("the template has no function `{function}`"))?;
            hook["hookTargetArn"] = json!(found.arn());
        }
        if let Some(role) = role {
            hook["roleArn"] = json!(role_arn(&role, template)?);
        }
    }
    let given = given
        .as_object()
        .context("`configuration` is not an object")?;
    DeploymentConfiguration::read(given).map_err(anyhow::Error::msg)
}

/// ARN of a role that is named by ARN or by its logical id in the template.
fn role_arn(role: &str, template: &Template) -> anyhow::Result<String> {
    if role.starts_with("arn:") {
        return Ok(role.to_owned());
    }
    let mut principals = template.principals.iter();
    let found = principals.find(|principal| principal.holder == role);
    let found = found.with_context(|| format!("the template has no role `{role}`"))?;
    Ok(found.role_arn.clone())
}

/// An entry of `loadBalancers`, as given and as ECS reads it.
struct Entry {
    given: Value,
    behind: LoadBalancerTarget,
    two_groups: Option<TwoTargetGroups>,
}

/// Creates what a service is behind.
async fn balance(
    aws: &Arc<Aws>,
    settings: &ServiceSettings,
    by: &EcsDeployments,
    strategy: Strategy,
    template: &Template,
) -> anyhow::Result<Vec<Entry>> {
    let role = role_arn(&by.infrastructure_role, template)?;
    let entry = |kind: &'static str, test_rule: TestRule| {
        let role = role.clone();
        async move { entry(aws, settings, strategy, role, (kind, &test_rule)).await }
    };
    let mut entries = match by.balanced {
        IsBalanced::Headless => Vec::new(),
        IsBalanced::Balanced => vec![entry("", by.test_rule.clone()).await?],
    };
    match by.internal {
        Internal::Absent => {}
        Internal::Present => {
            entries.push(entry("-internal", TestRule::OwnPort(Vec::new())).await?);
        }
        Internal::Untested => entries.push(entry("-internal", TestRule::Absent).await?),
    }
    Ok(entries)
}

/// The rule for test traffic, on a listener of its own or on that of production.
async fn add_test_rule(
    aws: &Arc<Aws>,
    settings: &ServiceSettings,
    (balancer, production): (&str, &str),
    test_rule: &TestRule,
    both: &impl Fn() -> Vec<Forward>,
) -> anyhow::Result<Option<String>> {
    let (listener, conditions) = match test_rule {
        TestRule::Absent => return Ok(None),
        TestRule::OwnPort(conditions) => {
            let own = aws
                .load_balancers
                .listen(settings.listeners, balancer, both());
            (own.await?.arn, conditions)
        }
        TestRule::ProductionPort(conditions) => (production.to_owned(), conditions),
    };
    if conditions.is_empty() {
        return Ok(Some(whole_listener(&listener)));
    }
    let conditions = conditions.clone();
    Ok(aws
        .load_balancers
        .add_rule(&listener, 1, conditions, both()))
}

/// Creates a load balancer whose name ends so, with its listeners, its target groups, and their rules.
async fn entry(
    aws: &Arc<Aws>,
    settings: &ServiceSettings,
    strategy: Strategy,
    role_arn: String,
    (kind, test_rule): (&str, &TestRule),
) -> anyhow::Result<Entry> {
    let name = format!("{}{kind}", settings.name);
    let balancer = match settings.listeners {
        Protocol::Http | Protocol::Https => aws.load_balancers.create_load_balancer(&name),
        Protocol::Tcp => aws.load_balancers.create_network_load_balancer(&name),
    };
    let blue = target_group(aws, settings, &format!("{kind}-blue")).arn;
    let load_balancer = behind(settings, &blue);
    let mut given = json!({
        "targetGroupArn": blue,
        "containerName": load_balancer.container,
        "containerPort": load_balancer.port,
    });
    let forward = |group: &String, weight: u32| Forward {
        target_group_arn: group.clone(),
        weight,
    };
    if !strategy.is_native() {
        let to_blue = vec![forward(&blue, 1)];
        aws.load_balancers
            .listen(settings.listeners, &balancer.arn, to_blue)
            .await?;
        return Ok(Entry {
            given,
            behind: load_balancer,
            two_groups: None,
        });
    }
    let green = target_group(aws, settings, &format!("{kind}-green")).arn;
    // As the deployment left them: both groups, blue with all.
    let both = || vec![forward(&blue, 100), forward(&green, 0)];
    let production = aws
        .load_balancers
        .listen(settings.listeners, &balancer.arn, both())
        .await?;
    let test_rule = add_test_rule(
        aws,
        settings,
        (&balancer.arn, &production.arn),
        test_rule,
        &both,
    )
    .await?;
    let two = TwoTargetGroups {
        groups: [blue, green],
        production_rule: whole_listener(&production.arn),
        test_rule,
        role_arn,
    };
    given["advancedConfiguration"] = json!({
        "alternateTargetGroupArn": two.groups[1],
        "productionListenerRule": two.production_rule,
        "roleArn": two.role_arn,
    });
    if let Some(rule) = &two.test_rule {
        given["advancedConfiguration"]["testListenerRule"] = json!(rule);
    }
    Ok(Entry {
        given,
        behind: load_balancer,
        two_groups: Some(two),
    })
}
