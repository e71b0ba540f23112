//! Pipelines files of other people: valid ones go as expected, wrong ones are refused before anything is played.

use std::fs;

use super::run::{binaries, rehearse, side_by_side};
use crate::repository;

/// A few of `tests/pipelines`, played; a world is made for each of the others in a unit test of the rehearsal.
const PLAYED: [&str; 10] = [
    "simplest",
    "own-hooks",
    "django",
    "glob-of-digits",
    "private-pages",
    "production-alone",
    "two-containers",
    "staging-and-production",
    "three-repositories",
    "two-repositories",
];

#[test]
fn valid_files_go_as_expected() {
    let failed = side_by_side(&PLAYED, |name| {
        let file = repository::root().join(format!("tests/pipelines/{name}.toml"));
        let output = rehearse(&["--pipelines", file.to_str().unwrap()]);
        let told = String::from_utf8(output.stdout).unwrap();
        (!output.status.success()).then(|| format!("{name}:\n{told}"))
    });
    let failed: Vec<String> = failed.into_iter().flatten().collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn a_check_of_ones_own_fails_without_touching_the_targets_health() {
    let output = rehearse(&[
        "failed-test-traffic",
        "--pipelines",
        "tests/pipelines/private-pages.toml",
    ]);
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{told}");
}

const VALID: &str = "[[pipeline]]\nname = 'web'\nrepository = 'shop/web'\ntag = 'latest'\ncluster = 'prod'\nservice = 'web'\n";

/// What is told of a file with this text, by the name that was given.
fn refusal(name: &str, text: &[u8], command: &[&str]) -> String {
    let file = binaries().join(format!("wrong-{name}.toml"));
    fs::write(&file, text).unwrap();
    let given = file.to_str().unwrap();
    let output = rehearse(&[command, &["--pipelines", given]].concat());
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{name}: {told}");
    assert!(output.stdout.is_empty(), "{name} was played");
    assert!(told.contains(given), "{name}: {told}");
    assert!(!told.contains("greenlight-rehearsal-"), "{name}: {told}");
    told
}

#[test]
fn a_wrong_file_is_refused_before_anything_is_played() {
    let url = "[pipeline.test_traffic]\nbase_url = 'test.example.com'\n";
    let port = "[pipeline.test_traffic]\nbase_url = 'https://test.example.com:port'\n";
    let twice = VALID.replace("'web'\nrepo", "'other'\nrepo");
    for (name, text, expected) in [
        ("empty", String::new(), "at `pipeline`: there is none"),
        (
            "key",
            VALID.replace("cluster", "clustr"),
            "at `pipeline[0].cluster`: missing",
        ),
        (
            "tag",
            VALID.replace("latest", "prod-["),
            "at `pipeline[0].tag`: `prod-[` is not a glob",
        ),
        (
            "url",
            format!("{VALID}{url}"),
            "at `pipeline[0].test_traffic.base_url`: `test.example.com` is not",
        ),
        (
            "port",
            format!("{VALID}{port}"),
            "at `pipeline[0].test_traffic.base_url`: ",
        ),
        (
            "same-service",
            format!("{VALID}{twice}"),
            "at `pipeline[1].containers`: ",
        ),
        (
            "syntax",
            VALID.replace("'latest'", "latest"),
            "is not TOML: line 4, column ",
        ),
    ] {
        let told = refusal(name, text.as_bytes(), &[]);
        assert_eq!(told.matches(expected).count(), 1, "{name}: {told}");
    }
    refusal("bytes", b"\xff", &["serve", "--port", "0"]);
    refusal(
        "served",
        VALID.replace("latest", "").as_bytes(),
        &["serve", "--port", "0"],
    );
}

#[test]
fn every_mistake_is_told_once_and_in_order() {
    let pipelines: Vec<String> = (0..12)
        .map(|number| {
            VALID
                .replace("'web'", &format!("'web{number}'"))
                .replace("latest", "-")
        })
        .collect();
    let told = refusal("many", pipelines.concat().as_bytes(), &[]);
    let places: Vec<String> = (0..12)
        .map(|number| format!("at `pipeline[{number}].tag`"))
        .collect();
    let found: Vec<usize> = places
        .iter()
        .map(|place| told.find(place).unwrap())
        .collect();
    assert!(found.is_sorted(), "{told}");
    assert!(told.contains("12 mistakes"), "{told}");
}

#[test]
fn no_place_but_a_file_is_taken() {
    for given in ["tests/pipelines", "nowhere.toml"] {
        let output = rehearse(&["--pipelines", given]);
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains(given), "{told}");
    }
}

#[test]
fn a_file_that_cannot_be_written_is_told_before_anything_is_played() {
    for option in ["--report", "--wire"] {
        let output = rehearse(&["ship", option, "no/such/folder/file"]);
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{option}: {told}");
        assert!(
            output.stdout.is_empty() && told.contains("no/such/folder/file"),
            "{told}"
        );
    }
}

#[test]
fn a_permission_that_nobody_has_cannot_be_taken_away() {
    for without in ["run-migration:ecs:DeleteCluster", "sail:ecs:RunTask"] {
        let output = rehearse(&["ship", "--without", without]);
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains("correct `--without`"), "{told}");
    }
}
