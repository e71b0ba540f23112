//! `greenlight` against the local AWS: what it prints in each state of a deployment, and how it ends.

mod local;

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::Value;

use local::{Local, PIPELINES, Printed, command, steady};

/// Lines that cannot be broken: what is copied from them is one word.
fn has_a_long_word(line: &str) -> bool {
    line.split(' ').any(|word| word.chars().count() > 60)
}

#[track_caller]
fn fits_80_columns(text: &str) {
    for line in text.lines() {
        let is_wide = line.chars().count() > 80 && !has_a_long_word(line);
        assert!(
            !is_wide
                || line.starts_with("error: ")
                || line.starts_with('{')
                || line.starts_with("note: "),
            "{line}"
        );
    }
}

#[test]
fn a_push_is_followed_from_what_is_due_to_what_runs() {
    let local = Local::start(&[]);
    local.push("next", Some("1.1.0"));
    let before = local.transcript(&[
        "status",
        "plan shop-web --tag next",
        "plan",
        "wait shop-web",
        "rollback shop-web --tag next",
        "deploy shop-web --tag missing",
    ]);
    insta::assert_snapshot!("nothing_is_under_way", before);
    local.push("latest", Some("1.1.0"));
    let held = local.held();
    let meanwhile = local.transcript(&[
        "status",
        "plan",
        "deploy shop-web",
        "deploy shop-web --tag next",
    ]);
    insta::assert_snapshot!("a_deployment_is_under_way", meanwhile);
    let status = local.run("status shop-web --json");
    let status: Value = serde_json::from_str(&status.stdout).unwrap();
    let shown = serde_json::to_string_pretty(&status["pipelines"][0]).unwrap();
    insta::assert_snapshot!("a_deployment_is_under_way_for_programs", steady(&shown));
    let mut watch = local.command("watch shop-web --interval 1");
    let mut watch = watch.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let mut wait = local.command("wait shop-web --until shifted --interval 1");
    let mut wait = wait.stdout(Stdio::piped()).spawn().unwrap();
    let mut waited = BufReader::new(wait.stdout.take().unwrap()).lines();
    // Both have seen it by their first line, so that its end is not the first thing that they see.
    let first = [
        lines.next().unwrap().unwrap(),
        waited.next().unwrap().unwrap(),
    ];
    assert_eq!(
        first.map(|line| steady(&line)),
        ["d-123456789 InProgress"; 2]
    );
    local.answer(held, "Succeeded");
    let (seen, waited) = (lines.map_while(Result::ok), waited.map_while(Result::ok));
    assert_eq!(seen.last().unwrap(), "shipped: prod/web runs the image");
    let waited = waited.last().unwrap();
    assert!(
        [
            "shifted: production of prod/web has the image",
            "shipped: prod/web runs the image"
        ]
        .contains(&waited.as_str()),
        "{waited}"
    );
    assert_eq!(watch.wait().unwrap().code(), Some(0));
    assert_eq!(wait.wait().unwrap().code(), Some(0));
    let after = local.transcript(&["status", "plan", "deploy shop-web --wait", "wait shop-web"]);
    insta::assert_snapshot!("it_runs", after);
    for text in [before, meanwhile, after] {
        fits_80_columns(&text);
    }
}

#[test]
fn a_deployment_that_fails_ends_badly_with_its_reason() {
    let local = Local::start(&[]);
    local.push("next", Some("1.1.0"));
    let mut deploy = local.command("deploy shop-web --tag next --wait --interval 1");
    let mut deploy = deploy.stdout(Stdio::piped()).spawn().unwrap();
    let held = local.held();
    local.answer(held, "Failed");
    let lines = BufReader::new(deploy.stdout.take().unwrap()).lines();
    let lines: Vec<String> = lines.map_while(Result::ok).collect();
    assert_eq!(deploy.wait().unwrap().code(), Some(1), "{lines:?}");
    let bad = lines.iter().filter(|line| line.starts_with("! "));
    let bad: Vec<String> = bad.map(|line| steady(line)).collect();
    let last = lines.last().map(String::as_str);
    assert_eq!(last, Some("rolled back: prod/web runs what it ran before"));
    insta::assert_snapshot!("why_a_deployment_failed", bad.join("\n"));
    let after = local.transcript(&["status", "plan shop-web --tag next"]);
    insta::assert_snapshot!("it_was_rolled_back", after);
    fits_80_columns(&after);
}

#[test]
fn a_stack_that_observes_says_what_it_would_deploy() {
    let local = Local::start(&["--observe"]);
    local.push("next", Some("1.1.0"));
    let text = local.transcript(&["status", "deploy shop-web --tag next --wait"]);
    insta::assert_snapshot!("the_stack_observes", text);
    fits_80_columns(&text);
}

#[test]
fn what_cannot_be_done_is_said_with_what_to_do() {
    let local = Local::start(&[]);
    let write = |name: &str, text: &str| fs::write(local.folder.join(name), text).unwrap();
    let other = PIPELINES.replace("cluster =", "containers = [\"app\"]\ncluster =");
    write("other.toml", &other);
    write(
        "wrong.toml",
        &PIPELINES.replace("tag = \"latest\"", "tag = \"^v\"\ntags = 1"),
    );
    let text = local.transcript(&[
        "plan nope",
        "deploy nope",
        "deploy nope --wait",
        "--stack other deploy shop-web",
        "--stack other status",
        "--profile nope status",
        "policy",
        "policy --services --json",
        "plan --config other.toml",
        "status --config other.toml",
        "status --config wrong.toml",
        "policy --config wrong.toml",
        "plan --config missing.toml",
    ]);
    insta::assert_snapshot!("what_cannot_be_done", text);
    fits_80_columns(&text);
}

#[test]
fn a_login_that_is_missing_is_said_before_any_call() {
    let folder = std::env::temp_dir().join(format!("greenlight-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("pipelines.toml"), PIPELINES).unwrap();
    let mut nowhere = command("status");
    nowhere.current_dir(&folder);
    let mut nobody = command("status --region eu-central-1");
    nobody.current_dir(&folder);
    let text = [
        Printed::of(nowhere).transcript("status"),
        Printed::of(nobody).transcript("status --region eu-central-1"),
    ];
    fs::remove_dir_all(folder).unwrap();
    insta::assert_snapshot!(text.join("\n"), @"");
}

/// Wrong usage is clap's, with its own exit status; help names the exit statuses and has an example for each command.
#[test]
fn help_teaches_and_wrong_usage_ends_with_2() {
    let help = |line: &str| Printed::of(command(line));
    let overview = help("--help");
    assert_eq!(overview.status, 0);
    insta::assert_snapshot!("help", overview.stdout);
    for name in [
        "status",
        "plan",
        "deploy",
        "rollback",
        "wait",
        "watch",
        "policy",
        "completions",
    ] {
        let text = help(&format!("{name} --help")).stdout;
        assert!(text.contains(&format!("greenlight {name}")), "{text}");
        assert!(text.contains("Example"), "{text}");
    }
    for line in [
        "deploy",
        "plan --tag 1.0",
        "rollback shop-web",
        "deploy shop-web --tag a --digest b",
        "wait shop-web --until never",
        "nothing",
    ] {
        assert_eq!(help(line).status, 2, "{line}");
    }
    for shell in ["bash", "zsh", "fish"] {
        let script = help(&format!("completions {shell}"));
        assert!(script.stdout.contains("rollback"), "{shell}");
    }
}
