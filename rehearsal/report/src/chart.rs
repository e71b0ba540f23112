//! The timeline: everything that happened, on one axis of simulated time, in lanes.
//!
//! The names of the lanes are a separate drawing, so that they stay in place while the lanes scroll.

mod deployments;
mod listeners;
mod marks;
mod paper;
mod rows;

use super::axis::Kind;
use super::format::{clock, duration};
use super::markup::{Element, Markup, element};
use super::story::{Service, Story};
use paper::{Lane, Paper, swatch};

/// The width of the column of names.
const NAMES_WIDTH: f64 = 196.0;
const AXIS_HEIGHT: f64 = 40.0;

/// The drawing with its legend and the notes that it needs.
pub(super) fn figure(story: &Story) -> Markup {
    let paper = Paper::new(story);
    let lanes = lanes(story, &paper);
    let height = AXIS_HEIGHT + lanes.iter().map(|lane| lane.height).sum::<f64>() + 6.0;
    // Printed lanes cannot scroll: the print style sheet scales them down by these classes.
    let class = match paper.width() {
        ..1000.0 => "timeline",
        ..1700.0 => "timeline wide",
        _ => "timeline widest",
    };
    let drawing = element("div")
        .class(class)
        .child(names(&lanes, height))
        .child(
            element("div")
                .class("scroll")
                .with("tabindex", "0")
                .with("role", "region")
                .with("aria-label", "timeline, scrolls sideways")
                .child(drawing(&paper, &lanes, height)),
        );
    element("figure")
        .child(legend(&paper))
        .child(drawing)
        .child(element("figcaption").text(
            "The time is AWS's, in minutes and seconds since the start. A second that really passed is as wide everywhere; \
             in a hatched gap nothing was under way, so the clock jumped ahead by what is written above it. Requests are \
             really sent, one after another, about 200 a second and service, so none can fall into a gap: a column shows \
             who answered in that moment, not the load of those minutes. The thin line within a bar goes from the call of a \
             hook's function to the answer that CodeDeploy or ECS got.",
        ))
        .into()
}

/// The patterns that distinguish versions without colours. All drawings of the page share them.
pub(super) fn patterns() -> Markup {
    let pattern = |id: &'static str, marks: Vec<Element>| {
        element("pattern")
            .with("id", id)
            .with("width", 6)
            .with("height", 6)
            .with("patternUnits", "userSpaceOnUse")
            .child(
                element("rect")
                    .class("base")
                    .with("width", 6)
                    .with("height", 6),
            )
            .children(marks)
    };
    let stroke = |path: &str| element("path").with("d", path);
    let diagonal = "M-1.5 1.5 L1.5 -1.5 M-1 7 L7 -1 M4.5 7.5 L7.5 4.5";
    let other_diagonal = "M-1.5 4.5 L1.5 7.5 M-1 -1 L7 7 M4.5 -1.5 L7.5 1.5";
    let dot = element("circle").with("cx", 3).with("cy", 3).with("r", 1.4);
    element("svg")
        .class("patterns")
        .with("width", 0)
        .with("height", 0)
        .with("aria-hidden", "true")
        .child(
            element("defs")
                .child(pattern("v1", vec![stroke(diagonal)]))
                .child(pattern("v2", vec![dot]))
                .child(pattern(
                    "v3",
                    vec![stroke(diagonal), stroke(other_diagonal)],
                ))
                .child(pattern("gap", vec![stroke(diagonal)])),
        )
        .into()
}

fn lanes(story: &Story, paper: &Paper) -> Vec<Lane> {
    let several = story.services.len() > 1;
    let mut lanes = vec![
        marks::moments(paper, "pushes", &story.pushes),
        marks::moments(paper, "alarms", &story.alarms),
    ];
    lanes.extend(
        story
            .deployments
            .iter()
            .map(|deployment| deployments::lane(paper, deployment)),
    );
    lanes.push(rows::migrations(paper, &story.migrations));
    for service in &story.services {
        let named = |name: &str| match several {
            true => format!("{}: {name}", service.name),
            false => name.to_owned(),
        };
        lanes.extend(of_service(paper, service, &named));
    }
    lanes.push(rows::functions(paper, &story.functions));
    lanes.push(marks::messages(paper, &story.messages));
    lanes.retain(|lane| lane.height > 0.0);
    lanes
}

fn of_service(paper: &Paper, service: &Service, named: &dyn Fn(&str) -> String) -> Vec<Lane> {
    let mut lanes = vec![listeners::production(
        paper,
        named("production"),
        &service.production,
    )];
    if let Some(test) = &service.test {
        lanes.push(listeners::test(paper, named("test listener"), test));
    }
    lanes.push(rows::tasks(paper, named("tasks"), &service.tasks));
    lanes
}

fn names(lanes: &[Lane], height: f64) -> Element {
    let mut top = AXIS_HEIGHT;
    let mut column = drawing_of(NAMES_WIDTH, height)
        .class("names")
        .with("aria-hidden", "true");
    for lane in lanes {
        column = column.child(rule(top, NAMES_WIDTH));
        for name in &lane.names {
            let text = element("text")
                .class(name.class)
                .at("x", 0.0)
                .at("y", top + name.y)
                .text(&name.text);
            column = column.child(text);
        }
        top += lane.height;
    }
    column
}

fn drawing(paper: &Paper, lanes: &[Lane], height: f64) -> Element {
    let mut top = AXIS_HEIGHT;
    let mut drawing = drawing_of(paper.width(), height)
        .with("role", "img")
        .with(
            "aria-label",
            "Timeline of the rehearsal; the same in words further down",
        )
        .children(axis(paper, height));
    for lane in lanes {
        drawing = drawing.child(rule(top, paper.width())).child(
            element("g")
                .with("transform", format!("translate(0 {top:.1})"))
                .children(lane.drawing.clone()),
        );
        top += lane.height;
    }
    drawing
}

fn drawing_of(width: f64, height: f64) -> Element {
    element("svg")
        .at("width", width)
        .at("height", height)
        .with("viewBox", format!("0 0 {width:.1} {height:.1}"))
}

fn rule(y: f64, width: f64) -> Element {
    element("line")
        .class("rule")
        .at("x1", 0.0)
        .at("x2", width)
        .at("y1", y)
        .at("y2", y)
}

/// Gaps with their lengths, and the time after each gap.
fn axis(paper: &Paper, height: f64) -> Vec<Element> {
    let mut drawn = Vec::new();
    for gap in paper.axis.pieces(Kind::Gap) {
        let (left, right) = (paper.shifted(gap.left), paper.shifted(gap.right));
        let length = duration(gap.span.to - gap.span.from);
        drawn.push(
            element("rect")
                .class("gap")
                .at("x", left)
                .at("y", 20.0)
                .at("width", right - left)
                .at("height", height - 20.0)
                .child(element("title").text(format!("{length} pass"))),
        );
        if right - left >= paper::text_width(&length) {
            let middle = f64::midpoint(left, right);
            drawn.push(
                element("text")
                    .class("jump")
                    .at("x", middle)
                    .at("y", 14.0)
                    .text(length),
            );
        }
    }
    let mut free = 0.0;
    for run in paper.axis.pieces(Kind::Run) {
        let (at, text) = (paper.shifted(run.left), clock(run.span.from));
        if at < free || at + paper::text_width(&text) + 6.0 > paper.width() {
            continue;
        }
        free = at + paper::text_width(&text) + 8.0;
        drawn.push(
            element("line")
                .class("tick")
                .at("x1", at)
                .at("x2", at)
                .at("y1", 20.0)
                .at("y2", AXIS_HEIGHT),
        );
        drawn.push(
            element("text")
                .class("clock")
                .at("x", at + 3.0)
                .at("y", 33.0)
                .text(text),
        );
    }
    drawn
}

fn legend(paper: &Paper) -> Element {
    let entry = |class: &str, text: &str| element("li").child(swatch(class)).text(text);
    let versions = paper.versions.iter();
    element("ul")
        .class("legend")
        .children(versions.map(|version| entry(&paper.colour(version), version)))
        .child(entry("bar", "under way, ended well"))
        .child(entry("failed", "failed; a cross marks when"))
        .child(entry("gap", "the clock jumps"))
}
