//! A deployment: its lifecycle events, each with its hook, and the wait at the end.

use super::paper::{Bar, Lane, Paper, cross, fitted_bold};
use crate::format::{clock, deployment_in_words, long_duration};
use crate::markup::element;
use crate::standing::Standing;
use crate::story::{Deployment, Hook, LifecycleEvent};

const HEAD: f64 = 26.0;
/// The height of each further line.
const LINE: f64 = 15.0;
const ROW: f64 = 18.0;
const BAR: f64 = 9.0;
/// A deployment that lasts longer than this after its last lifecycle event is waiting, or stopping tasks.
const WORTH_A_ROW: f64 = 1.0;

pub(super) fn lane(paper: &Paper, deployment: &Deployment) -> Lane {
    let mut lane = Lane::default();
    let mut y = head(paper, &mut lane, deployment);
    let end = deployment.ended.unwrap_or(f64::MAX);
    for event in &deployment.events {
        row(paper, &mut lane, event, y, end);
        y += ROW;
    }
    if let Some(from) = waits_from(deployment) {
        wait(paper, &mut lane, deployment, from, y);
        y += ROW;
    }
    lane.height = y + 6.0;
    lane
}

/// Draws the purpose, status and error of a deployment. Returns the height.
fn head(paper: &Paper, lane: &mut Lane, deployment: &Deployment) -> f64 {
    // Of a service deployment's ARN, the id.
    let id = deployment.id.rsplit('/').next();
    lane.title(17.0, id.unwrap_or(&deployment.id));
    let ended_badly = Standing::of(&deployment.status) == Standing::Bad;
    let x = paper.x(deployment.created).min(paper.width() * 0.4);
    let line = |class: &str, y: f64| element("text").class(class).at("x", x).at("y", y);
    let class = if ended_badly { "strong bad" } else { "strong" };
    let words = deployment_in_words(deployment);
    lane.draw(line(class, 17.0).text(format!("{words}: {}", deployment.status)));
    let Some(error) = &deployment.error else {
        return HEAD;
    };
    lane.draw(line("bad", 32.0).text(fitted_bold(error, paper.width() - x)));
    HEAD + LINE
}

fn row(paper: &Paper, lane: &mut Lane, event: &LifecycleEvent, y: f64, end: f64) {
    let back = if event.rolls_back { "↩ " } else { "" };
    lane.name(y + BAR, format!("{back}{}", event.name));
    let (from, to) = (event.began, event.ended.unwrap_or(end));
    let failed = event.status == "Failed";
    let class = match event.status.as_str() {
        "Failed" => "failed",
        "Succeeded" => "bar",
        _ => "open",
    };
    let why = event.message.as_ref();
    let why = why.map_or(String::new(), |message| format!(": {message}"));
    lane.draw(paper.bar(Bar {
        from,
        to,
        y,
        height: BAR,
        class,
        title: format!(
            "{} to {}: {} {}{why}",
            clock(from),
            clock(to.min(paper.end())),
            event.name,
            event.status
        ),
    }));
    if failed {
        let title = format!("{} failed{why}", event.name);
        lane.draw(cross(paper.x(to), y + BAR / 2.0, &title));
    }
    for hook in &event.hooks {
        draw_hook(paper, lane, hook, y + BAR / 2.0);
    }
    let note = match (event.hooks.as_slice(), failed) {
        ([], true) => format!("Failed{why}"),
        ([], false) if event.status == "Succeeded" => return,
        ([], false) => event.status.clone(),
        (hooks, _) => {
            let hooks: Vec<String> = hooks.iter().map(hook_in_words).collect();
            hooks.join("; ")
        }
    };
    let class = match (failed, event.hooks.as_slice()) {
        (true, _) => "bad",
        (false, []) => "row",
        (false, _) => "",
    };
    lane.draw(paper.beside(from, to, y + BAR, class, &note));
}

/// A line from the call of the function to its answer, with a dot at each end.
fn draw_hook(paper: &Paper, lane: &mut Lane, hook: &Hook, y: f64) {
    let answered = hook.answer.as_ref().map(|answer| answer.at);
    let (from, to) = (
        paper.x(hook.called),
        paper.x(answered.unwrap_or(hook.called)),
    );
    let line = element("line").class("hook").at("x1", from).at("x2", to);
    lane.draw(line.at("y1", y).at("y2", y));
    let dot = |x: f64, title: String| {
        element("circle")
            .class("hook")
            .at("cx", x)
            .at("cy", y)
            .at("r", 2.0)
            .child(element("title").text(title))
    };
    lane.draw(dot(
        from,
        format!("{}: {} is called", clock(hook.called), hook.function),
    ));
    if let Some(answer) = &hook.answer {
        let title = format!(
            "{}: {} answers {}",
            clock(answer.at),
            answer.by,
            answer.status
        );
        lane.draw(dot(to, title));
    }
}

/// The function that was called, and the one that answered: they may differ.
fn hook_in_words(hook: &Hook) -> String {
    let called = hook
        .function
        .rsplit_once('_')
        .map_or(hook.function.as_str(), |(_, name)| name);
    match &hook.answer {
        None => format!("{called} is called, without an answer"),
        Some(answer) if answer.by == called && hook.calls > 1 => {
            format!("{called} answers {} to call {}", answer.status, hook.calls)
        }
        Some(answer) if answer.by == called => format!("{called} answers {}", answer.status),
        Some(answer) => format!("{called}, then {} answers {}", answer.by, answer.status),
    }
}

/// The moment after which the deployment only waited and stopped tasks.
fn waits_from(deployment: &Deployment) -> Option<f64> {
    let ended = deployment
        .ended
        .filter(|_| deployment.status == "Succeeded")?;
    let last = deployment
        .events
        .iter()
        .filter_map(|event| event.ended)
        .fold(deployment.created, f64::max);
    (ended - last > WORTH_A_ROW).then_some(last)
}

fn wait(paper: &Paper, lane: &mut Lane, deployment: &Deployment, from: f64, y: f64) {
    let to = deployment.ended.unwrap_or(from);
    let what = if deployment.rolls_back {
        "what it replaced is stopped"
    } else {
        "termination wait, then blue is stopped"
    };
    lane.name(y + BAR, "until its end");
    lane.draw(paper.bar(Bar {
        from,
        to,
        y,
        height: BAR,
        class: "open",
        title: format!("{} to {}: {what}", clock(from), clock(to)),
    }));
    let note = format!("{what} ({})", long_duration(to - from));
    lane.draw(paper.beside(from, to, y + BAR, "", &note));
}
