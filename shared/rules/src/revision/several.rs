//! The next revision of a service that several pipelines deploy to: each due image in its containers, and the others as they run.
//!
//! A revision remembers every pipeline's order, also those that it only takes over: the next decision about an image asks for
//! the order by which it came.

use serde_json::Value;
use time::UtcDateTime;

use super::{
    Marks, Matching, OWN_TAGS, Unusable, containers_of, copied, mark, pin, registered_at, short,
    tags,
};
use crate::config::Pipeline;
use crate::names::{Digest, Image, Mark, RegistryHost};
use crate::observed::TaskDefinition;
use crate::start::{self, Deployed, RunningImage};

/// One pipeline's part of the next revision.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    /// The pipeline.
    pub pipeline: &'a Pipeline,
    /// Its containers in the revision that is copied.
    pub matching: &'a Matching,
    /// The host of its registry.
    pub host: &'a RegistryHost,
    /// What its containers get.
    pub goes: Goes<'a>,
}

/// What the containers of a pipeline get.
#[derive(Debug, Clone, Copy)]
pub enum Goes<'a> {
    /// This image, ordered then.
    Due(&'a Image, UtcDateTime),
    /// What production runs, which is this.
    Kept(&'a RunningImage),
}

/// What RegisterTaskDefinition is sent: `template` as it came, with each due image in its pipeline's containers, and in the others
/// what the revision `production` has there. `marks` are those of the first due image.
///
/// # Errors
/// The revision is not one that can be copied, or a container belongs to two pipelines.
pub fn next_of_several(
    template: &TaskDefinition,
    production: &TaskDefinition,
    parts: &[Part<'_>],
    marks: &Marks,
) -> Result<Value, Unusable> {
    must_be_apart(template, parts)?;
    let mut request = copied(template)?;
    let mut orders = Vec::new();
    let mut first = None;
    for part in parts {
        let containers = containers_of(template, &mut request, part.matching)?;
        match part.goes {
            Goes::Due(image, ordered_at) => {
                for container in containers {
                    pin(container, image, part.host);
                }
                first = first.or(Some(image));
                orders.push((key(&part.pipeline.mark), words(image, ordered_at)));
            }
            Goes::Kept(running) => {
                for container in containers {
                    keep(container, production, part, running);
                }
                let taken_over = taken_over(production, part.pipeline, running);
                orders.extend(taken_over.map(|order| (key(&part.pipeline.mark), order)));
            }
        }
    }
    if let Some(image) = first {
        let tags = tags(template, image, marks, orders)?;
        request.insert("tags".to_owned(), tags);
    }
    Ok(Value::Object(request))
}

fn must_be_apart(template: &TaskDefinition, parts: &[Part<'_>]) -> Result<(), Unusable> {
    for (position, part) in parts.iter().enumerate() {
        for earlier in &parts[..position] {
            let mut indexes = part.matching.indexes.iter();
            if let Some(index) = indexes.find(|index| earlier.matching.indexes.contains(index)) {
                let container = &template.task_definition["containerDefinitions"][*index]["name"];
                return Err(Unusable::TwoPipelines {
                    revision: short(template),
                    container: container.as_str().unwrap_or("?").to_owned(),
                    one: earlier.pipeline.name.clone(),
                    other: part.pipeline.name.clone(),
                });
            }
        }
    }
    Ok(())
}

/// Another template than production's may name another image: that one is not due.
fn keep(
    container: &mut Value,
    production: &TaskDefinition,
    part: &Part<'_>,
    running: &RunningImage,
) {
    let containers = production.task_definition["containerDefinitions"].as_array();
    let mut containers = containers.into_iter().flatten();
    let same = containers.find(|other| other["name"] == container["name"]);
    match (same, running) {
        (Some(same), _) => container["image"] = same["image"].clone(),
        (None, RunningImage::Known(digest)) => {
            let image = Image {
                repository: part.pipeline.repository.clone(),
                digest: digest.clone(),
                tag: None,
            };
            pin(container, &image, part.host);
        }
        (None, RunningImage::Mixed | RunningImage::Unknown(_)) => {}
    }
}

/// The name of the tag that remembers the order of a pipeline's image, without [`OWN_TAGS`].
fn key(mark: &Mark) -> String {
    format!("image:{mark}")
}

/// `<digest> <RFC 3339 time of the order> <tag>`: at most 231 characters of the 256 that a tag has.
fn words(image: &Image, ordered_at: UtcDateTime) -> String {
    let tag = image.tag.as_ref().map(|tag| format!(" {tag}"));
    let (digest, at) = (&image.digest, start::moment(ordered_at));
    format!("{digest} {at}{}", tag.unwrap_or_default())
}

/// The order of what a pipeline's containers go on running.
fn taken_over(
    production: &TaskDefinition,
    pipeline: &Pipeline,
    running: &RunningImage,
) -> Option<String> {
    let RunningImage::Known(digest) = running else {
        return None;
    };
    let matching = super::matching(pipeline, production).ok()?;
    let deployed = super::deployed(pipeline, production, &matching, digest.clone());
    let image = Image {
        repository: pipeline.repository.clone(),
        digest: deployed.digest,
        tag: deployed.tag,
    };
    Some(words(&image, deployed.ordered_at?))
}

/// Whether the revision remembers each pipeline's order by itself.
pub(super) fn is_marked(definition: &TaskDefinition) -> bool {
    let beginning = format!("{OWN_TAGS}image:");
    let mut tags = definition.tags.as_array().into_iter().flatten();
    tags.any(|tag| {
        let key = tag["key"].as_str();
        key.is_some_and(|key| key.starts_with(&beginning))
    })
}

/// The pipeline's image of this digest, where the revision remembers its order.
pub(super) fn deployed(
    definition: &TaskDefinition,
    pipeline: &Pipeline,
    digest: &Digest,
) -> Option<Deployed> {
    let key = format!("{OWN_TAGS}{}", key(&pipeline.mark));
    let mut words = mark(definition, &key)?.split(' ');
    if words.next()? != digest.as_str() {
        return None;
    }
    Some(Deployed {
        digest: digest.clone(),
        ordered_at: words.next().and_then(start::read_moment),
        tag: words.next().and_then(|tag| tag.parse().ok()),
        at: registered_at(definition),
    })
}

#[cfg(test)]
mod tests;
