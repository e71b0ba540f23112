//! Scenarios are files: one that is wrong is refused before anything is played, and keeps no other from being played.

use std::fs;
use std::path::PathBuf;

use super::run::{binaries, rehearse, rehearse_given};
use crate::repository;

const GOOD: &str =
    "summary = 'nothing happens'\npipelines = 'config/pipelines.toml'\nsteps = '''\nsettle\n'''\n";

/// A workspace of its own with these scenarios.
fn workspace(name: &str, scenarios: &[(&str, &str)]) -> PathBuf {
    let root = binaries().join(format!("catalogue-{name}"));
    // What an earlier run has left there is written anew.
    let _ = fs::remove_dir_all(&root);
    let theme = root.join("rehearsal/catalogue/theme");
    fs::create_dir_all(&theme).unwrap();
    fs::create_dir_all(root.join("config")).unwrap();
    for copied in ["template.yaml", "config/pipelines.toml"] {
        fs::write(root.join(copied), repository::text(copied)).unwrap();
    }
    fs::write(root.join("rehearsal/catalogue/order.txt"), "").unwrap();
    for (name, text) in scenarios {
        fs::write(theme.join(format!("{name}.toml")), text).unwrap();
    }
    root
}

#[test]
fn a_wrong_scenario_is_refused_and_a_good_one_beside_it_is_played() {
    let wrong = GOOD.replace("settle", "sail away");
    let root = workspace("wrong", &[("quiet", GOOD), ("wrong", &wrong)]);
    let root = root.to_str().unwrap();
    for (name, expected) in [
        (
            "wrong",
            "rehearsal/catalogue/theme/wrong.toml:4: `sail away` is not a step",
        ),
        (
            "qiuet",
            "`qiuet` is neither a scenario nor a command; did you mean `quiet`? (hint: `cargo rehearse --list` lists",
        ),
        (
            "louder",
            "`louder` is neither a scenario nor a command (hint: ",
        ),
    ] {
        let output = rehearse(&[name, "--root", root]);
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{name}: {told}");
        assert!(output.stdout.is_empty(), "{name} was played");
        assert!(told.contains(expected), "{name}: {told}");
    }
    let output = rehearse(&["quiet", "--root", root]);
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{told}");
}

/// The history of a run is written where there is none, and shown where it differs.
#[test]
fn a_history_is_written_by_a_command_and_differences_are_shown() {
    let root = workspace("golden", &[("quiet", GOOD)]);
    let file = root.join("rehearsal/catalogue/theme/quiet.toml");
    let root = root.to_str().unwrap();
    let output = rehearse_given(&[("UPDATE", "1")], &["quiet", "--root", root]);
    assert!(output.status.success());
    let written = fs::read_to_string(&file).unwrap();
    assert!(
        written.contains("\nhistory = '''\ndeployments of `web`: none\n"),
        "{written}"
    );
    fs::write(
        &file,
        written.replace("answered by 1.0.0", "answered by 2.0.0"),
    )
    .unwrap();
    let output = rehearse_given(&[("UPDATE", "")], &["quiet", "--root", root]);
    let told = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    let expected = "- `web` answered by 2.0.0\n+ `web` answered by 1.0.0\n";
    assert!(told.contains(expected), "{told}");
}
