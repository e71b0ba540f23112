//! STS: who asks.

use aws_sdk_sts::Client;

use crate::Session;
use crate::call::{Call, CallFailed};

/// STS's operations.
#[derive(Debug, Clone)]
pub struct Sts {
    client: Client,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The 12 digits of the account.
    pub account: String,
    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: String,
}

impl Sts {
    /// A client of this session.
    pub fn new(session: &Session) -> Self {
        Self {
            client: Client::new(session.config()),
        }
    }

    /// Who asks; it needs no permission.
    pub async fn get_caller_identity(&self) -> Result<Caller, CallFailed> {
        let call = Call::new("sts:GetCallerIdentity", "the caller");
        let request = self.client.get_caller_identity();
        let answer = request.send().await.map_err(|error| call.failed(error))?;
        let arn = call.required(answer.arn(), "arn")?;
        let partition = call.required(arn.split(':').nth(1), "arn")?;
        Ok(Caller {
            account: call.required(answer.account(), "account")?.to_owned(),
            partition: partition.to_owned(),
        })
    }
}
