//! The simulated latency of a function's calls where simulated time stands still between steps (`Pace::Still`).
//!
//! A function computes in no simulated time, and each of its calls takes some. Storms need this: with real time the
//! machine would decide which of two functions' calls AWS sees first, and no storm could be played again. With it the
//! clock alone decides, because each call has a moment of its own that depends on nothing but what is called.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::Notify;

use crate::clock::{Busy, Clock, Pace, jitter};
use crate::process::asleep;

/// What a call takes at least until it is delivered.
const CALL: Duration = Duration::from_millis(20);
/// What passes between two polls of a function that waits for something, as if it had slept for so long: it really
/// sleeps for a second. In about the same proportion a target's health checks follow each other faster than configured.
const BETWEEN_POLLS: Duration = Duration::from_secs(16);
/// How long, in real time, a poll waits at most for that time to pass where time goes on by itself: an end that does not
/// come means that something real is under way, which takes longer than any latency.
const POLL_AT_MOST: Duration = Duration::from_secs(2);

/// Whether a call is one that a function makes again only while it waits for something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asks {
    ToKnow,
    ToWait,
}

/// The calls of one execution environment.
pub(super) struct CallLatency {
    clock: Clock,
    process: OnceLock<u32>,
    state: Mutex<State>,
    all_delivered: Notify,
}

#[derive(Default)]
struct State {
    /// Whether an invocation is under way.
    under_way: bool,
    /// Keeps the clock while the function computes.
    busy: Option<Busy>,
    /// Number of calls that are not delivered yet. The function gets the answers to calls side by side at one moment, and
    /// computes again when it has them all.
    waiting: usize,
    /// When the first of them is delivered at the earliest.
    delivered: Option<SystemTime>,
    /// The invocation, and how often it has waited.
    request_id: String,
    waits: u32,
    /// What it has asked already. A function that asks the same again does so in real time.
    asked: BTreeSet<String>,
}

/// An invocation that is under way until this is dropped.
pub(super) struct UnderWay(Arc<CallLatency>);

/// A delivered call, which is not answered until this is dropped.
pub(crate) struct Passing(Arc<CallLatency>);

/// A call that counts as not delivered until this is dropped.
struct Waiting<'a>(&'a CallLatency);

impl CallLatency {
    pub(super) fn new(clock: Clock) -> CallLatency {
        CallLatency {
            clock,
            process: OnceLock::new(),
            state: Mutex::default(),
            all_delivered: Notify::new(),
        }
    }

    /// Says which process it is that computes. Called once, where the process is started.
    pub(super) fn of(&self, process: Option<u32>) {
        if let Some(process) = process {
            let _ = self.process.set(process);
        }
    }

    /// Begins an invocation. `busy` is what has kept the clock so far.
    pub(super) fn begin(self: &Arc<CallLatency>, request_id: &str, busy: Busy) -> UnderWay {
        let mut state = self.lock();
        state.under_way = true;
        state.busy = Some(busy);
        state.request_id = request_id.to_owned();
        state.waits = 0;
        state.asked.clear();
        drop(state);
        UnderWay(self.clone())
    }

    /// Waits for a call's latency. `asked` tells calls apart, and `order` spreads those that are made side by side, alike
    /// in every run. Says whether there was any: a repeated call has none, unless the function polls with it; and where
    /// time goes on by itself only polls have one.
    pub(super) async fn until_delivered(&self, asked: String, order: &str, asks: Asks) -> bool {
        let order = jitter(order);
        let pace = self.clock.pace();
        let (delivered, busy) = {
            let mut state = self.lock();
            if !state.under_way {
                return false;
            }
            let slept = match (state.asked.insert(asked), asks) {
                (true, _) if pace == Pace::Still => Duration::ZERO,
                (false, Asks::ToWait) => BETWEEN_POLLS,
                (true, _) | (false, Asks::ToKnow) => return false,
            };
            state.waiting += 1;
            (
                state.delivered_from(self.clock.now()) + order + slept,
                state.busy.take(),
            )
        };
        let _waiting = Waiting(self);
        let sleep = self.clock.sleep_until(delivered);
        // Calls that a function makes side by side reach us one after the other. If the clock went on after the first,
        // the machine would decide how many belong to this moment; so it stays until the process sleeps, with all made.
        let release = async {
            if let (Some(_), Some(process)) = (&busy, self.process.get()) {
                asleep(*process).await;
            }
            drop(busy);
        };
        let passed = futures_util::future::join(sleep, release);
        match pace {
            Pace::Still => drop(passed.await),
            Pace::Real => drop(tokio::time::timeout(POLL_AT_MOST, passed).await),
        }
        true
    }

    /// Waits until all calls are delivered that the function makes side by side.
    pub(super) async fn until_all_are_delivered(&self) {
        loop {
            let changed = self.all_delivered.notified();
            if self.lock().waiting == 0 {
                return;
            }
            changed.await;
        }
    }

    /// Lets the clock go on: the function computes no more until it is answered.
    pub(super) fn passing(self: &Arc<CallLatency>) -> Passing {
        drop(self.lock().busy.take());
        Passing(self.clone())
    }

    fn keep_clock(&self, state: &mut State) {
        if state.waiting == 0 && state.busy.is_none() {
            state.busy = state.under_way.then(|| self.clock.busy());
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn delivered_from(&mut self, now: SystemTime) -> SystemTime {
        *self.delivered.get_or_insert_with(|| {
            self.waits += 1;
            now + CALL + jitter(&format!("{} {}", self.request_id, self.waits))
        })
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.waiting -= 1;
        if state.waiting == 0 {
            state.delivered = None;
            self.0.keep_clock(&mut state);
            self.0.all_delivered.notify_waiters();
        }
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        self.0.keep_clock(&mut self.0.lock());
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        // A call that it did not wait for any more may still wait.
        let mut state = self.0.lock();
        state.under_way = false;
        let busy = state.busy.take();
        drop(state);
        drop(busy);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    async fn call(latency: &CallLatency, asked: &str) -> SystemTime {
        call_to(Asks::ToKnow, latency, asked).await
    }

    async fn call_to(asks: Asks, latency: &CallLatency, asked: &str) -> SystemTime {
        if latency.until_delivered(asked.to_owned(), asked, asks).await {
            latency.until_all_are_delivered().await;
        }
        latency.clock.now()
    }

    fn latency() -> (Clock, Arc<CallLatency>, UnderWay) {
        latency_at(Pace::Still)
    }

    fn latency_at(pace: Pace) -> (Clock, Arc<CallLatency>, UnderWay) {
        let clock = Clock::with(pace, Duration::from_millis(20));
        let latency = Arc::new(CallLatency::new(clock.clone()));
        let under_way = latency.begin("a request", clock.busy());
        (clock, latency, under_way)
    }

    #[tokio::test(start_paused = true)]
    async fn the_clock_goes_on_while_the_function_waits_and_not_while_it_computes() {
        let (clock, latency, under_way) = latency();
        let start = clock.now();
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep(MINUTE).await }
        });
        let first = call(&latency, "a").await;
        assert!(first >= start + CALL, "{first:?}");
        tokio::time::sleep(MINUTE * 60).await;
        assert!(!sleeper.is_finished(), "it computes");
        let second = call(&latency, "b").await;
        assert!(second >= first + CALL, "{second:?}");
        assert_eq!(call(&latency, "b").await, second, "asked again");
        drop(under_way);
        sleeper.await.unwrap();
        assert_eq!(clock.now(), start + MINUTE);
    }

    #[tokio::test(start_paused = true)]
    async fn the_clock_goes_on_while_aws_takes_its_time_to_answer() {
        let (clock, latency, _under_way) = latency();
        let first = call(&latency, "a").await;
        let passing = latency.passing();
        clock.sleep(MINUTE).await;
        drop(passing);
        assert_eq!(clock.now(), first + MINUTE);
        let on = tokio::time::timeout(MINUTE, clock.sleep(MINUTE));
        assert!(on.await.is_err(), "it computes");
    }

    #[tokio::test(start_paused = true)]
    async fn time_passes_between_the_looks_of_a_function_that_waits() {
        for pace in [Pace::Still, Pace::Real] {
            let (clock, latency, _under_way) = latency_at(pace);
            call_to(Asks::ToWait, &latency, "health").await;
            let first = clock.now();
            let (real, second) = (
                tokio::time::Instant::now(),
                call_to(Asks::ToWait, &latency, "health").await,
            );
            assert!(second >= first + BETWEEN_POLLS, "{pace:?}");
            assert!(real.elapsed() < POLL_AT_MOST, "{pace:?}");
        }
    }

    /// Where something else is under way, time goes on by itself alone, and the call is not kept for long.
    #[tokio::test(start_paused = true)]
    async fn a_look_waits_for_nobody_where_time_goes_on_by_itself() {
        let (clock, latency, _under_way) = latency_at(Pace::Real);
        let _busy = clock.busy();
        call_to(Asks::ToWait, &latency, "health").await;
        let first = clock.now();
        let second = call_to(Asks::ToWait, &latency, "health").await;
        assert!(second <= first + POLL_AT_MOST * 2);
    }

    #[tokio::test(start_paused = true)]
    async fn calls_side_by_side_are_answered_at_one_moment_and_so_in_every_run() {
        let mut moments = Vec::new();
        for _ in 0..2 {
            let (clock, latency, _under_way) = latency();
            let start = clock.now();
            let (one, other) = tokio::join!(call(&latency, "a"), call(&latency, "b"));
            assert_eq!(one, other);
            let last = call(&latency, "c").await;
            assert!(last >= one + CALL);
            moments.push([one, last].map(|moment| moment.duration_since(start).unwrap()));
        }
        assert_eq!(moments[0], moments[1]);
    }
}
