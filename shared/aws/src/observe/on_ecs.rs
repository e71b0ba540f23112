//! A service that ECS deploys to: what serves, what is under way, and whether that is still so.

use std::collections::BTreeSet;

use rules::config::Pipeline;
use rules::ecs::{self, ServiceRevision, Serving, Shipping, Status};
use rules::engine::Mismatch;
use rules::migration;
use rules::names::{RevisionArn, ServiceDeploymentArn, ServiceRevisionArn};
use rules::observed::{self, Placement, TaskCount, TaskDefinition};
use rules::rolling::Migrations;
use rules::start::Active;
use time::UtcDateTime;

use super::production::Serves;
use super::{Accepted, Common, Deploys, Member, ObserveFailed, Observer, OfEcs, OnEcs, Ours};
use crate::CallFailed;
use crate::ecs::ServiceDeployments;

/// A page of ListServiceDeployments where no size is asked for.
const PAGE: usize = 20;

/// The service revisions that a decision asks about.
struct Revisions(Vec<ServiceRevision>);

impl Revisions {
    fn get(&self, arn: &ServiceRevisionArn) -> Option<&ServiceRevision> {
        self.0.iter().find(|revision| revision.arn == *arn)
    }
}

/// What is known of a service by its deployments alone, as if none of them were under way.
fn settled(
    service: &observed::Service,
    listed: &[ecs::Listed],
    deployments: &[ecs::ServiceDeployment],
) -> OnEcs {
    let targets: BTreeSet<&ServiceRevisionArn> = listed
        .iter()
        .filter_map(|one| one.target.as_ref())
        .collect();
    let newest = listed.first().map(|newest| newest.arn.clone());
    let mut described = deployments.iter();
    let ended = described.find(|one| Some(&one.arn) == newest.as_ref() && one.status.has_ended());
    OnEcs {
        strategy: None,
        wanted: service.revision.clone(),
        ended: ended.cloned(),
        newest,
        targets: targets.into_iter().cloned().collect(),
        active: None,
        accepted: None,
        judging: None,
        newest_target: listed.first().and_then(|newest| newest.target.clone()),
        placement: placement_of(service, None),
        migrations: None,
        invokers: Vec::new(),
        not_known: Vec::new(),
    }
}

/// The newest deployment, which has ended, with what serves.
fn newest_of(
    on_ecs: &OnEcs,
    deployments: &[ecs::ServiceDeployment],
    serves: Option<&ServiceRevision>,
    definition: &TaskDefinition,
) -> Option<Shipping> {
    let newest = on_ecs.newest.as_ref()?;
    let newest = deployments.iter().find(|one| one.arn == *newest)?;
    Some(Shipping {
        deployment: newest.clone(),
        target: Some(serves?.clone()),
        source: None,
        definition: Some(definition.clone()),
        is_newest: true,
    })
}

impl Observer {
    pub(super) async fn on_ecs(
        &self,
        pipeline: &Pipeline,
        ours: &Ours,
        of_ecs: OfEcs,
    ) -> Result<Common, ObserveFailed> {
        let OfEcs {
            service,
            strategy,
            invokers,
        } = of_ecs;
        let service = &service;
        let (cluster, name) = (&pipeline.cluster, &pipeline.service);
        let listed = self
            .ecs
            .list_service_deployments(cluster, name, ServiceDeployments::Newest)
            .await?;
        let asked = self.asked_about(pipeline, &listed).await?;
        let deployments = self.ecs.describe_service_deployments(&asked).await?;
        let serving = ecs::serving(service, &deployments).ok_or_else(|| Mismatch::NoRevision {
            service: pipeline.place(),
        })?;
        let active = deployments.iter().find(|one| !one.status.has_ended());
        let revisions = self.revisions(&serving, active).await?;
        let (revision, service_revision) =
            self.revision_of(pipeline, service, &serving, &revisions)?;
        let definition = self.ecs.describe_task_definition(revision.as_str()).await?;
        ecs::must_be_of(&ours.stack, pipeline, &definition).map_err(Mismatch::from)?;
        let mut on_ecs = OnEcs {
            strategy,
            placement: placement_of(service, service_revision.as_ref()),
            invokers,
            ..settled(service, &listed, &deployments)
        };
        match active {
            Some(active) => {
                let is_newest = on_ecs.newest.as_ref() == Some(&active.arn);
                let target = active.target.as_ref();
                let shipping = Shipping {
                    deployment: active.clone(),
                    target: target.and_then(|target| revisions.get(&target.arn).cloned()),
                    source: service_revision.clone(),
                    definition: None,
                    is_newest,
                };
                on_ecs.active = Some(self.with_definition(shipping, &definition).await?);
            }
            None => {
                on_ecs.accepted = self.accepted(service, &revision, &on_ecs).await?;
                let ended = newest_of(
                    &on_ecs,
                    &deployments,
                    service_revision.as_ref(),
                    &definition,
                );
                if let Some(ended) = ended.filter(|_| on_ecs.accepted.is_none()) {
                    on_ecs.judging = self.judging(pipeline, ours, strategy, ended).await?;
                }
            }
        }
        Ok(Common {
            tasks: tasks_of(service, service_revision.as_ref()),
            serves: Serves::on_ecs(definition, service, service_revision),
            revision,
            deploys: Deploys::Ecs(Box::new(on_ecs)),
        })
    }

    /// The revision that serves, and its service revision where ECS describes that.
    fn revision_of(
        &self,
        pipeline: &Pipeline,
        service: &observed::Service,
        serving: &Serving,
        revisions: &Revisions,
    ) -> Result<(RevisionArn, Option<ServiceRevision>), ObserveFailed> {
        Ok(match serving {
            Serving::ServiceRevision(arn) => match revisions.get(arn) {
                Some(found) => (found.revision.clone(), Some(found.clone())),
                // ECS forgets those from before it kept them: the service's own revision is what is left.
                None => (self.wanted(pipeline, service)?, None),
            },
            Serving::TaskDefinition(revision) => (revision.clone(), None),
        })
    }

    /// The deployments that tell what serves and what is under way: those that have not ended, and the newest that ended with a
    /// revision that serves, however many failed since; and the newest one of all, whose end may not have been told.
    async fn asked_about(
        &self,
        pipeline: &Pipeline,
        listed: &[ecs::Listed],
    ) -> Result<Vec<ServiceDeploymentArn>, CallFailed> {
        let is_settled = |one: &&ecs::Listed| {
            matches!(one.status, Status::Successful | Status::RollbackSuccessful)
        };
        let mut asked: Vec<ServiceDeploymentArn> = listed
            .iter()
            .filter(|one| !one.status.has_ended())
            .map(|one| one.arn.clone())
            .collect();
        match listed.iter().find(is_settled) {
            Some(settled) => asked.push(settled.arn.clone()),
            None if listed.len() >= PAGE => {
                let (cluster, name) = (&pipeline.cluster, &pipeline.service);
                let settled = ServiceDeployments::Settled;
                let settled = self
                    .ecs
                    .list_service_deployments(cluster, name, settled)
                    .await?;
                asked.extend(settled.into_iter().next().map(|settled| settled.arn));
            }
            None => {}
        }
        if let Some(newest) = listed.first()
            && !asked.contains(&newest.arn)
        {
            asked.push(newest.arn.clone());
        }
        Ok(asked)
    }

    async fn revisions(
        &self,
        serving: &Serving,
        active: Option<&ecs::ServiceDeployment>,
    ) -> Result<Revisions, CallFailed> {
        let mut arns = BTreeSet::new();
        if let Serving::ServiceRevision(arn) = serving {
            arns.insert(arn.clone());
        }
        let target = active.and_then(|active| active.target.as_ref());
        arns.extend(target.map(|target| target.arn.clone()));
        let arns: Vec<ServiceRevisionArn> = arns.into_iter().collect();
        let revisions = self.ecs.describe_service_revisions(&arns).await?;
        Ok(Revisions(revisions))
    }

    fn wanted(
        &self,
        pipeline: &Pipeline,
        service: &observed::Service,
    ) -> Result<RevisionArn, Mismatch> {
        let wanted = service.revision.clone();
        wanted.ok_or_else(|| Mismatch::NoRevision {
            service: pipeline.place(),
        })
    }

    /// With the task definition that it deploys, which may be the one that serves.
    async fn with_definition(
        &self,
        shipping: Shipping,
        serves: &TaskDefinition,
    ) -> Result<Shipping, CallFailed> {
        let Some(target) = &shipping.target else {
            return Ok(shipping);
        };
        let definition = match rules::revision::arn(serves) == Some(target.revision.clone()) {
            true => serves.clone(),
            false => {
                let revision = target.revision.as_str();
                self.ecs.describe_task_definition(revision).await?
            }
        };
        Ok(Shipping {
            definition: Some(definition),
            ..shipping
        })
    }

    /// What the service wants, where that does not serve and no deployment of it is listed: UpdateService has just been answered. Nobody
    /// would see it otherwise, and start another one beside it.
    async fn accepted(
        &self,
        service: &observed::Service,
        serves: &RevisionArn,
        on_ecs: &OnEcs,
    ) -> Result<Option<Accepted>, CallFailed> {
        let wanted = service.revision.as_ref();
        let Some(wanted) = wanted.filter(|wanted| *wanted != serves) else {
            return Ok(None);
        };
        if self.deployed(on_ecs).await?.contains(wanted) {
            return Ok(None);
        }
        let rollout = service.rollouts.iter();
        let at = rollout
            .filter(|rollout| rollout.revision == *wanted)
            .find_map(|rollout| rollout.created_at);
        Ok(Some(Accepted {
            definition: self.ecs.describe_task_definition(wanted.as_str()).await?,
            revision: wanted.clone(),
            at: at.unwrap_or(UtcDateTime::UNIX_EPOCH),
        }))
    }

    /// The revisions that the service's newest deployments deployed, or are deploying.
    ///
    /// # Errors
    /// The call failed.
    pub async fn deployed(&self, on_ecs: &OnEcs) -> Result<Vec<RevisionArn>, CallFailed> {
        let targets = self.ecs.describe_service_revisions(&on_ecs.targets).await?;
        Ok(targets.into_iter().map(|target| target.revision).collect())
    }

    /// Whether the service is as it was decided on: no newer deployment, and no other revision wanted. UpdateService is never refused
    /// because another one was faster; this is all that keeps two starts apart. What slips through between this and
    /// UpdateService ends superseded, which is not a failed attempt.
    ///
    /// # Errors
    /// A call failed.
    pub async fn is_as_decided(
        &self,
        pipeline: &Pipeline,
        on_ecs: &OnEcs,
    ) -> Result<bool, CallFailed> {
        let (cluster, name) = (&pipeline.cluster, &pipeline.service);
        let newest = self
            .ecs
            .list_service_deployments(cluster, name, ServiceDeployments::Newest)
            .await?;
        if newest.first().map(|newest| &newest.arn) != on_ecs.newest.as_ref() {
            return Ok(false);
        }
        // The list is a moment behind.
        let service = self.ecs.describe_service(cluster, name).await?;
        Ok(service.revision == on_ecs.wanted)
    }
}

/// Where a task of what serves runs.
fn placement_of(service: &observed::Service, serves: Option<&ServiceRevision>) -> Placement {
    let of_revision = serves.map(|serves| &serves.placement);
    migration::placement(service, of_revision.unwrap_or(&service.placement))
}

/// How many tasks of the serving revision run.
fn tasks_of(service: &observed::Service, serves: Option<&ServiceRevision>) -> TaskCount {
    let mut running = service.current_revisions.iter();
    let running = serves.and_then(|serves| running.find(|one| one.arn == serves.arn));
    TaskCount {
        desired: service.desired_count,
        running: running.map_or(service.running_count, |one| one.running_count),
    }
}

impl Observer {
    /// What is under way, as each pipeline sees it.
    pub(super) fn set_active(
        members: &mut [Member<'_>],
        on_ecs: &OnEcs,
        migrations: Option<Migrations>,
    ) {
        let all: Vec<&Pipeline> = members
            .iter()
            .map(|member| member.reconciliation.pipeline)
            .collect();
        for member in members {
            let pipeline = member.reconciliation.pipeline;
            let candidate = member.observation.observed.candidate.as_ref();
            let migrations = migrations.as_ref();
            // A migration is never killed, so whatever else is under way, it comes first.
            let migrating = migrations.and_then(|one| one.running(pipeline, candidate));
            let active = match (migrating, &on_ecs.active, &on_ecs.accepted) {
                (Some(migrating), ..) => Some(migrating),
                (None, Some(active), _) => {
                    Some(ecs::active(pipeline, &all, on_ecs.strategy, active))
                }
                (None, None, Some(accepted)) => {
                    let Accepted {
                        revision,
                        definition,
                        at,
                    } = accepted;
                    Some(ecs::accepted(pipeline, revision, definition, *at))
                }
                (None, None, None) => match &on_ecs.judging {
                    Some((ended, phase)) => Some(Active {
                        phase: *phase,
                        ..ecs::active(pipeline, &all, None, ended)
                    }),
                    None => migrations.and_then(|one| one.waiting(pipeline)),
                },
            };
            member.observation.observed.service.active = active;
            if let Deploys::Ecs(on_ecs) = &mut member.observation.deploys {
                on_ecs.migrations = migrations.cloned();
            }
        }
    }
}
