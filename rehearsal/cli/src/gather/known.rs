//! What only the play can add to what its world says.

use std::collections::BTreeMap;
use std::time::SystemTime;

use record::{Answers, Seen};

use crate::scenario::custom_pipelines;

/// What a play knows that its world does not say at the end.
pub(crate) struct Known {
    pub(crate) pipelines: Vec<custom_pipelines::Pipeline>,
    /// (repository, tag, digest) of what lay in the repositories at the beginning.
    pub(crate) images: Vec<(String, String, String)>,
    /// ARNs of the revisions that were there before anything happened.
    pub(crate) revisions: Vec<String>,
    pub(crate) start: SystemTime,
}

/// What the clients of production saw, by service.
#[derive(Default)]
pub(crate) struct Production {
    pub(crate) seen: BTreeMap<String, Seen>,
    pub(crate) answers: BTreeMap<String, Answers>,
}
