//! Systems Manager's Parameter Store: the parameters that say what serves production, and whether others exist, whose values are not
//! read.

use rules::names::ParameterName;
#[cfg(feature = "command")]
use serde_json::Value;
use serde_json::json;

use crate::call::{Call, CallFailed};
use crate::raw::Json;
use crate::{Kind, Session};

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

    /// The value; none where there is no such parameter.
    ///
    /// # Errors
    /// The call failed.
    pub async fn get_parameter(&self, name: &ParameterName) -> Result<Option<String>, CallFailed> {
        let call = Call::new("ssm:GetParameter", name.as_str());
        let request = json!({ "Name": name });
        let answer = match self.client.ask(&call, "GetParameter", &request).await {
            Ok(answer) => answer,
            Err(failed) if failed.kind == Kind::NotFound => return Ok(None),
            Err(failed) => return Err(failed),
        };
        let value = answer["Parameter"]["Value"].as_str();
        let value = call.required(value, "Parameter.Value")?;
        Ok(Some(value.to_owned()))
    }

    /// Creates the parameter with this value, or gives it a new version. To do so again changes nothing but the version.
    ///
    /// # Errors
    /// The call failed.
    pub async fn put_parameter(&self, name: &ParameterName, value: &str) -> Result<(), CallFailed> {
        let call = Call::new("ssm:PutParameter", name.as_str());
        let request = json!({ "Name": name, "Value": value, "Type": "String", "Overwrite": true });
        let answer = self.client.ask(&call, "PutParameter", &request).await?;
        call.required(answer["Version"].as_i64(), "Version")?;
        Ok(())
    }

    /// Whether there is a parameter of this name.
    #[cfg(feature = "command")]
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
