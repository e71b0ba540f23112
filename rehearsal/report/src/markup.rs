//! HTML and SVG that no text can break: this module escapes all text, and no other module writes a tag.

use std::fmt::Display;

/// A piece of a page.
#[derive(Debug, Clone, Default)]
pub(super) struct Markup(String);

/// An element under construction; inserting it into another one makes it [`Markup`].
#[derive(Debug, Clone)]
pub(super) struct Element {
    name: &'static str,
    attributes: String,
    inside: String,
}

/// Elements that have no end tag.
const VOID: [&str; 2] = ["meta", "br"];

/// Elements that begin a line in the page's source. Within a line of text, a line break would be a space.
const BLOCK: [&str; 33] = [
    "html",
    "head",
    "meta",
    "title",
    "style",
    "body",
    "header",
    "main",
    "footer",
    "section",
    "h1",
    "h2",
    "h3",
    "p",
    "div",
    "dl",
    "ul",
    "ol",
    "li",
    "table",
    "caption",
    "thead",
    "tbody",
    "tr",
    "figure",
    "figcaption",
    "details",
    "summary",
    "pre",
    "svg",
    "g",
    "rect",
    "line",
];

pub(super) fn element(name: &'static str) -> Element {
    Element {
        name,
        attributes: String::new(),
        inside: String::new(),
    }
}

/// Text between elements.
pub(super) fn text(text: impl AsRef<str>) -> Markup {
    Markup(escaped(text.as_ref()))
}

/// A sentence in which literals stand in backticks.
pub(super) fn prose(sentence: &str) -> Markup {
    let mut pieces = sentence.split('`').enumerate().peekable();
    let mut told = Vec::new();
    while let Some((index, piece)) = pieces.next() {
        let quoted = index % 2 == 1;
        told.push(match (quoted, pieces.peek()) {
            (false, _) => text(piece),
            (true, Some(_)) => element("code").text(piece).into(),
            // A backtick without a partner is literal.
            (true, None) => text(format!("`{piece}")),
        });
    }
    told.into_iter().collect()
}

impl Element {
    pub(super) fn with(mut self, attribute: &'static str, value: impl Display) -> Element {
        let value = escaped(&value.to_string());
        self.attributes
            .push_str(&format!(" {attribute}=\"{value}\""));
        self
    }

    pub(super) fn class(self, class: &str) -> Element {
        self.with("class", class)
    }

    /// A length or a position in a drawing.
    pub(super) fn at(self, attribute: &'static str, value: f64) -> Element {
        let rounded = (value * 10.0).round() / 10.0;
        self.with(attribute, rounded)
    }

    pub(super) fn text(self, content: impl AsRef<str>) -> Element {
        self.child(text(content))
    }

    pub(super) fn child(mut self, child: impl Into<Markup>) -> Element {
        self.inside.push_str(&child.into().0);
        self
    }

    pub(super) fn children(self, children: impl IntoIterator<Item = impl Into<Markup>>) -> Element {
        children.into_iter().fold(self, Element::child)
    }

    /// A style sheet: a constant of this program, so it is not escaped.
    pub(super) fn style_sheet(mut self, sheet: &'static str) -> Element {
        self.inside.push_str(sheet);
        self
    }
}

impl From<Element> for Markup {
    fn from(element: Element) -> Markup {
        let Element {
            name,
            attributes,
            inside,
        } = element;
        let begin = if BLOCK.contains(&name) { "\n" } else { "" };
        if VOID.contains(&name) {
            return Markup(format!("{begin}<{name}{attributes}>"));
        }
        Markup(format!("{begin}<{name}{attributes}>{inside}</{name}>"))
    }
}

impl From<Option<Element>> for Markup {
    fn from(element: Option<Element>) -> Markup {
        element.map(Markup::from).unwrap_or_default()
    }
}

impl FromIterator<Markup> for Markup {
    fn from_iter<T: IntoIterator<Item = Markup>>(pieces: T) -> Markup {
        Markup(pieces.into_iter().map(|piece| piece.0).collect())
    }
}

impl Markup {
    /// The complete document.
    pub(super) fn document(self) -> String {
        format!("<!doctype html>{}\n", self.0)
    }
}

/// Escapes text for content and attributes. Invisible characters, and those that change the direction of the text
/// beside them, are replaced by a mark.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | '\t' => escaped.push(character),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => escaped.push('\u{fffd}'),
            _ if character.is_control() => escaped.push('\u{fffd}'),
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(element: Element) -> String {
        Markup::from(element).0
    }

    #[test]
    fn text_and_attributes_are_escaped() {
        let link = element("a")
            .with("href", "\"><script>")
            .text("<b>Tom & 'Jerry'</b>");
        assert_eq!(
            source(link),
            "<a href=\"&quot;&gt;&lt;script&gt;\">&lt;b&gt;Tom &amp; &#39;Jerry&#39;&lt;/b&gt;</a>"
        );
    }

    #[test]
    fn invisible_characters_are_marked() {
        let line = element("b").text("a\u{0}b\u{1b}[31mc\u{202e}d\r\n\te");
        assert_eq!(
            source(line),
            "<b>a\u{fffd}b\u{fffd}[31mc\u{fffd}d\u{fffd}\n\te</b>"
        );
    }

    #[test]
    fn backticks_become_code_in_pairs() {
        assert_eq!(
            prose("`a` is <b> and `c").0,
            "<code>a</code> is &lt;b&gt; and `c"
        );
        assert_eq!(prose("").0, "");
    }

    #[test]
    fn elements_nest_and_lengths_are_short() {
        let drawing = element("svg").children([element("circle").at("r", 2.0 / 3.0)]);
        assert_eq!(source(drawing), "\n<svg><circle r=\"0.7\"></circle></svg>");
        assert_eq!(source(element("br")), "<br>");
    }
}
