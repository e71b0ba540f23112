//! Each assumption has a place where both sides are seen.

use std::collections::BTreeMap;
use std::path::Path;

use local_aws::assumption::Assumption;

use super::root;

/// The rows of the document's table: the assumption, and the scenarios and tests where both sides are seen.
fn table() -> BTreeMap<String, Vec<String>> {
    let document = std::fs::read_to_string(root().join("docs/rehearsal.md")).unwrap();
    let (_, table) = document
        .split_once("| assumption | both sides are seen in |\n|---|---|\n")
        .unwrap();
    let rows = table.lines().take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let mut names = row.split('`').skip(1).step_by(2).map(str::to_owned);
        (names.next().unwrap(), names.collect())
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
        let places = rows.remove(name).unwrap_or_default();
        assert!(
            !places.is_empty(),
            "docs/rehearsal.md does not say where both sides of `{name}` are seen"
        );
        let variant = format!("{assumption:?}");
        for place in places {
            let in_scenario = scenarios
                .iter()
                .any(|(file, text)| *file == place && is_about(text, name));
            let in_test = || {
                let (sources, variant) = (&sources, &variant);
                sources
                    .iter()
                    .any(|(_, text)| tests_with(text, &place, variant))
            };
            assert!(
                in_scenario || in_test(),
                "`{place}` shows nothing of `{name}`"
            );
        }
    }
    assert!(
        rows.is_empty(),
        "docs/rehearsal.md has no assumptions: {rows:?}"
    );
}
