//! Systems Manager's Parameter Store: whether parameters exist. Their values are not read.

use serde_json::{Value, json};

use crate::Session;
use crate::call::{Call, CallFailed};
use crate::raw::Json;

/// The Parameter Store's operations.
#[derive(Debug, Clone)]
pub struct Ssm {
    client: Json,
}

impl Ssm {
    /// A client of this session.
    pub fn new(session: &Session) -> Self {
        Self {
            client: Json::new(session, "ssm", "AmazonSSM"),
        }
    }

    /// Whether there is a parameter of this name.
    pub async fn has_parameter(&self, name: &str) -> Result<bool, CallFailed> {
        let call = Call::new("ssm:DescribeParameters", name);
        let request = json!({ "ParameterFilters": [{ "Key": "Name", "Option": "Equals", "Values": [name] }] });
        let mut next = Value::Null;
        loop {
            let mut request = request.clone();
            if !next.is_null() {
                request["NextToken"] = next;
            }
            let answer = self
                .client
                .ask(&call, "DescribeParameters", &request)
                .await?;
            let mut found = answer["Parameters"].as_array().into_iter().flatten();
            if found.any(|one| one["Name"] == name) {
                return Ok(true);
            }
            // A page may be empty and not the last one.
            next = answer["NextToken"].clone();
            if next.is_null() {
                return Ok(false);
            }
        }
    }
}
