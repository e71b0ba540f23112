//! Whose turn it is where simulated time stands still (`Pace::Still`): a function computes in no time, and its calls to
//! AWS take theirs. So the clock alone says in which order calls of several functions are answered, and not the machine.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::Notify;

use crate::clock::{Busy, Clock, Pace, jitter};
use crate::process::asleep;

/// What passes at least until AWS hears a call.
const CALL: Duration = Duration::from_millis(20);
/// What passes between two looks of a function that waits for something, as if it had slept for so long: it really sleeps
/// for a second. In about the same proportion a target's health checks follow each other faster than configured.
const BETWEEN_LOOKS: Duration = Duration::from_secs(16);
/// How long such a look waits for that time to pass where time goes on by itself: what really is under way takes longer.
const LOOK_AT_MOST: Duration = Duration::from_secs(2);

/// Whether a call is one that a function makes again only while it waits for something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asks {
    ToKnow,
    ToWait,
}

/// One environment's turns.
pub(super) struct Turn {
    clock: Clock,
    process: OnceLock<u32>,
    state: Mutex<State>,
    all_heard: Notify,
}

#[derive(Default)]
struct State {
    /// Whether an invocation is under way.
    under_way: bool,
    /// Keeps the clock while the function computes.
    busy: Option<Busy>,
    /// So many calls wait until AWS hears them. The function gets the answers to calls side by side at one moment, and
    /// computes again when it has them all.
    waiting: usize,
    /// When AWS hears the first of them at the earliest.
    heard: Option<SystemTime>,
    /// The invocation, and how often it has waited.
    request_id: String,
    waits: u32,
    /// What it has asked already. A function that asks the same again does so in real time.
    asked: BTreeSet<String>,
}

/// An invocation that is under way until this is dropped.
pub(super) struct UnderWay(Arc<Turn>);

/// A call that AWS has heard and does not answer until this is dropped.
pub(crate) struct Passing(Arc<Turn>);

/// A call that AWS has not heard until this is dropped.
struct Waiting<'a>(&'a Turn);

impl Turn {
    pub(super) fn new(clock: Clock) -> Turn {
        Turn {
            clock,
            process: OnceLock::new(),
            state: Mutex::default(),
            all_heard: Notify::new(),
        }
    }

    /// Says which process it is that computes. To be called once, by whoever starts it.
    pub(super) fn of(&self, process: Option<u32>) {
        if let Some(process) = process {
            let _ = self.process.set(process);
        }
    }

    /// Begins an invocation. `busy` is what has kept the clock so far.
    pub(super) fn begin(self: &Arc<Turn>, request_id: &str, busy: Busy) -> UnderWay {
        let mut state = self.lock();
        state.under_way = true;
        state.busy = Some(busy);
        state.request_id = request_id.to_owned();
        state.waits = 0;
        state.asked.clear();
        drop(state);
        UnderWay(self.clone())
    }

    /// Lets a call take its time until AWS hears it. `asked` tells calls apart, and `order` those that are made side by
    /// side, in the same way in every run. Says whether it took any: what is asked again does not, unless to wait; and
    /// where time goes on by itself nothing else does.
    pub(super) async fn until_heard(&self, asked: String, order: &str, asks: Asks) -> bool {
        let order = jitter(order);
        let pace = self.clock.pace();
        let (heard, busy) = {
            let mut state = self.lock();
            if !state.under_way {
                return false;
            }
            let slept = match (state.asked.insert(asked), asks) {
                (true, _) if pace == Pace::Still => Duration::ZERO,
                (false, Asks::ToWait) => BETWEEN_LOOKS,
                (true, _) | (false, Asks::ToKnow) => return false,
            };
            state.waiting += 1;
            (
                state.heard_from(self.clock.now()) + order + slept,
                state.busy.take(),
            )
        };
        let _waiting = Waiting(self);
        let sleep = self.clock.sleep_until(heard);
        // The clock may go on once it knows how far, and once the function has made all the calls that it makes now.
        let release = async {
            if let (Some(_), Some(process)) = (&busy, self.process.get()) {
                asleep(*process).await;
            }
            drop(busy);
        };
        let passed = futures_util::future::join(sleep, release);
        match pace {
            Pace::Still => drop(passed.await),
            Pace::Real => drop(tokio::time::timeout(LOOK_AT_MOST, passed).await),
        }
        true
    }

    /// Waits until AWS has heard all calls that the function makes side by side.
    pub(super) async fn until_all_are_heard(&self) {
        loop {
            let changed = self.all_heard.notified();
            if self.lock().waiting == 0 {
                return;
            }
            changed.await;
        }
    }

    /// Lets the clock go on: the function computes no more until it is answered.
    pub(super) fn passing(self: &Arc<Turn>) -> Passing {
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
    fn heard_from(&mut self, now: SystemTime) -> SystemTime {
        *self.heard.get_or_insert_with(|| {
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
            state.heard = None;
            self.0.keep_clock(&mut state);
            self.0.all_heard.notify_waiters();
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

    async fn call(turn: &Turn, asked: &str) -> SystemTime {
        call_to(Asks::ToKnow, turn, asked).await
    }

    async fn call_to(asks: Asks, turn: &Turn, asked: &str) -> SystemTime {
        if turn.until_heard(asked.to_owned(), asked, asks).await {
            turn.until_all_are_heard().await;
        }
        turn.clock.now()
    }

    fn turn() -> (Clock, Arc<Turn>, UnderWay) {
        turn_at(Pace::Still)
    }

    fn turn_at(pace: Pace) -> (Clock, Arc<Turn>, UnderWay) {
        let clock = Clock::with(pace, Duration::from_millis(20));
        let turn = Arc::new(Turn::new(clock.clone()));
        let under_way = turn.begin("a request", clock.busy());
        (clock, turn, under_way)
    }

    #[tokio::test(start_paused = true)]
    async fn the_clock_goes_on_while_the_function_waits_and_not_while_it_computes() {
        let (clock, turn, under_way) = turn();
        let start = clock.now();
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep(MINUTE).await }
        });
        let first = call(&turn, "a").await;
        assert!(first >= start + CALL, "{first:?}");
        tokio::time::sleep(MINUTE * 60).await;
        assert!(!sleeper.is_finished(), "it computes");
        let second = call(&turn, "b").await;
        assert!(second >= first + CALL, "{second:?}");
        assert_eq!(call(&turn, "b").await, second, "asked again");
        drop(under_way);
        sleeper.await.unwrap();
        assert_eq!(clock.now(), start + MINUTE);
    }

    #[tokio::test(start_paused = true)]
    async fn the_clock_goes_on_while_aws_takes_its_time_to_answer() {
        let (clock, turn, _under_way) = turn();
        let first = call(&turn, "a").await;
        let passing = turn.passing();
        clock.sleep(MINUTE).await;
        drop(passing);
        assert_eq!(clock.now(), first + MINUTE);
        let on = tokio::time::timeout(MINUTE, clock.sleep(MINUTE));
        assert!(on.await.is_err(), "it computes");
    }

    #[tokio::test(start_paused = true)]
    async fn time_passes_between_the_looks_of_a_function_that_waits() {
        for pace in [Pace::Still, Pace::Real] {
            let (clock, turn, _under_way) = turn_at(pace);
            call_to(Asks::ToWait, &turn, "health").await;
            let first = clock.now();
            let (real, second) = (
                tokio::time::Instant::now(),
                call_to(Asks::ToWait, &turn, "health").await,
            );
            assert!(second >= first + BETWEEN_LOOKS, "{pace:?}");
            assert!(real.elapsed() < LOOK_AT_MOST, "{pace:?}");
        }
    }

    /// Where something else is under way, time goes on by itself alone, and the call is not kept for long.
    #[tokio::test(start_paused = true)]
    async fn a_look_waits_for_nobody_where_time_goes_on_by_itself() {
        let (clock, turn, _under_way) = turn_at(Pace::Real);
        let _busy = clock.busy();
        call_to(Asks::ToWait, &turn, "health").await;
        let first = clock.now();
        let second = call_to(Asks::ToWait, &turn, "health").await;
        assert!(second <= first + LOOK_AT_MOST * 2);
    }

    #[tokio::test(start_paused = true)]
    async fn calls_side_by_side_are_answered_at_one_moment_and_so_in_every_run() {
        let mut moments = Vec::new();
        for _ in 0..2 {
            let (clock, turn, _under_way) = turn();
            let start = clock.now();
            let (one, other) = tokio::join!(call(&turn, "a"), call(&turn, "b"));
            assert_eq!(one, other);
            let last = call(&turn, "c").await;
            assert!(last >= one + CALL);
            moments.push([one, last].map(|moment| moment.duration_since(start).unwrap()));
        }
        assert_eq!(moments[0], moments[1]);
    }
}
