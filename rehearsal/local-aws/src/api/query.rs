//! The Query protocol of ELBv2 and SNS: forms in, XML out.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::error::ApiError;

/// Members that are maps from string to string, which XML writes as `entry` elements.
const MAPS: [&str; 1] = ["Attributes"];

/// The members of a form: `Names.member.1=a` is a list, `A.B=c` a structure, `A.entry.1.key=…` a list of entries.
pub fn parse(body: &str) -> Value {
    let mut root = Value::Object(Map::new());
    for pair in body.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let path = decode(name);
        let path: Vec<&str> = path.split('.').take(DEEPEST + 1).collect();
        if path.len() <= DEEPEST {
            insert(&mut root, &path, decode(value));
        }
    }
    lists(root)
}

/// How deep a member's name may nest: no operation has a shape half as deep, and each level uses a stack frame.
const DEEPEST: usize = 32;

fn insert(at: &mut Value, path: &[&str], value: String) {
    let Value::Object(members) = at else { return };
    match path {
        [] => {}
        [last] => {
            members.entry(*last).or_insert(Value::String(value));
        }
        [first, rest @ ..] => {
            let inner = members
                .entry(*first)
                .or_insert_with(|| Value::Object(Map::new()));
            insert(inner, rest, value);
        }
    }
}

/// Turns `{"member": {"1": a, "2": b}}` into `[a, b]`, in the order of the numbers.
fn lists(value: Value) -> Value {
    let Value::Object(members) = value else {
        return value;
    };
    let wrapped =
        members.len() == 1 && (members.contains_key("member") || members.contains_key("entry"));
    if wrapped && let Some(Value::Object(items)) = members.values().next() {
        let mut numbered: Vec<(u64, Value)> = items
            .iter()
            .filter_map(|(key, item)| Some((key.parse().ok()?, lists(item.clone()))))
            .collect();
        numbered.sort_by_key(|(number, _)| *number);
        if numbered.len() == items.len() {
            return Value::Array(numbered.into_iter().map(|(_, item)| item).collect());
        }
    }
    Value::Object(
        members
            .into_iter()
            .map(|(name, inner)| (name, lists(inner)))
            .collect(),
    )
}

/// Percent-decoding with `+` for a space. Invalid sequences are unchanged.
pub fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let escaped = after
            .get(..2)
            .and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match (first, escaped) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            (b'+', _) => {
                bytes.push(b' ');
                rest = after;
            }
            _ => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The answer to an operation.
pub fn render(namespace: &str, operation: &str, result: &Value, request_id: &str) -> String {
    let mut xml = format!("<{operation}Response xmlns=\"{namespace}\"><{operation}Result>");
    render_members(&mut xml, result);
    let _ = write!(
        xml,
        "</{operation}Result><ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{operation}Response>"
    );
    xml
}

/// An error.
pub fn render_error(namespace: &str, error: &ApiError, request_id: &str) -> String {
    let party = if error.status < 500 {
        "Sender"
    } else {
        "Receiver"
    };
    format!(
        "<ErrorResponse xmlns=\"{namespace}\"><Error><Type>{party}</Type><Code>{}</Code><Message>{}</Message></Error>\
         <RequestId>{request_id}</RequestId></ErrorResponse>",
        escape(&error.code),
        escape(&error.message)
    )
}

fn render_members(xml: &mut String, value: &Value) {
    let Value::Object(members) = value else {
        return;
    };
    for (name, member) in members.iter().filter(|(_, member)| !member.is_null()) {
        let _ = write!(xml, "<{name}>");
        match member {
            Value::Object(entries) if MAPS.contains(&name.as_str()) => {
                for (key, entry) in entries {
                    let _ = write!(
                        xml,
                        "<entry><key>{}</key><value>{}</value></entry>",
                        escape(key),
                        scalar(entry)
                    );
                }
            }
            Value::Object(_) => render_members(xml, member),
            Value::Array(items) => {
                for item in items {
                    xml.push_str("<member>");
                    if item.is_object() {
                        render_members(xml, item)
                    } else {
                        xml.push_str(&scalar(item))
                    }
                    xml.push_str("</member>");
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                xml.push_str(&scalar(member))
            }
        }
        let _ = write!(xml, "</{name}>");
    }
}

fn scalar(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| escape(&value.to_string()), escape)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn forms_become_members() {
        let cases = [
            ("", json!({})),
            (
                "Action=Publish&Message=a+b%26c%3D%C3%A9",
                json!({"Action": "Publish", "Message": "a b&c=é"}),
            ),
            (
                "Names.member.2=b&Names.member.1=a&Names.member.10=c",
                json!({"Names": ["a", "b", "c"]}),
            ),
            (
                "Targets.member.1.Id=10.0.0.1&Targets.member.1.Port=80",
                json!({"Targets": [{"Id": "10.0.0.1", "Port": "80"}]}),
            ),
            (
                "MessageAttributes.entry.1.Name=n&MessageAttributes.entry.1.Value.DataType=String",
                json!({"MessageAttributes": [{"Name": "n", "Value": {"DataType": "String"}}]}),
            ),
            (
                "A=1&A.B=2&%=&=&a.member.x=1&100%=%zz",
                json!({"A": "1", "%": "", "": "", "a": {"member": {"x": "1"}}, "100%": "%zz"}),
            ),
        ];
        for (form, members) in cases {
            assert_eq!(parse(form), members, "{form}");
        }
    }

    #[test]
    fn a_name_that_leads_on_for_ever_leads_nowhere() {
        let form = format!("{}=1&Action=Publish", "A.".repeat(1_000_000));
        assert_eq!(parse(&form), json!({"Action": "Publish"}));
    }

    #[test]
    fn answers_are_xml() {
        let result = json!({"Listeners": [{"Port": 80, "Arn": "a<b"}], "Attributes": {"K": "v"}, "Empty": [], "No": null});
        assert_eq!(
            render("http://n/", "Describe", &result, "id-1"),
            "<DescribeResponse xmlns=\"http://n/\"><DescribeResult><Listeners><member><Port>80</Port><Arn>a&lt;b</Arn>\
             </member></Listeners><Attributes><entry><key>K</key><value>v</value></entry></Attributes><Empty></Empty>\
             </DescribeResult><ResponseMetadata><RequestId>id-1</RequestId></ResponseMetadata></DescribeResponse>"
        );
        assert_eq!(
            render_error(
                "http://n/",
                &ApiError::new("NotFound", "no & none").with_status(404),
                "id-2"
            ),
            "<ErrorResponse xmlns=\"http://n/\"><Error><Type>Sender</Type><Code>NotFound</Code><Message>no &amp; none\
             </Message></Error><RequestId>id-2</RequestId></ErrorResponse>"
        );
    }
}
