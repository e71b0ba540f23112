//! EventBridge: outcomes for programs.

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use rules::names::BusArn;
use serde_json::Value;

use crate::Session;
use crate::call::{Call, CallFailed};

/// EventBridge's operations.
#[derive(Debug, Clone)]
pub struct EventBridge {
    client: Client,
}

/// An event of our own, without the envelope that EventBridge adds.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// Who it is from.
    pub source: &'a str,
    /// What it is.
    pub detail_type: &'a str,
    /// What happened: an object.
    pub detail: &'a Value,
}

impl EventBridge {
    /// A client of this session.
    pub fn new(session: &Session) -> Self {
        Self {
            client: Client::new(session.config()),
        }
    }

    /// Puts one event on a bus. PutEvents answers 200 for an entry that it did not take: such an answer is a failure, with the
    /// entry's own code (EventBridge User Guide, "Handling failures with PutEvents").
    pub async fn put_event(&self, bus: &BusArn, entry: Entry<'_>) -> Result<(), CallFailed> {
        let call = Call::new("events:PutEvents", bus.as_str());
        let entry = PutEventsRequestEntry::builder()
            .event_bus_name(bus.as_str())
            .source(entry.source)
            .detail_type(entry.detail_type)
            .detail(entry.detail.to_string());
        let sent = self.client.put_events().entries(entry.build()).send().await;
        let answer = sent.map_err(|error| call.failed(error))?;
        if answer.failed_entry_count() == 0 {
            return Ok(());
        }
        let failed = answer.entries().first();
        Err(call.refused(
            200,
            failed.and_then(|entry| entry.error_code()),
            failed.and_then(|entry| entry.error_message()),
        ))
    }
}
