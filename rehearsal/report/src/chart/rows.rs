//! Tasks of a service, migrations, and functions.

use super::paper::{Bar, Lane, Paper, cross};
use crate::format::{clock, milliseconds};
use crate::line::function::answered;
use crate::story::{Function, Invocation, OneOffTask, Task};

const ROW: f64 = 18.0;
const BAR: f64 = 9.0;
const TOP: f64 = 8.0;
/// The height of a task's bar, thin because there are many.
const THIN_ROW: f64 = 10.0;
const THIN_BAR: f64 = 7.0;

/// Bars by version. A row is reused after its task has ended.
pub(super) fn tasks(paper: &Paper, name: String, tasks: &[Task]) -> Lane {
    let mut lane = Lane::default();
    if tasks.is_empty() {
        return lane;
    }
    lane.title(14.0, name);
    let end = paper.end();
    let mut rows: Vec<f64> = Vec::new();
    for task in tasks {
        let to = task.ended.unwrap_or(end);
        let free = rows.iter().position(|until| *until <= task.began);
        let row = free.unwrap_or_else(|| {
            rows.push(0.0);
            rows.len() - 1
        });
        rows[row] = to;
        let y = TOP + place(row) * THIN_ROW;
        let version = task.version.as_deref().unwrap_or("another image");
        let how = task.failure.as_ref();
        let how = how.map_or(String::new(), |failure| format!(", {failure}"));
        let title = format!("{version}: {} to {}{how}", clock(task.began), clock(to));
        if task.failure.is_some() {
            lane.draw(cross(paper.x(to), y + THIN_BAR / 2.0, &title));
        }
        lane.draw(paper.bar(Bar {
            from: task.began,
            to,
            y,
            height: THIN_BAR,
            class: &paper.colour(version),
            title,
        }));
    }
    // The last one is drawn first: the next task must not cover a cross.
    lane.drawing.reverse();
    lane.height = TOP + place(rows.len()).max(2.0) * THIN_ROW + 4.0;
    lane
}

pub(super) fn migrations(paper: &Paper, migrations: &[OneOffTask]) -> Lane {
    let mut lane = Lane::default();
    let mut y = TOP;
    for (index, task) in migrations.iter().enumerate() {
        if index == 0 {
            lane.title(y + BAR, "one-off tasks");
        }
        let (from, to) = (task.began, task.ended.unwrap_or(paper.end()));
        let failed = task.exit_code != Some(0);
        let ended = match (task.ended, task.exit_code) {
            (None, _) => "had not ended".to_owned(),
            (Some(_), Some(code)) => format!("exit code {code}"),
            (Some(_), None) => "no exit code".to_owned(),
        };
        let note = format!("{}: {ended}", task.command);
        lane.draw(paper.bar(Bar {
            from,
            to,
            y,
            height: BAR,
            class: if failed { "failed" } else { "bar" },
            title: format!("{} to {}: {note}", clock(from), clock(to)),
        }));
        if failed {
            lane.draw(cross(paper.x(to), y + BAR / 2.0, &note));
        }
        let class = if failed { "bad" } else { "" };
        lane.draw(paper.beside(from, to, y + BAR, class, &note));
        y += ROW;
    }
    lane.height = if migrations.is_empty() { 0.0 } else { y + 2.0 };
    lane
}

pub(super) fn functions(paper: &Paper, functions: &[Function]) -> Lane {
    let mut lane = Lane::default();
    if functions.is_empty() {
        return lane;
    }
    lane.title(15.0, "functions");
    let mut y = TOP + 15.0;
    for function in functions {
        lane.name(y + BAR, &function.name);
        for invocation in &function.invocations {
            draw_invocation(paper, &mut lane, invocation, y);
        }
        let errors = function.calls.iter();
        for (call, error) in errors.filter_map(|call| Some((call, call.error.as_ref()?))) {
            let title = format!("{}: {} answered {error}", clock(call.at), call.action);
            lane.draw(cross(paper.x(call.at), y + BAR / 2.0, &title));
        }
        y += ROW;
    }
    lane.height = y + 4.0;
    lane
}

fn draw_invocation(paper: &Paper, lane: &mut Lane, invocation: &Invocation, y: f64) {
    let from = invocation.began;
    let took = invocation.milliseconds;
    let (to, how) = match (took, &invocation.error) {
        (None, _) => (paper.end(), "had not answered".to_owned()),
        (Some(took), None) => (
            from + seconds(took),
            answered(&milliseconds(took), &invocation.decisions),
        ),
        (Some(took), Some(error)) => (
            from + seconds(took),
            format!("failed after {}: {error}", milliseconds(took)),
        ),
    };
    let title = format!("{}: {how}", clock(from));
    let class = match (took, &invocation.error) {
        (None, _) => "open",
        (Some(_), None) => "bar",
        (Some(_), Some(_)) => "failed",
    };
    lane.draw(paper.bar(Bar {
        from,
        to,
        y,
        height: BAR,
        class,
        title: title.clone(),
    }));
    if invocation.error.is_some() {
        lane.draw(cross(paper.x(to), y + BAR / 2.0, &title));
    }
}

fn seconds(milliseconds: u64) -> f64 {
    std::time::Duration::from_millis(milliseconds).as_secs_f64()
}

fn place(row: usize) -> f64 {
    u32::try_from(row).map_or(0.0, f64::from)
}
