//! The revision in which the migration runs alone (`alone = true`): the family's newest one where it is that already, a new one
//! otherwise.

use aws::CallFailed;
use rules::names::{ContainerName, RevisionArn};
use rules::observed::TaskDefinition;
use rules::revision;

use super::Handler;

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
        if let Some(newest) = self.ecs.latest_task_definition(family).await? {
            if let Some(arn) = revision::arn(&newest)
                && revision::differences_from_alone(&newest, shipped, container).is_empty()
            {
                return Ok(Ok(arn));
            }
            if let Err(foreign) = revision::family_is_ours(&newest) {
                return Ok(Err(foreign.to_string()));
            }
        }
        // The hook's time ends the waiting.
        let registered = self.ecs.register_when_not_throttled(&request).await?;
        Ok(Ok(registered))
    }
}
