//! What the containers of a pipeline name of its own repository, and what that shows of the image that runs.

use std::collections::BTreeSet;

use serde_json::Value;

use super::reference::{Reference, Registry};
use crate::names::{Digest, Tag};
use crate::start::RunningImage;
use crate::tag_rule::TagRule;

/// What a container names of the pipeline's own repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The container's name.
    pub container: String,
    /// The whole reference.
    pub image: String,
    /// The digest that it is pinned to.
    pub digest: Option<Digest>,
    /// The tag, which may have moved since.
    pub tag: Option<Tag>,
}

impl Named {
    /// None for an image of another repository or registry.
    pub(super) fn of(
        container: &Value,
        registry: Option<Registry<'_>>,
        repository: &str,
    ) -> Option<Self> {
        let reference =
            Reference::of(container).filter(|image| image.is_of(registry, repository))?;
        let text = |field: &str| container[field].as_str().unwrap_or("?").to_owned();
        Some(Self {
            container: text("name"),
            image: text("image"),
            digest: reference.digest.and_then(|digest| digest.parse().ok()),
            tag: reference.tag.and_then(|tag| tag.parse().ok()),
        })
    }
}

/// The digest that so many containers are pinned to. One with an image of another repository, pinned or not, runs none of the
/// pipeline's, even one with the same digest.
pub(super) fn running(named: &[Named], containers: usize) -> RunningImage {
    let digests: BTreeSet<&Digest> = named.iter().flat_map(|named| &named.digest).collect();
    if named.len() < containers || digests.len() > 1 {
        return RunningImage::Mixed;
    }
    if let Some(Named {
        container, image, ..
    }) = named.iter().find(|named| named.digest.is_none())
    {
        return RunningImage::Unknown(format!(
            "container `{container}` runs `{image}`, which pins no digest"
        ));
    }
    digests.first().map_or_else(
        || RunningImage::Unknown("the revision has no container of the pipeline".to_owned()),
        |digest| RunningImage::Known((*digest).clone()),
    )
}

/// The tag by which an image of this digest was deployed, as far as the containers name it: the highest version where the rule
/// is a range of versions.
pub(super) fn tag(named: &[Named], digest: &Digest, rule: &TagRule) -> Option<Tag> {
    let names_it = |named: &&Named| named.digest.as_ref().is_none_or(|pin| pin == digest);
    let tags = named.iter().filter(names_it).flat_map(|named| &named.tag);
    tags.max_by_key(|tag| rule.version(tag)).cloned()
}
