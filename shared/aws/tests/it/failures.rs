//! Every way in which a call fails, on one call that may be repeated.

use std::time::Duration;

use aws::codedeploy::CodeDeploy;
use aws::ecs::Ecs;
use aws::{CallFailed, Kind, Patience, Session};
use rules::codedeploy::HookAnswer;
use rules::names::{ClusterName, ServiceName};
use serde_json::json;
use tokio::net::TcpListener;

use crate::server::{Answer, PATIENCE, Server, error, hanging_up_after, session, text};

async fn failed(session: &Session) -> CallFailed {
    let (cluster, service): (ClusterName, ServiceName) =
        ("prod".parse().unwrap(), "web".parse().unwrap());
    Ecs::new(session)
        .describe_service(&cluster, &service)
        .await
        .unwrap_err()
}

/// The answer, three times if need be; then the kind, the sentence after what the call was, and how often it was sent.
async fn check(answer: Answer, kind: Kind, sentence: &str, attempts: usize) {
    let server = Server::answering(vec![answer; 3]).await;
    let failed = failed(&server.session()).await;
    assert_eq!(
        failed.to_string(),
        format!("describe services `prod/web`: {sentence}")
    );
    assert_eq!(
        (failed.kind, server.requests().len()),
        (kind, attempts),
        "{failed}"
    );
    assert_eq!(
        (failed.operation, failed.resource.as_str()),
        ("ecs:DescribeServices", "prod/web")
    );
}

#[tokio::test]
async fn throttling_is_retried_and_then_reported() {
    let sentence = "throttled: ThrottlingException, Rate exceeded";
    check(
        error(400, "ThrottlingException", "Rate exceeded"),
        Kind::Throttled,
        sentence,
        3,
    )
    .await;
}

#[tokio::test]
async fn a_missing_permission_is_named() {
    let user =
        "User: arn:aws:sts::111122223333:assumed-role/start/start is not authorized to perform";
    let table = [
        (
            format!("{user}: ecs:DescribeServices on resource: arn:aws:ecs:…"),
            "ecs:DescribeServices",
        ),
        (
            format!("{user}: iam:PassRole on resource: arn:aws:iam::1:role/x because …"),
            "iam:PassRole",
        ),
        ("You may not.".to_owned(), "ecs:DescribeServices"),
        (format!("{user}: magic"), "ecs:DescribeServices"),
    ];
    for (message, action) in table {
        let sentence = format!("access denied (hint: the function's role needs `{action}`)");
        check(
            error(400, "AccessDeniedException", &message),
            Kind::Denied,
            &sentence,
            1,
        )
        .await;
    }
}

#[tokio::test]
async fn bad_credentials_are_told_from_a_missing_permission() {
    let message = "The security token included in the request is invalid.";
    let sentence = "access denied: UnrecognizedClientException, The security token included in the request is invalid \
                    (hint: the credentials are missing, wrong or expired)";
    check(
        error(400, "UnrecognizedClientException", message),
        Kind::Denied,
        sentence,
        1,
    )
    .await;
}

#[tokio::test]
async fn codes_are_understood_with_their_namespace() {
    let answer = error(
        400,
        "com.amazonaws.ecs#ClusterNotFoundException",
        "Cluster not found.",
    );
    check(
        answer,
        Kind::NotFound,
        "not found: ClusterNotFoundException, Cluster not found (hint: correct its name in the configuration, or create it)",
        1,
    )
    .await;
}

#[tokio::test]
async fn a_refused_request_is_not_sent_again() {
    let answer = error(
        400,
        "InvalidParameterException",
        "Identifier is for cluster x.\n\tYour cluster is y.",
    );
    let sentence =
        "refused: InvalidParameterException, Identifier is for cluster x. Your cluster is y";
    check(answer, Kind::Invalid, sentence, 1).await;
}

#[tokio::test]
async fn a_long_message_is_cut() {
    let answer = error(400, "InvalidParameterException", &"long ".repeat(1000));
    let sentence = format!(
        "refused: InvalidParameterException, {}…",
        &"long ".repeat(60)[..299]
    );
    check(answer, Kind::Invalid, &sentence, 1).await;
}

#[tokio::test]
async fn server_errors_are_retried_and_then_unavailable() {
    let sentence = "server error: ServerException, Try later";
    check(
        error(500, "ServerException", "Try later."),
        Kind::Unavailable,
        sentence,
        3,
    )
    .await;
}

#[tokio::test]
async fn a_server_error_without_a_readable_body_is_unavailable_too() {
    let server =
        Server::answering(vec![text(503, "text/html", "<html>Bad gateway</html>"); 3]).await;
    let failed = failed(&server.session()).await;
    assert_eq!(
        (failed.kind, server.requests().len()),
        (Kind::Unavailable, 3),
        "{failed}"
    );
    assert!(!failed.to_string().contains("<html>"), "{failed}");
}

#[tokio::test]
async fn an_answer_that_is_not_what_was_asked_for_is_unexpected() {
    let server = Server::answering(vec![
        text(
            200,
            "text/html",
            "<html>Sign in to the network</html>"
        );
        3
    ])
    .await;
    let failed = failed(&server.session()).await;
    assert_eq!(failed.kind, Kind::Unexpected, "{failed}");
    assert!(failed.to_string().len() < 300, "{failed}");
}

/// Long enough to reach a server on this machine, mostly, and no longer than a test may wait.
const SHORT: Duration = Duration::from_millis(300);

#[tokio::test]
async fn a_service_that_does_not_answer_in_time_is_unavailable() {
    let server = Server::answering(vec![Answer::Never; 3]).await;
    let impatient = Patience {
        attempt: SHORT,
        attempts: 2,
        ..PATIENCE
    };
    let failed_attempts = failed(&session(&server.url, impatient)).await;
    assert_eq!(
        failed_attempts.to_string(),
        "describe services `prod/web`: no answer in time"
    );
    assert_eq!(failed_attempts.kind, Kind::Unavailable);
    // A request that a busy machine never brought to the server is an attempt, too.
    assert!(server.requests().len() <= 2);

    let server = Server::answering(vec![Answer::Never; 3]).await;
    let impatient = Patience {
        call: SHORT,
        ..PATIENCE
    };
    let failed_call = failed(&session(&server.url, impatient)).await;
    assert_eq!(failed_call, failed_attempts);
    assert!(server.requests().len() <= 1);
}

#[tokio::test]
async fn a_connection_that_breaks_is_retried_and_then_unavailable() {
    for bytes in [
        "",
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"services",
    ] {
        let (url, count) = hanging_up_after(bytes).await;
        let failed = failed(&session(&url, PATIENCE)).await;
        assert_eq!(
            (failed.kind, *count.lock().unwrap()),
            (Kind::Unavailable, 3),
            "{failed}"
        );
    }
}

#[tokio::test]
async fn nobody_there_is_unavailable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let failed = failed(&session(&url, PATIENCE)).await;
    assert_eq!(failed.kind, Kind::Unavailable);
    assert!(
        failed
            .message
            .starts_with("the connection failed (Connection refused"),
        "{failed}"
    );
}

/// AWS may repeat what it refuses. What a container was given, and what answers a hook, is not told on.
#[tokio::test]
async fn what_a_request_held_in_confidence_is_not_repeated() {
    let refusal = |text: &str| {
        error(
            400,
            "ClientException",
            &format!("1 validation error detected: Value '{text}' at 'x' failed"),
        )
    };
    let secret = "hunter2-hunter2";
    let definition = json!({"family": "web", "containerDefinitions": [{
        "name": "web", "image": "nginx:latest-and-greatest", "environment": [{"name": "PASSWORD", "value": secret}],
    }]});
    let server = Server::answering([refusal(&format!("nginx:latest-and-greatest {secret}"))]).await;
    let said = Ecs::new(&server.session())
        .register_task_definition(&definition)
        .await;
    assert_eq!(
        said.unwrap_err().message,
        "refused: ClientException, 1 validation error detected: Value 'nginx:latest-and-greatest …' at 'x' failed"
    );

    let server = Server::answering([refusal("an-execution-id")]).await;
    let put = CodeDeploy::new(&server.session());
    let said = put
        .put_lifecycle_event_hook_execution_status(
            &"d-1".parse().unwrap(),
            &"an-execution-id".parse().unwrap(),
            HookAnswer::Failed,
        )
        .await;
    let said = said.unwrap_err().to_string();
    assert!(
        said.contains("Value '…' at") && !said.contains("an-execution-id"),
        "{said}"
    );
}

/// AWS may quote a text as it stands in JSON, or a line of it; and one that names where a secret lies holds more than that.
#[tokio::test]
async fn what_a_request_held_in_confidence_is_known_in_every_form() {
    let place = "arn:aws:ssm:eu-central-1:111122223333:parameter/db";
    for (value, quoted) in [
        (
            "first\nhunter2-line\n\"last\"",
            "first\\nhunter2-line\\n\\\"last\\\"",
        ),
        ("-----BEGIN-----\nhunter2-line", "hunter2-line"),
        (
            &format!("{place} hunter2-line"),
            &format!("{place} hunter2-line"),
        ),
    ] {
        let definition = json!({"family": "web", "containerDefinitions": [{
            "name": "web", "image": "nginx", "environment": [{"name": "KEY", "value": value}],
        }]});
        let refusal = error(400, "ClientException", &format!("cannot read '{quoted}'"));
        let server = Server::answering([refusal]).await;
        let said = Ecs::new(&server.session())
            .register_task_definition(&definition)
            .await;
        assert_eq!(
            said.unwrap_err().message,
            "refused: ClientException, cannot read '…'"
        );
    }
}
