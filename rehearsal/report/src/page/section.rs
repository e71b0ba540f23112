//! What every part of the page begins with.

use crate::markup::{Markup, element};

/// A section with a heading that can be linked to.
pub(super) fn section(
    id: &'static str,
    title: &str,
    content: impl IntoIterator<Item = Markup>,
) -> Markup {
    element("section")
        .with("id", id)
        .child(element("h2").text(title))
        .children(content)
        .into()
}
