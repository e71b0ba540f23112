//! Pipelines, and what they deploy: images, revisions, deployments.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use local_aws::codedeploy::{self, Creator};
use local_aws::ecr::Reference;
use local_aws::ecs;
use local_aws::identity::Location;
use local_aws::timeline::Entry;
use local_aws::world::{DeploymentRecord, World};
use record::{
    By, Deployment, End, Engine, Image, LifecycleEvent, MigrationGate, Pipeline, PipelineImage,
    Revision,
};
use serde_json::Value;

use super::aliases::Aliases;
use super::happened::starts_at_once;
use super::redact::Redactor;
use super::services;
use crate::scenario::custom_pipelines;

/// The start of the description by which Greenlight marks its revisions and deployments.
const DESCRIPTION: &str = "greenlight ";
/// The tag of a revision that was registered for a rollback that a person requested.
const ROLLS_BACK: &str = "greenlight:rollback";
const OWN_TAGS: [&str; 2] = ["greenlight:digest", "greenlight:migration-of"];

pub(super) fn pipelines(
    world: &World,
    given: &[custom_pipelines::Pipeline],
    aliases: &Aliases,
) -> Vec<Pipeline> {
    let given = given.iter();
    given.map(|given| pipeline(world, given, aliases)).collect()
}

fn pipeline(world: &World, given: &custom_pipelines::Pipeline, aliases: &Aliases) -> Pipeline {
    let (first, last) = world.ecs.read(|state| {
        let service = state.service(&given.cluster, &given.service);
        let last = service.map(|service| {
            let primary = service.primary();
            primary.map_or(&service.task_definition, |set| &set.task_definition)
        });
        let last = last.and_then(|arn| state.revision(arn)).cloned();
        let family = last
            .as_ref()
            .and_then(|last| state.families.get(&last.family));
        let first = family.and_then(|family| family.first()).cloned();
        (first, last)
    });
    let digest = |revision: Option<ecs::task_definition::Revision>| {
        digest_of(world, &revision?, &given.repository, &given.own_containers)
    };
    Pipeline {
        name: given.name.clone(),
        repository: given.repository.clone(),
        tag: given.tag.clone(),
        cluster: given.cluster.clone(),
        service: given.service.clone(),
        application: given.application.clone(),
        deployment_group: given.deployment_group.clone(),
        follows_settings: given.follows_settings,
        migration: given.migration.as_ref().map(|command| MigrationGate {
            container: given.migration_container.clone().unwrap_or_default(),
            command: aliases.words(command),
            has_own_image: given.migration_has_own_image,
            runs_alone: given.migration_runs_alone,
            limit_minutes: given.migration_minutes,
        }),
        test_traffic: services::test_gate(world, given, aliases),
        production_traffic: services::production_gate(world, given, aliases),
        containers: given.own_containers.clone(),
        ran_first: digest(first),
        runs: digest(last),
    }
}

/// The digest of a repository's image in a revision, in these containers or, if there are none, in any.
pub(super) fn digest_of(
    world: &World,
    revision: &ecs::task_definition::Revision,
    repository: &str,
    containers: &[String],
) -> Option<String> {
    let mut images = revision.images().into_iter().filter(|(container, image)| {
        (containers.is_empty() || containers.contains(container))
            && written_repository(image).as_deref() == Some(repository)
    });
    let (_, image) = images.next()?;
    match (image.split_once('@'), world.ecr.resolve(&image)) {
        (Some((_, digest)), _) => Some(digest.to_owned()),
        (None, Reference::Found(image)) => Some(image.digest),
        (None, Reference::Missing | Reference::Forbidden | Reference::Foreign) => None,
    }
}

/// The repository of an image reference as pipelines and records write it; `None` if its registry is not one of ECR.
fn written_repository(image: &str) -> Option<String> {
    let (host, path) = image.split_once('/')?;
    let name = path.split(['@', ':']).next()?;
    Some(Location::of_registry(host)?.repository(name))
}

pub(super) fn images(world: &World) -> Vec<Image> {
    let of = |repository: local_aws::ecr::Repository| {
        let name = repository.written();
        let images = repository.images.into_iter();
        images.map(move |image| Image {
            repository: name.clone(),
            is_runnable: image
                .artifact_media_type
                .as_deref()
                .is_none_or(|media_type| {
                    media_type.contains("image.config") || media_type.contains("container.image")
                }),
            digest: image.digest,
            version: image.version,
            tags: image.tags,
            pushed_at: image.pushed_at,
        })
    };
    world.ecr.repositories().into_iter().flat_map(of).collect()
}

/// Every deployment of CodeDeploy's, in the order of creation.
pub(super) fn deployments(
    world: &World,
    pipelines: &[Pipeline],
    redactor: &Redactor,
) -> Vec<Deployment> {
    let ends = Ends::of(world);
    let all = world.codedeploy.read(|state| state.deployments.clone());
    let described = world.deployments().into_iter();
    let record = |(deployment, described): (codedeploy::Deployment, DeploymentRecord)| Deployment {
        by: by(&deployment),
        engine: Engine::CodeDeploy,
        strategy: None,
        cluster: cluster(world, &deployment),
        pipeline_digest: pipeline_digest(world, pipelines, &deployment),
        images: pipeline_images(world, pipelines, &deployment),
        created_at: deployment.created_at,
        ended_at: deployment.completed_at,
        end: ends.of_deployment(&deployment.id),
        application: deployment.application,
        deployment_group: deployment.group,
        id: described.id,
        service: described.service,
        creator: described.creator.to_owned(),
        revision: described.revision,
        image_digest: described.image_digest,
        status: described.status.to_owned(),
        error: described
            .error
            .map(|(code, message)| format!("{code}: {}", redactor.text(&message))),
        lifecycle_events: described
            .lifecycle_events
            .into_iter()
            .map(|(name, status)| LifecycleEvent {
                name: name.to_owned(),
                status: status.to_owned(),
                rollback: false,
            })
            .collect(),
    };
    all.into_iter().zip(described).map(record).collect()
}

fn cluster(world: &World, deployment: &codedeploy::Deployment) -> String {
    let cluster = world.codedeploy.read(|state| {
        let group = state.group_of(deployment)?;
        Some(group.cluster.clone())
    });
    cluster.unwrap_or_default()
}

/// The pipelines that deploy to the service of a deployment.
fn of_group<'p>(
    pipelines: &'p [Pipeline],
    deployment: &codedeploy::Deployment,
) -> Vec<&'p Pipeline> {
    let group = (deployment.application.as_str(), deployment.group.as_str());
    let pipelines = pipelines.iter();
    pipelines
        .filter(|pipeline| pipeline.group() == group)
        .collect()
}

fn in_revision(
    world: &World,
    pipeline: &Pipeline,
    deployment: &codedeploy::Deployment,
) -> Option<String> {
    let revision = world.ecs.read(|state| {
        state
            .revision(&deployment.app_spec.task_definition)
            .cloned()
    })?;
    digest_of(world, &revision, &pipeline.repository, &pipeline.containers)
}

fn pipeline_digest(
    world: &World,
    pipelines: &[Pipeline],
    deployment: &codedeploy::Deployment,
) -> Option<String> {
    let pipelines = of_group(pipelines, deployment);
    in_revision(world, pipelines.first()?, deployment)
}

/// The image of each pipeline, if there are several.
fn pipeline_images(
    world: &World,
    pipelines: &[Pipeline],
    deployment: &codedeploy::Deployment,
) -> BTreeMap<String, PipelineImage> {
    let pipelines = of_group(pipelines, deployment);
    if pipelines.len() < 2 {
        return BTreeMap::new();
    }
    let description = deployment.description.as_deref().unwrap_or_default();
    let named = description
        .strip_prefix(DESCRIPTION)
        .filter(|_| by(deployment) == By::Greenlight);
    let images = pipelines.into_iter().filter_map(|pipeline| {
        let digest = in_revision(world, pipeline, deployment)?;
        let is_due = named
            .is_none_or(|named| named.contains(&digest) || named.contains(&in_base64(&digest)));
        Some((pipeline.name.clone(), PipelineImage { digest, is_due }))
    });
    images.collect()
}

/// How a description states a digest where three do not fit as hex digits.
fn in_base64(digest: &str) -> String {
    let digits = digest.strip_prefix("sha256:").unwrap_or_default();
    let bytes = (0..digits.len() / 2).filter_map(|index| {
        let pair = digits.get(2 * index..2 * index + 2)?;
        u8::from_str_radix(pair, 16).ok()
    });
    URL_SAFE_NO_PAD.encode(bytes.collect::<Vec<u8>>())
}

fn by(deployment: &codedeploy::Deployment) -> By {
    let is_ours = deployment
        .description
        .as_deref()
        .is_some_and(|description| description.starts_with(DESCRIPTION));
    match deployment.creator {
        Creator::Rollback => By::Rollback,
        Creator::User if is_ours => By::Greenlight,
        Creator::User => By::Hand,
    }
}

/// The deliveries of the events that report deployments' ends to `report-outcome`.
struct Ends {
    arrived: BTreeSet<String>,
    kept: Vec<String>,
}

impl Ends {
    fn of(world: &World) -> Ends {
        let functions = world.lambda.functions();
        let reports = functions
            .iter()
            .find(|function| function.binary_name == "report-outcome");
        let rules = world
            .events
            .rules()
            .iter()
            .filter(|rule| reports.is_some_and(|function| rule.function == function.name));
        let rules: Vec<&str> = rules.map(|rule| rule.name.as_str()).collect();
        let lost = world.events.lost();
        let is_lost = |event: &Value| {
            let mut lost = lost.iter();
            lost.any(|(rule, lost)| rules.contains(&rule.as_str()) && lost == event)
        };
        let delivered = world.events.delivered();
        let arrived = delivered
            .iter()
            .filter(|(event, matched)| {
                let is_heard = matched.iter().any(|rule| rules.contains(&rule.as_str()));
                is_heard && is_end(event) && !is_lost(event)
            })
            .map(|(event, _)| text(&event["detail"]["deploymentId"]));
        let undelivered = world.events.dead_letters().into_iter();
        let undelivered = undelivered.map(|letter| letter.to_value().to_string());
        let failed = world.lambda.dead_letters().into_iter();
        let failed = failed.map(|(_, message)| message.to_string());
        let kept = undelivered.chain(failed);
        Ends {
            arrived: arrived.collect(),
            kept: kept
                .filter(|letter| letter.contains("report-outcome"))
                .collect(),
        }
    }

    fn of_deployment(&self, id: &str) -> End {
        if !self.arrived.contains(id) {
            End::Lost
        } else if self.kept.iter().any(|letter| letter.contains(id)) {
            End::Kept
        } else {
            End::Told
        }
    }
}

fn is_end(event: &Value) -> bool {
    let state = event["detail"]["state"].as_str();
    event["source"] == "aws.codedeploy" && matches!(state, Some("SUCCESS" | "FAILURE" | "STOP"))
}

/// The revisions that were registered during the run.
pub(super) fn revisions(world: &World, before: &[String], timeline: &[Entry]) -> Vec<Revision> {
    let starts_at_once = starts_at_once(timeline);
    let described = |revision: &ecs::task_definition::Revision| {
        let (arn, images) = (revision.arn(), revision.images());
        let first = images.first().map(|(_, image)| image.clone());
        Revision {
            family: revision.family.clone(),
            by_greenlight: revision
                .tags
                .iter()
                .any(|tag| OWN_TAGS.iter().any(|own| tag["key"] == *own)),
            rolls_back: revision.tags.iter().any(|tag| tag["key"] == ROLLS_BACK),
            registered_at: revision.registered_at,
            image: first.unwrap_or_default(),
            images: images.into_iter().collect(),
            starts_at_once: starts_at_once
                .get(arn.as_str())
                .copied()
                .unwrap_or_default(),
            arn,
        }
    };
    let all: Vec<Revision> = world.ecs.read(|state| {
        let all = state.families.values().flatten();
        all.map(described).collect()
    });
    all.into_iter()
        .filter(|revision| !before.contains(&revision.arn))
        .collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
