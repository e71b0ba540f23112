//! What is new of a deployment since the last look, a line each: for logs, where nothing can be redrawn.

use rules::progress::{Progress, Step};

use crate::moment::time;
use crate::tree;

/// The lines that this look adds.
pub(crate) fn lines(before: Option<&Progress>, now: &Progress) -> Vec<String> {
    let mut lines = Vec::new();
    let same = before.filter(|before| before.id == now.id);
    if same.is_none() {
        lines.push(tree::headline(now));
    }
    let known = |step: &Step| same.is_some_and(|before| before.steps.contains(step));
    for step in now.steps.iter().filter(|step| !known(step)) {
        match (step.started_at, step.ended_at) {
            (_, Some(at)) => lines.push(format!("{} {} {}", time(at), step.name, step.status)),
            (Some(at), None) => lines.push(format!("{} {} begins", time(at), step.name)),
            (None, None) if step.is_current => lines.push(step.name.clone()),
            (None, None) => {}
        }
    }
    let sides = tree::sides(now);
    let sides_before = same.map(tree::sides).unwrap_or_default();
    lines.extend(
        sides
            .into_iter()
            .filter(|side| !sides_before.contains(side)),
    );
    if same.is_some_and(|before| tree::headline(before) != tree::headline(now)) {
        lines.push(tree::headline(now));
    }
    let told = |reason: &&String| same.is_none_or(|before| !before.reasons.contains(reason));
    lines.extend(
        now.reasons
            .iter()
            .filter(told)
            .map(|one| format!("! {one}")),
    );
    lines
}
