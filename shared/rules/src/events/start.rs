//! What triggers `start-deployment`.

use serde::Deserialize;
use serde_json::{Value, json};
use time::UtcDateTime;

use super::{
    Announced, Envelope, ServiceChange, StateChange, UnreadableEvent, detail, envelope,
    is_from_event_bridge, read, time_of,
};
use crate::names::{
    ApplicationName, ClusterName, DeploymentGroupName, Digest, Image, PipelineName, ServiceName,
    Tag, shortened,
};
use crate::observed::is_container_image;
use crate::sanitize::line;
use crate::start::Force;

/// What triggers `start-deployment`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StartEvent {
    /// An image arrived in ECR under a tag: pushed, replicated, or pulled through from another registry.
    Pushed {
        /// The image.
        image: Image,
        /// The tag that it arrived under.
        tag: Tag,
        /// When it was ordered; none where the event is not an order by itself.
        at: Option<UtcDateTime>,
    },
    /// A deployment of CodeDeploy's ended in this group: something else may be due.
    DeploymentEnded {
        /// The group's application.
        application: ApplicationName,
        /// The group.
        deployment_group: DeploymentGroupName,
    },
    /// A deployment of ECS's own may have ended in this service: something else may be due. A schedule says the same while one is
    /// under way, because no event of its end is certain.
    ServiceChanged {
        /// The service's cluster.
        cluster: ClusterName,
        /// The service.
        service: ServiceName,
    },
    /// An hour has passed: events may have been lost.
    Routine,
    /// A person asks.
    Asked(Request),
    /// An event that asks for nothing; the sentence says why.
    Ignored(String),
    /// An event that cannot be read: a failure where a pipeline is concerned, and of no interest elsewhere. An account has more
    /// repositories and deployment groups than Greenlight's, and their events come along.
    Unreadable {
        /// What it is about.
        subject: Subject,
        /// Why it cannot be read.
        error: UnreadableEvent,
    },
}

/// What an event is about, as the event names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A repository.
    Repository(String),
    /// A deployment group.
    DeploymentGroup {
        /// Its application.
        application: String,
        /// The group.
        deployment_group: String,
    },
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

impl Request {
    /// The same request as an invocation carries it.
    pub fn payload(&self) -> Value {
        let mut payload = json!({"pipeline": self.pipeline});
        match &self.wanted {
            Wanted::Due => {}
            Wanted::Tag(tag) => payload["tag"] = tag.as_str().into(),
            Wanted::Digest(digest) => payload["digest"] = digest.as_str().into(),
        }
        let options = [
            ("force", self.force == Force::Yes),
            ("rollback", self.way == Way::Back),
            ("dry_run", self.dry_run),
        ];
        for (option, _) in options.into_iter().filter(|(_, is_set)| *is_set) {
            payload[option] = true.into();
        }
        payload
    }
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
        if let Some(change) = ServiceChange::parse(event)? {
            return Ok(service_change(change));
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
    let arrival = Arrival::of(&event.detail_type).filter(|_| event.source == "aws.ecr");
    if let Some(arrival) = arrival {
        return arrived_or_not(event, arrival);
    }
    match (event.source.as_str(), event.detail_type.as_str()) {
        ("aws.codedeploy", _) => state_change(event),
        ("aws.ecs", _) => Ok(match ServiceChange::of(event)? {
            Some(change) => service_change(change),
            None => ignored(&format!(
                "`{}` of ECS is nothing to act on",
                event.detail_type
            )),
        }),
        (_, "Scheduled Event") => Ok(StartEvent::Routine),
        (source, detail_type) => Err(UnreadableEvent::new(
            "detail-type",
            &format!(
                "`{detail_type}` of `{source}` is nothing to act on, expected `ECR Image Action`, \
                 `ECR Replication Action`, `ECR Pull Through Cache Action`, \
                 `CodeDeploy Deployment State-change Notification`, `ECS Deployment State Change` or `Scheduled Event`"
            ),
        )),
    }
}

fn ignored(reason: &str) -> StartEvent {
    StartEvent::Ignored(line(reason))
}

/// A text in an event's detail.
fn text<'e>(event: &'e Envelope, name: &str) -> Option<&'e str> {
    event.detail.as_ref()?.get(name)?.as_str()
}

/// How an image arrives in a repository of ECR (ECR User Guide, "Amazon ECR events and EventBridge").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Arrival {
    /// *ECR Image Action*, and there the action `PUSH`.
    Push,
    /// *ECR Replication Action*, in the destination.
    Replication,
    /// *ECR Pull Through Cache Action*.
    PullThrough,
}

impl Arrival {
    fn of(detail_type: &str) -> Option<Self> {
        match detail_type {
            "ECR Image Action" => Some(Self::Push),
            "ECR Replication Action" => Some(Self::Replication),
            "ECR Pull Through Cache Action" => Some(Self::PullThrough),
            _ => None,
        }
    }

    /// Why no image arrived, where the event says so.
    fn none(self, event: &Envelope) -> Option<String> {
        let (action, outcome, name) = match self {
            Self::Push => (Some("PUSH"), "result", "push"),
            Self::Replication => (Some("REPLICATE"), "result", "replication"),
            Self::PullThrough => (None, "sync-status", "pull through"),
        };
        let other =
            text(event, "action-type").filter(|given| action.is_some_and(|one| one != *given));
        if let Some(other) = other {
            return Some(format!("`{other}` is not a {name}"));
        }
        let failed = text(event, outcome).filter(|outcome| *outcome != "SUCCESS")?;
        Some(format!("the {name} ended with `{failed}`"))
    }

    /// When the image was ordered. A pull through is attempted whenever somebody pulls, so that its time is not one of an order;
    /// the time when the image arrived is, and ECR states that.
    fn ordered_at(self, event: &Envelope) -> Result<Option<UtcDateTime>, UnreadableEvent> {
        match self {
            Self::Push | Self::Replication => time_of(event).map(Some),
            Self::PullThrough => Ok(None),
        }
    }
}

/// An image arrived. What else is in the event is read only for a repository that is named: others are none of our business.
fn arrived_or_not(event: &Envelope, arrival: Arrival) -> Result<StartEvent, UnreadableEvent> {
    // Other actions carry other fields, so the action is read before anything else is expected of the event.
    if let Some(reason) = arrival.none(event) {
        return Ok(ignored(&reason));
    }
    arrived(event, arrival).or_else(|error| {
        let repository = text(event, "repository-name").ok_or_else(|| error.clone())?;
        Ok(StartEvent::Unreadable {
            subject: Subject::Repository(repository.to_owned()),
            error,
        })
    })
}

/// What all ways of arriving tell. An untagged manifest comes with an empty `image-tag`; a missing one is taken for the same.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Arrived {
    repository_name: String,
    image_digest: Digest,
    #[serde(default)]
    image_tag: Option<String>,
    #[serde(default)]
    artifact_media_type: Option<String>,
}

fn arrived(event: &Envelope, arrival: Arrival) -> Result<StartEvent, UnreadableEvent> {
    // An event that names no tag asks for nothing, whatever else it lacks: a pull by digest, for example.
    let tag = event
        .detail
        .as_ref()
        .and_then(|detail| detail.get("image-tag"));
    let is_untagged = tag.is_none_or(|tag| tag.is_null() || tag.as_str() == Some(""));
    if is_untagged && text(event, "repository-name").is_some() {
        return Ok(StartEvent::Ignored(
            "an untagged manifest: a part of another image, or an attestation".to_owned(),
        ));
    }
    let at = arrival.ordered_at(event)?;
    let detail: Arrived = detail(event)?;
    let repository = detail
        .repository_name
        .parse()
        .map_err(|error| UnreadableEvent::new("detail.repository-name", &format!("{error}")))?;
    let tag = detail.image_tag.unwrap_or_default();
    // ECR takes tags of 300 characters, and Docker of 128: no pipeline can follow such a one.
    let Ok(tag) = tag.parse::<Tag>() else {
        return Ok(ignored(&format!(
            "no pipeline can follow the tag `{}`",
            shortened(&tag)
        )));
    };
    if let Some(other) = detail
        .artifact_media_type
        .filter(|media_type| !is_container_image(media_type))
    {
        return Ok(ignored(&format!(
            "an artifact of type `{other}` is not a container image"
        )));
    }
    let image = Image {
        repository,
        digest: detail.image_digest,
        tag: Some(tag.clone()),
    };
    Ok(StartEvent::Pushed { image, tag, at })
}

fn state_change(event: &Envelope) -> Result<StartEvent, UnreadableEvent> {
    let change = match StateChange::of(event) {
        Ok(change) => change,
        Err(error) => {
            let group = text(event, "application").zip(text(event, "deploymentGroup"));
            let (application, deployment_group) = group.ok_or_else(|| error.clone())?;
            return Ok(StartEvent::Unreadable {
                subject: Subject::DeploymentGroup {
                    application: application.to_owned(),
                    deployment_group: deployment_group.to_owned(),
                },
                error,
            });
        }
    };
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

fn service_change(change: ServiceChange) -> StartEvent {
    let ServiceChange {
        cluster, service, ..
    } = change;
    match change.announced {
        Announced::Ended | Announced::Routine(_) => StartEvent::ServiceChanged { cluster, service },
        Announced::InProgress => ignored(&format!(
            "a deployment of `{cluster}/{service}` has not ended"
        )),
        Announced::Waits(_) | Announced::Other => ignored(&format!(
            "nothing to start for this state of `{cluster}/{service}`"
        )),
    }
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
