//! Whose settings a next revision has under `revision_from = "latest"`: those of the family's latest ACTIVE revision that
//! Greenlight did not register, its template.
//!
//! A revision of ours hides its template, because it is later. So it names it, and the revision that was the family's latest
//! before it: where that is the very one before, no other revision was registered in between.

use serde_json::{Value, json};

use super::{
    OUTPUT_ONLY, OWN_TAGS, PREVIOUS, TEMPLATE, arn, kept, mark, matching, sameness::canonical,
};
use crate::config::Pipeline;
use crate::names::RevisionArn;
use crate::observed::TaskDefinition;

/// What a revision shows of its family's template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// It is this revision.
    This,
    /// It is the one of this number.
    Number(u32),
    /// Nothing: it is this one, or one before it.
    Before(u32),
}

/// What the latest revision of a family shows of the template, or an earlier one where all later ones show nothing.
pub fn template_shown(definition: &TaskDefinition) -> Shown {
    let Some(arn) = arn(definition) else {
        return Shown::This;
    };
    let number = arn.number();
    if !is_ours(definition) {
        // DescribeTaskDefinition also answers for a number that was deregistered.
        let is_active = definition.task_definition["status"]
            .as_str()
            .is_none_or(|status| status == "ACTIVE");
        return match is_active {
            true => Shown::This,
            false => Shown::Before(number.saturating_sub(1)),
        };
    }
    let named = |key| named(definition, &arn, key);
    match (named(PREVIOUS), named(TEMPLATE)) {
        (Some(previous), Some(template))
            if previous.checked_add(1) == Some(number) && template <= previous =>
        {
            Shown::Number(template)
        }
        _ => Shown::Before(number.saturating_sub(1)),
    }
}

/// The number of the revision whose settings this one has, as far as it says so itself.
pub fn settings_of(definition: &TaskDefinition) -> Option<u32> {
    let arn = arn(definition)?;
    match is_ours(definition) {
        true => named(definition, &arn, TEMPLATE),
        false => Some(arn.number()),
    }
}

/// Whether two revisions differ in nothing but the images of these pipelines' containers and in our own tags.
pub fn has_same_settings(
    one: &TaskDefinition,
    other: &TaskDefinition,
    pipelines: &[&Pipeline],
) -> bool {
    let settings = |definition: &TaskDefinition| {
        let mut settings = definition.task_definition.clone();
        // One whose container is in one of the two alone has other settings, whatever its image.
        let matching = pipelines
            .iter()
            .filter_map(|pipeline| matching(pipeline, definition).ok());
        for index in matching.flat_map(|matching| matching.indexes) {
            settings["containerDefinitions"][index]["image"] = Value::Null;
        }
        if let Some(settings) = settings.as_object_mut() {
            OUTPUT_ONLY
                .iter()
                .for_each(|field| drop(settings.shift_remove(*field)));
            settings.insert("tags".to_owned(), kept(&definition.tags).cloned().collect());
        }
        canonical(&settings)
    };
    settings(one) == settings(other)
}

/// Names the family's latest revision in what is about to be registered after it.
pub fn set_previous(request: &mut Value, previous: &RevisionArn) {
    let key = format!("{OWN_TAGS}{PREVIOUS}");
    let tags = request["tags"].as_array_mut();
    let tag = tags.and_then(|tags| tags.iter_mut().find(|tag| tag["key"] == key.as_str()));
    if let Some(tag) = tag {
        *tag = json!({"key": key, "value": previous.short()});
    }
}

fn is_ours(definition: &TaskDefinition) -> bool {
    let mut tags = definition.tags.as_array().into_iter().flatten();
    tags.any(|tag| {
        tag["key"]
            .as_str()
            .is_some_and(|key| key.starts_with(OWN_TAGS))
    })
}

/// The number of a revision of the same family that one of our own tags names.
fn named(definition: &TaskDefinition, arn: &RevisionArn, key: &str) -> Option<u32> {
    let (family, number) = mark(definition, &format!("{OWN_TAGS}{key}"))?.rsplit_once(':')?;
    number.parse().ok().filter(|_| family == arn.family())
}

#[cfg(test)]
mod tests;
