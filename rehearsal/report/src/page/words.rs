//! The timeline in words, as the terminal shows it.

use super::section::section;
use super::tables::{Column, table};
use crate::format::precise_clock;
use crate::line::Tone;
use crate::markup::{Element, Markup, element, prose, text};
use crate::story::Sentence;
use record::counted;

pub(super) fn section_of(words: &[Sentence]) -> Markup {
    let columns = [
        Column::Number("at"),
        Column::Text("who or what"),
        Column::Text("what happened"),
    ];
    let row = |sentence: &Sentence| {
        vec![
            text(precise_clock(sentence.at)),
            text(&sentence.subject),
            told(sentence).into(),
        ]
    };
    let table = table(
        "Everything that happened, in order",
        &columns,
        words.iter().map(row),
    );
    let details = element("details")
        .child(element("summary").text(counted(words.len(), "line", "lines")))
        .child(table);
    section("in-words", "The same in words", [details.into()])
}

fn told(sentence: &Sentence) -> Element {
    let class = match sentence.tone {
        Tone::Bad => "told bad",
        Tone::Strong => "told strong",
        Tone::Faint => "told quiet",
        Tone::Plain | Tone::Good => "told",
    };
    element("span").class(class).child(prose(&sentence.text))
}
