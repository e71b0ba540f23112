//! Time that passes, by AWS's clock: AWS states when a lifecycle event began, so only AWS's clock shows how long ago that is. The
//! process's own stopwatch counts beside it, for answers that do not state their date.

use std::time::Duration;

use rules::test_traffic;
use time::UtcDateTime;
use tokio::time::Instant;

/// How long something has lasted.
pub(crate) struct Stopwatch {
    started: Instant,
    first: Option<UtcDateTime>,
}

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self {
            started: Instant::now(),
            first: None,
        }
    }

    /// Until `now` by AWS's clock.
    pub(crate) fn passed(&mut self, now: Option<UtcDateTime>) -> Duration {
        self.first = self.first.or(now);
        let by_aws = self.first.zip(now).map(|(first, now)| now - first);
        let by_aws = by_aws.and_then(|passed| Duration::try_from(passed).ok());
        by_aws.unwrap_or_default().max(self.started.elapsed())
    }
}

/// The time that a load balancer gets to learn its new weights.
pub(crate) struct Settling {
    since: Option<UtcDateTime>,
    time: Duration,
    now: Option<UtcDateTime>,
    stopwatch: Instant,
    /// Whether it counts since the first answer of AWS.
    from_first: bool,
}

impl Settling {
    /// It counts since then; from now on where AWS does not state when.
    pub(crate) fn new(since: Option<UtcDateTime>, time: Duration) -> Self {
        Self {
            since,
            time,
            now: None,
            stopwatch: Instant::now(),
            from_first: false,
        }
    }

    /// It counts from now on, by AWS's clock: ECS does not state when a stage began, and calls a hook some seconds after that.
    pub(crate) fn from_now_on(time: Duration) -> Self {
        Self {
            from_first: true,
            ..Self::new(None, time)
        }
    }

    /// Notes the time of an answer of AWS.
    pub(crate) fn observe(&mut self, now: Option<UtcDateTime>) {
        self.since = self.since.or(now.filter(|_| self.from_first));
        self.now = now.or(self.now);
    }

    pub(crate) fn is_over(&self) -> bool {
        test_traffic::is_settled(self.since, self.time, self.now, self.stopwatch.elapsed())
    }
}
