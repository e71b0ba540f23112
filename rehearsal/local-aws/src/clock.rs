//! Simulated time: what AWS would wait for passes at once, what really runs takes as long as it takes.
//!
//! The clock runs with real time, and jumps to the next sleeper's moment as soon as nothing real is under way: no
//! function, no container that starts or migrates, no health check that must still decide. Before each jump the world
//! stays as it is for a moment (`DWELL`), so that production traffic passes through every phase of a deployment.
//!
//! What happens does not depend on how fast the machine is: the clock never advances while a woken task has not run
//! (`track`). When it happens hardly depends on it either where simulated time stands still between jumps (`Pace::Still`):
//! there, what really runs takes no time.

mod tracked;

pub use tracked::Tracked;

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use tokio::sync::{Notify, broadcast, oneshot};
use tokio::time::Instant;

use crate::identity::sha256_hex;

/// How long nothing real must have been under way before the clock jumps.
pub const DWELL: Duration = Duration::from_millis(200);

/// When a still clock begins: the same moment in every run, 2027-01-15T08:00:00Z.
const STILL_START: Duration = Duration::from_secs(1_800_000_000);

/// How simulated time passes between two jumps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// With real time.
    Real,
    /// Not at all, so that a world in which nobody else does anything goes the same way in every run.
    Still,
}

/// The one clock of a rehearsal. Cheap to clone; all clones are the same clock.
#[derive(Clone)]
pub struct Clock {
    inner: Arc<Inner>,
}

/// While one of these lives, something real is under way and the clock does not jump.
pub struct Busy {
    clock: Clock,
}

/// A jump of the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Skip {
    pub from: SystemTime,
    pub to: SystemTime,
}

struct Inner {
    pace: Pace,
    /// The moment of the start, on the calendar and on the stopwatch.
    started: (SystemTime, Instant),
    dwell: Duration,
    state: Mutex<State>,
    /// Somebody began or ceased to sleep or to be busy.
    changed: Notify,
    jumped: Notify,
    skips: broadcast::Sender<Skip>,
}

struct State {
    skipped: Duration,
    /// Moments that somebody waits for; the number keeps equal moments apart. Those of sleepers are worth a jump;
    /// those of waiters are not. No jump passes over one, nor comes between it and whoever waited for it.
    sleepers: BTreeSet<(SystemTime, u64)>,
    waiters: BTreeSet<(SystemTime, u64)>,
    registered_ever: u64,
    busy: usize,
    /// Number of tracked futures that were woken and have not been polled since.
    runnable: usize,
    /// Notified when nothing is busy or runnable.
    resting: Vec<oneshot::Sender<Busy>>,
    /// Since when nothing real has been under way, provided that `busy` is 0.
    quiet_since: Instant,
}

/// What the driver of the clock does next.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    WaitForStir,
    /// Whoever waits for rest has a turn.
    Rest,
    WaitUntil(Instant),
    JumpTo(SystemTime),
}

impl Clock {
    pub fn start() -> Clock {
        Clock::with(Pace::Real, DWELL)
    }

    /// A clock that dwells for another time than usual before it jumps: for many plays in a row, each of which need not
    /// let as much production traffic through every phase.
    #[expect(
        clippy::disallowed_methods,
        reason = "simulated time may begin at the real time; nothing else reads it"
    )]
    pub fn with(pace: Pace, dwell: Duration) -> Clock {
        let now = Instant::now();
        let calendar = match pace {
            Pace::Real => SystemTime::now(),
            Pace::Still => SystemTime::UNIX_EPOCH + STILL_START,
        };
        let state = State {
            skipped: Duration::ZERO,
            sleepers: BTreeSet::new(),
            waiters: BTreeSet::new(),
            registered_ever: 0,
            busy: 0,
            runnable: 0,
            resting: Vec::new(),
            quiet_since: now,
        };
        let clock = Clock {
            inner: Arc::new(Inner {
                pace,
                started: (calendar, now),
                dwell,
                state: Mutex::new(state),
                changed: Notify::new(),
                jumped: Notify::new(),
                skips: broadcast::channel(1024).0,
            }),
        };
        tokio::spawn(drive(Arc::downgrade(&clock.inner)));
        clock
    }

    pub fn pace(&self) -> Pace {
        self.inner.pace
    }

    /// Simulated now.
    pub fn now(&self) -> SystemTime {
        self.inner.now(self.inner.lock().skipped)
    }

    /// Waits until the simulated moment has come. Dropping the future cancels the wait.
    pub async fn sleep_until(&self, moment: SystemTime) {
        let _registered = Registered::new(self, moment, Kind::Sleeper);
        self.come(moment).await;
    }

    pub async fn sleep(&self, duration: Duration) {
        self.sleep_until(self.now() + duration).await;
    }

    /// Waits until the simulated moment has come without being a reason to jump to it: for what recurs for ever, such
    /// as an hourly look, and for what may lie years ahead. A jump that somebody else is the reason for stops there.
    pub async fn wait_until(&self, moment: SystemTime) {
        let _registered = Registered::new(self, moment, Kind::Waiter);
        self.come(moment).await;
    }

    async fn come(&self, moment: SystemTime) {
        loop {
            // Before the moment is compared: `notified` takes note of a jump from now on, and one that comes between the two
            // would be slept through.
            let jumped = self.inner.jumped.notified();
            match moment.duration_since(self.now()) {
                Ok(left) if !left.is_zero() => match self.inner.pace {
                    Pace::Real => {
                        tokio::select! { () = tokio::time::sleep(left) => {} () = jumped => {} }
                    }
                    Pace::Still => jumped.await,
                },
                Ok(_) | Err(_) => return,
            }
        }
    }

    /// What has really ended at one moment becomes known in an order that does not depend on how long it really took:
    /// where time stands still, each has a moment of its own a little later. The key tells them apart.
    pub async fn become_known(&self, key: &str) {
        match self.inner.pace {
            Pace::Real => {}
            Pace::Still => self.sleep(jitter(key)).await,
        }
    }

    /// Spawns what the clock waits for whenever it has something to do (`track`).
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        tokio::spawn(self.track(task));
    }

    /// Says that something real is under way.
    pub fn busy(&self) -> Busy {
        // The driver need not be told: it asks again before it jumps (`Inner::jump`).
        self.inner.lock().busy += 1;
        Busy {
            clock: self.clone(),
        }
    }

    /// Says that the world has just changed in a way that somebody may want to see: it stays so for the dwell at least.
    pub fn dwell(&self) {
        // The end of what was busy begins the dwell anew (`quiet_since`).
        drop(self.busy());
    }

    /// Waits until nothing real is under way and nobody was woken who has not had its turn; keeps the clock there.
    pub async fn rest(&self) -> Busy {
        let (tell, told) = oneshot::channel();
        self.inner.lock().resting.push(tell);
        self.inner.changed.notify_one();
        match told.await {
            Ok(busy) => busy,
            // The driver, which tells it, lives as long as `self`.
            Err(_) => self.busy(),
        }
    }

    fn rest_is_here(&self) {
        let resting = std::mem::take(&mut self.inner.lock().resting);
        for somebody in resting {
            // Whoever does not wait any more lets the clock go on.
            let _ = somebody.send(self.busy());
        }
    }

    /// Every jump from now on.
    pub fn skips(&self) -> broadcast::Receiver<Skip> {
        self.inner.skips.subscribe()
    }
}

/// A short while, less than 66 milliseconds, that depends on the key alone, and is hardly ever the same for two keys.
pub(crate) fn jitter(key: &str) -> Duration {
    let digits = sha256_hex(key);
    let chance = u64::from_str_radix(digits.get(..4).unwrap_or_default(), 16);
    Duration::from_micros(chance.unwrap_or_default())
}

impl Drop for Busy {
    fn drop(&mut self) {
        let mut state = self.clock.inner.lock();
        state.busy -= 1;
        state.quiet_since = Instant::now();
        drop(state);
        self.clock.inner.changed.notify_one();
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Sleeper,
    Waiter,
}

/// Keeps a moment in mind for as long as somebody waits for it.
struct Registered {
    clock: Clock,
    kind: Kind,
    key: (SystemTime, u64),
}

impl Registered {
    fn new(clock: &Clock, moment: SystemTime, kind: Kind) -> Registered {
        let mut state = clock.inner.lock();
        state.registered_ever += 1;
        let key = (moment, state.registered_ever);
        state.moments(kind).insert(key);
        drop(state);
        clock.inner.changed.notify_one();
        Registered {
            clock: clock.clone(),
            kind,
            key,
        }
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.clock.inner.lock().moments(self.kind).remove(&self.key);
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self, skipped: Duration) -> SystemTime {
        let passed = match self.pace {
            Pace::Real => self.started.1.elapsed(),
            Pace::Still => Duration::ZERO,
        };
        self.started.0 + passed + skipped
    }

    /// Jumps if the state still allows it.
    fn jump(&self, to: SystemTime) {
        let mut state = self.lock();
        let from = self.now(state.skipped);
        let Ok(distance) = to.duration_since(from) else {
            return;
        };
        // Asked again under the lock: since the driver decided, something may have begun, and a jump would carry it to
        // another moment than the one that it began at. That is the difference between two runs of one seed.
        if state.busy > 0 || state.runnable > 0 {
            return;
        }
        state.skipped += distance;
        state.quiet_since = Instant::now();
        drop(state);
        // Nobody listens: the jump is no secret, and no news to anybody.
        let _ = self.skips.send(Skip { from, to });
        self.jumped.notify_waiters();
    }
}

impl State {
    fn moments(&mut self, kind: Kind) -> &mut BTreeSet<(SystemTime, u64)> {
        match kind {
            Kind::Sleeper => &mut self.sleepers,
            Kind::Waiter => &mut self.waiters,
        }
    }

    fn next(&self, now: SystemTime, real_now: Instant, dwell: Duration) -> Next {
        let first = |moments: &BTreeSet<(SystemTime, u64)>| moments.first().map(|&(due, _)| due);
        let (sleeper, waiter) = (first(&self.sleepers), first(&self.waiters));
        let comes = |moment: Option<SystemTime>| moment.is_some_and(|due| due <= now);
        // A moment that has come and is still registered belongs to somebody who has not woken yet: where the timer is late,
        // `runnable` does not know of it, and a jump would have it wake hours after its moment.
        if self.busy > 0 || self.runnable > 0 || comes(sleeper) || comes(waiter) {
            return Next::WaitForStir;
        }
        // Before the dwell and any jump: whoever waits for rest asks what has come of this moment, and acts in it.
        if !self.resting.is_empty() {
            return Next::Rest;
        }
        let Some(sleeper) = sleeper else {
            return Next::WaitForStir;
        };
        let from = self.quiet_since + dwell;
        if real_now < from {
            return Next::WaitUntil(from);
        }
        // Waiters alone are no reason to jump, or an hourly schedule would make the clock race for ever; but no jump passes
        // over one.
        Next::JumpTo(waiter.map_or(sleeper, |waiter| waiter.min(sleeper)))
    }
}

/// Moves the clock for as long as somebody holds it.
async fn drive(clock: Weak<Inner>) {
    loop {
        let Some(inner) = clock.upgrade() else { return };
        let next = {
            let state = inner.lock();
            state.next(inner.now(state.skipped), Instant::now(), inner.dwell)
        };
        // Between two looks the driver lets go of the clock, so that it ends with its last holder.
        let patience = Duration::from_millis(50);
        match next {
            Next::Rest => Clock { inner }.rest_is_here(),
            Next::JumpTo(moment) => inner.jump(moment),
            Next::WaitUntil(moment) => {
                tokio::time::sleep_until(moment.min(Instant::now() + patience)).await
            }
            Next::WaitForStir => {
                let changed = pin!(inner.changed.notified());
                let _ = tokio::time::timeout(patience, changed).await;
            }
        }
    }
}

#[cfg(test)]
mod tests;
