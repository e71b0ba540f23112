//! The next revision: the one that serves production with only the image changed.
//!
//! The copy is made on the raw JSON that ECS sent, so that fields which no SDK knows yet go back as they came.

mod difference;
mod sameness;

use serde_json::{Value, json};
use time::UtcDateTime;

use crate::config::Pipeline;
use crate::names::{ContainerName, Digest, Image, Repository, RevisionArn, StackName};
use crate::observed::TaskDefinition;
use crate::start::{self, Deployed, RunningImage};

pub use difference::difference;

/// What the keys of our own tags begin with. They are neither copied from one revision to the next nor compared.
pub const OWN_TAGS: &str = "greenlight:";
/// The tag by which versions up to 0.1 said which image a revision was made for: `<repository>:<tag>`.
const OLD_IMAGE_TAG: &str = "greenlight:image";

/// What a revision is marked with: who registered it, and for which order. Marks are input, not proof: whoever may tag
/// revisions could have written them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marks {
    /// When the image was ordered.
    pub ordered_at: UtcDateTime,
    /// The service that it was registered for: `<cluster>/<service>`. Services may share a family.
    pub service: String,
    /// The stack that registered it.
    pub stack: StackName,
}

/// What DescribeTaskDefinition says and RegisterTaskDefinition does not take. Everything else is sent back, known or not:
/// a list of what may pass would lose the fields that AWS adds next.
const OUTPUT_ONLY: [&str; 9] = [
    "taskDefinitionArn",
    "revision",
    "status",
    "requiresAttributes",
    "compatibilities",
    "registeredAt",
    "registeredBy",
    "deregisteredAt",
    "deleteRequestedAt",
];

/// ECS takes 50 tags on a resource, and values of 256 characters (ECS API Reference, Tag).
const TAGS_AT_MOST: usize = 50;
const TAG_VALUE_CHARACTERS_AT_MOST: usize = 256;

/// A task definition from which no next revision can be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// None of its containers runs an image of the repository.
    #[error(
        "revision `{revision}` has no container with an image from the ECR repository `{repository}`; its containers run {images} \
         (hint: name the container in the pipeline's `containers`)"
    )]
    NoMatchingContainer {
        /// The revision.
        revision: String,
        /// The pipeline's repository.
        repository: Repository,
        /// What its containers run.
        images: String,
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

/// The containers of a revision that a pipeline's images go to, and what they run now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matching {
    /// Their places in `containerDefinitions`.
    indexes: Vec<usize>,
    /// The digest that all of them are pinned to; where one names a tag, that tag is not known to be what runs.
    pub image: RunningImage,
}

impl Matching {
    /// The names of the containers.
    pub fn names<'a>(&self, definition: &'a TaskDefinition) -> impl Iterator<Item = &'a str> {
        let containers = &definition.task_definition["containerDefinitions"];
        self.indexes
            .clone()
            .into_iter()
            .filter_map(move |index| containers[index]["name"].as_str())
    }
}

impl Matching {
    /// Their places in `containerDefinitions`.
    pub(crate) fn indexes(&self) -> &[usize] {
        &self.indexes
    }
}

/// Finds the containers that the pipeline's images go to.
///
/// # Errors
/// There is none, or one that the configuration names is missing.
pub fn matching(pipeline: &Pipeline, definition: &TaskDefinition) -> Result<Matching, Unusable> {
    let containers = containers(definition)?;
    let indexes = if pipeline.containers.is_empty() {
        let own = |container: &&Value| {
            image_of(container).is_some_and(|image| {
                image.is_ecr && image.repository == pipeline.repository.as_str()
            })
        };
        let indexes: Vec<usize> = containers
            .iter()
            .enumerate()
            .filter(|(_, container)| own(container))
            .map(|(index, _)| index)
            .collect();
        if indexes.is_empty() {
            let images = listed(containers, "image");
            return Err(Unusable::NoMatchingContainer {
                revision: short(definition),
                repository: pipeline.repository.clone(),
                images,
            });
        }
        indexes
    } else {
        let place = |name: &ContainerName| {
            let place = containers
                .iter()
                .position(|container| container["name"].as_str() == Some(name.as_str()));
            let missing = || Unusable::NoSuchContainer {
                revision: short(definition),
                container: name.clone(),
                containers: listed(containers, "name"),
            };
            place.ok_or_else(missing)
        };
        pipeline
            .containers
            .iter()
            .map(place)
            .collect::<Result<_, _>>()?
    };
    let image = pinned(indexes.iter().map(|index| &containers[*index]));
    Ok(Matching { indexes, image })
}

fn pinned<'a>(containers: impl Iterator<Item = &'a Value>) -> RunningImage {
    let mut found: Option<Digest> = None;
    for container in containers {
        let Some(digest) = image_of(container).and_then(|image| image.digest?.parse().ok()) else {
            let name = container["name"].as_str().unwrap_or("?");
            let image = container["image"].as_str().unwrap_or("?");
            return RunningImage::Unknown(format!(
                "container `{name}` runs `{image}`, which pins no digest"
            ));
        };
        match &found {
            Some(other) if *other != digest => return RunningImage::Mixed,
            Some(_) | None => found = Some(digest),
        }
    }
    found.map_or_else(
        || RunningImage::Unknown("the revision has no container of the pipeline".to_owned()),
        RunningImage::Known,
    )
}

/// What RegisterTaskDefinition is sent: the revision as it came, with the image in the matching containers.
///
/// # Errors
/// The revision is not one that can be copied.
pub fn next(
    definition: &TaskDefinition,
    matching: &Matching,
    image: &Image,
    marks: &Marks,
) -> Result<Value, Unusable> {
    let malformed = |reason| Unusable::Malformed {
        revision: short(definition),
        reason,
    };
    let mut request = definition
        .task_definition
        .as_object()
        .cloned()
        .ok_or(malformed("it is not a JSON object"))?;
    for field in OUTPUT_ONLY {
        request.shift_remove(field);
    }
    let own_registry =
        own_registry(definition).ok_or(malformed("its ARN names no account and Region"))?;
    let containers = request
        .get_mut("containerDefinitions")
        .and_then(Value::as_array_mut);
    let containers = containers.ok_or(malformed("it has no `containerDefinitions`"))?;
    for index in &matching.indexes {
        let container = containers
            .get_mut(*index)
            .ok_or(malformed("it changed while it was read"))?;
        let now = image_of(container)
            .filter(|now| now.is_ecr && now.repository == image.repository.as_str());
        let registry = now.map_or(own_registry.clone(), |now| now.registry.to_owned());
        container["image"] = format!("{registry}/{}@{}", image.repository, image.digest).into();
    }
    request.insert("tags".to_owned(), tags(definition, image, marks)?);
    Ok(Value::Object(request))
}

/// Whether `latest` is what `next` would register, so that it need not be registered again: a revision that was
/// registered and never deployed (a crash in between) is used again. Our own tags of it may tell of an earlier order.
pub fn is_same(latest: &TaskDefinition, next: &Value) -> bool {
    let strip = |request: &Value| {
        let mut request = request.clone();
        if let Some(request) = request.as_object_mut() {
            OUTPUT_ONLY
                .iter()
                .for_each(|field| drop(request.shift_remove(*field)));
            let tags = request.shift_remove("tags").unwrap_or_default();
            request.insert("tags".to_owned(), kept(&tags).cloned().collect());
        }
        sameness::canonical(&request)
    };
    let mut latest_request = latest.task_definition.clone();
    if let Some(request) = latest_request.as_object_mut() {
        request.insert("tags".to_owned(), latest.tags.clone());
    }
    strip(&latest_request) == strip(next)
}

/// The ARN of a described revision.
pub fn arn(definition: &TaskDefinition) -> Option<RevisionArn> {
    definition.task_definition["taskDefinitionArn"]
        .as_str()?
        .parse()
        .ok()
}

/// The image of this digest as the revision deployed it: by the tag that [`next`] gave to the revision.
pub fn deployed(definition: &TaskDefinition, repository: &Repository, digest: Digest) -> Deployed {
    // The marks of an earlier order stay where a revision is used again for another image: those say nothing of this one.
    let ours = mark(definition, "greenlight:tag")
        .filter(|_| mark(definition, "greenlight:digest") == Some(digest.as_str()));
    let older = mark(definition, OLD_IMAGE_TAG)
        .and_then(|value| value.split_once(':'))
        .filter(|(name, _)| *name == repository.as_str())
        .map(|(_, tag)| tag);
    let tag = ours.or(older);
    Deployed {
        digest,
        tag: tag.and_then(|tag| tag.parse().ok()),
        at: registered_at(definition),
    }
}

/// When a revision was registered, as ECS says it: seconds with a fraction.
fn registered_at(definition: &TaskDefinition) -> Option<UtcDateTime> {
    let seconds = definition.task_definition["registeredAt"].as_f64()?;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a cast to i64 saturates, and what is out of range is no time"
    )]
    let seconds = seconds.ceil() as i64;
    UtcDateTime::from_unix_timestamp(seconds).ok()
}

fn containers(definition: &TaskDefinition) -> Result<&Vec<Value>, Unusable> {
    let containers = definition.task_definition["containerDefinitions"].as_array();
    containers.ok_or_else(|| Unusable::Malformed {
        revision: short(definition),
        reason: "it has no `containerDefinitions`",
    })
}

fn short(definition: &TaskDefinition) -> String {
    arn(definition).map_or_else(|| "?".to_owned(), |arn| arn.short().to_owned())
}

fn listed(containers: &[Value], field: &str) -> String {
    let names: Vec<String> = containers
        .iter()
        .filter_map(|container| container[field].as_str())
        .map(|name| format!("`{name}`"))
        .collect();
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}

/// Tags as they came, without those that AWS reserves for itself, and with our own.
fn tags(definition: &TaskDefinition, image: &Image, marks: &Marks) -> Result<Value, Unusable> {
    let mut tags: Vec<Value> = kept(&definition.tags).cloned().collect();
    let template = short(definition);
    let ours = [
        ("tag", image.tag.as_ref().map(ToString::to_string)),
        ("digest", Some(image.digest.to_string())),
        ("ordered-at", Some(start::moment(marks.ordered_at))),
        ("service", Some(marks.service.clone())),
        ("template", Some(template.clone())),
        ("stack", Some(marks.stack.to_string())),
    ];
    let ours: Vec<Value> = ours
        .into_iter()
        .filter_map(|(name, value)| {
            // Of a cluster and a service of 255 characters each the end is what tells them apart.
            let value = value?;
            let from = value.len().saturating_sub(TAG_VALUE_CHARACTERS_AT_MOST);
            let value = value.get(from..)?;
            Some(json!({"key": format!("{OWN_TAGS}{name}"), "value": value}))
        })
        .collect();
    if tags.len() + ours.len() > TAGS_AT_MOST {
        return Err(Unusable::TooManyTags {
            revision: template,
            given: tags.len(),
            ours: ours.len(),
        });
    }
    tags.extend(ours);
    Ok(Value::Array(tags))
}

/// The tags that people gave, which neither AWS nor Greenlight keeps for itself.
pub(crate) fn kept(tags: &Value) -> impl Iterator<Item = &Value> {
    tags.as_array().into_iter().flatten().filter(|tag| {
        !tag["key"].as_str().is_some_and(|key| {
            key.starts_with(OWN_TAGS) || key.to_ascii_lowercase().starts_with("aws:")
        })
    })
}

/// The value of one of our own tags.
fn mark<'a>(definition: &'a TaskDefinition, key: &str) -> Option<&'a str> {
    let mut tags = definition.tags.as_array().into_iter().flatten();
    tags.find(|tag| tag["key"].as_str() == Some(key))?["value"].as_str()
}

/// `<account>.dkr.ecr.<region>.amazonaws.com`, from the revision's own ARN.
fn own_registry(definition: &TaskDefinition) -> Option<String> {
    let arn = definition.task_definition["taskDefinitionArn"].as_str()?;
    let mut parts = arn.split(':').skip(1);
    let (partition, _, region, account) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let domain = if partition == "aws-cn" {
        "amazonaws.com.cn"
    } else {
        "amazonaws.com"
    };
    Some(format!("{account}.dkr.ecr.{region}.{domain}"))
}

/// A container's image reference, taken apart.
struct Reference<'a> {
    registry: &'a str,
    is_ecr: bool,
    repository: &'a str,
    digest: Option<&'a str>,
}

fn image_of(container: &Value) -> Option<Reference<'_>> {
    let reference = container["image"].as_str()?;
    let (name, digest) = reference
        .split_once('@')
        .map_or((reference, None), |(name, digest)| (name, Some(digest)));
    let (registry, rest) = name.split_once('/')?;
    let repository = rest
        .rsplit_once(':')
        .map_or(rest, |(repository, _)| repository);
    // A private registry, over IPv4 or dual-stack (ECR User Guide, "Amazon ECR private registry").
    let account = registry.split('.').next().unwrap_or_default();
    let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    let is_ecr = is_account
        && (registry.contains(".dkr.ecr.")
            || registry.contains(".dkr.ecr-fips.")
            || registry.contains(".dkr-ecr."));
    Some(Reference {
        registry,
        is_ecr,
        repository,
        digest,
    })
}

/// The containers whose end ends a task of the revision.
pub fn essential(definition: &TaskDefinition) -> Vec<ContainerName> {
    crate::migration::essential(&definition.task_definition)
}

/// Whether a container of the revision runs an image of this digest.
pub fn runs_digest(
    definition: &TaskDefinition,
    container: &ContainerName,
    digest: &Digest,
) -> bool {
    let containers = definition.task_definition["containerDefinitions"].as_array();
    let mut containers = containers.into_iter().flatten();
    containers.any(|candidate| {
        candidate["name"].as_str() == Some(container.as_str())
            && image_of(candidate).is_some_and(|image| image.digest == Some(digest.as_str()))
    })
}

#[cfg(test)]
mod tests;
