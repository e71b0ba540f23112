//! The secret of a header.

use aws::Kind;
use aws::secrets_manager::SecretsManager;
use rules::names::SecretArn;
use serde_json::json;

use crate::server::{Server, error, json as answer};

const SECRET: &str = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:shop/token-AbCdEf";

#[tokio::test]
async fn a_secret_is_read_by_its_arn_and_hidden_in_debug() {
    let server = Server::answering([answer(200, &json!({"SecretString": "hunter2"}))]).await;
    let secret: SecretArn = SECRET.parse().unwrap();
    let client = SecretsManager::new(&server.session());
    let text = client.get_secret_value(&secret).await.unwrap();
    assert_eq!(text.reveal(), "hunter2");
    assert!(!format!("{text:?}").contains("hunter2"));
    let request = server.request();
    assert_eq!(request.target, "secretsmanager.GetSecretValue");
    assert_eq!(request.json(), json!({"SecretId": SECRET}));
    assert!(request.signed);
}

#[tokio::test]
async fn what_is_wrong_with_a_secret_says_what_to_do() {
    let binary = answer(200, &json!({"SecretBinary": "aHVudGVyMg=="}));
    for (said, kind, expected) in [
        (
            error(
                400,
                "AccessDeniedException",
                "User is not authorized to perform: secretsmanager:GetSecretValue on resource: a",
            ),
            Kind::Denied,
            "get secret value `shop/token-AbCdEf`: access denied (hint: add the secret's ARN to the stack's parameter `HeaderSecrets`)",
        ),
        (
            error(400, "AccessDeniedException", "Access to KMS is not allowed"),
            Kind::Denied,
            "get secret value `shop/token-AbCdEf`: access denied (hint: the function's role needs `kms:Decrypt` on the secret's key, \
             which it has for the stack's `KmsKey`)",
        ),
        (
            error(
                400,
                "ResourceNotFoundException",
                "Secrets Manager can't find the specified secret.",
            ),
            Kind::NotFound,
            "get secret value `shop/token-AbCdEf`: not found: ResourceNotFoundException, Secrets Manager can't find the specified \
             secret (hint: correct its name in the configuration, or create it)",
        ),
        (
            binary,
            Kind::Unexpected,
            "get secret value `shop/token-AbCdEf`: unexpected: the answer has no `SecretString`",
        ),
    ] {
        let server = Server::answering([said]).await;
        let client = SecretsManager::new(&server.session());
        let failed = client
            .get_secret_value(&SECRET.parse().unwrap())
            .await
            .unwrap_err();
        assert_eq!((failed.kind, failed.to_string().as_str()), (kind, expected));
    }
}
