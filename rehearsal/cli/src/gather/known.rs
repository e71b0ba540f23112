//! Facts that only the play has.

use std::collections::BTreeMap;
use std::time::SystemTime;

use record::{Answers, Seen};

use crate::scenario::custom_pipelines;

/// Facts that a play has and its world does not keep until the end.
pub(crate) struct Known {
    pub(crate) pipelines: Vec<custom_pipelines::Pipeline>,
    /// (repository, tag, digest) of the images in the repositories at the start.
    pub(crate) images: Vec<(String, String, String)>,
    /// ARNs of the revisions from before the start.
    pub(crate) revisions: Vec<String>,
    pub(crate) start: SystemTime,
}

/// The view of production's clients, by service.
#[derive(Default)]
pub(crate) struct Production {
    pub(crate) seen: BTreeMap<String, Seen>,
    pub(crate) answers: BTreeMap<String, Answers>,
}
