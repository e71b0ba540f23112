//! Reads whether a rolling update is still to be judged, and what the service goes back to. Nothing is changed here, and nothing is taken
//! from who calls but where to look.

use aws::ecs::ServiceDeployments;
use aws::{CallFailed, Kind};
use lambda::{Failure, Started};
use rules::ecs::{Listed, ServiceDeployment, ServiceRevision, Status};
use rules::engine::Engine;
use rules::environment::Scheduling;
use rules::events::GateCall;
use rules::gate::Gate;
use rules::names::RevisionArn;
use rules::native::Known;
use rules::observed::Service;
use rules::revision;
use rules::rolling::{self, GateState, Shipped};

use super::RollingGate;

/// A rolling update that has ended, with all that its gate needs.
pub(super) struct Due {
    pub(super) known: Known,
    /// Open, or failed where the service has not gone back yet.
    pub(super) state: GateState,
    /// What the service's deployments deployed successfully; newest first.
    shipped: Vec<Shipped>,
    /// What ran when it began, where ECS lists no earlier deployment: after 90 days it has forgotten them.
    forgotten: Option<RevisionArn>,
}

impl RollingGate {
    /// The update that the call names, where it is the service's newest and its gate is open, or has failed it; why it is not otherwise.
    pub(super) async fn due(
        &self,
        started: &Started<Scheduling>,
        call: &GateCall,
    ) -> Result<Result<Due, String>, Failure> {
        let ecs = &self.handler.ecs;
        let (cluster, name) = (call.cluster.as_str(), call.service.as_str());
        let keeper = started
            .config
            .keeper_of_service(cluster, name, Gate::ProductionTraffic);
        let Some(pipeline) = keeper.filter(|one| one.production_traffic.is_some()) else {
            return not(format!(
                "no pipeline of `{cluster}/{name}` has `production_traffic`"
            ));
        };
        let service = ecs.describe_service(&call.cluster, &call.service).await?;
        if !matches!(pipeline.engine(&service), Ok(Engine::Rolling)) {
            return not("the service has no rolling updates".to_owned());
        }
        let listed = ecs
            .list_service_deployments(&call.cluster, &call.service, ServiceDeployments::Newest)
            .await?;
        let (deployment, target) = match self.ended(call, &service, listed.first()).await? {
            Ok(ended) => ended,
            Err(reason) => return not(reason),
        };
        let definition = target.revision.as_str();
        let definition = ecs.describe_task_definition(definition).await?;
        let shipped = ecs.shipped(&call.cluster, &call.service).await?;
        let (place, id) = (pipeline.place(), deployment.arn.id());
        let state = GateState::of(&place, &started.settings.stack, &id, &definition);
        let before = rolling::before(&shipped, &deployment);
        let state = state.unless_deployed_before(&target.revision, before);
        match state {
            GateState::Open | GateState::Failed { back: Some(_), .. } => {}
            GateState::Passed | GateState::Failed { back: None, .. } => {
                return not("it is judged already".to_owned());
            }
            GateState::Free | GateState::FailedBefore { .. } => {
                return not(
                    "it deploys what this stack did not register for the service, or what was deployed before".to_owned(),
                );
            }
        }
        let forgotten = match (listed.len(), deployment.sources.first()) {
            (1, Some(source)) => {
                let source = std::slice::from_ref(&source.arn);
                let ran = ecs.describe_service_revisions(source).await?;
                ran.into_iter().next().map(|ran| ran.revision)
            }
            _ => None,
        };
        let known = Known {
            pipeline: pipeline.clone(),
            deployment,
            service,
            target,
            definition,
        };
        Ok(Ok(Due {
            known,
            state,
            shipped,
            forgotten,
        }))
    }

    /// The deployment that the call names and what it deployed, where it is the service's newest and has succeeded.
    async fn ended(
        &self,
        call: &GateCall,
        service: &Service,
        newest: Option<&Listed>,
    ) -> Result<Result<(ServiceDeployment, ServiceRevision), String>, Failure> {
        let ecs = &self.handler.ecs;
        if newest.map(|newest| &newest.arn) != Some(&call.deployment) {
            return not("it is not the service's newest deployment".to_owned());
        }
        let arn = std::slice::from_ref(&call.deployment);
        let described = ecs.describe_service_deployments(arn).await?;
        let Some(deployment) = described.into_iter().next() else {
            return not("ECS knows no such deployment".to_owned());
        };
        if deployment.status != Status::Successful {
            return not(format!("it is {}", deployment.status.as_str()));
        }
        let target = deployment.target.as_ref().map(|target| target.arn.clone());
        let target: Vec<_> = target.into_iter().collect();
        let found = ecs.describe_service_revisions(&target).await?;
        let Some(target) = found.into_iter().next() else {
            return not("ECS does not state what it deployed".to_owned());
        };
        // ECS lists a deployment a moment after UpdateService has answered; the service wants its revision at once.
        if service.revision.as_ref() != Some(&target.revision) {
            return not("the service wants another revision by now".to_owned());
        }
        Ok(Ok((deployment, target)))
    }

    /// Whether it is still open, right before what was found is written down.
    pub(super) async fn still_open(
        &self,
        started: &Started<Scheduling>,
        call: &GateCall,
    ) -> Result<Result<(), String>, Failure> {
        let due = self.due(started, call).await?;
        Ok(due.and_then(|due| match due.state {
            GateState::Open => Ok(()),
            GateState::Free
            | GateState::FailedBefore { .. }
            | GateState::Passed
            | GateState::Failed { .. } => Err("another call was faster".to_owned()),
        }))
    }

    /// What the service goes back to: the revision of the newest earlier deployment that was successful and that no gate has failed. None
    /// where there is none, or it was deregistered: what ran before that is older than people expect.
    pub(super) async fn way_back(&self, due: &Due) -> Result<Option<RevisionArn>, CallFailed> {
        let failed = &due.known.target.revision;
        let before = rolling::before(&due.shipped, &due.known.deployment);
        let ways = rolling::ways_back(failed, before.chain(&due.forgotten));
        for way in ways {
            let definition = match self
                .handler
                .ecs
                .describe_task_definition(way.as_str())
                .await
            {
                Ok(definition) => definition,
                Err(failed) if matches!(failed.kind, Kind::NotFound | Kind::Invalid) => {
                    return Ok(None);
                }
                Err(failed) => return Err(failed),
            };
            if rolling::is_sound(&definition) {
                return Ok(revision::is_active(&definition).then(|| way.clone()));
            }
        }
        Ok(None)
    }
}

fn not<T>(reason: String) -> Result<Result<T, String>, Failure> {
    Ok(Err(reason))
}
