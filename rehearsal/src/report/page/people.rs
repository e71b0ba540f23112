//! What people were told.

use super::section;
use crate::report::format::clock;
use crate::report::markup::{Element, Markup, element};
use crate::report::story::Message;

pub(super) fn messages(messages: &[Message]) -> Markup {
    if messages.is_empty() {
        let none = element("p").text("Nobody was told anything.");
        return section("messages", "Messages", [none.into()]);
    }
    let list = element("ol")
        .class("messages")
        .children(messages.iter().map(message));
    let note = element("p")
        .class("quiet")
        .text("As SNS got them, word for word; the numbers are those of the timeline.");
    section("messages", "Messages", [note.into(), list.into()])
}

fn message(message: &Message) -> Element {
    let subject = message.subject.as_deref().unwrap_or("(no subject)");
    element("li")
        .child(element("h3").text(subject))
        .child(
            element("p")
                .class("quiet")
                .text(format!("{} to {}", clock(message.at), message.topic)),
        )
        .child(element("pre").text(message.body.trim_end()))
}
