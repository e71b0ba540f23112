//! The revision in which the migration runs alone (`alone = true`): the family's newest one where it is that already, a new one
//! otherwise.

use std::time::Duration;

use aws::{CallFailed, Kind};
use rules::names::{ContainerName, RevisionArn};
use rules::observed::TaskDefinition;
use rules::revision;
use serde_json::Value;

use super::Handler;

/// How long ECS takes to let through one more RegisterTaskDefinition (ECS API Reference, request throttling).
const REFILL: Duration = Duration::from_secs(1);

impl Handler {
    /// The revision, or why there can be none.
    ///
    /// RegisterTaskDefinition makes a new revision of every request and takes no token, so the newest one is compared first: an
    /// earlier call may have registered it, and have died before it wrote that down.
    pub(super) async fn alone(
        &self,
        shipped: &TaskDefinition,
        container: &ContainerName,
    ) -> Result<Result<RevisionArn, String>, CallFailed> {
        let request = match revision::alone(shipped, container) {
            Ok(request) => request,
            Err(unusable) => return Ok(Err(unusable.to_string())),
        };
        let family = request["family"].as_str().unwrap_or_default();
        let newest = match self.ecs.describe_task_definition(family).await {
            Ok(newest) => Some(newest),
            // The family has no ACTIVE revision.
            Err(failed) if matches!(failed.kind, Kind::NotFound | Kind::Invalid) => None,
            Err(failed) => return Err(failed),
        };
        if let Some(newest) = newest {
            if let Some(arn) = revision::arn(&newest)
                && revision::differences_from_alone(&newest, shipped, container).is_empty()
            {
                return Ok(Ok(arn));
            }
            if let Err(foreign) = revision::family_is_ours(&newest) {
                return Ok(Err(foreign.to_string()));
            }
        }
        self.register(&request).await.map(Ok)
    }

    async fn register(&self, request: &Value) -> Result<RevisionArn, CallFailed> {
        loop {
            match self.ecs.register_task_definition(request).await {
                // The hook's time ends the waiting.
                Err(failed) if failed.kind == Kind::Throttled => tokio::time::sleep(REFILL).await,
                answer => return answer,
            }
        }
    }
}
