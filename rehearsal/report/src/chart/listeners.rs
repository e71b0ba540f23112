//! Listeners: their weights, and the tasks that answered real requests.

use super::paper::{Lane, Paper, cross, spoken, text_width};
use crate::axis::Kind;
use crate::format::clock;
use crate::markup::element;
use crate::story::{Listener, Request, Weights};
use record::counted;

/// A strip that shows the weights.
const STRIP_TOP: f64 = 6.0;
const STRIP: f64 = 9.0;
const STRIP_TEXT: f64 = 26.0;
/// The columns of production.
const COLUMNS_TOP: f64 = 46.0;
const COLUMNS: f64 = 56.0;
const COLUMN_WIDTH: f64 = 9.0;
/// A client whose request takes a moment leaves no hole in the columns.
const COLUMN_SECONDS: f64 = 0.06;
/// The minimum height of a failure, however many requests succeeded beside it.
const FAILURE_AT_LEAST: f64 = 8.0;
/// The dots of the test listener that fit on top of each other.
const DOT: f64 = 10.0;
const DOTS_AT_MOST: usize = 6;

pub(super) fn production(paper: &Paper, name: String, listener: &Listener) -> Lane {
    let mut lane = Lane {
        height: COLUMNS_TOP + COLUMNS + 8.0,
        ..Lane::default()
    };
    lane.title(14.0, name);
    lane.name(COLUMNS_TOP + 12.0, "share of answers");
    let (requests, failed) = listener.count();
    lane.name(COLUMNS_TOP + 27.0, counted(requests, "request", "requests"));
    lane.failures(COLUMNS_TOP + 42.0, failed, format!("{failed} failed"));
    strip(paper, &mut lane, &listener.weights);
    for part in [0.0, 0.5, 1.0] {
        let y = COLUMNS_TOP + COLUMNS * part;
        let line = element("line").class("grid").at("x1", 0.0);
        lane.draw(line.at("x2", paper.width()).at("y1", y).at("y2", y));
    }
    for column in columns(paper, &listener.requests) {
        draw_column(paper, &mut lane, &column);
    }
    lane
}

pub(super) fn test(paper: &Paper, name: String, listener: &Listener) -> Lane {
    let mut lane = Lane::default();
    if listener.weights.is_empty() && listener.requests.is_empty() {
        return lane;
    }
    lane.title(14.0, name);
    strip(paper, &mut lane, &listener.weights);
    let columns = columns(paper, &listener.requests);
    let highest = columns
        .iter()
        .map(|column| column.requests.len().min(DOTS_AT_MOST))
        .max();
    // 0 to 6: exact as a float.
    let dots = u8::try_from(highest.unwrap_or(0)).map_or(0.0, f64::from) * DOT;
    let bottom = STRIP_TEXT + 14.0 + dots.max(DOT);
    let (requests, failed) = listener.count();
    let requests = counted(requests, "request", "requests");
    lane.failures(bottom - 2.0, failed, format!("{requests}, {failed} failed"));
    for column in &columns {
        draw_dots(paper, &mut lane, column, bottom - DOT / 2.0);
    }
    lane.height = bottom + 8.0;
    lane
}

/// The weights, each for as long as it was in effect.
fn strip(paper: &Paper, lane: &mut Lane, weights: &[Weights]) {
    let name = match weights.is_empty() {
        true => "weights as they were",
        false => "weights",
    };
    lane.name(STRIP_TEXT + 2.0, name);
    let ends = weights.iter().skip(1).map(|next| next.at);
    let ends = ends.chain([paper.end()]);
    let mut free = 0.0;
    for (weights, end) in weights.iter().zip(ends) {
        let (left, right) = (paper.x(weights.at), paper.x(end));
        let words = in_words(weights);
        let mut y = STRIP_TOP;
        for (version, percent) in &weights.shares {
            let height = STRIP * f64::from(*percent) / 100.0;
            let share = element("rect")
                .class(&paper.colour(version))
                .at("x", left)
                .at("y", y)
                .at("width", (right - left).max(1.0))
                .at("height", height)
                .child(element("title").text(format!("from {}: {words}", clock(weights.at))));
            if *percent > 0 {
                lane.draw(share);
            }
            y += height;
        }
        // If the previous text is in the way, this one moves right, within its own strip.
        let from = left.max(free);
        let in_place = from <= left || from + text_width(&words) <= right;
        if in_place && from + text_width(&words) <= paper.width() {
            let text = element("text").at("x", from).at("y", STRIP_TEXT);
            lane.draw(text.text(&words));
            free = from + text_width(&words) + 10.0;
        }
    }
}

/// The shares of the task sets that get requests.
fn in_words(weights: &Weights) -> String {
    let share = |(version, percent): &(String, u32)| {
        (*percent > 0).then(|| format!("{version} {percent} %"))
    };
    let shares: Vec<String> = weights.shares.iter().filter_map(share).collect();
    shares.join(", ")
}

/// The requests of one column.
struct Column<'a> {
    left: f64,
    right: f64,
    requests: Vec<&'a Request>,
}

/// Only the columns with requests.
fn columns<'a>(paper: &Paper, requests: &'a [Request]) -> Vec<Column<'a>> {
    let mut columns = Vec::new();
    for run in paper.axis.pieces(Kind::Run) {
        let width = run.right - run.left;
        let mut left = run.left;
        let second = width / (run.span.to - run.span.from).max(f64::EPSILON);
        let wished = COLUMN_WIDTH.max(second * COLUMN_SECONDS);
        let wide = width / (width / wished).round().max(1.0);
        while left < run.right - wide / 2.0 {
            columns.push(Column {
                left: paper.shifted(left),
                right: paper.shifted(left + wide),
                requests: Vec::new(),
            });
            left += wide;
        }
    }
    for request in requests {
        let x = paper.x(request.at);
        let index = columns.partition_point(|column| column.right < x);
        let last = columns.len().saturating_sub(1);
        if let Some(column) = columns.get_mut(index.min(last)) {
            column.requests.push(request);
        }
    }
    columns.retain(|column| !column.requests.is_empty());
    columns
}

fn draw_column(paper: &Paper, lane: &mut Lane, column: &Column<'_>) {
    let all = count(column.requests.len());
    let failed = column.requests.iter().filter(|r| r.failure.is_some());
    let failed = count(failed.count());
    let title = column_in_words(column);
    let gap = if column.right - column.left > 5.0 {
        1.0
    } else {
        0.0
    };
    let width = (column.right - column.left - gap).max(1.5);
    let mut bottom = COLUMNS_TOP + COLUMNS;
    let mut stack = |class: &str, height: f64| {
        bottom -= height;
        element("rect")
            .class(class)
            .at("x", column.left)
            .at("y", bottom)
            .at("width", width)
            .at("height", height)
            .child(element("title").text(&title))
    };
    let failure = match failed > 0.0 {
        true => (COLUMNS * failed / all).max(FAILURE_AT_LEAST),
        false => 0.0,
    };
    for (version, answered) in answered(paper, column) {
        let share = answered / (all - failed) * (COLUMNS - failure);
        lane.draw(stack(&paper.colour(&version), share));
    }
    if failed > 0.0 {
        lane.draw(stack("failed", failure));
        let middle = f64::midpoint(column.left, column.left + width);
        lane.draw(cross(middle, COLUMNS_TOP - 8.0, &title));
    }
}

/// (version, successful answers), in the order of the legend.
fn answered(paper: &Paper, column: &Column<'_>) -> Vec<(String, f64)> {
    let good = |version: &str| {
        let of_version =
            |request: &&&Request| request.failure.is_none() && request.version == version;
        column.requests.iter().filter(of_version).count()
    };
    let mut versions = paper.versions.clone();
    let unknown = |request: &&&Request| !paper.versions.contains(&request.version);
    versions.extend(
        column
            .requests
            .iter()
            .find(unknown)
            .map(|request| request.version.clone()),
    );
    let counted = versions.into_iter().map(|version| {
        let answers = count(good(&version));
        (version, answers)
    });
    counted.filter(|(_, answers)| *answers > 0.0).collect()
}

fn column_in_words(column: &Column<'_>) -> String {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for request in &column.requests {
        match counts
            .iter_mut()
            .find(|(known, _)| *known == request.version)
        {
            Some((_, count)) => *count += 1,
            None => counts.push((&request.version, 1)),
        }
    }
    let counts: Vec<String> = counts
        .iter()
        .map(|(version, count)| format!("{count} by {}", spoken(version)))
        .collect();
    let failures: Vec<&str> = column
        .requests
        .iter()
        .filter_map(|request| request.failure.as_deref())
        .collect();
    let failed = match failures.first() {
        None => "none failed".to_owned(),
        Some(first) => format!("{} failed: {first}", failures.len()),
    };
    let at = column.requests.first().map_or(0.0, |request| request.at);
    format!("{}: {}; {failed}", clock(at), counts.join(", "))
}

fn draw_dots(paper: &Paper, lane: &mut Lane, column: &Column<'_>, lowest: f64) {
    let x = f64::midpoint(column.left, column.right);
    let mut y = lowest;
    for request in column.requests.iter().take(DOTS_AT_MOST) {
        let title = match &request.failure {
            None => format!(
                "{}: answered by {}",
                clock(request.at),
                spoken(&request.version)
            ),
            Some(failure) => format!(
                "{}: {failure} ({})",
                clock(request.at),
                spoken(&request.version)
            ),
        };
        if request.failure.is_some() {
            lane.draw(cross(x, y, &title));
        } else {
            lane.draw(
                element("circle")
                    .class(&paper.colour(&request.version))
                    .at("cx", x)
                    .at("cy", y)
                    .at("r", 4.0)
                    .child(element("title").text(title)),
            );
        }
        y -= DOT;
    }
    let more = column.requests.len().saturating_sub(DOTS_AT_MOST);
    if more > 0 {
        let text = element("text").at("x", x + 7.0).at("y", lowest + 4.0);
        lane.draw(text.text(format!("+{more}")));
    }
}

/// Converts a number of requests for division.
fn count(requests: usize) -> f64 {
    u32::try_from(requests).map_or(f64::MAX, f64::from)
}
