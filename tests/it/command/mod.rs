//! `greenlight` against the local AWS: what it prints in each state of a deployment, and how it ends.

mod doctor;
mod local;
mod usage;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::Stdio;
use std::thread;

use serde_json::{Value, json};

use crate::scenarios::run::side_by_side;
use local::{Folder, Local, PIPELINES, Printed, command, steady};

/// Lines that cannot be broken: what is copied from them is one word.
fn has_a_long_word(line: &str) -> bool {
    line.split(' ').any(|word| word.chars().count() > 60)
}

#[track_caller]
fn fits_80_columns(text: &str) {
    for line in text.lines() {
        let is_wide = line.chars().count() > 80 && !has_a_long_word(line);
        let is_of_an_error = ["error: ", "  at `", "note: ", "{"];
        let is_of_an_error = is_of_an_error.iter().any(|start| line.starts_with(start));
        // A command that is broken cannot be pasted.
        let is_command = line.trim_start_matches([' ', '-', '>']).starts_with("aws ");
        assert!(!is_wide || is_of_an_error || is_command, "{line}");
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
    // How far the rollback was at a look depends on the machine.
    let bad = lines
        .iter()
        .filter(|line| line.starts_with("! ") && !line.contains("rolls it back"));
    let bad: Vec<String> = bad.map(|line| steady(line)).collect();
    let last = lines.last().map(String::as_str);
    assert_eq!(last, Some("rolled back: prod/web runs what it ran before"));
    insta::assert_snapshot!("why_a_deployment_failed", bad.join("\n"));
    let after = local.transcript(&["status", "plan shop-web --tag next", "wait shop-web"]);
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
    // It is the first thing that is said, whatever else is, and programs read it in the answer.
    for line in [
        "deploy shop-web --tag next",
        "deploy shop-web",
        "rollback shop-web --tag next",
    ] {
        let printed = local.run(line);
        let first = "stack greenlight only observes, and starts nothing; with `Mode=deploy`:";
        assert_eq!(printed.stdout.lines().next(), Some(first), "{line}");
    }
    let answer = local.run("deploy shop-web --tag next --json").stdout;
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["mode"], "observe", "{answer}");
}

/// The command to paste is the dry run's own, whole lines of it.
#[test]
fn a_plan_says_what_moves_a_service_to_ecs() {
    let local = Local::start(&[]);
    let programs = local.run("plan shop-web --json").stdout;
    let programs: Value = serde_json::from_str(&programs).unwrap();
    let moving = &programs["pipelines"][0]["moving_to_ecs"];
    let command = moving["command"].as_str().unwrap();
    let people = local.run("plan shop-web --moving-to-ecs");
    assert!(
        people.stdout.contains(&format!("\n\n{command}\n\n")),
        "{}",
        people.stdout
    );
    assert!(command.contains("aws ecs update-service"), "{command}");
    // This pipeline has a hook that only CodeDeploy calls.
    assert!(
        people.stdout.contains("\n  lost       "),
        "{}",
        people.stdout
    );
    assert!(
        people.stdout.contains("`hooks.BeforeAllowTraffic`"),
        "{}",
        people.stdout
    );
    let without = local.run("plan shop-web").stdout;
    assert!(!without.contains("update-service"), "{without}");
    let of_ecs = Local::of("native-canary").run("plan shop-web --moving-to-ecs");
    let already = "shop-web: not to be moved to ECS: it is deployed by ECS canary already";
    assert!(of_ecs.stdout.contains(already), "{}", of_ecs.stdout);
}

#[test]
fn what_cannot_be_done_is_said_with_what_to_do() {
    let local = Local::start(&[]);
    let write = |name: &str, text: &str| fs::write(local.folder.0.join(name), text).unwrap();
    let other = PIPELINES.replace("cluster =", "containers = [\"app\"]\ncluster =");
    write("other.toml", &other);
    write(
        "wrong.toml",
        &PIPELINES.replace("tag = \"latest\"", "tag = \"^v\"\ntags = 1"),
    );
    let text = local.transcript(&[
        "plan nope",
        "plan shop-wbe",
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
    let folder = Folder::new();
    let mut nowhere = command("status");
    nowhere.current_dir(&folder.0);
    let mut nobody = command("status --region eu-central-1");
    nobody.current_dir(&folder.0);
    let text = [
        Printed::of(nowhere).transcript("status"),
        Printed::of(nobody).transcript("status --region eu-central-1"),
    ];
    insta::assert_snapshot!("nobody_is_logged_in", text.join("\n"));
}

/// AWS that lets the caller do nothing.
#[test]
fn a_permission_that_is_missing_is_named() {
    let head = "403 Forbidden\r\nx-amzn-errortype: AccessDeniedException";
    insta::assert_snapshot!("a_permission_is_missing", status_of(head, DENIED));
}

/// The function of an older stack lacks what this command reads: that is no mistake of the file.
#[test]
fn a_stack_of_another_version_is_said() {
    let older = r#"{"Environment":{"Variables":{"GREENLIGHT_STACK":"greenlight"}}}"#;
    let text = status_of("200 OK", older);
    assert!(
        text.contains("error: the environment of `greenlight-start-deployment` is not what this command reads\n"),
        "{text}"
    );
    assert!(text.contains("at `GREENLIGHT_HOOK_ROLE_ARN`"), "{text}");
    let hint = "hint: deploy this version of Greenlight, or use the command of that version\nexit status 1";
    assert!(
        text.contains(hint) && !text.contains("pipelines.toml"),
        "{text}"
    );
}

/// What `status` prints where AWS answers every call so.
fn status_of(head: &'static str, body: &'static str) -> String {
    let aws = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = aws.local_addr().unwrap();
    thread::spawn(move || {
        for stream in aws.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            lines.find(|line| line.as_ref().is_ok_and(String::is_empty));
            let answer = format!(
                "HTTP/1.1 {head}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    let folder = Folder::new();
    let mut status = command("status --region eu-central-1");
    status
        .current_dir(&folder.0)
        .env("AWS_ENDPOINT_URL", format!("http://{address}"))
        .env("AWS_ACCESS_KEY_ID", "ANN")
        .env("AWS_SECRET_ACCESS_KEY", "ann");
    Printed::of(status).transcript("status --region eu-central-1")
}

/// What AWS says to a person without the permission.
const DENIED: &str = r#"{"Message":"User: arn:aws:iam::111122223333:user/ann is not authorized to perform: lambda:GetFunctionConfiguration on resource: arn:aws:lambda:eu-central-1:111122223333:function:greenlight-start-deployment"}"#;

/// Services that ECS itself deploys to, each in the world of a scenario: what `deploy --wait` ends with.
#[test]
fn deployments_of_ecs_are_followed_to_their_end() {
    let shipped = "shipped: prod/web runs the image";
    let rolled_back = "rolled back: prod/web runs what it ran before";
    let worlds = [
        ("native-canary", Some("1.1.0"), 0, shipped),
        ("rolling-migration", Some("1.1.0"), 0, shipped),
        ("native-canary", None, 1, rolled_back),
    ];
    let told = side_by_side(&worlds, |(world, version, status, expected)| {
        let local = Local::of(world);
        local.push("next", *version);
        let deployed = local.run("deploy shop-web --tag next --wait --interval 1");
        let Printed { stdout, stderr, .. } = &deployed;
        assert_eq!(deployed.status, *status, "{world}: {stdout}{stderr}");
        assert_eq!(stdout.lines().last(), Some(*expected), "{world}: {stdout}");
        local.transcript(&["status", "plan"])
    });
    for ((world, _, status, _), told) in worlds.iter().zip(told) {
        insta::assert_snapshot!(format!("{world}_{status}"), told);
    }
}

/// ECS's success is not the end of an update that a gate judges afterwards: the service goes back, and so it is told.
#[test]
fn an_update_that_its_production_gate_does_not_let_pass_has_not_shipped() {
    let local = Local::of("rolling-production-gate-fails");
    // It answers `/orders` only after a migration, and this pipeline has none.
    local.push("next", Some("1.1.0"));
    let deployed = local.run("deploy shop-web --tag next --wait --interval 1");
    let Printed { stdout, stderr, .. } = &deployed;
    assert_eq!(deployed.status, 1, "{stdout}{stderr}");
    let last = stdout.lines().last();
    assert_eq!(
        last,
        Some("rolled back: prod/web runs what it ran before"),
        "{stdout}"
    );
    let why = "! the production traffic gate failed: ";
    assert!(stdout.lines().any(|line| line.starts_with(why)), "{stdout}");
}

/// A hook's role of another account: nothing can be asked about it, and that is said beside what is due.
#[test]
fn what_could_not_be_asked_is_said() {
    let local = Local::of("native-canary");
    let target = "AmazonEC2ContainerServiceV20141113";
    let service = json!({"cluster": "prod", "services": ["web"], "service": "web"});
    let described = local.call("ecs", &format!("{target}.DescribeServices"), &service);
    let mut update = json!({"cluster": "prod", "service": "web"});
    let mut configuration = described["services"][0]["deploymentConfiguration"].clone();
    for hook in configuration["lifecycleHooks"].as_array_mut().unwrap() {
        hook["roleArn"] = json!("arn:aws:iam::444455556666:role/hooks");
    }
    update["deploymentConfiguration"] = configuration;
    local.call("ecs", &format!("{target}.UpdateService"), &update);
    let plan = local.run("plan shop-web");
    assert!(
        plan.stdout.contains("  not known  whether "),
        "{}{}",
        plan.stdout,
        plan.stderr
    );
    for line in ["plan shop-web --json", "status --json"] {
        let told = local.run(line).stdout;
        let told: Value = serde_json::from_str(&told).unwrap();
        assert!(told["pipelines"][0]["not_known"].is_array(), "{told}");
    }
}

/// Wrong usage is clap's, with its own exit status; help names the exit statuses and has an example for each command.
#[test]
fn help_teaches_and_wrong_usage_ends_with_2() {
    let help = |line: &str| Printed::of(command(line));
    let overview = help("--help");
    assert_eq!(overview.status, 0);
    insta::assert_snapshot!("help", overview.stdout);
    for name in usage::COMMANDS {
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
