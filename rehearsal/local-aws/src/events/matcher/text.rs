//! Content filters that only a string can pass: prefix, suffix, wildcard, equals-ignore-case.

use serde_json::Value;

use super::{ONLY_VALUES, refused};
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
            "exactly" => return Err(not_a_text(name, argument)),
            _ => {
                return Err(refused(
                    format!("Unrecognized match type {name}"),
                    "expected `prefix`, `suffix`, `wildcard`, `equals-ignore-case`, `exists`, `numeric`, `cidr` or \
                     `anything-but`",
                ));
            }
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
            (Part::Prefix | Part::Suffix, Value::Object(_), _) => Err(refused(
                format!("Unsupported {name} pattern"),
                format!(
                    "`{name}` takes a string or {{\"equals-ignore-case\": …}}, not `{argument}`"
                ),
            )),
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
            _ => Err(not_a_text(name, argument)),
        }
    }

    /// Parses the argument of a filter inside `anything-but`: one string or several.
    pub(super) fn parse_unwanted(name: &str, argument: &Value) -> anyhow::Result<Vec<TextMatcher>> {
        let texts = argument
            .as_array()
            .map_or(std::slice::from_ref(argument), Vec::as_slice);
        let hint =
            || format!("`{name}` inside `anything-but` takes non-empty strings, not `{argument}`");
        let not_texts = match name {
            "prefix" | "suffix" => "prefix/suffix match pattern must be a string",
            "wildcard" => "wildcard match pattern must be a string",
            "equals-ignore-case" => {
                "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported."
            }
            _ => {
                let reason = format!("Unsupported anything-but pattern: {name}");
                return Err(refused(reason, hint()));
            }
        };
        if argument.is_object() {
            return Err(refused(ONLY_VALUES, hint()));
        }
        if texts.is_empty() {
            return Err(refused("Empty arrays are not allowed", hint()));
        }
        if !texts.iter().all(Value::is_string) {
            return Err(refused(not_texts, hint()));
        }
        if matches!(name, "prefix" | "suffix") && texts.iter().any(|text| text == "") {
            return Err(refused("Null prefix/suffix not allowed", hint()));
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
    let mut characters = text.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        match (character, characters.peek()) {
            ('\\', Some((_, '*' | '\\'))) => {
                characters.next();
            }
            ('\\', _) => {
                let hint = format!(
                    "`wildcard` contains a `\\` that is not followed by `*` or `\\`: `{text}`"
                );
                return Err(refused(
                    format!("Invalid escape character at pos {at}"),
                    hint,
                ));
            }
            ('*', Some((second, '*'))) => {
                let hint = format!("`wildcard` contains two `*` in a row: `{text}`");
                let reason = format!("Consecutive wildcard characters at pos {second}");
                return Err(refused(reason, hint));
            }
            _ => {}
        }
    }
    Ok(())
}

fn not_a_text(name: &str, argument: &Value) -> anyhow::Error {
    refused(
        format!("{name} match pattern must be a string"),
        format!("`{name}` takes a string, not `{argument}`"),
    )
}
