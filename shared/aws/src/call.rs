//! A call that failed: a small kind to branch on and one sentence to read.
//!
//! One translation for every service. The SDK's own error text is a dump of several hundred characters with the raw
//! answer in it, which may be a whole task definition; it goes nowhere. What AWS says of a request may repeat what the
//! request held: it is redacted.

use std::cmp::Reverse;
use std::error::Error;
use std::str::FromStr;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::{DispatchFailure, SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use rules::names::InvalidName;
use rules::redact;

use crate::denied;
use crate::kind::{BAD_CREDENTIALS, Kind, kind_of};
use crate::text::one_line;

/// A call to AWS that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} `{resource}`: {message}", spelled_out(.operation))]
pub struct CallFailed {
    /// The operation as policies name it: `ecs:DescribeServices`.
    pub operation: &'static str,
    /// What it was about: `prod/web`.
    pub resource: String,
    /// What to branch on.
    pub kind: Kind,
    /// What happened, with AWS's own words where they help, and a hint where there is a remedy.
    pub message: String,
}

impl CallFailed {
    /// Whether the same call may succeed a little later: AWS throttles, or is not to be reached.
    pub fn is_transient(&self) -> bool {
        matches!(self.kind, Kind::Throttled | Kind::Unavailable)
    }
}

/// Calls about something that the configuration names: what is not there may be a typing mistake.
const NAMED_IN_CONFIGURATION: [&str; 8] = [
    "codedeploy:CreateDeployment",
    "codedeploy:GetDeploymentGroup",
    "codedeploy:ListDeployments",
    "ecr:DescribeImages",
    "ecs:DescribeServices",
    "ecs:ListServiceDeployments",
    "ecs:ListTasks",
    "secretsmanager:GetSecretValue",
];

/// With the code of a wrong request (`ClientException`, HTTP 400) ECS reports that another caller registers a revision of the same
/// family at this moment (hashicorp/terraform-provider-aws #9777, PrefectHQ/prefect #10102).
const BUSY_FAMILY: &str = "Too many concurrent attempts";

/// A call on its way: what its failure reports.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    operation: &'static str,
    resource: String,
    /// What an error of AWS must not repeat.
    redacted: Vec<String>,
}

impl Call {
    /// `operation` as policies name it.
    pub(crate) fn new(operation: &'static str, resource: impl Into<String>) -> Self {
        Self {
            operation,
            resource: resource.into(),
            redacted: Vec::new(),
        }
    }

    /// Redacts these texts of the request in the report of its failure.
    pub(crate) fn redacting(mut self, texts: impl IntoIterator<Item = String>) -> Self {
        let long = |text: &String| text.chars().count() >= redact::VALUE_CHARACTERS_AT_LEAST;
        self.redacted.extend(texts.into_iter().filter(long));
        // A text that holds another one goes first, so that nothing of it stays.
        self.redacted.sort_by_key(|text| Reverse(text.len()));
        self
    }

    fn redact(&self, text: &str) -> String {
        let redact = |text: String, redacted: &String| text.replace(redacted.as_str(), "…");
        // Whole texts first: without its places a text would not be found any more.
        let text = self.redacted.iter().fold(text.to_owned(), redact);
        redact::redact(&text)
    }

    /// The SDK's error as ours.
    pub(crate) fn failed<E>(&self, error: SdkError<E, HttpResponse>) -> CallFailed
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let status = error
            .raw_response()
            .map(|response| response.status().as_u16());
        if let SdkError::TimeoutError(_) = &error {
            return self.because(Kind::Unavailable, "no answer in time".to_owned());
        }
        if let SdkError::DispatchFailure(failure) = &error {
            return self.undelivered(failure);
        }
        if let (Some(status), true) = (status, error.as_service_error().is_some()) {
            let message = error.message().map(|message| self.redact(message));
            return self.refused(status, error.code(), message.as_deref());
        }
        // An answer whose body broke off is as good as none; one that came whole was not understood.
        let broke_off = error
            .raw_response()
            .is_some_and(|response| response.body().bytes().is_none());
        if broke_off || status.is_some_and(|status| status >= 500) {
            return self.because(
                Kind::Unavailable,
                format!("no readable answer ({})", self.redact(&root_cause(&error))),
            );
        }
        self.unexpected(&root_cause(&error))
    }

    /// Found nothing, where AWS states that in a successful answer.
    pub(crate) fn not_found(&self, why: &str) -> CallFailed {
        self.because(Kind::NotFound, self.absent(&one_line(why, 200)))
    }

    /// AWS's answer is not what this build expects.
    pub(crate) fn unexpected(&self, what: &str) -> CallFailed {
        self.because(
            Kind::Unexpected,
            format!("unexpected: {}", one_line(&self.redact(what), 300)),
        )
    }

    /// A field that has to be there.
    pub(crate) fn required<T>(&self, value: Option<T>, field: &str) -> Result<T, CallFailed> {
        value.ok_or_else(|| self.unexpected(&format!("the answer has no `{field}`")))
    }

    /// A name that has to be there and to be one.
    pub(crate) fn name<T>(&self, value: Option<&str>, field: &str) -> Result<T, CallFailed>
    where
        T: FromStr<Err = InvalidName>,
    {
        let text = self.required(value, field)?;
        text.parse().map_err(|invalid: InvalidName| {
            self.unexpected(&format!("the answer's `{field}` {invalid}"))
        })
    }

    fn because(&self, kind: Kind, message: String) -> CallFailed {
        tracing::debug!(
            operation = self.operation,
            resource = self.resource,
            message,
            "call failed"
        );
        CallFailed {
            operation: self.operation,
            resource: self.resource.clone(),
            kind,
            message,
        }
    }

    fn undelivered(&self, failure: &DispatchFailure) -> CallFailed {
        let cause = failure
            .as_connector_error()
            .map_or_else(String::new, |error| root_cause(error));
        if failure.is_timeout() {
            self.because(Kind::Unavailable, "no answer in time".to_owned())
        } else if failure.is_io() || failure.as_other().is_some() {
            self.because(
                Kind::Unavailable,
                format!("the connection failed ({cause})"),
            )
        } else {
            self.because(
                Kind::Unexpected,
                format!("the request could not be sent: {cause}"),
            )
        }
    }

    /// AWS refused it, with this code and sentence.
    pub(crate) fn refused(
        &self,
        status: u16,
        code: Option<&str>,
        message: Option<&str>,
    ) -> CallFailed {
        let code = code.unwrap_or_default();
        let kind = match message {
            Some(message) if message.contains(BUSY_FAMILY) => Kind::Throttled,
            _ => kind_of(status, code),
        };
        let said = said(status, code, message);
        let phrase = match kind {
            Kind::Throttled => format!("throttled: {said}"),
            Kind::Denied => self.denied(code, message, &said),
            Kind::NotFound => self.absent(&said),
            Kind::Conflict => format!("conflict: {said}"),
            Kind::LimitExceeded => format!("limit exceeded: {said}"),
            Kind::Invalid => format!("refused: {said}"),
            Kind::Unavailable => format!("server error: {said}"),
            Kind::Unexpected => format!("unexpected: {said}"),
        };
        self.because(kind, phrase)
    }

    fn absent(&self, said: &str) -> String {
        if NAMED_IN_CONFIGURATION.contains(&self.operation) {
            format!("not found: {said} (hint: correct its name in the configuration, or create it)")
        } else {
            format!("not found: {said}")
        }
    }

    /// AWS often names the action that is missing, and it is not always the call's own (`iam:PassRole`).
    fn denied(&self, code: &str, message: Option<&str>, said: &str) -> String {
        if BAD_CREDENTIALS.iter().any(|bad| code.starts_with(bad)) {
            return format!(
                "access denied: {said} (hint: the credentials are missing, wrong or expired)"
            );
        }
        let named = message
            .and_then(|message| message.split_once("to perform: "))
            .map(|(_, rest)| {
                rest.split(|c: char| !(c.is_ascii_alphanumeric() || c == ':' || c == '-'))
                    .next()
                    .unwrap_or_default()
            });
        let action = named
            .filter(|action| action.contains(':'))
            .unwrap_or(self.operation);
        let remedy = denied::remedy(self.operation, action, message);
        format!("access denied (hint: {remedy})")
    }
}

/// AWS's error for people: the code and its sentence without the full stop.
fn said(status: u16, code: &str, message: Option<&str>) -> String {
    let sentence = one_line(message.unwrap_or_default(), 300);
    let sentence = sentence.trim_end_matches('.');
    match (code, sentence) {
        ("", "") => format!("HTTP status {status}"),
        ("", sentence) => format!("HTTP status {status}, {sentence}"),
        (code, "") => code.to_owned(),
        (code, sentence) => format!("{code}, {sentence}"),
    }
}

/// The innermost error: the others only say that something below them failed.
fn root_cause(error: &(dyn Error + 'static)) -> String {
    let innermost = std::iter::successors(Some(error), |&error| error.source()).last();
    one_line(&innermost.map(ToString::to_string).unwrap_or_default(), 200)
}

/// `ecs:DescribeServices` as `describe services`.
fn spelled_out(operation: &str) -> String {
    let name = operation.rsplit(':').next().unwrap_or(operation);
    let mut words = String::new();
    for character in name.chars() {
        if character.is_ascii_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.push(character.to_ascii_lowercase());
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_spelled_out() {
        assert_eq!(spelled_out("ecs:DescribeServices"), "describe services");
        assert_eq!(
            spelled_out("codedeploy:PutLifecycleEventHookExecutionStatus"),
            "put lifecycle event hook execution status"
        );
    }
}
