//! Revisions that a rollback request made. ECS calls the hooks of the service for every deployment, with nothing that tells one that
//! goes back: the revision does. The hook does not trust that alone: an earlier successful deployment of the image has to be there.

use serde_json::Value;

use crate::observed::TaskDefinition;

/// The name of the tag, without what the keys of our own tags begin with.
pub(super) const NAME: &str = "rollback";
const KEY: &str = "greenlight:rollback";

/// Whether a revision is made to go on, or back to an image that shipped before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// On: every gate works.
    Forward,
    /// Back: no migration.
    Back,
}

impl Way {
    /// The value of the tag; none where there is none.
    pub(super) fn mark(self) -> Option<String> {
        match self {
            Self::Forward => None,
            Self::Back => Some("requested".to_owned()),
        }
    }
}

/// Whether a rollback request made the revision.
pub fn is_for_rollback(definition: &TaskDefinition) -> bool {
    is_marked(&definition.tags)
}

pub(super) fn is_marked(tags: &Value) -> bool {
    let mut tags = tags.as_array().into_iter().flatten();
    tags.any(|tag| tag["key"] == KEY)
}
