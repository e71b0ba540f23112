//! Moments: pushes, alarms, and messages by their numbers.

use super::paper::{Lane, Paper, text_width};
use crate::format::clock;
use crate::markup::element;
use crate::story::{Mark, Message};

const HEIGHT: f64 = 26.0;
const MIDDLE: f64 = 13.0;
const RADIUS: f64 = 8.0;

pub(super) fn moments(paper: &Paper, what: &str, moments: &[Mark]) -> Lane {
    let mut lane = Lane::default();
    if moments.is_empty() {
        return lane;
    }
    lane.height = HEIGHT;
    lane.title(MIDDLE + 4.0, what);
    let mut free = 0.0;
    for moment in moments {
        let x = paper.x(moment.at);
        let path = format!("M{x:.1} 19 L{:.1} 8 L{:.1} 8 Z", x - 5.0, x + 5.0);
        let title = format!("{}: {}", clock(moment.at), moment.text);
        lane.draw(
            element("path")
                .class("push")
                .with("d", path)
                .child(element("title").text(title)),
        );
        // A text that would overlap its predecessor is omitted: the title and the words below contain it.
        if x >= free {
            lane.draw(
                element("text")
                    .at("x", x + 9.0)
                    .at("y", MIDDLE + 4.0)
                    .text(&moment.text),
            );
            free = x + 9.0 + text_width(&moment.text) + 8.0;
        }
    }
    lane
}

pub(super) fn messages(paper: &Paper, messages: &[Message]) -> Lane {
    let mut lane = Lane::default();
    if messages.is_empty() {
        return lane;
    }
    lane.height = HEIGHT;
    lane.title(MIDDLE + 4.0, "messages");
    let rightmost = paper.width() - RADIUS - 1.0;
    let wide = 2.0 * RADIUS + 2.0;
    // From the last to the first: each moves left to make room for the later ones, and a line shows its moment.
    let mut limit = rightmost;
    for (index, message) in messages.iter().enumerate().rev() {
        let moment = paper.x(message.at);
        let x = moment.min(limit).max(RADIUS + 1.0);
        limit = x - wide;
        let subject = message.subject.as_deref().unwrap_or("no subject");
        let title = format!("{}: {subject}", clock(message.at));
        lane.draw(
            element("line")
                .class("stem")
                .at("x1", moment)
                .at("x2", x)
                .at("y1", 0.0)
                .at("y2", MIDDLE),
        );
        lane.draw(
            element("g")
                .child(element("title").text(title))
                .child(
                    element("circle")
                        .class("message")
                        .at("cx", x)
                        .at("cy", MIDDLE)
                        .at("r", RADIUS),
                )
                .child(
                    element("text")
                        .class("number")
                        .at("x", x)
                        .at("y", MIDDLE + 3.8)
                        .text((index + 1).to_string()),
                ),
        );
    }
    lane
}
