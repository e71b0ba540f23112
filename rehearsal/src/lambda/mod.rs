//! The local Lambda: the Runtime API, the real binaries, time limits, asynchronous retries, dead letters.
//!
//! Memory is told to the function and not limited; a process between two invocations is not frozen.

mod destination;
pub mod elsewhere;
mod environment;
mod queue;
mod runtime_api;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::Value;
use tokio::sync::{Semaphore, watch};

use crate::clock::Clock;
use crate::happening::{Happenings, What};
use crate::iam::Iam;
use crate::identity::Ids;
use crate::lambda::environment::{Afterwards, Environment};

/// A function as `template.yaml` declares it, and the binary that it is.
#[derive(Debug, Clone)]
pub struct Function {
    /// Logical id in the template: `StartDeployment`.
    pub logical_id: String,
    /// Name of the binary and folder: `start-deployment`.
    pub binary_name: String,
    /// Physical name: `CodeDeployHook_greenlight_run-migration`.
    pub name: String,
    pub binary: PathBuf,
    pub environment: BTreeMap<String, String>,
    pub timeout: Duration,
    pub memory_megabytes: u32,
    /// Asynchronous invocations: retries after the first attempt, 0 to 2.
    pub maximum_retry_attempts: u32,
    pub maximum_event_age: Duration,
    /// Invocations at the same time at most; none: as many as there are.
    pub reserved_concurrency: Option<usize>,
    /// Logical id of the queue that gets what failed for good.
    pub on_failure: Option<String>,
}

/// A function's answer to one invocation.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    Response(Value),
    /// `{errorType, errorMessage}`; a time-out is `Sandbox.Timedout`, an exit `Runtime.ExitError`.
    Error {
        error_type: String,
        error_message: String,
    },
}

/// Everything that was invoked, in order.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// Physical name.
    pub function: String,
    pub binary_name: String,
    pub request_id: String,
    pub payload: Value,
    pub answer: Answer,
    /// Real time, the start of a new process included.
    pub milliseconds: u64,
}

/// The functions and everything that runs of them. Cheap to clone.
#[derive(Clone)]
pub struct Lambda {
    inner: Arc<Inner>,
}

struct Inner {
    clock: Clock,
    functions: Vec<Function>,
    local_aws: String,
    ids: Ids,
    happenings: OnceLock<Happenings>,
    iam: OnceLock<Arc<Iam>>,
    /// Places for invocations, by the name of each function that has a limit.
    places: BTreeMap<String, Arc<Semaphore>>,
    state: Mutex<State>,
    /// Invocations that run, wait or will be repeated.
    open: watch::Sender<usize>,
}

#[derive(Default)]
struct State {
    /// Environments that wait for work, by the function's name.
    idle: BTreeMap<String, Vec<Environment>>,
    invocations: Vec<Invocation>,
    dead_letters: Vec<(String, Value)>,
    /// Functions that the template does not declare.
    registered: Vec<elsewhere::Registered>,
    logs: BTreeMap<String, Arc<Mutex<Vec<String>>>>,
}

impl Lambda {
    /// `local_aws` is the endpoint URL that every function gets as `AWS_ENDPOINT_URL`.
    pub async fn start(
        clock: Clock,
        functions: Vec<Function>,
        local_aws: String,
    ) -> anyhow::Result<Lambda> {
        for function in &functions {
            if !function.binary.is_file() {
                bail!(
                    "function `{}` has no binary at `{}`",
                    function.name,
                    function.binary.display()
                );
            }
        }
        let limited = |function: &Function| {
            function
                .reserved_concurrency
                .map(|limit| (function.name.clone(), Arc::new(Semaphore::new(limit))))
        };
        let inner = Inner {
            places: functions.iter().filter_map(limited).collect(),
            clock,
            functions,
            local_aws,
            ids: Ids::default(),
            happenings: OnceLock::new(),
            iam: OnceLock::new(),
            state: Mutex::default(),
            open: watch::Sender::new(0),
        };
        Ok(Lambda {
            inner: Arc::new(inner),
        })
    }

    /// Everything that is said from now on about invocations is told as `FunctionInvoked` and `FunctionEnded`, with the
    /// function's binary name. To be called once, by whoever makes the world.
    pub fn tell(&self, happenings: Happenings) {
        // A second listener would be a mistake of the world's maker that nothing can come of.
        let _ = self.inner.happenings.set(happenings);
    }

    /// From now on a function's role must allow what Lambda does for it. To be called once, by whoever makes the world.
    pub fn ask(&self, iam: Arc<Iam>) {
        let _ = self.inner.iam.set(iam);
    }

    /// By name or ARN (with or without qualifier). `None`: no such function.
    pub fn find(&self, name_or_arn: &str) -> Option<Function> {
        let name = match name_or_arn.split_once(":function:") {
            Some((_, rest)) => rest.split(':').next().unwrap_or(rest),
            None => name_or_arn.split(':').next().unwrap_or(name_or_arn),
        };
        self.inner
            .functions
            .iter()
            .find(|function| function.name == name)
            .cloned()
            .or_else(|| Some(self.registered(name)?.function))
    }

    /// All functions, as the template declares them.
    pub fn functions(&self) -> Vec<Function> {
        self.inner.functions.clone()
    }

    /// Synchronous invocation, one attempt. One above the function's reserved concurrency is refused, as in AWS.
    pub async fn invoke(&self, function: &str, payload: Value) -> anyhow::Result<Answer> {
        let function = self.expect(function)?;
        let _open = Open::new(&self.inner.open);
        let places = self.inner.places.get(&function.name);
        let _place = match places.map(|places| places.try_acquire()) {
            Some(Err(_)) => bail!("TooManyRequestsException: Rate Exceeded."),
            Some(Ok(place)) => Some(place),
            None => None,
        };
        let request_id = self.inner.ids.uuid();
        self.attempt(&function, &request_id, payload).await
    }

    /// Asynchronous invocation: accepted at once, retried after failures (one, then two simulated minutes), a dead
    /// letter at the end. An error only when there is no such function.
    pub fn invoke_async(&self, function: &str, payload: Value) -> anyhow::Result<()> {
        let function = self.expect(function)?;
        let open = Open::new(&self.inner.open);
        let busy = self.inner.clock.busy();
        let lambda = self.clone();
        tokio::spawn(async move {
            let _open = open;
            lambda
                .attempt_until_it_succeeds(&function, payload, busy)
                .await;
        });
        Ok(())
    }

    /// Everything that was invoked, in the order of the answers.
    pub fn invocations(&self) -> Vec<Invocation> {
        self.inner.lock().invocations.clone()
    }

    /// Waits for the answer to the first attempt with this very payload. By physical name.
    pub async fn first_answer(&self, function: &str, payload: &Value) -> Answer {
        let mut open = self.inner.open.subscribe();
        loop {
            open.mark_unchanged();
            let first = self.inner.lock().invocations.iter().find_map(|invocation| {
                let same = invocation.function == function && invocation.payload == *payload;
                same.then(|| invocation.answer.clone())
            });
            if let Some(answer) = first {
                return answer;
            }
            // The sender lives as long as `self`, so waiting cannot fail.
            let _ = open.changed().await;
        }
    }

    /// (queue's logical id, message) of everything that failed for good.
    pub fn dead_letters(&self) -> Vec<(String, Value)> {
        self.inner.lock().dead_letters.clone()
    }

    /// Lines of the function's stdout and stderr so far, in order; by name, ARN or binary name.
    pub fn logs(&self, function: &str) -> Vec<String> {
        let by_binary = || {
            self.inner
                .functions
                .iter()
                .find(|known| known.binary_name == function)
                .cloned()
        };
        let Some(function) = self.find(function).or_else(by_binary) else {
            return Vec::new();
        };
        let log = self.inner.log(&function);
        let lines = log.lock().unwrap_or_else(PoisonError::into_inner);
        lines.clone()
    }

    /// Waits until no invocation runs or waits for a retry.
    pub async fn idle(&self) {
        // The sender lives as long as `self`, so waiting cannot fail.
        let _ = self
            .inner
            .open
            .subscribe()
            .wait_for(|open| *open == 0)
            .await;
    }

    /// Ends every process that waits for work.
    pub async fn stop(&self) {
        let idle = std::mem::take(&mut self.inner.lock().idle);
        for environment in idle.into_values().flatten() {
            environment.stop().await;
        }
    }

    /// For as long as what this gives lives, `idle` waits: something may still become an invocation.
    pub(crate) fn hold(&self) -> Open {
        Open::new(&self.inner.open)
    }

    fn expect(&self, name_or_arn: &str) -> anyhow::Result<Function> {
        self.find(name_or_arn)
            .with_context(|| format!("no function is called `{name_or_arn}`"))
    }

    /// One attempt in an environment that is free, or in a new one.
    async fn attempt(
        &self,
        function: &Function,
        request_id: &str,
        payload: Value,
    ) -> anyhow::Result<Answer> {
        let _busy = self.inner.clock.busy();
        let started = Instant::now();
        self.inner.say(|| What::FunctionInvoked {
            function: function.binary_name.clone(),
            request_id: request_id.to_owned(),
        });
        let (answer, environment) = match self.elsewhere(&function.name) {
            Some(invocations) => (elsewhere::invoke(&invocations, &payload).await, None),
            None => self.attempt_here(function, request_id, &payload).await,
        };
        let milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.inner.say(|| What::FunctionEnded {
            function: function.binary_name.clone(),
            request_id: request_id.to_owned(),
            error: match &answer {
                Ok(Answer::Response(_)) => None,
                Ok(Answer::Error {
                    error_type,
                    error_message,
                }) => Some(format!("{error_type}: {error_message}")),
                Err(error) => Some(format!("{error:#}")),
            },
            milliseconds,
        });
        let answer = answer?;
        let mut state = self.inner.lock();
        if let Some(environment) = environment {
            state
                .idle
                .entry(function.name.clone())
                .or_default()
                .push(environment);
        }
        state.invocations.push(Invocation {
            function: function.name.clone(),
            binary_name: function.binary_name.clone(),
            request_id: request_id.to_owned(),
            payload,
            answer: answer.clone(),
            milliseconds,
        });
        drop(state);
        // As many are open as before; whoever waits for this answer looks.
        self.inner.open.send_modify(|_| {});
        Ok(answer)
    }

    /// The answer of a process of the function, and its environment if that can take another invocation.
    async fn attempt_here(
        &self,
        function: &Function,
        request_id: &str,
        payload: &Value,
    ) -> (anyhow::Result<Answer>, Option<Environment>) {
        match self.environment(function).await {
            Ok(mut environment) => {
                let (answer, afterwards) = environment.invoke(request_id, payload.clone()).await;
                let reusable = afterwards == Afterwards::Reusable;
                (Ok(answer), reusable.then_some(environment))
            }
            Err(error) => (Err(error), None),
        }
    }

    async fn environment(&self, function: &Function) -> anyhow::Result<Environment> {
        loop {
            let idle = self
                .inner
                .lock()
                .idle
                .get_mut(&function.name)
                .and_then(Vec::pop);
            let Some(mut environment) = idle else { break };
            // A process that ended between two invocations is replaced without a word, as in AWS.
            if !environment.has_ended() {
                return Ok(environment);
            }
        }
        let log_stream = format!("2026/01/01/[$LATEST]{}", self.inner.ids.hexadecimal());
        let lines = self.inner.log(function);
        let log = Arc::new(move |line| {
            lines
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(line)
        });
        Environment::start(function, &self.inner.local_aws, &log_stream, log).await
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn log(&self, function: &Function) -> Arc<Mutex<Vec<String>>> {
        self.lock()
            .logs
            .entry(function.name.clone())
            .or_default()
            .clone()
    }

    fn say(&self, what: impl FnOnce() -> What) {
        if let Some(happenings) = self.happenings.get() {
            happenings.tell(what());
        }
    }
}

/// Counts an invocation as open for as long as it lives.
pub(crate) struct Open(watch::Sender<usize>);

impl Open {
    fn new(open: &watch::Sender<usize>) -> Open {
        open.send_modify(|open| *open += 1);
        Open(open.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.send_modify(|open| *open -= 1);
    }
}

#[cfg(test)]
pub(crate) mod tests;
