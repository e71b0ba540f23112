//! Why no next revision can be made from a task definition.

use crate::names::{ContainerName, PipelineName, Repository};

/// ECS takes 50 tags on a resource (ECS API Reference, Tag).
pub(super) const TAGS_AT_MOST: usize = 50;

/// A task definition from which no next revision can be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// None of its containers runs an image of the repository.
    #[error(
        "revision `{revision}` has no container with an image from the ECR repository `{repository}` of its account and Region; \
         its containers run {images} (hint: name the container in the pipeline's `containers`)"
    )]
    NoMatchingContainer {
        /// The revision.
        revision: String,
        /// The pipeline's repository.
        repository: Repository,
        /// What its containers run.
        images: String,
    },
    /// Several of its containers run images of the repository, and not the same one.
    #[error(
        "revision `{revision}` has containers with different images from the ECR repository `{repository}`: {images} (hint: name \
         those that this pipeline deploys to in its `containers`)"
    )]
    DifferentImages {
        /// The revision.
        revision: String,
        /// The pipeline's repository.
        repository: Repository,
        /// What each of them runs.
        images: String,
    },
    /// It lacks the container behind the load balancer.
    #[error(
        "revision `{revision}` has no container `{container}` with the port {port}, which is behind the load balancer now; it has \
         {containers} (hint: give it that name and port, or deploy the renamed one once by hand)"
    )]
    NothingBehindLoadBalancer {
        /// The revision.
        revision: String,
        /// The container behind the load balancer.
        container: ContainerName,
        /// Its port.
        port: u16,
        /// The containers that the revision has, with their ports.
        containers: String,
    },
    /// A container that the configuration names is not in it.
    #[error(
        "revision `{revision}` has no container `{container}`, it has {containers} (hint: correct the pipeline's `containers`)"
    )]
    NoSuchContainer {
        /// The revision.
        revision: String,
        /// The container that the configuration names.
        container: ContainerName,
        /// The containers that it has.
        containers: String,
    },
    /// One of its containers would get the images of two pipelines.
    #[error(
        "container `{container}` of revision `{revision}` would get the images of two pipelines, `{one}` and `{other}` (hint: name the \
         containers of each in its `containers`)"
    )]
    TwoPipelines {
        /// The revision.
        revision: String,
        /// The container.
        container: String,
        /// One of the pipelines.
        one: PipelineName,
        /// The other.
        other: PipelineName,
    },
    /// Its own tags leave no room for ours.
    #[error(
        "revision `{revision}` has {given} tags, and Greenlight adds {ours}: ECS takes {TAGS_AT_MOST} (hint: take tags off the \
         task definition)"
    )]
    TooManyTags {
        /// The revision.
        revision: String,
        /// How many tags it has, without ours.
        given: usize,
        /// How many are added.
        ours: usize,
    },
    /// It is not a task definition.
    #[error("revision `{revision}` cannot be copied: {reason}")]
    Malformed {
        /// The revision.
        revision: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}
