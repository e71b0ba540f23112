//! How both programs are used: help that fits the terminal, and wrong input, which ends with 2 and names what was meant.

use std::process::Command;

use regex_lite::Regex;

use super::local::{Folder, Local, Printed, command};
use crate::repository;
use crate::scenarios::run::binaries;

/// The subcommands of `greenlight`.
pub(super) const COMMANDS: [&str; 9] = [
    "status",
    "doctor",
    "plan",
    "deploy",
    "rollback",
    "wait",
    "watch",
    "policy",
    "completions",
];

/// Those of the rehearsal.
const REHEARSED: [&str; 6] = ["scale", "serve", "crashes", "storm", "check", "report"];

fn help(program: &str, subcommand: &str, columns: &str) -> String {
    let mut command = Command::new(binaries().join(program));
    command.args(subcommand.split_whitespace()).arg("--help");
    command.env_clear().env("COLUMNS", columns);
    let printed = Printed::of(command);
    assert_eq!(printed.status, 0, "{program} {subcommand}");
    printed.stdout
}

/// A line is broken where the next word does not fit, and nowhere else: text that was wrapped before is ragged when it is wrapped again.
#[test]
fn help_is_wrapped_once_at_the_width_of_the_terminal() {
    for (program, subcommands) in [("greenlight", &COMMANDS[..]), ("rehearsal", &REHEARSED)] {
        for subcommand in [""].iter().chain(subcommands) {
            for (columns, width) in [("60", 60), ("100", 100), ("300", 100)] {
                let text = help(program, subcommand, columns);
                // Clap wraps no usage.
                let lines = text.lines().filter(|line| !line.starts_with("Usage:"));
                let lines: Vec<&str> = lines.collect();
                for pair in lines.windows(2) {
                    let [line, next] = pair else { continue };
                    let length = line.chars().count();
                    let is_one_word = !line.trim().contains(' ');
                    assert!(
                        length <= width || is_one_word,
                        "{program} {subcommand} at {columns}: {line}"
                    );
                    let is_prose = |line: &str| line.starts_with(|c: char| c.is_alphabetic());
                    let word = next.split(' ').next().unwrap_or_default();
                    // Headings are lines of their own.
                    if is_prose(line) && is_prose(next) && !line.ends_with(':') {
                        assert!(
                            length + 1 + word.chars().count() > width,
                            "{program} {subcommand} at {columns}: `{line}` has room for `{word}`"
                        );
                    }
                }
            }
        }
    }
}

fn rehearse(arguments: &[&str]) -> Printed {
    let mut command = Command::new(binaries().join("rehearsal"));
    command.args(arguments).current_dir(repository::root());
    if arguments != ["--list"] {
        command.arg("--binaries").arg(binaries());
    }
    Printed::of(command)
}

#[test]
fn wrong_input_of_the_rehearsal_ends_with_2_and_what_was_meant() {
    for (arguments, expected) in [
        (
            &["shp"][..],
            "`shp` is neither a scenario nor a command; did you mean `ship`? (hint: `cargo rehearse --list`",
        ),
        (&["strom"], "did you mean `storm`?"),
        (
            &["crashes", "shp"],
            "`shp` is not a scenario; did you mean `ship`?",
        ),
        (
            &["serve", "--port", "0", "--world", "natve-ship"],
            "did you mean `native-ship`?",
        ),
        (
            &["serve", "--port", "0", "--parameter", "Foo=1"],
            "the template has no parameter `Foo`",
        ),
        (
            &["serve", "--port", "0", "--parameter", "Mode=x"],
            "the parameter `Mode` is `x`",
        ),
    ] {
        let printed = rehearse(arguments);
        let told = &printed.stderr;
        assert_eq!(printed.status, 2, "{arguments:?}: {told}");
        assert!(told.contains(expected), "{arguments:?}: {told}");
    }
}

#[test]
fn wrong_input_of_the_command_ends_with_2_and_what_was_meant() {
    let local = Local::start(&[]);
    for line in [
        "plan shop-wbe",
        "status shop-wbe",
        "wait shop-wbe",
        "deploy shop-wbe --wait",
    ] {
        let printed = local.run(line);
        assert_eq!(printed.status, 2, "{line}: {}", printed.stderr);
        let meant = "error: no pipeline is named `shop-wbe`, expected one of `shop-web`; did you mean `shop-web`?\n";
        assert!(printed.stderr.contains(meant), "{line}: {}", printed.stderr);
    }
    // The pipelines of the deployed function are its own.
    let printed = local.run("deploy shop-wbe");
    assert_eq!(printed.status, 2, "{}", printed.stderr);
    let folder = Folder::new();
    let mut missing = command("plan --config missing.toml");
    missing.current_dir(&folder.0);
    assert_eq!(Printed::of(missing).status, 2);
}

/// `1 log groups`, `1 of 1 tasks`: in what this folder's snapshots show.
#[test]
fn what_is_counted_once_is_in_the_singular() {
    let plural = Regex::new(r"(^|[^0-9.:`-])1 ([a-z]+ )?[a-z]+s\b").unwrap();
    let fine = Regex::new(r"\b1 (is|was|has|it|of [0-9]|runs|minus)\b").unwrap();
    let here = repository::root().join("tests/it/command");
    for folder in [here.join("snapshots"), here.join("doctor/snapshots")] {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            for line in text.lines().filter(|line| plural.is_match(line)) {
                assert!(fine.is_match(line), "{}: {line}", path.display());
            }
        }
    }
}
