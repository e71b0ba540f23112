//! How far a deployment is, as a person follows it: the same for every engine.
//!
//! Each engine says in its own module what its records mean in these words (`codedeploy`, `ecs`).

use time::UtcDateTime;

use crate::names::DeploymentId;
use crate::start::{Active, Phase};

/// A deployment at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// Its id.
    pub id: DeploymentId,
    /// What it means for production.
    pub state: State,
    /// The engine's own word for it.
    pub status: String,
    /// When it was created.
    pub created_at: UtcDateTime,
    /// When it ended.
    pub ended_at: Option<UtcDateTime>,
    /// Its steps, in order; those that the engine does not list are not among them.
    pub steps: Vec<Step>,
    /// What served when it began.
    pub blue: Option<Side>,
    /// What it brings.
    pub green: Option<Side>,
    /// Why it goes or went wrong, what says most first.
    pub reasons: Vec<String>,
}

/// What a deployment means for production.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// On its way.
    UnderWay,
    /// Production has the image, every gate has passed, and blue is still there.
    Shifted,
    /// It goes back to what ran before, or is being stopped.
    RollingBack,
    /// It ended, and production has the image.
    Succeeded,
    /// It ended with what ran before.
    RolledBack,
    /// It ended because a newer one took its place.
    Superseded,
    /// It ended otherwise: it failed, or was stopped.
    Failed,
}

impl State {
    /// The word for programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::UnderWay => "under-way",
            Self::Shifted => "shifted",
            Self::RollingBack => "rolling-back",
            Self::Succeeded => "succeeded",
            Self::RolledBack => "rolled-back",
            Self::Superseded => "superseded",
            Self::Failed => "failed",
        }
    }

    /// Whether nothing more happens to the deployment.
    pub fn has_ended(self) -> bool {
        match self {
            Self::UnderWay | Self::Shifted | Self::RollingBack => false,
            Self::Succeeded | Self::RolledBack | Self::Superseded | Self::Failed => true,
        }
    }

    /// Whether it does not bring its image to production.
    pub fn goes_wrong(self) -> bool {
        match self {
            Self::UnderWay | Self::Shifted | Self::Succeeded => false,
            Self::RollingBack | Self::RolledBack | Self::Superseded | Self::Failed => true,
        }
    }
}

/// A step of a deployment, in the engine's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// `AfterInstall`, `BAKE_TIME`.
    pub name: String,
    /// How far it is.
    pub status: String,
    /// When it began.
    pub started_at: Option<UtcDateTime>,
    /// When it ended.
    pub ended_at: Option<UtcDateTime>,
    /// Whether it is the one that goes on.
    pub is_current: bool,
    /// Whether it ended badly.
    pub has_failed: bool,
}

/// Blue or green.
#[derive(Debug, Clone, PartialEq)]
pub struct Side {
    /// The revision, `family:number`; none where it is not known.
    pub revision: Option<String>,
    /// Tasks that it should have.
    pub desired: i32,
    /// Tasks that run.
    pub running: i32,
    /// Its share of production traffic in percent; none where the engine states none.
    pub weight: Option<f64>,
    /// Its share of test traffic in percent; none where the engine states none.
    pub test_weight: Option<f64>,
}

impl Progress {
    /// What is known of a deployment of which there is no record: its migration runs before it, or it was accepted and is not listed
    /// yet.
    pub fn of_active(active: &Active) -> Self {
        let (state, status) = match active.phase {
            Phase::Migrating => (State::UnderWay, "migrating"),
            Phase::Migrated => (State::UnderWay, "migrated, starts next"),
            Phase::Accepted => (State::UnderWay, "accepted"),
            Phase::Shifting | Phase::Rolling => (State::UnderWay, "under way"),
            Phase::TerminationWait | Phase::Bake => (State::Shifted, "shifted"),
            Phase::Judging => (State::UnderWay, "shifted, its production gate asks"),
            Phase::RollingBack => (State::RollingBack, "rolling back"),
        };
        Self {
            id: active.id.clone(),
            state,
            status: status.to_owned(),
            created_at: active.created_at,
            ended_at: None,
            steps: Vec::new(),
            blue: None,
            green: None,
            reasons: Vec::new(),
        }
    }

    /// The step that goes on.
    pub fn current(&self) -> Option<&Step> {
        self.steps.iter().find(|step| step.is_current)
    }
}
