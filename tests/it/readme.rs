//! The README shows a rehearsal as it is. `UPDATE=1 cargo test -p tests readme` writes a new transcript into it.

use std::collections::BTreeSet;
use std::fs;

use crate::repository;
use crate::scenarios::run::transcript;

const BEGIN: &str = "<!-- transcript: begin -->\n";
const END: &str = "<!-- transcript: end -->";

#[test]
fn the_transcript_is_one_that_the_rehearsal_prints() {
    let printed = transcript("ship");
    let readme = repository::text("README.md");
    let (before, rest) = readme.split_once(BEGIN).unwrap();
    let (shown, after) = rest.split_once(END).unwrap();
    if std::env::var_os("UPDATE").is_some() {
        let updated =
            format!("{before}{BEGIN}```text\n$ cargo rehearse\n{printed}```\n{END}{after}");
        fs::write(repository::root().join("README.md"), updated).unwrap();
        return;
    }
    let shown: String = shown
        .lines()
        .filter(|line| !line.starts_with("```") && !line.starts_with('$'))
        .collect::<Vec<_>>()
        .join("\n");
    assert_eq!(
        facts(&shown),
        facts(&printed),
        "README.md shows another run, update it with UPDATE=1"
    );
}

/// The lines of a run without what differs from run to run: numbers, how long something took, how far time jumped, and
/// the order of what happens at the same moment.
fn facts(transcript: &str) -> BTreeSet<String> {
    let same_in_every_run = |line: &&str| {
        !line.contains(" pass …") && !line.contains("answers:") && !line.contains("as expected")
    };
    let without_numbers = |line: &str| {
        let line: String = line
            .chars()
            .map(|c| if c.is_ascii_digit() { '#' } else { c })
            .collect();
        let words: Vec<&str> = line.split_whitespace().collect();
        let mut line = words.join(" ");
        while line.contains("##") {
            line = line.replace("##", "#");
        }
        line
    };
    transcript
        .lines()
        .filter(same_in_every_run)
        .map(without_numbers)
        .filter(|line| !line.is_empty())
        .collect()
}
