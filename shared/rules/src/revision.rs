//! The next revision: the one that serves production with only the image changed.
//!
//! The copy is made on the raw JSON that ECS sent, so that fields which no SDK knows yet go back as they came.

mod alone;
mod difference;
mod named;
mod reference;
mod remembered;
mod rollback;
mod sameness;
mod several;
mod template;
mod unusable;

use serde_json::{Map, Value, json};
use time::UtcDateTime;

use crate::config::Pipeline;
use crate::names::{ContainerName, Digest, Image, RegistryHost, RevisionArn, StackName};
use crate::observed::{LoadBalancerTarget, TaskDefinition};
use crate::start::{self, RunningImage};

pub(crate) use alone::only_needed;
pub use alone::{alone, differences_from_alone, essential_alone, family_is_ours, migration_family};
pub use difference::difference;
pub use named::Named;
use reference::{Reference, Registry};
pub use remembered::{
    deployed, is_active, is_of_no_earlier_order, is_of_same_service, is_of_service, stack_of,
};
pub use rollback::{Way, is_for_rollback};
pub use several::{Goes, Part, next_of_several};
pub use template::{Shown, has_same_settings, set_previous, settings_of, template_shown};
use unusable::TAGS_AT_MOST;
pub use unusable::Unusable;

/// What the keys of our own tags begin with. They are neither copied from one revision to the next nor compared.
pub const OWN_TAGS: &str = "greenlight:";
/// The revision of which one of ours is a copy. Under `revision_from = "latest"` it is never one of ours itself.
const TEMPLATE: &str = "template";
/// The family's latest revision when this one was registered; only under `revision_from = "latest"`.
const PREVIOUS: &str = "previous";

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
    /// The family's latest revision, where it is asked whose settings are due (`revision_from = "latest"`).
    pub previous: Option<RevisionArn>,
    /// Whether it goes on or back, where the hooks of its deployment have nothing else to tell that by.
    pub way: Way,
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

/// ECS takes values of 256 characters (ECS API Reference, Tag).
const TAG_VALUE_CHARACTERS_AT_MOST: usize = 256;

/// The containers of a revision that a pipeline's images go to, and what they run now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matching {
    /// Their places in `containerDefinitions`.
    indexes: Vec<usize>,
    /// What those name that are of the pipeline's own repository.
    pub named: Vec<Named>,
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

    /// The digests that all of them are pinned to; none where one names a tag, or an image of another repository.
    pub fn pins(&self) -> Option<Vec<&Digest>> {
        let pins: Vec<&Digest> = self.named.iter().flat_map(|named| &named.digest).collect();
        (pins.len() == self.indexes.len()).then_some(pins)
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
    let registry = Registry::followed(&pipeline.registry, definition);
    let repository = pipeline.repository.as_str();
    let indexes = if pipeline.containers.is_empty() {
        let own = |container: &Value| {
            Reference::of(container).is_some_and(|image| image.is_of(registry, repository))
        };
        let indexes: Vec<usize> = (0..containers.len())
            .filter(|index| own(&containers[*index]))
            .collect();
        if indexes.is_empty() {
            let images = listed(containers, "image");
            return Err(Unusable::NoMatchingContainer {
                revision: short(definition),
                repository: pipeline.repository.clone(),
                images,
            });
        }
        must_run_one_image(pipeline, definition, containers, &indexes)?;
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
    let matching = indexes.iter().map(|index| &containers[*index]);
    let named: Vec<Named> = matching
        .filter_map(|container| Named::of(container, registry, repository))
        .collect();
    let image = named::running(&named, indexes.len());
    Ok(Matching {
        indexes,
        named,
        image,
    })
}

/// An application and its own proxy may lie in one repository: what is pushed for the one must not go into the other.
fn must_run_one_image(
    pipeline: &Pipeline,
    definition: &TaskDefinition,
    containers: &[Value],
    indexes: &[usize],
) -> Result<(), Unusable> {
    let mut images = indexes
        .iter()
        .filter_map(|index| Reference::of(&containers[*index]));
    let is_one = images
        .next()
        .is_none_or(|first| images.all(|other| first.is_same_image(&other)));
    if is_one {
        return Ok(());
    }
    let said = |index: &usize| {
        let container = &containers[*index];
        let text = |field: &str| container[field].as_str().unwrap_or("?");
        format!("`{}` runs `{}`", text("name"), text("image"))
    };
    Err(Unusable::DifferentImages {
        revision: short(definition),
        repository: pipeline.repository.clone(),
        images: indexes.iter().map(said).collect::<Vec<_>>().join(", "),
    })
}

/// Whether a revision has the container and port behind the load balancer, which the deployment names. A family's latest
/// revision may have renamed it since.
///
/// # Errors
/// It does not.
pub fn is_behind(target: &LoadBalancerTarget, definition: &TaskDefinition) -> Result<(), Unusable> {
    let containers = containers(definition)?;
    let ports = |container: &Value| -> Vec<i64> {
        let mappings = container["portMappings"].as_array().into_iter().flatten();
        mappings
            .filter_map(|mapping| mapping["containerPort"].as_i64())
            .collect()
    };
    let is_there = containers.iter().any(|container| {
        container["name"].as_str() == Some(target.container.as_str())
            && ports(container).contains(&target.port.into())
    });
    if is_there {
        return Ok(());
    }
    let said = |container: &Value| {
        let name = container["name"].as_str().unwrap_or("?");
        let ports: Vec<String> = ports(container).iter().map(i64::to_string).collect();
        match ports.as_slice() {
            [] => format!("`{name}`"),
            ports => format!("`{name}` with {}", ports.join(", ")),
        }
    };
    Err(Unusable::NothingBehindLoadBalancer {
        revision: short(definition),
        container: target.container.clone(),
        port: target.port,
        containers: containers.iter().map(said).collect::<Vec<_>>().join(", "),
    })
}

/// What RegisterTaskDefinition is sent: the revision as it came, with the image in the matching containers. A container keeps
/// the host by which it reached the registry of `host`, over FIPS for example; one that ran something else gets `host`.
///
/// # Errors
/// The revision is not one that can be copied.
pub fn next(
    definition: &TaskDefinition,
    matching: &Matching,
    image: &Image,
    host: &RegistryHost,
    marks: &Marks,
) -> Result<Value, Unusable> {
    let mut request = copied(definition)?;
    for container in containers_of(definition, &mut request, matching)? {
        pin(container, image, host);
    }
    request.insert(
        "tags".to_owned(),
        tags(definition, image, marks, Vec::new())?,
    );
    Ok(Value::Object(request))
}

/// What RegisterTaskDefinition takes of a revision.
fn copied(definition: &TaskDefinition) -> Result<Map<String, Value>, Unusable> {
    let request = definition.task_definition.as_object().cloned();
    let mut request = request.ok_or_else(|| malformed(definition, "it is not a JSON object"))?;
    for field in OUTPUT_ONLY {
        request.shift_remove(field);
    }
    Ok(request)
}

/// The containers of a request that a pipeline's images go to.
fn containers_of<'a>(
    definition: &TaskDefinition,
    request: &'a mut Map<String, Value>,
    matching: &Matching,
) -> Result<Vec<&'a mut Value>, Unusable> {
    let containers = request
        .get_mut("containerDefinitions")
        .and_then(Value::as_array_mut);
    let containers =
        containers.ok_or_else(|| malformed(definition, "it has no `containerDefinitions`"))?;
    let is_there = matching
        .indexes
        .iter()
        .all(|index| *index < containers.len());
    if !is_there {
        return Err(malformed(definition, "it changed while it was read"));
    }
    let containers = containers.iter_mut().enumerate();
    Ok(containers
        .filter(|(index, _)| matching.indexes.contains(index))
        .map(|(_, container)| container)
        .collect())
}

fn pin(container: &mut Value, image: &Image, host: &RegistryHost) {
    let registry = Registry::of_host(host.as_str());
    let now = Reference::of(container).filter(|now| now.registry == registry);
    let host = now.map_or_else(|| host.to_string(), |now| now.host.to_owned());
    container["image"] = format!("{host}/{}@{}", image.repository, image.digest).into();
}

fn malformed(definition: &TaskDefinition, reason: &'static str) -> Unusable {
    Unusable::Malformed {
        revision: short(definition),
        reason,
    }
}

/// Whether `latest` is what `next` would register, so that it need not be registered again: a revision that was
/// registered and never deployed (a crash in between) is used again. Our own tags of it may tell of an earlier order.
pub fn is_same(latest: &TaskDefinition, next: &Value) -> bool {
    if rollback::is_marked(&latest.tags) != rollback::is_marked(&next["tags"]) {
        // A forward deployment of it would migrate nothing.
        return false;
    }
    let with_tags = |request: &Value, tags: &Value| content(request, kept(tags).cloned().collect());
    with_tags(&latest.task_definition, &latest.tags) == with_tags(next, &next["tags"])
}

/// Whether two task definitions say the same, their tags aside.
fn same_content(one: &Value, other: &Value) -> bool {
    content(one, Value::Null) == content(other, Value::Null)
}

/// What RegisterTaskDefinition takes of a task definition, with these tags, in one form.
fn content(definition: &Value, tags: Value) -> Value {
    let mut request = definition.clone();
    if let Some(request) = request.as_object_mut() {
        OUTPUT_ONLY
            .iter()
            .for_each(|field| drop(request.shift_remove(*field)));
        request.insert("tags".to_owned(), tags);
    }
    sameness::canonical(&request)
}

/// The ARN of a described revision.
pub fn arn(definition: &TaskDefinition) -> Option<RevisionArn> {
    definition.task_definition["taskDefinitionArn"]
        .as_str()?
        .parse()
        .ok()
}

/// When a revision was registered, as ECS says it: seconds with a fraction.
pub fn registered_at(definition: &TaskDefinition) -> Option<UtcDateTime> {
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
fn tags(
    definition: &TaskDefinition,
    image: &Image,
    marks: &Marks,
    more: Vec<(String, String)>,
) -> Result<Value, Unusable> {
    let mut tags: Vec<Value> = kept(&definition.tags).cloned().collect();
    let template = short(definition);
    let previous = marks.previous.as_ref();
    let previous = previous.map(|revision| revision.short().to_owned());
    let ours = [
        ("tag", image.tag.as_ref().map(ToString::to_string)),
        ("digest", Some(image.digest.to_string())),
        ("ordered-at", Some(start::moment(marks.ordered_at))),
        ("service", Some(marks.service.clone())),
        (TEMPLATE, Some(template.clone())),
        ("stack", Some(marks.stack.to_string())),
        (PREVIOUS, previous),
        (rollback::NAME, marks.way.mark()),
    ];
    let ours = ours
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    let ours: Vec<Value> = ours
        .chain(more)
        .map(|(name, value)| own_tag(&name, &value))
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

fn own_tag(name: &str, value: &str) -> Value {
    json!({"key": format!("{OWN_TAGS}{name}"), "value": tag_value(value)})
}

/// As much of a text as a tag takes. Of a cluster and a service of 255 characters each the end is what tells them apart.
fn tag_value(text: &str) -> &str {
    let from = text.len().saturating_sub(TAG_VALUE_CHARACTERS_AT_MOST);
    text.get(from..).unwrap_or_default()
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
pub(crate) fn mark<'a>(definition: &'a TaskDefinition, key: &str) -> Option<&'a str> {
    let mut tags = definition.tags.as_array().into_iter().flatten();
    tags.find(|tag| tag["key"].as_str() == Some(key))?["value"].as_str()
}

/// The containers whose end ends a task of the revision.
pub fn essential(definition: &TaskDefinition) -> Vec<ContainerName> {
    essential_in(&definition.task_definition)
}

/// The same of a task definition as RegisterTaskDefinition takes it: all that are not marked otherwise.
pub(crate) fn essential_in(definition: &Value) -> Vec<ContainerName> {
    let containers = definition["containerDefinitions"].as_array();
    let containers = containers.into_iter().flatten();
    containers
        .filter(|container| container["essential"] != false)
        .filter_map(|container| container["name"].as_str()?.parse().ok())
        .collect()
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
            && Reference::of(candidate).is_some_and(|image| image.digest == Some(digest.as_str()))
    })
}

#[cfg(test)]
mod tests;
