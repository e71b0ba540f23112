//! Functions: their invocations and calls, the permissions that allowed them, and their failures.

use std::sync::Arc;

use local_aws::iam::{Grant, Refusal};
use local_aws::lambda::{self, Answer};
use local_aws::world::{self, World};
use record::{AwsCall, DeadLetter, Invocation, Missing, Permission};
use serde_json::Value;

use super::redact::Redactor;

pub(super) fn invocations(
    invocations: &[lambda::Invocation],
    redactor: &Redactor,
) -> Vec<Invocation> {
    let invocation = |invocation: &lambda::Invocation| {
        let (answer, error) = match &invocation.answer {
            Answer::Response(answer) => (redactor.document(answer.clone()), None),
            Answer::Error {
                error_type,
                error_message,
            } => (
                Value::Null,
                Some(redactor.text(&format!("{error_type}: {error_message}"))),
            ),
        };
        Invocation {
            function: invocation.binary_name.clone(),
            ok: error.is_none(),
            milliseconds: invocation.milliseconds,
            error,
            answer,
        }
    };
    invocations.iter().map(invocation).collect()
}

/// Undeliverable events and failed invocations, as AWS keeps them, but redacted.
pub(super) fn dead_letters(world: &World, redactor: &Redactor) -> Vec<DeadLetter> {
    let undelivered = world.events.dead_letters().into_iter().map(|letter| {
        let message = letter.to_value();
        (letter.queue, message)
    });
    undelivered
        .chain(world.lambda.dead_letters())
        .map(|(queue, message)| DeadLetter {
            queue,
            message: redactor.document(message),
        })
        .collect()
}

pub(super) fn aws_calls(world: &World, redactor: &Redactor) -> Vec<AwsCall> {
    let call = |call: Arc<world::AwsCall>| AwsCall {
        at: call.at,
        function: call.function.clone(),
        service: call.service.to_owned(),
        operation: call.operation.clone(),
        status: call.status,
        error: call.error.as_ref().map(|error| redactor.text(error)),
    };
    world.calls().into_iter().map(call).collect()
}

pub(super) fn permissions(grants: impl IntoIterator<Item = Grant>) -> Vec<Permission> {
    let permission = |grant: Grant| Permission {
        holder: grant.holder,
        action: grant.action,
        resources: grant.resources,
    };
    grants.into_iter().map(permission).collect()
}

pub(super) fn missing(refusal: Refusal) -> Missing {
    Missing {
        message: refusal.sentence(),
        holder: refusal.holder,
        action: refusal.action,
        resource: refusal.resource,
    }
}
