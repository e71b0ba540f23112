use std::collections::BTreeSet;

use local_aws::assumption::Assumption;
use local_aws::fault::Fault;
use local_aws::iam::Removal;

use super::*;
use crate::binaries::Profile;

fn parse(line: &str) -> Result<Arguments, clap::Error> {
    Arguments::read(line.split(' '))
}

#[test]
fn the_usual_lines_are_understood() {
    assert_eq!(parse("rehearse").unwrap().playing.scenario, "ship");
    let playing = parse("rehearse redirect --json --profile dev")
        .unwrap()
        .playing;
    assert_eq!(
        (playing.scenario.as_str(), playing.json),
        ("redirect", true)
    );
    assert_eq!(playing.build.profile, Some(Profile::Dev));
    let Some(Command::Serve(serving)) = parse("rehearse serve --port 0").unwrap().command else {
        panic!("not serve")
    };
    assert_eq!(serving.port, 0);
    let line = "rehearse crashes ship burst --call ecs:RunTask --fault killed-after --jobs 3";
    let Some(Command::Crashes(crashing)) = parse(line).unwrap().command else {
        panic!("not crashes")
    };
    assert_eq!(crashing.scenarios, ["ship", "burst"]);
    assert_eq!(crashing.faults, [Fault::KilledAfter]);
    let point = "run-migration:ecs:RunTask:1=killed-after";
    let fault = parse(&format!("rehearse ship --fault {point}")).unwrap();
    assert_eq!(fault.playing.faults[0].to_string(), point);
    let report = parse("rehearse --event push.json --json --report page.html").unwrap();
    assert_eq!(report.report(), Some(&PathBuf::from("page.html")));
    assert_eq!(report.playing.event, Some(PathBuf::from("push.json")));
    let one = parse("rehearse ship --assume rollback-calls-hooks").unwrap();
    assert_eq!(
        one.otherwise().assumptions().names(),
        ["rollback-calls-hooks"]
    );
    let without = parse("rehearse --without run-migration:ecs:RunTask").unwrap();
    let removal = Removal::of("run-migration", "ecs:RunTask");
    assert_eq!(without.otherwise().without, [removal]);
    let all = parse("rehearse --assume all")
        .unwrap()
        .otherwise()
        .assumptions();
    assert_eq!(all.names().len(), Assumption::ALL.len());
}

#[test]
fn an_option_may_stand_before_a_subcommand_or_behind_it() {
    for line in [
        "rehearse --pipelines own.toml --profile dev serve --port 0",
        "rehearse serve --port 0 --profile dev --pipelines own.toml",
        "rehearse --profile=dev serve --pipelines own.toml",
    ] {
        let arguments = parse(line).unwrap();
        assert_eq!(arguments.build().profile, Some(Profile::Dev), "{line}");
        assert_eq!(
            arguments.pipelines(),
            Some(&PathBuf::from("own.toml")),
            "{line}"
        );
        assert!(arguments.command.is_some(), "{line}");
    }
    let wire = parse("rehearse --wire calls.jsonl serve").unwrap();
    assert_eq!(wire.wire(), Some(&PathBuf::from("calls.jsonl")));
    // The name of a subcommand may also be an option's value.
    let serve = parse("rehearse --pipelines serve serve").unwrap();
    assert_eq!(serve.pipelines(), Some(&PathBuf::from("serve")));
    assert!(
        parse("rehearse --pipelines serve")
            .unwrap()
            .command
            .is_none()
    );
}

/// Rejected lines, with a part of the error.
const WRONG: &[(&str, &str)] = &[
    (
        "rehearse --event",
        "a value is required for '--event <FILE>'",
    ),
    ("rehearse redirect --event push.json", "cannot be used with"),
    (
        "rehearse --event push.json --pipelines own.toml",
        "cannot be used with",
    ),
    ("rehearse --list --report page.html", "cannot be used with"),
    (
        "rehearse --list --pipelines own.toml",
        "cannot be used with",
    ),
    ("rehearse --list redirect", "cannot be used with"),
    (
        "rehearse serve --report page.html",
        "cannot be used with 'serve': it is for a scenario (`cargo rehearse NAME`), `storm`",
    ),
    (
        "rehearse --report page.html serve",
        "cannot be used with 'serve': it is for a scenario (`cargo rehearse NAME`), `storm`",
    ),
    (
        "rehearse --binaries here --profile dev",
        "cannot be used with",
    ),
    (
        "rehearse --profile dev storm --binaries here",
        "cannot be used with",
    ),
    (
        "rehearse --json serve",
        "the argument '--json' cannot be used with 'serve': it is for a scenario",
    ),
    (
        "rehearse redirect serve",
        "the argument '[NAME]' cannot be used with 'serve'",
    ),
    (
        "rehearse --event push.json serve",
        "the argument '--event <FILE>' cannot be used with 'serve'",
    ),
    (
        "rehearse storm --without run-migration:ecs:RunTask",
        "cannot be used with 'storm': it is for a scenario (`cargo rehearse NAME`), `scale`, `serve`, `crashes`",
    ),
    (
        "rehearse --without run-migration:ecs:RunTask storm",
        "cannot be used with 'storm'",
    ),
    ("rehearse storm --assume=all", "cannot be used with 'storm'"),
    (
        "rehearse crashes --pipelines bad.toml",
        "cannot be used with 'crashes': it is for a scenario (`cargo rehearse NAME`), `serve`",
    ),
    (
        "rehearse --pipelines bad.toml crashes ship",
        "cannot be used with 'crashes'",
    ),
    (
        "rehearse crashes --wire calls.jsonl",
        "cannot be used with 'crashes'",
    ),
    ("rehearse storm --wire calls.jsonl", "required"),
    ("rehearse storm --report page.html", "required"),
    (
        "rehearse storm --seed 1 --seeds 1..2",
        "cannot be used with",
    ),
    (
        "rehearse --fault run-migration:ecs:RunTask:1=denied serve",
        "cannot be used with 'serve'",
    ),
    ("rehearse serve --dwell 5", "cannot be used with 'serve'"),
    (
        "rehearse storm --nonsense",
        "unexpected argument '--nonsense'",
    ),
    ("rehearse storm ship", "unexpected argument 'ship'"),
    ("rehearse check", "<RECORD>"),
    (
        "rehearse check ship.json --report page.html",
        "cannot be used with 'check': it is for a scenario (`cargo rehearse NAME`), `storm`",
    ),
    (
        "rehearse report ship.json --json",
        "cannot be used with 'report': it is for a scenario (`cargo rehearse NAME`), `scale`, `crashes`, `storm`, `check`",
    ),
    (
        "rehearse storm --jobs 0",
        "invalid value '0' for '--jobs <N>'",
    ),
    ("rehearse storm --seeds 5..5", "contains no seed"),
    ("rehearse storm --seeds 9..3", "contains no seed"),
    (
        "rehearse crashes --jobs 0",
        "invalid value '0' for '--jobs <N>'",
    ),
    (
        "rehearse crashes --function sail",
        "expected one of `start-deployment`",
    ),
    ("rehearse crashes --call RunTask", "as in `ecs:RunTask`"),
    ("rehearse crashes --fault rain", "invalid value 'rain'"),
    ("rehearse scale --services 0", "invalid value '0'"),
    (
        "rehearse scale --seed 1",
        "cannot be used with 'scale': it is for `storm`",
    ),
    (
        "rehearse serve --function my-hook",
        "expected NAME=URL or NAME=PATH",
    ),
    (
        "rehearse --assume rain",
        "invalid value 'rain' for '--assume <WHAT>': expected `all` or one of",
    ),
    (
        "rehearse --assume rain serve",
        "invalid value 'rain' for '--assume <WHAT>'",
    ),
    (
        "rehearse --without ecs:RunTask",
        "`ecs:RunTask` is not a permission such as `run-migration:ecs:RunTask`",
    ),
    (
        "rehearse serve --port all",
        "invalid value 'all' for '--port <PORT>'",
    ),
    ("rehearse --fault ecs:RunTask", "is not a fault such as"),
    (
        "rehearse --fault sail:ecs:RunTask:1=denied",
        "expected one of `start-deployment`",
    ),
    ("rehearse --dwell soon", "invalid value 'soon' for '--dwell"),
];

#[test]
fn wrong_usage_is_told_with_status_2() {
    for (line, expected) in WRONG {
        let error = parse(line).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{line}");
        let told = error.to_string();
        assert!(told.contains(expected), "{line}: {told}");
    }
}

/// Every option, with a value for it, and the commands that use it: `NAME` is a scenario.
const HONOURED: [(&str, &str, &str); 30] = [
    ("--assume", "all", "NAME scale serve crashes"),
    ("--binaries", "here", "NAME scale serve crashes storm"),
    ("--call", "ecs:RunTask", "crashes"),
    (
        "--certificate",
        "arn:aws:acm:eu-central-1:111122223333:certificate/a=shop.example.com",
        "NAME",
    ),
    ("--dwell", "20", "NAME"),
    ("--event", "push.json", "NAME"),
    ("--function", "", "serve crashes"),
    ("--infrastructure", "service.yaml", "NAME"),
    ("--jobs", "2", "crashes storm"),
    ("--json", "", "NAME scale crashes storm check"),
    ("--list", "", "NAME"),
    ("--fault", "", "NAME crashes"),
    ("--observe", "", "serve"),
    ("--output", "page.html", "report"),
    ("--parameter", "Clusters=prod", "NAME serve"),
    ("--pipelines", "own.toml", "NAME serve"),
    ("--port", "0", "serve"),
    ("--profile", "dev", "NAME scale serve crashes storm"),
    ("--program", "web=./server", "NAME serve"),
    ("--pushes", "5", "scale"),
    ("--real-time", "", "serve"),
    ("--report", "page.html", "NAME storm"),
    ("--root", "here", "NAME scale serve crashes storm"),
    ("--seed", "7", "storm"),
    ("--seeds", "1..3", "storm"),
    ("--services", "3", "scale"),
    ("--wire", "calls.jsonl", "NAME scale serve storm"),
    ("--within", "10", "scale"),
    (
        "--without",
        "run-migration:ecs:RunTask",
        "NAME scale serve crashes",
    ),
    ("--world", "native-canary", "serve"),
];

#[test]
fn every_command_accepts_its_options_and_rejects_the_rest() {
    let mut command = Arguments::command();
    command.build();
    let commands: Vec<&str> = std::iter::once("NAME")
        .chain(command.get_subcommands().map(clap::Command::get_name))
        .filter(|name| *name != "help")
        .collect();
    for (option, value, honoured) in HONOURED {
        for name in &commands {
            let value = match (option, *name) {
                ("--function", "crashes") => "run-migration",
                ("--function", _) => "my-hook=http://127.0.0.1:9000",
                ("--fault", "crashes") => "killed-after",
                ("--fault", _) => "run-migration:ecs:RunTask:1=denied",
                _ => value,
            };
            let subcommand = name.replace("NAME", "");
            // Only a single storm can be recorded or reported.
            let needs = match (*name, option) {
                ("storm", "--report" | "--wire") => "--seed 7",
                ("check" | "report", _) => "record.json",
                _ => "",
            };
            let words = format!("rehearse {subcommand} {option} {value} {needs}");
            let behind = Arguments::read(words.split_whitespace());
            let is_honoured = honoured.split(' ').any(|honouring| honouring == *name);
            assert_eq!(behind.is_ok(), is_honoured, "{words}");
            if let Err(error) = behind {
                assert_eq!(error.exit_code(), 2, "{words}");
                assert!(error.to_string().contains("it is for"), "{words}: {error}");
            }
        }
    }
}

/// A new option must be added above, with the commands that use it.
#[test]
fn the_table_is_claps_own_list() {
    let mut command = Arguments::command();
    command.build();
    let commands = std::iter::once(&command).chain(command.get_subcommands());
    let mut of_clap = BTreeSet::new();
    for command in commands.filter(|command| command.get_name() != "help") {
        let name = match command.get_name() {
            "rehearse" => "NAME",
            subcommand => subcommand,
        };
        let longs = command.get_arguments().filter_map(clap::Arg::get_long);
        let longs = longs.filter(|long| !matches!(*long, "help" | "version"));
        of_clap.extend(longs.map(|long| format!("--{long} {name}")));
    }
    let ours: BTreeSet<String> = HONOURED
        .into_iter()
        .flat_map(|(option, _, honoured)| {
            let honouring = honoured.split(' ');
            honouring.map(move |name| format!("{option} {name}"))
        })
        .collect();
    assert_eq!(of_clap, ours);
}

#[test]
fn every_help_teaches_by_examples() {
    let mut command = Arguments::command();
    command.build();
    let commands = std::iter::once(&command).chain(command.get_subcommands());
    for command in commands.filter(|command| command.get_name() != "help") {
        let help = command.clone().render_long_help().to_string();
        assert!(help.contains("Examples:"), "{}", command.get_name());
        // An example in `--help` must be valid.
        for line in help
            .lines()
            .filter_map(|line| line.trim().strip_prefix("cargo rehearse"))
        {
            let line = line.split(['>', '|']).next().unwrap_or_default();
            let line = line.split("  ").next().unwrap_or_default();
            let words = format!("rehearse {line}");
            let understood = Arguments::read(words.split_whitespace());
            let is_file = |error: &clap::Error| error.to_string().contains("an executable");
            if let Err(error) = understood {
                let shows = error.exit_code() == 0 || is_file(&error) || line.contains("COMMAND");
                assert!(shows, "{words}: {error}");
            }
        }
    }
}
