//! Errors as AWS answers them.

use std::borrow::Cow;

/// A refusal with AWS's code, sentence and HTTP status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    pub code: Cow<'static, str>,
    pub message: String,
    pub status: u16,
}

impl ApiError {
    /// HTTP 400, as nearly every error of these services is.
    pub fn new(code: &'static str, message: impl Into<String>) -> ApiError {
        ApiError {
            code: Cow::Borrowed(code),
            message: message.into(),
            status: 400,
        }
    }

    pub fn with_status(mut self, status: u16) -> ApiError {
        self.status = status;
        self
    }

    /// The wire carried something of another type than the member has.
    pub fn serialization(member: &str, wanted: &str) -> ApiError {
        ApiError::new(
            "SerializationException",
            format!("value at `{member}` can not be converted to {wanted}"),
        )
    }
}
