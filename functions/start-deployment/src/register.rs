//! Registers the next revision, where it is not there already.

use std::time::Duration;

use aws::Kind;
use aws::observe::Observation;
use lambda::Failure;
use rules::names::RevisionArn;
use rules::observed::TaskDefinition;
use rules::revision;

use crate::handler::Handler;
use crate::together::Next;

/// How long ECS takes to let through one more RegisterTaskDefinition (ECS API Reference, request throttling).
const REFILL: Duration = Duration::from_secs(1);

impl Handler {
    /// The revision to deploy: the family's latest where it is already what would be registered, a new one otherwise.
    ///
    /// One pipeline at a time: two services may share a family, and ECS lets through one RegisterTaskDefinition a second
    /// once its burst is used up. So revisions are registered one after the other; the invocation's time ends the waiting.
    ///
    /// None where another revision was registered since the settings were read, which may be those that are due now.
    pub(crate) async fn registered(
        &self,
        observation: &Observation,
        next: &Next,
    ) -> Result<Option<RevisionArn>, Failure> {
        let _turn = self.registering.lock().await;
        let latest = match self
            .ecs
            .describe_task_definition(observation.observed.service.revision.family())
            .await
        {
            Ok(latest) => Some(latest),
            // The family has no ACTIVE revision: what runs was deregistered.
            Err(failed) if matches!(failed.kind, Kind::NotFound | Kind::Invalid) => None,
            Err(failed) => return Err(failed.into()),
        };
        let is_same = |latest: &&TaskDefinition| revision::is_same(latest, &next.request);
        if let Some(arn) = latest.as_ref().filter(is_same).and_then(revision::arn) {
            return Ok(Some(arn));
        }
        let mut request = next.request.clone();
        let before = latest.as_ref().and_then(revision::arn);
        if let Some(follows) = &next.latest {
            if !latest.is_none_or(|latest| follows.is_latest(&latest)) {
                return Ok(None);
            }
            if let Some(before) = &before {
                revision::set_previous(&mut request, before);
            }
        }
        let registered = loop {
            match self.ecs.register_task_definition(&request).await {
                Err(failed) if failed.kind == Kind::Throttled => tokio::time::sleep(REFILL).await,
                answer => break answer?,
            }
        };
        let is_next =
            |before: RevisionArn| before.number().checked_add(1) == Some(registered.number());
        let is_next = next.latest.is_none() || before.is_none_or(is_next);
        Ok(is_next.then_some(registered))
    }
}
