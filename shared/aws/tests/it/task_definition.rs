//! The lossless copy: what DescribeTaskDefinition sent is what RegisterTaskDefinition gets.

use aws::Kind;
use aws::ecs::Ecs;
use serde_json::{Value, json};

use crate::ecs::REVISION;
use crate::server::{Server, error, hanging_up_after, json as answer, session, text};

const DESCRIBE: &str = "AmazonEC2ContainerServiceV20141113.DescribeTaskDefinition";
const REGISTER: &str = "AmazonEC2ContainerServiceV20141113.RegisterTaskDefinition";

/// Fields of today and of tomorrow, in an order of its own, with everything JSON has.
const TASK_DEFINITION: &str = r#"{"family":"shop-web","volumes":[],"zOfTomorrow":{"deep":[{"er":null}]},"cpu":"256",
"aOfTomorrow":18446744073709551615,"negative":-9223372036854775808,"third":0.3333333333333333,"tiny":5e-324,
"containerDefinitions":[{"name":"web","image":"shop/web:1","essential":true,"ofTomorrow":"grün 🚀 \u0000 \"\\/\u2028",
"environment":[{"name":"EMPTY","value":""},{"name":"NULL","value":null}],"memory":512,"portMappings":[],
"linuxParameters":{"swappiness":0,"sharedMemorySizeOfTomorrow":1.5}}],"runtimePlatform":{"cpuArchitecture":"RISCV64"}}"#;

fn task_definition() -> Value {
    serde_json::from_str(TASK_DEFINITION).unwrap()
}

fn registered() -> Value {
    json!({"taskDefinition": {"taskDefinitionArn": REVISION}})
}

#[tokio::test]
async fn describe_gives_the_answer_as_it_came() {
    let body = format!(
        r#"{{"tags":[{{"key":"team","value":"shop"}}],"taskDefinition":{TASK_DEFINITION}}}"#
    );
    let server = Server::answering([text(200, "application/x-amz-json-1.1", &body)]).await;
    let found = Ecs::new(&server.session())
        .describe_task_definition("shop-web")
        .await
        .unwrap();
    server.was_asked(
        DESCRIBE,
        &json!({"taskDefinition": "shop-web", "include": ["TAGS"]}),
    );
    // As text, so that the order of fields counts.
    assert_eq!(
        found.task_definition.to_string(),
        task_definition().to_string()
    );
    assert_eq!(found.tags, json!([{"key": "team", "value": "shop"}]));
}

#[tokio::test]
async fn no_tags_are_null() {
    let server = Server::answering([answer(200, &json!({"taskDefinition": {}}))]).await;
    let found = Ecs::new(&server.session())
        .describe_task_definition(REVISION)
        .await
        .unwrap();
    assert_eq!(
        (found.task_definition, found.tags),
        (json!({}), Value::Null)
    );
}

#[tokio::test]
async fn what_the_sdk_cannot_read_is_read_all_the_same() {
    // A number where the SDK's type has an integer of 32 bits, and text where it has a list.
    let given =
        json!({"taskDefinition": {"revision": 18_446_744_073_709_551_615_u64, "volumes": "none"}});
    let server = Server::answering([
        answer(200, &given),
        answer(200, &given),
        answer(200, &given),
    ])
    .await;
    let found = Ecs::new(&server.session())
        .describe_task_definition(REVISION)
        .await
        .unwrap();
    assert_eq!(found.task_definition, given["taskDefinition"]);
}

#[tokio::test]
async fn register_sends_the_given_json_as_it_is() {
    let server = Server::answering([answer(200, &registered())]).await;
    let arn = Ecs::new(&server.session())
        .register_task_definition(&task_definition())
        .await
        .unwrap();
    assert_eq!(arn.as_str(), REVISION);
    let request = server.request();
    assert_eq!((request.target.as_str(), request.signed), (REGISTER, true));
    assert_eq!(request.body, task_definition().to_string());
    assert_eq!(request.content_length, Some(request.body.len()));
}

#[tokio::test]
async fn a_large_task_definition_is_sent_whole() {
    let mut given = task_definition();
    given["containerDefinitions"][0]["dockerLabels"] = json!({"long": "ü".repeat(60_000)});
    let server = Server::answering([answer(200, &registered())]).await;
    Ecs::new(&server.session())
        .register_task_definition(&given)
        .await
        .unwrap();
    assert_eq!(server.request().body, given.to_string());
}

#[tokio::test]
async fn a_registration_is_sent_again_when_it_was_throttled_and_is_the_same_then() {
    let server = Server::answering([
        error(400, "ThrottlingException", "Rate exceeded"),
        error(400, "ThrottlingException", "Rate exceeded"),
        answer(200, &registered()),
    ])
    .await;
    Ecs::new(&server.session())
        .register_task_definition(&task_definition())
        .await
        .unwrap();
    let bodies: Vec<String> = server
        .requests()
        .into_iter()
        .map(|request| request.body)
        .collect();
    assert_eq!(bodies, vec![task_definition().to_string(); 3]);
}

#[tokio::test]
async fn a_registration_is_not_repeated_after_an_unclear_answer() {
    let server = Server::answering([error(
        500,
        "ServerException",
        "Service is unavailable. Try again later.",
    )])
    .await;
    let failed = Ecs::new(&server.session())
        .register_task_definition(&task_definition())
        .await
        .unwrap_err();
    assert_eq!(server.requests().len(), 1);
    assert_eq!(
        failed.to_string(),
        "register task definition `shop-web`: server error: ServerException, \
         Service is unavailable. Try again later"
    );
    for bytes in [
        "",
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"taskDef",
    ] {
        let (url, count) = hanging_up_after(bytes).await;
        let ecs = Ecs::new(&session(&url, crate::server::PATIENCE));
        let failed = ecs
            .register_task_definition(&task_definition())
            .await
            .unwrap_err();
        assert_eq!(
            (failed.kind, *count.lock().unwrap()),
            (Kind::Unavailable, 1),
            "{failed}"
        );
    }
}

#[tokio::test]
async fn a_refused_registration_says_why() {
    let message =
        "Invalid 'cpu' setting for task. For more information, see the Troubleshooting section.";
    let server = Server::answering([error(400, "ClientException", message)]).await;
    let failed = Ecs::new(&server.session())
        .register_task_definition(&task_definition())
        .await
        .unwrap_err();
    assert_eq!(failed.kind, Kind::Invalid);
    assert_eq!(
        failed.to_string(),
        "register task definition `shop-web`: refused: ClientException, \
         Invalid 'cpu' setting for task. For more information, see the Troubleshooting section"
    );
}

/// Two invocations, or Terraform and one of ours, that register in one family at once.
#[tokio::test]
async fn a_family_that_somebody_else_registers_in_is_busy() {
    let message = "Too many concurrent attempts to create a new revision of the specified family.";
    let server = Server::answering([error(400, "ClientException", message)]).await;
    let failed = Ecs::new(&server.session())
        .register_task_definition(&task_definition())
        .await
        .unwrap_err();
    assert_eq!(failed.kind, Kind::Throttled);
}

#[tokio::test]
async fn an_answer_without_a_task_definition_is_unexpected() {
    for body in [
        json!({}),
        json!({"taskDefinition": null}),
        json!({"taskDefinition": {"taskDefinitionArn": 7}}),
    ] {
        let server = Server::answering([answer(200, &body)]).await;
        let failed = Ecs::new(&server.session())
            .register_task_definition(&task_definition())
            .await
            .unwrap_err();
        assert_eq!(failed.kind, Kind::Unexpected, "{body}");
    }
}

#[tokio::test]
async fn a_tag_is_written_on_a_revision_and_nothing_else_is_sent() {
    let server = Server::answering([answer(200, &json!({}))]).await;
    let revision = REVISION.parse().unwrap();
    let ecs = Ecs::new(&server.session());
    let written = ecs.tag_task_definition(&revision, "greenlight:gate", "failed migration x y");
    written.await.unwrap();
    server.was_asked(
        "AmazonEC2ContainerServiceV20141113.TagResource",
        &json!({"resourceArn": REVISION, "tags": [{"key": "greenlight:gate", "value": "failed migration x y"}]}),
    );
}
