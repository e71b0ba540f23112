//! Globs of tag rules, implemented a second time from the documentation: `*` is any text, `?` any character, `[a-z]`
//! one of these, `[!a]` any other, `{a,b}` one of these globs, of which one may be empty; a backslash escapes the next
//! character.
//!
//! Matching reads a text once and keeps all current positions in the glob, so its cost is the product of their lengths.

use std::collections::BTreeSet;

/// The characters that ECR allows in a tag.
pub(crate) const TAG_CHARACTERS: &str =
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_.-";
const LONGEST_TAG: usize = 128;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob {
    parts: Vec<Part>,
    /// The steps, one after the other.
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text,
    One(Wanted),
    Either(Vec<Vec<Part>>),
}

/// Matches one character.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Wanted {
    Every,
    Within(Vec<(char, char)>),
    Without(Vec<(char, char)>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Text,
    One(Wanted),
    /// Continues at any of these steps.
    To(Vec<usize>),
}

impl Glob {
    /// Whether a tag rule is a glob.
    pub fn is_one(rule: &str) -> bool {
        rule.contains(['*', '?', '[', '{'])
    }

    /// `None` if a bracket is not closed; the functions report that.
    pub fn read(glob: &str) -> Option<Glob> {
        let characters: Vec<char> = glob.chars().collect();
        let mut rest = characters.as_slice();
        let parts = sequence(&mut rest, Within::Nothing)?;
        let mut steps = Vec::new();
        compile(&parts, &mut steps);
        rest.is_empty().then_some(Glob { parts, steps })
    }

    pub fn matches(&self, text: &str) -> bool {
        self.matches_counting(text, &mut 0)
    }

    /// Also counts the steps, for the test of its cost.
    fn matches_counting(&self, text: &str, count: &mut usize) -> bool {
        let mut here = BTreeSet::new();
        self.enter(0, &mut here);
        for character in text.chars() {
            let mut next = BTreeSet::new();
            for &at in &here {
                *count += 1;
                match self.steps.get(at) {
                    Some(Step::Text) => self.enter(at, &mut next),
                    Some(Step::One(wanted)) if wanted.is(character) => {
                        self.enter(at + 1, &mut next);
                    }
                    Some(Step::One(_) | Step::To(_)) | None => {}
                }
            }
            here = next;
        }
        here.contains(&self.steps.len())
    }

    /// Adds a position, and all positions that are reachable from it without a character.
    fn enter(&self, at: usize, places: &mut BTreeSet<usize>) {
        let mut due = vec![at];
        while let Some(at) = due.pop() {
            if places.insert(at) {
                match self.steps.get(at) {
                    Some(Step::Text) => due.push(at + 1),
                    Some(Step::To(steps)) => due.extend(steps),
                    Some(Step::One(_)) | None => {}
                }
            }
        }
    }

    /// Up to `count` matching tags: with a filling for every wildcard, and each alternative in turn.
    pub fn examples(&self, wanted: usize) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        for alternative in 0..3 {
            for filling in ["1", "2", "a", "b", ""] {
                let mut tag = String::new();
                fill(&self.parts, filling, alternative, &mut tag);
                let is_new = !found.contains(&tag) && is_tag(&tag) && self.matches(&tag);
                if is_new && found.len() < wanted {
                    found.push(tag);
                }
            }
        }
        found
    }
}

impl Wanted {
    fn is(&self, character: char) -> bool {
        let is_in = |ranges: &[(char, char)]| {
            let mut ranges = ranges.iter();
            ranges.any(|(from, to)| (*from..=*to).contains(&character))
        };
        match self {
            Wanted::Every => true,
            Wanted::Within(ranges) => is_in(ranges),
            Wanted::Without(ranges) => !is_in(ranges),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    Nothing,
    Braces,
}

/// Reads up to the closing character, and does not consume it. `None` if a bracket is not closed.
fn sequence(rest: &mut &[char], within: Within) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    while let Some((&first, after)) = rest.split_first() {
        if within == Within::Braces && matches!(first, ',' | '}') {
            return Some(parts);
        }
        *rest = after;
        parts.push(match first {
            '*' => Part::Text,
            '?' => Part::One(Wanted::Every),
            '[' => Part::One(class(rest)?),
            '{' => Part::Either(alternatives(rest)?),
            '\\' => {
                let (&meant, after) = rest.split_first()?;
                *rest = after;
                this(meant)
            }
            literal => this(literal),
        });
    }
    (within == Within::Nothing).then_some(parts)
}

fn this(character: char) -> Part {
    Part::One(Wanted::Within(vec![(character, character)]))
}

/// Reads past the closing brace.
fn alternatives(rest: &mut &[char]) -> Option<Vec<Vec<Part>>> {
    let mut all = Vec::new();
    loop {
        all.push(sequence(rest, Within::Braces)?);
        let (&end, after) = rest.split_first()?;
        *rest = after;
        if end == '}' {
            return Some(all);
        }
    }
}

/// Reads past the closing bracket. A bracket in first position is literal, and so is a `-` at either end.
fn class(rest: &mut &[char]) -> Option<Wanted> {
    let negated = matches!(rest.first(), Some('!' | '^'));
    let body = &rest[usize::from(negated)..];
    let end = 1 + body
        .get(1..)?
        .iter()
        .position(|character| *character == ']')?;
    let mut ranges = Vec::new();
    let mut members = &body[..end];
    while let [first, more @ ..] = members {
        members = match more {
            ['-', last, more @ ..] => {
                ranges.push((*first, *last));
                more
            }
            _ => {
                ranges.push((*first, *first));
                more
            }
        };
    }
    *rest = &body[end + 1..];
    Some(match negated {
        true => Wanted::Without(ranges),
        false => Wanted::Within(ranges),
    })
}

fn compile(parts: &[Part], steps: &mut Vec<Step>) {
    for part in parts {
        match part {
            Part::Text => steps.push(Step::Text),
            Part::One(wanted) => steps.push(Step::One(wanted.clone())),
            Part::Either(all) => {
                let fork = steps.len();
                steps.push(Step::To(Vec::new()));
                let (mut begins, mut ends) = (Vec::new(), Vec::new());
                for parts in all {
                    begins.push(steps.len());
                    compile(parts, steps);
                    ends.push(steps.len());
                    steps.push(Step::To(Vec::new()));
                }
                let behind = steps.len();
                steps[fork] = Step::To(begins);
                for end in ends {
                    steps[end] = Step::To(vec![behind]);
                }
            }
        }
    }
}

fn fill(parts: &[Part], filling: &str, alternative: usize, tag: &mut String) {
    for part in parts {
        match part {
            Part::Text => tag.push_str(filling),
            Part::One(wanted) => {
                let fillings = filling.chars().chain(TAG_CHARACTERS.chars());
                let own = match wanted {
                    Wanted::Within(ranges) => ranges.first().map(|(from, _)| *from),
                    Wanted::Every | Wanted::Without(_) => None,
                };
                tag.extend(fillings.chain(own).find(|character| wanted.is(*character)));
            }
            Part::Either(all) => {
                if let Some(parts) = all.get(alternative % all.len().max(1)) {
                    fill(parts, filling, alternative, tag);
                }
            }
        }
    }
}

pub(crate) fn is_tag(text: &str) -> bool {
    text.chars()
        .all(|character| TAG_CHARACTERS.contains(character))
        && !text.starts_with(['.', '-'])
        && (1..=LONGEST_TAG).contains(&text.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_glob_matches_as_documented_and_has_examples() {
        for (glob, matching, others) in [
            ("release-*", "release-1 release-", "prerelease-1"),
            ("v?.*", "v1.2 v1.", "v12"),
            ("prod-[0-9]*", "prod-1 prod-23", "prod-x prod-"),
            ("[!0-9]*", "a1 _", "1a"),
            ("v[^x]", "v1", "vx v"),
            ("{main,trunk}-*", "main-1 trunk-", "other-1"),
            ("{a,{b,c}}x", "ax bx cx", "x"),
            ("{release,v[0-9]}.?", "release.1 v3.x", "v.x"),
            ("a{,b}", "ab a", "b"),
            ("[a-]1", "a1 -1", "b1"),
            ("[]a]1", "a1 ]1", "b1"),
            ("*", "x 1", ""),
            ("**", "x", ""),
        ] {
            let parsed = Glob::read(glob).unwrap();
            let check = |tags: &str, expected| {
                for tag in tags.split(' ').filter(|tag| !tag.is_empty()) {
                    assert_eq!(parsed.matches(tag), expected, "{glob} {tag}");
                }
            };
            check(matching, true);
            check(others, false);
            assert!(!parsed.examples(2).is_empty(), "{glob} has no example");
        }
        for open in ["a[", "a{b", "[]", "a\\"] {
            assert_eq!(Glob::read(open), None, "{open}");
        }
    }

    #[test]
    fn hostile_globs_take_the_product_of_the_lengths_at_most() {
        let text = "a".repeat(128);
        for glob in [
            "*a".repeat(60) + "b",
            "{a,aa,*}".repeat(30),
            "*".repeat(120),
        ] {
            let parsed = Glob::read(&glob).unwrap();
            let mut count = 0;
            parsed.matches_counting(&text, &mut count);
            assert!(
                count <= text.len() * (parsed.steps.len() + 1),
                "{count}: {glob}"
            );
        }
    }

    /// Backtracks through every possibility.
    fn naive(glob: &[char], text: &[char]) -> bool {
        match (glob, text) {
            ([], []) => true,
            (['*', rest @ ..], _) => (0..=text.len()).any(|skipped| naive(rest, &text[skipped..])),
            (['?', glob @ ..], [_, text @ ..]) => naive(glob, text),
            ([one, glob @ ..], [other, text @ ..]) => one == other && naive(glob, text),
            ([], [_, ..]) | ([_, ..], []) => false,
        }
    }

    proptest! {
        #[test]
        fn it_matches_as_backtracking_does(glob in "[ab*?]{0,7}", text in "[ab]{0,8}") {
            let characters = |text: &str| text.chars().collect::<Vec<char>>();
            let expected = naive(&characters(&glob), &characters(&text));
            prop_assert_eq!(Glob::read(&glob).unwrap().matches(&text), expected);
        }
    }
}
