//! Reads what is told of service deployments. Nothing is changed here.

use lambda::{Deadline, Failure};
use rules::codedeploy::report::Why as Explained;
use rules::config::Pipeline;
use rules::ecs::report::{self, Need, Observed, Production, RuleTargets, Target, Why};
use rules::ecs::{Listed, ServiceDeployment, ServiceRevision, TrafficRule};
use rules::engine::Engine;
use rules::names::{DeploymentId, RevisionArn, ServiceRevisionArn};
use rules::native;
use rules::observed::{RuleAction, Service};
use rules::reasons::Own;
use rules::rolling::{self, GateState};

use super::Looking;
use crate::explain::{Asked, in_time};
use crate::handler::Handler;

impl Handler {
    /// What belongs to each deployment, the oldest first. One of which ECS does not say what it deploys is left out.
    pub(super) async fn observed(
        &self,
        looking: &Looking<'_>,
        engine: Engine,
        service: &Service,
        listed: &[Listed],
        deployments: Vec<ServiceDeployment>,
    ) -> Result<Vec<Observed>, Failure> {
        let revisions = self.revisions(&deployments).await?;
        let find = |arn: Option<&ServiceRevisionArn>| {
            let arn = arn?;
            revisions.iter().find(|one| one.arn == *arn).cloned()
        };
        let mut all = Vec::new();
        for deployment in deployments.into_iter().rev() {
            let target = deployment.target.as_ref().map(|target| &target.arn);
            let Some(revision) = find(target) else {
                continue;
            };
            let definition = revision.revision.as_str();
            let definition = self.ecs.describe_task_definition(definition).await?;
            let place = listed.iter().position(|one| one.arn == deployment.arn);
            let newer = place.and_then(|place| place.checked_sub(1));
            let rollback = deployment.rollback.as_ref();
            all.push(Observed {
                engine,
                service: service.clone(),
                newer: newer.and_then(|place| listed.get(place)).cloned(),
                is_first: listed.len() == 1 && deployment.sources.is_empty(),
                target: Target {
                    revision,
                    definition,
                },
                source: find(deployment.sources.first().map(|source| &source.arn)),
                back: find(rollback.and_then(|rollback| rollback.revision.as_ref())),
                gate: GateState::Free,
                goes_back: false,
                deployment,
                production: None,
                why: None,
            });
        }
        self.add_gates(looking, engine, &mut all).await?;
        report::add_replacements(&mut all, listed);
        Ok(all)
    }

    /// How rolling updates stand to their production gate, and which of them goes back for it.
    async fn add_gates(
        &self,
        looking: &Looking<'_>,
        engine: Engine,
        all: &mut [Observed],
    ) -> Result<(), Failure> {
        let pipeline = looking.pipelines[0];
        if engine != Engine::Rolling || pipeline.production_traffic.is_none() {
            return Ok(());
        }
        let (place, stack) = (pipeline.place(), &looking.started.settings.stack);
        let mut shipped = None;
        for observed in &mut *all {
            let (id, target) = (observed.deployment.arn.id(), &observed.target);
            let mut gate = GateState::of(&place, stack, &id, &target.definition);
            if gate == GateState::Open {
                let read = match shipped.take() {
                    Some(read) => read,
                    None => {
                        let (cluster, service) = (&pipeline.cluster, &pipeline.service);
                        self.ecs.shipped(cluster, service).await?
                    }
                };
                let before = rolling::before(&read, &observed.deployment);
                gate = gate.unless_deployed_before(&target.revision.revision, before);
                shipped = Some(read);
            }
            observed.gate = gate;
        }
        report::add_ways_back(all);
        Ok(())
    }

    /// What the deployments deploy, replace and go back to, each once.
    async fn revisions(
        &self,
        deployments: &[ServiceDeployment],
    ) -> Result<Vec<ServiceRevision>, Failure> {
        let mut arns: Vec<ServiceRevisionArn> = Vec::new();
        for deployment in deployments {
            let target = deployment.target.as_ref().map(|target| &target.arn);
            let source = deployment.sources.first().map(|source| &source.arn);
            let rollback = deployment.rollback.as_ref();
            let back = rollback.and_then(|rollback| rollback.revision.as_ref());
            for arn in [target, source, back].into_iter().flatten() {
                if !arns.contains(arn) {
                    arns.push(arn.clone());
                }
            }
        }
        if arns.is_empty() {
            return Ok(Vec::new());
        }
        Ok(self.ecs.describe_service_revisions(&arns).await?)
    }

    pub(super) async fn add_need(
        &self,
        pipeline: &Pipeline,
        need: Need,
        observed: &mut Observed,
        explain_until: Deadline,
    ) -> Result<(), Failure> {
        match need {
            Need::Production => observed.production = Some(self.production(observed).await?),
            Need::WhyFailed => {
                let why = self
                    .why(pipeline, observed, Which::Failed, explain_until)
                    .await;
                observed.why = Some(why);
            }
            Need::WhyDown => {
                let why = self.why(pipeline, observed, Which::Down, explain_until);
                observed.why = Some(why.await);
            }
        }
        Ok(())
    }

    /// Where the service's rules send production traffic. What can be read later is an error, so that the event comes again.
    async fn production(&self, observed: &Observed) -> Result<Production, Failure> {
        let mut rules = Vec::new();
        for balancer in &observed.service.load_balancers {
            let advanced = balancer.advanced.as_ref();
            let Some(TrafficRule::Rule(arn)) =
                advanced.and_then(|advanced| advanced.production_rule.as_ref())
            else {
                continue;
            };
            let rule = match self.elb.describe_rule(arn).await {
                Ok(rule) => rule,
                Err(failed) if failed.is_transient() => return Err(failed.into()),
                Err(failed) => return Ok(Production::Unreadable(failed.to_string())),
            };
            let forwarded = rule.actions.into_iter().flat_map(|action| match action {
                RuleAction::Forward(groups) => groups,
                RuleAction::Other(_) => Vec::new(),
            });
            rules.push(RuleTargets {
                rule: arn.as_str().to_owned(),
                groups: forwarded
                    .filter(|(_, weight)| *weight > 0)
                    .map(|(group, _)| group)
                    .collect(),
            });
        }
        Ok(Production::Rules(rules))
    }

    /// Why the tasks ended of what was deployed, or of what it went back to.
    async fn why(
        &self,
        pipeline: &Pipeline,
        observed: &Observed,
        which: Which,
        explain_until: Deadline,
    ) -> Why {
        let deployment = &observed.deployment;
        let id: DeploymentId = deployment.arn.id();
        let about = match which {
            Which::Failed => Some(&observed.target.revision),
            Which::Down => observed.back.as_ref().or(observed.source.as_ref()),
        };
        let task_set = about.map(|about| format!("ecs-svc/{}", about.arn.digits()));
        let asked = Asked {
            id: &id,
            since: deployment.created_at,
            migration_started_by: native::migration::started_by(&deployment.arn),
            service: Some(&observed.service),
            own: Own {
                task_set: task_set.as_deref(),
                // What it went back to may have older tasks.
                since: match which {
                    Which::Failed => Some(deployment.created_at),
                    Which::Down => None,
                },
            },
            migration: match which {
                Which::Failed => pipeline.migration.as_ref(),
                Which::Down => None,
            },
        };
        let revision: Option<RevisionArn> = about.map(|about| about.revision.clone());
        let mut explained = Explained {
            revision,
            ..Explained::default()
        };
        let read = self.add_reasons(pipeline, &asked, &mut explained);
        in_time(explain_until, read).await;
        Why {
            causes: explained.causes,
            migrated: explained.migrated,
            log: explained.log,
        }
    }
}

/// Whose tasks explain an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    /// Those of what was deployed.
    Failed,
    /// Those of what it went back to, which does not run.
    Down,
}
