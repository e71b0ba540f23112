//! Many pieces of work in one invocation: a bounded number side by side, slower where AWS throttles, and never beyond
//! the invocation's time.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use aws::Kind;
use futures_util::{FutureExt, StreamExt, stream};
use tokio::time::Instant;

use crate::Failure;
use crate::hook::words_of;

/// How many pieces of work run side by side, and how throttled ones are tried again.
#[derive(Debug, Clone, Copy)]
pub struct ThrottledBatch {
    /// How many are done side by side; half as many after each rest.
    pub side_by_side: usize,
    /// Pause before throttled pieces are tried again; twice as long each time.
    pub rest: Duration,
    /// The longest pause.
    pub longest_rest: Duration,
    /// When the time for work is over.
    pub until: Instant,
}

impl ThrottledBatch {
    /// Does all the work and gives each piece's result. One piece's failure, a panic included, stops no other. What
    /// AWS throttles is tried again, and what is not tried in time is [`Unfinished`](Failure::Unfinished): the event
    /// is delivered again, and an invocation that observes before it acts finds only the rest to do.
    pub async fn all<'a, T, R>(
        mut self,
        work: &'a [T],
        one: impl AsyncFn(&'a T) -> Result<R, Failure>,
    ) -> Vec<(&'a T, Result<R, Failure>)> {
        let mut done = Vec::with_capacity(work.len());
        let mut due: Vec<&T> = work.iter().collect();
        loop {
            let results: Vec<_> = stream::iter(due)
                .map(async |piece| (piece, self.one(one(piece)).await))
                .buffer_unordered(self.side_by_side)
                .collect()
                .await;
            let is_time = Instant::now() + self.rest < self.until;
            let (throttled, ended): (Vec<_>, Vec<_>) = results
                .into_iter()
                .partition(|(_, result)| is_time && is_throttled(result));
            done.extend(ended);
            due = throttled.into_iter().map(|(piece, _)| piece).collect();
            if due.is_empty() {
                return done;
            }
            tracing::warn!(
                pieces = due.len(),
                rest_seconds = self.rest.as_secs(),
                "throttled, going on more slowly"
            );
            tokio::time::sleep(self.rest).await;
            self.side_by_side = (self.side_by_side / 2).max(1);
            self.rest = (self.rest * 2).min(self.longest_rest);
        }
    }

    async fn one<R>(&self, work: impl Future<Output = Result<R, Failure>>) -> Result<R, Failure> {
        if Instant::now() >= self.until {
            return Err(Failure::Unfinished);
        }
        let work = AssertUnwindSafe(work).catch_unwind();
        match tokio::time::timeout_at(self.until, work).await {
            Ok(Ok(result)) => result,
            Ok(Err(panic)) => Err(Failure::Panicked(words_of(panic.as_ref()))),
            Err(_) => Err(Failure::Unfinished),
        }
    }
}

fn is_throttled<R>(result: &Result<R, Failure>) -> bool {
    matches!(result, Err(Failure::Aws(failed)) if failed.kind == Kind::Throttled)
}
