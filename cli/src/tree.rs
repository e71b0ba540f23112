//! A deployment as people follow it, and as programs read it.

use rules::config::Pipeline;
use rules::counted::counted;
use rules::engine::Engine;
use rules::progress::{Progress, Side, State, Step};
use serde_json::{Value, json};

use crate::moment::{rfc_3339, span, time};
use crate::page::{Ink, Page};

/// The whole tree: what fails on top, then who has which traffic, then the steps.
pub(crate) fn draw(page: &mut Page, pipeline: &Pipeline, engine: Engine, progress: &Progress) {
    let title = format!("{} -> {} ({engine})", pipeline.name, pipeline.place());
    page.line(&title, Ink::Bold);
    page.line(&headline(progress), ink_of(progress));
    for reason in &progress.reasons {
        page.line(&format!("! {reason}"), Ink::Bad);
    }
    let sides = sides(progress);
    let steps = progress.steps.len();
    let count = sides.len() + steps;
    let branch = |at: usize| if at + 1 == count { "└─" } else { "├─" };
    for (at, side) in sides.iter().enumerate() {
        page.line(&format!("{} {side}", branch(at)), Ink::Plain);
    }
    let names = progress.steps.iter().map(|step| step.name.chars().count());
    let width = names.max().unwrap_or_default();
    for (at, step) in progress.steps.iter().enumerate() {
        let branch = branch(sides.len() + at);
        let text = format!("{branch} {}", line_of(step, width));
        page.line(text.trim_end(), ink_of_step(step));
    }
}

/// `d-1 InProgress: production is shifted`
pub(crate) fn headline(progress: &Progress) -> String {
    let what = format!("{} {}", progress.id, progress.status);
    match progress.state {
        State::Shifted => format!("{what}: production is shifted"),
        State::RollingBack => format!("{what}: it goes back"),
        State::UnderWay
        | State::Succeeded
        | State::RolledBack
        | State::Superseded
        | State::Failed => what,
    }
}

fn line_of(step: &Step, width: usize) -> String {
    let Step { name, status, .. } = step;
    let when = match (step.started_at, step.ended_at) {
        (Some(from), Some(to)) => span(from, to),
        (Some(from), None) => format!("since {}", time(from)),
        (None, _) => String::new(),
    };
    format!("{name:<width$}  {status:<10}  {when}")
}

fn ink_of(progress: &Progress) -> Ink {
    match progress.state {
        State::UnderWay => Ink::Waiting,
        State::Shifted | State::Succeeded => Ink::Good,
        State::RollingBack | State::RolledBack | State::Superseded | State::Failed => Ink::Bad,
    }
}

fn ink_of_step(step: &Step) -> Ink {
    match (step.has_failed, step.is_current) {
        (true, _) => Ink::Bad,
        (false, true) => Ink::Waiting,
        (false, false) => Ink::Plain,
    }
}

/// `green web:2: 2 of 2 tasks running, production 10 %`
pub(crate) fn sides(progress: &Progress) -> Vec<String> {
    let sides = [("blue ", &progress.blue), ("green", &progress.green)];
    let sides = sides
        .into_iter()
        .filter_map(|(name, side)| Some((name, side.as_ref()?)));
    sides
        .map(|(name, side)| format!("{name} {}", side_line(side)))
        .collect()
}

fn side_line(side: &Side) -> String {
    let revision = side.revision.as_deref().unwrap_or("(revision not known)");
    let mut text = format!(
        "{revision}: {} of {} running",
        side.running,
        counted(side.desired, "task", "tasks")
    );
    for (what, weight) in [("production", side.weight), ("test", side.test_weight)] {
        if let Some(weight) = weight {
            text.push_str(&format!(", {what} {weight} %"));
        }
    }
    text
}

pub(crate) fn to_json(progress: &Progress) -> Value {
    let side = |side: &Side| {
        json!({
            "revision": side.revision, "running": side.running, "desired": side.desired,
            "weight": side.weight, "test_weight": side.test_weight,
        })
    };
    let step = |step: &Step| {
        json!({
            "name": step.name, "status": step.status,
            "started_at": step.started_at.map(rfc_3339), "ended_at": step.ended_at.map(rfc_3339),
        })
    };
    json!({
        "deployment_id": progress.id,
        "state": progress.state.code(),
        "status": progress.status,
        "created_at": rfc_3339(progress.created_at),
        "ended_at": progress.ended_at.map(rfc_3339),
        "steps": progress.steps.iter().map(step).collect::<Vec<_>>(),
        "blue": progress.blue.as_ref().map(side),
        "green": progress.green.as_ref().map(side),
        "reasons": progress.reasons,
    })
}
