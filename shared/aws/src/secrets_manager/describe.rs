//! Whether a secret exists. Its value is not read.

use super::SecretsManager;
use crate::call::{Call, CallFailed};

impl SecretsManager {
    /// Whether the secret of this ARN, or name, is there and not on its way to deletion (DescribeSecret).
    pub async fn has_secret(&self, secret: &str) -> Result<bool, CallFailed> {
        let name = secret.rsplit(':').next().unwrap_or(secret);
        let call = Call::new("secretsmanager:DescribeSecret", name);
        match self.client.describe_secret().secret_id(secret).send().await {
            Ok(answer) => Ok(answer.deleted_date().is_none()),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_resource_not_found_exception()) =>
            {
                Ok(false)
            }
            Err(error) => Err(call.failed(error)),
        }
    }
}
