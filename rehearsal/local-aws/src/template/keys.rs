//! The customer managed keys of topics and queues.

use std::collections::BTreeMap;

use anyhow::bail;

use super::intrinsics::Scope;

/// The keys by the ARN of the topic or queue.
pub(super) fn keys(scope: &Scope) -> anyhow::Result<BTreeMap<String, String>> {
    let mut keys = BTreeMap::new();
    for (logical_id, resource) in scope.written("Resources").into_iter().flatten() {
        let attribute = match resource["Type"].as_str() {
            Some("AWS::SNS::Topic") => "TopicArn",
            Some("AWS::SQS::Queue") => "Arn",
            Some(_) | None => continue,
        };
        if !scope.is_made(resource)? {
            continue;
        }
        let path = format!("Resources.{logical_id}.Properties.KmsMasterKeyId");
        let key = scope.resolve(&resource["Properties"]["KmsMasterKeyId"], &path)?;
        match key.unwrap_or_default().as_str() {
            Some(key) if key.starts_with("arn:") => {
                let arn = scope.attribute(logical_id, attribute)?;
                keys.insert(arn.as_str().unwrap_or_default().to_owned(), key.to_owned());
            }
            Some(key) if !key.starts_with("alias/aws/") => {
                bail!("`{path}` is `{key}`: only the ARN of a key is evaluated in the rehearsal")
            }
            Some(_) | None => {}
        }
    }
    Ok(keys)
}
