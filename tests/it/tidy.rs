//! Rules of this repository that a compiler does not keep. A message says what is, and what to do.

use std::process::Command;

use serde_json::Value;

use crate::repository;

/// Nobody reads it, and cargo writes it.
const NOT_WRITTEN_BY_PEOPLE: &str = "Cargo.lock";
/// A screen is what a reader can hold; this is the limit, not the aim.
const LINES_AT_MOST: usize = 500;
/// CloudFormation takes one stack as one file, and a snapshot is as long as what it shows.
const CANNOT_BE_SPLIT: [&str; 3] = ["template.yaml", "infrastructure/service.yaml", ".snap"];

fn texts() -> Vec<(String, String)> {
    repository::files("")
        .into_iter()
        .filter(|path| !path.ends_with(NOT_WRITTEN_BY_PEOPLE))
        .map(|path| {
            let text = repository::text(&path);
            (path, text)
        })
        .collect()
}

fn rust_files() -> Vec<(String, String)> {
    texts()
        .into_iter()
        .filter(|(path, _)| path.ends_with(".rs"))
        .collect()
}

/// The packages of the workspace, as cargo sees them.
fn packages() -> Vec<Value> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--format-version",
            "1",
            "--offline",
        ])
        .current_dir(repository::root())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

fn dependencies(package: &str) -> Vec<Value> {
    let package = packages()
        .into_iter()
        .find(|found| found["name"] == package)
        .unwrap();
    package["dependencies"].as_array().unwrap().clone()
}

#[test]
fn no_file_is_longer_than_a_reader_can_hold() {
    let can_be_split = |path: &str| !CANNOT_BE_SPLIT.iter().any(|end| path.ends_with(end));
    for (path, text) in texts() {
        let lines = text.lines().count();
        assert!(
            lines <= LINES_AT_MOST || !can_be_split(&path),
            "{path} is {lines} lines long, split it"
        );
    }
}

#[test]
fn the_rehearsal_shares_no_code_with_production() {
    let folder = repository::root().join("rehearsal");
    let is_inside = |path: &str| std::path::Path::new(path).starts_with(&folder);
    let mut seen = 0;
    for package in packages() {
        let manifest = package["manifest_path"].as_str().unwrap();
        if !is_inside(manifest) {
            continue;
        }
        seen += 1;
        for dependency in package["dependencies"].as_array().unwrap() {
            let name = &dependency["name"];
            let ours = dependency["path"].as_str();
            assert!(
                ours.is_none_or(is_inside),
                "{name} is production code, take it out of {manifest}"
            );
            assert!(
                !name.as_str().unwrap().starts_with("aws"),
                "{name} is what production speaks AWS's protocols with, write the rehearsal's side from AWS's documents"
            );
        }
    }
    assert_eq!(seen, 5, "crates of the rehearsal");
}

#[test]
fn only_one_crate_knows_the_sdk() {
    for package in packages() {
        let name = package["name"].as_str().unwrap();
        for dependency in package["dependencies"].as_array().unwrap() {
            let sdk = dependency["name"].as_str().unwrap().starts_with("aws-");
            assert!(
                !sdk || name == "aws",
                "{} is a dependency of {name}, move its use to shared/aws",
                dependency["name"]
            );
        }
    }
    for (path, text) in rust_files() {
        for word in [
            concat!("aws_", "sdk_"),
            concat!("aws_", "config"),
            concat!("aws_", "smithy_"),
        ] {
            let allowed = path.starts_with("shared/aws/") || !text.contains(word);
            assert!(
                allowed,
                "{path} is not in shared/aws and says `{word}`, move that there"
            );
        }
    }
}

/// Single sign-on and Lambda's client would be downloaded at every cold start.
#[test]
fn only_the_command_has_what_a_terminal_needs() {
    let mut seen = 0;
    for package in packages() {
        let name = package["name"].as_str().unwrap();
        for dependency in package["dependencies"].as_array().unwrap() {
            let features = dependency["features"].as_array().unwrap();
            let is_of_command =
                dependency["name"] == "aws" && features.iter().any(|feature| feature == "command");
            assert!(
                !is_of_command || name == "greenlight",
                "{name} has the feature `command` of shared/aws, take it out of its Cargo.toml"
            );
            seen += usize::from(is_of_command);
        }
    }
    assert_eq!(seen, 1, "packages with the feature `command`");
}

/// They must be as fast to compile and as easy to test as plain data.
#[test]
fn the_rules_know_no_io() {
    let forbidden = [
        "tokio",
        "reqwest",
        "hyper",
        "aws",
        "lambda",
        "lambda_runtime",
        "tracing",
    ];
    for dependency in dependencies("rules") {
        let name = dependency["name"].as_str().unwrap();
        assert!(
            !forbidden.contains(&name),
            "{name} is I/O, take it out of shared/rules/Cargo.toml"
        );
    }
}

/// A record that was saved is judged and shown where nothing was played.
#[test]
fn what_reads_a_record_knows_no_world() {
    for package in ["record", "checks", "report"] {
        for dependency in dependencies(package) {
            let name = dependency["name"].as_str().unwrap();
            assert!(
                !["tokio", "local-aws", "axum", "clap", "anyhow"].contains(&name),
                "{name} is not for {package}, which is a function of plain data: take it out of rehearsal/{package}/Cargo.toml"
            );
        }
    }
}

#[test]
fn no_test_is_switched_off_or_expects_a_panic() {
    for (path, text) in rust_files() {
        for word in [concat!("#[ig", "nore"), concat!("should_", "panic")] {
            assert!(
                !text.contains(word),
                "{path} is using `{word}`, write a test that runs and says what it expects"
            );
        }
    }
}

/// A test that waits for a moment to pass is slow when all is well and wrong when the machine is busy. Where tokio's
/// clock is paused, no time passes.
#[test]
fn no_test_sleeps() {
    for (path, text) in rust_files() {
        let is_test =
            path.starts_with("tests/") || path.contains("/tests/") || path.ends_with("/tests.rs");
        let tests = if is_test {
            Some(text.as_str())
        } else {
            text.split_once("#[cfg(test)]").map(|(_, tests)| tests)
        };
        for word in [concat!("thread::", "sleep"), concat!("time::", "sleep")] {
            let sleeps = tests.is_some_and(|tests| {
                tests.contains(word) && !tests.contains("start_paused = true")
            });
            assert!(
                !sleeps,
                "a test in {path} is using `{word}`, wait for what it waits for"
            );
        }
    }
}

/// What is true on one machine only, or names where packages come from, does not belong in a clone.
#[test]
fn nothing_speaks_of_one_machine() {
    let words = [
        concat!("/wo", "rk/"),
        concat!("/ro", "ot/"),
        concat!("/ho", "me/"),
        concat!("/Us", "ers/"),
        concat!("crates", ".io"),
        concat!("pypi", ".org"),
        concat!("npmjs", ".org"),
        concat!("proxy.gol", "ang.org"),
    ];
    for (path, text) in texts() {
        for word in words {
            assert!(
                !text.contains(word),
                "{path} is naming `{word}`, write it so that it holds on every machine"
            );
        }
    }
}
