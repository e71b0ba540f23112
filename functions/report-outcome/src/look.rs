//! One look at a service that ECS itself deploys to: what is told of its deployments, and until when it is looked at again.

mod gate;
mod observe;
mod tell;

use std::time::Duration;

use aws::Kind;
use aws::ecs::ServiceDeployments;
use aws::scheduler::Recurring;
use lambda::{Deadline, Failure, Started};
use rules::config::Pipeline;
use rules::ecs::report::{self, Observed, Told, What};
use rules::ecs::{GateFunctions, Listed, ServiceDeployment};
use rules::engine::Engine;
use rules::environment::Reporting;
use rules::events::{self, Announced, Claim, ServiceChange};
use serde_json::{Value, json};

use self::gate::IsToBeTold;
use crate::handler::Handler;

/// How long, and how often, a deployment that has begun is waited for in ECS's list: tools that poll for it find it within seconds.
const LISTED_WITHIN: Duration = Duration::from_secs(5);
const LIST_EVERY: Duration = Duration::from_secs(1);

/// Whether an end is told only when a production gate has been held, or the service has gone back.
enum Gate {
    /// It is, of the deployment that was created then.
    Open(time::UtcDateTime),
    Closed,
}

/// What one look is about.
pub(crate) struct Looking<'a> {
    pub(crate) started: &'a Started<Reporting>,
    /// The pipelines of the service: at least one.
    pub(crate) pipelines: Vec<&'a Pipeline>,
    pub(crate) change: &'a ServiceChange,
    /// What is left after it is for publishing.
    pub(crate) explain_until: Deadline,
}

impl Looking<'_> {
    /// The claim whose schedule calls: whoever made it may have died.
    fn claim(&self) -> Option<&Claim> {
        match &self.change.announced {
            Announced::Routine(claim) => claim.as_ref(),
            Announced::InProgress | Announced::Ended | Announced::Waits(_) | Announced::Other => {
                None
            }
        }
    }

    fn gates(&self) -> GateFunctions {
        let started = self.started;
        GateFunctions::of(&started.extra.hooks, &started.settings.topic)
    }

    fn schedule_name(&self) -> String {
        let stack = &self.started.settings.stack;
        report::look(stack, &self.change.cluster, &self.change.service)
    }

    /// This function, which the schedules call.
    fn function_arn(&self) -> String {
        let settings = &self.started.settings;
        let name = format!("{}-report-outcome", settings.stack);
        settings.topic.function(&name)
    }

    fn place(&self) -> String {
        self.pipelines[0].place()
    }
}

impl Handler {
    pub(crate) async fn look(
        &self,
        started: &Started<Reporting>,
        event: &Value,
        change: &ServiceChange,
        explain_until: Deadline,
    ) -> Result<Value, Failure> {
        if let Some(reason) = events::other_account(event, &started.settings.topic) {
            return Ok(nothing(&reason));
        }
        let pipelines = started.config.of_service(&change.cluster, &change.service);
        let looking = Looking {
            started,
            pipelines: pipelines.collect(),
            change,
            explain_until,
        };
        let Some(pipeline) = looking.pipelines.first() else {
            let (cluster, service) = (&change.cluster, &change.service);
            return Ok(nothing(&format!(
                "no pipeline deploys to `{cluster}/{service}`"
            )));
        };
        if change.announced == Announced::Other {
            return Ok(nothing("this state is not reported"));
        }
        let described = self.ecs.describe_service(&change.cluster, &change.service);
        let service = match described.await {
            Ok(service) => service,
            Err(failed) if failed.kind == Kind::NotFound => {
                self.look_no_more(&looking).await;
                return Ok(nothing(&failed.to_string()));
            }
            Err(failed) => return Err(failed.into()),
        };
        let engine = match pipeline.engine(&service) {
            Ok(engine @ (Engine::Native(_) | Engine::Rolling)) => engine,
            // ECS sends events of these services, too.
            Ok(Engine::CodeDeploy) => {
                self.look_no_more(&looking).await;
                return Ok(nothing("CodeDeploy's own events report its deployments"));
            }
            Err(mismatch) => return Ok(nothing(&mismatch.to_string())),
        };
        let listed = self.listed(&looking).await?;
        let arns = report::looked_at(&listed, &started.settings.stack, &change.announced);
        let deployments = match arns.is_empty() {
            true => Vec::new(),
            false => self.ecs.describe_service_deployments(&arns).await?,
        };
        // Before anything is told: whatever becomes of this invocation, another look follows.
        self.look_again(&looking, &deployments).await;
        let observed = self.observed(&looking, engine, &service, &listed, deployments);
        let (outcomes, gate) = self.tell_all(&looking, observed.await?).await?;
        let under_way = match gate {
            Gate::Open(created_at) => {
                self.make_look(&looking, created_at).await;
                true
            }
            Gate::Closed => self.settle(&looking, &listed).await?,
        };
        tracing::info!(
            service = looking.place(),
            told = outcomes.len(),
            under_way,
            "looked"
        );
        Ok(json!({"service": looking.place(), "outcomes": outcomes, "under_way": under_way}))
    }

    /// The newest deployments. One that has just begun is listed a moment later, and ECS's event of it may come before: it is waited
    /// for, because its start, and by whom the one before was stopped, are told from it.
    async fn listed(&self, looking: &Looking<'_>) -> Result<Vec<Listed>, Failure> {
        let mut listed = self.newest(looking).await?;
        for _ in 0..LISTED_WITHIN.as_secs() / LIST_EVERY.as_secs() {
            if !report::lacks_the_newest(&listed, looking.change) {
                break;
            }
            tokio::time::sleep(LIST_EVERY).await;
            listed = self.newest(looking).await?;
        }
        Ok(listed)
    }

    async fn newest(&self, looking: &Looking<'_>) -> Result<Vec<Listed>, Failure> {
        let (cluster, service) = (&looking.change.cluster, &looking.change.service);
        let which = ServiceDeployments::Newest;
        let listed = self.ecs.list_service_deployments(cluster, service, which);
        Ok(listed.await?)
    }

    /// Tells what is still to be told, the oldest first. What cannot be told keeps nothing else back.
    async fn tell_all(
        &self,
        looking: &Looking<'_>,
        observed: Vec<Observed>,
    ) -> Result<(Vec<Value>, Gate), Failure> {
        let stack = &looking.started.settings.stack;
        let gates = looking.gates();
        let mut outcomes = Vec::new();
        let mut failed = None;
        let mut gate = Gate::Closed;
        let mut earlier = None;
        for mut observed in observed {
            let told = Told::of(&observed.target.definition, stack).after(earlier.as_ref());
            earlier = Some(told.clone());
            let announced = &looking.change.announced;
            let is_claimed = report::is_claimed(stack, announced, &observed.deployment.arn);
            let is_newest = observed.newer.is_none() || is_claimed;
            let mut due = report::due(&observed, is_newest, announced, &told, &gates);
            if report::may_be_overdue(&observed, &told)
                && self.is_overdue(looking, &observed).await?
            {
                due.push(What::Overdue);
            }
            for what in due {
                let told = match self.is_to_be_told(looking, &observed, &what).await {
                    Ok(IsToBeTold::Now) => self.tell_once(looking, &mut observed, &what).await,
                    Ok(IsToBeTold::Later) => {
                        gate = Gate::Open(observed.deployment.created_at);
                        continue;
                    }
                    Ok(IsToBeTold::Never) => continue,
                    Err(failure) => Err(failure),
                };
                match told {
                    Ok(told) => outcomes.extend(told),
                    Err(failure) => failed = Some(failure),
                }
            }
        }
        match failed {
            None => Ok((outcomes, gate)),
            Some(failure) => Err(failure),
        }
    }

    /// Whether the time is up of a rolling update that nothing would roll back.
    async fn is_overdue(
        &self,
        looking: &Looking<'_>,
        observed: &Observed,
    ) -> Result<bool, Failure> {
        let deployment = &observed.deployment;
        // Scheduler's clock: the answers of ECS state no time.
        let claim = claim_of(looking, &What::Overdue, deployment);
        let found = self.scheduler.get_schedule(&claim.0).await?;
        let is_over = |now| report::is_overdue(deployment, now);
        Ok(found.asked_at.is_some_and(is_over))
    }

    /// While a deployment is under way a schedule looks, because no event of its end is certain. That it cannot be made keeps
    /// nothing from being told.
    async fn look_again(&self, looking: &Looking<'_>, deployments: &[ServiceDeployment]) {
        let mut under_way = deployments.iter().filter(|one| !one.status.has_ended());
        let Some(deployment) = under_way.next() else {
            return;
        };
        if matches!(looking.change.announced, Announced::Routine(None)) {
            return;
        }
        self.make_look(looking, deployment.created_at).await;
    }

    async fn make_look(&self, looking: &Looking<'_>, created_at: time::UtcDateTime) {
        let ServiceChange {
            cluster, service, ..
        } = looking.change;
        let schedule = Recurring {
            name: looking.schedule_name(),
            every_minutes: report::LOOK_EVERY_MINUTES,
            until: report::look_until(created_at),
            target_arn: looking.function_arn(),
            role_arn: looking.started.extra.schedule_role_arn.clone(),
            input: ServiceChange::input(cluster, service, None).to_string(),
            description: format!(
                "Looks at {} while a deployment is under way",
                looking.place()
            ),
        };
        if let Err(failed) = self.scheduler.create_recurring(&schedule).await {
            tracing::error!(error = %failed, "no schedule looks at the service, its end is told by an event or not at all");
        }
    }

    /// Ends the looking where nothing is under way any more, and says whether something is. A deployment that began meanwhile may
    /// have found the schedule there, so it is asked once more.
    async fn settle(&self, looking: &Looking<'_>, listed: &[Listed]) -> Result<bool, Failure> {
        if listed.iter().any(|one| !one.status.has_ended()) {
            return Ok(true);
        }
        self.look_no_more(looking).await;
        let listed = self.newest(looking).await?;
        let Some(begun) = listed.iter().find(|one| !one.status.has_ended()) else {
            return Ok(false);
        };
        self.make_look(looking, begun.created_at).await;
        Ok(true)
    }

    async fn look_no_more(&self, looking: &Looking<'_>) {
        let name = looking.schedule_name();
        if let Err(failed) = self.scheduler.delete_schedule(&name).await {
            tracing::warn!(error = %failed, "the schedule that looks at the service is still there");
        }
    }

    /// What an invocation claims by a schedule it tells alone.
    async fn release(&self, claim: &Claim) {
        if let Err(failed) = self.scheduler.delete_schedule(&claim.0).await {
            tracing::warn!(error = %failed, "a claim is still there, and looks again when it is over");
        }
    }
}

fn nothing(reason: &str) -> Value {
    tracing::info!(decision = "skip", reason, "nothing to report");
    json!({"outcome": null, "reason": reason})
}

/// The claim to tell this.
fn claim_of(looking: &Looking<'_>, what: &What, deployment: &ServiceDeployment) -> Claim {
    let stack = &looking.started.settings.stack;
    Claim(report::claim(stack, what, &deployment.arn))
}
