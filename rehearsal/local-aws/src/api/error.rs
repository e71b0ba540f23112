//! AWS's errors.

use std::borrow::Cow;

use serde_json::{Value, json};

/// The one sentence for everything that AWS may have and the rehearsal has not, so that nobody looks for a mistake of their
/// own.
pub fn not_simulated(what: &str) -> String {
    format!(
        "the rehearsal does not simulate {what}: if AWS has it, only the rehearsal lacks it (hint: see \"What it does not show\" in \
         docs/rehearsal.md)"
    )
}

/// An error with AWS's code, message and HTTP status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    pub code: Cow<'static, str>,
    pub message: String,
    pub status: u16,
    /// Further members of the error's shape: ConflictException's `resourceIds`.
    pub members: Vec<(&'static str, Value)>,
}

impl ApiError {
    /// HTTP 400, as nearly every error of these services is.
    pub fn new(code: &'static str, message: impl Into<String>) -> ApiError {
        ApiError {
            code: Cow::Borrowed(code),
            message: message.into(),
            status: 400,
            members: Vec::new(),
        }
    }

    pub fn with_status(mut self, status: u16) -> ApiError {
        self.status = status;
        self
    }

    pub fn with_member(mut self, name: &'static str, value: Value) -> ApiError {
        self.members.push((name, value));
        self
    }

    /// Whether the caller may not do this.
    pub fn is_denial(&self) -> bool {
        matches!(self.code.as_ref(), "AccessDenied" | "AccessDeniedException")
    }

    /// The body in a REST protocol. Its message begins with a capital letter except in some of Lambda's errors.
    pub fn rest_body(&self) -> Value {
        let sentence = match self.code.as_ref() {
            "InvalidParameterValueException"
            | "InvalidRequestContentException"
            | "RequestTooLargeException"
            | "TooManyRequestsException" => "message",
            _ => "Message",
        };
        let mut body = json!({ sentence: self.message });
        for (name, value) in &self.members {
            body[*name] = value.clone();
        }
        body
    }

    /// The request has a value of another type than the member's.
    pub fn serialization(member: &str, wanted: &str) -> ApiError {
        ApiError::new(
            "SerializationException",
            format!("value at `{member}` can not be converted to {wanted}"),
        )
    }
}
