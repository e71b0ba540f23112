//! Nothing that a rehearsal leaves behind tells a secret: not what it prints, not its record, not its report. The functions
//! alone, at every level of their log, are in `functions::secrets`.

use std::process::Output;

use crate::scenarios::run::{binaries, rehearse};

/// The beginning of every value that is secret in the rehearsal's world.
const PLANTED: &str = "planted-";

#[track_caller]
fn tells_nothing(what: &str, text: &str) {
    let line = text.lines().find(|line| line.contains(PLANTED));
    assert_eq!(line, None, "{what}");
}

/// What is printed, on both ways out.
#[track_caller]
fn prints_nothing(what: &str, output: &Output) {
    tells_nothing(what, &String::from_utf8_lossy(&output.stdout));
    tells_nothing(what, &String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_migration_that_prints_its_secrets_is_rehearsed_without_them() {
    let page = binaries().join("careless-migration.html");
    let report = ["--report", page.to_str().unwrap()];
    let output = rehearse(&[&["careless-migration", "--json"], &report[..]].concat());
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    prints_nothing("--json", &output);
    let page = std::fs::read_to_string(page).unwrap();
    tells_nothing("--report", &page);
    // The log was there to be quoted.
    for kept in ["PASSWORD=…", "no such table: order_history"] {
        assert!(page.contains(kept), "`{kept}` is not in the report");
    }
    prints_nothing("the terminal", &rehearse(&["careless-migration"]));
}

/// A refused RegisterTaskDefinition is about a whole task definition.
#[test]
fn a_task_definition_that_cannot_be_registered_is_not_told() {
    let output = rehearse(&["denied-call", "--json"]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    prints_nothing("--json", &output);
}
