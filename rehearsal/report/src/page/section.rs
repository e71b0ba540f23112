//! The common frame of the page's parts.

use crate::markup::{Markup, element};

/// A section with a heading that links can address.
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
