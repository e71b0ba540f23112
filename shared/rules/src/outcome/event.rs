//! What can happen to a push, by name.

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A deployment began.
    Started,
    /// An image waits behind another deployment.
    Waiting,
    /// A deployment waits for a person.
    Ready,
    /// The migration gate failed.
    MigrationFailed,
    /// The test traffic gate failed.
    TestTrafficFailed,
    /// Production runs the image.
    Shipped,
    /// A deployment ended badly.
    Failed,
    /// A deployment was stopped.
    Stopped,
    /// Production is back on what it ran before.
    RolledBack,
}

impl Event {
    /// The stable code for programs and logs.
    pub fn code(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Waiting => "waiting",
            Self::Ready => "ready",
            Self::MigrationFailed => "migration-failed",
            Self::TestTrafficFailed => "test-traffic-failed",
            Self::Shipped => "shipped",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
            Self::RolledBack => "rolled-back",
        }
    }

    /// The words for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Waiting => "waiting",
            Self::Ready => "ready",
            Self::MigrationFailed => "migration failed",
            Self::TestTrafficFailed => "test traffic failed",
            Self::Shipped => "shipped",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
            Self::RolledBack => "rolled back",
        }
    }
}
