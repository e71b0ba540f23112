//! DescribeTaskDefinition and RegisterTaskDefinition, on raw JSON.
//!
//! The SDK's types know the fields of the day they were generated; a copy through them drops every newer one, silently,
//! from a production service. So the answer is read from its bytes, and the request's body is what the caller gives.

use std::time::Duration;

use aws_sdk_ecs::config::Builder;
use aws_sdk_ecs::types::{Tag, TaskDefinitionField};
use rules::names::RevisionArn;
use rules::observed::TaskDefinition;
use rules::redact;
use serde_json::Value;

use super::{Ecs, read};
use crate::call::{Call, CallFailed};
use crate::kind::Kind;
use crate::wire::{OnlyWhenThrottled, RawAnswer, replace_body};

/// How long ECS takes to let through one more RegisterTaskDefinition (ECS API Reference, request throttling).
const REFILL: Duration = Duration::from_secs(1);

impl Ecs {
    /// The latest ACTIVE revision of a family, with its tags; none where it has none, or all were deregistered.
    ///
    /// # Errors
    /// The call failed, otherwise than by ECS not knowing such a revision.
    pub async fn latest_task_definition(
        &self,
        family: &str,
    ) -> Result<Option<TaskDefinition>, CallFailed> {
        match self.describe_task_definition(family).await {
            Ok(latest) => Ok(Some(latest)),
            Err(failed) if matches!(failed.kind, Kind::NotFound | Kind::Invalid) => Ok(None),
            Err(failed) => Err(failed),
        }
    }

    /// A revision by ARN or `family:revision`, or the latest active one of a family; its tags beside it.
    pub async fn describe_task_definition(
        &self,
        family_or_arn: &str,
    ) -> Result<TaskDefinition, CallFailed> {
        let call = Call::new("ecs:DescribeTaskDefinition", family_or_arn);
        let raw = RawAnswer::default();
        let sent = self
            .client
            .describe_task_definition()
            .task_definition(family_or_arn)
            .include(TaskDefinitionField::Tags)
            .customize()
            .interceptor(raw.clone())
            .send()
            .await;
        let mut answer = read(
            &call,
            &raw,
            sent.map(drop).map_err(|error| call.failed(error)),
        )?;
        let task_definition = answer.get_mut("taskDefinition").map(Value::take);
        Ok(TaskDefinition {
            task_definition: call
                .required(task_definition.filter(Value::is_object), "taskDefinition")?,
            tags: answer.get_mut("tags").map(Value::take).unwrap_or_default(),
        })
    }

    /// Writes one tag on a revision, in place of an earlier one of the same key.
    pub async fn tag_task_definition(
        &self,
        revision: &RevisionArn,
        key: &str,
        value: &str,
    ) -> Result<(), CallFailed> {
        let call = Call::new("ecs:TagResource", revision.short());
        self.client
            .tag_resource()
            .resource_arn(revision.as_str())
            .tags(Tag::builder().key(key).value(value).build())
            .send()
            .await
            .map_err(|error| call.failed(error))?;
        Ok(())
    }

    /// Registers a revision: the given JSON is the request's body as it is. AWS makes a new revision of every such
    /// request, so it is sent again only when it was throttled.
    pub async fn register_task_definition(
        &self,
        request: &Value,
    ) -> Result<RevisionArn, CallFailed> {
        let family = request
            .get("family")
            .and_then(Value::as_str)
            .unwrap_or_default();
        // Names and images help; whatever else is in a container may be a secret.
        let containers = request
            .get("containerDefinitions")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        let members = containers.filter_map(Value::as_object).flatten();
        let texts = members
            .filter(|(member, _)| !matches!(member.as_str(), "name" | "image"))
            .flat_map(|(_, value)| redact::texts(value));
        let call = Call::new("ecs:RegisterTaskDefinition", family).redacting(texts);
        let body = request.to_string();
        let raw = RawAnswer::default();
        let sent = self
            .client
            .register_task_definition()
            .family(family)
            .customize()
            .mutate_request(move |request| replace_body(request, &body))
            .interceptor(raw.clone())
            .config_override(Builder::new().retry_classifier(OnlyWhenThrottled))
            .send()
            .await;
        let answer = read(
            &call,
            &raw,
            sent.map(drop).map_err(|error| call.failed(error)),
        )?;
        let arn = answer
            .pointer("/taskDefinition/taskDefinitionArn")
            .and_then(Value::as_str);
        call.name(arn, "taskDefinition.taskDefinitionArn")
    }

    /// The same, as soon as ECS lets it through: it waits as long as it is throttled, and the caller's time ends the waiting.
    ///
    /// # Errors
    /// As of [`register_task_definition`](Self::register_task_definition), but for throttling.
    pub async fn register_when_not_throttled(
        &self,
        request: &Value,
    ) -> Result<RevisionArn, CallFailed> {
        loop {
            match self.register_task_definition(request).await {
                Err(failed) if failed.kind == Kind::Throttled => tokio::time::sleep(REFILL).await,
                answer => return answer,
            }
        }
    }
}
