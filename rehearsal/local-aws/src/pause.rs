//! Whoever acts on a world, with its clock paused: it goes on only while that one waits for something.
//!
//! What is done between two waits happens at one moment, however long it really takes.

use std::sync::Arc;
use std::time::Duration;

use crate::aws::Aws;
use crate::clock::Busy;
use crate::timeline;
use crate::world::World;

/// Keeps a world's clock where it is, except in its own waits. Nobody's call may wait for simulated time meanwhile.
pub struct Pause {
    aws: Arc<Aws>,
    /// Number of entries that have been waited for, or passed over by a wait.
    seen: usize,
    still: Option<Busy>,
}

impl Pause {
    /// Timeline of before are not waited for.
    pub fn new(world: &World) -> Pause {
        Pause {
            aws: world.shared().clone(),
            seen: world.timeline.entries().len(),
            still: Some(world.clock.busy()),
        }
    }

    /// Lets the clock go on until the future is ready, and no further.
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

    /// The next entry that is the one; says whether it came before everything ended.
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

    /// Nothing is under way any more (`Aws::settled`). What led there is not waited for afterwards.
    pub async fn settled(&mut self) {
        let aws = self.aws.clone();
        self.during(aws.settled()).await;
        self.seen = aws.timeline.entries().len();
    }

    /// So much simulated time.
    pub async fn pass(&mut self, duration: Duration) {
        let clock = self.aws.clock.clone();
        self.during(clock.sleep(duration)).await;
    }
}
