//! The revision in which a migration runs alone (`alone = true`): the shipped one with only the migration's container and what
//! that container needs, in a family of its own.
//!
//! RunTask starts every container of a revision, and no override leaves one out. So what must not run while the schema changes
//! has to be left out of the revision.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{OWN_TAGS, TAGS_AT_MOST, Unusable, arn, copied, difference, essential_in, kept, mark};
use super::{malformed, own_tag, same_content, short, tag_value};
use crate::names::ContainerName;
use crate::observed::TaskDefinition;
use crate::sanitize::line;

/// What follows the name of the shipped revision's family.
const SUFFIX: &str = "-migration";
/// The shipped revision, by its ARN.
const MIGRATION_OF: &str = "migration-of";
/// The log driver of a container that logs through the task's log router (ECS API Reference, LogConfiguration).
const FIRELENS: &str = "awsfirelens";

/// The family of the revisions in which the migrations of this family's revisions run alone.
pub fn migration_family(family: &str) -> String {
    format!("{family}{SUFFIX}")
}

/// What RegisterTaskDefinition is sent for the revision in which the migration of `shipped` runs alone.
///
/// # Errors
/// The revision is not one that can be copied, or has too many tags.
pub fn alone(shipped: &TaskDefinition, container: &ContainerName) -> Result<Value, Unusable> {
    let of = arn(shipped).ok_or_else(|| malformed(shipped, "ECS states no ARN of it"))?;
    let copied = Value::Object(copied(shipped)?);
    let mut request = only_needed(&copied, container)
        .ok_or_else(|| malformed(shipped, "it has no container for the migration"))?;
    let mut tags: Vec<Value> = kept(&shipped.tags).cloned().collect();
    if tags.len() >= TAGS_AT_MOST {
        return Err(Unusable::TooManyTags {
            revision: short(shipped),
            given: tags.len(),
            ours: 1,
        });
    }
    tags.push(own_tag(MIGRATION_OF, of.as_str()));
    request["tags"] = Value::Array(tags);
    Ok(request)
}

/// In what a revision differs from the one in which the migration of `shipped` runs alone; nothing where it is that one. Its tag
/// alone would prove nothing: its content is derived again. Other tags do not matter, which may be added at any time.
pub fn differences_from_alone(
    revision: &TaskDefinition,
    shipped: &TaskDefinition,
    container: &ContainerName,
) -> Vec<String> {
    let expected = match alone(shipped, container) {
        Ok(expected) => expected,
        Err(unusable) => return vec![unusable.to_string()],
    };
    let mut found = Vec::new();
    let of = arn(shipped).map(|of| tag_value(of.as_str()).to_owned());
    let key = format!("{OWN_TAGS}{MIGRATION_OF}");
    if mark(revision, &key) != of.as_deref() {
        let of = of.unwrap_or_default();
        found.push(match mark(revision, &key) {
            Some(other) => line(&format!("its tag `{key}` is `{other}`, not `{of}`")),
            None => format!("it has no tag `{key}`"),
        });
    }
    if !same_content(&revision.task_definition, &expected) {
        let expected = TaskDefinition {
            task_definition: expected,
            tags: Value::Null,
        };
        let lines = difference(&expected, &revision.task_definition);
        found.push(match lines.is_empty() {
            true => "its content is another one".to_owned(),
            false => line(&format!(
                "compared with what the migration needs of `{}`: {}",
                short(shipped),
                lines.join(", ")
            )),
        });
    }
    found
}

/// The containers whose end ends a task of that revision.
pub fn essential_alone(shipped: &TaskDefinition, container: &ContainerName) -> Vec<ContainerName> {
    let alone = only_needed(&shipped.task_definition, container);
    alone.as_ref().map(essential_in).unwrap_or_default()
}

/// The migration's family has revisions of somebody else.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the migration cannot run alone: the family `{family}` has revisions that Greenlight did not register, and what uses its \
     latest one would get the migration's (hint: deregister `{newest}` and those before it, or leave out `alone` of \
     `[pipeline.migration]`)"
)]
pub struct ForeignFamily {
    family: String,
    newest: String,
}

/// Whether the next revision of the migration's family may be registered, by the newest one that it has.
///
/// # Errors
/// That one is not a migration's.
pub fn family_is_ours(newest: &TaskDefinition) -> Result<(), ForeignFamily> {
    if mark(newest, &format!("{OWN_TAGS}{MIGRATION_OF}")).is_some() {
        return Ok(());
    }
    let newest = short(newest);
    let family = newest.rsplit_once(':').map_or("?", |(family, _)| family);
    Err(ForeignFamily {
        family: family.to_owned(),
        newest,
    })
}

/// The task definition with only the containers that the migration needs, and the volumes that those use, in the migration's
/// family; none where it has no such container. Everything else stays as it is.
pub(crate) fn only_needed(definition: &Value, container: &ContainerName) -> Option<Value> {
    let needed = needed(definition, container.as_str());
    let mut reduced = definition.clone();
    let family = definition["family"].as_str().unwrap_or_default();
    reduced["family"] = migration_family(family).into();
    let containers = reduced["containerDefinitions"].as_array_mut()?;
    containers.retain(|one| name_of(one).is_some_and(|name| needed.contains(name)));
    let mut volumes = BTreeSet::new();
    for one in containers.iter() {
        volumes.extend(texts(&one["mountPoints"], "sourceVolume").map(str::to_owned));
    }
    let migrates = |one: &&mut Value| name_of(one) == Some(container.as_str());
    let place = containers.iter_mut().find(migrates)?;
    // ECS takes no revision without an essential container.
    if essential_in(definition)
        .iter()
        .all(|essential| !needed.contains(essential.as_str()))
    {
        place["essential"] = true.into();
    }
    // `reduced["volumes"]` would add the member where it is missing.
    let defined = reduced.get_mut("volumes").and_then(Value::as_array_mut);
    if let Some(defined) = defined {
        // One without a name is none that a container could use, and none that this build knows.
        defined.retain(|one| name_of(one).is_none_or(|name| volumes.contains(name)));
    }
    Some(reduced)
}

/// The names of the migration's container and of all that ECS needs to start it: what it depends on, takes volumes from or is
/// linked to, the log router that it logs through, the proxy of the task's network; and what those need.
fn needed<'a>(definition: &'a Value, container: &'a str) -> BTreeSet<&'a str> {
    let containers = definition["containerDefinitions"].as_array();
    let containers = containers.map(Vec::as_slice).unwrap_or_default();
    let routers = || {
        let routers = containers.iter();
        let routers = routers.filter(|one| one["firelensConfiguration"].is_object());
        routers.filter_map(name_of)
    };
    let mut needed = BTreeSet::new();
    let mut open = vec![container];
    // The proxy is a setting of the task, which stays.
    open.extend(definition["proxyConfiguration"]["containerName"].as_str());
    while let Some(name) = open.pop() {
        if !needed.insert(name) {
            continue;
        }
        for one in containers.iter().filter(|one| name_of(one) == Some(name)) {
            open.extend(texts(&one["dependsOn"], "containerName"));
            open.extend(texts(&one["volumesFrom"], "sourceContainer"));
            let links = one["links"].as_array().into_iter().flatten();
            // `name:alias`
            open.extend(links.filter_map(|link| link.as_str()?.split(':').next()));
            if one["logConfiguration"]["logDriver"].as_str() == Some(FIRELENS) {
                open.extend(routers());
            }
        }
    }
    needed
}

/// This member of each element of a list.
fn texts<'a>(list: &'a Value, member: &'static str) -> impl Iterator<Item = &'a str> {
    let list = list.as_array().into_iter().flatten();
    list.filter_map(move |one| one[member].as_str())
}

fn name_of(one: &Value) -> Option<&str> {
    one["name"].as_str()
}

#[cfg(test)]
mod tests;
