//! The context that all services of a world share: the clock, the timeline, ids, assumptions, and background tasks.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::task::JoinSet;

use crate::assumption::Assumptions;
use crate::clock::Clock;
use crate::identity::Ids;
use crate::timeline::Timeline;

/// Passed to every service at creation. Cheap to clone; all clones belong to the same world.
#[derive(Clone)]
pub struct Context {
    pub assumptions: Arc<Assumptions>,
    pub clock: Clock,
    pub timeline: Timeline,
    /// Ids of deployments, task sets and tasks. Lambda and EventBridge use their own generators.
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

/// The background tasks of a world, which end with it.
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
        // Tasks that have ended need not be kept.
        while tasks.try_join_next().is_some() {}
        tasks.spawn(self.clock.track(task));
    }

    /// Aborts every task at its next await point. Background tasks hold the services, which would otherwise never be
    /// dropped.
    pub(crate) fn abort(&self) {
        self.lock().abort_all();
    }

    /// Aborts every task and waits until all have ended.
    pub(crate) async fn shutdown(&self) {
        let mut tasks = std::mem::take(&mut *self.lock());
        tasks.shutdown().await;
    }

    fn lock(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
