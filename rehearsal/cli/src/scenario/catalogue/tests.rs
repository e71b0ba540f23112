//! Every file of the catalogue is valid; a mistake is reported with its line, and does not affect other files.

mod assumptions;
mod golden;

use std::collections::BTreeSet;
use std::path::Path;

use local_aws::elb::Condition;
use local_aws::world::{DeployedBy, TestRule};
use tempfile::{TempDir, tempdir};

use super::{Catalogue, claims, file, sentence};
use crate::scenario::Step;

fn root() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A workspace with these files in its catalogue.
fn workspace(files: &[(&str, &str)]) -> (TempDir, Catalogue) {
    let root = tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let file = root.path().join("rehearsal/catalogue").join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    };
    write("order.txt", "second\nfirst\n");
    for (name, text) in files {
        write(name, text);
    }
    let catalogue = Catalogue::find(root.path()).unwrap();
    (root, catalogue)
}

#[test]
fn ship_is_listed_first_and_every_name_of_the_order_is_a_scenario() {
    let catalogue = Catalogue::find(&root()).unwrap();
    let names = catalogue.names();
    assert_eq!(names[..2], ["ship", "failed-migration"]);
    let order = std::fs::read_to_string(root().join("rehearsal/catalogue/order.txt")).unwrap();
    for name in order.lines() {
        assert!(names.contains(&name), "order.txt names `{name}`, remove it");
    }
    let (list, wrong) = catalogue.list();
    assert!(wrong.is_empty(), "{wrong:?}");
    assert_eq!(list.lines().count(), names.len());
    let width = names.iter().map(|name| name.len()).max().unwrap() + 2;
    for (line, name) in list.lines().zip(names) {
        let summary = catalogue.scenario(name).unwrap().summary;
        assert_eq!(line, format!("{name:<width$}{summary}"));
    }
}

#[test]
fn every_claim_that_is_named_is_made_by_some_scenario() {
    let catalogue = Catalogue::find(&root()).unwrap();
    let made: BTreeSet<String> = catalogue
        .names()
        .into_iter()
        .flat_map(|name| catalogue.scenario(name).unwrap().expectations)
        .map(|expectation| expectation.claim)
        .collect();
    for named in claims::all() {
        let ends = |claim: &String| claim.ends_with(&named.claim);
        assert!(
            made.iter().any(ends),
            "no scenario claims `{}`",
            named.claim
        );
    }
}

/// New authors write scenarios from this list.
#[test]
fn the_document_lists_every_step_and_every_claim() {
    let document = std::fs::read_to_string(root().join("docs/rehearsal.md")).unwrap();
    let claims = sentence::FORMS.iter().map(|form| form.text.to_owned());
    let fixed = sentence::fixed().into_iter().map(|fixed| fixed.claim);
    let named: BTreeSet<String> = claims::all().map(|named| named.claim).collect();
    let fixed = fixed.filter(|claim| !named.contains(claim));
    for line in Step::forms().map(str::to_owned).chain(claims).chain(fixed) {
        assert!(
            document.lines().any(|known| known == line),
            "docs/rehearsal.md does not list `{line}`, add it"
        );
    }
}

const GOOD: &str = "summary = \"a story\"\nsteps = '''\npush 1.1.0\nsettle\n'''\n";

#[test]
fn one_more_file_is_one_more_scenario_and_a_wrong_one_keeps_no_other_from_being_played() {
    let (_root, catalogue) = workspace(&[
        ("theme/third.toml", GOOD),
        ("theme/first.toml", "summary = \n"),
        ("another/second.toml", GOOD),
        ("pipelines/shop.toml", "[[pipeline]]"),
    ]);
    assert_eq!(catalogue.names(), ["second", "first", "third"]);
    assert_eq!(catalogue.scenario("third").unwrap().steps.len(), 2);
    let (list, wrong) = catalogue.list();
    assert_eq!(list, "second  a story\nthird   a story");
    let wrong: Vec<String> = wrong.iter().map(ToString::to_string).collect();
    assert_eq!(wrong.len(), 1);
    let expected = "rehearsal/catalogue/theme/first.toml:1: ";
    assert!(wrong[0].starts_with(expected), "{wrong:?}");
}

#[test]
fn a_name_that_is_none_and_one_that_two_files_have_are_refused() {
    let (_root, catalogue) = workspace(&[("a/first.toml", GOOD), ("b/first.toml", GOOD)]);
    for (name, expected) in [
        (
            "sail",
            "`sail` is not a scenario (hint: a file `rehearsal/catalogue/THEME/sail.toml` makes it one)",
        ),
        (
            "first",
            "`first` is the name of two scenarios, `rehearsal/catalogue/a/first.toml` and `rehearsal/catalogue/b/first.toml`, expected one (hint: rename a file)",
        ),
    ] {
        let error = catalogue.scenario(name).err().unwrap();
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn a_catalogue_that_is_missing_is_named() {
    let nowhere = tempdir().unwrap();
    let error = Catalogue::find(nowhere.path()).unwrap_err();
    let told = format!("{error:#}");
    assert!(
        told.contains("rehearsal/catalogue`: No such file"),
        "{told}"
    );
    let (root, catalogue) = workspace(&[("a/first.toml", GOOD)]);
    std::fs::remove_file(root.path().join("rehearsal/catalogue/a/first.toml")).unwrap();
    let error = catalogue.scenario("first").err().unwrap();
    let told = format!("{error:#}");
    let expected = "read `rehearsal/catalogue/a/first.toml`: No such file";
    assert!(told.starts_with(expected), "{told}");
}

/// The mistakes in a file, by line.
#[track_caller]
fn check(text: &str, expected: &[(usize, &str)]) {
    let (_root, catalogue) = workspace(&[("a/first.toml", text)]);
    let told = catalogue.scenario("first").err().unwrap().to_string();
    let expected = expected
        .iter()
        .map(|(line, what)| format!("rehearsal/catalogue/a/first.toml:{line}: {what}"));
    assert_eq!(told, expected.collect::<Vec<_>>().join("\n"));
}

const WRONG: &str = "\
summary = \"s\"
steps = '''
push 1.1.0

# a comment
stop web
  sail away
until web has Intall Failed
'''
claims = '''
CodeDeploy rolls it back
it lasted 2 minutes
'''
not_claimed = [\"luck\"]
[world]
images = [\"1.0.0 at noon\"]
";

#[test]
fn all_mistakes_in_a_file_are_reported_at_once_with_their_lines() {
    check(
        WRONG,
        &[
            (
                6,
                "`stop web` is not a step, expected `stop SERVICE, roll back` or `stop SERVICE, leave everything`",
            ),
            (
                7,
                "`sail away` is not a step, expected one such as `push 1.1.0` or `settle` (hint: docs/rehearsal.md lists them)",
            ),
            (
                8,
                "`until web has Intall Failed` is not a step, expected `until idle` or `until MOMENT` or \
                 `SERVICE has LIFECYCLE-EVENT STATUS` or `SERVICE has a deployment STATUS` or `SERVICE gives green N %` or \
                 `SERVICE gives green a share` or `SERVICE is in the ready wait | termination wait` or `SERVICE is in a pause`",
            ),
            (
                11,
                "`CodeDeploy rolls it back` is not a claim, expected one of `CodeDeploy rolled it back`, \
                 `CodeDeploy waited an hour for it`",
            ),
            (
                12,
                "`it lasted 2 minutes` is not a claim, expected one of `it lasted N to N minutes`",
            ),
            (
                14,
                "`luck` is not a claim of every scenario, expected one of `production answered every request`, \
                 `every function answered`, `no event was given up`",
            ),
            (
                16,
                "`1.0.0 at noon` is not an image, expected one such as `1.0.0 as release-0`",
            ),
        ],
    );
}

#[test]
fn assumptions_and_faults_are_parsed_as_the_options_are() {
    let text = format!("{GOOD}[world]\nassume = [\"rain\"]\nfaults = [\"snow\"]\n");
    let (_root, catalogue) = workspace(&[("a/first.toml", &text)]);
    let told = catalogue.scenario("first").err().unwrap().to_string();
    let lines: Vec<&str> = told.lines().collect();
    let rain = ":7: `rain` is not an assumption, expected one of hook-error-fails-at-once, ";
    assert!(lines[0].contains(rain), "{told}");
    assert!(
        lines[1].contains(":8: `snow` is not a fault such as"),
        "{told}"
    );
}

/// What would be without effect, and what AWS would refuse, is found before the scenario is played.
#[test]
fn a_service_of_ecs_is_described_in_its_own_words() {
    let service = |keys: &str| format!("{GOOD}[[service]]\nname = \"web\"\n{keys}\n");
    for (keys, line, expected) in [
        (
            "strategy = \"canary\"",
            8,
            "`strategy` is without effect, expected it with `controller = \"ecs\"` only",
        ),
        (
            "controller = \"ecs\"\ntermination_wait_minutes = 5",
            9,
            "`termination_wait_minutes` is without effect, expected it with `controller = \"code-deploy\"` only",
        ),
        (
            "controller = \"ecs\"\nhooks = [\"run-migration\"]",
            9,
            "`run-migration` is not a hook, expected `FUNCTION | pause at STAGE, … [as ROLE] [within N minutes[, then continue]]`",
        ),
        (
            "controller = \"ecs\"\nhooks = [\"audit at PRE_SCALE_UP\"]",
            9,
            "`audit` is not a function of this scenario, expected one of run-migration, check-test-traffic, check-production, pause",
        ),
        (
            "controller = \"ecs\"\nhooks = [\"pause at BAKE_TIME\"]",
            9,
            "`BAKE_TIME` is not a stage with hooks, expected one of RECONCILE_SERVICE, PRE_SCALE_UP, POST_SCALE_UP, \
             TEST_TRAFFIC_SHIFT, POST_TEST_TRAFFIC_SHIFT, PRE_PRODUCTION_TRAFFIC_SHIFT, PRODUCTION_TRAFFIC_SHIFT, \
             POST_PRODUCTION_TRAFFIC_SHIFT",
        ),
        (
            "controller = \"ecs\"\nstrategy = \"blue-green\"\nhooks = [\"pause at TEST_TRAFFIC_SHIFT\"]",
            7,
            "Invalid lifecycle stage provided for Pause Hook",
        ),
        (
            "controller = \"ecs\"\nstrategy = \"blue-green\"\ntest_rule = [\"source-ip 10.0.0.0/8\"]",
            10,
            "`source-ip 10.0.0.0/8` is not a condition of a listener rule, expected `path-pattern PATTERN`, \
             `host-header PATTERN`, `http-header NAME: PATTERN`, `http-request-method METHOD` or `query-string [KEY=]VALUE`",
        ),
    ] {
        check(&service(keys), &[(line, expected)]);
    }
}

#[test]
fn a_service_of_ecs_is_set_up_as_it_is_described() {
    let service = |keys: &str| format!("{GOOD}[[service]]\nname = \"web\"\n{keys}\n");
    let keys = "controller = \"ecs\"\nstrategy = \"linear\"\nstep_percent = 12.5\nbake_minutes = 3\n\
                hooks = [\"run-migration at PRE_SCALE_UP within 45 minutes\", \"pause at POST_SCALE_UP within 5 minutes, then continue\"]\n\
                test_rule = [\"http-header X-Test: 1\"]\ntest_listener = \"production-port\"\nbreaker = \"stop\"\nalarms = [\"errors\"]";
    let (_root, catalogue) = workspace(&[("a/first.toml", &service(keys))]);
    let scenario = catalogue.scenario("first").unwrap();
    let settings = scenario.setting.services[0].settings(Path::new("/data"));
    let DeployedBy::Ecs(by) = settings.deployed_by else {
        panic!("CodeDeploy deploys it")
    };
    let expected = serde_json::json!({
        "strategy": "LINEAR",
        "bakeTimeInMinutes": 3,
        "linearConfiguration": { "stepPercent": 12.5 },
        "deploymentCircuitBreaker": { "enable": true, "rollback": false },
        "alarms": { "alarmNames": ["errors"], "enable": true, "rollback": true },
        "lifecycleHooks": [
            {
                "hookTargetArn": "RunMigration",
                "roleArn": "HookRole",
                "lifecycleStages": ["PRE_SCALE_UP"],
                "timeoutConfiguration": { "timeoutInMinutes": 45, "action": "ROLLBACK" },
            },
            {
                "targetType": "PAUSE",
                "lifecycleStages": ["POST_SCALE_UP"],
                "timeoutConfiguration": { "timeoutInMinutes": 5, "action": "CONTINUE" },
            },
        ],
    });
    assert_eq!(by.configuration, expected);
    let header = Condition::Header {
        name: "X-Test".to_owned(),
        patterns: vec!["1".to_owned()],
    };
    assert_eq!(by.test_rule, TestRule::ProductionPort(vec![header]));
}

/// A step about what does not exist would do nothing, or wait until everything has ended.
#[test]
fn a_step_is_about_known_services_and_sources() {
    for (step, expected) in [
        (
            "40 more answers when wbe gives green 10 %",
            "`wbe` is not a service of this scenario, expected `web`",
        ),
        (
            "stop db, roll back",
            "`db` is not a service of this scenario, expected `web`",
        ),
        (
            "hold aws.erc",
            "`aws.erc` is not a source of events, expected one of `aws.codedeploy`, `aws.ecr`, `aws.ecs`",
        ),
    ] {
        let text = GOOD.replace("settle", step);
        check(&text, &[(4, expected)]);
    }
}

/// A history states everything that a run ends with: a line that is left out would never be missed. Where a line differs between the
/// sides of an assumption, claims with that assumption and without it state it.
#[test]
fn every_history_is_whole() {
    let catalogue = Catalogue::find(&root()).unwrap();
    for name in catalogue.names() {
        let golden = catalogue.golden(name).unwrap();
        let lines = golden.expected();
        let claims = catalogue.scenario(name).unwrap().expectations;
        let has = |start: &str| {
            let on = |side: &str| {
                let states =
                    |claim: &str| claim.starts_with(side) && claim.contains(&format!("`: {start}"));
                claims.iter().any(|one| states(&one.claim))
            };
            lines.iter().any(|line| line.starts_with(start)) || on("with ") && on("without ")
        };
        let answered = lines.iter().any(|line| line.contains("` answered by "));
        let is_whole = has("deployments of `")
            && has("revisions registered: ")
            && has("at the end `")
            && has("people were told: ")
            && answered;
        assert_eq!(
            lines.is_empty() || is_whole,
            !PARTIAL.contains(&name),
            "the history of `{name}` lacks a line, complete it (or take it off the list)"
        );
    }
}

/// Histories without a line that differs from run to run. An image that is started once more after somebody else's deployment has a
/// second revision, which is not told from one that concurrent reconciliations registered in vain. Of a native service that wants no task
/// nothing runs at the end.
const PARTIAL: [&str; 5] = [
    "died-before-it-was-written-down",
    "native-nothing-wanted",
    "native-superseded",
    "no-matching-container",
    "rolling-superseded",
];

/// A claim under a misspelt assumption would never be checked.
#[test]
fn a_claim_is_conditional_on_known_assumptions_only() {
    let claim = |line| format!("{GOOD}claims = \"\"\"\n{line}\n\"\"\"\n");
    for word in ["with", "without"] {
        let line = format!("{word} `rollback-call-hooks`: every deployment succeeded");
        let (_root, catalogue) = workspace(&[("a/first.toml", &claim(line))]);
        let error = catalogue.scenario("first").err().unwrap().to_string();
        let expected = ":7: `rollback-call-hooks` is not an assumption, expected one of ";
        assert!(error.contains(expected), "{error}");
    }
    let line = "with `rollback-calls-hooks`: every deployment succeeded".to_owned();
    let (_root, catalogue) = workspace(&[("a/first.toml", &claim(line))]);
    assert!(catalogue.scenario("first").is_ok());
}

#[test]
fn an_unknown_or_missing_key_is_reported_with_its_line() {
    let steps = "steps = '''\nsettle\n'''\n";
    check(steps, &[(1, "missing field `summary`")]);
    let (_root, catalogue) = workspace(&[(
        "a/first.toml",
        &format!("summary = \"s\"\nstps = ''\n{steps}"),
    )]);
    let told = catalogue.scenario("first").err().unwrap().to_string();
    let expected = "rehearsal/catalogue/a/first.toml:2: unknown field `stps`, expected one of `summary`, `steps`";
    assert!(told.starts_with(expected), "{told}");
    check(
        &format!("{GOOD}pipelines = \"a.toml\"\n[[pipeline]]\nname = \"web\"\n"),
        &[(
            7,
            "the pipelines are those of `a.toml` already, expected a file or `[[pipeline]]`",
        )],
    );
}

#[test]
fn the_lines_of_a_value_are_those_of_the_file() {
    let text = "summary = \"s\"\nsteps = '''\n\n  push 1.1.0\nsettle'''\n";
    let steps = file::parse(text).unwrap().steps;
    let lines = file::lines(text, &steps);
    let lines: Vec<(&str, &str)> = lines
        .iter()
        .map(|line| (line.text, &text[line.at..]))
        .collect();
    assert_eq!(lines[0].0, "push 1.1.0");
    assert!(lines[1].1.starts_with("settle'''"), "{lines:?}");
}
