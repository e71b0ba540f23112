//! What serves production, and which image that is.

use std::collections::BTreeSet;

use rules::codedeploy::{self, Deployment};
use rules::config::Pipeline;
use rules::ecs::{self, ServiceRevision};
use rules::engine::Mismatch;
use rules::names::{DeploymentId, Digest, RevisionArn};
use rules::observed::{ImageStatus, LoadBalancerTarget, Placement, Service, Task, TaskDefinition};
use rules::revision::{self, Matching};
use rules::start::{self, Candidate, Compared, Deployed, RunningImage};
use tokio::try_join;

use super::{Observation, ObserveFailed, Observer, Production};
use crate::ecr::Place;
use crate::ecs::Tasks;
use crate::{CallFailed, Kind};

/// The deployment that made what runs, where it was read; none of CodeDeploy's in the inner one.
pub(super) type MadeBy = Option<Deployment>;

/// What serves production, for all pipelines of the service.
pub(super) struct Serves {
    pub(super) definition: TaskDefinition,
    behind: Vec<LoadBalancerTarget>,
    deployment: Option<DeploymentId>,
    service_revision: Option<ServiceRevision>,
}

impl Serves {
    /// Where ECS deploys: any number of target groups, or none.
    pub(super) fn on_ecs(
        definition: TaskDefinition,
        service: &Service,
        service_revision: Option<ServiceRevision>,
    ) -> Self {
        let behind = service.load_balancers.iter();
        Self {
            definition,
            behind: behind.map(|one| one.target.clone()).collect(),
            deployment: None,
            service_revision,
        }
    }

    /// As the pipeline sees it to which these containers belong.
    pub(super) fn of(&self, matching: Matching) -> Production {
        Production {
            definition: self.definition.clone(),
            matching,
            behind: self.behind.clone(),
            deployment: self.deployment.clone(),
            service_revision: self.service_revision.clone(),
        }
    }
}

impl Production {
    /// CodeDeploy's deployment that made it; none for a service's first task set, and where ECS deploys.
    pub fn made_by(&self) -> Option<&DeploymentId> {
        self.deployment.as_ref()
    }

    /// The image of these containers as ECS resolved it; none where that is not known.
    fn resolved(&self, why: &str, containers: &[&str]) -> Option<RunningImage> {
        let revision = self.service_revision.as_ref()?;
        match ecs::running_image(why, revision, containers) {
            known @ RunningImage::Known(_) => Some(known),
            RunningImage::Mixed | RunningImage::Unknown(_) => None,
        }
    }
}

impl Observer {
    pub(super) async fn serves(
        &self,
        pipeline: &Pipeline,
        service: &Service,
    ) -> Result<(RevisionArn, Serves, LoadBalancerTarget, Placement), ObserveFailed> {
        let primary = service.primary();
        let revision = primary
            .map(|task_set| &task_set.revision)
            .or(service.revision.as_ref());
        let revision = revision
            .ok_or_else(|| Mismatch::NoRevision {
                service: pipeline.place(),
            })?
            .clone();
        let load_balancer = primary
            .and_then(|task_set| task_set.load_balancer.as_ref())
            .or(service.load_balancer.as_ref());
        let load_balancer = load_balancer
            .ok_or_else(|| Mismatch::NoLoadBalancer {
                service: pipeline.place(),
            })?
            .clone();
        let placement = primary
            .map_or(&service.placement, |task_set| &task_set.placement)
            .clone();
        let definition = self.ecs.describe_task_definition(revision.as_str()).await?;
        Ok((
            revision,
            Serves {
                definition,
                behind: vec![load_balancer.clone()],
                deployment: primary.and_then(|task_set| task_set.deployment.clone()),
                service_revision: None,
            },
            load_balancer,
            placement,
        ))
    }

    /// The image that production runs: what its revision is pinned to, or else what ECS resolved for the service revision, or what its
    /// running tasks agree on. Each may be the manifest of one platform, of an image for several. The tasks are read once for all pipelines.
    pub(super) async fn running_image(
        &self,
        pipeline: &Pipeline,
        revision: &RevisionArn,
        production: &Production,
        candidate: Option<&Candidate>,
        tasks: &mut Option<Vec<Task>>,
    ) -> Result<RunningImage, CallFailed> {
        let matching = &production.matching;
        let image = match &matching.image {
            RunningImage::Unknown(why) => {
                let containers: Vec<&str> = matching.names(&production.definition).collect();
                match production.resolved(why, &containers) {
                    Some(resolved) => resolved,
                    None => {
                        let tasks = match tasks {
                            Some(tasks) => tasks,
                            None => tasks.insert(self.running_tasks(pipeline).await?),
                        };
                        start::running_image(why, revision, &containers, tasks)
                    }
                }
            }
            pinned @ (RunningImage::Known(_) | RunningImage::Mixed) => pinned.clone(),
        };
        let runs: Vec<&Digest> = match &image {
            RunningImage::Known(digest) => vec![digest],
            RunningImage::Mixed => matching.pins().unwrap_or_default(),
            RunningImage::Unknown(_) => Vec::new(),
        };
        let Some(Candidate {
            image: due, detail, ..
        }) = candidate
        else {
            return Ok(image);
        };
        let due = &due.digest;
        // What is in the archive cannot be read either.
        let may_list_them = detail.may_be_index() && detail.status == ImageStatus::Active;
        if runs.is_empty() || runs == [due] || !may_list_them {
            return Ok(image);
        }
        // Without this the same image would be deployed once more on the day that Greenlight is installed.
        let manifests = self
            .ecr
            .batch_get_image_manifests(Place::of(pipeline), due)
            .await?;
        let is_due = |digest: &&Digest| *digest == due || manifests.contains(digest);
        Ok(if runs.iter().all(is_due) {
            RunningImage::Known(due.clone())
        } else {
            image
        })
    }

    async fn running_tasks(&self, pipeline: &Pipeline) -> Result<Vec<Task>, CallFailed> {
        let (cluster, service) = (pipeline.cluster.as_str(), &pipeline.service);
        let running = Tasks::RunningOfService(service);
        let tasks = self.ecs.list_tasks(cluster, running).await?;
        self.ecs.describe_tasks(cluster, &tasks).await
    }

    /// The pipeline's images that run: one, or several where its containers do not run the same. Of those that name a tag only
    /// the tasks show it.
    async fn running_digests(
        &self,
        pipeline: &Pipeline,
        observation: &Observation,
    ) -> Result<BTreeSet<Digest>, CallFailed> {
        let named = match &observation.observed.running {
            RunningImage::Known(digest) => return Ok(BTreeSet::from([digest.clone()])),
            RunningImage::Unknown(_) => return Ok(BTreeSet::new()),
            RunningImage::Mixed => &observation.production.matching.named,
        };
        let mut digests: BTreeSet<Digest> = named
            .iter()
            .filter_map(|named| named.digest.clone())
            .collect();
        let by_tag = named.iter().filter(|named| named.digest.is_none());
        let mut by_tag: Vec<&str> = by_tag.map(|named| named.container.as_str()).collect();
        by_tag.retain(
            |container| match observation.production.resolved("", &[*container]) {
                Some(RunningImage::Known(digest)) => {
                    digests.insert(digest);
                    false
                }
                Some(RunningImage::Mixed | RunningImage::Unknown(_)) | None => true,
            },
        );
        if !by_tag.is_empty() {
            let tasks = self.running_tasks(pipeline).await?;
            let revision = &observation.observed.service.revision;
            for container in by_tag {
                let image = start::running_image("", revision, &[container], &tasks);
                if let RunningImage::Known(digest) = image {
                    digests.insert(digest);
                }
            }
        }
        Ok(digests)
    }

    /// What is known of the images with which the rule compares the candidate: those that run, where they are others, and those
    /// that the active deployment ships.
    pub(super) async fn compared(
        &self,
        pipeline: &Pipeline,
        observation: &Observation,
        made_by: &mut Option<MadeBy>,
    ) -> Result<Vec<Compared>, CallFailed> {
        let observed = &observation.observed;
        let (candidate, active) = (&observed.candidate, &observed.service.active);
        let is_candidate = |digest: &Digest| {
            let candidate = candidate.as_ref();
            candidate.is_some_and(|candidate| candidate.image.digest == *digest)
        };
        let running = async {
            let mut known = Vec::new();
            if candidate.is_none() {
                return Ok(known);
            }
            let runs = self.running_digests(pipeline, observation).await?;
            for digest in runs.iter().filter(|digest| !is_candidate(digest)) {
                let deployed = self.made_by(pipeline, &observation.production, digest, made_by);
                known.extend(self.known(pipeline, deployed.await?).await?);
            }
            Ok::<_, CallFailed>(known)
        };
        let shipping = async {
            let mut known = Vec::new();
            let ships = active.iter().flat_map(|active| &active.ships);
            // A rollback may ship the candidate itself, which is not compared with itself.
            for deployed in ships.filter(|deployed| !is_candidate(&deployed.digest)) {
                known.extend(self.known(pipeline, deployed.clone()).await?);
            }
            Ok(known)
        };
        let (running, mut compared) = try_join!(running, shipping)?;
        let is_open = |known: &Compared| pipeline.tag.leaves_version_open(&known.detail);
        if running.iter().any(is_open) {
            // It may be the highest of all, so that only that one is certain not to be a lower version.
            let place = Place::of(pipeline);
            let (images, _) = self.ecr.describe_tagged_images(place).await?;
            let highest = pipeline
                .tag
                .choose(&images)
                .map(|(detail, _)| detail.clone());
            let highest = highest.filter(|detail| !is_candidate(&detail.digest));
            compared.extend(highest.map(|detail| Compared {
                ordered_at: detail.pushed_at,
                detail,
            }));
        }
        compared.extend(running);
        Ok(compared)
    }

    /// The image that runs, as it was deployed. The deployment that shipped it names the tag; the revision's marks may be
    /// those of an earlier order.
    async fn made_by(
        &self,
        pipeline: &Pipeline,
        production: &Production,
        digest: &Digest,
        made_by: &mut Option<MadeBy>,
    ) -> Result<Deployed, CallFailed> {
        let made_by = match made_by {
            Some(made_by) => made_by,
            None => made_by.insert(self.deployment_of(production).await?),
        };
        let of_deployment = made_by
            .as_ref()
            .and_then(|made_by| codedeploy::deployed(pipeline, made_by, digest));
        let Production {
            definition,
            matching,
            ..
        } = production;
        let of_revision = || revision::deployed(pipeline, definition, matching, digest.clone());
        Ok(match of_deployment {
            // Of several images a description may have left out the times and tags.
            Some(deployed) if deployed.ordered_at.is_none() && !pipeline.is_alone => Deployed {
                at: deployed.at,
                ..of_revision()
            },
            Some(deployed) => deployed,
            None => of_revision(),
        })
    }

    async fn deployment_of(&self, production: &Production) -> Result<MadeBy, CallFailed> {
        let Some(id) = &production.deployment else {
            return Ok(None);
        };
        match self.codedeploy.get_deployment(id).await {
            Ok(deployment) => Ok(Some(deployment)),
            // Forgotten, or never CodeDeploy's: the revision's own marks are what is left.
            Err(failed) if matches!(failed.kind, Kind::NotFound | Kind::Invalid) => Ok(None),
            Err(failed) => Err(failed),
        }
    }

    async fn known(
        &self,
        pipeline: &Pipeline,
        deployed: Deployed,
    ) -> Result<Option<Compared>, CallFailed> {
        let in_ecr = self
            .ecr
            .describe_image_by_digest(Place::of(pipeline), &deployed.digest)
            .await?;
        Ok(deployed.known(in_ecr.image))
    }
}
