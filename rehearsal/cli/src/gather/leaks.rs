//! What a function told that nobody may know.
//!
//! Its messages, its log and its answers are looked at as they are, and not redacted before: a function that tells a secret
//! must be seen to do so. The record says which text held which secret, and never the secret.

use local_aws::lambda::{Answer, Invocation};
use local_aws::timeline::Entry;
use local_aws::world::World;
use record::{Leak, Simulated};

use super::happened::message;
use crate::scenario::setting::SECRET;

/// As many characters before a secret are kept.
const CHARACTERS_BEFORE: usize = 60;

pub(super) fn leaks(
    world: &World,
    simulated: Simulated,
    timeline: &[Entry],
    invocations: &[Invocation],
) -> Vec<Leak> {
    let messages = timeline.iter().filter_map(|entry| {
        let message = message(entry)?;
        let (outcome, at) = (message.outcome(), simulated.clock(message.at));
        let subject = message.subject.as_deref().unwrap_or_default();
        let text = format!("{subject} {}", message.body);
        Some((format!("the message `{outcome}` at {at}"), text))
    });
    let secrets = secrets(world);
    let said = messages.chain(said(world, invocations));
    said.filter_map(|(place, text)| leak(&secrets, place, &text))
        .collect()
}

/// (name, value): what every container has in its environment, and what CodeDeploy gives hooks to answer with.
fn secrets(world: &World) -> Vec<(&'static str, String)> {
    let executions: Vec<String> = world.codedeploy.read(|state| {
        let hooks = state
            .deployments
            .iter()
            .flat_map(|deployment| &deployment.hooks);
        hooks.map(|hook| hook.execution_id.clone()).collect()
    });
    let executions = executions.into_iter();
    [("SHOP_TOKEN", SECRET.to_owned())]
        .into_iter()
        .chain(executions.map(|id| ("LifecycleEventHookExecutionId", id)))
        .collect()
}

/// What functions logged and answered: (where, what).
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

/// The first secret in a text: what stands before it holds none.
fn leak(secrets: &[(&'static str, String)], place: String, text: &str) -> Option<Leak> {
    let found = secrets
        .iter()
        .filter_map(|(name, secret)| Some((text.find(secret)?, *name)));
    let (from, name) = found.min()?;
    let before = &text[..from];
    let skipped = before.chars().count().saturating_sub(CHARACTERS_BEFORE);
    Some(Leak {
        place,
        secret: name.to_owned(),
        after: before.chars().skip(skipped).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_holds_a_secret_is_told_without_it() {
        let secrets = [("TOKEN", "planted".to_owned()), ("ID", "1234".to_owned())];
        let leak = |text: &str| leak(&secrets, "the log".to_owned(), text);
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
