//! The local Lambda: the Runtime API, real binaries, time and memory limits, asynchronous retries, dead letters.
//!
//! A process is not frozen between invocations, and its CPU is not limited.

mod attempt;
mod call_latency;
mod destination;
pub mod dry;
mod environment;
pub mod external;
mod function;
mod log;
mod memory;
pub mod name;
mod queue;
mod runtime_api;
mod variables;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use anyhow::bail;
use serde_json::Value;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};

use crate::clock::Clock;
use crate::context::Context;
use crate::iam::Iam;
use crate::identity::{ACCOUNT, Ids, REGION, arn};
use crate::lambda::call_latency::CallLatency;
use crate::lambda::environment::Environment;
use crate::lambda::name::FunctionName;
use crate::logs::Logs;
use crate::timeline::Timeline;

pub(crate) use self::call_latency::{Asks, Passing};
pub(crate) use self::external::role_of_external;
pub use self::function::{Answer, Function, Invocation, LogFormat, Refused, default_group};

/// The payload limits in bytes of synchronous and asynchronous invocations.
pub const LARGEST_REQUEST: usize = 6 * 1024 * 1024;
pub const LARGEST_EVENT: usize = 1024 * 1024;

/// The account's concurrency in many new accounts; others have 1,000 (Lambda quotas). Here invocations share the
/// processors of one machine.
const ACCOUNT_CONCURRENCY: usize = 10;

/// The functions and their running environments. Cheap to clone.
#[derive(Clone)]
pub struct Lambda {
    inner: Arc<Inner>,
}

struct Inner {
    clock: Clock,
    functions: Vec<Function>,
    local_aws: String,
    ids: Ids,
    /// Records invocations, with the function's binary name.
    timeline: Timeline,
    /// Checks that a function's role allows what Lambda does on its behalf.
    iam: Arc<Iam>,
    /// Receives the functions' lines, in their log groups.
    logs: Logs,
    /// The remaining reserved concurrency, by function name.
    concurrency: BTreeMap<String, Arc<Semaphore>>,
    /// The remaining concurrency of all other functions together.
    unreserved: Arc<Semaphore>,
    state: Mutex<State>,
    /// The number of invocations that run, wait or will be retried.
    open: watch::Sender<usize>,
}

#[derive(Default)]
struct State {
    /// Idle environments, by function name.
    idle: BTreeMap<String, Vec<Environment>>,
    /// Environments by the tokens of their sessions.
    sessions: BTreeMap<String, Known>,
    invocations: Vec<Invocation>,
    dead_letters: Vec<(String, Value)>,
    /// Functions that the template does not declare.
    registered: Vec<external::Registered>,
    logs: BTreeMap<String, Arc<Mutex<Vec<String>>>>,
    /// Of invocations and lines, only the latest are kept.
    keeps_nothing: bool,
}

/// Of a world that keeps no history, Invoke still looks up its own invocation.
const LATEST_INVOCATIONS: usize = 20;

impl State {
    /// Forgets the sessions whose environment is gone.
    fn add_session(&mut self, token: String, known: Known) {
        self.sessions
            .retain(|_, known| known.latency.strong_count() > 0);
        self.sessions.insert(token, known);
    }

    fn add(&mut self, invocation: Invocation) {
        self.invocations.push(invocation);
        if !self.keeps_nothing {
            return;
        }
        let old = self.invocations.len().saturating_sub(LATEST_INVOCATIONS);
        self.invocations.drain(..old);
        for lines in self.logs.values() {
            lines.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
    }
}

/// A handle to a live environment.
struct Known {
    /// Kills its process.
    kill: Weak<Notify>,
    latency: Weak<CallLatency>,
}

impl Lambda {
    /// Creates the functions' log groups. `local_aws` is the endpoint URL that every function gets as
    /// `AWS_ENDPOINT_URL`.
    pub async fn start(
        context: Context,
        iam: Arc<Iam>,
        logs: Logs,
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
            variables::check(function)?;
            logs.create_group(&function.log_group, context.clock.now());
        }
        let limited = |function: &Function| {
            function
                .reserved_concurrency
                .map(|limit| (function.name.clone(), Arc::new(Semaphore::new(limit))))
        };
        let inner = Inner {
            concurrency: functions.iter().filter_map(limited).collect(),
            unreserved: Arc::new(Semaphore::new(ACCOUNT_CONCURRENCY)),
            clock: context.clock,
            functions,
            local_aws,
            ids: Ids::default(),
            timeline: context.timeline,
            iam,
            logs,
            state: Mutex::default(),
            open: watch::Sender::new(0),
        };
        Ok(Lambda {
            inner: Arc::new(inner),
        })
    }

    /// Finds a function by name, partial ARN or ARN. Functions have no versions or aliases here, so `$LATEST` is the
    /// only valid qualifier.
    pub fn find(&self, name_or_arn: &str) -> Option<Function> {
        let named = FunctionName::parse(name_or_arn)?;
        let is_here = named.region.is_none_or(|region| region == REGION)
            && named.account.is_none_or(|account| account == ACCOUNT)
            && named
                .qualifier
                .is_none_or(|qualifier| qualifier == "$LATEST");
        let is_meant = |function: &&Function| is_here && function.name == named.name;
        let declared = self.inner.functions.iter().find(is_meant).cloned();
        declared.or_else(|| {
            let state = self.inner.lock();
            let mut registered = state.registered.iter().map(|known| &known.function);
            registered.find(is_meant).cloned()
        })
    }

    /// Returns all functions, as the template declares them.
    pub fn functions(&self) -> Vec<Function> {
        self.inner.functions.clone()
    }

    /// Invokes a function synchronously, with one attempt. Above the function's or the account's concurrency the call
    /// is throttled, as on AWS.
    pub async fn invoke(&self, function: &str, payload: Value) -> Result<Answer, Refused> {
        let request_id = self.inner.ids.uuid();
        self.invoke_as(&request_id, function, payload).await
    }

    /// The same, with a request id given by the caller.
    pub async fn invoke_as(
        &self,
        request_id: &str,
        function: &str,
        payload: Value,
    ) -> Result<Answer, Refused> {
        let function = self.expect(function)?;
        within(&payload, "RequestResponse", LARGEST_REQUEST)?;
        let _open = self.hold();
        let _place = self.place(&function)?;
        Ok(self.attempt(&function, request_id, payload).await)
    }

    /// Invokes a function asynchronously: accepted at once, retried after failures (after one, then two simulated
    /// minutes), finally a dead letter.
    pub fn invoke_async(&self, function: &str, payload: Value) -> Result<(), Refused> {
        let function = self.expect(function)?;
        within(&payload, "Event", LARGEST_EVENT)?;
        let open = self.hold();
        let lambda = self.clone();
        self.inner.clock.spawn(async move {
            let _open = open;
            lambda.attempt_until_it_succeeds(&function, payload).await;
        });
        Ok(())
    }

    /// Returns every invocation, in the order of the answers.
    pub fn invocations(&self) -> Vec<Invocation> {
        self.inner.lock().invocations.clone()
    }

    /// Keeps only the latest invocations from now on.
    pub(crate) fn keep_no_history(&self) {
        self.inner.lock().keeps_nothing = true;
    }

    /// Waits for the answer to the first attempt with exactly this payload; `function` is the physical name.
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

    /// Returns the dead letters: (queue's logical id, message).
    pub fn dead_letters(&self) -> Vec<(String, Value)> {
        self.inner.lock().dead_letters.clone()
    }

    /// Returns the lines of a function's stdout and stderr so far, in order; by name, ARN or binary name.
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

    pub fn is_idle(&self) -> bool {
        *self.inner.open.borrow() == 0
    }

    /// Kills the process of the environment with this session. Its invocation fails, as after any other exit. Does
    /// nothing if the environment is gone.
    pub fn kill(&self, session: &str) {
        let kill = self.inner.lock().sessions.remove(session);
        if let Some(kill) = kill.and_then(|known| known.kill.upgrade()) {
            kill.notify_one();
        }
    }

    /// Applies the simulated latency to a call of the environment with this session (`call_latency`). Returns whether
    /// the call had one.
    pub(crate) async fn until_delivered(
        &self,
        session: &str,
        asked: String,
        order: &str,
        asks: Asks,
    ) -> bool {
        match self.latency(session) {
            Some(latency) => latency.until_delivered(asked, order, asks).await,
            None => false,
        }
    }

    /// Delays an answer until all concurrent calls of the environment are delivered.
    pub(crate) async fn until_all_are_delivered(&self, session: &str) {
        if let Some(latency) = self.latency(session) {
            latency.until_all_are_delivered().await;
        }
    }

    /// Lets simulated time pass while AWS processes a call of the environment, until the guard is dropped.
    pub(crate) fn passing(&self, session: &str) -> Option<Passing> {
        Some(self.latency(session)?.passing())
    }

    fn latency(&self, session: &str) -> Option<Arc<CallLatency>> {
        self.inner.lock().sessions.get(session)?.latency.upgrade()
    }

    /// Ends every idle process.
    pub async fn stop(&self) {
        let idle = std::mem::take(&mut self.inner.lock().idle);
        for environment in idle.into_values().flatten() {
            environment.stop().await;
        }
    }

    /// Makes `idle` wait while the returned guard lives: something may still become an invocation.
    pub(crate) fn hold(&self) -> Open {
        Open::new(&self.inner.open)
    }

    fn expect(&self, name_or_arn: &str) -> Result<Function, Refused> {
        let named = || match name_or_arn.starts_with("arn:") {
            true => name_or_arn.to_owned(),
            false => arn("lambda", &format!("function:{name_or_arn}")),
        };
        self.find(name_or_arn)
            .ok_or_else(|| Refused::NoSuchFunction(named()))
    }

    /// Takes a slot of the function's reserved concurrency, or of the account's if none is reserved.
    fn place(&self, function: &Function) -> Result<OwnedSemaphorePermit, Refused> {
        let (concurrency, refused) = match self.inner.concurrency.get(&function.name) {
            Some(concurrency) => (concurrency, Refused::Throttled),
            None => (&self.inner.unreserved, Refused::AccountThrottled),
        };
        concurrency.clone().try_acquire_owned().map_err(|_| refused)
    }
}

fn within(payload: &Value, invocation_type: &'static str, limit: usize) -> Result<(), Refused> {
    let bytes = payload.to_string().len();
    match bytes <= limit {
        true => Ok(()),
        false => Err(Refused::TooLarge {
            bytes,
            invocation_type,
            limit,
        }),
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
}

/// Counts an invocation as open while it lives.
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
