//! The production gate after a rolling update, in which ECS has no hook: a schedule calls, nothing waits for an answer, and who does not
//! pass has shipped already. What is found is written on the revision first, so that whatever dies in between, the next call goes on; then
//! the service goes back.

mod observe;

use std::cell::Cell;

use aws::CallFailed;
use aws::ecs::Updated;
use aws::scheduler::{Created, Schedule, Scheduler};
use lambda::{Deadline, Failure, Ran, Start, Started, checked, gate_outcome};
use rules::config::Pipeline;
use rules::ecs::{self, LoadBalancer, TrafficRule, report};
use rules::environment::Scheduling;
use rules::events::{GateCall, ServiceChange};
use rules::gate::Verdict;
use rules::names::{DeploymentId, RevisionArn, TargetGroupArn};
use rules::native::{Entry, GATE_TAG, Known};
use rules::rolling::{GateState, Judged, Judgement, production_rule};
use rules::test_traffic::Through;
use serde_json::{Value, json};
use time::UtcDateTime;

use self::observe::Due;
use crate::handler::Handler;
use crate::prepared::Prepared;

/// `check-production`: a hook of CodeDeploy's and of ECS's native strategies, and the gate after a rolling update.
pub struct RollingGate {
    handler: Handler<Scheduling>,
    scheduler: Scheduler,
}

impl RollingGate {
    /// It, with what every gate has.
    pub fn new(start: Start<Scheduling>, session: &aws::Session) -> Self {
        Self {
            handler: Handler::new(Through::ProductionListener, start, session),
            scheduler: Scheduler::new(session),
        }
    }

    /// Handles one call, of a hook or of the schedule that has a rolling update judged.
    ///
    /// # Errors
    /// It is neither, its answer did not reach CodeDeploy, or what was found could not be written down or acted on: then it comes again.
    pub async fn handle(&self, event: Value, deadline: Deadline) -> Result<Value, Failure> {
        match GateCall::parse(&event)? {
            Some(call) => Box::pin(self.judge(&call, deadline)).await,
            None => self.handler.handle(event, deadline).await,
        }
    }

    async fn judge(&self, call: &GateCall, deadline: Deadline) -> Result<Value, Failure> {
        let started = self.handler.start.as_ref().map_err(Failure::from)?;
        let due = match self.due(started, call).await? {
            Ok(due) => due,
            Err(reason) => return Ok(nothing(call, &reason)),
        };
        let (judged, verdict) = match due.state.clone() {
            GateState::Failed { back, reason } => {
                let judgement = Judgement::Failed { back, reason };
                (self.judged(call, judgement), None)
            }
            GateState::Free
            | GateState::FailedBefore { .. }
            | GateState::Open
            | GateState::Passed => {
                let verdict = self.check(&due.known, deadline).await;
                let back = match passes(&verdict) {
                    true => None,
                    false => self.way_back(&due).await?,
                };
                let judgement = judgement(&verdict, back.as_ref());
                (self.judged(call, judgement), Some(verdict))
            }
        };
        if let Some(verdict) = &verdict {
            // A mark is written over the one before it, so only one of several calls may write one: they may have found different things.
            if !self.claims(started, call, &due.known).await {
                return Ok(nothing(call, "another call is judging it"));
            }
            // Another call may have been faster, and a deployment may have begun.
            if let Err(reason) = self.still_open(started, call).await? {
                return Ok(nothing(call, &reason));
            }
            let value = judged.to_string();
            let revision = &due.known.target.revision;
            let ecs = &self.handler.ecs;
            ecs.tag_task_definition(revision, GATE_TAG, &value).await?;
            self.publish(started, &due.known, verdict).await;
        }
        let back = self.go_back(started, call, &due, &judged).await?;
        self.look_at_once(started, call, &due.known).await;
        let (answer, reason) = match &judged.judgement {
            Judgement::Passed => ("SUCCEEDED", verdict.as_ref().map_or("", reason_of)),
            Judgement::Failed { reason, .. } => ("FAILED", reason.as_str()),
        };
        let back = back.as_ref().map(RevisionArn::short);
        let id = call.deployment.id();
        tracing::info!(deployment_id = %id, decision = answer, reason, back, "rolling update judged");
        Ok(json!({"deployment_id": id, "answer": answer, "reason": reason, "back": back}))
    }

    fn judged(&self, call: &GateCall, judgement: Judgement) -> Judged {
        Judged {
            deployment: call.deployment.id(),
            judgement,
        }
    }

    /// The verdict, whatever fails, as of a hook.
    async fn check(&self, known: &Known, deadline: Deadline) -> Verdict {
        let ran = Cell::new(Ran::Unknown);
        let gate = self.handler.through.gate();
        let check = checked(gate, deadline, &ran, async || {
            self.check_production(known, &ran).await
        });
        check.await.unwrap_or_else(|failed| failed)
    }

    async fn check_production(&self, known: &Known, ran: &Cell<Ran>) -> Result<Verdict, Failure> {
        let handler = &self.handler;
        let Some(traffic) = handler.traffic(&known.pipeline) else {
            return Ok(handler.not_configured());
        };
        let requests = Prepared::all(traffic, &handler.secrets).await?;
        let mut found: Vec<(TargetGroupArn, TrafficRule)> = Vec::new();
        let port = traffic.base_url.as_deref().and_then(port_of);
        let all = &known.service.load_balancers;
        let leads = |one: &LoadBalancer| one.target.target_group.is_some();
        let asked = ecs::asked(all, traffic.target_group.as_ref(), leads);
        let asked = asked.map_err(|why| {
            Failure::Refused(why.sentence(handler.through.setting(), "the service"))
        })?;
        let asked = asked.and_then(|asked| asked.target.target_group.as_ref());
        let balancers = all.iter();
        for group in balancers.filter_map(|one| one.target.target_group.as_ref()) {
            let leads = handler.elb.leads_to(group).await?;
            let rule = production_rule(group, &leads, port).map_err(Failure::Refused)?;
            found.push((group.clone(), rule.clone()));
        }
        let entries: Vec<Entry<'_>> = found
            .iter()
            .map(|(green, rule)| Entry {
                green,
                rule: Some(rule),
                is_asked: asked == Some(green),
            })
            .collect();
        handler
            .check_entries(known, traffic, &requests, &entries, ran)
            .await
    }

    /// Lets the service run what ran before.
    async fn go_back(
        &self,
        started: &Started<Scheduling>,
        call: &GateCall,
        due: &Due,
        judged: &Judged,
    ) -> Result<Option<RevisionArn>, Failure> {
        let failed = judged.failed(&call.deployment.id());
        let Some((Some(number), _)) = failed else {
            return Ok(None);
        };
        // The mark is input, not proof: only what a deployment shipped is gone back to.
        let back = self.way_back(due).await?;
        let Some(back) = back.filter(|back| back.number() == number) else {
            return Err(Failure::Refused(format!(
                "revision {number} is no longer what the service goes back to (hint: its revision was deregistered, or the tag \
                 `{GATE_TAG}` was written by somebody else)"
            )));
        };
        let is_unchanged = async || Ok::<_, Failure>(self.due(started, call).await?.is_ok());
        let (cluster, service) = (&call.cluster, &call.service);
        let update = self
            .handler
            .ecs
            .update_service(cluster, service, &back, is_unchanged);
        match update.await? {
            Updated::To(_) => Ok(Some(back)),
            // The call comes again, and finds whether that was this update.
            Updated::Unclear(failed) => Err(failed.into()),
        }
    }

    /// The gate's failure is told at once; what becomes of the deployment follows from `report-outcome`.
    async fn publish(&self, started: &Started<Scheduling>, known: &Known, verdict: &Verdict) {
        let (pipeline, subject): (&Pipeline, _) = (&known.pipeline, known.subject());
        let (gate, id): (_, DeploymentId) =
            (self.handler.through.gate(), known.deployment.arn.id());
        let outcome = gate_outcome(gate, Some((pipeline, &subject)), &id, verdict);
        if let Some(outcome) = outcome {
            self.handler
                .messenger
                .try_publish(&started.settings, &outcome)
                .await;
        }
    }

    /// Whether this call is the one that judges: of several only one can create the schedule by which `report-outcome` looks again, in case
    /// whoever created it dies before its mark is written. A claim that cannot be made keeps nothing from being judged.
    async fn claims(&self, started: &Started<Scheduling>, call: &GateCall, known: &Known) -> bool {
        let schedule = OneTime {
            name: report::claim_to_judge(&started.settings.stack, &call.deployment),
            function: "report-outcome",
            at: report::claimed_until,
            description: format!(
                "Claims to judge a rolling update of {}",
                known.pipeline.place()
            ),
        };
        match self.look(started, call, schedule).await {
            Ok(Created::New) => true,
            Ok(Created::Exists) => false,
            Err(failed) => {
                tracing::error!(error = %failed, "judged without a claim, and perhaps twice");
                true
            }
        }
    }

    /// Makes `report-outcome` tell what became of it, and `start-deployment` go on with what waited. Where this fails, their own schedules
    /// do within five minutes.
    async fn look_at_once(&self, started: &Started<Scheduling>, call: &GateCall, known: &Known) {
        for function in ["report-outcome", "start-deployment"] {
            let schedule = OneTime {
                name: report::look_judged(&started.settings.stack, function, &call.deployment),
                function,
                at: |now| now + Schedule::AT_ONCE,
                description: format!("Looks at {} after its gate", known.pipeline.place()),
            };
            if let Err(failed) = self.look(started, call, schedule).await {
                tracing::warn!(error = %failed, function, "the function is not called at once");
            }
        }
    }

    /// Makes a schedule by which a function looks at the service, unless it is there.
    async fn look(
        &self,
        started: &Started<Scheduling>,
        call: &GateCall,
        schedule: OneTime,
    ) -> Result<Created, CallFailed> {
        let OneTime {
            name,
            function,
            at,
            description,
        } = schedule;
        let settings = &started.settings;
        // Scheduler's clock is the one by which its schedules are due.
        let Some(now) = self.scheduler.get_schedule(&name).await?.asked_at else {
            return Ok(Created::New);
        };
        let schedule = Schedule {
            name,
            at: at(now),
            target_arn: (settings.topic).function(&format!("{}-{function}", settings.stack)),
            role_arn: started.extra.schedule_role_arn.clone(),
            input: ServiceChange::input(&call.cluster, &call.service, None).to_string(),
            description,
        };
        self.scheduler.create_passing(&schedule).await
    }
}

/// A schedule that calls once.
struct OneTime {
    name: String,
    /// What it calls, without the stack's name.
    function: &'static str,
    /// When, made at this moment.
    at: fn(UtcDateTime) -> UtcDateTime,
    description: String,
}

/// The port that a configured address names, or that its scheme has.
fn port_of(base_url: &str) -> Option<u16> {
    let url: reqwest::Url = base_url.parse().ok()?;
    url.port_or_known_default()
}

fn passes(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Succeeded(_))
}

fn reason_of(verdict: &Verdict) -> &str {
    match verdict {
        Verdict::Succeeded(reason)
        | Verdict::Failed { reason, log: _ }
        | Verdict::KeptFromRunning { reason, log: _ }
        | Verdict::NothingRan(reason)
        | Verdict::TooLate(reason)
        | Verdict::Later(reason)
        | Verdict::Ignored(reason) => reason,
    }
}

/// Whatever does not pass has failed: a gate passes only on evidence.
fn judgement(verdict: &Verdict, back: Option<&RevisionArn>) -> Judgement {
    match passes(verdict) {
        true => Judgement::Passed,
        false => Judgement::Failed {
            back: back.map(RevisionArn::number),
            reason: reason_of(verdict).to_owned(),
        },
    }
}

fn nothing(call: &GateCall, reason: &str) -> Value {
    let id = call.deployment.id();
    tracing::info!(deployment_id = %id, decision = "skip", reason, "nothing to judge");
    json!({"deployment_id": id, "answer": null, "reason": reason})
}
