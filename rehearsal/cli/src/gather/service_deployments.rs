//! Deployments that ECS itself carries out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::SystemTime;

use local_aws::ecs::task_definition::Revision;
use local_aws::service_deployment::deployment::ServiceDeployment;
use local_aws::service_deployment::revision::ServiceRevision;
use local_aws::timeline::{self, Entry};
use local_aws::world::{AwsCall, World};
use record::{By, Deployment, End, Engine, LifecycleEvent, Pipeline, PipelineImage};

use super::pipelines::digest_of;
use super::redact::Redactor;

/// Who starts Greenlight's deployments.
const STARTS: &str = "start-deployment";
/// Who goes back after a rolling update.
const GOES_BACK: &str = "check-production";
/// The beginning of the tags by which a revision says for which digests it was registered.
const DIGEST_TAG: &str = "greenlight:digest";

/// Every service deployment since the start, in the order of creation.
pub(super) fn of(
    world: &World,
    pipelines: &[Pipeline],
    (start, timeline): (SystemTime, &[Entry]),
    redactor: &Redactor,
) -> Vec<Deployment> {
    let calls = world.calls();
    let all = world.service_deployments.read(|state| {
        let with_target = |deployment: &ServiceDeployment| {
            let target = state.revision_of(&deployment.target)?.clone();
            Some((deployment.clone(), target))
        };
        let since = state.deployments.iter();
        let since = since.filter(|deployment| deployment.created_at >= start);
        since.filter_map(with_target).collect::<Vec<_>>()
    });
    let created = all.iter().map(|(deployment, target)| Created {
        at: deployment.created_at,
        cluster: &deployment.cluster,
        service: &deployment.service,
        revision: &target.task_definition,
    });
    let creators = creators(created, &calls);
    let record = |((deployment, target), by): ((ServiceDeployment, ServiceRevision), By)| {
        let of = Of {
            world,
            revision: world
                .ecs
                .read(|state| state.revision(&target.task_definition).cloned()),
            target,
        };
        let mut recorded = Deployment {
            by,
            lifecycle_events: stages(timeline, &deployment.arn),
            error: deployment
                .status_reason
                .as_deref()
                .map(|reason| redactor.text(reason)),
            image_digest: of.image_digest(),
            ..plain(deployment, &of.target)
        };
        of.add_images(pipelines, &mut recorded);
        recorded
    };
    all.into_iter().zip(creators).map(record).collect()
}

/// What the deployment says of itself.
fn plain(deployment: ServiceDeployment, target: &ServiceRevision) -> Deployment {
    let strategy = deployment.configuration.strategy.as_str();
    Deployment {
        engine: match strategy {
            "ROLLING" => Engine::Rolling,
            _ => Engine::Native,
        },
        strategy: Some(strategy.to_owned()),
        cluster: deployment.cluster,
        service: deployment.service,
        application: String::new(),
        deployment_group: String::new(),
        creator: "user".to_owned(),
        by: By::Hand,
        revision: target.task_definition.clone(),
        image_digest: None,
        pipeline_digest: None,
        images: BTreeMap::new(),
        status: deployment.status.as_str().to_owned(),
        error: None,
        lifecycle_events: Vec::new(),
        created_at: deployment.created_at,
        ended_at: deployment.finished_at,
        // A schedule makes up for events that are lost.
        end: End::Told,
        id: deployment.arn,
    }
}

/// A deployment, as the call that created it names it.
struct Created<'d> {
    at: SystemTime,
    cluster: &'d str,
    service: &'d str,
    /// ARN.
    revision: &'d str,
}

impl Created<'_> {
    /// Whether a call may have created it: it is recorded once it is answered.
    fn may_be_by(&self, call: &AwsCall) -> bool {
        let last = |given: &str| given.rsplit('/').next().unwrap_or_default().to_owned();
        let named = |member: &str| last(call.request[member].as_str().unwrap_or_default());
        call.operation == "UpdateService"
            && call.at >= self.at
            && named("service") == self.service
            && named("cluster") == self.cluster
            && (call.request["taskDefinition"].is_null()
                || named("taskDefinition") == last(self.revision))
    }
}

/// Who created each deployment, in the order of creation: Greenlight where its function made the call. At one moment a function and a
/// person may each create one of the same revision: a call creates one.
fn creators<'d>(created: impl Iterator<Item = Created<'d>>, calls: &[Arc<AwsCall>]) -> Vec<By> {
    let mut taken: BTreeSet<(SystemTime, usize)> = BTreeSet::new();
    let by = |one: Created<'_>| {
        let mut calls = calls.iter().enumerate();
        let call =
            calls.find(|(place, call)| one.may_be_by(call) && !taken.contains(&(one.at, *place)));
        taken.extend(call.map(|(place, _)| (one.at, place)));
        match call.and_then(|(_, call)| call.function.as_deref()) {
            Some(STARTS) => By::Greenlight,
            Some(GOES_BACK) => By::Rollback,
            Some(_) | None => By::Hand,
        }
    };
    created.map(by).collect()
}

/// The stages in order, with how each ended.
fn stages(timeline: &[Entry], arn: &str) -> Vec<LifecycleEvent> {
    let mut stages: Vec<LifecycleEvent> = Vec::new();
    let mut rollback = false;
    for entry in timeline {
        if let timeline::Event::DeploymentStatus {
            deployment, status, ..
        } = &entry.event
            && deployment == arn
        {
            rollback |= *status == "ROLLBACK_IN_PROGRESS";
        } else if let timeline::Event::LifecycleEvent {
            deployment,
            name,
            status,
            ..
        } = &entry.event
            && deployment == arn
        {
            let mut open = stages.iter_mut().rev();
            // A rollback may begin in the middle of a stage that it has itself.
            let open = open.find(|stage| {
                stage.name == *name && stage.status == "InProgress" && *status != "InProgress"
            });
            match open {
                Some(open) => (*status).clone_into(&mut open.status),
                None => stages.push(LifecycleEvent {
                    name: (*name).to_owned(),
                    status: (*status).to_owned(),
                    rollback,
                }),
            }
        }
    }
    stages
}

/// A deployment's revision, in its world.
struct Of<'w> {
    world: &'w World,
    target: ServiceRevision,
    revision: Option<Revision>,
}

impl Of<'_> {
    /// The digest of the container behind the load balancer, or of the first one: pinned, or as ECS resolved the tag.
    fn image_digest(&self) -> Option<String> {
        let revision = self.revision.as_ref()?;
        let target = &self.target;
        let container = self.world.ecs.read(|state| {
            let service = state.service(&target.cluster, &target.service)?;
            service.serving_container().map(str::to_owned)
        });
        let first = || revision.images().into_iter().next().map(|(_, image)| image);
        let of_serving = container.and_then(|container| revision.image_of(&container));
        let image = of_serving.or_else(first)?;
        match image.split_once('@') {
            Some((_, digest)) => Some(digest.to_owned()),
            None => self.world.ecs.read(|state| {
                let resolved = state.resolved.get(&target.task_set())?;
                resolved.get(&image).cloned()
            }),
        }
    }

    /// Adds the images of the pipelines of its service.
    fn add_images(&self, pipelines: &[Pipeline], recorded: &mut Deployment) {
        let Some(revision) = &self.revision else {
            return;
        };
        let of_service = pipelines.iter().filter(|one| one.is_of(recorded));
        let digests = of_service.map(|pipeline| {
            let (repository, containers) = (&pipeline.repository, &pipeline.containers);
            let digest = digest_of(self.world, revision, repository, containers);
            (pipeline.name.clone(), digest)
        });
        let digests: Vec<(String, Option<String>)> = digests.collect();
        let is_due = |digest: &String| {
            let tags = revision.tags.iter().filter(|tag| {
                let key = tag["key"].as_str().unwrap_or_default();
                key.starts_with(DIGEST_TAG)
            });
            let named: Vec<&str> = tags.filter_map(|tag| tag["value"].as_str()).collect();
            recorded.by != By::Greenlight
                || named.is_empty()
                || named.iter().any(|named| named.contains(digest.as_str()))
        };
        let image = |(name, digest): &(String, Option<String>)| {
            let digest = digest.clone()?;
            let is_due = is_due(&digest);
            Some((name.clone(), PipelineImage { digest, is_due }))
        };
        let several = digests.len() > 1;
        let images = digests.iter().filter(|_| several).filter_map(image);
        recorded.images = images.collect();
        recorded.pipeline_digest = digests.into_iter().next().and_then(|(_, digest)| digest);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::*;

    const SECOND: &str = "arn:aws:ecs:eu-central-1:111122223333:task-definition/shop-web:2";
    const THIRD: &str = "arn:aws:ecs:eu-central-1:111122223333:task-definition/shop-web:3";

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    /// An UpdateService of `web`; without a revision it is forced.
    fn call(seconds: u64, function: Option<&str>, revision: Option<&str>) -> Arc<AwsCall> {
        Arc::new(AwsCall {
            at: at(seconds),
            function: function.map(str::to_owned),
            service: "ecs",
            operation: "UpdateService".to_owned(),
            status: 200,
            error: None,
            request: json!({ "cluster": "prod", "service": "web", "taskDefinition": revision }),
            response: Value::Null,
        })
    }

    #[test]
    fn each_call_creates_one_of_the_deployments_of_a_moment() {
        let ours = |seconds| call(seconds, Some(STARTS), Some(SECOND));
        let forced = |seconds| call(seconds, None, None);
        let redeployed = |seconds| call(seconds, None, Some(THIRD));
        use By::{Greenlight, Hand};
        for (calls, created, expected) in [
            (vec![ours(5)], &[(5, SECOND)][..], &[Greenlight][..]),
            (vec![forced(5)], &[(5, SECOND)], &[Hand]),
            // It is recorded when it is answered.
            (vec![ours(6)], &[(5, SECOND)], &[Greenlight]),
            (vec![ours(4)], &[(5, SECOND)], &[Hand]),
            // A person forced a deployment the moment that ours was created.
            (
                vec![ours(5), forced(5)],
                &[(5, SECOND), (5, SECOND)],
                &[Greenlight, Hand],
            ),
            (
                vec![ours(5), redeployed(5)],
                &[(5, SECOND), (5, THIRD)],
                &[Greenlight, Hand],
            ),
            (
                vec![ours(5), forced(9)],
                &[(5, SECOND), (9, SECOND)],
                &[Greenlight, Hand],
            ),
        ] {
            let created = created.iter().map(|(seconds, revision)| Created {
                at: at(*seconds),
                cluster: "prod",
                service: "web",
                revision,
            });
            assert_eq!(creators(created, &calls), expected);
        }
    }
}
