//! CloudWatch Logs: the last lines of a task's log.

#[cfg(feature = "command")]
mod group;

use aws_sdk_cloudwatchlogs::Client;

use crate::Session;
use crate::call::{Call, CallFailed};

/// CloudWatch Logs' operations.
#[derive(Debug, Clone)]
pub struct Logs {
    client: Client,
}

impl Logs {
    /// A client of this session.
    pub fn new(session: &Session) -> Self {
        Self {
            client: Client::new(session.config()),
        }
    }

    /// The last lines of a stream, oldest first; none where the group or the stream does not exist (yet).
    pub async fn get_log_events(
        &self,
        group: &str,
        stream: &str,
        last: i32,
    ) -> Result<Vec<String>, CallFailed> {
        let call = Call::new("logs:GetLogEvents", format!("{group}/{stream}"));
        let sent = self
            .client
            .get_log_events()
            .log_group_name(group)
            .log_stream_name(stream)
            .limit(last)
            .start_from_head(false)
            .send()
            .await;
        match sent {
            Ok(answer) => Ok(answer
                .events()
                .iter()
                .filter_map(|event| event.message())
                .map(str::to_owned)
                .collect()),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_resource_not_found_exception()) =>
            {
                Ok(Vec::new())
            }
            Err(error) => Err(call.failed(error)),
        }
    }
}
