//! Messages to people.

use serde_json::{Value, json};

use super::section::section;
use crate::format::clock;
use crate::markup::{Element, Markup, element};
use crate::story::Message;

/// JSON up to this length stays on one line.
const ONE_LINE_AT_MOST: usize = 72;

pub(super) fn messages(messages: &[Message]) -> Markup {
    if messages.is_empty() {
        let none = element("p").text("No message was sent.");
        return section("messages", "Messages", [none.into()]);
    }
    let list = element("ol")
        .class("messages")
        .children(messages.iter().map(message));
    let note = element("p")
        .class("quiet")
        .text("As SNS received them; the numbers are those of the timeline.");
    section("messages", "Messages", [note.into(), list.into()])
}

fn message(message: &Message) -> Element {
    let subject = message.subject.as_deref().unwrap_or("(no subject)");
    let (body, how) = readable(&message.body);
    element("li")
        .child(element("h3").text(subject))
        .child(element("p").class("quiet").text(format!(
            "{} to {}{how}",
            clock(message.at),
            message.topic
        )))
        .child(element("pre").text(body.trim_end()))
}

/// The body, and a note about its formatting. JSON arrives on a single line, which is hard to read.
fn readable(body: &str) -> (String, &'static str) {
    let parsed = serde_json::from_str(body).ok().filter(Value::is_object);
    match parsed {
        Some(object) => (indented(&object, 0), "; JSON, indented here"),
        None => (body.to_owned(), ""),
    }
}

/// Indented JSON; a value that fits stays on one line.
fn indented(value: &Value, depth: usize) -> String {
    let (inner, outer) = ("  ".repeat(depth + 1), "  ".repeat(depth));
    let over_lines = |open: char, items: Vec<String>, close: char| {
        let items = items.join(&format!(",\n{inner}"));
        format!("{open}\n{inner}{items}\n{outer}{close}")
    };
    let in_one_line = value.to_string();
    let short = depth > 0 && in_one_line.chars().count() <= ONE_LINE_AT_MOST;
    match value {
        Value::Object(members) if !short && !members.is_empty() => {
            let member = |(name, value): (&String, &Value)| {
                format!("{}: {}", json!(name), indented(value, depth + 1))
            };
            over_lines('{', members.iter().map(member).collect(), '}')
        }
        Value::Array(items) if !short && !items.is_empty() => {
            let item = |item: &Value| indented(item, depth + 1);
            over_lines('[', items.iter().map(item).collect(), ']')
        }
        Value::Object(_)
        | Value::Array(_)
        | Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_) => in_one_line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_indented_where_it_is_long_and_stays_the_same() {
        let body = json!({
            "outcome": "shipped", "log": [],
            "steps": [{ "name": "Install", "seconds": 10 }, { "name": "AfterInstall", "seconds": 20 },
                      { "name": "AllowTestTraffic", "seconds": 0 }],
        });
        let (told, _) = readable(&body.to_string());
        let expected = r#"{
  "outcome": "shipped",
  "log": [],
  "steps": [
    {"name":"Install","seconds":10},
    {"name":"AfterInstall","seconds":20},
    {"name":"AllowTestTraffic","seconds":0}
  ]
}"#;
        assert_eq!(told, expected);
        assert_eq!(serde_json::from_str::<Value>(&told).unwrap(), body);
        assert_eq!(readable("no { JSON").0, "no { JSON");
        assert_eq!(readable("12").0, "12");
    }
}
