//! Whether the production gate of a rolling update is still open: the update has ended, and it is under way all the same.

use rules::config::Pipeline;
use rules::ecs::report::{End, Told, What};
use rules::ecs::{Shipping, Status, Strategy};
use rules::rolling::GateState;
use rules::start::Phase;

use super::{Observer, Ours};
use crate::CallFailed;

impl Observer {
    /// The service's newest deployment, where nothing else is under way and its gate is still open, or has not let it pass and the service
    /// is to go back. Once people were told how it ended, neither is so: nothing is kept waiting for ever.
    pub(super) async fn judging(
        &self,
        pipeline: &Pipeline,
        ours: &Ours,
        strategy: Option<Strategy>,
        ended: Shipping,
    ) -> Result<Option<(Shipping, Phase)>, CallFailed> {
        let (Some(definition), Some(target)) = (&ended.definition, &ended.target) else {
            return Ok(None);
        };
        let is_gated = strategy.is_none()
            && pipeline.production_traffic.is_some()
            && ended.deployment.status == Status::Successful;
        let told = Told::of(definition, &ours.stack);
        let arn = &ended.deployment.arn;
        if !is_gated || told.has(&What::Ended(End::Shipped), arn) {
            return Ok(None);
        }
        let revision = &target.revision;
        let state = self
            .ecs
            .gate_state(
                pipeline,
                &ours.stack,
                &ended.deployment,
                revision,
                definition,
            )
            .await?;
        let phase = match state {
            GateState::Open => Phase::Judging,
            GateState::Failed { back: Some(_), .. } => Phase::RollingBack,
            GateState::Free
            | GateState::FailedBefore { .. }
            | GateState::Passed
            | GateState::Failed { back: None, .. } => {
                return Ok(None);
            }
        };
        // Of several pipelines it tells whose image was shipped.
        let source = ended.deployment.sources.first().map(|one| &one.arn);
        let source: Vec<_> = source.into_iter().cloned().collect();
        let source = self.ecs.describe_service_revisions(&source).await?;
        let ended = Shipping {
            source: source.into_iter().next(),
            ..ended
        };
        Ok(Some((ended, phase)))
    }
}
