//! What a watcher of a rehearsal sees, as it happens: for the terminal, the record and the expectations of scenarios.
//!
//! Nothing in the rehearsal acts on a happening; it is told, never obeyed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use tokio::sync::{broadcast, oneshot};

use crate::clock::{Busy, Clock};

/// Something that happened, and the simulated moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Happening {
    pub at: SystemTime,
    pub what: What,
}

#[derive(Debug, Clone, PartialEq)]
pub enum What {
    ImagePushed {
        repository: String,
        digest: String,
        tag: Option<String>,
    },
    RevisionRegistered {
        arn: String,
        /// (container, image) of every container.
        images: Vec<(String, String)>,
    },
    DeploymentCreated {
        deployment: String,
        application: String,
        deployment_group: String,
        service: String,
        deployment_config: String,
        /// `user` or `codeDeployRollback`.
        creator: String,
        revision: String,
        /// The version that the revision runs, where it is one of the rehearsal's own images.
        version: Option<String>,
    },
    DeploymentStatus {
        deployment: String,
        status: &'static str,
        /// CodeDeploy's error code and sentence.
        error: Option<(String, String)>,
    },
    LifecycleEvent {
        deployment: String,
        name: &'static str,
        status: &'static str,
        message: Option<String>,
    },
    HookCalled {
        deployment: String,
        lifecycle_event: &'static str,
        function: String,
    },
    HookAnswered {
        deployment: String,
        lifecycle_event: &'static str,
        status: String,
        /// The binary name of the function that answered; none when somebody else did.
        function: Option<String>,
        /// How many tasks the service wanted at that moment.
        wanted: Option<u32>,
    },
    /// A listener sends its requests elsewhere.
    Weights {
        cluster: String,
        service: String,
        listener: ListenerKind,
        weights: Vec<Weight>,
    },
    TaskStarted {
        task: String,
        purpose: Purpose,
        version: Option<String>,
    },
    TaskStopped {
        task: String,
        purpose: Purpose,
        version: Option<String>,
        exit_code: Option<i32>,
        stop_code: Option<&'static str>,
        reason: Option<String>,
    },
    /// A CloudWatch alarm was set to `OK`, `ALARM` or `INSUFFICIENT_DATA`.
    AlarmState {
        alarm: String,
        state: &'static str,
        reason: String,
    },
    MessagePublished {
        topic: String,
        subject: Option<String>,
        body: String,
    },
    /// AWS answered a call with an error.
    CallRefused {
        function: Option<String>,
        operation: String,
        code: String,
        message: String,
    },
    /// A function's call met something that was planned for it.
    FaultInjected {
        function: String,
        operation: String,
        /// As `--fault` names it.
        fault: &'static str,
    },
    TimeSkipped {
        from: SystemTime,
        to: SystemTime,
    },
    FunctionInvoked {
        function: String,
        request_id: String,
    },
    FunctionEnded {
        function: String,
        request_id: String,
        /// What went wrong; none when it answered.
        error: Option<String>,
        milliseconds: u64,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListenerKind {
    Production,
    Test,
}

/// How much of a listener's traffic a task set gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weight {
    /// `Blue` or `Green`, as CodeDeploy labels them in the deployment that shifts.
    pub task_set: &'static str,
    /// The version that the task set runs, where it is one of the rehearsal's own images.
    pub version: Option<String>,
    pub percent: u32,
}

/// What a task is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// It serves; the service's name.
    Service(String),
    /// RunTask started it; `startedBy`, and the overriding command without what may be secret in it.
    Once {
        started_by: Option<String>,
        command: Vec<String>,
    },
}

/// Where happenings are told, kept and listened to. Cheap to clone.
#[derive(Clone)]
pub struct Happenings {
    clock: Clock,
    state: Arc<Mutex<State>>,
    channel: broadcast::Sender<Happening>,
}

#[derive(Default)]
struct State {
    kept: Vec<Happening>,
    awaited: Vec<Awaited>,
}

/// Something that somebody waits for.
struct Awaited {
    is_it: Box<dyn Fn(&What) -> bool + Send>,
    tell: oneshot::Sender<Still>,
}

/// A happening that was waited for: the clock stays at its moment for as long as this lives.
pub struct Still {
    /// Its place among all happenings.
    pub index: usize,
    _busy: Busy,
}

impl Happenings {
    pub fn new(clock: Clock) -> Happenings {
        Happenings {
            clock,
            state: Arc::default(),
            channel: broadcast::channel(4096).0,
        }
    }

    pub fn tell(&self, what: What) {
        let happening = Happening {
            at: self.clock.now(),
            what,
        };
        let mut state = self.lock();
        state.kept.push(happening.clone());
        let index = state.kept.len() - 1;
        let (come, rest): (Vec<Awaited>, _) = std::mem::take(&mut state.awaited)
            .into_iter()
            .partition(|awaited| (awaited.is_it)(&happening.what));
        state.awaited = rest;
        for awaited in come {
            let _busy = self.clock.busy();
            // Whoever does not wait any more lets the clock go on.
            let _ = awaited.tell.send(Still { index, _busy });
        }
        // Nobody listens: it is kept all the same.
        let _ = self.channel.send(happening);
    }

    /// The first happening from the place `from` on that is the one, with the clock kept at its moment, or where it is
    /// now if the happening was told before. The receiver is told nothing if the world ends first.
    pub fn still_when(
        &self,
        from: usize,
        is_it: impl Fn(&What) -> bool + Send + 'static,
    ) -> oneshot::Receiver<Still> {
        let (tell, hears) = oneshot::channel();
        let mut state = self.lock();
        let mut told = state.kept.iter().enumerate().skip(from);
        match told.find(|(_, happening)| is_it(&happening.what)) {
            Some((index, _)) => {
                let _busy = self.clock.busy();
                let _ = tell.send(Still { index, _busy });
            }
            None => state.awaited.push(Awaited {
                is_it: Box::new(is_it),
                tell,
            }),
        }
        hears
    }

    /// Everything that is told from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Happening> {
        self.channel.subscribe()
    }

    /// Everything that was told so far, in order.
    pub fn all(&self) -> Vec<Happening> {
        self.lock().kept.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn skip(to: SystemTime) -> What {
        What::TimeSkipped { from: to, to }
    }

    #[tokio::test(start_paused = true)]
    async fn the_clock_stays_at_what_was_waited_for() {
        let clock = Clock::start();
        let happenings = Happenings::new(clock.clone());
        let (start, hour) = (clock.now(), Duration::from_secs(3600));
        happenings.tell(skip(start));
        let is = |moment| move |what: &What| *what == skip(moment);
        assert_eq!(happenings.still_when(0, is(start)).await.unwrap().index, 0);
        let mut again = happenings.still_when(1, is(start));
        assert!(
            again.try_recv().is_err(),
            "what was told before counts again"
        );
        happenings.tell(skip(start + hour));
        happenings.tell(skip(start));
        let still = again.await.unwrap();
        assert_eq!(still.index, 2);
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep(hour).await }
        });
        tokio::time::sleep(Duration::from_secs(30)).await;
        assert!(!sleeper.is_finished());
        drop(still);
        sleeper.await.unwrap();
    }
}
