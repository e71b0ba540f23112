//! The page: the verdict first, then the overview, then the details.

mod aws;
mod people;
mod section;
mod tables;
mod traffic;
mod words;

use self::section::section;
use super::chart;
use super::format::{long_duration, milliseconds};
use super::headline::what_happened;
use super::markup::{Element, Markup, element, prose};
use super::story::{Claim, Story, Verdict};

/// Nothing is loaded and nothing runs: the page is self-contained, and its text stays text.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// The whole page.
pub(crate) fn page(story: &Story) -> String {
    let title = format!("{}: {} – rehearsal", story.scenario, verdict(story).1);
    let head = element("head")
        .child(element("meta").with("charset", "utf-8"))
        .child(
            element("meta")
                .with("http-equiv", "Content-Security-Policy")
                .with("content", POLICY),
        )
        .child(
            element("meta")
                .with("name", "viewport")
                .with("content", "width=device-width, initial-scale=1"),
        )
        .child(
            element("meta")
                .with("name", "color-scheme")
                .with("content", "light dark"),
        )
        .child(element("title").text(title))
        .child(element("style").style_sheet(include_str!("style.css")));
    let body = element("body")
        .child(chart::patterns())
        .child(header(story))
        .child(main(story))
        .child(element("footer").text(
            "Played on one machine: AWS is local and follows its documentation, the functions are the ones that ship. \
             Values of environment variables are left out of this page.",
        ));
    let document = element("html").with("lang", "en").child(head).child(body);
    Markup::from(document).document()
}

fn header(story: &Story) -> Element {
    let (class, words) = verdict(story);
    element("header")
        .child(element("p").class("kicker").text("Greenlight rehearsal"))
        .child(
            element("h1")
                .child(element("span").text(&story.scenario))
                .child(super::markup::text(" "))
                .child(element("span").class(class).text(words)),
        )
        .child(
            element("p")
                .class("lede")
                .child(prose(&what_happened(story))),
        )
        .child(
            element("p")
                .class("quiet")
                .child(prose(&format!("The scenario: {}.", story.summary))),
        )
        .child(figures(story))
}

/// A class, and words with a sign that does not depend on colour.
fn verdict(story: &Story) -> (&'static str, &'static str) {
    match story.verdict() {
        Verdict::AsExpected => ("verdict good", "✓ as expected"),
        Verdict::NotAsExpected => ("verdict bad", "✗ not as expected"),
        Verdict::BrokenOff => ("verdict bad", "■ broken off"),
    }
}

fn main(story: &Story) -> Element {
    let timeline = section("timeline", "Timeline", [chart::figure(story)]);
    // Failed expectations come before everything else; fulfilled ones are not urgent.
    let (first, second) = match story.verdict() {
        Verdict::NotAsExpected => (expectations(story), timeline),
        Verdict::AsExpected | Verdict::BrokenOff => (timeline, expectations(story)),
    };
    let sections = [
        broken_off(story),
        first,
        second,
        traffic::section_of(story),
        people::messages(&story.messages),
        aws::functions(story),
        aws::tasks(&story.migrations),
        aws::revisions(&story.revisions),
        aws::dead_letters(&story.dead_letters),
        words::section_of(&story.words),
    ];
    element("main").children(sections)
}

fn figures(story: &Story) -> Element {
    let (requests, failed) = story.production();
    let invocations = story.functions.iter().flat_map(|f| f.invocations.iter());
    let errors = invocations.clone().filter(|i| i.error.is_some()).count();
    let figure = |name: &str, value: String, note: String, bad: bool| {
        element("div")
            .child(element("dt").text(name))
            .child(element("dd").class("figure").text(value))
            .child(
                element("dd")
                    .class(if bad { "bad" } else { "quiet" })
                    .text(note),
            )
    };
    let rollbacks = story.deployments.iter().filter(|d| d.rolls_back).count();
    let count = |number: usize, none: &str, some: &str| match number {
        0 => none.to_owned(),
        number => format!("{number} {some}"),
    };
    element("dl").class("figures").children([
        figure(
            "Production requests",
            requests.to_string(),
            count(failed, "none failed", "failed"),
            failed > 0,
        ),
        figure(
            "Deployments",
            story.deployments.len().to_string(),
            count(rollbacks, "no rollback", "of them to roll back"),
            false,
        ),
        figure(
            "Invocations",
            invocations.count().to_string(),
            count(errors, "none failed", "failed"),
            errors > 0,
        ),
        figure(
            "Messages",
            story.messages.len().to_string(),
            count(
                story.dead_letters.len(),
                "no dead letter",
                "in dead letter queues",
            ),
            !story.dead_letters.is_empty(),
        ),
        figure(
            "Simulated time",
            long_duration(story.simulated_seconds),
            format!("in {} here", milliseconds(story.real_milliseconds)),
            false,
        ),
    ])
}

fn broken_off(story: &Story) -> Markup {
    let Some(why) = &story.broken_off else {
        return Markup::default();
    };
    let told = element("p").class("bad").child(prose(why));
    let note =
        element("p").text("What happened until then is below. Expectations were not judged.");
    section(
        "broken-off",
        "The run did not finish",
        [told.into(), note.into()],
    )
}

fn expectations(story: &Story) -> Markup {
    if story.claims.is_empty() && story.assumptions.is_empty() {
        return Markup::default();
    }
    let claims = element("ul")
        .class("claims")
        .children(story.claims.iter().map(claim));
    let assumed = (!story.assumptions.is_empty()).then(|| {
        let names = story.assumptions.join(", ");
        element("p").text(format!(
            "Where AWS’s behaviour is not confirmed, the second possibility was played: {names}."
        ))
    });
    section(
        "expected",
        "What was expected",
        [claims.into(), assumed.into()],
    )
}

fn claim(claim: &Claim) -> Element {
    let told = |sign: &str, class: &str, word: &str| {
        element("li")
            .class(class)
            .child(
                element("span")
                    .class("sign")
                    .with("aria-hidden", "true")
                    .text(sign),
            )
            .child(element("span").class("unseen").text(word))
            .child(prose(&claim.text))
    };
    match &claim.found {
        None => told("✓", "holds", "holds: "),
        Some(found) => told("✗", "bad", "does not hold: ").child(
            element("p")
                .class("found")
                .child(element("strong").text("found: "))
                .child(prose(found)),
        ),
    }
}
