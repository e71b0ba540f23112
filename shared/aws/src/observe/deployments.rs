//! The deployments of a pipeline's group: the active one, earlier attempts, and those that were created meanwhile.

use rules::codedeploy::{self, Deployment};
use rules::config::Pipeline;
use rules::names::DeploymentId;
use rules::start::{self, Active, Attempt, Candidate, ShippedBefore};

use super::{Deploys, Member, Observer};
use crate::codedeploy::Deployments;
use crate::{CallFailed, Kind};

impl Observer {
    /// Reads the deployment that has not ended, once for all pipelines of the service.
    ///
    /// # Errors
    /// A call failed.
    pub async fn observe_active(&self, members: &mut [Member<'_>]) -> Result<(), CallFailed> {
        let Some(first) = members.first() else {
            return Ok(());
        };
        let pipeline = first.reconciliation.pipeline;
        let deployments = self.deployments(pipeline, Deployments::Active).await?;
        // The list may be older than the answer about each: what has ended since is not active.
        let unended = deployments
            .into_iter()
            .filter(|deployment| !deployment.status.has_ended());
        let Some(deployment) = unended.max_by_key(|deployment| deployment.created_at) else {
            members.iter_mut().for_each(|member| member.set(None));
            return Ok(());
        };
        // How far it is does not matter where it ships the candidate.
        let ships_all = members.iter().all(|member| {
            let active = codedeploy::active(member.reconciliation.pipeline, &deployment, None);
            let candidate = member.observation.observed.candidate.as_ref();
            candidate.is_some_and(|candidate| active.ships(&candidate.image.digest))
        });
        let target = match ships_all {
            true => None,
            false => {
                let target = self.codedeploy.get_deployment_target(&deployment.id);
                target.await?
            }
        };
        for member in members {
            let pipeline = member.reconciliation.pipeline;
            member.set(Some(codedeploy::active(
                pipeline,
                &deployment,
                target.as_ref(),
            )));
        }
        Ok(())
    }

    /// What was tried since the candidate was ordered.
    pub(super) async fn attempts(
        &self,
        pipeline: &Pipeline,
        all: &[&Pipeline],
        deploys: &Deploys,
        candidate: Option<&Candidate>,
    ) -> Result<Vec<Attempt>, CallFailed> {
        let Some(candidate) = candidate else {
            return Ok(Vec::new());
        };
        let created_since = async |time| {
            let which = Deployments::CreatedSince(time);
            let deployments = match deploys {
                Deploys::CodeDeploy(_) => self.deployments(pipeline, which).await?,
                Deploys::Ecs(_) => self.before_the_move(pipeline, which).await?,
            };
            let attempts = deployments.iter();
            let mut attempts: Vec<Attempt> = attempts
                .filter_map(|deployment| codedeploy::attempt(pipeline, deployment))
                .collect();
            if let Deploys::Ecs(on_ecs) = deploys {
                let ordered_at = candidate.ordered_at;
                let of_ecs = self.service_attempts(pipeline, all, time, ordered_at, &attempts);
                let of_ecs = of_ecs.await?;
                let migrations = on_ecs.migrations.iter();
                attempts.extend(migrations.flat_map(|one| one.attempts(pipeline, candidate)));
                attempts.extend(of_ecs);
            }
            Ok(attempts)
        };
        let mut attempts: Vec<Attempt> = created_since(candidate.ordered_at).await?;
        let since = start::attempts_since(pipeline, candidate, &attempts);
        if since < candidate.ordered_at {
            attempts = created_since(since).await?;
        }
        Ok(start::attempts(pipeline, candidate, attempts))
    }

    /// Whether a successful deployment shipped what a rollback asks for.
    pub(super) async fn shipped_before(
        &self,
        pipeline: &Pipeline,
        deploys: &Deploys,
        candidate: Option<&Candidate>,
    ) -> Result<ShippedBefore, CallFailed> {
        let which = Deployments::Succeeded;
        let digest = candidate.map(|candidate| &candidate.image.digest);
        let deployments = match deploys {
            Deploys::CodeDeploy(_) => self.deployments(pipeline, which).await?,
            Deploys::Ecs(_) => {
                if self.was_shipped_by_ecs(pipeline, digest).await? {
                    return Ok(ShippedBefore::Yes);
                }
                self.before_the_move(pipeline, which).await?
            }
        };
        let mut shipped = deployments.iter().any(|deployment| {
            let shipped = codedeploy::shipped(pipeline, deployment);
            shipped.is_some() && shipped.as_ref() == digest
        });
        if let (Deploys::CodeDeploy(_), false) = (deploys, shipped) {
            // Where the service was moved to CodeDeploy. What ECS lists of one that it never deployed to is not documented.
            shipped = match self.was_shipped_by_ecs(pipeline, digest).await {
                Err(failed) if !failed.is_transient() => false,
                answer => answer?,
            };
        }
        Ok(match shipped {
            true => ShippedBefore::Yes,
            false => ShippedBefore::Never,
        })
    }

    /// The deployments that another invocation, or CodeDeploy itself, created since this one observed. What was decided then
    /// may be wrong by now, and nothing but this call keeps an older image from replacing a newer one that was shipped in
    /// between.
    ///
    /// # Errors
    /// The call failed.
    pub async fn created_meanwhile(
        &self,
        members: &[Member<'_>],
    ) -> Result<Vec<DeploymentId>, CallFailed> {
        let observations = || members.iter().map(|member| &member.observation);
        let asked_at = observations()
            .filter_map(|observation| observation.asked_at)
            .min();
        let (Some(first), Some(asked_at)) = (members.first(), asked_at) else {
            return Ok(Vec::new());
        };
        let deploys = &first.reconciliation.pipeline.codedeploy;
        let mut since = self
            .codedeploy
            .list_deployments(
                &deploys.application,
                &deploys.deployment_group,
                Deployments::CreatedSince(asked_at),
            )
            .await?;
        // Those that were there when it observed are in what was decided from.
        since.retain(|id| {
            !observations().any(|observation| {
                let attempts = observation.observed.attempts.iter().flatten();
                let mut attempts = attempts.map(|attempt| &attempt.deployment);
                observation.created_before.contains(id) || attempts.any(|attempt| attempt == id)
            })
        });
        Ok(since)
    }

    /// CodeDeploy's deployments of a service that ECS deploys to now: they are remembered where the service was moved. Most services never
    /// had a group, and a stack without any may narrow its permissions so that it cannot ask.
    async fn before_the_move(
        &self,
        pipeline: &Pipeline,
        which: Deployments,
    ) -> Result<Vec<Deployment>, CallFailed> {
        match self.deployments(pipeline, which).await {
            Err(failed) if matches!(failed.kind, Kind::NotFound | Kind::Denied) => Ok(Vec::new()),
            answer => answer,
        }
    }

    async fn deployments(
        &self,
        pipeline: &Pipeline,
        which: Deployments,
    ) -> Result<Vec<Deployment>, CallFailed> {
        let deploys = &pipeline.codedeploy;
        let ids = self
            .codedeploy
            .list_deployments(&deploys.application, &deploys.deployment_group, which)
            .await?;
        self.codedeploy.batch_get_deployments(&ids).await
    }
}

impl Member<'_> {
    fn set(&mut self, active: Option<Active>) {
        self.observation.observed.service.active = active;
        // The rule compares the candidate with what the active deployment ships, too.
        self.observation.observed.compared = None;
    }
}
