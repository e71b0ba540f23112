//! What a watcher of a rehearsal sees, as it happens: for the terminal, the record and the expectations of scenarios.
//!
//! Nothing in the rehearsal acts on a happening; it is told, never obeyed.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use tokio::sync::broadcast;

use crate::clock::Clock;

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
    /// RunTask started it; `startedBy` and the command that was overridden.
    Once {
        started_by: Option<String>,
        command: Vec<String>,
    },
}

/// Where happenings are told, kept and listened to. Cheap to clone.
#[derive(Clone)]
pub struct Happenings {
    clock: Clock,
    kept: Arc<Mutex<Vec<Happening>>>,
    channel: broadcast::Sender<Happening>,
}

impl Happenings {
    pub fn new(clock: Clock) -> Happenings {
        Happenings {
            clock,
            kept: Arc::default(),
            channel: broadcast::channel(4096).0,
        }
    }

    pub fn tell(&self, what: What) {
        let happening = Happening {
            at: self.clock.now(),
            what,
        };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push(happening.clone());
        // Nobody listens: it is kept all the same.
        let _ = self.channel.send(happening);
    }

    /// Everything that is told from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Happening> {
        self.channel.subscribe()
    }

    /// Everything that was told so far, in order.
    pub fn all(&self) -> Vec<Happening> {
        self.kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
