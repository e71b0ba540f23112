//! Which tags of a repository may move to another image.

use crate::world::TagMutability;

impl TagMutability {
    /// As ECR names it.
    pub fn as_str(&self) -> &'static str {
        match self {
            TagMutability::Mutable => "MUTABLE",
            TagMutability::Immutable => "IMMUTABLE",
            TagMutability::MutableExcept(_) => "MUTABLE_WITH_EXCLUSION",
            TagMutability::ImmutableExcept(_) => "IMMUTABLE_WITH_EXCLUSION",
        }
    }

    /// The tags to which the opposite applies.
    pub fn exclusions(&self) -> &[String] {
        match self {
            TagMutability::Mutable | TagMutability::Immutable => &[],
            TagMutability::MutableExcept(filters) | TagMutability::ImmutableExcept(filters) => {
                filters
            }
        }
    }

    pub(super) fn lets_move(&self, tag: &str) -> bool {
        let excluded = self.exclusions().iter().any(|filter| holds(filter, tag));
        match self {
            TagMutability::Mutable | TagMutability::MutableExcept(_) => !excluded,
            TagMutability::Immutable | TagMutability::ImmutableExcept(_) => excluded,
        }
    }
}

/// Whether a filter holds of the whole tag; `*` stands for any characters, also none.
fn holds(filter: &str, tag: &str) -> bool {
    match filter.split_once('*') {
        None => filter == tag,
        Some((before, after)) => tag.strip_prefix(before).is_some_and(|rest| {
            let starts = rest
                .char_indices()
                .map(|(index, _)| index)
                .chain([rest.len()]);
            starts.into_iter().any(|start| holds(after, &rest[start..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exclusions_turn_the_rule_round() {
        let filters = || vec!["latest".to_owned(), "dev-*".to_owned(), "*-rc*".to_owned()];
        for (tag, excluded) in [
            ("latest", true),
            ("latest2", false),
            ("dev-", true),
            ("dev-7", true),
            ("a-dev-7", false),
            ("1.4.2-rc1", true),
            ("1.4.2", false),
        ] {
            assert_eq!(
                TagMutability::ImmutableExcept(filters()).lets_move(tag),
                excluded,
                "{tag}"
            );
            assert_eq!(
                TagMutability::MutableExcept(filters()).lets_move(tag),
                !excluded,
                "{tag}"
            );
        }
        assert!(TagMutability::Mutable.lets_move("latest"));
        assert!(!TagMutability::Immutable.lets_move("latest"));
    }
}
