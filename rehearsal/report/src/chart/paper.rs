//! The drawing surface and tools that all lanes share.

use crate::axis::Axis;
use crate::markup::{Element, Markup, element};
use crate::story::Story;
use record::NO_VERSION;

/// The margins left and right of the axis, for the texts at its ends.
const MARGIN: f64 = 10.0;
/// The minimum width of a bar.
const BAR_AT_LEAST: f64 = 3.0;
/// The average width of a letter of the drawing's text.
const LETTER: f64 = 6.1;
/// Bold letters, as in failures, are wider: fewer of them fit.
const BOLD: f64 = 0.85;
/// The number of colours for versions; further versions reuse them from the first.
const COLOURS: usize = 4;

/// The axis, and a colour and pattern for each version.
pub(super) struct Paper {
    pub(super) axis: Axis,
    pub(super) versions: Vec<String>,
    end: f64,
}

/// A part of the drawing with names beside it; its upper edge is 0.
#[derive(Default)]
pub(super) struct Lane {
    pub(super) height: f64,
    pub(super) names: Vec<Name>,
    pub(super) drawing: Vec<Markup>,
}

pub(super) struct Name {
    pub(super) y: f64,
    pub(super) text: String,
    pub(super) class: &'static str,
}

/// A horizontal bar from one moment to another.
pub(super) struct Bar<'a> {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) y: f64,
    pub(super) height: f64,
    pub(super) class: &'a str,
    /// The tooltip.
    pub(super) title: String,
}

impl Paper {
    pub(super) fn new(story: &Story) -> Paper {
        Paper {
            axis: Axis::new(story.simulated_seconds, &story.skips),
            versions: story.versions(),
            end: story.simulated_seconds,
        }
    }

    pub(super) fn width(&self) -> f64 {
        self.axis.width() + 2.0 * MARGIN
    }

    /// The last moment.
    pub(super) fn end(&self) -> f64 {
        self.end
    }

    pub(super) fn x(&self, seconds: f64) -> f64 {
        self.shifted(self.axis.x(seconds))
    }

    /// Converts a position on the axis to one on the paper.
    pub(super) fn shifted(&self, place: f64) -> f64 {
        place + MARGIN
    }

    /// The class of a version's colour and pattern.
    pub(super) fn colour(&self, version: &str) -> String {
        match self.versions.iter().position(|known| known == version) {
            Some(index) => format!("v{}", index % COLOURS),
            None => "unknown".to_owned(),
        }
    }

    pub(super) fn bar(&self, bar: Bar<'_>) -> Markup {
        let (left, right) = (self.x(bar.from), self.x(bar.to));
        element("rect")
            .class(bar.class)
            .at("x", left)
            .at("y", bar.y)
            .at("width", (right - left).max(BAR_AT_LEAST))
            .at("height", bar.height)
            .with("rx", 1.5)
            .child(element("title").text(bar.title))
            .into()
    }

    /// A note beside a span of time: to its right, or to its left if there is no room.
    pub(super) fn beside(&self, from: f64, to: f64, y: f64, class: &str, text: &str) -> Markup {
        let width = text_width(text);
        let (left, right) = (self.x(from) - 8.0, self.x(to) + 8.0);
        let rest = self.width() - right;
        let text = |class: String, x: f64, room: f64| {
            let element = element("text").class(&class).at("x", x).at("y", y);
            let room = if class.starts_with("bad") {
                room * BOLD
            } else {
                room
            };
            element.text(fitted(text, room)).into()
        };
        if width <= rest || left < rest {
            text(format!("{class} note"), right, rest)
        } else {
            text(format!("{class} note end"), left, left)
        }
    }
}

impl Lane {
    pub(super) fn name(&mut self, y: f64, text: impl Into<String>) {
        self.named("row", y, text.into());
    }

    /// The subject of the lane.
    pub(super) fn title(&mut self, y: f64, text: impl Into<String>) {
        self.named("strong", y, text.into());
    }

    /// The number of failures, highlighted.
    pub(super) fn failures(&mut self, y: f64, failed: usize, text: impl Into<String>) {
        let class = if failed > 0 { "bad" } else { "row" };
        self.named(class, y, text.into());
    }

    fn named(&mut self, class: &'static str, y: f64, text: String) {
        self.names.push(Name { y, text, class });
    }

    pub(super) fn draw(&mut self, drawing: impl Into<Markup>) {
        self.drawing.push(drawing.into());
    }
}

/// The approximate width of a text of the drawing.
pub(super) fn text_width(text: &str) -> f64 {
    text.chars().map(|_| LETTER).sum()
}

/// The part of a bold text that fits.
pub(super) fn fitted_bold(text: &str, room: f64) -> String {
    fitted(text, room * BOLD)
}

/// The part of a text that fits; the words below the drawing contain all of it.
fn fitted(text: &str, room: f64) -> String {
    if text_width(text) <= room {
        return text.to_owned();
    }
    let mut left = room - LETTER;
    let fits = |_: &char| {
        left -= LETTER;
        left >= 0.0
    };
    let begin: String = text.chars().take_while(fits).collect();
    format!("{}…", begin.trim_end())
}

/// A cross that marks a failure.
pub(super) fn cross(x: f64, y: f64, title: &str) -> Markup {
    let (left, right, top, bottom) = (x - 4.0, x + 4.0, y - 4.0, y + 4.0);
    element("path")
        .class("cross")
        .with(
            "d",
            format!(
                "M{left:.1} {top:.1} L{right:.1} {bottom:.1} M{left:.1} {bottom:.1} L{right:.1} {top:.1}"
            ),
        )
        .child(element("title").text(title))
        .into()
}

/// A sample of a colour and pattern, for a line of text.
pub(super) fn swatch(class: &str) -> Element {
    element("svg")
        .class("swatch")
        .with("width", 16)
        .with("height", 12)
        .with("aria-hidden", "true")
        .child(
            element("rect")
                .class(class)
                .with("width", 16)
                .with("height", 12)
                .with("rx", 1.5),
        )
}

/// An answer's version, for people.
pub(super) fn spoken(version: &str) -> &str {
    if version == NO_VERSION {
        "no version"
    } else {
        version
    }
}
