//! Simulated time: AWS's waits pass at once; real work takes as long as it takes.
//!
//! The clock runs with real time, and jumps to the next sleeper's moment as soon as nothing real is in progress: no
//! function, no container that starts or migrates, no undecided health check. Before each jump the world stays
//! unchanged for a moment (`DWELL`), so that production traffic passes through every phase of a deployment.
//!
//! The order of events does not depend on the speed of the machine: the clock never advances while a woken task has not
//! run (`track`). If simulated time stands still between jumps (`Pace::Still`), the times of events hardly depend on it
//! either, because real work takes no simulated time.

mod tracked;

pub use tracked::Tracked;

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use tokio::sync::{Notify, broadcast, oneshot};
use tokio::time::Instant;

use crate::identity::sha256_hex;

/// How long nothing real must have been in progress before the clock jumps.
pub const DWELL: Duration = Duration::from_millis(50);

/// The start of a still clock, the same in every run: 2027-01-15T08:00:00Z.
const STILL_START: Duration = Duration::from_secs(1_800_000_000);

/// How simulated time passes between two jumps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// With real time.
    Real,
    /// Not at all, so that a world without outside interference behaves the same in every run.
    Still,
}

/// The one clock of a rehearsal. Cheap to clone; all clones are the same clock.
#[derive(Clone)]
pub struct Clock {
    inner: Arc<Inner>,
}

/// A guard: while it lives, something real is in progress and the clock does not jump.
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
    /// The start, as simulated time and as a monotonic instant.
    started: (SystemTime, Instant),
    dwell: Duration,
    state: Mutex<State>,
    /// Notified when a sleeper, a waiter or a busy guard comes or goes.
    changed: Notify,
    jumped: Notify,
    skips: broadcast::Sender<Skip>,
}

struct State {
    skipped: Duration,
    /// Pending moments; the number distinguishes equal ones. The clock jumps for sleepers, not for waiters. No jump
    /// passes over a pending moment, or happens before its task has woken.
    sleepers: BTreeSet<(SystemTime, u64)>,
    waiters: BTreeSet<(SystemTime, u64)>,
    registered_ever: u64,
    busy: usize,
    /// The number of tracked futures that were woken and have not been polled since.
    runnable: usize,
    /// Notified when nothing is busy or runnable.
    resting: Vec<oneshot::Sender<Busy>>,
    /// Since when nothing real has been in progress, provided that `busy` is 0.
    quiet_since: Instant,
}

/// The driver's next action.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    WaitForStir,
    /// A task that waits for rest runs.
    Rest,
    WaitUntil(Instant),
    JumpTo(SystemTime),
}

impl Clock {
    pub fn start() -> Clock {
        Clock::with(Pace::Real, DWELL)
    }

    /// A clock with a custom dwell: many runs in a row need less production traffic in each phase.
    #[expect(
        clippy::disallowed_methods,
        reason = "simulated time may start at the real time; nothing else reads it"
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

    /// Returns the simulated time.
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

    /// Waits until the simulated moment has come without being a reason to jump to it: for recurring events, such as an
    /// hourly schedule, and for moments that may be years ahead. A jump for a sleeper stops there.
    pub async fn wait_until(&self, moment: SystemTime) {
        let _registered = Registered::new(self, moment, Kind::Waiter);
        self.come(moment).await;
    }

    async fn come(&self, moment: SystemTime) {
        loop {
            // Created before the comparison, because `notified` sees only later jumps: a jump in between would be
            // missed.
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

    /// Orders real work that ended at one moment independently of its real duration: under `Pace::Still` each key gets
    /// its own slightly later moment.
    pub async fn become_known(&self, key: &str) {
        match self.inner.pace {
            Pace::Real => {}
            Pace::Still => self.sleep(jitter(key)).await,
        }
    }

    /// Spawns a tracked task: the clock waits for it whenever it is runnable (`track`).
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        tokio::spawn(self.track(task));
    }

    /// Marks something real as in progress.
    pub fn busy(&self) -> Busy {
        // The driver need not be notified: it checks again before it jumps (`Inner::jump`).
        self.inner.lock().busy += 1;
        Busy {
            clock: self.clone(),
        }
    }

    /// Restarts the dwell after a change of the world, so that traffic and readers see the new state for at least that
    /// long.
    pub fn dwell(&self) {
        // Dropping the guard restarts the dwell (`quiet_since`).
        drop(self.busy());
    }

    /// Waits until nothing real is in progress and every woken task has run; holds the clock there.
    pub async fn rest(&self) -> Busy {
        let (sender, receiver) = oneshot::channel();
        self.inner.lock().resting.push(sender);
        self.inner.changed.notify_one();
        match receiver.await {
            Ok(busy) => busy,
            // The sender belongs to the driver, which lives as long as `self`.
            Err(_) => self.busy(),
        }
    }

    fn rest_is_here(&self) {
        let resting = std::mem::take(&mut self.inner.lock().resting);
        for sender in resting {
            // A dropped receiver releases the clock.
            let _ = sender.send(self.busy());
        }
    }

    /// Subscribes to the jumps from now on.
    pub fn skips(&self) -> broadcast::Receiver<Skip> {
        self.inner.skips.subscribe()
    }
}

/// A duration below 66 milliseconds that depends only on the key and rarely collides.
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

/// Registers a moment while a task waits for it.
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
        // Checked again under the lock: since the driver decided, something may have begun, and a jump would move it to
        // another moment than the one at which it began. Without this check, two runs of one seed differ.
        if state.busy > 0 || state.runnable > 0 {
            return;
        }
        state.skipped += distance;
        state.quiet_since = Instant::now();
        drop(state);
        // Fails without subscribers, who are optional.
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
        // A due moment that is still registered belongs to a task that has not woken yet: if the timer is late,
        // `runnable` does not count it, and after a jump it would wake hours late.
        if self.busy > 0 || self.runnable > 0 || comes(sleeper) || comes(waiter) {
            return Next::WaitForStir;
        }
        // Before the dwell and any jump: a task that waits for rest acts at this moment, on its results.
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
        // The clock does not jump for waiters alone, or an hourly schedule would make it race forever; but no jump
        // passes over one.
        Next::JumpTo(waiter.map_or(sleeper, |waiter| waiter.min(sleeper)))
    }
}

/// Drives the clock while it has holders.
async fn drive(clock: Weak<Inner>) {
    loop {
        let Some(inner) = clock.upgrade() else { return };
        let next = {
            let state = inner.lock();
            state.next(inner.now(state.skipped), Instant::now(), inner.dwell)
        };
        // Between two rounds the driver releases the clock, so that it is dropped with its last holder.
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
