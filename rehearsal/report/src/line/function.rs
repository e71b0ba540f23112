//! What a function was called by, and what it decided.

use record::{Decision, timeline};

use super::part::{Parts, Tone, part};

/// Which rules a custom event has: without one it calls no function, and nothing else would say so.
pub(super) fn arrived(event: &timeline::Event) -> Option<Parts> {
    let timeline::Event::EventArrived {
        source,
        detail_type,
        rules,
    } = event
    else {
        return None;
    };
    let what = format!("`{detail_type}` of `{source}`");
    Some(match rules.as_slice() {
        [] => part(
            "event",
            format!("{what}: no rule of the template matches it, so it calls no function"),
            Tone::Bad,
        ),
        [rule] => part(
            "event",
            format!("{what} matches the rule {rule}"),
            Tone::Faint,
        ),
        rules => part(
            "event",
            format!("{what} matches the rules {}", rules.join(", ")),
            Tone::Faint,
        ),
    })
}

/// How long it took, and each decision with its reason.
pub(super) fn ended(event: &timeline::Event) -> Option<Parts> {
    let timeline::Event::FunctionEnded {
        function,
        error,
        decisions,
        milliseconds,
        ..
    } = event
    else {
        return None;
    };
    Some(match error {
        None => part(
            function,
            answered(&format!("{milliseconds} ms"), decisions),
            Tone::Faint,
        ),
        Some(error) => part(
            function,
            format!("failed after {milliseconds} ms: {error}"),
            Tone::Bad,
        ),
    })
}

/// One decision stands on the line; several have a line each.
pub(crate) fn answered(took: &str, decisions: &[Decision]) -> String {
    let before = format!("answered in {took}");
    match decisions {
        [] => before,
        [one] => format!("{before}: {}", decided(one)),
        several => {
            let lines = several.iter().map(|one| format!("\n  {}", decided(one)));
            format!("{before}:{}", lines.collect::<String>())
        }
    }
}

fn decided(decision: &Decision) -> String {
    let pipeline = decision.pipeline.as_ref();
    let pipeline = pipeline.map_or(String::new(), |name| format!("`{name}` "));
    let reason = decision.reason.as_ref();
    let reason = reason.map_or(String::new(), |reason| format!(": {reason}"));
    format!("{pipeline}{}{reason}", decision.decision)
}
