//! Finds out what a world became.

mod asked;
mod happened;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use local_aws::codedeploy::{self, Creator, DeploymentStatus};
use local_aws::ecr::Reference;
use local_aws::ecs;
use local_aws::lambda::{Answer, Invocation};
use local_aws::world::World;
use serde_json::Value;

use self::asked::{gate, health, test_answers};
use self::happened::{hooks, looks, migrations, pushes, told};
use super::facts::{By, Deployment, End, Facts, Image, MigrationGate, Pipeline, Revision, Status};
use super::rule::Rule;
use crate::scenario::custom_pipelines;
use crate::scenario::setting::SECRET;
use crate::traffic::Sample;

/// What a play knows that its world does not say at the end.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) start: SystemTime,
    pub(crate) pipelines: Vec<custom_pipelines::Pipeline>,
    /// (repository, tag, digest) of what lay in the repositories at the beginning.
    pub(crate) images: Vec<(String, String, String)>,
    /// Versions that fail in production in a way that no check of their pipeline asks for.
    pub(crate) broken_unseen: Vec<String>,
}

/// How Greenlight begins what says that a thing is its own.
const DESCRIPTION: &str = "greenlight ";
const OWN_TAG: &str = "greenlight:digest";

impl Facts {
    /// To be asked when everything has come to its end, and before the world ends. `production` is what its clients asked.
    pub(crate) fn gather(
        world: &World,
        known: &Known,
        production: BTreeMap<String, Vec<Sample>>,
    ) -> Facts {
        let timeline = world.timeline.entries();
        let invocations = world.lambda.invocations();
        let pipelines = known.pipelines.iter();
        let pipelines: Vec<Pipeline> = pipelines
            .filter_map(|given| pipeline(world, given))
            .collect();
        Facts {
            start: known.start,
            images: images(world),
            pushes: pushes(known, &timeline, &invocations),
            looks: looks(&timeline, &invocations),
            deployments: deployments(world, &pipelines),
            revisions: revisions(world),
            hooks: hooks(&timeline),
            migrations: migrations(world),
            test_answers: test_answers(world, &pipelines),
            health: health(world),
            messages: timeline.iter().filter_map(told).collect(),
            production,
            broken_unseen: known.broken_unseen.clone(),
            secrets: secrets(world),
            said: said(world, &invocations),
            pipelines,
        }
    }
}

fn pipeline(world: &World, given: &custom_pipelines::Pipeline) -> Option<Pipeline> {
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
        Some((first, last))
    })?;
    let digest = |revision: Option<ecs::task_definition::Revision>| {
        digest_of(world, &revision?, &given.repository)
    };
    Some(Pipeline {
        name: given.name.clone(),
        repository: given.repository.clone(),
        rule: Rule::read(&given.tag)?,
        group: (given.application.clone(), given.deployment_group.clone()),
        migration: given.migration.clone().map(|command| MigrationGate {
            container: given.migration_container.clone().unwrap_or_default(),
            command,
            has_own_image: given.migration_has_own_image,
            limit: Duration::from_secs(given.migration_minutes * 60),
        }),
        test_traffic: gate(world, given),
        ran_first: digest(first),
        runs: digest(last),
    })
}

/// The digest of a repository's image in a revision.
fn digest_of(
    world: &World,
    revision: &ecs::task_definition::Revision,
    repository: &str,
) -> Option<String> {
    let mut images = revision.images().into_iter().filter(|(_, image)| {
        let name = image
            .split_once('/')
            .map_or(image.as_str(), |(_, name)| name);
        name.split(['@', ':']).next() == Some(repository)
    });
    let (_, image) = images.next()?;
    match (image.split_once('@'), world.ecr.resolve(&image)) {
        (Some((_, digest)), _) => Some(digest.to_owned()),
        (None, Reference::Found(image)) => Some(image.digest),
        (None, Reference::Missing | Reference::Foreign) => None,
    }
}

fn images(world: &World) -> Vec<Image> {
    let of = |repository: local_aws::ecr::Repository| {
        let name = repository.name;
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
            tags: image.tags,
            pushed_at: image.pushed_at,
        })
    };
    world.ecr.repositories().into_iter().flat_map(of).collect()
}

fn deployments(world: &World, pipelines: &[Pipeline]) -> Vec<Deployment> {
    let ends = Ends::of(world);
    let all = world
        .codedeploy
        .read(|state| Some(state.deployments.clone()));
    let digest = |deployment: &codedeploy::Deployment, group: &(String, String)| {
        let pipeline = pipelines.iter().find(|pipeline| pipeline.group == *group)?;
        let revision = world.ecs.read(|state| {
            state
                .revision(&deployment.app_spec.task_definition)
                .cloned()
        })?;
        digest_of(world, &revision, &pipeline.repository)
    };
    let described = |deployment: codedeploy::Deployment| {
        let group = (deployment.application.clone(), deployment.group.clone());
        let is_ours = deployment
            .description
            .as_deref()
            .is_some_and(|description| description.starts_with(DESCRIPTION));
        Deployment {
            by: match deployment.creator {
                Creator::Rollback => By::Rollback,
                Creator::User if is_ours => By::Greenlight,
                Creator::User => By::Hand,
            },
            status: match deployment.status {
                DeploymentStatus::Created
                | DeploymentStatus::InProgress
                | DeploymentStatus::Ready => Status::Active,
                DeploymentStatus::Succeeded => Status::Succeeded,
                DeploymentStatus::Failed => Status::Failed,
                DeploymentStatus::Stopped => Status::Stopped,
            },
            digest: digest(&deployment, &group),
            created_at: deployment.created_at,
            ended_at: deployment.completed_at,
            events: deployment
                .events
                .iter()
                .map(|record| {
                    (
                        record.event.as_str().to_owned(),
                        record.status.as_str().to_owned(),
                    )
                })
                .collect(),
            end: ends.of_deployment(&deployment.id),
            revision: deployment.app_spec.task_definition,
            id: deployment.id,
            group,
        }
    };
    all.into_iter().flatten().map(described).collect()
}

/// What became of the events that tell deployments' ends to `report-outcome`.
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

fn revisions(world: &World) -> Vec<Revision> {
    let is_ours = |revision: &&ecs::task_definition::Revision| {
        revision.tags.iter().any(|tag| tag["key"] == OWN_TAG)
    };
    let described = |revision: &ecs::task_definition::Revision| Revision {
        arn: revision.arn(),
        family: revision.family.clone(),
        digests: revision
            .images()
            .into_iter()
            .filter_map(|(_, image)| Some(image.split_once('@')?.1.to_owned()))
            .collect(),
        registered_at: revision.registered_at,
    };
    world.ecs.read(|state| {
        let all = state.families.values().flatten();
        all.filter(is_ours).map(described).collect()
    })
}

/// What every container has in its environment, and what CodeDeploy gives hooks to answer with.
fn secrets(world: &World) -> Vec<String> {
    let executions: Vec<String> = world.codedeploy.read(|state| {
        let hooks = state
            .deployments
            .iter()
            .flat_map(|deployment| &deployment.hooks);
        hooks.map(|hook| hook.execution_id.clone()).collect()
    });
    [SECRET.to_owned()].into_iter().chain(executions).collect()
}

/// What functions logged and answered.
fn said(world: &World, invocations: &[Invocation]) -> Vec<(String, String)> {
    let logged = world.lambda.functions().into_iter().flat_map(|function| {
        let place = format!("the log of `{}`", function.binary_name);
        let lines = world.lambda.logs(&function.name).into_iter();
        lines.map(move |line| (place.clone(), line))
    });
    let answered = invocations.iter().map(|invocation| {
        let place = format!("an answer of `{}`", invocation.binary_name);
        let answer = match &invocation.answer {
            Answer::Response(answer) => answer.to_string(),
            Answer::Error {
                error_type,
                error_message,
            } => format!("{error_type}: {error_message}"),
        };
        (place, answer)
    });
    logged.chain(answered).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
