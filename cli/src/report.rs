//! The answer of `start-deployment`, for people: a report for each pipeline.

use serde_json::Value;

use crate::page::{Ink, Output, Page};

/// What a report's decision means for the exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// Something is started, or would be.
    Acts,
    /// What was asked for runs, or is under way.
    Done,
    /// Nothing is done, for a reason.
    Skips,
    /// It cannot be done.
    Refused,
}

/// Of a report of the answer.
pub(crate) fn meaning(report: &Value) -> Meaning {
    match report["decision"].as_str().unwrap_or_default() {
        "start" | "migrate" | "stop" | "end-wait" => Meaning::Acts,
        "already-running" | "already-in-progress" => Meaning::Done,
        "refused" => Meaning::Refused,
        _ => Meaning::Skips,
    }
}

pub(crate) fn reports(answer: &Value) -> &[Value] {
    let reports = answer["pipelines"].as_array();
    reports.map(Vec::as_slice).unwrap_or_default()
}

/// Why nothing was reconciled at all, where the answer says so.
pub(crate) fn print(answer: &Value, output: &Output) -> anyhow::Result<()> {
    let mut page = output.page();
    if let Some(reason) = answer["reason"].as_str() {
        page.line(reason, Ink::Plain);
    }
    for (at, report) in reports(answer).iter().enumerate() {
        if at > 0 {
            page.blank();
        }
        write(&mut page, report);
    }
    output.text(&page.into_text())
}

/// What moves each service from CodeDeploy to ECS's own deployments, as the dry run answers it.
pub(crate) fn print_moving(answer: &Value, output: &Output) -> anyhow::Result<()> {
    let mut page = output.page();
    for report in reports(answer) {
        page.blank();
        moving(&mut page, report);
    }
    output.text(&page.into_text())
}

fn moving(page: &mut Page, report: &Value) {
    let pipeline = report["pipeline"].as_str().unwrap_or_default();
    let moving = &report["moving_to_ecs"];
    let Some(command) = moving["command"].as_str() else {
        let why = match report["engine"].as_str() {
            Some(engine) => format!("it is deployed by {engine} already"),
            None => "who deploys to it is not known".to_owned(),
        };
        return page.line(
            &format!("{pipeline}: not to be moved to ECS: {why}"),
            Ink::Bold,
        );
    };
    let text = format!(
        "{pipeline}: these commands move its service to ECS's own deployments, for good (docs/moving-to-ecs-deployments.md):"
    );
    page.line(&text, Ink::Bold);
    page.blank();
    page.as_it_is(command);
    page.blank();
    let lost = moving["lost"].as_array().into_iter().flatten();
    let mut label = "lost";
    for sentence in lost.filter_map(Value::as_str) {
        page.field(label, sentence, Ink::Waiting);
        label = "";
    }
    if label == "lost" {
        page.field(label, "nothing that this pipeline has", Ink::Plain);
    }
}

/// A change that is longer has old and new on lines of their own.
const FITS_ON_A_LINE: usize = 60;

pub(crate) fn write(page: &mut Page, report: &Value) {
    let text = |member: &str| report[member].as_str().unwrap_or_default();
    let ink = match meaning(report) {
        Meaning::Acts => Ink::Good,
        Meaning::Refused => Ink::Bad,
        Meaning::Done | Meaning::Skips => Ink::Bold,
    };
    page.line(&format!("{}: {}", text("pipeline"), text("decision")), ink);
    let reason = text("reason");
    // Who asked for either knows it already.
    let reason = ["dry run: ", "only observed: "]
        .iter()
        .find_map(|prefix| reason.strip_prefix(prefix))
        .unwrap_or(reason);
    page.field("why", reason, Ink::Plain);
    let image = &report["image"];
    if let (Some(repository), Some(digest)) =
        (image["repository"].as_str(), image["digest"].as_str())
    {
        let tag = image["tag"].as_str().map(|tag| format!(":{tag}"));
        let tag = tag.unwrap_or_default();
        page.field(
            "image",
            &short(&format!("{repository}{tag} ({digest})")),
            Ink::Plain,
        );
    }
    for (label, member) in [
        ("engine", "engine"),
        ("revision", "revision"),
        ("deployment", "deployment_id"),
    ] {
        if let Some(value) = report[member].as_str() {
            page.field(label, value, Ink::Plain);
        }
    }
    let mut label = "changes";
    for change in report["changes"].as_array().into_iter().flatten() {
        let change = short(change.as_str().unwrap_or_default());
        match change.split_once(" -> ") {
            // Old and new of an image are as long as a line each.
            Some((before, after)) if change.chars().count() > FITS_ON_A_LINE => {
                let (what, before) = before.rsplit_once(": ").unwrap_or((label, before));
                page.field(label, what, Ink::Plain);
                page.line(&format!("  - {}", before.trim_matches('`')), Ink::Bad);
                page.line(&format!("  + {}", after.trim_matches('`')), Ink::Good);
            }
            Some(_) | None => page.field(label, &change, Ink::Plain),
        }
        label = "";
    }
    let ignored = report["ignored"].as_array().into_iter().flatten();
    let ignored: Vec<&str> = ignored.filter_map(Value::as_str).collect();
    if !ignored.is_empty() {
        page.field(
            "ignored",
            &format!("{} (of another engine)", ignored.join(", ")),
            Ink::Plain,
        );
    }
    let sentences = report["not_known"].as_array().into_iter().flatten();
    not_known(page, sentences.filter_map(Value::as_str));
}

/// What could not be asked, a sentence each.
pub(crate) fn not_known<'a>(page: &mut Page, sentences: impl Iterator<Item = &'a str>) {
    let mut label = "not known";
    for sentence in sentences {
        page.field(label, sentence, Ink::Waiting);
        label = "";
    }
}

/// The text with its digests cut to 12 digits.
fn short(text: &str) -> String {
    const ALGORITHM: &str = "sha256:";
    let mut parts = text.split(ALGORITHM);
    let mut short = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.chars().take_while(char::is_ascii_hexdigit).count();
        let (digest, rest) = part.split_at(digits);
        let kept = match digits {
            64 => digest.get(..12).unwrap_or(digest),
            _ => digest,
        };
        short.push_str(ALGORITHM);
        short.push_str(kept);
        short.push_str(rest);
    }
    short
}
