//! The parameter that says what serves production.

use aws::Kind;
use aws::ssm::Ssm;
use rules::names::ParameterName;
use serde_json::json;

use crate::server::{Server, error, json as answer};

fn name() -> ParameterName {
    "/shop/web/image".parse().unwrap()
}

#[tokio::test]
async fn a_parameter_is_read_and_overwritten_as_aws_wants_it() {
    let found =
        json!({"Parameter": {"Name": "/shop/web/image", "Value": "a@sha256:1", "Version": 7}});
    let server = Server::answering([
        answer(200, &found),
        error(400, "ParameterNotFound", ""),
        answer(200, &json!({"Version": 8, "Tier": "Standard"})),
    ])
    .await;
    let client = Ssm::new(&server.session());
    let value = client.get_parameter(&name()).await;
    assert_eq!(value, Ok(Some("a@sha256:1".to_owned())));
    assert_eq!(client.get_parameter(&name()).await, Ok(None));
    assert_eq!(client.put_parameter(&name(), "b").await, Ok(()));
    let requests = server.requests();
    let targets: Vec<&str> = requests.iter().map(|one| one.target.as_str()).collect();
    assert_eq!(
        targets,
        [
            "AmazonSSM.GetParameter",
            "AmazonSSM.GetParameter",
            "AmazonSSM.PutParameter"
        ]
    );
    assert!(requests.iter().all(|request| request.signed));
    assert_eq!(requests[0].json(), json!({"Name": "/shop/web/image"}));
    assert_eq!(
        requests[2].json(),
        json!({"Name": "/shop/web/image", "Value": "b", "Type": "String", "Overwrite": true})
    );
}

#[tokio::test]
async fn a_throttled_parameter_is_written_at_the_second_attempt() {
    let server = Server::answering([
        error(400, "ThrottlingException", "Rate exceeded"),
        answer(200, &json!({"Version": 1})),
    ])
    .await;
    let client = Ssm::new(&server.session());
    assert_eq!(client.put_parameter(&name(), "b").await, Ok(()));
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn what_is_wrong_with_a_parameter_says_what_to_do() {
    let denied = "User: u is not authorized to perform: ssm:PutParameter on resource: r because no identity-based policy allows the \
                  ssm:PutParameter action";
    for (said, kind, expected) in [
        (
            error(400, "AccessDeniedException", denied),
            Kind::Denied,
            "put parameter `/shop/web/image`: access denied (hint: the stack's parameter `PublishedParameters` must be a folder above the \
             parameter; the function's role has `ssm:PutParameter` below that alone)",
        ),
        (
            error(400, "TooManyUpdates", ""),
            Kind::Conflict,
            "put parameter `/shop/web/image`: conflict: TooManyUpdates",
        ),
        (
            answer(200, &json!({})),
            Kind::Unexpected,
            "put parameter `/shop/web/image`: unexpected: the answer has no `Version`",
        ),
    ] {
        let server = Server::answering([said]).await;
        let client = Ssm::new(&server.session());
        let failed = client.put_parameter(&name(), "b").await.unwrap_err();
        assert_eq!((failed.kind, failed.to_string().as_str()), (kind, expected));
    }
}
