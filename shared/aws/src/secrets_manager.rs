//! Secrets Manager: what a header of a check carries.

#[cfg(feature = "command")]
mod describe;

use std::fmt;

use aws_sdk_secretsmanager::Client;
use rules::names::SecretArn;

use crate::Session;
use crate::call::{Call, CallFailed};

/// Secrets Manager's operations.
#[derive(Debug, Clone)]
pub struct SecretsManager {
    client: Client,
}

/// A secret's text. Its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(String);

impl SecretText {
    /// For what the secret is meant for, and nothing else.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("…")
    }
}

impl SecretsManager {
    /// A client of this session.
    pub fn new(session: &Session) -> Self {
        Self {
            client: Client::new(session.config()),
        }
    }

    /// The text of the secret's current version. Failures name the secret without its account.
    pub async fn get_secret_value(&self, secret: &SecretArn) -> Result<SecretText, CallFailed> {
        let call = Call::new("secretsmanager:GetSecretValue", secret.name());
        let request = self.client.get_secret_value().secret_id(secret.as_str());
        let answer = request.send().await.map_err(|error| call.failed(error))?;
        // A secret of bytes has no text.
        call.required(answer.secret_string, "SecretString")
            .map(SecretText)
    }
}
