//! Each assumption has a place where both sides are seen.

use std::collections::BTreeMap;
use std::path::Path;

use local_aws::assumption::Assumption;

use super::root;

/// A row of the document's table: its text, and the scenarios or the test where both sides are seen.
struct Row {
    text: String,
    places: Vec<String>,
}

/// The rows of the document's table by their assumptions.
fn table() -> BTreeMap<String, Row> {
    let document = std::fs::read_to_string(root().join("docs/rehearsal.md")).unwrap();
    let (_, table) = document
        .split_once("| assumption | both sides are seen in |\n|---|---|\n")
        .unwrap();
    let rows = table.lines().take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let mut names = row.split('`').skip(1).step_by(2).map(str::to_owned);
        let assumption = names.next().unwrap();
        let (text, places) = (row.to_owned(), names.collect());
        (assumption, Row { text, places })
    })
    .collect()
}

/// The texts of all files below a folder with this ending.
fn texts(folder: &Path, ending: &str, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            texts(&path, ending, found);
        } else if path.to_str().unwrap().ends_with(ending) {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            found.push((name, std::fs::read_to_string(&path).unwrap()));
        }
    }
}

/// Whether this scenario claims something else on the two sides, or is about one of them.
fn is_about(scenario: &str, assumption: &str) -> bool {
    let is_one =
        |line: &str| line.starts_with("assume = ") && line.contains(&format!("\"{assumption}\""));
    let differs = ["with", "without"].map(|side| format!("{side} `{assumption}`: "));
    scenario.lines().any(is_one)
        || differs
            .iter()
            .any(|claim| scenario.contains(claim.as_str()))
}

/// Whether the body of this test names the variant.
fn tests_with(source: &str, test: &str, variant: &str) -> bool {
    let body = source
        .split_once(&format!("fn {test}("))
        .map(|(_, rest)| rest);
    let body = body.and_then(|rest| rest.split("\n}\n").next());
    body.is_some_and(|body| body.contains(variant))
}

#[test]
fn both_sides_of_every_assumption_are_seen_where_the_document_says() {
    let mut scenarios = Vec::new();
    texts(&root().join("rehearsal/catalogue"), ".toml", &mut scenarios);
    let mut sources = Vec::new();
    texts(&root().join("rehearsal/local-aws"), ".rs", &mut sources);
    let mut rows = table();
    for assumption in Assumption::ALL {
        let name = assumption.name();
        let row = rows.remove(name);
        let row = row.filter(|row| !row.places.is_empty()).unwrap_or_else(|| {
            panic!("docs/rehearsal.md does not say where both sides of `{name}` are seen")
        });
        let variant = format!("{assumption:?}");
        for place in &row.places {
            let in_scenario = scenarios
                .iter()
                .any(|(file, text)| file == place && is_about(text, name));
            // No more than a test takes a reason: `the test X: why no record differs`.
            let has_reason = row.text.contains(&format!("| the test `{place}`: "));
            let in_test = || {
                let mut sources = sources.iter();
                sources.any(|(_, text)| tests_with(text, place, &variant))
            };
            assert!(
                in_scenario || has_reason && in_test(),
                "`{place}` shows nothing of `{name}`, or is a test without a reason"
            );
        }
    }
    assert!(
        rows.is_empty(),
        "docs/rehearsal.md has rows that are about no assumption: {:?}",
        rows.keys()
    );
}
