//! Secrets Manager's operations.

use serde_json::{Map, Value, json};

use crate::api::error::ApiError;
use crate::api::input::Input;
use crate::api::operation::{Answer, Call, Operation};
use crate::iam::Permission;
use crate::identity::arn;
use crate::secrets_manager::{Content, KmsKey, Refused, Version, Wanted};
use crate::stamp::epoch_seconds;

/// Who creates a secret, puts a value or deletes one is a person or infrastructure code.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("CreateSecret", create_secret, on_new_secret),
    Operation::new("DeleteSecret", delete_secret, on_secret),
    Operation::new("DescribeSecret", describe_secret, on_secret),
    Operation::new("GetSecretValue", get_secret_value, on_secret_and_key),
    Operation::new("PutSecretValue", put_secret_value, on_secret),
];

/// The longest text (model: SecretStringType).
const LONGEST: usize = 65_536;

/// The error for a required member. The message is the common one of the model's validation.
pub(super) fn missing(member: &str) -> ApiError {
    invalid(&format!(
        "1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must not be null"
    ))
}

fn invalid(message: &str) -> ApiError {
    ApiError::new("ValidationException", message)
}

fn refusal(refused: &Refused) -> ApiError {
    ApiError::new(refused.code(), refused.to_string())
}

fn get_secret_value(call: Call<'_>) -> Answer {
    let id = call.input.required_text("SecretId")?;
    let wanted = Wanted {
        id: call.input.text("VersionId")?,
        stage: call.input.text("VersionStage")?,
    };
    // The model's SecretVersionIdType.
    if wanted.id.is_some_and(|id| !(32..=64).contains(&id.len())) {
        let message = "Invalid length for the version ID, expected 32 to 64 characters.";
        return Err(ApiError::new("InvalidParameterException", message));
    }
    let (secret, version) = call
        .aws
        .secrets_manager
        .value(id, wanted)
        .map_err(|refused| refusal(&refused))?;
    let mut answer = json!({
        "ARN": secret.arn,
        "Name": secret.name,
        "VersionId": version.id,
        "VersionStages": version.stages,
        "CreatedDate": epoch_seconds(version.created_at),
    });
    match version.content {
        Content::Text(text) => answer["SecretString"] = json!(text),
        Content::Binary(bytes) => answer["SecretBinary"] = json!(bytes),
    }
    Ok(answer)
}

fn describe_secret(call: Call<'_>) -> Answer {
    let id = call.input.required_text("SecretId")?;
    let secret = call.aws.secrets_manager.secret(id);
    let secret = secret.ok_or_else(|| refusal(&Refused::NoSecret))?;
    let stages = secret.versions.iter();
    let stages: Map<String, Value> = stages
        .map(|version| (version.id.clone(), json!(version.stages)))
        .collect();
    let mut answer =
        json!({ "ARN": secret.arn, "Name": secret.name, "VersionIdsToStages": stages });
    // It is described until it is gone for good.
    if let Some(at) = secret.deleted_at {
        answer["DeletedDate"] = json!(epoch_seconds(at));
    }
    if let KmsKey::Own(key) | KmsKey::Disabled(key) = &secret.key {
        answer["KmsKeyId"] = json!(key);
    }
    Ok(answer)
}

fn create_secret(call: Call<'_>) -> Answer {
    let name = call.input.required_text("Name")?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/_+=.@-".contains(&byte);
    if name.is_empty() || name.len() > 512 || !name.bytes().all(plain) {
        let message = "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!";
        return Err(invalid(message));
    }
    let key = match call.input.text("KmsKeyId")? {
        None | Some("alias/aws/secretsmanager") => KmsKey::AwsManaged,
        Some(key) if key.starts_with("arn:") => KmsKey::Own(key.to_owned()),
        Some(key) => KmsKey::Own(arn("kms", &format!("key/{key}"))),
    };
    let (content, token) = (content(&call.input)?, token(&call.input)?);
    let secret = call
        .aws
        .secrets_manager
        .create(name, key, content, token)
        .map_err(|refused| refusal(&refused))?;
    let mut answer = json!({ "ARN": secret.arn, "Name": secret.name });
    if let Some(version) = secret.versions.first() {
        answer["VersionId"] = json!(version.id);
    }
    Ok(answer)
}

fn put_secret_value(call: Call<'_>) -> Answer {
    let id = call.input.required_text("SecretId")?;
    let Some(content) = content(&call.input)? else {
        let message = "You must provide either SecretString or SecretBinary.";
        return Err(ApiError::new("InvalidRequestException", message));
    };
    let token = token(&call.input)?;
    let (secret, Version { id, stages, .. }) = call
        .aws
        .secrets_manager
        .put(id, content, token)
        .map_err(|refused| refusal(&refused))?;
    Ok(json!({ "ARN": secret.arn, "Name": secret.name, "VersionId": id, "VersionStages": stages }))
}

fn delete_secret(call: Call<'_>) -> Answer {
    let secret = call
        .aws
        .secrets_manager
        .delete(call.input.required_text("SecretId")?)
        .map_err(|refused| refusal(&refused))?;
    let deleted_at = secret.deleted_at.map(epoch_seconds);
    Ok(json!({ "ARN": secret.arn, "Name": secret.name, "DeletionDate": deleted_at }))
}

/// A version is text or bytes.
fn content(input: &Input<'_>) -> Result<Option<Content>, ApiError> {
    match (input.text("SecretString")?, input.text("SecretBinary")?) {
        (Some(_), Some(_)) => {
            let message = "You can't specify both a binary secret value and a string secret value in the same secret.";
            Err(ApiError::new("InvalidParameterException", message))
        }
        (Some(text), None) if text.is_empty() || text.len() > LONGEST => Err(invalid(&format!(
            "1 validation error detected: Value at 'secretString' failed to satisfy constraint: Member must have length \
             between 1 and {LONGEST}"
        ))),
        (Some(text), None) => Ok(Some(Content::Text(text.to_owned()))),
        (None, Some(bytes)) => Ok(Some(Content::Binary(bytes.to_owned()))),
        (None, None) => Ok(None),
    }
}

/// The version's id, if the caller chooses it.
fn token<'a>(input: &Input<'a>) -> Result<Option<&'a str>, ApiError> {
    let token = input.text("ClientRequestToken")?;
    match token {
        Some(token) if !(32..=64).contains(&token.len()) => {
            let message = "ClientRequestToken must be 32-64 characters long.";
            Err(ApiError::new("InvalidParameterException", message))
        }
        Some(_) | None => Ok(token),
    }
}

/// SAR, AWS Secrets Manager: the secret, by its whole ARN even where a request names it by its name.
fn on_secret(call: Call<'_>) -> Vec<Permission> {
    let id = call.named_or_any("SecretId");
    let found = call.aws.secrets_manager.secret(id).map(|secret| secret.arn);
    let named = || match id.starts_with("arn:") {
        true => id.to_owned(),
        // Nobody knows the characters behind a name that no secret has.
        false => arn("secretsmanager", &format!("secret:{id}-??????")),
    };
    vec![call.on(found.unwrap_or_else(named))]
}

/// A secret that has a key of the account's takes a permission on it (Secrets Manager API Reference, GetSecretValue).
fn on_secret_and_key(call: Call<'_>) -> Vec<Permission> {
    let mut needed = on_secret(call);
    let secret = call.named("SecretId");
    let secret = secret.and_then(|id| call.aws.secrets_manager.secret(id));
    match secret.map(|secret| secret.key) {
        Some(KmsKey::Own(key) | KmsKey::Disabled(key)) => {
            needed.push(Permission::new("kms:Decrypt", key));
        }
        Some(KmsKey::AwsManaged) | None => {}
    }
    needed
}

fn on_new_secret(call: Call<'_>) -> Vec<Permission> {
    let name = call.input.value("Name").and_then(Value::as_str);
    let resource = format!("secret:{}-??????", name.unwrap_or("*"));
    vec![call.on(arn("secretsmanager", &resource))]
}
