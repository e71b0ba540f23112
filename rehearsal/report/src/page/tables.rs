//! Tables with captions, which scroll by themselves if they are too wide.

use crate::markup::{Element, Markup, element, prose};

/// The alignment of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    Text(&'static str),
    Number(&'static str),
}

pub(super) fn table(
    caption: &str,
    columns: &[Column],
    rows: impl IntoIterator<Item = Vec<Markup>>,
) -> Markup {
    let heading = |column: &Column| {
        let (name, class) = match column {
            Column::Text(name) => (name, "text"),
            Column::Number(name) => (name, "number"),
        };
        element("th").with("scope", "col").class(class).text(name)
    };
    let row = |cells: Vec<Markup>| {
        let cells = cells.into_iter().zip(columns);
        element("tr").children(cells.map(|(content, column)| cell(content, *column)))
    };
    let table = element("table")
        .child(element("caption").text(caption))
        .child(element("thead").child(element("tr").children(columns.iter().map(heading))))
        .child(element("tbody").children(rows.into_iter().map(row)));
    element("div")
        .class("scroll")
        .with("tabindex", "0")
        .with("role", "region")
        .with("aria-label", caption)
        .child(table)
        .into()
}

fn cell(content: Markup, column: Column) -> Element {
    let class = match column {
        Column::Text(_) => "text",
        Column::Number(_) => "number",
    };
    element("td").class(class).child(content)
}

/// A failure, with a sign that does not depend on colour.
pub(super) fn bad(text: &str) -> Markup {
    element("span")
        .class("bad")
        .text("✗ ")
        .child(prose(text))
        .into()
}
