//! Functions, their AWS calls, and the tasks, revisions and dead letters of the run.

use super::section::section;
use super::tables::{Column, bad, table};
use crate::format::{clock, milliseconds, precise_clock};
use crate::markup::{Element, Markup, element, text};
use crate::story::{Call, Function, Invocation, OneOffTask, Revision, Story};

pub(super) fn functions(story: &Story) -> Markup {
    let mut parts: Vec<Element> = story.functions.iter().map(function).collect();
    if parts.is_empty() {
        parts.push(element("p").text("No function was invoked."));
    }
    if !story.other_calls.is_empty() {
        let heading = element("h3").text("Other callers");
        parts.push(
            element("div")
                .child(heading)
                .child(calls(&story.other_calls)),
        );
    }
    let grid = element("div").class("functions").children(parts);
    section("functions", "Functions and their AWS calls", [grid.into()])
}

fn function(function: &Function) -> Element {
    let columns = [
        Column::Number("at"),
        Column::Number("took"),
        Column::Text("answer"),
    ];
    let invocations = function.invocations.iter().map(invocation);
    element("div")
        .child(element("h3").text(&function.name))
        .child(table(
            &format!("Invocations of {}", function.name),
            &columns,
            invocations,
        ))
        .child(calls(&function.calls))
}

fn invocation(invocation: &Invocation) -> Vec<Markup> {
    vec![
        text(precise_clock(invocation.began)),
        text(invocation.milliseconds.map_or("–".to_owned(), milliseconds)),
        match (&invocation.error, invocation.milliseconds) {
            (Some(error), _) => bad(error),
            (None, Some(_)) => text("ok"),
            (None, None) => text("had not answered"),
        },
    ]
}

/// Collapsed, unless a call was refused.
fn calls(calls: &[Call]) -> Markup {
    if calls.is_empty() {
        return element("p").class("quiet").text("No AWS calls.").into();
    }
    let refused = calls.iter().filter(|call| call.error.is_some()).count();
    let row = |call: &Call| {
        vec![
            text(precise_clock(call.at)),
            element("code").text(&call.action).into(),
            text(call.status.to_string()),
            call.error.as_deref().map_or_else(Markup::default, bad),
        ]
    };
    let columns = [
        Column::Number("at"),
        Column::Text("action"),
        Column::Number("status"),
        Column::Text("error"),
    ];
    let summary = match (calls.len(), refused) {
        (1, 0) => "1 AWS call, not refused".to_owned(),
        (1, _) => "1 AWS call, refused".to_owned(),
        (made, 0) => format!("{made} AWS calls, none refused"),
        (made, refused) => format!("{made} AWS calls, {refused} refused"),
    };
    let mut details = element("details");
    if refused > 0 {
        details = details.with("open", "");
    }
    details
        .child(element("summary").text(&summary))
        .child(table(
            "AWS calls, in order",
            &columns,
            calls.iter().map(row),
        ))
        .into()
}

pub(super) fn tasks(tasks: &[OneOffTask]) -> Markup {
    if tasks.is_empty() {
        return Markup::default();
    }
    section(
        "one-off-tasks",
        "Migrations and other one-off tasks",
        tasks.iter().map(task),
    )
}

fn task(task: &OneOffTask) -> Markup {
    let version = task.version.as_ref();
    let version = version.map_or(String::new(), |version| format!(" of {version}"));
    let by = task.started_by.as_deref().unwrap_or("another caller");
    let ended = match (task.ended, task.exit_code) {
        (None, _) => bad("had not ended"),
        (Some(at), Some(0)) => text(format!("exit code 0 at {}", clock(at))),
        (Some(at), Some(code)) => bad(&format!("exit code {code} at {}", clock(at))),
        (Some(at), None) => bad(&format!("ended at {} without an exit code", clock(at))),
    };
    let reason = task.reason.as_ref();
    let reason = reason.map_or(String::new(), |reason| format!(" ({reason})"));
    let log = match task.log.is_empty() {
        true => element("p").class("quiet").text("It logged nothing."),
        false => element("pre").text(task.log.join("\n")),
    };
    element("div")
        .class("task")
        .child(
            element("h3")
                .child(element("code").text(&task.command))
                .text(&version),
        )
        .child(element("p").class("quiet").text(format!(
            "started at {} by {by}, task {}",
            clock(task.began),
            task.id
        )))
        .child(element("p").child(ended).text(reason))
        .child(log)
        .into()
}

pub(super) fn revisions(revisions: &[Revision]) -> Markup {
    let columns = [
        Column::Text("revision"),
        Column::Text("container"),
        Column::Text("image"),
    ];
    let rows = |revision: &Revision| {
        let row = |(container, image): &(String, String)| {
            let name: Element = element("code").text(image);
            vec![text(&revision.name), text(container), name.into()]
        };
        revision.images.iter().map(row).collect::<Vec<_>>()
    };
    let content = match revisions.is_empty() {
        true => element("p").text("No revision was registered.").into(),
        false => table(
            "Revisions registered during the rehearsal",
            &columns,
            revisions.iter().flat_map(rows),
        ),
    };
    section("revisions", "Revisions", [content])
}

pub(super) fn dead_letters(letters: &[(String, String)]) -> Markup {
    let letter = |(queue, message): &(String, String)| {
        let title = element("h3").text(queue);
        [title.into(), element("pre").text(message).into()]
    };
    let content: Vec<Markup> = match letters.is_empty() {
        true => vec![element("p").text("None: no event was given up.").into()],
        false => letters.iter().flat_map(letter).collect(),
    };
    section("dead-letters", "Dead letters", content)
}
