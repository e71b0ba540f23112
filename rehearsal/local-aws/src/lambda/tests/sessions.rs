//! How many sessions are kept.

use serde_json::json;

use super::{function, invoke, response, start};

/// However many environments there were: `serve` runs for days.
#[tokio::test]
async fn the_sessions_of_environments_that_ended_are_removed() {
    let (lambda, _) = start(function()).await;
    for _ in 0..5 {
        invoke(&lambda, json!({ "do": "exit" })).await;
        assert_eq!(lambda.inner.lock().sessions.len(), 1);
    }
    // The session of an idle environment stays.
    for _ in 0..2 {
        let (answer, _) = tokio::join!(
            invoke(&lambda, json!({})),
            invoke(&lambda, json!({ "do": "exit" }))
        );
        response(answer);
        assert_eq!(lambda.inner.lock().sessions.len(), 2);
    }
}
