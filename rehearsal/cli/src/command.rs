//! The command line.

pub(crate) mod crashing;
mod honoured;
pub(crate) mod infrastructure;
pub(crate) mod programs;
pub(crate) mod saved;
pub(crate) mod scale;
pub(crate) mod serving;
pub(crate) mod shared;
pub(crate) mod storming;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use local_aws::fault::Planned;

use self::crashing::Crashing;
use self::infrastructure::GivenInfrastructure;
use self::programs::GivenPrograms;
use self::saved::{Check, Report};
use self::scale::Scale;
use self::serving::Serving;
use self::shared::{Build, CustomPipelines, Otherwise, Recording};
use self::storming::Storming;
use crate::binaries::FUNCTIONS;
use crate::scenario::quoted;

const AFTER_HELP: &str = "\
The function binaries are built and started as Lambda starts them, against a local AWS that this program simulates. The \
load balancer on loopback, the tasks (processes of a sample service with a SQLite database) and a client that sends \
requests to the production listener continuously are real. Waits of AWS pass at once.

Examples:
  cargo rehearse                                          a push ships
  cargo rehearse failed-migration                         a migration fails, production stays on the previous version
  cargo rehearse --list                                   all scenarios
  cargo rehearse --event events/start-deployment/push.json
  cargo rehearse --pipelines config/pipelines.toml        your pipelines; the sample service stands in for your services
  cargo rehearse --infrastructure service.yaml            your CloudFormation templates, and a push into what they make
  cargo rehearse --pipelines own.toml --program web=./server    your own application, which listens at $PORT
  cargo rehearse ship --json | jq .production             the record of the run, for programs
  cargo rehearse ship --without run-migration:ecs:RunTask  without one of the template's permissions
  cargo rehearse failed-migration --report report.html    a report of the run
  cargo rehearse ship --wire calls.jsonl                  every call with its bytes, to validate against AWS's models
  cargo rehearse --profile release                        with the very binaries that ship
  cargo rehearse crashes ship                             with the functions killed at every call
  cargo rehearse serve                                    keep the local AWS running, for aws, boto3, cargo lambda
  cargo rehearse storm --seeds 1..200                     many deployments under random faults
  cargo rehearse check ship.json                          judge a record that `--json` printed
  cargo rehearse report ship.json --output ship.html      write the report of a record

Options may precede or follow a command's name; `cargo rehearse COMMAND --help` lists those of the command.

Exit status:
  0  the run met all expectations of the scenario
  1  it did not, or the rehearsal could not be played
  2  wrong usage: an option that the command does not take, an invalid pipelines, event or template file, a file that cannot be \
     written; nothing was played";

/// Rehearses a whole deployment on this machine: AWS is simulated, and the functions are the ones that ship.
#[derive(Debug, Parser)]
#[command(name = "rehearse", bin_name = "cargo rehearse", after_help = AFTER_HELP, version, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    #[command(flatten)]
    pub(crate) playing: Playing,
}

/// What `--list` excludes: it plays nothing, and only needs the workspace.
const LIST_ALONE: [&str; 16] = [
    "scenario",
    "event",
    "pipelines",
    "infrastructure",
    "parameters",
    "certificates",
    "programs",
    "json",
    "report",
    "wire",
    "assume",
    "without",
    "faults",
    "dwell",
    "binaries",
    "profile",
];

/// The arguments of a scenario.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Playing {
    /// The scenario to play
    #[arg(value_name = "NAME", default_value = "ship")]
    pub(crate) scenario: String,

    /// List the scenarios, each with a summary
    #[arg(long, conflicts_with_all = LIST_ALONE)]
    pub(crate) list: bool,

    /// Play a custom ECR event in place of the push of `ship`
    #[arg(long, value_name = "FILE", conflicts_with_all = ["scenario", "pipelines"])]
    pub(crate) event: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) custom: CustomPipelines,

    #[command(flatten)]
    pub(crate) infrastructure: GivenInfrastructure,

    #[command(flatten)]
    pub(crate) programs: GivenPrograms,

    /// Print the record of the run as one JSON object on stdout; progress goes to stderr
    #[arg(long)]
    pub(crate) json: bool,

    /// Write a report of the run as one HTML page
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) recording: Recording,

    #[command(flatten)]
    pub(crate) otherwise: Otherwise,

    /// Inject a fault into a call, as in `run-migration:ecs:RunTask:1=killed-after`
    #[arg(long = "fault", value_name = "FUNCTION:CALL:N=KIND", value_parser = planned)]
    pub(crate) faults: Vec<Planned>,

    /// The pause before each clock jump, in real milliseconds [default: 200]
    #[arg(long, value_name = "MILLISECONDS")]
    pub(crate) dwell: Option<u16>,

    #[command(flatten)]
    pub(crate) build: Build,
}

impl Arguments {
    /// The parsed command line. An option may precede or follow a subcommand; a subcommand rejects the options that it
    /// does not use, and names the commands that do.
    pub(crate) fn read(
        line: impl IntoIterator<Item = impl Into<OsString>>,
    ) -> Result<Arguments, clap::Error> {
        let mut command = Arguments::command();
        command.build();
        let line: Vec<OsString> = line.into_iter().map(Into::into).collect();
        let name = honoured::name_of(&command, &line);
        let line = honoured::in_order(&mut command, line)?;
        let matches = command.try_get_matches_from_mut(line);
        let matches =
            matches.map_err(|error| honoured::explained(&mut command, name.as_deref(), error))?;
        Arguments::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
    }

    /// The binaries to use, for any command.
    pub(crate) fn build(&self) -> &Build {
        match &self.command {
            // These two build and play nothing.
            None | Some(Command::Check(_) | Command::Report(_)) => &self.playing.build,
            Some(Command::Scale(size)) => &size.build,
            Some(Command::Serve(serving)) => &serving.build,
            Some(Command::Crashes(crashing)) => &crashing.build,
            Some(Command::Storm(storming)) => &storming.build,
        }
    }

    /// The named scenarios. With custom pipelines, no other scenario can be played.
    pub(crate) fn scenarios(&self) -> &[String] {
        match &self.command {
            None => std::slice::from_ref(&self.playing.scenario),
            Some(Command::Crashes(crashing)) => &crashing.scenarios,
            Some(Command::Serve(serving)) => serving.world.as_slice(),
            Some(
                Command::Scale(_) | Command::Storm(_) | Command::Check(_) | Command::Report(_),
            ) => &[],
        }
    }

    /// The custom pipelines file.
    pub(crate) fn pipelines(&self) -> Option<&PathBuf> {
        match &self.command {
            None => self.playing.custom.pipelines.as_ref(),
            Some(Command::Serve(serving)) => serving.custom.pipelines.as_ref(),
            Some(
                Command::Scale(_)
                | Command::Crashes(_)
                | Command::Storm(_)
                | Command::Check(_)
                | Command::Report(_),
            ) => None,
        }
    }

    /// The programs of the user's.
    pub(crate) fn programs(&self) -> GivenPrograms {
        match &self.command {
            None => self.playing.programs.clone(),
            Some(Command::Serve(serving)) => serving.programs.clone(),
            Some(
                Command::Scale(_)
                | Command::Crashes(_)
                | Command::Storm(_)
                | Command::Check(_)
                | Command::Report(_),
            ) => GivenPrograms::default(),
        }
    }

    /// The file that records every call.
    pub(crate) fn wire(&self) -> Option<&PathBuf> {
        match &self.command {
            None => self.playing.recording.wire.as_ref(),
            Some(Command::Scale(size)) => size.recording.wire.as_ref(),
            Some(Command::Serve(serving)) => serving.recording.wire.as_ref(),
            Some(Command::Storm(storming)) => storming.wire.as_ref(),
            Some(Command::Crashes(_) | Command::Check(_) | Command::Report(_)) => None,
        }
    }

    /// The file for the page.
    pub(crate) fn report(&self) -> Option<&PathBuf> {
        match &self.command {
            None => self.playing.report.as_ref(),
            Some(Command::Storm(storming)) => storming.report.as_ref(),
            Some(Command::Report(shown)) => shown.output.as_ref(),
            Some(
                Command::Scale(_) | Command::Serve(_) | Command::Crashes(_) | Command::Check(_),
            ) => None,
        }
    }

    /// Whether a scenario is played in its unmodified world, so that its history must match its file.
    pub(crate) fn plays_as_written(&self) -> bool {
        let playing = &self.playing;
        let otherwise = &playing.otherwise;
        self.command.is_none()
            && playing.event.is_none()
            && playing.custom.pipelines.is_none()
            && playing.infrastructure.infrastructure.is_empty()
            && playing.programs.programs.is_empty()
            && playing.faults.is_empty()
            && otherwise.assume.is_empty()
            && otherwise.without.is_empty()
    }

    /// Deviations from the usual AWS.
    pub(crate) fn otherwise(&self) -> Otherwise {
        match &self.command {
            None => self.playing.otherwise.clone(),
            Some(Command::Scale(size)) => size.otherwise.clone(),
            Some(Command::Serve(serving)) => serving.otherwise.clone(),
            Some(Command::Crashes(crashing)) => crashing.otherwise.clone(),
            Some(Command::Storm(_) | Command::Check(_) | Command::Report(_)) => {
                Otherwise::default()
            }
        }
    }

    /// Whether stdout is reserved for a JSON object.
    pub(crate) fn json(&self) -> bool {
        match &self.command {
            None => self.playing.json,
            Some(Command::Scale(size)) => size.json,
            Some(Command::Serve(_)) => false,
            Some(Command::Check(check)) => check.json,
            // The page goes to stdout.
            Some(Command::Report(shown)) => shown.output.is_none(),
            Some(Command::Crashes(crashing)) => crashing.json,
            Some(Command::Storm(storming)) => storming.json,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// A burst at scale: many pushes of one base image that many services follow, under ECS's token buckets
    #[command(after_help = scale::AFTER_HELP)]
    Scale(Scale),

    /// Keep the local AWS up, with the services of `ship`, until interrupted
    #[command(after_help = serving::AFTER_HELP)]
    Serve(Serving),
    /// Play scenarios with a fault at every call that a function makes, and judge the invariants
    #[command(after_help = crashing::AFTER_HELP)]
    Crashes(Crashing),

    /// Play many deployments under random faults, and judge them by the invariants
    #[command(after_help = storming::AFTER_HELP)]
    Storm(Storming),

    /// Judge the record of a run that `--json` printed: the invariants, and the scenario's claims
    #[command(after_help = saved::AFTER_CHECK)]
    Check(Check),

    /// Make the page of a run from the record that `--json` printed
    #[command(after_help = saved::AFTER_REPORT)]
    Report(Report),
}

pub(crate) fn planned(given: &str) -> anyhow::Result<Planned> {
    let planned: Planned = given.parse()?;
    // `start-deployment@web` means its calls for one service.
    let function = planned.point.function.split('@').next();
    if !function.is_some_and(|function| FUNCTIONS.contains(&function)) {
        anyhow::bail!(
            "`{}` is not a function, expected one of {}",
            function.unwrap_or_default(),
            quoted(&FUNCTIONS)
        );
    }
    Ok(planned)
}

#[cfg(test)]
mod tests;
