//! How much time an invocation has left.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// The moment at which Lambda ends the invocation.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(Instant);

/// What is kept back for answering a hook and publishing, whatever happens before.
const RESERVE: Duration = Duration::from_secs(30);

/// The time of an invocation whose deadline is not stated: the most that Lambda gives.
const UNSTATED: Duration = Duration::from_secs(15 * 60);

impl Deadline {
    /// So much time from now.
    pub fn after(left: Duration) -> Self {
        Self(Instant::now() + left)
    }

    /// From the invocation's deadline, as Lambda states it. One that has passed before the invocation begins is none:
    /// emulators such as `cargo lambda watch` state a moment of 1970.
    pub(crate) fn at(moment: SystemTime) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "Lambda states the deadline in wall-clock time, waiting needs a duration"
        )]
        let left = moment.duration_since(SystemTime::now());
        Self::after(left.unwrap_or(UNSTATED))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_deadline_that_has_passed_before_the_invocation_begins_is_none() {
        let stated = SystemTime::UNIX_EPOCH + Duration::from_secs(600);
        assert_eq!(Deadline::at(stated).left(), UNSTATED);
        let far = SystemTime::UNIX_EPOCH + Duration::from_secs(60 * 60 * 24 * 365 * 200);
        assert!(Deadline::at(far).left() > UNSTATED);
    }

    #[tokio::test(start_paused = true)]
    async fn half_a_minute_is_kept_for_the_answer_or_a_quarter() {
        for (left, for_work) in [(900, 870), (120, 90), (100, 75), (0, 0)] {
            let deadline = Deadline::after(Duration::from_secs(left));
            assert_eq!(deadline.for_work().as_secs(), for_work, "{left}");
        }
    }
}
