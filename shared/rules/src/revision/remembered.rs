//! What a revision says of the image that it deployed.

use super::{Matching, mark, named, registered_at, several};
use crate::config::Pipeline;
use crate::names::Digest;
use crate::observed::TaskDefinition;
use crate::start::{self, Deployed};

/// The tag by which versions up to 0.1 said which image a revision was made for: `<repository>:<tag>`.
const OLD_IMAGE_TAG: &str = "greenlight:image";

/// The pipeline's image of this digest as the revision deployed it: by the tag that [`next`] gave to the revision, or else by the one
/// that the containers name.
pub fn deployed(
    pipeline: &Pipeline,
    definition: &TaskDefinition,
    matching: &Matching,
    digest: Digest,
) -> Deployed {
    if let Some(marked) = several::deployed(definition, pipeline, &digest) {
        return marked;
    }
    // The marks of an earlier order stay where a revision is used again for another image: those say nothing of this one.
    let is_ours = mark(definition, "greenlight:digest") == Some(digest.as_str())
        && (pipeline.is_alone || !several::is_marked(definition));
    let own_mark = |key| mark(definition, key).filter(|_| is_ours);
    let ours = own_mark("greenlight:tag").and_then(|tag| tag.parse().ok());
    let older = || {
        let (name, tag) = mark(definition, OLD_IMAGE_TAG)?.split_once(':')?;
        let is_own = name == pipeline.repository.as_str();
        is_own.then(|| tag.parse().ok()).flatten()
    };
    let named = || named::tag(&matching.named, &digest, &pipeline.tag);
    Deployed {
        ordered_at: own_mark("greenlight:ordered-at").and_then(start::read_moment),
        tag: ours.or_else(named).or_else(older),
        digest,
        at: registered_at(definition),
    }
}
