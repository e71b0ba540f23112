//! The conditions of a listener rule (Elastic Load Balancing User Guide, "Condition types for listener rules").

use crate::wildcard::like;

/// A condition. In patterns `*` matches any text and `?` any character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// `path-pattern`, case-sensitive.
    Path(Vec<String>),
    /// `host-header`.
    Host(Vec<String>),
    /// `http-header`.
    Header { name: String, patterns: Vec<String> },
    /// `http-request-method`, without patterns.
    Method(Vec<String>),
    /// `query-string`: one of these pairs.
    Query(Vec<QueryPair>),
}

/// A key and a value of a query, or a value of any key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryPair {
    pub key: Option<String>,
    pub value: String,
}

impl Condition {
    /// A pattern of the path.
    pub fn path(pattern: &str) -> Condition {
        Condition::Path(vec![pattern.to_owned()])
    }

    /// `Field`.
    pub fn field(&self) -> &'static str {
        match self {
            Condition::Path(_) => "path-pattern",
            Condition::Host(_) => "host-header",
            Condition::Header { .. } => "http-header",
            Condition::Method(_) => "http-request-method",
            Condition::Query(_) => "query-string",
        }
    }

    pub(super) fn any_like(patterns: &[String], text: &str) -> bool {
        patterns.iter().any(|pattern| like(pattern, text))
    }

    pub(super) fn is_like(pattern: &str, text: &str) -> bool {
        like(pattern, text)
    }
}

impl QueryPair {
    /// Case is ignored in queries.
    pub(super) fn is_in(&self, query: &str) -> bool {
        let is_it = |pattern: &str, text: &str| {
            like(&pattern.to_ascii_lowercase(), &text.to_ascii_lowercase())
        };
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        pairs.into_iter().any(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let is_key = self.key.as_ref().is_none_or(|pattern| is_it(pattern, key));
            is_key && is_it(&self.value, value)
        })
    }
}
