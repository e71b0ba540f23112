//! Which image a service deployment deploys, and whose pipelines that concerns.

use super::observed::{Observed, Target};
use crate::config::Pipeline;
use crate::ecs::ServiceRevision;
use crate::names::{Digest, Image, Mark};
use crate::outcome::Subject;
use crate::revision::{self, Matching, mark};

/// The tags by which a revision is known as one that was registered for a service, and for which of its images.
const SERVICE: &str = "greenlight:service";
const DIGEST: &str = "greenlight:digest";
const TEMPLATE: &str = "greenlight:template";

/// The pipeline's image that is deployed; none where the revision is not one of Greenlight's for this service: then a person or
/// another tool deploys what it likes.
pub fn image(pipeline: &Pipeline, target: &Target) -> Option<Image> {
    let definition = &target.definition;
    let is_of_service = mark(definition, SERVICE) == Some(&*pipeline.place());
    let is_marked = mark(definition, DIGEST).is_some()
        || mark(definition, &of_several(&pipeline.mark)).is_some();
    if !is_of_service || !is_marked {
        return None;
    }
    let matching = revision::matching(pipeline, definition).ok()?;
    let digest = digest(&matching, target)?;
    let deployed = revision::deployed(pipeline, definition, &matching, digest);
    Some(Image {
        repository: pipeline.repository.clone(),
        digest: deployed.digest,
        tag: deployed.tag,
    })
}

/// The tag of the image of one of several pipelines.
fn of_several(mark: &Mark) -> String {
    format!("greenlight:image:{mark}")
}

/// The one digest that the containers are pinned to, or that ECS resolved.
fn digest(matching: &Matching, target: &Target) -> Option<Digest> {
    let pins = matching.pins().map(|pins| {
        let pins = pins.into_iter().cloned();
        pins.collect::<Vec<_>>()
    });
    let digests = match pins {
        Some(pins) => pins,
        None => matching
            .names(&target.definition)
            .map(|name| resolved(&target.revision, name).cloned())
            .collect::<Option<_>>()?,
    };
    let first = digests.first()?;
    let is_one = digests.iter().all(|digest| digest == first);
    is_one.then(|| first.clone())
}

fn resolved<'a>(revision: &'a ServiceRevision, container: &str) -> Option<&'a Digest> {
    let mut images = revision.images.iter();
    let image = images.find(|image| image.container.as_str() == container)?;
    image.digest.as_ref()
}

/// The deployment as the pipeline's outcomes name it.
pub(super) fn subject(pipeline: &Pipeline, observed: &Observed, was_requested: bool) -> Subject {
    let image = image(pipeline, &observed.target);
    let settings = image.as_ref().and_then(|_| settings(pipeline, observed));
    Subject {
        engine: observed.engine,
        id: observed.deployment.arn.id(),
        image,
        settings,
        error: None,
        stopped_by_call: was_requested,
        rolled_back_by: None,
        rolls_back: None,
    }
}

/// The number of the revision whose settings it brings, where it brings nothing else. The same revision once more brings nothing.
fn settings(pipeline: &Pipeline, observed: &Observed) -> Option<u32> {
    let (source, target) = (observed.source.as_ref()?, &observed.target);
    let brings_settings = source.revision != target.revision.revision
        && is_another_image(pipeline, observed) == Some(false);
    let (_, number) = mark(&target.definition, TEMPLATE)?.rsplit_once(':')?;
    number.parse().ok().filter(|_| brings_settings)
}

/// Whether the pipeline's containers get another image than they had; none where that is not known.
fn is_another_image(pipeline: &Pipeline, observed: &Observed) -> Option<bool> {
    let source = observed.source.as_ref()?;
    let target = &observed.target;
    let matching = revision::matching(pipeline, &target.definition).ok()?;
    let names: Vec<&str> = matching.names(&target.definition).collect();
    let of = |revision: &ServiceRevision| {
        let image = |name: &&str| {
            let mut images = revision.images.iter();
            let image = images.find(|image| image.container.as_str() == *name);
            image.and_then(|image| image.image.clone())
        };
        names.iter().map(image).collect::<Option<Vec<_>>>()
    };
    Some(of(source)? != of(&target.revision)?)
}

/// The pipelines for which an outcome is published, given all of the service: those whose image is deployed, and not only taken over
/// from what ran before. Where it is not known whose images are deployed, the first pipeline speaks for the service.
pub fn concerned<'a>(pipelines: &[&'a Pipeline], observed: &Observed) -> Vec<&'a Pipeline> {
    let ours: Vec<&Pipeline> = pipelines
        .iter()
        .copied()
        .filter(|pipeline| image(pipeline, &observed.target).is_some())
        .collect();
    let new: Vec<&Pipeline> = ours
        .iter()
        .copied()
        .filter(|pipeline| is_another_image(pipeline, observed) != Some(false))
        .collect();
    [new, ours, pipelines[..1].to_vec()]
        .into_iter()
        .find(|told| !told.is_empty())
        .unwrap_or_default()
}
