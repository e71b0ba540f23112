//! The members of a request, read with AWS's errors for a member that is missing or of another type.

use serde_json::{Map, Value};

use super::error::ApiError;

/// A request's members.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    members: &'a Map<String, Value>,
    missing: fn(&str) -> ApiError,
}

impl<'a> Input<'a> {
    /// `missing` is the service's error for a required member that the request does not have.
    pub fn new(value: &'a Value, missing: fn(&str) -> ApiError) -> Result<Input<'a>, ApiError> {
        let members = value
            .as_object()
            .ok_or_else(|| ApiError::serialization("", "a structure"))?;
        Ok(Input { members, missing })
    }

    /// The member's value; absent and null are the same, as on every AWS wire.
    pub fn value(&self, member: &str) -> Option<&'a Value> {
        self.members.get(member).filter(|value| !value.is_null())
    }

    pub fn text(&self, member: &str) -> Result<Option<&'a str>, ApiError> {
        let read = |value: &'a Value| {
            value
                .as_str()
                .ok_or_else(|| ApiError::serialization(member, "a string"))
        };
        self.value(member).map(read).transpose()
    }

    pub fn required_text(&self, member: &str) -> Result<&'a str, ApiError> {
        self.text(member)?
            .filter(|text| !text.is_empty())
            .ok_or_else(|| (self.missing)(member))
    }

    /// A number, or (as the Query protocol sends them) its digits.
    pub fn integer(&self, member: &str) -> Result<Option<i64>, ApiError> {
        let read = |value: &Value| {
            let number = value
                .as_i64()
                .or_else(|| value.as_str().and_then(|text| text.parse().ok()));
            number.ok_or_else(|| ApiError::serialization(member, "an integer"))
        };
        self.value(member).map(read).transpose()
    }

    pub fn number(&self, member: &str) -> Result<Option<f64>, ApiError> {
        let read = |value: &Value| {
            value
                .as_f64()
                .ok_or_else(|| ApiError::serialization(member, "a number"))
        };
        self.value(member).map(read).transpose()
    }

    pub fn boolean(&self, member: &str) -> Result<Option<bool>, ApiError> {
        let read = |value: &Value| match value {
            Value::Bool(boolean) => Ok(*boolean),
            Value::String(text) if text == "true" => Ok(true),
            Value::String(text) if text == "false" => Ok(false),
            Value::Null
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_)
            | Value::Object(_) => Err(ApiError::serialization(member, "a boolean")),
        };
        self.value(member).map(read).transpose()
    }

    pub fn list(&self, member: &str) -> Result<Option<&'a Vec<Value>>, ApiError> {
        let read = |value: &'a Value| {
            value
                .as_array()
                .ok_or_else(|| ApiError::serialization(member, "a list"))
        };
        self.value(member).map(read).transpose()
    }

    /// A list of strings; absent is empty.
    pub fn texts(&self, member: &str) -> Result<Vec<&'a str>, ApiError> {
        let items = self.list(member)?.map(Vec::as_slice).unwrap_or_default();
        items
            .iter()
            .map(|item| {
                item.as_str()
                    .ok_or_else(|| ApiError::serialization(member, "a string"))
            })
            .collect()
    }

    pub fn required_texts(&self, member: &str) -> Result<Vec<&'a str>, ApiError> {
        let texts = self.texts(member)?;
        if texts.is_empty() {
            Err((self.missing)(member))
        } else {
            Ok(texts)
        }
    }

    pub fn structure(&self, member: &str) -> Result<Option<Input<'a>>, ApiError> {
        let read = |value: &'a Value| match value.as_object() {
            Some(members) => Ok(Input {
                members,
                missing: self.missing,
            }),
            None => Err(ApiError::serialization(member, "a structure")),
        };
        self.value(member).map(read).transpose()
    }

    pub fn required_structure(&self, member: &str) -> Result<Input<'a>, ApiError> {
        self.structure(member)?
            .ok_or_else(|| (self.missing)(member))
    }

    /// A list of structures; absent is empty.
    pub fn structures(&self, member: &str) -> Result<Vec<Input<'a>>, ApiError> {
        let items = self.list(member)?.map(Vec::as_slice).unwrap_or_default();
        let read = |item: &'a Value| match item.as_object() {
            Some(members) => Ok(Input {
                members,
                missing: self.missing,
            }),
            None => Err(ApiError::serialization(member, "a structure")),
        };
        items.iter().map(read).collect()
    }

    pub fn raw(&self) -> &'a Map<String, Value> {
        self.members
    }

    pub fn missing(&self, member: &str) -> ApiError {
        (self.missing)(member)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn missing(member: &str) -> ApiError {
        ApiError::new("InvalidParameterException", format!("{member} is missing"))
    }

    #[test]
    fn wrong_types_are_refused_and_never_panic() {
        let odd = [
            json!(1),
            json!(1.5),
            json!("x"),
            json!(true),
            json!([1]),
            json!({"a": 1}),
            json!([{"a": 1}, "b"]),
        ];
        for value in odd {
            let request = json!({ "m": value });
            let input = Input::new(&request, missing).unwrap();
            let readable = [
                input.text("m").is_ok(),
                input.integer("m").is_ok(),
                input.boolean("m").is_ok(),
                input.list("m").is_ok(),
                input.structure("m").is_ok(),
            ];
            // 1.5 is none of these, everything else exactly one.
            let wanted = usize::from(value != json!(1.5));
            assert_eq!(
                readable.iter().filter(|&&fits| fits).count(),
                wanted,
                "{value}"
            );
        }
        assert_eq!(
            Input::new(&json!([]), missing)
                .err()
                .map(|error| error.code),
            Some("SerializationException".into())
        );
    }

    #[test]
    fn null_empty_and_absent_required_texts_are_missing() {
        for request in [json!({}), json!({"m": null}), json!({"m": ""})] {
            let input = Input::new(&request, missing).unwrap();
            assert_eq!(
                input.required_text("m").unwrap_err().message,
                "m is missing"
            );
        }
    }
}
