//! The README shows excerpts of rehearsals as they are. `UPDATE=1 cargo test -p tests readme` writes today's lines into them.

use std::fs;

use crate::repository;
use crate::scenarios::run::transcript;

/// So many lines a reader takes in at once.
const LINES_AT_MOST: usize = 25;

#[test]
fn the_excerpts_are_of_what_rehearsals_print() {
    let mut readme = repository::text("README.md");
    for (name, scenario) in [("transcript", "ship"), ("message", "failed-migration")] {
        let begin = format!("<!-- {name}: begin -->\n");
        let end = format!("<!-- {name}: end -->");
        let printed = transcript(scenario);
        let (before, rest) = readme.split_once(&begin).unwrap();
        let (shown, after) = rest.split_once(&end).unwrap();
        let excerpt = excerpt(shown, &printed);
        assert!(
            excerpt.lines().count() <= LINES_AT_MOST + 2,
            "the README's {name} is longer than {LINES_AT_MOST} lines, leave some out"
        );
        readme = format!("{before}{begin}{excerpt}{end}{after}");
    }
    if std::env::var_os("UPDATE").is_some() {
        fs::write(repository::root().join("README.md"), readme).unwrap();
    }
}

/// The same lines as a run prints them now; a line of an ellipsis stands for any that are left out.
#[track_caller]
fn excerpt(shown: &str, printed: &str) -> String {
    let mut rest = printed.lines();
    let mut lines = Vec::new();
    for line in shown.lines() {
        let is_frame = line.starts_with("```") || line.starts_with('$') || line.trim() == "…";
        if is_frame || line.is_empty() {
            lines.push(line.to_owned());
            continue;
        }
        let indent = " ".repeat(line.len() - line.trim_start().len());
        let is_this = |candidate: &&str| facts(candidate) == facts(line);
        // What happens at one moment comes in another order in another run.
        let found = rest.clone().find(is_this);
        if found.is_some() {
            rest.find(is_this);
        }
        let found = found.or_else(|| printed.lines().find(is_this));
        let found = found.unwrap_or_else(|| {
            panic!(
                "the README shows `{line}`, and no rehearsal prints it; correct it, and run the test with UPDATE=1"
            )
        });
        lines.push(format!("{indent}{}", found.trim_start()));
    }
    lines.join("\n") + "\n"
}

/// A line without what differs from run to run: numbers and spaces.
fn facts(line: &str) -> String {
    let words = line.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut facts = String::new();
    for c in words.chars() {
        let c = if c.is_ascii_digit() { '#' } else { c };
        if c != '#' || !facts.ends_with('#') {
            facts.push(c);
        }
    }
    facts
}
