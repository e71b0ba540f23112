//! Log groups that a person creates.

use serde_json::json;

use super::*;

#[tokio::test]
async fn a_log_group_is_created_once() {
    let world = world(Assumptions::default()).await;
    let members = json!({ "logGroupName": "new" });
    check(
        &world,
        Service::Logs,
        "CreateLogGroup",
        members.clone(),
        &["logs:CreateLogGroup logs:log-group:new:log-stream:"],
    );
    let create = async |members: &Value| {
        let call = Call {
            aws: world.aws(),
            service: Service::Logs,
            function: None,
            session: None,
            operation: "CreateLogGroup",
            region: REGION,
            input: Input::new(members, missing(Service::Logs)).unwrap(),
        };
        let operation = find(Service::Logs, "CreateLogGroup").unwrap();
        let answered = operation.answer(call).await.map(|reply| reply.body);
        answered.map_err(|error| format!("{}: {}", error.code, error.message))
    };
    assert_eq!(create(&members).await, Ok(json!({})));
    let again = "ResourceAlreadyExistsException: The specified log group already exists".to_owned();
    assert_eq!(create(&members).await, Err(again));
    assert!(world.aws().logs.groups().contains_key("new"));
    for (members, expected) in [
        (
            json!({ "logGroupName": "a:b" }),
            "InvalidParameterException",
        ),
        (
            json!({ "logGroupName": "tagged", "tags": {"a": "b"} }),
            "does not simulate `tags` of CreateLogGroup",
        ),
        (
            json!({ "logGroupName": "rare", "logGroupClass": "INFREQUENT_ACCESS" }),
            "does not simulate `INFREQUENT_ACCESS`",
        ),
    ] {
        let error = create(&members).await.unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
}
