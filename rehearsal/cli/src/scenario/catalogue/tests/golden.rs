//! The history that a scenario's file has, and that of a run.

use record::{AtEnd, Message, Record, Seen, Stretch};

use super::{GOOD, workspace};

/// A run in which production went from 1.0.0 to 1.1.0, with the message that it shipped.
fn shipped() -> Record {
    let mut seen = Seen::default();
    for (version, requests) in [("1.0.0", 20), ("1.1.0", 1), ("1.0.0", 9), ("1.1.0", 20)] {
        *seen.versions.entry(version.to_owned()).or_default() += requests;
        seen.sequence.push(Stretch {
            version: version.to_owned(),
            requests,
        });
    }
    let end = AtEnd {
        version: Some("1.1.0".to_owned()),
        tasks: 2,
        task_sets: 1,
    };
    let body = serde_json::json!({ "outcome": "shipped" }).to_string();
    Record {
        services: [("web".to_owned(), seen)].into(),
        at_end: [("web".to_owned(), end)].into(),
        messages: vec![Message {
            at: std::time::SystemTime::UNIX_EPOCH,
            topic: "outcomes".to_owned(),
            subject: None,
            body,
        }],
        ..Record::default()
    }
}

const HISTORY: &str = "\
deployments of `web`: none
`web` answered by 1.0.0, then by 1.1.0
at the end `web` runs 1.1.0, and nothing is left beside it
revisions registered: none
people were told: shipped
";

#[test]
fn the_history_of_a_run_replaces_a_missing_or_different_one() {
    let other = format!("{GOOD}history = '''\npeople were told: started\n'''\nclaims = ''\n");
    for text in [GOOD, &other] {
        let (root, catalogue) = workspace(&[("a/first.toml", text)]);
        let scenario = catalogue.scenario("first").unwrap();
        let mut record = shipped();
        scenario.judge(&mut record);
        assert!(catalogue.golden("first").unwrap().update(&record).unwrap());
        let file = root.path().join("rehearsal/catalogue/a/first.toml");
        let written = std::fs::read_to_string(file).unwrap();
        let expected = format!("\nhistory = '''\n{HISTORY}'''\n");
        assert!(written.contains(&expected), "{written}");
        let mut record = shipped();
        catalogue.scenario("first").unwrap().judge(&mut record);
        let golden = catalogue.golden("first").unwrap();
        assert_eq!(golden.difference(&record), None);
        assert!(!golden.update(&record).unwrap(), "written again");
    }
}

#[test]
fn a_history_that_differs_is_shown_line_by_line() {
    let told = HISTORY.replace("runs 1.1.0", "runs 1.0.0");
    let text = format!("{GOOD}history = '''\n{told}'''\n");
    let (_root, catalogue) = workspace(&[("a/first.toml", &text)]);
    let mut record = shipped();
    catalogue.scenario("first").unwrap().judge(&mut record);
    let difference = catalogue
        .golden("first")
        .unwrap()
        .difference(&record)
        .unwrap();
    assert_eq!(
        difference,
        "\
history (- expected, + found)
  deployments of `web`: none
  `web` answered by 1.0.0, then by 1.1.0
- at the end `web` runs 1.0.0, and nothing is left beside it
+ at the end `web` runs 1.1.0, and nothing is left beside it
  revisions registered: none
  people were told: shipped"
    );
}
