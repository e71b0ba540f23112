//! Reads how far a deployment is, and what goes wrong in it, for a person who follows it. Nothing is changed or decided here.
//!
//! What only explains (stopped tasks, failing targets, the service's events) is left out where it cannot be read.

use rules::codedeploy::{self, app_spec};
use rules::config::Pipeline;
use rules::ecs::report::{End, Told, What};
use rules::ecs::{self, Newest};
use rules::engine::Engine;
use rules::migration;
use rules::names::{DeploymentId, RevisionArn, StackName, TargetGroupArn};
use rules::native;
use rules::observed::{Service, TargetHealth};
use rules::progress::{Progress, State};
use rules::reasons::{self, Known, Own};
use rules::revision;
use rules::rolling::{self, Awaited, MigrationMark};
use time::UtcDateTime;

use crate::codedeploy::CodeDeploy;
use crate::ecs::{Ecs, ServiceDeployments, Tasks};
use crate::elb::Elb;
use crate::{CallFailed, Kind, Session};

/// Follows deployments.
#[derive(Debug, Clone)]
pub struct Follower {
    codedeploy: CodeDeploy,
    ecs: Ecs,
    elb: Elb,
    stack: StackName,
}

/// Whose causes are read.
struct Asked<'a> {
    pipeline: &'a Pipeline,
    /// None where it could not be read.
    service: Option<&'a Service>,
    revision: RevisionArn,
    own: Own<'a>,
    since: UtcDateTime,
    migration_started_by: String,
    target_group: Option<TargetGroupArn>,
}

impl Follower {
    /// With clients of this session, for the deployments of this stack.
    pub fn new(session: &Session, stack: StackName) -> Self {
        Self {
            stack,
            codedeploy: CodeDeploy::new(session),
            ecs: Ecs::new(session),
            elb: Elb::new(session),
        }
    }

    /// How far this deployment of the pipeline's service is; none where ECS does not list it: not yet, or not any more.
    ///
    /// # Errors
    /// A call failed that shows what happens.
    pub async fn progress(
        &self,
        pipeline: &Pipeline,
        engine: Engine,
        id: &DeploymentId,
    ) -> Result<Option<Progress>, CallFailed> {
        match engine {
            Engine::CodeDeploy => self.of_codedeploy(pipeline, id).await.map(Some),
            Engine::Native(_) | Engine::Rolling => self.of_ecs(pipeline, engine, id).await,
        }
    }

    /// When what serves was deployed, as far as AWS still knows.
    ///
    /// # Errors
    /// A call failed.
    pub async fn serves_since(
        &self,
        pipeline: &Pipeline,
        made_by: Option<&DeploymentId>,
        engine: Engine,
    ) -> Result<Option<UtcDateTime>, CallFailed> {
        match engine {
            Engine::CodeDeploy => match made_by {
                Some(id) => match self.codedeploy.get_deployment(id).await {
                    Ok(deployment) => Ok(deployment.completed_at),
                    // CodeDeploy has forgotten it, or its application was made anew.
                    Err(failed) if matches!(failed.kind, Kind::NotFound | Kind::Invalid) => {
                        Ok(None)
                    }
                    Err(failed) => Err(failed),
                },
                None => Ok(None),
            },
            Engine::Native(_) | Engine::Rolling => {
                let (cluster, service) = (&pipeline.cluster, &pipeline.service);
                let which = ServiceDeployments::Newest;
                let listed = self.ecs.list_service_deployments(cluster, service, which);
                let is_settled = |one: &&ecs::Listed| {
                    matches!(
                        one.status,
                        ecs::Status::Successful | ecs::Status::RollbackSuccessful
                    )
                };
                let listed = listed.await?;
                let Some(settled) = listed.iter().find(is_settled) else {
                    return Ok(None);
                };
                let arns = std::slice::from_ref(&settled.arn);
                let described = self.ecs.describe_service_deployments(arns).await?;
                Ok(described.first().and_then(ecs::ServiceDeployment::ended_at))
            }
        }
    }

    /// How the migration of a revision ended that is to be deployed by a rolling update; none where it has not.
    ///
    /// # Errors
    /// The call failed.
    pub async fn migration(
        &self,
        revision: &RevisionArn,
    ) -> Result<Option<MigrationMark>, CallFailed> {
        let definition = self.ecs.describe_task_definition(revision.as_str()).await?;
        Ok(rolling::mark_of(&definition, &self.stack))
    }

    async fn of_codedeploy(
        &self,
        pipeline: &Pipeline,
        id: &DeploymentId,
    ) -> Result<Progress, CallFailed> {
        let deployment = self.codedeploy.get_deployment(id).await?;
        let target = self.codedeploy.get_target_with_task_sets(id).await?;
        let (target, task_sets) = target.map_or((None, Vec::new()), |read| {
            (Some(read.target), read.task_sets)
        });
        let rollback = match &deployment.rolled_back_by {
            Some(id) => Some(self.codedeploy.get_deployment(id).await?),
            None => None,
        };
        let service = self.service(pipeline).await;
        let service = service.as_ref();
        let mut progress = codedeploy::progress(
            &deployment,
            rollback.as_ref(),
            target.as_ref(),
            &task_sets,
            service,
        );
        if !may_have_causes(&progress) {
            return Ok(progress);
        }
        let green = service.and_then(|service| service.green(id));
        let revision = match green {
            Some(green) => Some(green.revision.clone()),
            None => self.shipped(&deployment).await,
        };
        if let Some(revision) = revision {
            let load_balancer = green.and_then(|green| green.load_balancer.as_ref());
            let asked = Asked {
                pipeline,
                service,
                revision,
                own: green.map_or_else(|| Own::since(deployment.created_at), Own::of),
                since: deployment.created_at,
                migration_started_by: migration::started_by(id),
                target_group: load_balancer.and_then(|one| one.target_group.clone()),
            };
            self.add_causes(&asked, &mut progress).await;
        }
        Ok(progress)
    }

    async fn of_ecs(
        &self,
        pipeline: &Pipeline,
        engine: Engine,
        id: &DeploymentId,
    ) -> Result<Option<Progress>, CallFailed> {
        let (cluster, service) = (&pipeline.cluster, &pipeline.service);
        let which = ServiceDeployments::Newest;
        let listed = self.ecs.list_service_deployments(cluster, service, which);
        let listed = listed.await?;
        let Some(place) = listed.iter().position(|one| one.arn.id() == *id) else {
            return Ok(None);
        };
        let newest = match place {
            0 => Newest::Yes,
            _ => Newest::No,
        };
        let arns = std::slice::from_ref(&listed[place].arn);
        let described = self.ecs.describe_service_deployments(arns).await?;
        let Some(deployment) = described.into_iter().next() else {
            return Ok(None);
        };
        let arns = deployment.sources.iter().chain(&deployment.target);
        let arns: Vec<_> = arns.map(|one| one.arn.clone()).collect();
        let revisions = self.ecs.describe_service_revisions(&arns).await?;
        let mut progress = ecs::progress(&deployment, &revisions, newest);
        let target = deployment.target.as_ref();
        let target =
            target.and_then(|target| revisions.iter().find(|revision| revision.arn == target.arn));
        if let Some(target) = target
            && engine == Engine::Rolling
        {
            let next = place.checked_sub(1).and_then(|place| listed.get(place));
            progress = self
                .judged(pipeline, &deployment, target, next, progress)
                .await?;
        }
        // Of what its gate did not let pass, the gate has said why.
        let is_of_ecs = deployment.status != ecs::Status::Successful;
        if let Some(target) = target.filter(|_| is_of_ecs && may_have_causes(&progress)) {
            let service = self.service(pipeline).await;
            let rollouts = service.iter().flat_map(|service| &service.rollouts);
            let mut own = rollouts.filter(|rollout| rollout.revision == target.revision);
            let asked = Asked {
                pipeline,
                service: service.as_ref(),
                revision: target.revision.clone(),
                own: Own {
                    task_set: own.next().map(|rollout| rollout.id.as_str()),
                    since: Some(deployment.created_at),
                },
                since: deployment.created_at,
                migration_started_by: native::migration::started_by(&deployment.arn),
                target_group: None,
            };
            self.add_causes(&asked, &mut progress).await;
        }
        Ok(Some(progress))
    }

    /// The same, as the production gate stands that is held after a rolling update.
    async fn judged(
        &self,
        pipeline: &Pipeline,
        deployment: &ecs::ServiceDeployment,
        target: &ecs::ServiceRevision,
        next: Option<&ecs::Listed>,
        progress: Progress,
    ) -> Result<Progress, CallFailed> {
        if pipeline.production_traffic.is_none() || deployment.status != ecs::Status::Successful {
            return Ok(progress);
        }
        let revision = &target.revision;
        let definition = self.ecs.describe_task_definition(revision.as_str()).await?;
        let gate = self
            .ecs
            .gate_state(pipeline, &self.stack, deployment, revision, &definition)
            .await?;
        let next = match next {
            Some(next) => {
                let target: Vec<_> = next.target.iter().cloned().collect();
                let targets = self.ecs.describe_service_revisions(&target).await?;
                Some(rolling::Next {
                    id: next.arn.id(),
                    revision: targets.into_iter().next().map(|one| one.revision),
                    status: next.status.clone(),
                })
            }
            None => None,
        };
        let told = Told::of(&definition, &self.stack);
        let awaited = match told.has(&What::Ended(End::Shipped), &deployment.arn) {
            true => Awaited::No,
            false => Awaited::Yes,
        };
        let next = next.as_ref();
        Ok(rolling::judged(progress, &gate, revision, next, awaited))
    }

    async fn service(&self, pipeline: &Pipeline) -> Option<Service> {
        let (cluster, service) = (&pipeline.cluster, &pipeline.service);
        self.ecs.describe_service(cluster, service).await.ok()
    }

    /// The revision that the AppSpec names: a failed deployment's task set is gone.
    async fn shipped(&self, deployment: &codedeploy::Deployment) -> Option<RevisionArn> {
        let sha256 = deployment.app_spec_sha256.as_deref()?;
        let application = &deployment.application;
        let content = self
            .codedeploy
            .get_application_revision(application, sha256);
        app_spec::revision(&content.await.ok()?)
    }

    /// What stopped tasks, targets and the service's events say, before what the engine says.
    async fn add_causes(&self, asked: &Asked<'_>, progress: &mut Progress) {
        let mut causes = Vec::new();
        causes.extend(self.stopped(asked).await);
        causes.extend(self.unhealthy(asked).await);
        if let (Some(service), true) = (asked.service, causes.is_empty()) {
            causes.extend(reasons::trouble(service, asked.own, asked.since));
        }
        causes.append(&mut progress.reasons);
        progress.reasons = causes;
    }

    async fn stopped(&self, asked: &Asked<'_>) -> Option<String> {
        let (pipeline, revision) = (asked.pipeline, &asked.revision);
        let cluster = pipeline.cluster.as_str();
        let of_family = Tasks::StoppedOfFamily(revision.family());
        let stopped = self.ecs.list_tasks(cluster, of_family).await.ok()?;
        if stopped.is_empty() {
            return None;
        }
        let stopped = self.ecs.describe_tasks(cluster, &stopped).await.ok()?;
        let definition = self.ecs.describe_task_definition(revision.as_str()).await;
        let definition = definition.ok();
        let essential = definition.as_ref().map(revision::essential);
        let known = Known {
            shipped: revision,
            essential: essential.as_deref().unwrap_or_default(),
            migration_started_by: &asked.migration_started_by,
            alone: None,
            service: asked.service,
            cluster,
            own: asked.own,
        };
        let cause = reasons::find(&stopped, known, pipeline.migration.as_ref())?;
        Some(match &definition {
            Some(definition) => cause.task.secret_places.named(cause.sentence, definition),
            None => cause.sentence,
        })
    }

    async fn unhealthy(&self, asked: &Asked<'_>) -> Option<String> {
        let group = asked.target_group.as_ref()?;
        let health = self.elb.describe_target_health(group).await.ok()?;
        let is_unhealthy = |target: &&TargetHealth| target.state == "unhealthy";
        let target = health.targets.iter().find(is_unhealthy)?;
        let why = target.description.as_ref().or(target.reason.as_ref());
        let why = why.map_or_else(String::new, |why| format!(": {why}"));
        Some(format!("target {} is unhealthy{why}", target.target))
    }
}

/// Of what goes well nothing has to be explained.
fn may_have_causes(progress: &Progress) -> bool {
    match progress.state {
        State::UnderWay | State::RollingBack | State::RolledBack | State::Failed => true,
        State::Shifted | State::Succeeded | State::Superseded => false,
    }
}
