//! Headers of a traffic gate's requests. What a header carries is written nowhere but into the request.

use std::fmt;
use std::str::FromStr;

use serde_json::Value;

use crate::names::SecretArn;
use crate::redact;

/// A load balancer takes 16 KB in one header (Application Load Balancer quotas), with the name and what it adds itself.
const VALUE_CHARACTERS_AT_MOST: usize = 8192;

/// Headers that belong to a connection or to the message's framing (RFC 9110, 7.6.1; RFC 9113, 8.2.2): the client writes them
/// where they are needed, and an intermediary does not pass them on.
const OF_THE_CONNECTION: [&str; 13] = [
    "connection",
    "content-length",
    "expect",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "proxy-status",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The last word of names of headers that carry credentials, beside those of secrets anywhere: `x-auth`, `set-cookie`,
/// `ocp-apim-subscription-key`.
const OF_CREDENTIALS: [&str; 7] = [
    "auth",
    "cookie",
    "jwt",
    "key",
    "session",
    "sessionid",
    "signature",
];

/// How values begin that authenticate by a scheme (IANA, HTTP Authentication Scheme Registry, and AWS's signatures).
const SCHEMES: [&str; 5] = ["basic", "bearer", "digest", "negotiate", "aws4-hmac-sha256"];

/// One header of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Its name.
    pub name: HeaderName,
    /// What it carries.
    pub value: HeaderValue,
}

/// A header's name, in lower case as HTTP/2 has it: case does not matter in a name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HeaderName(String);

/// Where a header's value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderValue {
    /// The configuration file.
    Literal(HeaderText),
    /// A secret of AWS Secrets Manager, read when the check begins.
    Secret {
        /// Which one.
        secret: SecretArn,
        /// The member of its JSON object; none for the whole text.
        key: Option<String>,
    },
}

/// What a header carries: printable ASCII and tabs, on one line. Its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct HeaderText(String);

/// Why a text is no header's value. It does not repeat the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a header's value: expected 1 to {VALUE_CHARACTERS_AT_MOST} printable ASCII characters on one line, without blanks around them"
)]
pub struct InvalidHeaderText;

impl Header {
    /// Whether only TLS may carry it: it comes from a secret, its name is one that credentials have, or it is written as they are.
    pub fn is_credential(&self) -> bool {
        let name = self.name.as_str();
        let text = match &self.value {
            HeaderValue::Secret { .. } => return true,
            HeaderValue::Literal(text) => text.as_str(),
        };
        let last_word = name.rsplit(['-', '_', '.']).next().unwrap_or(name);
        let scheme = text.split_once(' ').map(|(scheme, _)| scheme);
        OF_CREDENTIALS.contains(&last_word)
            || scheme.is_some_and(|scheme| {
                SCHEMES
                    .iter()
                    .any(|known| known.eq_ignore_ascii_case(scheme))
            })
            || redact::is_secret_name(name)
            || redact::redact_credentials(text) != text
    }
}

impl HeaderName {
    /// In lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for HeaderName {
    type Err = String;

    fn from_str(given: &str) -> Result<Self, String> {
        let is_token =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if given.is_empty() || given.len() > 256 || !given.bytes().all(is_token) {
            return Err(
                "not a header's name, expected letters, digits and `-`, such as `x-api-key`"
                    .to_owned(),
            );
        }
        let name = given.to_ascii_lowercase();
        if name == "host" {
            return Err(
                "the name that requests are sent to is not set here (hint: set the gate's `host`)"
                    .to_owned(),
            );
        }
        if OF_THE_CONNECTION.contains(&name.as_str()) {
            return Err(
                "belongs to the connection and not to the request, expected a header that reaches the service (hint: leave \
                 it out, it is sent where it is needed)"
                    .to_owned(),
            );
        }
        Ok(Self(name))
    }
}

impl HeaderText {
    /// As it is sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The value that a secret holds for a header. A line break at its end, as editors write one, is left out.
    ///
    /// # Errors
    /// The secret has no such member, or holds no header's value. Nothing of the secret is repeated.
    pub fn of_secret(secret: &str, key: Option<&str>) -> Result<Self, String> {
        let Some(key) = key else {
            return secret.trim_end_matches(['\r', '\n']).parse().map_err(
                |invalid: InvalidHeaderText| {
                    format!("the secret's text is {invalid}{}", hint_of_keys(secret))
                },
            );
        };
        let object: Value = serde_json::from_str(secret).map_err(|_| {
            format!("the secret is not a JSON object, which `key = \"{key}\"` expects")
        })?;
        let member = object.get(key);
        let text = member
            .and_then(Value::as_str)
            .ok_or_else(|| format!("the secret's JSON object has no text `{key}`"))?;
        text.trim_end_matches(['\r', '\n'])
            .parse()
            .map_err(|invalid: InvalidHeaderText| format!("the secret's `{key}` is {invalid}"))
    }
}

/// The console of Secrets Manager writes pairs as a JSON object.
fn hint_of_keys(secret: &str) -> &'static str {
    match secret.trim_start().starts_with('{') {
        true => " (hint: where it is a JSON object, name the member in `key`)",
        false => "",
    }
}

impl FromStr for HeaderText {
    type Err = InvalidHeaderText;

    fn from_str(given: &str) -> Result<Self, InvalidHeaderText> {
        let is_printable = |byte: u8| byte == b'\t' || (b' '..=b'~').contains(&byte);
        let is_value = (1..=VALUE_CHARACTERS_AT_MOST).contains(&given.len())
            && given.trim() == given
            && given.bytes().all(is_printable);
        is_value
            .then(|| Self(given.to_owned()))
            .ok_or(InvalidHeaderText)
    }
}

impl fmt::Debug for HeaderText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("…")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_gives_its_text_or_a_member_of_it_and_is_never_repeated() {
        let pairs = r#"{"token": "hunter2", "number": 7, "lines": "hunter2\nhunter3", "ending": "hunter2\n"}"#;
        for (secret, key, expected) in [
            ("Bearer hunter2", None, Ok("Bearer hunter2")),
            ("hunter2\r\n", None, Ok("hunter2")),
            (pairs, Some("token"), Ok("hunter2")),
            (pairs, Some("ending"), Ok("hunter2")),
            ("", None, Err("the secret's text is not a header's value")),
            (
                "hunter2\nhunter2",
                None,
                Err("the secret's text is not a header's value"),
            ),
            (
                "hünter2",
                None,
                Err("the secret's text is not a header's value"),
            ),
            (
                "{\n\"a\": 1}",
                None,
                Err("(hint: where it is a JSON object, name the member in `key`)"),
            ),
            (
                pairs,
                Some("lines"),
                Err("the secret's `lines` is not a header's value"),
            ),
            (
                pairs,
                Some("number"),
                Err("the secret's JSON object has no text `number`"),
            ),
            (
                pairs,
                Some("other"),
                Err("the secret's JSON object has no text `other`"),
            ),
            (
                "hunter2",
                Some("token"),
                Err("the secret is not a JSON object"),
            ),
        ] {
            let found = HeaderText::of_secret(secret, key);
            match (&found, expected) {
                (Ok(text), Ok(expected)) => assert_eq!(text.as_str(), expected),
                (Err(why), Err(expected)) => assert!(why.contains(expected), "{why}"),
                _ => panic!("{key:?}: {expected:?} was expected"),
            }
            assert!(!format!("{found:?}").contains("hunter"), "{found:?}");
        }
    }
}
