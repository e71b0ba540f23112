//! The command line.

pub(crate) mod crashing;
pub(crate) mod organisation;
pub(crate) mod serving;
pub(crate) mod storming;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use rehearsal::assumption::{Assumption, Assumptions};
use rehearsal::iam::Removal;
use rehearsal::mishap::Planned;

use self::crashing::Crashing;
use self::organisation::Organisation;
use self::serving::Serving;
use self::storming::Storming;
use crate::binaries::Profile;
use crate::scenario::{Scenario, quoted};

const AFTER_HELP: &str = "\
What happens: the function binaries are built and started as Lambda starts them, against a local AWS that this program
plays. A load balancer on loopback, tasks that are processes of a sample service with a SQLite database, and a client
that asks the production listener all the time are real. What AWS would only wait for passes at once.

Examples:
  cargo rehearse                                          a push ships
  cargo rehearse failed-migration                         a migration fails, production stays where it is
  cargo rehearse --list                                   all scenarios
  cargo rehearse --event events/start-deployment/push.json
  cargo rehearse --pipelines config/pipelines.toml        your own pipelines; the sample service stands in for yours
  cargo rehearse ship --json | jq .production             the record of the run, for programs
  cargo rehearse ship --without run-migration:ecs:RunTask what comes of a permission that is missing
  cargo rehearse failed-migration --report report.html    a page to look at
  cargo rehearse ship --wire calls.jsonl                  every call with its bytes, for programs that know AWS's models
  cargo rehearse --profile release                        with the very binaries that ship
  cargo rehearse crashes ship                             with functions that die at every call they make
  cargo rehearse serve                                    the local AWS stays up, for aws, boto3, cargo lambda
  cargo rehearse storm --seeds 1..200                     many deployments under random faults

Exit status:
  0  everything was as the scenario expects
  1  something was not, or the rehearsal could not be played
  2  wrong usage, an event file that cannot be read, or a report that cannot be written";

/// Plays a whole deployment on this machine: AWS is played, the functions are the ones that ship.
#[derive(Debug, Parser)]
#[command(name = "rehearse", bin_name = "cargo rehearse", after_help = AFTER_HELP, version)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    /// The scenario to play
    #[arg(value_name = "NAME", default_value = "ship", value_parser = known_scenario)]
    pub(crate) scenario: String,

    /// Name the scenarios, each with what happens in it
    #[arg(long, conflicts_with_all = ["json", "event"])]
    pub(crate) list: bool,

    /// Play an ECR event of your own in place of the push of `ship`
    #[arg(long, value_name = "FILE", conflicts_with_all = ["scenario", "pipelines"])]
    pub(crate) event: Option<PathBuf>,

    /// Play it with pipelines of your own: the world is made as this file wants it
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) pipelines: Option<PathBuf>,

    /// Print the record of the run as one JSON object on stdout; progress goes to stderr
    #[arg(long)]
    pub(crate) json: bool,

    /// Write what happened as one HTML page, to look at
    #[arg(long, value_name = "FILE", conflicts_with = "list")]
    pub(crate) report: Option<PathBuf>,

    /// Write every call to the local AWS down, as it went over the wire, task definitions included: one JSON object a line
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) wire: Option<PathBuf>,

    /// Play the second of two possibilities where AWS's behaviour is not confirmed; `all` takes every second one
    #[arg(long, global = true, value_name = "WHAT", value_parser = assumption)]
    pub(crate) assume: Vec<Assumed>,

    /// Take a permission away, as in `run-migration:ecs:RunTask`; `=ARN` behind it takes it for one resource only
    #[arg(long, global = true, value_name = "FUNCTION:ACTION")]
    pub(crate) without: Vec<Removal>,

    /// Let a call meet a mishap, as in `run-migration:ecs:RunTask:1=killed-after`
    #[arg(long = "mishap", value_name = "FUNCTION:CALL:N=KIND")]
    pub(crate) mishaps: Vec<Planned>,

    /// How long, in real milliseconds, the world stays as it is before the clock jumps; 200 unless told otherwise
    #[arg(long, value_name = "MILLISECONDS")]
    pub(crate) dwell: Option<u16>,

    #[command(flatten)]
    pub(crate) build: Build,
}

/// A value of `--assume`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Assumed {
    All,
    One(Assumption),
}

impl Arguments {
    /// What the command line says. An option that only a scenario takes is refused beside a subcommand; the others may
    /// stand before it or behind it.
    pub(crate) fn read(
        line: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    ) -> Result<Arguments, clap::Error> {
        let mut command = Arguments::command();
        let matches = command.try_get_matches_from_mut(line)?;
        if let Some(subcommand) = matches.subcommand_name() {
            let of_a_scenario = command.get_arguments().find(|argument| {
                let id = argument.get_id().as_str();
                !argument.is_global_set()
                    && matches.value_source(id) == Some(ValueSource::CommandLine)
            });
            if let Some(argument) = of_a_scenario {
                let message = format!(
                    "the argument '{argument}' cannot be used with the subcommand '{subcommand}', which plays no scenario"
                );
                return Err(command.error(ErrorKind::ArgumentConflict, message));
            }
        }
        Arguments::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
    }

    pub(crate) fn assumptions(&self) -> Assumptions {
        let of = |assumed: &Assumed| match assumed {
            Assumed::All => Assumption::value_variants().to_vec(),
            Assumed::One(assumption) => vec![*assumption],
        };
        self.assume.iter().flat_map(of).collect()
    }
}

fn assumption(given: &str) -> Result<Assumed, String> {
    if given == "all" {
        return Ok(Assumed::All);
    }
    Assumption::from_str(given, false)
        .map(Assumed::One)
        .map_err(|_| {
            let values = Assumption::value_variants()
                .iter()
                .filter_map(Assumption::to_possible_value);
            let lines: Vec<String> = values
                .map(|value| {
                    let help = value
                        .get_help()
                        .map(ToString::to_string)
                        .unwrap_or_default();
                    format!("  {:<36}{help}", value.get_name())
                })
                .collect();
            format!("expected `all` or one of\n{}", lines.join("\n"))
        })
}

/// Which binaries are rehearsed.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Build {
    /// How the functions are built: `dev` is quick, `release` is what ships; by default as this program was
    #[arg(long, global = true, value_enum, conflicts_with = "binaries")]
    pub(crate) profile: Option<Profile>,

    /// A folder with the built functions and the sample service; nothing is built then
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) binaries: Option<PathBuf>,

    /// The workspace: `template.yaml`, `config/`, the functions' sources
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// A burst at scale: many pushes of one base image that many services follow, under ECS's token buckets
    #[command(after_help = organisation::AFTER_HELP)]
    Organisation(Organisation),

    /// Keep the local AWS up, with the services of `ship`, until interrupted
    #[command(after_help = serving::AFTER_HELP)]
    Serve(Serving),
    /// Play scenarios with a mishap at every call that a function makes, and judge the invariants
    #[command(after_help = crashing::AFTER_HELP)]
    Crashes(Crashing),

    /// Play many deployments under random faults, and judge them by the invariants
    #[command(after_help = storming::AFTER_HELP)]
    Storm(Storming),
}

impl Command {
    /// Whether stdout is for a JSON object.
    pub(crate) fn json(&self) -> bool {
        match self {
            Command::Organisation(size) => size.json,
            Command::Serve(_) => false,
            Command::Crashes(crashing) => crashing.json,
            Command::Storm(storming) => storming.json,
        }
    }
}

fn known_scenario(given: &str) -> Result<String, String> {
    let names: Vec<&str> = Scenario::all()
        .iter()
        .map(|scenario| scenario.name)
        .collect();
    match names.contains(&given) {
        true => Ok(given.to_owned()),
        false => Err(format!("expected one of {}", quoted(&names))),
    }
}

/// The text of `--list`.
pub(crate) fn list() -> String {
    let scenarios = Scenario::all();
    let names = scenarios.iter().map(|scenario| scenario.name.len());
    let width = names.max().unwrap_or_default() + 2;
    let lines = scenarios
        .iter()
        .map(|scenario| format!("{:<width$}{}", scenario.name, scenario.summary));
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use rehearsal::mishap::Mishap;

    use super::*;

    fn parse(line: &str) -> Result<Arguments, clap::Error> {
        Arguments::read(line.split(' '))
    }

    #[test]
    fn the_usual_lines_are_understood() {
        assert_eq!(parse("rehearse").unwrap().scenario, "ship");
        let arguments = parse("rehearse redirect --json --profile dev").unwrap();
        assert_eq!(
            (arguments.scenario.as_str(), arguments.json),
            ("redirect", true)
        );
        assert_eq!(arguments.build.profile, Some(Profile::Dev));
        let Some(Command::Serve(serving)) = parse("rehearse serve --port 0").unwrap().command
        else {
            panic!("not serve")
        };
        assert_eq!(serving.port, 0);
        let line = "rehearse crashes ship burst --call ecs:RunTask --mishap killed-after --jobs 3";
        let Some(Command::Crashes(crashing)) = parse(line).unwrap().command else {
            panic!("not crashes")
        };
        assert_eq!(crashing.scenarios, ["ship", "burst"]);
        assert_eq!(crashing.mishaps, [Mishap::KilledAfter]);
        let point = "run-migration:ecs:RunTask:1=killed-after";
        let mishap = parse(&format!("rehearse ship --mishap {point}")).unwrap();
        assert_eq!(mishap.mishaps[0].to_string(), point);
        let report = parse("rehearse --event push.json --json --report page.html").unwrap();
        assert_eq!(report.report, Some(PathBuf::from("page.html")));
        let one = parse("rehearse ship --assume rollback-calls-hooks").unwrap();
        assert_eq!(one.assumptions().names(), ["rollback-calls-hooks"]);
        let without = parse("rehearse --without run-migration:ecs:RunTask").unwrap();
        assert_eq!(
            without.without,
            [Removal::of("run-migration", "ecs:RunTask")]
        );
        let all = parse("rehearse --assume all").unwrap().assumptions();
        assert_eq!(all.names().len(), Assumption::value_variants().len());
        assert_eq!(
            parse("rehearse --event push.json").unwrap().event,
            Some(PathBuf::from("push.json"))
        );
    }

    #[test]
    fn what_every_command_takes_may_stand_before_a_subcommand_or_behind_it() {
        for line in [
            "rehearse --pipelines own.toml --profile dev serve --port 0",
            "rehearse serve --port 0 --profile dev",
        ] {
            let arguments = parse(line).unwrap();
            assert_eq!(arguments.build.profile, Some(Profile::Dev), "{line}");
            assert!(arguments.command.is_some(), "{line}");
        }
        let wire = parse("rehearse --wire calls.jsonl serve").unwrap().wire;
        assert_eq!(wire, Some(PathBuf::from("calls.jsonl")));
    }

    #[test]
    fn wrong_usage_is_told_with_status_2() {
        for (line, expected) in [
            (
                "rehearse sail",
                "invalid value 'sail' for '[NAME]': expected one of `ship`, `failed-migration`",
            ),
            (
                "rehearse --event",
                "a value is required for '--event <FILE>'",
            ),
            ("rehearse redirect --event push.json", "cannot be used with"),
            ("rehearse --list --report page.html", "cannot be used with"),
            (
                "rehearse serve --report page.html",
                "unexpected argument '--report'",
            ),
            (
                "rehearse --report page.html serve",
                "cannot be used with the subcommand 'serve'",
            ),
            (
                "rehearse --binaries here --profile dev",
                "cannot be used with",
            ),
            (
                "rehearse --json serve",
                "the argument '--json' cannot be used with the subcommand 'serve', which plays no scenario",
            ),
            (
                "rehearse redirect serve",
                "the argument '[NAME]' cannot be used with the subcommand 'serve', which plays no scenario",
            ),
            (
                "rehearse --event push.json serve",
                "the argument '--event <FILE>' cannot be used with the subcommand 'serve'",
            ),
            (
                "rehearse --assume rain",
                "invalid value 'rain' for '--assume <WHAT>': expected `all` or one of",
            ),
            (
                "rehearse --without ecs:RunTask",
                "`ecs:RunTask` is not a permission such as `run-migration:ecs:RunTask`",
            ),
            (
                "rehearse serve --port all",
                "invalid value 'all' for '--port <PORT>'",
            ),
        ] {
            let error = parse(line).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{line}");
            assert!(error.to_string().contains(expected), "{line}: {error}");
        }
    }

    #[test]
    fn the_list_has_every_scenario() {
        assert_eq!(list().lines().count(), Scenario::all().len());
        for (line, scenario) in list().lines().zip(Scenario::all()) {
            let (name, summary) = line.split_once("  ").unwrap();
            assert_eq!(
                (name, summary.trim_start()),
                (scenario.name, scenario.summary)
            );
        }
    }
}
