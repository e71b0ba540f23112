//! The simulated latency of a function's calls where simulated time stands still between steps (`Pace::Still`).
//!
//! A function computes in no simulated time, and each of its calls takes some. Storms need this: in real time the speed
//! of the machine would decide which of two functions' calls reaches AWS first, and no storm could be replayed. With it
//! the clock alone decides, because each call gets its own moment, which depends only on the call.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::Notify;

use crate::clock::{Busy, Clock, Pace, jitter};
use crate::process::asleep;

/// The minimum latency of a call before it is delivered.
const CALL: Duration = Duration::from_millis(20);
/// The simulated time between two polls of a function that waits for something; it really sleeps for a second. A
/// target's health checks are accelerated in about the same proportion (`elb::health`).
const BETWEEN_POLLS: Duration = Duration::from_secs(16);
/// How long, in real time, a poll waits for that time at most under `Pace::Real`: if it does not pass, something real
/// is in progress, which takes longer than any latency.
const POLL_AT_MOST: Duration = Duration::from_secs(2);

/// Why a function makes a call: for its answer, or to poll until something happens.
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
    /// The number of calls that are not delivered yet. A function receives the answers to concurrent calls at one
    /// moment, and computes again once it has them all.
    waiting: usize,
    /// The earliest moment of delivery, shared by concurrent calls.
    delivered: Option<SystemTime>,
    /// The invocation, and the number of its batches of concurrent calls: together they seed the jitter.
    request_id: String,
    waits: u32,
    /// The calls made so far. How often a function repeats a call depends on real time, so a repeated call has no
    /// latency, which would move the clock.
    asked: BTreeSet<String>,
}

/// An invocation, in progress until this is dropped.
pub(super) struct UnderWay(Arc<CallLatency>);

/// A delivered call, unanswered until this is dropped.
pub(crate) struct Passing(Arc<CallLatency>);

/// A call, undelivered until this is dropped.
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

    /// Sets the function's process. Called once, when the process is started.
    pub(super) fn of(&self, process: Option<u32>) {
        if let Some(process) = process {
            let _ = self.process.set(process);
        }
    }

    /// Begins an invocation. `busy` is the guard that has held the clock so far.
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

    /// Waits for a call's latency. `asked` identifies the call, and `order` spreads concurrent calls, the same in every
    /// run. Returns whether the call had a latency: a repeated call has none unless it is a poll, and under
    /// `Pace::Real` only polls have one.
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
        // Concurrent calls of a function arrive one after the other. If the clock advanced after the first, the speed
        // of the machine would decide how many belong to this moment; so the clock is held until the process sleeps,
        // which means that it has made them all.
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

    /// Waits until all concurrent calls of the function are delivered.
    pub(super) async fn until_all_are_delivered(&self) {
        loop {
            let changed = self.all_delivered.notified();
            if self.lock().waiting == 0 {
                return;
            }
            changed.await;
        }
    }

    /// Releases the clock: the function does not compute until it has the answer.
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
            // Before the function is answered: from then on it computes, and the clock must not advance.
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
        // A call that the function has abandoned may still be undelivered: it must not hold the clock after the
        // invocation.
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
        assert!(!sleeper.is_finished(), "it is computing");
        let second = call(&latency, "b").await;
        assert!(second >= first + CALL, "{second:?}");
        assert_eq!(call(&latency, "b").await, second, "repeated");
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
        assert!(on.await.is_err(), "it is computing");
    }

    #[tokio::test(start_paused = true)]
    async fn time_passes_between_the_polls_of_a_function_that_waits() {
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

    /// While something else is busy, only real time passes, and the call is not delayed for long.
    #[tokio::test(start_paused = true)]
    async fn under_a_real_pace_a_poll_is_not_delayed_for_long() {
        let (clock, latency, _under_way) = latency_at(Pace::Real);
        let _busy = clock.busy();
        call_to(Asks::ToWait, &latency, "health").await;
        let first = clock.now();
        let second = call_to(Asks::ToWait, &latency, "health").await;
        assert!(second <= first + POLL_AT_MOST * 2);
    }

    #[tokio::test(start_paused = true)]
    async fn concurrent_calls_are_answered_at_one_moment_in_every_run() {
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
