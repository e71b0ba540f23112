//! Which tags of a repository may be moved to another image.

use crate::wildcard::Parts;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TagMutability {
    Mutable,
    Immutable,
    /// Tags that match one of these filters (`release-*`) are immutable.
    MutableExcept(Vec<String>),
    /// Tags that match one of these filters are mutable.
    ImmutableExcept(Vec<String>),
}

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

    /// The filters of the tags to which the opposite applies.
    pub fn exclusions(&self) -> &[String] {
        match self {
            TagMutability::Mutable | TagMutability::Immutable => &[],
            TagMutability::MutableExcept(filters) | TagMutability::ImmutableExcept(filters) => {
                filters
            }
        }
    }

    pub(super) fn lets_move(&self, tag: &str) -> bool {
        let excluded = self
            .exclusions()
            .iter()
            .any(|filter| Parts::plain(filter).hold(tag));
        match self {
            TagMutability::Mutable | TagMutability::MutableExcept(_) => !excluded,
            TagMutability::Immutable | TagMutability::ImmutableExcept(_) => excluded,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exclusions_invert_the_rule() {
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
