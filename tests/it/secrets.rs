//! Nothing that a rehearsal leaves behind tells a secret: not what it prints, not its record, not its report, however it
//! ends. The functions alone, at every level of their log, are in `functions::secrets`.

use std::fs;
use std::process::Output;

use serde_json::Value;

use crate::scenarios::run::{binaries, rehearse, rehearse_given};

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
    let page = std::fs::read_to_string(page).unwrap();
    // Both show what tasks printed, without what the world gave them. The rehearsal cannot know what else is secret.
    tells_nothing("--report", &page, PLANTED);
    let record = String::from_utf8(output.stdout.clone()).unwrap();
    tells_nothing("--json", &record, PLANTED);
    let mut but_the_logs: Value = serde_json::from_str(&record).unwrap();
    assert!(
        but_the_logs["task_logs"]
            .take()
            .to_string()
            .contains(MADE_UP)
    );
    let printed = but_the_logs.to_string().into_bytes();
    prints_nothing(
        "--json",
        &Output {
            stdout: printed,
            ..output
        },
    );
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

/// What whoever rehearses may have in the environment.
const OWN: [(&str, &str); 3] = [
    ("AWS_SECRET_ACCESS_KEY", "planted-secret-access-key"),
    ("AWS_SESSION_TOKEN", "planted-session-token"),
    ("GITHUB_TOKEN", "planted-token-of-another-service"),
];

/// Everything that a play leaves behind.
struct Left {
    /// For people and programs: the record, the progress, the page.
    told: [(&'static str, String); 3],
    /// Every call with its bytes.
    wire: String,
}

impl Left {
    /// By a play that ends with this exit status. Its files are called `name`.
    #[track_caller]
    fn by(name: &str, arguments: &[&str], status: i32) -> Left {
        let file = |end: &str| {
            let path = binaries().join(format!("secrets-of-{name}.{end}"));
            path.to_str().unwrap().to_owned()
        };
        let (page, wire) = (file("html"), file("jsonl"));
        let files = ["--json", "--report", &page, "--wire", &wire];
        let output = rehearse_given(&OWN, &[arguments, &files[..]].concat());
        let [record, progress] =
            [output.stdout, output.stderr].map(|printed| String::from_utf8(printed).unwrap());
        assert_eq!(output.status.code(), Some(status), "{progress}");
        let [page, wire] = [page, wire].map(|path| fs::read_to_string(path).unwrap());
        Left {
            told: [("record", record), ("progress", progress), ("page", page)],
            wire,
        }
    }

    /// By a play with a pipelines file.
    #[track_caller]
    fn with_pipelines(name: &str, pipelines: &str, status: i32) -> Left {
        let file = binaries().join(format!("secrets-of-{name}.toml"));
        fs::write(&file, pipelines).unwrap();
        let arguments = ["failed-test-traffic", "--pipelines", file.to_str().unwrap()];
        Left::by(name, &arguments, status)
    }

    #[track_caller]
    fn tells_no(&self, secret: &str) {
        for (what, text) in &self.told {
            tells_nothing(what, text, secret);
        }
    }

    /// So that a test does not pass because there was nothing to tell.
    #[track_caller]
    fn tells(&self, words: &str) {
        for (what, text) in &self.told {
            assert!(
                text.contains(words),
                "`{words}` is not in the {what}: {text}"
            );
        }
    }
}

const PIPELINE: &str = "[[pipeline]]\nname = 'shop-web'\nrepository = 'shop/web'\ntag = 'latest'\ncluster = 'prod'\nservice = 'web'\n";

/// A check that fails is told with its path; a migration is shown with its command.
#[test]
fn pipelines_of_ones_own_are_rehearsed_without_the_credentials_in_them() {
    let pipelines = format!(
        "{PIPELINE}containers = ['web']\n[pipeline.migration]\ncontainer = 'web'\n\
         command = ['migrate', '--db-password=planted-in-an-option', 'postgres://shop:planted-in-a-url@db/shop']\n\
         [[pipeline.test_traffic.request]]\npath = '/orders?token=planted-in-a-path'\n\
         contains = 'API_KEY=planted-in-a-text'\n"
    );
    let left = Left::with_pipelines("own-pipelines", &pipelines, 0);
    left.tells_no(PLANTED);
    left.tells("/orders?token=…");
    // Everybody may have the file: it holds what is in task definitions, and no credential of whoever rehearses.
    for (_, own) in OWN {
        tells_nothing("wire", &left.wire, own);
    }
}

/// Every mistake quotes what was given.
#[test]
fn broken_pipelines_are_refused_without_the_credentials_in_them() {
    let pipelines = format!(
        "password = 'planted-at-the-top'\n{PIPELINE}\
         [pipeline.migration]\ncontainer = 'web'\ncommand = 'migrate --db-password=planted-in-an-option'\n\
         timeout_minutes = 'DB_PASSWORD=planted-in-a-number'\n\
         [pipeline.test_traffic]\nbase_url = 'https://shop:planted-in-a-url@shop.example.com'\n\
         [[pipeline.test_traffic.request]]\npath = 'orders?token=planted-in-a-path'\n\
         contains = ['API_KEY=planted-in-a-list']\nstatus = 'TOKEN=planted-in-a-status'\n"
    );
    let no_toml = format!("{PIPELINE}password = 'planted-in-a-line\n");
    for (name, text, told) in [
        ("broken-pipelines", pipelines, "7 mistakes"),
        ("no-toml", no_toml, "is not TOML: line 7"),
    ] {
        let file = binaries().join(format!("secrets-of-{name}.toml"));
        fs::write(&file, text).unwrap();
        let output = rehearse(&["failed-test-traffic", "--pipelines", file.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(2));
        let said = String::from_utf8(output.stderr).unwrap();
        tells_nothing("refusal", &said, PLANTED);
        assert!(said.contains(told), "{said}");
    }
}

/// AWS keeps a whole event when a function could not do its work, with the environment of a task and with the token by
/// which a hook is answered; people read what is left of it.
#[test]
fn an_event_that_was_given_up_is_shown_without_what_is_secret_in_it() {
    const ANSWERS: &str = "codedeploy:PutLifecycleEventHookExecutionStatus";
    for function in ["finish-migration", "check-test-traffic"] {
        let without = format!("{function}:{ANSWERS}");
        let left = Left::by(function, &["ship", "--without", &without], 1);
        left.tells_no(PLANTED);
        left.tells("RetriesExhausted");
        let tokens: Vec<String> = left.wire.lines().filter_map(token).collect();
        assert!(!tokens.is_empty(), "no hook was answered");
        for token in tokens {
            left.tells_no(&token);
        }
    }
}

/// The token in an answer to a hook.
fn token(line: &str) -> Option<String> {
    let call: Value = serde_json::from_str(line).unwrap();
    let body: Value = serde_json::from_str(call["body"].as_str()?).ok()?;
    let token = body["lifecycleEventHookExecutionId"].as_str()?;
    Some(token.to_owned())
}
