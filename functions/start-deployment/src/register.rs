//! Registers the next revision, where it is not there already.

use aws::CallFailed;
use aws::observe::Observation;
use lambda::Failure;
use rules::names::RevisionArn;
use rules::observed::TaskDefinition;
use rules::revision;

use crate::handler::Handler;
use crate::together::Next;

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
        let latest = self.latest_of_family(observation).await?;
        let is_same = |latest: &&TaskDefinition| revision::is_same(latest, &next.request);
        if let Some(arn) = latest.as_ref().filter(is_same).and_then(revision::arn) {
            return Ok(Some(arn));
        }
        self.register(latest, next).await
    }

    /// A new revision, even where the family's latest has the same content: that was deployed. None as above.
    pub(crate) async fn registered_anew(
        &self,
        observation: &Observation,
        next: &Next,
    ) -> Result<Option<RevisionArn>, Failure> {
        let _turn = self.registering.lock().await;
        let latest = self.latest_of_family(observation).await?;
        self.register(latest, next).await
    }

    /// The family may have none: what runs was deregistered.
    async fn latest_of_family(
        &self,
        observation: &Observation,
    ) -> Result<Option<TaskDefinition>, CallFailed> {
        let family = observation.observed.service.revision.family();
        self.ecs.latest_task_definition(family).await
    }

    async fn register(
        &self,
        latest: Option<TaskDefinition>,
        next: &Next,
    ) -> Result<Option<RevisionArn>, Failure> {
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
        let registered = self.ecs.register_when_not_throttled(&request).await?;
        let is_next =
            |before: RevisionArn| before.number().checked_add(1) == Some(registered.number());
        let is_next = next.latest.is_none() || before.is_none_or(is_next);
        Ok(is_next.then_some(registered))
    }

    /// The family of the migration's revisions has none of somebody else. Before the hook, where it would cost a deployment.
    pub(crate) async fn must_be_ours(&self, family: &str) -> Result<(), Failure> {
        let Some(newest) = self.ecs.latest_task_definition(family).await? else {
            return Ok(());
        };
        revision::family_is_ours(&newest).map_err(|foreign| Failure::Refused(foreign.to_string()))
    }
}
