//! The properties of a resource: which are read, as what, and which have no effect here. Anything else is refused by its name.

use serde_json::{Map, Value, json};

use super::names::is_unknown;

/// A property, by CloudFormation's name.
pub(super) struct Property {
    pub(super) name: &'static str,
    /// Its name in the service's API, where that is not its own with a small first letter.
    member: Option<&'static str>,
    reads: Reads,
}

enum Reads {
    As(Shape),
    /// It changes nothing here, for this reason.
    NoEffect(&'static str),
}

/// The type of a property's value.
pub(super) enum Shape {
    Text,
    Number,
    Boolean,
    /// Any document, as it is written.
    Document,
    List(&'static Shape),
    Structure(&'static [Property]),
}

/// How a service's API writes the names that CloudFormation begins with a capital letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Naming {
    AsWritten,
    SmallFirst,
}

pub(super) const fn property(name: &'static str, shape: Shape) -> Property {
    Property {
        name,
        member: None,
        reads: Reads::As(shape),
    }
}

pub(super) const fn text(name: &'static str) -> Property {
    property(name, Shape::Text)
}

pub(super) const fn texts(name: &'static str) -> Property {
    property(name, Shape::List(&Shape::Text))
}

pub(super) const fn number(name: &'static str) -> Property {
    property(name, Shape::Number)
}

pub(super) const fn boolean(name: &'static str) -> Property {
    property(name, Shape::Boolean)
}

pub(super) const fn document(name: &'static str) -> Property {
    property(name, Shape::Document)
}

pub(super) const fn structure(name: &'static str, of: &'static [Property]) -> Property {
    property(name, Shape::Structure(of))
}

pub(super) const fn list(name: &'static str, of: &'static Shape) -> Property {
    property(name, Shape::List(of))
}

/// One that is read by nothing here, for this reason.
pub(super) const fn no_effect(name: &'static str, reason: &'static str) -> Property {
    Property {
        name,
        member: None,
        reads: Reads::NoEffect(reason),
    }
}

impl Property {
    pub(super) const fn called(self, member: &'static str) -> Property {
        Property {
            member: Some(member),
            ..self
        }
    }

    /// Why it has no effect here; none if it is read.
    pub(super) fn reason(&self) -> Option<&'static str> {
        match &self.reads {
            Reads::As(_) => None,
            Reads::NoEffect(reason) => Some(reason),
        }
    }

    fn member(&self, naming: Naming) -> String {
        match (self.member, naming) {
            (Some(member), _) => member.to_owned(),
            (None, Naming::AsWritten) => self.name.to_owned(),
            (None, Naming::SmallFirst) => {
                let (first, rest) = self.name.split_at(1);
                format!("{}{rest}", first.to_ascii_lowercase())
            }
        }
    }
}

/// Reads resolved properties as members of a request; what does not fit is added to the problems.
pub(super) fn members(
    known: &[Property],
    given: &Map<String, Value>,
    naming: Naming,
    path: &str,
    problems: &mut Vec<String>,
) -> Map<String, Value> {
    let mut members = Map::new();
    for (name, value) in given {
        let Some(property) = known.iter().find(|known| known.name == name) else {
            let names: Vec<&str> = known.iter().map(|known| known.name).collect();
            problems.push(format!(
                "at `{path}.{name}`: the rehearsal does not read this property, it reads `{}`",
                names.join("`, `")
            ));
            continue;
        };
        let path = format!("{path}.{name}");
        if let Reads::As(shape) = &property.reads {
            let read = value_of(shape, value, naming, &path, problems);
            members.insert(property.member(naming), read);
        }
    }
    members
}

/// CloudFormation turns numbers and booleans into strings and back, as a property needs them.
fn value_of(
    shape: &Shape,
    value: &Value,
    naming: Naming,
    path: &str,
    problems: &mut Vec<String>,
) -> Value {
    if value.as_str().is_some_and(is_unknown) {
        return value.clone();
    }
    let read = match (shape, value) {
        (Shape::Document, _) => Some(value.clone()),
        (Shape::Text, Value::String(_)) => Some(value.clone()),
        (Shape::Text, Value::Number(_) | Value::Bool(_)) => Some(json!(value.to_string())),
        (Shape::Number, Value::Number(_)) => Some(value.clone()),
        (Shape::Number, Value::String(text)) => serde_json::from_str(text)
            .ok()
            .filter(|read: &Value| read.is_number()),
        (Shape::Boolean, Value::Bool(_)) => Some(value.clone()),
        (Shape::Boolean, Value::String(text)) => text.parse::<bool>().ok().map(Value::from),
        (Shape::List(of), Value::Array(items)) => {
            let items = items.iter().enumerate();
            let read = items.map(|(index, item)| {
                value_of(of, item, naming, &format!("{path}[{index}]"), problems)
            });
            Some(Value::Array(read.collect()))
        }
        (Shape::Structure(of), Value::Object(given)) => {
            Some(Value::Object(members(of, given, naming, path, problems)))
        }
        (Shape::Text | Shape::Number | Shape::Boolean, _)
        | (Shape::List(_) | Shape::Structure(_), _) => None,
    };
    read.unwrap_or_else(|| {
        problems.push(format!(
            "at `{path}`: `{value}`, expected {}",
            shape.words()
        ));
        Value::Null
    })
}

impl Shape {
    fn words(&self) -> &'static str {
        match self {
            Shape::Text => "a string",
            Shape::Number => "a number",
            Shape::Boolean => "`true` or `false`",
            Shape::Document => "a document",
            Shape::List(_) => "a list",
            Shape::Structure(_) => "a map of properties",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[Property] = &[
        text("Name"),
        number("Port"),
        boolean("Enabled"),
        texts("ECSNames").called("ecsNames"),
        structure("Matcher", &[text("HttpCode")]),
        no_effect("Tags", "nothing reads them"),
    ];

    fn check(given: Value, expected: Value, refused: &[&str]) {
        let mut problems = Vec::new();
        let given = given.as_object().unwrap();
        let read = members(KNOWN, given, Naming::SmallFirst, "P", &mut problems);
        if refused.is_empty() {
            assert_eq!(Value::Object(read), expected);
        }
        assert_eq!(problems, refused);
    }

    #[test]
    fn properties_become_members_of_their_types() {
        check(
            json!({ "Name": 1, "Port": "80", "Enabled": "true", "ECSNames": ["a"], "Matcher": { "HttpCode": 200 }, "Tags": [] }),
            json!({ "name": "1", "port": 80, "enabled": true, "ecsNames": ["a"], "matcher": { "httpCode": "200" } }),
            &[],
        );
    }

    #[test]
    fn what_is_not_read_or_does_not_fit_is_named() {
        check(
            json!({ "Naem": "a", "Port": "eighty", "Enabled": 1, "ECSNames": "a", "Matcher": { "Code": 1 } }),
            json!({}),
            &[
                "at `P.Naem`: the rehearsal does not read this property, it reads `Name`, `Port`, `Enabled`, `ECSNames`, \
                 `Matcher`, `Tags`",
                "at `P.Port`: `\"eighty\"`, expected a number",
                "at `P.Enabled`: `1`, expected `true` or `false`",
                "at `P.ECSNames`: `\"a\"`, expected a list",
                "at `P.Matcher.Code`: the rehearsal does not read this property, it reads `HttpCode`",
            ],
        );
    }
}
