//! One event: which pipelines it concerns, and what becomes of each.

use std::collections::BTreeMap;
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use aws::codedeploy::CodeDeploy;
use aws::ecr::Ecr;
use aws::ecs::Ecs;
use aws::iam::Iam;
use aws::observe::{Deploys, Member, Observer, Ours, Service};
use aws::scheduler::Scheduler;
use aws::ssm::Ssm;
use futures_util::lock::Mutex;
use lambda::{Deadline, Failure, Messenger, Start, Started, ThrottledBatch};
use rules::covered::Covered;
use rules::ecs::GateFunctions;
use rules::environment::{Mode, Starting};
use rules::events::{Origin, StartEvent};
use rules::misconfigured;
use rules::moving::{self, Moving};
use rules::names::PipelineName;
use rules::reconcile::{self, Concerned, Effect, NothingToDo, Reconciliation, Search};
use rules::start::Decision;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::act::Acted;
use crate::publish::Publication;
use crate::report::Report;

/// How many pipelines are reconciled side by side: a base image may be followed by many.
const SIDE_BY_SIDE: usize = 8;
/// How long a throttled pipeline rests before it is reconciled again; twice as long each time.
const REST: Duration = Duration::from_secs(1);
const LONGEST_REST: Duration = Duration::from_secs(16);
/// How often a pipeline is decided where other invocations create deployments of it meanwhile. After that the event is
/// delivered again, a minute later.
const ATTEMPTS: usize = 3;

/// Decides what becomes of each pipeline that an event concerns, and does it.
pub struct Handler {
    start: Start<Starting>,
    pub(crate) observer: Observer,
    pub(crate) ecs: Ecs,
    pub(crate) codedeploy: CodeDeploy,
    pub(crate) scheduler: Scheduler,
    pub(crate) messenger: Messenger,
    /// None where no pipeline has a parameter: making a client takes time at every cold start.
    pub(crate) ssm: Option<Ssm>,
    /// Held by the pipeline that registers a revision.
    pub(crate) registering: Mutex<()>,
    /// The last reconciliation of each pipeline, for as long as Lambda keeps this process; nothing depends on it.
    past: std::sync::Mutex<BTreeMap<PipelineName, Covered>>,
}

impl Handler {
    /// With what was read at the start, and clients of this session.
    pub fn new(start: Start<Starting>, session: &aws::Session) -> Self {
        let (ecs, codedeploy) = (Ecs::new(session), CodeDeploy::new(session));
        let (ecr, scheduler) = (Ecr::new(session), Scheduler::new(session));
        let mut pipelines = start.iter().flat_map(|started| &started.config.pipelines);
        let publishes = pipelines.any(|pipeline| pipeline.publish.is_some());
        Self {
            start,
            observer: Observer::new(
                ecr,
                ecs.clone(),
                codedeploy.clone(),
                scheduler.clone(),
                Iam::new(session),
            ),
            ecs,
            codedeploy,
            scheduler,
            messenger: Messenger::new(session),
            ssm: publishes.then(|| Ssm::new(session)),
            registering: Mutex::new(()),
            past: std::sync::Mutex::default(),
        }
    }

    /// Answers a report for each pipeline. When one of them failed, or its turn did not come in time, the invocation fails
    /// after all others, so that Lambda delivers the event again; then those are found to be under way.
    ///
    /// # Errors
    /// The event is not read, the configuration is wrong, or a pipeline failed.
    pub async fn handle(&self, event: Value, deadline: Deadline) -> Result<Value, Failure> {
        self.messenger.begin(&event);
        let started = match &self.start {
            Ok(started) => started,
            Err(wrong) => {
                let (messenger, of_order) = (&self.messenger, misconfigured::of_order);
                return Err(lambda::fail_misconfigured(messenger, wrong, &event, of_order).await);
            }
        };
        let origin = Origin::of(&event, &started.settings.topic);
        if let Some(reason) = reconcile::elsewhere(&started.config, &origin) {
            return Ok(nothing_reconciled(&reason));
        }
        let event = StartEvent::parse(&event)?;
        let reconciliations = reconcile::concerned(&started.config, &event, &origin).map_err(
            |nothing| match nothing {
                NothingToDo::NoSuchPipeline { .. } => Failure::Refused(nothing.to_string()),
                NothingToDo::Unreadable(error) => Failure::from(error),
            },
        )?;
        let reconciliations = match reconciliations {
            Concerned::Reconciliations(reconciliations) => reconciliations,
            Concerned::None(reason) => return Ok(nothing_reconciled(&reason)),
        };
        let (covered, reconciliations): (Vec<_>, Vec<_>) = reconciliations
            .into_iter()
            .partition(|reconciliation| self.is_covered(reconciliation));
        if reconciliations.is_empty() {
            return Ok(nothing_reconciled(COVERED));
        }
        let services = reconcile::by_service(&started.config, reconciliations);
        let batch = ThrottledBatch {
            side_by_side: SIDE_BY_SIDE,
            rest: REST,
            longest_rest: LONGEST_REST,
            until: Instant::now() + deadline.for_work(),
        };
        let reconciled = batch.all(&services, async |service| {
            self.reconciled(started, service).await
        });
        let (mut reports, mut failures) = (Vec::new(), Vec::new());
        let mut fail = |pipeline: String, failure: Failure| {
            tracing::error!(pipeline, error_type = failure.error_type(), error = %failure, "pipeline failed");
            failures.push((pipeline, failure));
        };
        for (service, result) in reconciled.await {
            let each = match result {
                Ok(each) => each,
                Err(failure) => {
                    let names = service.iter();
                    let names: Vec<&str> = names.map(|one| one.pipeline.name.as_str()).collect();
                    fail(names.join("`, `"), failure);
                    continue;
                }
            };
            for (reconciliation, result) in each {
                match result {
                    Ok(report) => reports.push(report.to_json()),
                    Err(failure) => fail(reconciliation.pipeline.name.to_string(), failure),
                }
            }
        }
        if failures.is_empty() {
            let mode = started.extra.mode.as_str();
            Ok(json!({"pipelines": reports, "seen_before": covered.len(), "mode": mode}))
        } else {
            Err(Failure::Pipelines(failures))
        }
    }

    async fn reconciled<'a>(
        &self,
        started: &Started<Starting>,
        service: &'a [Reconciliation<'a>],
    ) -> Result<Vec<Reconciled<'a>>, Failure> {
        let orders = |one: &&Reconciliation<'_>| one.carries_an_order();
        let each = match self.reconcile(started, service).await {
            Ok(each) => each,
            // The sender of the order reads the reason once, instead of three failed attempts and an alarm without a reason.
            Err(failure) if failure.is_refusal() && service.iter().any(|one| orders(&one)) => {
                let mut refused = Vec::new();
                for one in service {
                    let published = match orders(&one) {
                        true => self.refuse(started, one, &failure).await,
                        false => Ok(()),
                    };
                    let report = published.map(|()| Report::refused(one, &failure));
                    refused.push((one, report));
                }
                refused
            }
            Err(failure) => return Err(failure),
        };
        for report in each.iter().filter_map(|(_, result)| result.as_ref().ok()) {
            report.log();
        }
        Ok(each)
    }

    /// Publishes that nothing can be done for an order.
    async fn refuse(
        &self,
        started: &Started<Starting>,
        reconciliation: &Reconciliation<'_>,
        failure: &Failure,
    ) -> Result<(), Failure> {
        if reconciliation.effect == Effect::Act {
            self.publish_refused(started, reconciliation, failure)
                .await?;
        }
        Ok(())
    }

    /// Observes, decides, acts; again where another invocation was faster in between.
    async fn reconcile<'a>(
        &self,
        started: &Started<Starting>,
        service: &'a [Reconciliation<'a>],
    ) -> Result<Vec<Reconciled<'a>>, Failure> {
        let ours = ours(started);
        let mut created = Vec::new();
        for _ in 0..ATTEMPTS {
            let observed = self.observer.observe(service, &ours).await;
            let published = self.publish(started, service, &observed).await;
            let Service {
                mut members,
                left_out,
            } = observed?;
            for member in &mut members {
                member.observation.created_before.clone_from(&created);
            }
            let decisions = self.observer.decide(&mut members).await?;
            self.observer
                .check_roles(&mut members, &decisions, &ours)
                .await?;
            let decided = members.iter().zip(&decisions);
            let decided: Vec<Decided<'_>> = decided
                .map(|(member, decision)| Decided {
                    reconciliation: member.reconciliation,
                    code: decision.code(),
                    past: past_of(started, member, decision),
                })
                .collect();
            let acted = match service[0].effect {
                Effect::DryRun => {
                    let mut reports = self.dry_run(started, &members, &decisions).await?;
                    for (report, member) in reports.iter_mut().zip(&members) {
                        report.moving = moving_to_ecs(started, &ours, member);
                    }
                    Acted::Done(reports)
                }
                Effect::Act => self.act(started, members, decisions).await?,
            };
            let reports = match acted {
                Acted::Done(reports) => reports,
                Acted::Overtaken(meanwhile) => {
                    created.extend(meanwhile);
                    continue;
                }
            };
            let mut each = Vec::new();
            for (decided, mut report) in decided.into_iter().zip(reports) {
                let Decided {
                    reconciliation,
                    code,
                    past,
                } = decided;
                let is_its = |one: &&Publication<'_>| {
                    one.reconciliation.pipeline.name == reconciliation.pipeline.name
                };
                let its = published.iter().find(is_its);
                report.published = its.map(Publication::to_json);
                // What another invocation was faster with was decided from something else than what is remembered.
                if let Some(past) = past.filter(|_| report.decision == code) {
                    self.past()
                        .insert(reconciliation.pipeline.name.clone(), past);
                }
                each.push((reconciliation, Ok(report)));
            }
            for (reconciliation, failed) in left_out {
                let result = self.left_out(started, reconciliation, failed.into()).await;
                each.push((reconciliation, result));
            }
            return Ok(each);
        }
        Err(Failure::Unfinished)
    }

    /// What becomes of a pipeline that could not be observed: an order that is refused is told, and not tried again.
    async fn left_out(
        &self,
        started: &Started<Starting>,
        reconciliation: &Reconciliation<'_>,
        failure: Failure,
    ) -> Result<Report, Failure> {
        if !(failure.is_refusal() && reconciliation.carries_an_order()) {
            return Err(failure);
        }
        self.refuse(started, reconciliation, &failure).await?;
        Ok(Report::refused(reconciliation, &failure))
    }

    fn is_covered(&self, reconciliation: &Reconciliation<'_>) -> bool {
        let past = self.past();
        let last = past.get(&reconciliation.pipeline.name);
        last.is_some_and(|last| last.covers(reconciliation))
    }

    fn past(&self) -> MutexGuard<'_, BTreeMap<PipelineName, Covered>> {
        self.past.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What became of one pipeline.
type Reconciled<'a> = (&'a Reconciliation<'a>, Result<Report, Failure>);

/// What was decided for one pipeline, for after it is done.
struct Decided<'a> {
    reconciliation: &'a Reconciliation<'a>,
    code: &'static str,
    past: Option<Covered>,
}

/// What a service that ECS deploys to has to fit.
pub fn ours(started: &Started<Starting>) -> Ours {
    Ours {
        stack: started.settings.stack.clone(),
        functions: GateFunctions::of(&started.extra.hooks, &started.settings.topic),
        hook_role: started.extra.hook_role_arn.clone(),
    }
}

/// What ECS's own deployments would need; none where ECS deploys already.
fn moving_to_ecs(started: &Started<Starting>, ours: &Ours, member: &Member<'_>) -> Option<Moving> {
    let group = match &member.observation.deploys {
        Deploys::CodeDeploy(group) => group,
        Deploys::Ecs(_) => return None,
    };
    let known = moving::Known {
        group: &group.group,
        behind: &group.load_balancer,
        functions: &ours.functions,
        hook_role: &started.extra.hook_role_arn,
        region: started.settings.topic.region(),
    };
    Some(moving::moving(member.reconciliation.pipeline, known))
}

fn past_of(
    started: &Started<Starting>,
    member: &Member<'_>,
    decision: &Decision,
) -> Option<Covered> {
    let (reconciliation, observation) = (member.reconciliation, &member.observation);
    let follows_a_tag = matches!(reconciliation.search, Search::Tag(_));
    let asked_at = observation.asked_at;
    let asked_at = asked_at.filter(|_| follows_a_tag && started.extra.mode == Mode::Deploy)?;
    Covered::of(reconciliation, &observation.observed, decision, asked_at)
}

/// Why a push is not reconciled.
const COVERED: &str = "already covered by a later reconciliation";

fn nothing_reconciled(reason: &str) -> Value {
    tracing::info!(decision = "skip", reason, "no pipeline reconciled");
    json!({"pipelines": [], "reason": reason})
}
