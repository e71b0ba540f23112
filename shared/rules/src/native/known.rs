//! What is known of a service deployment that waits for a hook.

use crate::config::Pipeline;
use crate::ecs::{ServiceDeployment, ServiceRevision, Strategy};
use crate::engine::Engine;
use crate::names::{Digest, Image};
use crate::observed::{Service, TaskDefinition};
use crate::outcome::Subject;
use crate::revision::{self, Matching};

/// What is known of a service deployment that waits for a hook.
#[derive(Debug, Clone)]
pub struct Known {
    /// Its pipeline: of several pipelines of the service the one that configures the gate.
    pub pipeline: Pipeline,
    /// It, as ECS describes it.
    pub deployment: ServiceDeployment,
    /// Its service.
    pub service: Service,
    /// What it deploys: green.
    pub target: ServiceRevision,
    /// The task definition revision of it.
    pub definition: TaskDefinition,
}

impl Known {
    /// The deployment as an outcome names it.
    pub fn subject(&self) -> Subject {
        let engine = self.pipeline.engine(&self.service);
        Subject {
            // Hooks are only called for a strategy that has a green.
            engine: engine.unwrap_or(Engine::Native(Strategy::BlueGreen)),
            id: self.deployment.arn.id(),
            image: self.image(),
            settings: None,
            error: None,
            stopped_by_call: false,
            rolled_back_by: None,
            rolls_back: None,
        }
    }

    /// The pipeline's image that green runs; none where that is not known.
    fn image(&self) -> Option<Image> {
        let Self {
            pipeline,
            target,
            definition,
            ..
        } = self;
        let matching = revision::matching(pipeline, definition).ok()?;
        let digest = digest(&matching, definition, target)?;
        let deployed = revision::deployed(pipeline, definition, &matching, digest);
        Some(Image {
            repository: pipeline.repository.clone(),
            digest: deployed.digest,
            tag: deployed.tag,
        })
    }

    /// Whether green runs this image of the pipeline's.
    pub fn is_image(&self, digest: &Digest) -> bool {
        self.image().is_some_and(|image| image.digest == *digest)
    }

    /// Whether this service revision, of an earlier deployment, runs the same image.
    pub fn is_image_of(&self, earlier: &ServiceRevision) -> bool {
        let containers = match revision::matching(&self.pipeline, &self.definition) {
            Ok(matching) => containers(&matching, &self.definition),
            Err(_) => return false,
        };
        let shipped = self.image().map(|image| image.digest);
        shipped.is_some() && agreed(earlier, &containers) == shipped
    }
}

/// The one digest that the containers run: as the task definition pins it, else as ECS resolved it.
fn digest(
    matching: &Matching,
    definition: &TaskDefinition,
    target: &ServiceRevision,
) -> Option<Digest> {
    if let Some(pins) = matching.pins() {
        let first = pins.first()?;
        return pins
            .iter()
            .all(|pin| pin == first)
            .then(|| (*first).clone());
    }
    agreed(target, &containers(matching, definition))
}

fn containers(matching: &Matching, definition: &TaskDefinition) -> Vec<String> {
    matching.names(definition).map(str::to_owned).collect()
}

/// The digest in which these containers of a service revision agree. Of an image that is pinned ECS may state none.
fn agreed(revision: &ServiceRevision, containers: &[String]) -> Option<Digest> {
    let of = |name: &String| {
        let mut images = revision.images.iter();
        let image = images.find(|image| image.container.as_str() == name)?;
        let pinned = image
            .image
            .as_deref()
            .and_then(|image| image.split_once('@'));
        let pinned = pinned.and_then(|(_, digest)| digest.parse().ok());
        pinned.or_else(|| image.digest.clone())
    };
    let digests: Vec<Digest> = containers.iter().map(of).collect::<Option<_>>()?;
    let first = digests.first()?;
    digests
        .iter()
        .all(|digest| digest == first)
        .then(|| first.clone())
}
