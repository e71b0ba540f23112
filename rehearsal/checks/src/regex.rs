//! Regular expressions of tag rules (`regex:…`), which match a whole tag. They are read by the crate that defines their syntax,
//! so that none is refused here that a function takes.

use regex_automata::meta;
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind, Look};

use crate::glob::{TAG_CHARACTERS, is_tag};

#[derive(Debug, Clone)]
pub struct Regex {
    given: Hir,
    whole: meta::Regex,
}

impl Regex {
    /// The expression of a tag rule; `None` if the rule is of another kind.
    pub fn of_rule(rule: &str) -> Option<&str> {
        rule.strip_prefix("regex:")
    }

    /// `None` if it is not a regular expression; the functions report that.
    pub fn read(expression: &str) -> Option<Regex> {
        // A tag has ASCII characters only.
        let mut parser = ParserBuilder::new().unicode(false).utf8(false).build();
        let given = parser.parse(expression).ok()?;
        let whole = Hir::concat(vec![
            Hir::look(Look::Start),
            given.clone(),
            Hir::look(Look::End),
        ]);
        let whole = meta::Builder::new().build_from_hir(&whole).ok()?;
        Some(Regex { given, whole })
    }

    pub fn matches(&self, tag: &str) -> bool {
        self.whole.is_match(tag)
    }

    /// Up to `wanted` matching tags: with a filling for every class, and each alternative in turn.
    pub fn examples(&self, wanted: usize) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        for alternative in 0..3 {
            for (filling, more) in [('1', 1), ('2', 1), ('a', 1), ('b', 1), ('1', 0), ('1', 3)] {
                let mut tag = Vec::new();
                fill(&self.given, filling, more, alternative, &mut tag);
                let Ok(tag) = String::from_utf8(tag) else {
                    continue;
                };
                let is_new = !found.contains(&tag) && is_tag(&tag) && self.matches(&tag);
                if is_new && found.len() < wanted {
                    found.push(tag);
                }
            }
        }
        found
    }
}

/// Repeats what may be repeated `more` times, or as often as it must be.
fn fill(hir: &Hir, filling: char, more: u32, alternative: usize, tag: &mut Vec<u8>) {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => tag.extend(&literal.0),
        HirKind::Class(class) => {
            let mut fillings = std::iter::once(filling).chain(TAG_CHARACTERS.chars());
            let one = fillings.find(|character| holds(class, *character));
            tag.extend(one.map(|character| character as u8));
        }
        HirKind::Repetition(repetition) => {
            let most = repetition.max.unwrap_or(u32::MAX);
            for _ in 0..repetition.min.max(more).min(most) {
                fill(&repetition.sub, filling, more, alternative, tag);
            }
        }
        HirKind::Capture(capture) => fill(&capture.sub, filling, more, alternative, tag),
        HirKind::Concat(parts) => {
            for part in parts {
                fill(part, filling, more, alternative, tag);
            }
        }
        HirKind::Alternation(all) => {
            if let Some(one) = all.get(alternative % all.len().max(1)) {
                fill(one, filling, more, alternative, tag);
            }
        }
    }
}

fn holds(class: &Class, character: char) -> bool {
    match class {
        Class::Unicode(class) => {
            let mut ranges = class.iter();
            ranges.any(|range| (range.start()..=range.end()).contains(&character))
        }
        Class::Bytes(class) => {
            let mut ranges = class.iter();
            ranges.any(|range| {
                (char::from(range.start())..=char::from(range.end())).contains(&character)
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_matches_whole_tags_and_has_examples() {
        for (expression, matching, others, examples) in [
            (
                "^prod-[0-9]+$",
                "prod-1 prod-23",
                "prod- xprod-1 prod-1x",
                "prod-1 prod-2",
            ),
            ("prod-[0-9]+", "prod-1", "xprod-1 prod-1x", "prod-1 prod-2"),
            ("a|ab", "a ab", "b abc", "a ab"),
            ("(dev|prod)-.*", "dev-1 prod-", "test-1", "dev-1 dev-2"),
            (r"v\d+\.\d+", "v1.2", "v1 v1.2.3", "v1.1 v2.2"),
            (
                "main-[0-9a-f]{7}",
                "main-0123abc",
                "main-0123",
                "main-1111111 main-2222222",
            ),
            ("[a-z&&[^b]]+", "ac", "ab", "a aaa"),
            ("(?i)x", "x X", "y", "x"),
            (r"a\b-b", "a-b", "ab", "a-b"),
        ] {
            let parsed = Regex::read(expression).unwrap();
            for (tags, expected) in [(matching, true), (others, false)] {
                for tag in tags.split(' ') {
                    assert_eq!(parsed.matches(tag), expected, "{expression} {tag}");
                }
            }
            assert_eq!(parsed.examples(2).join(" "), examples, "{expression}");
        }
        for wrong in ["a)|(b", "(", "*", r"(a)\1"] {
            assert!(Regex::read(wrong).is_none(), "{wrong}");
        }
    }
}
