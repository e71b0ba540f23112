//! Content filters that only a string can pass: prefix, suffix, wildcard, equals-ignore-case.

use anyhow::bail;
use serde_json::Value;

use crate::wildcard::Parts;

/// A comparison that only a string can pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TextMatcher {
    part: Part,
    case: Case,
    text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Whole,
    Prefix,
    Suffix,
    Wildcard,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Case {
    Kept,
    Ignored,
}

impl TextMatcher {
    pub(super) fn parse(name: &str, argument: &Value) -> anyhow::Result<TextMatcher> {
        let (part, case) = match name {
            "prefix" => (Part::Prefix, Case::Kept),
            "suffix" => (Part::Suffix, Case::Kept),
            "wildcard" => (Part::Wildcard, Case::Kept),
            "equals-ignore-case" => (Part::Whole, Case::Ignored),
            _ => bail!(
                "`{name}` is not a matcher: expected `prefix`, `suffix`, `wildcard`, `equals-ignore-case`, `exists`, \
                 `numeric`, `cidr` or `anything-but`"
            ),
        };
        let inner = |argument: &Value| {
            argument
                .as_object()
                .filter(|object| object.len() == 1)?
                .get("equals-ignore-case")
                .cloned()
        };
        match (part, argument, inner(argument)) {
            (Part::Prefix | Part::Suffix, Value::Object(_), Some(Value::String(text))) => {
                Ok(TextMatcher {
                    part,
                    case: Case::Ignored,
                    text,
                })
            }
            (Part::Prefix | Part::Suffix, Value::Object(_), _) => {
                bail!("`{name}` takes a string or {{\"equals-ignore-case\": …}}, not `{argument}`")
            }
            (Part::Wildcard, Value::String(text), _) => {
                check_wildcard(text)?;
                Ok(TextMatcher {
                    part,
                    case,
                    text: text.clone(),
                })
            }
            (_, Value::String(text), _) => Ok(TextMatcher {
                part,
                case,
                text: text.clone(),
            }),
            _ => bail!("`{name}` takes a string, not `{argument}`"),
        }
    }

    /// Parses the argument of a filter inside `anything-but`: one string or several.
    pub(super) fn parse_unwanted(name: &str, argument: &Value) -> anyhow::Result<Vec<TextMatcher>> {
        let texts = argument
            .as_array()
            .map_or(std::slice::from_ref(argument), Vec::as_slice);
        let needs_more = matches!(name, "prefix" | "suffix");
        if texts.is_empty() || (needs_more && texts.iter().any(|text| text == "")) {
            bail!("`{name}` inside `anything-but` takes non-empty strings, not `{argument}`");
        }
        if let Some(odd) = texts.iter().find(|text| !text.is_string()) {
            bail!("`{name}` inside `anything-but` takes strings, not `{odd}`");
        }
        texts
            .iter()
            .map(|text| TextMatcher::parse(name, text))
            .collect()
    }

    /// Returns the literal parts between the stars, if it is a wildcard.
    pub(super) fn wildcard(&self) -> Option<Parts> {
        (self.part == Part::Wildcard).then(|| Parts::escaped(&self.text))
    }

    pub(super) fn matches(&self, given: &str) -> bool {
        let (given, wanted) = match self.case {
            Case::Kept => (given.to_owned(), self.text.clone()),
            Case::Ignored => (given.to_lowercase(), self.text.to_lowercase()),
        };
        match self.part {
            Part::Whole => given == wanted,
            Part::Prefix => given.starts_with(&wanted),
            Part::Suffix => given.ends_with(&wanted),
            Part::Wildcard => Parts::escaped(&wanted).hold(&given),
        }
    }
}

/// A backslash must escape a `*` or another backslash; EventBridge refuses two `*` in a row.
fn check_wildcard(text: &str) -> anyhow::Result<()> {
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match (character, characters.peek()) {
            ('\\', Some('*' | '\\')) => {
                characters.next();
            }
            ('\\', _) => {
                bail!("`wildcard` contains a `\\` that is not followed by `*` or `\\`: `{text}`")
            }
            ('*', Some('*')) => bail!("`wildcard` contains two `*` in a row: `{text}`"),
            _ => {}
        }
    }
    Ok(())
}
