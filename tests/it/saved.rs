//! A record that `--json` printed says all that there is to say of a run: it is judged and shown as the run itself was.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::repository;
use crate::scenarios::run::{binaries, rehearse};

/// What becomes of a record, by `check` or `report`.
fn saved(arguments: &[&str]) -> Output {
    Command::new(binaries().join("rehearsal"))
        .args(arguments)
        .current_dir(repository::root())
        .output()
        .unwrap()
}

fn file(name: &str) -> String {
    let path = binaries().join(format!("saved-{name}"));
    path.to_str().unwrap().to_owned()
}

/// A play of `ship`: its record, its page, and what it said.
fn played() -> (String, String, Output) {
    let page = file("ship.html");
    let output = rehearse(&["ship", "--json", "--report", &page]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let record = String::from_utf8(output.stdout.clone()).unwrap();
    (record, std::fs::read_to_string(page).unwrap(), output)
}

#[test]
fn a_saved_record_is_judged_and_shown_as_its_run_was() {
    let (record, page, output) = played();
    let saved_as = file("ship.json");
    std::fs::write(&saved_as, &record).unwrap();
    let checked = saved(&["check", &saved_as, "--json"]);
    assert_eq!(checked.status.code(), Some(0));
    assert_eq!(String::from_utf8(checked.stdout).unwrap(), record);
    let (said, said_then) = [checked.stderr, output.stderr]
        .map(|said| String::from_utf8(said).unwrap())
        .into();
    assert!(
        said.contains("  holds   the eight invariants hold"),
        "{said}"
    );
    assert!(said_then.contains(&said), "{said}\n{said_then}");
    let shown = saved(&["report", &saved_as]);
    assert_eq!(shown.status.code(), Some(0));
    assert!(String::from_utf8(shown.stdout).unwrap() == page);
    // A violation is found in the record alone, and so is a claim that does not hold.
    let mut planted: Value = serde_json::from_str(&record).unwrap();
    let answers = planted["answers"]["web"].as_array_mut().unwrap();
    answers.last_mut().unwrap()["failure"] = json!("`/` answered 500");
    planted["messages"].as_array_mut().unwrap().pop();
    std::fs::write(&saved_as, planted.to_string()).unwrap();
    let checked = saved(&["check", &saved_as]);
    assert_eq!(checked.status.code(), Some(1));
    let said = String::from_utf8(checked.stdout).unwrap();
    for expected in [
        "  failed  messages: started, shipped",
        "  failed  the eight invariants hold",
        "6. production answers every request",
    ] {
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn what_is_not_a_record_is_wrong_usage() {
    let saved_as = file("no-record.json");
    std::fs::write(&saved_as, "{\"scenario\": 5}").unwrap();
    assert!(!Path::new(&file("nowhere.json")).exists());
    for (arguments, expected) in [
        (
            ["check", &saved_as],
            "is not a record of a run: at `scenario`",
        ),
        (
            ["report", &saved_as],
            "is not a record of a run: at `scenario`",
        ),
        (["check", &file("nowhere.json")], "read the record in"),
    ] {
        let refused = saved(&arguments);
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}");
        let said = String::from_utf8(refused.stderr).unwrap();
        assert!(
            said.contains(expected) && refused.stdout.is_empty(),
            "{said}"
        );
    }
}
