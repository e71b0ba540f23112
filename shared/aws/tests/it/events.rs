//! EventBridge: an event of our own on a bus.

use aws::events::{Entry, EventBridge};
use aws::{CallFailed, Kind};
use serde_json::json;

use crate::server::{Server, json as answer};

const BUS: &str = "arn:aws:events:eu-central-1:111122223333:event-bus/greenlight-outcomes";

async fn put(server: &Server) -> Result<(), CallFailed> {
    let detail = json!({"outcome": "shipped"});
    let entry = Entry {
        source: "greenlight",
        detail_type: "Greenlight Outcome",
        detail: &detail,
    };
    EventBridge::new(&server.session())
        .put_event(&BUS.parse().unwrap(), entry)
        .await
}

#[tokio::test]
async fn an_event_is_put_on_the_bus() {
    let body = json!({"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]});
    let server = Server::answering([answer(200, &body)]).await;
    assert_eq!(put(&server).await, Ok(()));
    let asked = json!({"Entries": [{
        "Source": "greenlight", "DetailType": "Greenlight Outcome", "Detail": r#"{"outcome":"shipped"}"#, "EventBusName": BUS,
    }]});
    server.was_asked("AWSEvents.PutEvents", &asked);
}

#[tokio::test]
async fn an_entry_that_was_not_taken_is_a_failure() {
    for (code, kind) in [
        ("ThrottlingException", Kind::Throttled),
        ("InternalFailure", Kind::Unavailable),
        ("MalformedDetail", Kind::Invalid),
        ("AccessDeniedException", Kind::Denied),
    ] {
        let entry = json!({"ErrorCode": code, "ErrorMessage": "no"});
        let body = json!({"FailedEntryCount": 1, "Entries": [entry]});
        let server = Server::answering([answer(200, &body)]).await;
        let failed = put(&server).await.unwrap_err();
        assert_eq!((failed.kind, failed.operation), (kind, "events:PutEvents"));
        let is_named = failed.message.contains(code) || kind == Kind::Denied;
        assert!(is_named, "{failed}");
    }
}
