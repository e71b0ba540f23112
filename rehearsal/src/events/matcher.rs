//! One entry in a pattern's list of wanted values: a literal, or a content filter such as `{"prefix": "prod-"}`.

use anyhow::bail;
use serde_json::Value;

/// What a single value of an event is compared with.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Matcher {
    /// Type and value are the same.
    Literal(Value),
    Text(TextMatcher),
    Numeric(Vec<(Comparison, f64)>),
    Exists(bool),
    /// None of these literals.
    AnythingBut(Vec<Value>),
    /// A text of which none of these holds.
    AnythingButText(Vec<TextMatcher>),
}

/// A comparison that only a text can pass.
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Less,
    LessOrEqual,
    Equal,
    GreaterOrEqual,
    Greater,
}

impl Matcher {
    pub(crate) fn parse(wanted: &Value) -> anyhow::Result<Matcher> {
        match wanted {
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                Ok(Matcher::Literal(wanted.clone()))
            }
            Value::Array(_) => {
                bail!("`{wanted}` is not a value or a matcher such as {{\"prefix\": \"prod-\"}}")
            }
            Value::Object(object) => match object.iter().next() {
                Some((name, argument)) if object.len() == 1 => {
                    Matcher::parse_filter(name, argument)
                }
                Some(_) | None => bail!("a matcher has one key, not {}: `{wanted}`", object.len()),
            },
        }
    }

    fn parse_filter(name: &str, argument: &Value) -> anyhow::Result<Matcher> {
        match (name, argument) {
            ("exists", Value::Bool(exists)) => Ok(Matcher::Exists(*exists)),
            ("exists", _) => bail!("`exists` takes `true` or `false`, not `{argument}`"),
            ("numeric", _) => parse_numeric(argument).map(Matcher::Numeric),
            ("anything-but", _) => parse_anything_but(argument),
            ("cidr", _) => bail!("`cidr` is a matcher that the rehearsal does not play"),
            (name, _) => Ok(Matcher::Text(TextMatcher::parse(name, argument)?)),
        }
    }

    pub(crate) fn matches(&self, leaf: &Value) -> bool {
        match self {
            Matcher::Literal(wanted) => wanted == leaf,
            Matcher::Text(wanted) => leaf.as_str().is_some_and(|text| wanted.matches(text)),
            Matcher::Numeric(bounds) => leaf.as_f64().is_some_and(|number| {
                bounds
                    .iter()
                    .all(|(comparison, bound)| comparison.holds(number, *bound))
            }),
            Matcher::Exists(exists) => *exists,
            Matcher::AnythingBut(unwanted) => !unwanted.contains(leaf),
            Matcher::AnythingButText(unwanted) => leaf
                .as_str()
                .is_some_and(|text| !unwanted.iter().any(|unwanted| unwanted.matches(text))),
        }
    }
}

impl TextMatcher {
    fn parse(name: &str, argument: &Value) -> anyhow::Result<TextMatcher> {
        let (part, case) = match name {
            "prefix" => (Part::Prefix, Case::Kept),
            "suffix" => (Part::Suffix, Case::Kept),
            "wildcard" => (Part::Wildcard, Case::Kept),
            "equals-ignore-case" => (Part::Whole, Case::Ignored),
            _ => bail!(
                "`{name}` is not a matcher: expected `prefix`, `suffix`, `wildcard`, `equals-ignore-case`, `exists`, \
                 `numeric` or `anything-but`"
            ),
        };
        match (part, argument) {
            (Part::Wildcard, Value::String(text)) if text.contains("**") => {
                bail!("`wildcard` holds two `*` in a row: `{text}`")
            }
            (_, Value::String(text)) => Ok(TextMatcher {
                part,
                case,
                text: text.clone(),
            }),
            (Part::Prefix | Part::Suffix, Value::Object(object)) => {
                match (
                    object.get("equals-ignore-case").and_then(Value::as_str),
                    object.len(),
                ) {
                    (Some(text), 1) => Ok(TextMatcher {
                        part,
                        case: Case::Ignored,
                        text: text.to_owned(),
                    }),
                    _ => bail!(
                        "`{name}` takes a text or {{\"equals-ignore-case\": …}}, not `{argument}`"
                    ),
                }
            }
            _ => bail!("`{name}` takes a text, not `{argument}`"),
        }
    }

    fn matches(&self, given: &str) -> bool {
        let (given, wanted) = match self.case {
            Case::Kept => (given.to_owned(), self.text.clone()),
            Case::Ignored => (given.to_lowercase(), self.text.to_lowercase()),
        };
        match self.part {
            Part::Whole => given == wanted,
            Part::Prefix => given.starts_with(&wanted),
            Part::Suffix => given.ends_with(&wanted),
            Part::Wildcard => matches_wildcard(&wanted, &given),
        }
    }
}

impl Comparison {
    fn parse(sign: &str) -> Option<Comparison> {
        match sign {
            "<" => Some(Comparison::Less),
            "<=" => Some(Comparison::LessOrEqual),
            "=" => Some(Comparison::Equal),
            ">=" => Some(Comparison::GreaterOrEqual),
            ">" => Some(Comparison::Greater),
            _ => None,
        }
    }

    fn holds(self, number: f64, bound: f64) -> bool {
        match self {
            Comparison::Less => number < bound,
            Comparison::LessOrEqual => number <= bound,
            Comparison::Equal => number == bound,
            Comparison::GreaterOrEqual => number >= bound,
            Comparison::Greater => number > bound,
        }
    }
}

fn parse_numeric(argument: &Value) -> anyhow::Result<Vec<(Comparison, f64)>> {
    let bounds = argument
        .as_array()
        .filter(|parts| matches!(parts.len(), 2 | 4))
        .and_then(|parts| {
            let bound =
                |pair: &[Value]| Some((Comparison::parse(pair[0].as_str()?)?, pair[1].as_f64()?));
            parts.chunks(2).map(bound).collect::<Option<Vec<_>>>()
        });
    match bounds {
        Some(bounds) => Ok(bounds),
        None => bail!(
            "`numeric` takes one or two bounds such as `[\">\", 0, \"<=\", 5]`, not `{argument}`"
        ),
    }
}

fn parse_anything_but(argument: &Value) -> anyhow::Result<Matcher> {
    let is_literal = |value: &Value| value.is_string() || value.is_number();
    match argument {
        Value::String(_) | Value::Number(_) => Ok(Matcher::AnythingBut(vec![argument.clone()])),
        Value::Array(values) if !values.is_empty() && values.iter().all(is_literal) => {
            Ok(Matcher::AnythingBut(values.clone()))
        }
        Value::Object(object) if object.len() == 1 => {
            let mut unwanted = Vec::new();
            for (name, argument) in object {
                let arguments = argument
                    .as_array()
                    .map_or(std::slice::from_ref(argument), Vec::as_slice);
                for argument in arguments {
                    unwanted.push(TextMatcher::parse(name, argument)?);
                }
            }
            Ok(Matcher::AnythingButText(unwanted))
        }
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
            bail!(
                "`anything-but` takes a text, a number, a list of them or one matcher, not `{argument}`"
            )
        }
    }
}

/// `*` stands for any characters, also none; `\*` and `\\` for the character itself.
fn matches_wildcard(wanted: &str, given: &str) -> bool {
    let mut rest = wanted.chars();
    match rest.next() {
        None => given.is_empty(),
        Some('*') => {
            let rest = rest.as_str();
            let starts = given
                .char_indices()
                .map(|(index, _)| index)
                .chain([given.len()]);
            starts
                .into_iter()
                .any(|start| matches_wildcard(rest, &given[start..]))
        }
        Some(character) => {
            let literal = match character {
                '\\' => rest.next().unwrap_or('\\'),
                character => character,
            };
            given
                .strip_prefix(literal)
                .is_some_and(|given| matches_wildcard(rest.as_str(), given))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_content_filter_matches_what_the_guide_says() {
        for (matcher, matching, others) in [
            (
                json!({"prefix": "prod-"}),
                json!(["prod-", "prod-1"]),
                json!(["Prod-1", "a prod-", 1, null]),
            ),
            (
                json!({"prefix": {"equals-ignore-case": "prod-"}}),
                json!(["PROD-1"]),
                json!(["a-prod-"]),
            ),
            (
                json!({"suffix": ".png"}),
                json!(["a.png", ".png"]),
                json!(["a.PNG", "a.png "]),
            ),
            (
                json!({"suffix": {"equals-ignore-case": ".png"}}),
                json!(["a.PnG"]),
                json!(["a.jpg"]),
            ),
            (
                json!({"equals-ignore-case": "alice"}),
                json!(["ALICE", "alice"]),
                json!(["alice ", "bob"]),
            ),
            (
                json!({"wildcard": "rel-*-x"}),
                json!(["rel-1-x", "rel--x", "rel-x-x"]),
                json!(["rel-1-xy", "rel-x"]),
            ),
            (
                json!({"wildcard": "a\\*b"}),
                json!(["a*b"]),
                json!(["axb", "ab"]),
            ),
            (
                json!({"wildcard": "greenlight/*"}),
                json!(["greenlight/d-1", "greenlight/"]),
                json!(["greenlight"]),
            ),
            (
                json!({"numeric": ["=", 3]}),
                json!([3, 3.0]),
                json!([2, "3", null]),
            ),
            (
                json!({"numeric": [">", 0, "<=", 5]}),
                json!([0.1, 5]),
                json!([0, 5.1]),
            ),
            (json!({"numeric": [">=", 2]}), json!([2, 3]), json!([1])),
            (json!({"numeric": ["<", 2]}), json!([1]), json!([2])),
            (
                json!({"anything-but": "a"}),
                json!(["b", "", 1]),
                json!(["a"]),
            ),
            (json!({"anything-but": [""]}), json!(["1.4.2"]), json!([""])),
            (
                json!({"anything-but": ["a", 1]}),
                json!(["b", 2]),
                json!(["a", 1]),
            ),
            (
                json!({"anything-but": {"prefix": "sha-"}}),
                json!(["1.0"]),
                json!(["sha-1"]),
            ),
            (
                json!({"anything-but": {"suffix": ["-a", "-b"]}}),
                json!(["c"]),
                json!(["1-a", "1-b"]),
            ),
            (
                json!({"anything-but": {"wildcard": "*-dev"}}),
                json!(["prod"]),
                json!(["x-dev"]),
            ),
            (
                json!({"anything-but": {"equals-ignore-case": ["A", "b"]}}),
                json!(["c"]),
                json!(["a", "B"]),
            ),
        ] {
            let parsed = Matcher::parse(&matcher).unwrap();
            for value in matching.as_array().unwrap() {
                assert!(parsed.matches(value), "{matcher} should match {value}");
            }
            for value in others.as_array().unwrap() {
                assert!(!parsed.matches(value), "{matcher} should not match {value}");
            }
        }
    }

    #[test]
    fn a_filter_that_is_not_played_is_an_error() {
        assert!(
            Matcher::parse(&json!({"cidr": "10.0.0.0/8"}))
                .unwrap_err()
                .to_string()
                .contains("does not play")
        );
        assert!(Matcher::parse(&json!({"anything-but": []})).is_err());
        assert!(Matcher::parse(&json!({"anything-but": [true]})).is_err());
    }
}
