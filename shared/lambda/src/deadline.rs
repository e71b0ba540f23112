//! How much time an invocation has left.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// The moment at which Lambda ends the invocation.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(Instant);

/// What is kept back for answering a hook and telling people, whatever happens before.
const RESERVE: Duration = Duration::from_secs(30);

impl Deadline {
    /// So much time from now.
    pub fn after(left: Duration) -> Self {
        Self(Instant::now() + left)
    }

    /// From the invocation's deadline, as Lambda states it.
    pub(crate) fn at(moment: SystemTime) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "Lambda states the deadline in wall-clock time, waiting needs a duration"
        )]
        let left = moment.duration_since(SystemTime::now()).unwrap_or_default();
        Self::after(left)
    }

    /// Time until Lambda ends the invocation.
    pub fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// Time for the work itself: half a minute stays for the answer, or a quarter where there is less.
    pub fn for_work(self) -> Duration {
        let left = self.left();
        left.saturating_sub(RESERVE.min(left / 4))
    }
}
