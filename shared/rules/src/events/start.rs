//! What triggers `start-deployment`.

use serde::Deserialize;
use serde_json::Value;
use time::UtcDateTime;

use super::{
    Envelope, StateChange, UnreadableEvent, detail, envelope, is_from_event_bridge, read, time_of,
};
use crate::names::{ApplicationName, DeploymentGroupName, Digest, Image, PipelineName, Tag};
use crate::sanitize::line;
use crate::start::Force;

/// What triggers `start-deployment`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StartEvent {
    /// An image arrived in ECR under a tag.
    Pushed {
        /// The image.
        image: Image,
        /// The tag that it arrived under.
        tag: Tag,
        /// When.
        at: UtcDateTime,
    },
    /// A deployment of this group ended: something else may be due.
    DeploymentEnded {
        /// The group's application.
        application: ApplicationName,
        /// The group.
        deployment_group: DeploymentGroupName,
    },
    /// An hour has passed: events may have been lost.
    Routine,
    /// A person asks.
    Asked(Request),
    /// An event that asks for nothing; the sentence says why.
    Ignored(String),
}

/// A person's request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The pipeline.
    pub pipeline: PipelineName,
    /// Which image.
    pub wanted: Wanted,
    /// Whether the image is deployed even where it runs already.
    pub force: Force,
    /// Towards a new state, or back to one that shipped before.
    pub way: Way,
    /// Only say what would be done.
    pub dry_run: bool,
}

/// Whether a request goes on or back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// A deployment with all its gates.
    Forward,
    /// A rollback: the image must have shipped before, and no migration runs.
    Back,
}

/// Which image a person wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// The one that the pipeline's tag rule chooses.
    Due,
    /// The one that this tag points at.
    Tag(Tag),
    /// This one.
    Digest(Digest),
}

impl StartEvent {
    /// Reads an event or a request.
    ///
    /// # Errors
    /// What is none of the things that trigger `start-deployment`, or lacks what it needs.
    pub fn parse(event: &Value) -> Result<Self, UnreadableEvent> {
        if is_from_event_bridge(event) {
            return from_event_bridge(&envelope(event)?);
        }
        if event.get("pipeline").is_some() {
            return request(event);
        }
        Err(UnreadableEvent::new(
            ".",
            "neither an EventBridge event (with `source` and `detail-type`) nor a request \
             (`{\"pipeline\": \"<name>\"}` with `tag` or `digest`, `force`, `rollback` and `dry_run`, as you like)",
        ))
    }
}

fn from_event_bridge(event: &Envelope) -> Result<StartEvent, UnreadableEvent> {
    match (event.source.as_str(), event.detail_type.as_str()) {
        ("aws.ecr", "ECR Image Action") => image_action(event),
        ("aws.codedeploy", _) => state_change(event),
        (_, "Scheduled Event") => Ok(StartEvent::Routine),
        (source, detail_type) => Err(UnreadableEvent::new(
            "detail-type",
            &format!(
                "`{detail_type}` of `{source}` is nothing to act on, expected `ECR Image Action`, \
                 `CodeDeploy Deployment State-change Notification` or `Scheduled Event`"
            ),
        )),
    }
}

/// ECR's detail (ECR User Guide, "Amazon ECR events and EventBridge"). An untagged manifest comes with an empty
/// `image-tag`; a missing one is taken for the same.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct ImageAction {
    action_type: String,
    result: String,
    repository_name: crate::names::Repository,
    image_digest: Digest,
    #[serde(default)]
    image_tag: Option<String>,
    #[serde(default)]
    artifact_media_type: Option<String>,
}

fn ignored(reason: &str) -> StartEvent {
    StartEvent::Ignored(line(reason))
}

fn image_action(event: &Envelope) -> Result<StartEvent, UnreadableEvent> {
    // Other actions carry other fields, so the action is read before anything else is expected of the event.
    let action = event
        .detail
        .as_ref()
        .and_then(|detail| detail.get("action-type"));
    let action = action.and_then(Value::as_str);
    if let Some(action) = action.filter(|action| *action != "PUSH") {
        return Ok(ignored(&format!("`{action}` is not a push")));
    }
    let at = time_of(event)?;
    let detail: ImageAction = detail(event)?;
    if detail.result != "SUCCESS" {
        return Ok(ignored(&format!(
            "the {} ended with `{}`",
            detail.action_type, detail.result
        )));
    }
    let Some(tag) = detail.image_tag.filter(|tag| !tag.is_empty()) else {
        return Ok(StartEvent::Ignored(
            "an untagged manifest: a part of another image, or an attestation".to_owned(),
        ));
    };
    let tag: Tag = tag
        .parse()
        .map_err(|error| UnreadableEvent::new("detail.image-tag", &format!("{error}")))?;
    if let Some(other) = detail
        .artifact_media_type
        .filter(|media_type| !is_image(media_type))
    {
        return Ok(ignored(&format!(
            "an artifact of type `{other}` is not a container image"
        )));
    }
    let image = Image {
        repository: detail.repository_name,
        digest: detail.image_digest,
        tag: Some(tag.clone()),
    };
    Ok(StartEvent::Pushed { image, tag, at })
}

/// Whether an artifact with this media type is a container image.
pub(crate) fn is_image(artifact_media_type: &str) -> bool {
    matches!(
        artifact_media_type,
        "application/vnd.oci.image.config.v1+json"
            | "application/vnd.docker.container.image.v1+json"
    )
}

fn state_change(event: &Envelope) -> Result<StartEvent, UnreadableEvent> {
    let change = StateChange::of(event)?;
    if !change.state.is_end() {
        return Ok(ignored(&format!(
            "deployment `{}` has not ended",
            change.deployment
        )));
    }
    Ok(StartEvent::DeploymentEnded {
        application: change.application,
        deployment_group: change.deployment_group,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRequest {
    pipeline: PipelineName,
    tag: Option<Tag>,
    digest: Option<Digest>,
    #[serde(default)]
    force: bool,
    #[serde(default)]
    rollback: bool,
    #[serde(default)]
    dry_run: bool,
}

fn request(event: &Value) -> Result<StartEvent, UnreadableEvent> {
    let RawRequest {
        pipeline,
        tag,
        digest,
        force,
        rollback,
        dry_run,
    } = read(event)?;
    let wanted = match (tag, digest) {
        (None, None) => Wanted::Due,
        (Some(tag), None) => Wanted::Tag(tag),
        (None, Some(digest)) => Wanted::Digest(digest),
        (Some(_), Some(_)) => {
            return Err(UnreadableEvent::new(
                "digest",
                "given beside `tag`, expected one of the two",
            ));
        }
    };
    if rollback && wanted == Wanted::Due {
        return Err(UnreadableEvent::new(
            "rollback",
            "given without an image, expected `digest` (or `tag`) beside it: the one to roll back to",
        ));
    }
    Ok(StartEvent::Asked(Request {
        pipeline,
        wanted,
        force: if force { Force::Yes } else { Force::No },
        way: if rollback { Way::Back } else { Way::Forward },
        dry_run,
    }))
}
