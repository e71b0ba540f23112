//! What every service of one world needs beside its own state: the clock, the timeline, ids, assumptions, and a place for
//! what runs by itself.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::task::JoinSet;

use crate::assumption::Assumptions;
use crate::clock::Clock;
use crate::identity::Ids;
use crate::timeline::Timeline;

/// Handed to every service when it is made. Cheap to clone; all clones are of the same world.
#[derive(Clone)]
pub struct Context {
    pub assumptions: Arc<Assumptions>,
    pub clock: Clock,
    pub timeline: Timeline,
    /// Of things: deployments, task sets, tasks. What Lambda and EventBridge count by themselves has ids of its own.
    pub ids: Arc<Ids>,
    pub background: Background,
}

impl Context {
    pub fn new(clock: Clock, assumptions: Assumptions) -> Context {
        Context {
            assumptions: Arc::new(assumptions),
            timeline: Timeline::new(clock.clone()),
            ids: Arc::default(),
            background: Background::new(clock.clone()),
            clock,
        }
    }
}

/// Everything that runs by itself; it ends with the world.
#[derive(Clone)]
pub struct Background {
    clock: Clock,
    tasks: Arc<Mutex<JoinSet<()>>>,
}

impl Background {
    fn new(clock: Clock) -> Background {
        Background {
            clock,
            tasks: Arc::default(),
        }
    }

    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.lock();
        // Those that have ended already need not be remembered.
        while tasks.try_join_next().is_some() {}
        tasks.spawn(self.clock.track(task));
    }

    /// Ends everything at its next wait. Whoever runs here holds the services, which would otherwise never be dropped.
    pub(crate) fn abort(&self) {
        self.lock().abort_all();
    }

    /// Ends everything and waits until all of it is gone.
    pub(crate) async fn shutdown(&self) {
        let mut tasks = std::mem::take(&mut *self.lock());
        tasks.shutdown().await;
    }

    fn lock(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
