//! The initial services of a world, each serving its first revision.

use std::pin::pin;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use super::settings::{
    ContainerSettings, DeployedBy, ServiceSettings, TestListener, WorldSettings,
};
use super::{seed_ecs, seed_roles};
use crate::aws::Aws;
use crate::cloudwatch::AlarmState;
use crate::codedeploy::traffic::{ConfigRecord, DeploymentConfig};
use crate::codedeploy::{Alarms, Application, Group, ReadyOption, TargetGroup, traffic};
use crate::ecr::{Image, ImageSettings, RepositoryPolicy};
use crate::ecs::capacity::{LaunchKind, USUAL_INSTANCE, register_instances};
use crate::ecs::keep;
use crate::ecs::program_failure;
use crate::ecs::registration::prepare;
use crate::ecs::service::{LoadBalancerTarget, Service, TaskSet};
use crate::ecs::task_definition::Revision;
use crate::elb::{Forward, TargetGroupDescription, TargetGroupSettings};
use crate::iam::administrator;
use crate::identity::REGION;
use crate::service_deployment::controller::Controller;
use crate::template::Template;

/// Fills the repositories and starts every service; all are serving when this returns.
pub(super) async fn seed(aws: &Arc<Aws>, settings: WorldSettings) -> anyhow::Result<()> {
    seed_roles::create(aws, &settings)?;
    share_repositories(aws, &settings)?;
    lay_images(aws, &settings)?;
    for secret in &settings.secrets {
        aws.secrets_manager.keep(secret.clone());
    }
    for config in traffic::predefined() {
        keep_config(aws, config);
    }
    let mut failed = pin!(program_failure::first(aws.timeline.subscribe()));
    let mut task_sets = Vec::new();
    for service in &settings.services {
        task_sets.push(
            create(aws, service, &settings.template)
                .await
                .with_context(|| format!("service `{}`", service.name))?,
        );
    }
    for task_set in task_sets {
        tokio::select! {
            () = keep::steady(&aws.ecs, &task_set) => {}
            why = &mut failed => bail!(why),
        }
    }
    Ok(())
}

fn share_repositories(aws: &Aws, settings: &WorldSettings) -> anyhow::Result<()> {
    for repository in &settings.repositories {
        let Some(policy) = &repository.policy else {
            continue;
        };
        let read = RepositoryPolicy::read(policy)
            .with_context(|| format!("in the policy of `{}`", repository.name))?;
        aws.ecr
            .set_policy(&repository.registry, &repository.name, Some(read));
    }
    Ok(())
}

fn lay_images(aws: &Aws, settings: &WorldSettings) -> anyhow::Result<()> {
    let now = aws.clock.now();
    for image in &settings.images {
        lay(aws, image, &image.image(now))?;
    }
    for index in &settings.indexes {
        for child in index.children(now) {
            put(aws, &index.image, child, None)?;
        }
        lay(aws, &index.image, &index.index(now))?;
    }
    Ok(())
}

/// Stores an image with each of its tags, or by digest only.
pub(super) fn lay(aws: &Aws, settings: &ImageSettings, image: &Image) -> anyhow::Result<()> {
    let tags = settings.tags.iter().map(|tag| Some(tag.as_str()));
    let untagged = settings.tags.is_empty().then_some(None);
    tags.chain(untagged)
        .try_for_each(|tag| put(aws, settings, image.clone(), tag))
}

fn put(aws: &Aws, settings: &ImageSettings, image: Image, tag: Option<&str>) -> anyhow::Result<()> {
    let ImageSettings {
        registry,
        repository,
        version,
        ..
    } = settings;
    match aws.ecr.put(registry, repository, image, tag) {
        Ok(_) => Ok(()),
        Err(refused) => bail!("image `{version}` of `{repository}`: {refused:?}"),
    }
}

/// Creates a service with everything around it, and starts its first task set.
async fn create(
    aws: &Arc<Aws>,
    settings: &ServiceSettings,
    template: &Template,
) -> anyhow::Result<String> {
    let task_set = match &settings.deployed_by {
        DeployedBy::CodeDeploy => create_for_codedeploy(aws, settings).await?,
        DeployedBy::Ecs(by) => seed_ecs::create(aws, settings, by, template).await?,
    };
    let logs = settings
        .containers
        .iter()
        .filter_map(|container| container.logs.as_ref());
    for (group, _) in logs {
        aws.logs.create_group(group, aws.clock.now());
    }
    aws.background
        .spawn(keep::keep(aws.ecs.clone(), task_set.clone()));
    Ok(task_set)
}

async fn create_for_codedeploy(
    aws: &Arc<Aws>,
    settings: &ServiceSettings,
) -> anyhow::Result<String> {
    let balancer = aws.load_balancers.create_load_balancer(&settings.name);
    let (blue, green) = (
        target_group(aws, settings, "-blue"),
        target_group(aws, settings, "-green"),
    );
    let serve_blue = || {
        vec![Forward {
            target_group_arn: blue.arn.clone(),
            // ELB's default weight of a single target group.
            weight: 1,
        }]
    };
    let production = aws
        .load_balancers
        .listen(settings.listeners, &balancer.arn, serve_blue())
        .await?;
    let test = match settings.test_listener {
        TestListener::Present => Some(
            aws.load_balancers
                .listen(settings.listeners, &balancer.arn, serve_blue())
                .await?
                .arn,
        ),
        TestListener::Absent => None,
    };
    let revision = register(aws, settings)?;
    let load_balancer = behind(settings, &blue.arn);
    let service = service(
        aws,
        settings,
        &revision,
        vec![load_balancer],
        Controller::CodeDeploy,
    );
    let id = format!("ecs-svc/{}", aws.ids.decimal());
    let first = TaskSet::first(&service, id.clone(), None);
    keep_service(aws, service, first);
    create_deployment_group(aws, settings, [blue, green], production.arn, test)?;
    Ok(id)
}

pub(super) fn target_group(
    aws: &Aws,
    settings: &ServiceSettings,
    rest_of_name: &str,
) -> TargetGroupDescription {
    let check = &settings.health_check;
    let target_type = match settings.launch {
        LaunchKind::Fargate => "ip",
        LaunchKind::Ec2DynamicPorts => "instance",
    };
    aws.load_balancers.create_target_group(TargetGroupSettings {
        name: format!("{}{rest_of_name}", settings.deployment_group),
        port: settings.load_balanced.1,
        target_type: target_type.to_owned(),
        vpc_id: "vpc-0rehearsal".to_owned(),
        health_check_path: check.path.clone(),
        matcher: check.matcher.clone(),
        interval: check.interval,
        timeout: check.timeout,
        healthy_threshold: check.healthy_threshold,
        unhealthy_threshold: check.unhealthy_threshold,
        deregistration_delay: check.deregistration_delay,
    })
}

/// Registers revision 1 of the family on what it runs on, with the validation of RegisterTaskDefinition.
pub(super) fn register(aws: &Aws, settings: &ServiceSettings) -> anyhow::Result<String> {
    match settings.launch {
        LaunchKind::Fargate => {}
        LaunchKind::Ec2DynamicPorts => {
            register_instances(&aws.ecs, &settings.cluster, 2, USUAL_INSTANCE)
        }
    }
    let containers: Vec<Value> = settings.containers.iter().map(container).collect();
    let mut request = json!({
        "family": settings.family,
        "taskRoleArn": seed_roles::arn_of(&format!("{}-task", settings.name)),
        "executionRoleArn": seed_roles::arn_of(seed_roles::EXECUTION),
        "containerDefinitions": containers,
        "tags": [{ "key": "service", "value": settings.name }],
    });
    let platform = match settings.launch {
        LaunchKind::Fargate => json!({
            "networkMode": "awsvpc",
            "requiresCompatibilities": ["FARGATE"],
            "cpu": "256",
            "memory": "512",
            "runtimePlatform": { "cpuArchitecture": "X86_64", "operatingSystemFamily": "LINUX" },
        }),
        // Without a network mode it is `bridge`, and a container port without a host port gets an ephemeral one.
        LaunchKind::Ec2DynamicPorts => json!({
            "requiresCompatibilities": ["EC2"],
            "cpu": "256",
            "memory": "512",
        }),
    };
    for (member, value) in platform.as_object().into_iter().flatten() {
        request[member.as_str()] = value.clone();
    }
    let request = request.as_object().cloned().unwrap_or_default();
    let (registered, tags) = prepare(&request).map_err(anyhow::Error::msg)?;
    let now = aws.clock.now();
    let revision = aws.ecs.write(|state| {
        let revisions = state.families.entry(settings.family.clone()).or_default();
        let number = revisions.last().map_or(1, |last| last.number + 1);
        let family = settings.family.clone();
        let revision = Revision {
            family,
            number,
            registered: registered.into(),
            tags,
            registered_at: now,
            registered_by: administrator(),
            deregistered_at: None,
        };
        let arn = revision.arn();
        revisions.push(revision);
        arn
    });
    Ok(revision)
}

fn container(settings: &ContainerSettings) -> Value {
    let pair = |(name, value): (&String, &String)| json!({ "name": name, "value": value });
    let mut definition = json!({
        "name": settings.name,
        "image": settings.image,
        "essential": settings.essential,
        "environment": settings.environment.iter().map(pair).collect::<Vec<_>>(),
    });
    for (member, words) in [
        ("entryPoint", &settings.entry_point),
        ("command", &settings.command),
    ] {
        if !words.is_empty() {
            definition[member] = json!(words);
        }
    }
    if let Some(port) = settings.container_port {
        definition["portMappings"] = json!([{ "containerPort": port }]);
    }
    if let Some((group, prefix)) = &settings.logs {
        let options = json!({ "awslogs-group": group, "awslogs-region": REGION, "awslogs-stream-prefix": prefix });
        definition["logConfiguration"] = json!({ "logDriver": "awslogs", "options": options });
    }
    for (member, value) in &settings.definition {
        definition[member.as_str()] = value.clone();
    }
    definition
}

/// The container behind the load balancer, in this target group.
pub(super) fn behind(settings: &ServiceSettings, target_group: &str) -> LoadBalancerTarget {
    LoadBalancerTarget {
        target_group_arn: target_group.to_owned(),
        container: settings.load_balanced.0.clone(),
        port: settings.load_balanced.1,
    }
}

/// The service, without tasks.
pub(super) fn service(
    aws: &Aws,
    settings: &ServiceSettings,
    revision: &str,
    load_balancers: Vec<LoadBalancerTarget>,
    controller: Controller,
) -> Service {
    let network_configuration = match settings.launch {
        LaunchKind::Fargate => json!({ "awsvpcConfiguration": {
            "subnets": ["subnet-0rehearsala", "subnet-0rehearsalb"],
            "securityGroups": ["sg-0rehearsal"],
            "assignPublicIp": "DISABLED",
        }}),
        LaunchKind::Ec2DynamicPorts => Value::Null,
    };
    Service {
        cluster: settings.cluster.clone(),
        name: settings.name.clone(),
        desired_count: settings.desired_count,
        launch_type: settings.launch.launch_type().to_owned(),
        platform_version: "1.4.0".to_owned(),
        network_configuration,
        options: settings.options.clone(),
        tags: vec![json!({ "key": "service", "value": settings.name })],
        events: Vec::new(),
        load_balancers,
        controller,
        task_definition: revision.to_owned(),
        task_sets: Vec::new(),
        created_at: aws.clock.now(),
    }
}

pub(super) fn keep_service(aws: &Aws, mut service: Service, first: TaskSet) {
    service.task_sets.push(first);
    aws.ecs.write(|state| {
        if !state.clusters.contains(&service.cluster) {
            state.clusters.push(service.cluster.clone());
        }
        state.services.push(service);
    });
}

fn create_deployment_group(
    aws: &Aws,
    settings: &ServiceSettings,
    target_groups: [TargetGroupDescription; 2],
    production_listener: String,
    test_listener: Option<String>,
) -> anyhow::Result<()> {
    let now = aws.clock.now();
    let (application_id, group_id) = (aws.ids.uuid(), aws.ids.uuid());
    create_alarms(aws, &settings.alarms);
    create_deployment_config(aws, settings);
    let unknown_config = aws
        .codedeploy
        .read(|state| state.config(&settings.deployment_config).is_none());
    if unknown_config {
        bail!(
            "deployment configuration `{}` does not exist in the rehearsal",
            settings.deployment_config
        );
    }
    aws.codedeploy.write(|state| {
        if state.application(&settings.application).is_none() {
            let name = settings.application.clone();
            state.applications.push(Application {
                name,
                id: application_id,
                created_at: now,
            });
        }
        state.groups.push(Group {
            application: settings.application.clone(),
            name: settings.deployment_group.clone(),
            id: group_id,
            cluster: settings.cluster.clone(),
            service: settings.name.clone(),
            target_groups: target_groups.map(|group| TargetGroup {
                name: group.settings.name,
                arn: group.arn,
            }),
            production_listener,
            test_listener,
            config: settings.deployment_config.clone(),
            service_role: seed_roles::arn_of(seed_roles::CODEDEPLOY),
            triggers: json!([]),
            termination_wait: settings.termination_wait,
            rollback_on: settings.rollback_on.clone(),
            ready_option: match settings.ready_wait {
                Some(wait) => ReadyOption::StopDeployment { wait },
                None => ReadyOption::ContinueDeployment,
            },
            alarms: Alarms {
                enabled: !(settings.alarms.is_empty() && settings.missing_alarms.is_empty()),
                ignore_poll_failure: false,
                names: [settings.alarms.as_slice(), &settings.missing_alarms].concat(),
            },
        });
    });
    Ok(())
}

/// A typical alarm on the load balancer's errors.
pub(super) fn create_alarms(aws: &Aws, names: &[String]) {
    let configuration = json!({
        "Namespace": "AWS/ApplicationELB",
        "MetricName": "HTTPCode_Target_5XX_Count",
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 1.0,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "notBreaching",
    });
    for name in names {
        aws.cloudwatch
            .put_alarm(name, configuration.as_object().cloned().unwrap_or_default());
        aws.cloudwatch.write(|state| {
            if let Some(alarm) = state.alarms.get_mut(name) {
                alarm.state = AlarmState::Ok;
            }
        });
    }
}

/// Creates the service's custom deployment configuration unless one of that name exists.
fn create_deployment_config(aws: &Aws, settings: &ServiceSettings) {
    let name = &settings.deployment_config;
    let known = aws.codedeploy.read(|state| state.config(name).is_some());
    if let (Some(routing), false) = (settings.routing, known) {
        let name = name.clone();
        keep_config(aws, DeploymentConfig { name, routing });
    }
}

fn keep_config(aws: &Aws, config: DeploymentConfig) {
    let record = ConfigRecord {
        config,
        id: aws.ids.uuid(),
        created_at: aws.clock.now(),
    };
    aws.codedeploy.write(|state| state.configs.push(record));
}
