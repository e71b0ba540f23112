//! Nothing that a rehearsal leaves behind tells a secret: not what it prints, not its record, not its report. The functions
//! alone, at every level of their log, are in `functions::secrets`.

use std::process::Output;

use crate::scenarios::run::{binaries, rehearse};

/// How every value begins that a container of the rehearsal's world is given in secret.
const PLANTED: &str = "planted-";
/// How credentials begin that a careless migration has in itself.
const MADE_UP: &str = "made-up-";

#[track_caller]
fn tells_nothing(what: &str, text: &str, secret: &str) {
    let line = text.lines().find(|line| line.contains(secret));
    assert_eq!(line, None, "{what}");
}

/// What is printed, on both ways out.
#[track_caller]
fn prints_nothing(what: &str, output: &Output) {
    for printed in [&output.stdout, &output.stderr] {
        let text = String::from_utf8_lossy(printed);
        tells_nothing(what, &text, PLANTED);
        tells_nothing(what, &text, MADE_UP);
    }
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
    // The page shows what tasks printed, without what the world gave them. The rehearsal cannot know what else is secret.
    tells_nothing("--report", &page, PLANTED);
    // The log was there to be quoted.
    for kept in [
        "[value of SHOP_TOKEN]",
        "PASSWORD=…",
        "no such table: order_history",
    ] {
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
