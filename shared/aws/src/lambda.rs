//! Lambda: a deployed function's settings, and a request to it.

mod function;

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::Builder;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use aws_smithy_types::timeout::TimeoutConfig;
use serde_json::Value;

use crate::Session;
use crate::call::{Call, CallFailed};
use crate::wire::OnlyWhenThrottled;

/// How long an answer is waited for: Lambda ends a function after 15 minutes at most.
const LONGEST_INVOCATION: Duration = Duration::from_secs(15 * 60 + 10);

/// Lambda's operations.
#[derive(Debug, Clone)]
pub struct Lambda {
    client: Client,
}

/// What a function answered.
#[derive(Debug, Clone, PartialEq)]
pub enum Invoked {
    /// It returned this.
    Returned(Value),
    /// It failed. Lambda answers the call with success all the same.
    Failed {
        /// The name of the error: for a function of Greenlight's, one of docs/reference.md.
        error_type: String,
        /// Its sentence.
        message: String,
    },
}

impl Lambda {
    /// A client of this session.
    pub fn new(session: &Session) -> Self {
        Self {
            client: Client::new(session.config()),
        }
    }

    /// The environment variables of a function (GetFunctionConfiguration).
    pub async fn get_function_configuration(
        &self,
        function: &str,
    ) -> Result<BTreeMap<String, String>, CallFailed> {
        let call = Call::new("lambda:GetFunctionConfiguration", function);
        let request = self
            .client
            .get_function_configuration()
            .function_name(function);
        let answer = request.send().await.map_err(|error| call.failed(error))?;
        let environment = answer.environment().and_then(|one| one.variables());
        let variables = environment.into_iter().flatten();
        Ok(variables
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect())
    }

    /// Hands a payload to a function and waits for its answer. It is sent again only where it was throttled: after a lost answer the
    /// function may have done its work.
    pub async fn invoke(&self, function: &str, payload: &Value) -> Result<Invoked, CallFailed> {
        let call = Call::new("lambda:InvokeFunction", function);
        let patience = TimeoutConfig::builder()
            .operation_attempt_timeout(LONGEST_INVOCATION)
            .operation_timeout(LONGEST_INVOCATION)
            .build();
        let config = Builder::new()
            .retry_classifier(OnlyWhenThrottled)
            .timeout_config(patience);
        let answer = self
            .client
            .invoke()
            .function_name(function)
            .invocation_type(InvocationType::RequestResponse)
            .payload(Blob::new(payload.to_string()))
            .customize()
            .config_override(config)
            .send()
            .await
            .map_err(|error| call.failed(error))?;
        let body = answer.payload().map(Blob::as_ref).unwrap_or_default();
        let returned: Value = serde_json::from_slice(body)
            .map_err(|error| call.unexpected(&format!("the answer is not JSON: {error}")))?;
        if answer.function_error().is_none() {
            return Ok(Invoked::Returned(returned));
        }
        let text = |member: &str| returned[member].as_str().unwrap_or_default().to_owned();
        Ok(Invoked::Failed {
            error_type: text("errorType"),
            message: text("errorMessage"),
        })
    }
}
