//! What a revision says of the image that it deployed.

use serde_json::Value;

use super::{Matching, mark, named, registered_at, several, tag_value};
use crate::config::Pipeline;
use crate::names::{Digest, StackName};
use crate::observed::TaskDefinition;
use crate::start::{self, Deployed};

/// The tag by which versions up to 0.1 said which image a revision was made for: `<repository>:<tag>`.
const OLD_IMAGE_TAG: &str = "greenlight:image";

/// The pipeline's image of this digest as the revision deployed it: by the tag that [`next`] gave to the revision, or else by the one
/// that the containers name.
pub fn deployed(
    pipeline: &Pipeline,
    definition: &TaskDefinition,
    matching: &Matching,
    digest: Digest,
) -> Deployed {
    if let Some(marked) = several::deployed(definition, pipeline, &digest) {
        return marked;
    }
    // The marks of an earlier order stay where a revision is used again for another image: those say nothing of this one.
    let is_ours = mark(definition, "greenlight:digest") == Some(digest.as_str())
        && (pipeline.is_alone || !several::is_marked(definition));
    let own_mark = |key| mark(definition, key).filter(|_| is_ours);
    let ours = own_mark("greenlight:tag").and_then(|tag| tag.parse().ok());
    let older = || {
        let (name, tag) = mark(definition, OLD_IMAGE_TAG)?.split_once(':')?;
        let is_own = name == pipeline.repository.as_str();
        is_own.then(|| tag.parse().ok()).flatten()
    };
    let named = || named::tag(&matching.named, &digest, &pipeline.tag);
    Deployed {
        ordered_at: own_mark("greenlight:ordered-at").and_then(start::read_moment),
        tag: ours.or_else(named).or_else(older),
        digest,
        at: registered_at(definition),
    }
}

/// Whether a revision was registered for the same service as `next` would be. Services may share a family.
pub fn is_of_same_service(definition: &TaskDefinition, next: &Value) -> bool {
    let next = TaskDefinition {
        task_definition: Value::Null,
        tags: next["tags"].clone(),
    };
    let service = mark(&next, "greenlight:service");
    service.is_some() && mark(definition, "greenlight:service") == service
}

/// Whether a revision was registered for this order or a later one: where no deployment has a description, an attempt counts for the
/// order that its revision remembers, and one of an earlier order for no later one. Of two orders of one moment, which is that of the
/// image's push, one by another tag came later or earlier: the image has been given the tag that is followed now, perhaps a higher
/// version, and an attempt by the tag of then would say nothing of it.
pub fn is_of_no_earlier_order(definition: &TaskDefinition, next: &Value) -> bool {
    let next = TaskDefinition {
        task_definition: Value::Null,
        tags: next["tags"].clone(),
    };
    let ordered = |of| mark(of, "greenlight:ordered-at").and_then(start::read_moment);
    let (then, now) = (ordered(definition), ordered(&next));
    then > now || then == now && mark(definition, "greenlight:tag") == mark(&next, "greenlight:tag")
}

/// Whether a revision was registered for this service, `<cluster>/<service>`.
pub fn is_of_service(definition: &TaskDefinition, place: &str) -> bool {
    mark(definition, "greenlight:service") == Some(tag_value(place))
}

/// Whether a revision can be deployed: DescribeTaskDefinition answers for one that was deregistered, too.
pub fn is_active(definition: &TaskDefinition) -> bool {
    let status = definition.task_definition["status"].as_str();
    status.is_none_or(|status| status == "ACTIVE")
}

/// The stack that registered a revision; none of somebody else's.
pub fn stack_of(definition: &TaskDefinition) -> Option<StackName> {
    mark(definition, "greenlight:stack")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_revision_of_an_earlier_order_is_not_for_a_later_one() {
        let tags = |ordered_at: &str, tag: &str| match ordered_at {
            "" => json!([]),
            ordered_at => json!([
                {"key": "greenlight:ordered-at", "value": ordered_at},
                {"key": "greenlight:tag", "value": tag},
            ]),
        };
        let next = json!({"tags": tags("2026-10-14T09:21:47Z", "v1.2.0")});
        for (ordered_at, tag, expected) in [
            ("2026-10-14T09:21:46Z", "v1.2.0", false),
            ("2026-10-14T09:21:47Z", "v1.2.0", true),
            ("2026-10-14T09:21:47Z", "v1.1.0", false),
            ("2026-10-14T09:21:48Z", "v1.2.0", true),
            ("2026-10-14T09:21:48Z", "v1.1.0", true),
            ("", "", false),
        ] {
            let definition = TaskDefinition {
                task_definition: Value::Null,
                tags: tags(ordered_at, tag),
            };
            assert_eq!(
                is_of_no_earlier_order(&definition, &next),
                expected,
                "{ordered_at} {tag}"
            );
        }
    }
}
