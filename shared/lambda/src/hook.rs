//! A hook always answers: CodeDeploy waits an hour for one that does not.
//!
//! Whatever happens inside a hook (a wrong configuration, a denied call, a panic, time running out), CodeDeploy gets
//! `Failed` in time, and the reason is logged and published. When in doubt: `Failed`, traffic stays where it is.

mod caller;

use std::any::Any;
use std::cell::{Cell, OnceCell};
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use aws::{CallFailed, Patience};
use futures_util::FutureExt;
use rules::codedeploy::lifecycle::Stage;
use rules::codedeploy::{Creator, HookAnswer, HookReceipt, Known};
use rules::environment::Settings;
use rules::gate::{Gate, Verdict};
use rules::outcome::Outcome;
use rules::task_log::TaskLog;
use serde_json::{Value, json};
use tokio::time::Instant;

pub use caller::Caller;

use crate::{Deadline, Failure, Messenger, Start};

/// One hook that waits for its answer.
#[derive(Debug, Clone, Copy)]
pub struct Hook<'a> {
    /// What it checks.
    pub gate: Gate,
    /// Who waits for the answer.
    pub caller: Caller<'a>,
    /// Publishes a failed gate.
    pub messenger: &'a Messenger,
    /// When Lambda ends the invocation.
    pub deadline: Deadline,
}

/// Whether what the gate is about has begun, as far as an invocation knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ran {
    /// It did not come far enough to know. An earlier call of the same hook may have begun it.
    #[default]
    Unknown,
    /// Nothing has begun, and no earlier call has begun anything.
    Nothing,
    /// It may have begun.
    Perhaps,
}

/// Between two attempts, after the SDK gave up.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// What is left to an attempt, where the longest one needed half of that: one that is cut off explains nothing, and leaves it open
/// what it began. More than a call may take is never kept.
fn room(longest: Duration) -> Duration {
    (2 * longest).min(Patience::STANDARD.call)
}

impl Hook<'_> {
    /// Whether the caller waits for this hook. A caller that does not yet is read again.
    ///
    /// # Errors
    /// How far the deployment is could not be read.
    pub async fn stage(&self) -> Result<Stage, CallFailed> {
        self.caller.stage(self.gate).await
    }

    /// Reads the deployment, lets `check` decide, and answers, even when any of it fails. While AWS throttles or cannot be
    /// reached, and there is time, `check` is called again, so it must be safe to repeat. It keeps `ran`, and sets it before it
    /// begins what the gate is about: a failure where nothing has begun changed nothing, and is told so.
    ///
    /// # Errors
    /// The answer itself was refused, or did not reach CodeDeploy before the time was over.
    pub async fn answer<T, F>(
        &self,
        start: &Start<T>,
        ran: &Cell<Ran>,
        check: impl Fn(Known) -> F,
    ) -> Result<Value, Failure>
    where
        F: Future<Output = Result<Verdict, Failure>>,
    {
        let known = OnceCell::new();
        let last = Cell::new(None);
        let time = self.deadline.for_work();
        let until = Instant::now() + time;
        let work = self.check_until(until, &last, async || {
            self.find_out_and_check(start, &check, &known).await
        });
        let work = AssertUnwindSafe(work).catch_unwind();
        let result = match tokio::time::timeout(time, work).await {
            Ok(Ok(result)) => result,
            Ok(Err(panic)) => Err(Failure::Panicked(words_of(panic.as_ref()))),
            Err(_) => Err(Failure::OutOfTime {
                seconds: time.as_secs(),
                last: last.take().map(Box::new),
            }),
        };
        let verdict = result.unwrap_or_else(|failure| {
            tracing::error!(error_type = failure.error_type(), error = %failure, "gate failed");
            let perhaps = match ran.get() {
                Ran::Perhaps => true,
                Ran::Nothing => false,
                // What refuses this call for good has refused an earlier one as well, before it could start a migration.
                Ran::Unknown => self.gate == Gate::Migration && failure.may_be_new(),
            };
            if perhaps {
                Verdict::Failed {
                    reason: failure.to_string(),
                    log: TaskLog::default(),
                }
            } else {
                Verdict::NothingRan(failure.to_string())
            }
        });
        self.deliver(start, known.get(), &verdict).await
    }

    async fn check_until(
        &self,
        until: Instant,
        last: &Cell<Option<Failure>>,
        check: impl AsyncFn() -> Result<Verdict, Failure>,
    ) -> Result<Verdict, Failure> {
        let mut pause = PAUSE;
        let mut longest = Duration::ZERO;
        loop {
            let begun = Instant::now();
            let result = check().await;
            longest = longest.max(begun.elapsed());
            let is_time = Instant::now() + pause + room(longest) < until;
            let failure = match result {
                Err(failure) if failure.is_transient() && is_time => failure,
                result => return result,
            };
            tracing::warn!(error = %failure, "gate not passed yet, trying again");
            last.set(Some(failure));
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn find_out_and_check<T, F>(
        &self,
        start: &Start<T>,
        check: impl Fn(Known) -> F,
        known: &OnceCell<Known>,
    ) -> Result<Verdict, Failure>
    where
        F: Future<Output = Result<Verdict, Failure>>,
    {
        let started = start.as_ref().map_err(Failure::from)?;
        let deployment = self.caller.read_deployment().await?;
        // A call that comes late or twice must not begin work whose result nothing waits for.
        if deployment.status.has_ended() {
            return Ok(Verdict::TooLate(format!(
                "deployment `{}` has ended",
                deployment.id
            )));
        }
        if deployment.creator == Creator::Rollback {
            return Ok(Verdict::Succeeded(
                "a rollback migrates and checks nothing".to_owned(),
            ));
        }
        let (application, group) = (&deployment.application, &deployment.deployment_group);
        // Of several pipelines of a service the one that configures the gate: its containers migrate, and its people are told.
        let keeper = started.config.keeper(application, group, self.gate);
        let pipeline = keeper.cloned().ok_or_else(|| {
            Failure::Refused(format!(
                "no pipeline has the deployment group `{group}` of the application `{application}` \
                 (hint: add it to the configuration, or take the hooks out of that group's AppSpec)"
            ))
        })?;
        check(
            known
                .get_or_init(|| Known {
                    pipeline,
                    deployment,
                })
                .clone(),
        )
        .await
    }

    /// Answers, and publishes a failure, once: not when the caller had its answer already, or the deployment has ended.
    ///
    /// # Errors
    /// The answer was refused, or did not arrive before the time was over.
    pub async fn deliver<T>(
        &self,
        start: &Start<T>,
        known: Option<&Known>,
        verdict: &Verdict,
    ) -> Result<Value, Failure> {
        let settings = settings_of(start);
        let receipt = match verdict {
            Verdict::Succeeded(_) => Some(self.put(HookAnswer::Succeeded).await?),
            Verdict::Failed { .. }
            | Verdict::KeptFromRunning { .. }
            | Verdict::NothingRan(_)
            | Verdict::TooLate(_) => Some(self.put(HookAnswer::Failed).await?),
            Verdict::Later(_) | Verdict::Ignored(_) => None,
        };
        let (answer, reason) = match verdict {
            Verdict::Succeeded(reason) => ("succeeded", reason),
            Verdict::Failed { reason, log: _ }
            | Verdict::KeptFromRunning { reason, log: _ }
            | Verdict::NothingRan(reason)
            | Verdict::TooLate(reason) => ("failed", reason),
            Verdict::Later(reason) => ("later", reason),
            Verdict::Ignored(reason) => ("ignored", reason),
        };
        let pipeline = known.map(|known| known.pipeline.name.as_str());
        let late = receipt == Some(HookReceipt::AlreadyCompleted)
            || matches!(verdict, Verdict::TooLate(_));
        tracing::info!(deployment_id = %self.caller.deployment(), pipeline, decision = answer, reason, late, "hook answered");
        if let (Some(outcome), Some(HookReceipt::Accepted), Some(settings)) =
            (self.outcome(known, verdict), receipt, settings)
        {
            self.messenger.try_publish(settings, &outcome).await;
        }
        Ok(
            json!({"deployment_id": self.caller.deployment(), "answer": answer, "reason": reason, "late": late}),
        )
    }

    async fn put(&self, answer: HookAnswer) -> Result<HookReceipt, CallFailed> {
        self.caller.put(answer, self.deadline).await
    }

    /// The outcome that a verdict is published as, if any.
    fn outcome(&self, known: Option<&Known>, verdict: &Verdict) -> Option<Outcome> {
        let (reason, log) = match verdict {
            Verdict::Failed { reason, log } => (reason.clone(), Some(log.clone())),
            Verdict::KeptFromRunning { reason, log } => {
                let nothing_ran = Verdict::NothingRan(reason.clone());
                let outcome = self.outcome(known, &nothing_ran)?;
                return Some(Outcome {
                    log: log.clone(),
                    ..outcome
                });
            }
            Verdict::NothingRan(reason) => (reason.clone(), None),
            Verdict::Succeeded(_)
            | Verdict::TooLate(_)
            | Verdict::Later(_)
            | Verdict::Ignored(_) => return None,
        };
        Some(match (known, self.gate) {
            (Some(known), Gate::Migration) => match log {
                Some(log) => {
                    Outcome::migration_failed(&known.pipeline, &known.subject(), reason, log)
                }
                None => Outcome::migration_did_not_run(&known.pipeline, &known.subject(), reason),
            },
            (Some(known), Gate::TestTraffic) => match log {
                Some(_) => Outcome::test_traffic_failed(&known.pipeline, &known.subject(), reason),
                None => {
                    Outcome::test_traffic_not_checked(&known.pipeline, &known.subject(), reason)
                }
            },
            (Some(known), Gate::ProductionTraffic) => match log {
                Some(_) => {
                    Outcome::production_traffic_failed(&known.pipeline, &known.subject(), reason)
                }
                None => Outcome::production_traffic_not_checked(
                    &known.pipeline,
                    &known.subject(),
                    reason,
                ),
            },
            (None, gate) => Outcome::gate_failed(gate, self.caller.deployment(), reason, log),
        })
    }
}

/// Where outcomes are published, even when the rest of the configuration is wrong.
fn settings_of<T>(start: &Start<T>) -> Option<&Settings> {
    match start {
        Ok(started) => Some(&started.settings),
        Err(misconfigured) => misconfigured.settings.as_ref(),
    }
}

pub(crate) fn words_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}
