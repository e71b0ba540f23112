//! What an outcome means for its image.

/// What an outcome means for its image, for programs that know nothing else of deployments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is not decided yet, or cannot be known.
    Pending,
    /// Production runs it.
    Success,
    /// It did not ship, and something has to be corrected or decided.
    Failure,
    /// A newer image took its place.
    Superseded,
}

impl Verdict {
    /// The stable code for programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Superseded => "superseded",
        }
    }
}
