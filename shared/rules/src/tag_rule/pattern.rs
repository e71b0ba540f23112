//! Regular expressions over tags, and whether one matches any tag at all.
//!
//! Matching is linear in the tag: these are the automata by which `globset` matches as well.

use std::collections::BTreeSet;

use regex_automata::meta::Regex;
use regex_automata::nfa::thompson::{NFA, State, WhichCaptures};
use regex_automata::util::look::Look;
use regex_automata::util::primitives::StateID;
use regex_automata::util::syntax;

use crate::names::Tag;

/// What an expression may become in memory: far more than one over tags takes.
const BYTES_AT_MOST: usize = 1 << 20;
/// The most characters of a tag.
const LONGEST_TAG: usize = 128;

/// A regular expression that matches a tag as a whole.
#[derive(Debug, Clone)]
pub struct Pattern {
    given: String,
    regex: Regex,
}

impl Pattern {
    /// Reads an expression; the error is the reason why it is not one.
    pub(super) fn read(given: &str) -> Result<Self, String> {
        let build = |expression: &str| {
            let config = Regex::config()
                .utf8_empty(false)
                .nfa_size_limit(Some(BYTES_AT_MOST))
                .hybrid_cache_capacity(BYTES_AT_MOST);
            let mut builder = Regex::builder();
            builder.configure(config).syntax(ascii());
            builder.build(expression).map_err(|error| {
                let reason = error
                    .syntax_error()
                    .map_or_else(|| error.to_string(), ToString::to_string);
                // The reason is the last line; the ones before show where.
                let last = reason.lines().last().unwrap_or_default();
                last.trim_start_matches("error: ").to_owned()
            })
        };
        // By itself first: `a)|(b` is an expression only between other parentheses.
        build(given)?;
        Ok(Self {
            given: given.to_owned(),
            regex: build(&whole(given))?,
        })
    }

    /// The expression, as it was given.
    pub fn as_str(&self) -> &str {
        &self.given
    }

    pub(super) fn matches(&self, tag: &Tag) -> bool {
        self.regex.is_match(tag.as_str())
    }

    pub(super) fn is_satisfiable(&self) -> bool {
        is_satisfiable(&whole(&self.given))
    }
}

fn whole(expression: &str) -> String {
    format!(r"\A(?:{expression})\z")
}

/// A tag has ASCII characters only.
fn ascii() -> syntax::Config {
    syntax::Config::new().unicode(false).utf8(false)
}

/// Whether an expression that is bound to both ends matches any tag: whether its automaton reaches its end with the
/// characters of a tag. What is too large to say is taken to match one.
pub(super) fn is_satisfiable(expression: &str) -> bool {
    let config = NFA::config()
        .utf8(false)
        .which_captures(WhichCaptures::None)
        .nfa_size_limit(Some(BYTES_AT_MOST));
    let mut compiler = NFA::compiler();
    let nfa = compiler.configure(config).syntax(ascii()).build(expression);
    nfa.ok().is_none_or(|nfa| reaches_its_end(&nfa))
}

/// What stands beside a place in a tag, as far as an expression can look at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Side {
    /// Nothing: an end of the tag.
    Edge,
    /// A letter, a digit or `_`.
    Word,
    /// `.` or `-`.
    Other,
}

impl Side {
    const ALL: [Self; 3] = [Self::Edge, Self::Word, Self::Other];

    /// The characters of tags on this side.
    fn bytes(self) -> impl Iterator<Item = u8> {
        let is_here = move |byte: &u8| match self {
            Self::Edge => false,
            Self::Word => byte.is_ascii_alphanumeric() || *byte == b'_',
            Self::Other => matches!(byte, b'.' | b'-'),
        };
        (b'-'..=b'z').filter(is_here)
    }
}

/// A place in the automaton: its state, what was read last, and what is read next, which is chosen before it is read so that
/// assertions about it can be answered.
type Place = (StateID, Side, Side);

/// Goes through all places, one character after the other.
fn reaches_its_end(nfa: &NFA) -> bool {
    // A tag begins with a letter, a digit or `_`.
    let mut due: Vec<Place> = vec![(nfa.start_anchored(), Side::Edge, Side::Word)];
    let mut seen: BTreeSet<Place> = BTreeSet::new();
    for _ in 0..=LONGEST_TAG {
        let mut next = Vec::new();
        while let Some(place) = due.pop() {
            if !seen.insert(place) {
                continue;
            }
            let (state, before, after) = place;
            let onward = |state: &StateID| (*state, before, after);
            let read = |next: &mut Vec<Place>, state: StateID| {
                next.extend(Side::ALL.map(|then| (state, after, then)));
            };
            match nfa.state(state) {
                State::ByteRange { trans } => {
                    if after.bytes().any(|byte| trans.matches_byte(byte)) {
                        read(&mut next, trans.next);
                    }
                }
                State::Sparse(transitions) => {
                    let reached: BTreeSet<StateID> = after
                        .bytes()
                        .filter_map(|byte| transitions.matches_byte(byte))
                        .collect();
                    reached.into_iter().for_each(|state| read(&mut next, state));
                }
                State::Dense(transitions) => {
                    let reached: BTreeSet<StateID> = after
                        .bytes()
                        .filter_map(|byte| transitions.matches_byte(byte))
                        .collect();
                    reached.into_iter().for_each(|state| read(&mut next, state));
                }
                State::Look { look, next } if holds(*look, before, after) => {
                    due.push(onward(next));
                }
                State::Union { alternates } => due.extend(alternates.iter().map(onward)),
                State::BinaryUnion { alt1, alt2 } => due.extend([alt1, alt2].map(onward)),
                State::Capture { next, .. } => due.push(onward(next)),
                State::Match { .. } if after == Side::Edge => return true,
                State::Look { .. } | State::Match { .. } | State::Fail => {}
            }
        }
        due = next;
    }
    false
}

/// Whether an assertion holds between two sides. A tag is one line, and its letters are ASCII.
fn holds(look: Look, before: Side, after: Side) -> bool {
    let (word_before, word_after) = (before == Side::Word, after == Side::Word);
    match look {
        Look::Start | Look::StartLF | Look::StartCRLF => before == Side::Edge,
        Look::End | Look::EndLF | Look::EndCRLF => after == Side::Edge,
        Look::WordAscii | Look::WordUnicode => word_before != word_after,
        Look::WordAsciiNegate | Look::WordUnicodeNegate => word_before == word_after,
        Look::WordStartAscii | Look::WordStartUnicode => !word_before && word_after,
        Look::WordEndAscii | Look::WordEndUnicode => word_before && !word_after,
        Look::WordStartHalfAscii | Look::WordStartHalfUnicode => !word_before,
        Look::WordEndHalfAscii | Look::WordEndHalfUnicode => !word_after,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(expression: &str, matching: &str, others: &str) {
        let pattern = Pattern::read(expression).unwrap();
        for (tags, expected) in [(matching, true), (others, false)] {
            for tag in tags.split(' ').filter(|tag| !tag.is_empty()) {
                let tag = tag.parse().unwrap();
                assert_eq!(pattern.matches(&tag), expected, "{expression} {tag}");
            }
        }
        assert_eq!(
            pattern.is_satisfiable(),
            !matching.is_empty(),
            "{expression}"
        );
    }

    #[test]
    fn an_expression_matches_a_tag_as_a_whole() {
        check(
            "^prod-[0-9]+$",
            "prod-1 prod-23",
            "prod- prod-x xprod-1 prod-1x",
        );
        check("prod-[0-9]+", "prod-1", "xprod-1 prod-1x");
        check("a|ab", "a ab", "b abc");
        check("(dev|prod)-.*", "dev-1 prod-", "test-1");
        check(
            r"main-[0-9a-f]{7,40}",
            "main-0123abc",
            "main-0123 main-xyz0123",
        );
        check(r"v\d+(\.\d+){2}", "v1.2.3", "v1.2 1.2.3 v1.2.3-rc.1");
        check("(?i)Release-.*", "release-1 RELEASE-1", "1");
        check(r"\w+", "a_1", "a-1");
        check("[a-z&&[^b]]+", "ac", "ab");
    }

    #[test]
    fn an_expression_that_matches_no_tag_is_known() {
        for expression in [
            "^prod $",
            "shop/web:.*",
            "",
            "-.*",
            r"\.x",
            "a{129}",
            "[^a-zA-Z0-9._-]+",
            "a^b",
            "a$b",
            r"a\bb",
            r"a\B-",
            "[a&&b]",
        ] {
            check(expression, "", "a prod-1 a-b");
        }
        check(r"a\b-b", "a-b", "ab");
        check(r"a\Bb", "ab", "a-b");
        check(&"a".repeat(128), &"a".repeat(128), "a");
    }

    #[test]
    fn an_expression_that_is_none_or_too_large_is_refused() {
        for (expression, said) in [
            ("a)|(b", "unopened group"),
            ("prod-(", "unclosed group"),
            ("*", "repetition operator missing expression"),
            (r"(a)\1", "backreferences are not supported"),
            (
                "(?=a)a",
                "look-around, including look-ahead and look-behind, is not supported",
            ),
        ] {
            assert_eq!(Pattern::read(expression).unwrap_err(), said, "{expression}");
        }
        assert!(Pattern::read("(a{1000}){1000}").is_err());
    }

    #[test]
    fn hostile_expressions_are_matched_at_once() {
        let tag: Tag = "a".repeat(128).parse().unwrap();
        for expression in ["(a*)*b", "(a|a)*b", "(a|aa)+b"] {
            assert!(!Pattern::read(expression).unwrap().matches(&tag));
        }
    }
}
