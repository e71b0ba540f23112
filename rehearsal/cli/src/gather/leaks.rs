//! Secrets that functions revealed.
//!
//! Messages, logs and answers are searched in their original form: redaction before the search would hide a function
//! that reveals a secret. The record names the text and the secret's name, and never the secret.

use local_aws::lambda::{Answer, Invocation};
use local_aws::timeline::Entry;
use local_aws::world::World;
use record::{Leak, Simulated};

use super::happened::message;
use super::redact::{Redactor, secret_values};
use crate::scenario::setting::SECRET;

/// The maximum number of characters before a secret that are kept.
const CHARACTERS_BEFORE: usize = 60;

pub(super) fn leaks(
    world: &World,
    simulated: Simulated,
    timeline: &[Entry],
    invocations: &[Invocation],
    redactor: &Redactor,
) -> Vec<Leak> {
    let messages = timeline.iter().filter_map(|entry| {
        let message = message(entry)?;
        let (outcome, at) = (message.outcome(), simulated.clock(message.at));
        let subject = message.subject.as_deref().unwrap_or_default();
        let text = format!("{subject} {}", message.body);
        Some((format!("the message `{outcome}` at {at}"), text))
    });
    let put = world.custom_buses.events().into_iter().map(|on_bus| {
        let place = format!(
            "the event `{}` on the bus `{}`",
            on_bus.event["id"], on_bus.bus
        );
        (place, on_bus.event["detail"].to_string())
    });
    let secrets = secrets(world);
    let said = messages.chain(put).chain(said(world, invocations));
    said.filter_map(|(place, text)| leak(&secrets, place, &text, redactor))
        .collect()
}

/// (name, value): every container's environment, the execution ids that CodeDeploy gives hooks for their answers, and what is
/// in Secrets Manager.
fn secrets(world: &World) -> Vec<(String, String)> {
    let executions: Vec<String> = world.codedeploy.read(|state| {
        let hooks = state
            .deployments
            .iter()
            .flat_map(|deployment| &deployment.hooks);
        hooks.map(|hook| hook.execution_id.clone()).collect()
    });
    let executions = executions.into_iter();
    let named = |name: &str, value: String| (name.to_owned(), value);
    [named("SHOP_TOKEN", SECRET.to_owned())]
        .into_iter()
        .chain(executions.map(|id| named("LifecycleEventHookExecutionId", id)))
        .chain(secret_values(world))
        .collect()
}

/// Logs and answers of functions: (place, text).
fn said(world: &World, invocations: &[Invocation]) -> impl Iterator<Item = (String, String)> {
    let logged = world.lambda.functions().into_iter().flat_map(|function| {
        let place = format!("the log of `{}`", function.binary_name);
        let lines = world.lambda.logs(&function.name).into_iter();
        lines.map(move |line| (place.clone(), line))
    });
    let answered = invocations.iter().map(|invocation| {
        let place = format!("an answer of `{}`", invocation.binary_name);
        let answer = match &invocation.answer {
            Answer::Response(answer) => answer.to_string(),
            Answer::Error {
                error_type,
                error_message,
            } => format!("{error_type}: {error_message}"),
        };
        (place, answer)
    });
    logged.chain(answered)
}

/// The first secret in a text. The text before it may contain values of other variables, and is redacted before it is cut:
/// half a value would not be recognized.
fn leak(
    secrets: &[(String, String)],
    place: String,
    text: &str,
    redactor: &Redactor,
) -> Option<Leak> {
    let found = secrets
        .iter()
        .filter_map(|(name, secret)| Some((text.find(secret)?, name)));
    let (from, name) = found.min()?;
    let before = redactor.text(&text[..from]);
    let skipped = before.chars().count().saturating_sub(CHARACTERS_BEFORE);
    Some(Leak {
        place,
        secret: name.clone(),
        after: before.chars().skip(skipped).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_with_a_secret_is_reported_without_it() {
        let secrets = [("TOKEN", "planted"), ("ID", "1234")];
        let secrets = secrets.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let leak = |text: &str| leak(&secrets, "the log".to_owned(), text, &Redactor::default());
        assert_eq!(leak("nothing"), None);
        let expected = Leak {
            place: "the log".to_owned(),
            secret: "ID".to_owned(),
            after: "the id is ".to_owned(),
        };
        assert_eq!(leak("the id is 1234, the value planted"), Some(expected));
        let long = format!("{}planted", "ü".repeat(99));
        assert_eq!(leak(&long).unwrap().after, "ü".repeat(CHARACTERS_BEFORE));
    }
}
