//! The image that is due for a pipeline, among those that the search found, and what is said where none of them is.

use time::UtcDateTime;

use super::{Cause, Reconciliation, Search};
use crate::names::{Image, Tag, shortened};
use crate::observed::{ImageDetail, ImageStatus};
use crate::start::{Candidate, Chosen};
use crate::tag_rule::TagRule;

/// How many of a repository's tags are named where none of them is followed.
const TAGS_NAMED: usize = 5;

impl Reconciliation<'_> {
    /// The candidate among the images that the search found at `asked_at`. Anything but a container image (a chart, a
    /// signature) is none, even under a tag that the pipeline follows.
    ///
    /// A request is an order of the moment at which it is made; a routine reconciliation knows only the push.
    pub fn candidate(
        &self,
        found: &[ImageDetail],
        asked_at: Option<UtcDateTime>,
    ) -> Option<Candidate> {
        let first = || found.first().filter(|image| image.is_runnable());
        let (detail, tag) = match &self.search {
            Search::All => {
                let (detail, tag) = self.pipeline.tag.choose(found)?;
                (detail, Some(tag.clone()))
            }
            Search::Tag(tag) => {
                let detail = first()?;
                (detail, self.highest(detail).or(Some(tag)).cloned())
            }
            Search::Digest(_) => {
                let detail = first()?;
                let mut tags = detail.tags.iter();
                let followed = tags.find(|tag| self.pipeline.tag.matches(tag));
                let by = self.highest(detail).or(followed);
                (detail, by.or(detail.tags.first()).cloned())
            }
        };
        let ordered_at = match self.cause {
            Cause::Request => asked_at,
            Cause::Push(_) | Cause::Routine => self.event_at,
        };
        let image = Image {
            repository: self.pipeline.repository.clone(),
            digest: detail.digest.clone(),
            tag,
        };
        Some(Candidate {
            image,
            detail: detail.clone(),
            ordered_at: ordered_at.map_or(detail.pushed_at, |at| at.max(detail.pushed_at)),
            chosen: match (&self.search, &self.pipeline.tag) {
                (Search::All, _) | (Search::Tag(_), TagRule::Exact(_)) => Chosen::First,
                (Search::Tag(_) | Search::Digest(_), _) => Chosen::Named,
            },
        })
    }

    /// The highest version of an image, by whichever of its tags or its digest it was found: what a deployment's
    /// description says of it later is that. By a lower one it would seem untried by a rule over all tags.
    fn highest<'i>(&self, detail: &'i ImageDetail) -> Option<&'i Tag> {
        match &self.pipeline.tag {
            rule @ TagRule::Semver(_) => {
                let (_, tag) = rule.choose(std::slice::from_ref(detail))?;
                Some(tag)
            }
            TagRule::Exact(_) | TagRule::Glob(_) | TagRule::Regex(_) => None,
        }
    }

    /// What is missing where the search found no candidate: the repository with the tag, digest or rule that was looked for, and what
    /// is there instead, as far as the search saw it.
    pub fn missing(&self, found: &[ImageDetail]) -> String {
        let repository = &self.pipeline.repository;
        let wanted = match &self.search {
            Search::All => return self.no_match(found),
            Search::Tag(tag) => format!("the tag `{tag}`"),
            Search::Digest(digest) => format!("the digest `{digest}`"),
        };
        match found.first() {
            Some(image) => format!(
                "`{repository}` has {} under {wanted}, expected a container image",
                kind_of(image)
            ),
            None => format!("`{repository}` has no image with {wanted}"),
        }
    }

    /// Of all tagged images none is one that the rule follows and tasks can pull.
    fn no_match(&self, found: &[ImageDetail]) -> String {
        let (repository, rule) = (&self.pipeline.repository, &self.pipeline.tag);
        let mut tagged: Vec<(&ImageDetail, &Tag)> = found
            .iter()
            .flat_map(|image| image.tags.iter().map(move |tag| (image, tag)))
            .collect();
        tagged.sort_by_key(|(image, _)| std::cmp::Reverse(image.pushed_at));
        let nothing = format!("no container image in `{repository}` matches `{rule}`");
        if let Some((image, tag)) = tagged.iter().find(|(_, tag)| rule.matches(tag)) {
            return format!("{nothing}: `{tag}` does, and is {}", kind_of(image));
        }
        let named = tagged.iter().take(TAGS_NAMED);
        let named: Vec<String> = named.map(|(_, tag)| format!("`{tag}`")).collect();
        match tagged.len() {
            0 => format!("{nothing}: no image there has a tag"),
            1 => format!("{nothing}: its one tag is {}", named.concat()),
            number if number > TAGS_NAMED => {
                format!(
                    "{nothing}: of its {number} tags the newest are {}",
                    named.join(", ")
                )
            }
            _ => format!("{nothing}: its tags are {}", named.join(", ")),
        }
    }
}

/// What an image is that is no candidate.
fn kind_of(image: &ImageDetail) -> String {
    match (&image.artifact_media_type, image.status) {
        (Some(media_type), _) if !image.is_runnable() => {
            format!("an artifact of the type `{}`", shortened(media_type))
        }
        (_, ImageStatus::Archived) => "in ECR's archive".to_owned(),
        (_, ImageStatus::Activating) => "being restored from ECR's archive".to_owned(),
        (_, ImageStatus::Active) => "no container image".to_owned(),
    }
}

#[cfg(test)]
mod tests;
