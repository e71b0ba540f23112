//! An execution environment: one process of a function, which takes one invocation at a time.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tokio::sync::{Notify, oneshot};

use crate::identity::arn;
use crate::lambda::call_latency::CallLatency;
use crate::lambda::log::{Log, Measured};
use crate::lambda::memory::Memory;
use crate::lambda::runtime_api::{Delivery, RuntimeApi};
use crate::lambda::variables::variables;
use crate::lambda::{Answer, Function};
use crate::process::Process;

/// How long a function may take from its start to its first request for an event; AWS's limit for an init phase.
const INIT_TIMEOUT: Duration = Duration::from_secs(10);

/// The identity of an environment in its world.
pub(super) struct Session {
    /// `AWS_SESSION_TOKEN`, which its calls to AWS carry.
    pub(super) token: String,
    /// Notified when its process is to be killed.
    pub(super) kill: Arc<Notify>,
    pub(super) latency: Arc<CallLatency>,
}

/// A process that has been started for a function, and its Runtime API.
pub(super) struct Environment {
    function: Function,
    process: Process,
    runtime_api: RuntimeApi,
    memory: Memory,
    kill: Arc<Notify>,
    pub(super) latency: Arc<CallLatency>,
    pub(super) log: Log,
    started: Instant,
    /// The time from its start to its first request for an event.
    init: Option<Duration>,
}

/// How an invocation ended.
pub(super) struct Outcome {
    pub(super) answer: Answer,
    pub(super) afterwards: Afterwards,
    pub(super) measured: Measured,
}

/// Whether an environment can take another invocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Afterwards {
    Reusable,
    Gone,
}

impl Environment {
    pub(super) async fn start(
        function: &Function,
        local_aws: &str,
        log: Log,
        session: Session,
    ) -> anyhow::Result<Environment> {
        let runtime_api = RuntimeApi::start().await?;
        let address = runtime_api.address.to_string();
        let variables = variables(function, local_aws, &log.stream, &address, &session.token);
        let lines = log.clone();
        let process = Process::start_program(&function.binary, &[], &variables, move |line| {
            lines.say(line);
        })?;
        session.latency.of(process.id());
        Ok(Environment {
            function: function.clone(),
            memory: Memory::of(process.id(), function.memory_megabytes),
            process,
            runtime_api,
            kill: session.kill,
            latency: session.latency,
            log,
            started: Instant::now(),
            init: None,
        })
    }

    /// Returns whether its process has ended since the last invocation.
    pub(super) fn has_ended(&mut self) -> bool {
        self.process.has_exited()
    }

    /// Runs one invocation, within the function's time limit and memory.
    pub(super) async fn invoke(&mut self, request_id: &str, payload: Value) -> Outcome {
        let (delivered, was_delivered) = oneshot::channel();
        let (answer, answered) = oneshot::channel();
        let timeout = self.function.timeout;
        self.runtime_api.deliver(Delivery {
            request_id: request_id.to_owned(),
            function_arn: self.function.arn(),
            deadline: Box::new(move || deadline_milliseconds(timeout)),
            payload,
            delivered,
            answer,
        });
        let known = self.init;
        let asked = Instant::now();
        let (answer, afterwards) = match self.delivered(request_id, was_delivered).await {
            Ok(()) => self.answered(request_id, answered).await,
            Err(answer) => (answer, Afterwards::Gone),
        };
        // The time limit of the first invocation starts after the init phase.
        let init = self.init.filter(|_| known.is_none());
        let measured = Measured {
            duration: asked.elapsed().saturating_sub(init.unwrap_or_default()),
            init,
            peak_megabytes: self.memory.peak_megabytes(),
        };
        Outcome {
            answer,
            afterwards,
            measured,
        }
    }

    /// Waits until the process has fetched the event; returns an error answer if it cannot.
    async fn delivered(
        &mut self,
        request_id: &str,
        mut delivered: oneshot::Receiver<()>,
    ) -> Result<(), Answer> {
        let patience = INIT_TIMEOUT + self.function.timeout;
        let fetched = tokio::select! {
            biased;
            delivered = &mut delivered => delivered.is_ok(),
            _ = self.process.exited() => false,
            () = self.memory.exceeded() => return Err(self.out_of_memory(request_id).await),
            () = tokio::time::sleep(patience) => return Err(self.timed_out(request_id).await.0),
        };
        if !fetched {
            return Err(self.ended(request_id).await.0);
        }
        self.init.get_or_insert(self.started.elapsed());
        Ok(())
    }

    /// Waits for the answer.
    async fn answered(
        &mut self,
        request_id: &str,
        mut answered: oneshot::Receiver<Answer>,
    ) -> (Answer, Afterwards) {
        tokio::select! {
            // An answer that arrived before the process ended counts.
            biased;
            answer = &mut answered => match answer {
                Ok(answer) => (answer, Afterwards::Reusable),
                Err(_) => self.ended(request_id).await,
            },
            _ = self.process.exited() => match answered.try_recv() {
                Ok(answer) => (answer, Afterwards::Gone),
                Err(_) => self.ended(request_id).await,
            },
            () = self.memory.exceeded() => (self.out_of_memory(request_id).await, Afterwards::Gone),
            () = self.kill.notified() => {
                self.process.kill().await;
                self.ended(request_id).await
            }
            () = tokio::time::sleep(self.function.timeout) => self.timed_out(request_id).await,
        }
    }

    /// On AWS the kernel kills a process that exceeds the memory.
    async fn out_of_memory(&mut self, request_id: &str) -> Answer {
        self.memory.peak_megabytes();
        self.process.kill().await;
        Answer::Error {
            error_type: "Runtime.OutOfMemory".to_owned(),
            error_message: format!(
                "RequestId: {request_id} Error: Runtime exited with error: signal: killed"
            ),
        }
    }

    /// Returns the answer for a process that ended without one, in AWS's words.
    async fn ended(&mut self, request_id: &str) -> (Answer, Afterwards) {
        let said = self.runtime_api.failed_to_start();
        // A process that has reported an init error may take some time to end.
        if said.is_some() {
            self.process.stop().await;
        }
        let status = match self.process.exited().await {
            code @ 129.. => format!("signal: {}", signal(code - 128)),
            code => format!("exit status {code}"),
        };
        let answer = said.unwrap_or_else(|| Answer::Error {
            error_type: "Runtime.ExitError".to_owned(),
            error_message: format!(
                "RequestId: {request_id} Error: Runtime exited with error: {status}"
            ),
        });
        (answer, Afterwards::Gone)
    }

    async fn timed_out(&mut self, request_id: &str) -> (Answer, Afterwards) {
        self.memory.peak_megabytes();
        self.process.kill().await;
        let seconds = self.function.timeout.as_secs_f64();
        let answer = Answer::Error {
            error_type: "Sandbox.Timedout".to_owned(),
            error_message: format!(
                "RequestId: {request_id} Error: Task timed out after {seconds:.2} seconds"
            ),
        };
        (answer, Afterwards::Gone)
    }

    /// Ends the process.
    pub(super) async fn stop(mut self) {
        self.process.stop().await;
    }
}

impl Function {
    /// The function's ARN, without a qualifier.
    pub fn arn(&self) -> String {
        arn("lambda", &format!("function:{}", self.name))
    }
}

/// The name of a signal in Lambda's messages.
fn signal(number: i32) -> String {
    match number {
        4 => "illegal instruction".to_owned(),
        6 => "aborted".to_owned(),
        7 => "bus error".to_owned(),
        8 => "floating point exception".to_owned(),
        9 => "killed".to_owned(),
        11 => "segmentation fault".to_owned(),
        15 => "terminated".to_owned(),
        number => format!("signal {number}"),
    }
}

/// The deadline is real time: the function compares it with its own clock.
#[expect(
    clippy::disallowed_methods,
    reason = "a function's clock is the real one"
)]
fn deadline_milliseconds(timeout: Duration) -> u128 {
    (SystemTime::now() + timeout)
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis())
}
