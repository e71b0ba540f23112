//! Regular expressions over tags, and whether one matches any tag at all.
//!
//! Matching is linear in the tag: these are the automata by which `globset` matches as well.

use std::collections::BTreeSet;

use regex_automata::hybrid::LazyStateID;
use regex_automata::hybrid::dfa::DFA;
use regex_automata::meta::Regex;
use regex_automata::nfa::thompson::{NFA, State, WhichCaptures};
use regex_automata::util::look::Look;
use regex_automata::util::primitives::StateID;
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input};

use super::referrer;
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

    pub(super) fn reach(&self) -> Reach {
        reach(&whole(&self.given))
    }
}

fn whole(expression: &str) -> String {
    format!(r"\A(?:{expression})\z")
}

/// A tag has ASCII characters only.
fn ascii() -> syntax::Config {
    syntax::Config::new().unicode(false).utf8(false)
}

/// Which tags a rule matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// None.
    NoTag,
    /// Only those of what hangs at an image.
    ReferrersOnly,
    /// One that an image may have.
    Images,
}

/// Which tags an expression matches that is bound to both ends: whether its automaton reaches its end with the characters of a
/// tag. What is too large to say is taken to match images.
pub(super) fn reach(expression: &str) -> Reach {
    let config = NFA::config()
        .utf8(false)
        .which_captures(WhichCaptures::None)
        .nfa_size_limit(Some(BYTES_AT_MOST));
    let mut compiler = NFA::compiler();
    let nfa = compiler.configure(config).syntax(ascii()).build(expression);
    let reach = nfa.ok().and_then(|nfa| ends(&nfa));
    reach.unwrap_or(Reach::Images)
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
/// assertions about it can be answered; and the state of the automaton of referrers, which reads the same.
type Place = (StateID, Side, Side, LazyStateID);

/// Goes through all places, one character after the other; none where there are too many.
fn ends(nfa: &NFA) -> Option<Reach> {
    let referrers = DFA::builder()
        .syntax(ascii())
        .build(referrer::EXPRESSION)
        .ok()?;
    let mut cache = referrers.create_cache();
    let begin = Input::new("").anchored(Anchored::Yes);
    let begin = referrers.start_state_forward(&mut cache, &begin).ok()?;
    let mut reach = Reach::NoTag;
    // A tag begins with a letter, a digit or `_`.
    let mut due: Vec<Place> = vec![(nfa.start_anchored(), Side::Edge, Side::Word, begin)];
    let mut seen: BTreeSet<Place> = BTreeSet::new();
    for _ in 0..=LONGEST_TAG {
        let mut next = BTreeSet::new();
        while let Some(place) = due.pop() {
            if !seen.insert(place) {
                continue;
            }
            let (id, before, after, read) = place;
            let onward = |state: &StateID| (*state, before, after, read);
            match nfa.state(id) {
                state @ (State::ByteRange { .. } | State::Sparse(_) | State::Dense(_)) => {
                    for byte in after.bytes() {
                        if let Some(state) = step(state, byte) {
                            let read = referrers.next_state(&mut cache, read, byte).ok()?;
                            next.extend(Side::ALL.map(|then| (state, after, then, read)));
                        }
                    }
                }
                State::Look { look, next } if holds(*look, before, after) => {
                    due.push(onward(next));
                }
                State::Union { alternates } => due.extend(alternates.iter().map(onward)),
                State::BinaryUnion { alt1, alt2 } => due.extend([alt1, alt2].map(onward)),
                State::Capture { next, .. } => due.push(onward(next)),
                State::Match { .. } if after == Side::Edge => {
                    let end = referrers.next_eoi_state(&mut cache, read).ok()?;
                    if !end.is_match() {
                        return Some(Reach::Images);
                    }
                    reach = Reach::ReferrersOnly;
                }
                State::Look { .. } | State::Match { .. } | State::Fail => {}
            }
        }
        due = next.into_iter().collect();
    }
    Some(reach)
}

/// The state after this character.
fn step(state: &State, byte: u8) -> Option<StateID> {
    match state {
        State::ByteRange { trans } => trans.matches_byte(byte).then_some(trans.next),
        State::Sparse(transitions) => transitions.matches_byte(byte),
        State::Dense(transitions) => transitions.matches_byte(byte),
        State::Look { .. }
        | State::Union { .. }
        | State::BinaryUnion { .. }
        | State::Capture { .. }
        | State::Match { .. }
        | State::Fail => None,
    }
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
            pattern.reach() == Reach::Images,
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
    fn an_expression_that_matches_tags_of_signatures_only_is_known() {
        let digits = "[0-9a-f]{64}";
        for (expression, expected) in [
            (format!("^sha256-{digits}$"), Reach::ReferrersOnly),
            (
                "sha256-[[:xdigit:]&&[^A-F]]{64}".to_owned(),
                Reach::ReferrersOnly,
            ),
            (format!("sha(256|512)-{digits}"), Reach::ReferrersOnly),
            (
                format!(r".*sha256-{digits}\.(sig|att)"),
                Reach::ReferrersOnly,
            ),
            (format!(r"prod-sha256-{digits}\.sbom"), Reach::ReferrersOnly),
            (format!("sha256-{}", "a".repeat(64)), Reach::ReferrersOnly),
            (format!(r"sha256-{digits}(\.sig)?"), Reach::ReferrersOnly),
            (format!("src-sha256-{digits}"), Reach::Images),
            (format!("(src-)?sha256-{digits}"), Reach::Images),
            (format!("sha256-{digits}(_amd64)?"), Reach::Images),
            (format!("sha256-{digits}|latest"), Reach::Images),
            ("sha256-[0-9a-f]{63,64}".to_owned(), Reach::Images),
            ("sha256-[0-9a-z]{64}".to_owned(), Reach::Images),
            ("sha256-[0-9a-f]+".to_owned(), Reach::Images),
            (r".*\.sig".to_owned(), Reach::Images),
            (format!(r".*sha256-{digits}\.s.*"), Reach::Images),
        ] {
            let pattern = Pattern::read(&expression).unwrap();
            assert_eq!(pattern.reach(), expected, "{expression}");
        }
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
