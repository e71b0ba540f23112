//! Which wildcards EventBridge rejects as too complex: those of which too many prefixes can match one text.
//!
//! Its open-source engine (Event Ruler, `MachineComplexityEvaluator`) reads a text once and is in one state for each
//! prefix of a wildcard that matches so far, which is the cost of a text. The limit is not documented; ten agrees with
//! the patterns that EventBridge is known to accept and to reject.

use std::collections::{BTreeSet, HashSet};

use crate::wildcard::Parts;

/// The maximum number of prefixes that may match one text.
const MOST_BEGINNINGS: usize = 10;
/// The maximum number of state sets to explore. A pattern with more has stayed below the limit for so long that it
/// counts as harmless; matching here never costs more than the pattern's length anyway.
const MOST_SITUATIONS: usize = 1_000;

/// One step through a wildcard. EventBridge counts the quotes around a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Star,
    Byte(u8),
}

/// The prefixes that match a text: a wildcard's index, and the prefix's length.
type Situation = BTreeSet<(usize, usize)>;

/// Whether EventBridge rejects the wildcards of one field.
pub(super) fn is_too_complex(wildcards: &[Parts]) -> bool {
    let wildcards: Vec<Vec<Token>> = wildcards.iter().map(tokens).collect();
    let literals = wildcards.iter().flatten().filter_map(|token| match token {
        Token::Byte(byte) => Some(Some(*byte)),
        Token::Star => None,
    });
    // One byte represents all that occur in no wildcard.
    let bytes: BTreeSet<Option<u8>> = literals.chain([None]).collect();
    let start: Situation = (0..wildcards.len()).map(|wildcard| (wildcard, 0)).collect();
    let (mut seen, mut due) = (HashSet::new(), vec![start]);
    while let Some(situation) = due.pop() {
        for byte in &bytes {
            let next = after(&wildcards, &situation, *byte);
            if next.len() > MOST_BEGINNINGS {
                return true;
            }
            if !next.is_empty() && seen.len() < MOST_SITUATIONS && seen.insert(next.clone()) {
                due.push(next);
            }
        }
    }
    false
}

fn tokens(wildcard: &Parts) -> Vec<Token> {
    let mut tokens = vec![Token::Byte(b'"')];
    for (number, part) in wildcard.as_slice().iter().enumerate() {
        if number > 0 {
            tokens.push(Token::Star);
        }
        tokens.extend(part.bytes().map(Token::Byte));
    }
    tokens.push(Token::Byte(b'"'));
    tokens
}

/// Returns the prefixes that match after one more byte.
fn after(wildcards: &[Vec<Token>], situation: &Situation, byte: Option<u8>) -> Situation {
    let mut next = Situation::new();
    for &(wildcard, length) in situation {
        let tokens = &wildcards[wildcard];
        // A star may consume the byte.
        if length
            .checked_sub(1)
            .is_some_and(|last| tokens[last] == Token::Star)
        {
            next.insert((wildcard, length));
        }
        if let Some(Token::Byte(wanted)) = tokens.get(length)
            && byte == Some(*wanted)
        {
            next.insert((wildcard, length + 1));
            // And a star may be empty.
            if tokens.get(length + 1) == Some(&Token::Star) {
                next.insert((wildcard, length + 2));
            }
        }
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_simultaneous_prefixes_are_too_complex() {
        for (wildcards, expected) in [
            (vec!["*"], false),
            (vec!["greenlight/*"], false),
            (vec!["*:ecr:*:repository/*-prod"], false),
            (vec!["a*b*c*d*e*f"], false),
            (vec!["*:*:*:*:*:event-bus/*"], true),
            (vec!["*a*a*a*a*b"], false),
            (vec!["*a*a*a*a*a*a*b"], true),
            (vec!["*aaaaaaaaaaaa"], true),
            (vec!["*abababababababababababab"], true),
            (vec!["aaaaaaaaaaaaaaaaaaaaaaaaa*"], false),
            (vec!["*x", "*y", "*z"], false),
            (vec!["*x1", "*x2", "*x3", "*x4", "*x5", "*x6"], true),
        ] {
            let parts: Vec<Parts> = wildcards.iter().map(|text| Parts::escaped(text)).collect();
            assert_eq!(is_too_complex(&parts), expected, "{wildcards:?}");
        }
    }

    #[test]
    fn a_hostile_pattern_is_evaluated_in_time() {
        // A word over few letters without repetitions: very many state sets, few prefixes.
        let word: String = (0..500).map(|number| format!("{number:03}")).collect();
        is_too_complex(&[Parts::escaped(&format!("*{word}*{word}*{word}"))]);
        let many: Vec<Parts> = (0..100)
            .map(|n| Parts::escaped(&format!("*{n}*")))
            .collect();
        assert!(is_too_complex(&many));
    }
}
