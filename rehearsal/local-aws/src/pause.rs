//! A paused clock for scripts and tests: it advances only while they wait for something.
//!
//! Everything between two waits happens at one simulated moment, however long it really takes.

use std::sync::Arc;
use std::time::Duration;

use crate::aws::Aws;
use crate::clock::Busy;
use crate::timeline;
use crate::world::World;

/// Holds a world's clock, except during its own waits. Outside them no call may wait for simulated time, or it never
/// returns.
pub struct Pause {
    aws: Arc<Aws>,
    /// The number of entries that a wait has returned or passed over.
    seen: usize,
    still: Option<Busy>,
}

impl Pause {
    /// Earlier entries are not waited for.
    pub fn new(world: &World) -> Pause {
        Pause {
            aws: world.shared().clone(),
            seen: world.timeline.entries().len(),
            still: Some(world.clock.busy()),
        }
    }

    /// Lets the clock advance until the future is ready, and no further.
    pub async fn during<F: Future>(&mut self, wait: F) -> F::Output {
        let (clock, before) = (self.aws.clock.clone(), self.still.take());
        let wait = async {
            drop(before);
            let ready = wait.await;
            self.still = Some(clock.busy());
            ready
        };
        clock.track(wait).await
    }

    /// Waits for the next matching entry; returns whether it came before the world had settled.
    pub async fn until(
        &mut self,
        is_it: impl Fn(&timeline::Event) -> bool + Send + 'static,
    ) -> bool {
        let aws = self.aws.clone();
        let happens = aws.timeline.still_when(self.seen, is_it);
        let index = self.during(async {
            tokio::select! {
                biased;
                still = happens => still.ok().map(|still| still.index),
                () = aws.settled() => None,
            }
        });
        let Some(index) = index.await else {
            return false;
        };
        self.seen = index + 1;
        true
    }

    /// Waits until nothing is in progress (`Aws::settled`). Later waits skip the entries up to there.
    pub async fn settled(&mut self) {
        let aws = self.aws.clone();
        self.during(aws.settled()).await;
        self.seen = aws.timeline.entries().len();
    }

    /// Waits for this simulated time.
    pub async fn pass(&mut self, duration: Duration) {
        let clock = self.aws.clock.clone();
        self.during(clock.sleep(duration)).await;
    }
}
