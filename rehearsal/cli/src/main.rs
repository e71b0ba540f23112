//! `cargo rehearse`: rehearses whole deployments with the function binaries that ship.

mod binaries;
mod command;
mod crashes;
mod gather;
mod given;
mod infrastructure;
mod pipelines_file;
mod play;
mod progress;
mod report_file;
mod saved;
mod scale;
mod scenario;
mod serve;
mod storm;
mod traffic;
mod unknown;

use std::io::{IsTerminal, Write, stderr, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use local_aws::fault::Planned;
use report::Colours;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

use crate::binaries::Profile;
use crate::command::crashing::Crashing;
use crate::command::saved::{Check, Report};
use crate::command::scale::Scale;
use crate::command::serving::Serving;
use crate::command::shared::Build;
use crate::command::storming::Storming;
use crate::command::{Arguments, Command};
use crate::crashes::{NothingToPlay, Otherwise};
use crate::given::{Given, variable};
use crate::play::Paths;
use crate::progress::Output;
use crate::report_file::ReportFile;
use crate::saved::Claims;
use crate::scenario::setting::Mode;
use crate::scenario::{Catalogue, Golden, Scenario};
use crate::unknown::Beside;
use record::Record;

const WRONG_USAGE: u8 = 2;

/// The maximum wait at exit for blocking work that is still running; its results no longer matter.
const AT_THE_END: Duration = Duration::from_millis(500);

fn main() -> ExitCode {
    let arguments = Arguments::read(std::env::args_os()).unwrap_or_else(|error| error.exit());
    let runtime = match Runtime::new().context("start a runtime") {
        Ok(runtime) => runtime,
        Err(error) => return refuse(&error, ExitCode::FAILURE),
    };
    let code = runtime.block_on(run(&arguments)).unwrap_or_else(|ended| {
        let (error, code) = match ended {
            Ended::WrongUsage(error) => (error, ExitCode::from(WRONG_USAGE)),
            Ended::Failed(error) => (error, ExitCode::FAILURE),
        };
        refuse(&error, code)
    });
    runtime.shutdown_timeout(AT_THE_END);
    code
}

/// Why a command failed before its result.
enum Ended {
    WrongUsage(anyhow::Error),
    Failed(anyhow::Error),
}

impl From<anyhow::Error> for Ended {
    fn from(error: anyhow::Error) -> Ended {
        Ended::Failed(error)
    }
}

/// Waits for Ctrl-C or another signal to stop.
async fn interrupted() -> anyhow::Result<()> {
    // A closed terminal and Ctrl-\ stop a rehearsal as Ctrl-C does, so that its processes and its folder are removed.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let mut quit = signal(SignalKind::quit())?;
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => Ok(pressed?),
        _ = terminate.recv() => Ok(()),
        _ = hang_up.recv() => Ok(()),
        _ = quit.recv() => Ok(()),
    }
}

fn refuse(error: &anyhow::Error, code: ExitCode) -> ExitCode {
    // Stderr may be closed; the exit status reports the failure as well.
    let _ = writeln!(stderr(), "error: {error:#}");
    code
}

async fn run(arguments: &Arguments) -> Result<ExitCode, Ended> {
    // Mistakes in the arguments are reported before anything is built or played.
    let mut given = Given::read(arguments).map_err(Ended::WrongUsage)?;
    let play = match &arguments.command {
        Some(Command::Check(check)) => {
            // A binary far from its workspace still judges the invariants.
            let catalogue = root(arguments.build()).and_then(|root| Catalogue::find(&root));
            return check_record(check, &catalogue, &output(check.json));
        }
        Some(Command::Report(shown)) => return show_record(shown, given.report),
        None => Play::Scenario,
        Some(Command::Scale(size)) => Play::Scale(size),
        Some(Command::Serve(serving)) => Play::Serve(serving),
        Some(Command::Crashes(crashing)) => Play::Crashes(crashing),
        Some(Command::Storm(storming)) => Play::Storm(storming),
    };
    let root = root(arguments.build()).map_err(Ended::WrongUsage)?;
    let stacks = infrastructure::read(&arguments.playing, &root, &mut given.pipelines);
    let stacks = stacks.map_err(Ended::WrongUsage)?;
    let catalogue = match &play {
        // Custom pipelines bring their own scenarios.
        Play::Scenario if given.pipelines.is_some() => Catalogue::default(),
        Play::Scenario | Play::Crashes(_) => Catalogue::find(&root).map_err(Ended::WrongUsage)?,
        // These play no scenario: a template and a pipelines file are enough of a workspace.
        Play::Serve(serving) if serving.world.is_some() => {
            Catalogue::find(&root).map_err(Ended::WrongUsage)?
        }
        Play::Scale(_) | Play::Serve(_) | Play::Storm(_) => Catalogue::default(),
    };
    if arguments.playing.list {
        return list(&catalogue);
    }
    if given.pipelines.is_none() {
        let beside = match arguments.command {
            None => Beside::Commands,
            Some(_) => Beside::Nothing,
        };
        for name in arguments.scenarios() {
            let known = unknown::check(name, &catalogue.names(), beside);
            let read = known.and_then(|()| catalogue.scenario(name));
            read.map_err(Ended::WrongUsage)?;
        }
    }
    let binaries = binaries(arguments.build(), &root).await?;
    let paths = Paths {
        root,
        binaries,
        wire: arguments.wire().cloned(),
    };
    given
        .check(arguments, &paths)
        .await
        .map_err(Ended::WrongUsage)?;
    let mut scenario = chosen(&play, arguments, &given, &catalogue).map_err(Ended::WrongUsage)?;
    infrastructure::put(stacks.as_ref(), &mut scenario, &output(arguments.json()));
    play_command(play, arguments, scenario, &catalogue, given.report, &paths)
        .await
        .map_err(|error| match error.is::<NothingToPlay>() {
            true => Ended::WrongUsage(error),
            false => Ended::Failed(error),
        })
}

/// Lists the scenarios, and reports the mistakes in files that could not be read.
fn list(catalogue: &Catalogue) -> Result<ExitCode, Ended> {
    let (list, wrong) = catalogue.list();
    progress::print(&list).context("print the list")?;
    for error in &wrong {
        refuse(error, ExitCode::from(WRONG_USAGE));
    }
    Ok(match wrong.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(WRONG_USAGE),
    })
}

/// `check`: reports the verdict on a record, as the play itself did at its end.
fn check_record(
    check: &Check,
    catalogue: &anyhow::Result<Catalogue>,
    output: &Output,
) -> Result<ExitCode, Ended> {
    let record = saved::read(&check.record).map_err(Ended::WrongUsage)?;
    if let Some(why) = &record.broken_off {
        let error = anyhow!("the run was broken off, and cannot be judged: {why}");
        return Err(Ended::Failed(error));
    }
    let (record, claims) = saved::judge(record, catalogue);
    output.end(&record);
    if let Claims::Kept(why) = claims {
        output.text(&format!(
            "only the invariants were judged again, and the claims keep their verdicts: {why}"
        ));
    }
    if check.json {
        let json = serde_json::to_string_pretty(&record).context("write the record")?;
        progress::print(&json).context("print the record")?;
    }
    Ok(status(record.as_expected))
}

/// `report`: the page of a record.
fn show_record(shown: &Report, file: Option<ReportFile>) -> Result<ExitCode, Ended> {
    let record = saved::read(&shown.record).map_err(Ended::WrongUsage)?;
    let page = report::page(&record);
    match file {
        Some(mut file) => file.write(&page)?,
        None => progress::print(page.trim_end()).context("print the page")?,
    }
    Ok(ExitCode::SUCCESS)
}

/// A command that needs a world: all but `check` and `report`.
enum Play<'a> {
    Scenario,
    Scale(&'a Scale),
    Serve(&'a Serving),
    Crashes(&'a Crashing),
    Storm(&'a Storming),
}

async fn play_command(
    play: Play<'_>,
    arguments: &Arguments,
    mut scenario: Scenario,
    catalogue: &Catalogue,
    report: Option<ReportFile>,
    paths: &Paths,
) -> anyhow::Result<ExitCode> {
    let output = output(arguments.json());
    match play {
        Play::Serve(serving) => {
            if arguments.pipelines().is_none() && serving.world.is_none() {
                scenario.setting.images.push(serve::untold_image());
            }
            if serving.observe {
                scenario.setting.mode = Mode::Observe;
            }
            let parameters = serving.parameters.iter().cloned();
            scenario.setting.parameters.extend(parameters);
            serve::serve(scenario, paths, serving, &output, interrupted()).await?;
            Ok(ExitCode::SUCCESS)
        }
        Play::Scale(size) => {
            scale::play(scenario.setting, size, paths, &output, interrupted()).await
        }
        Play::Storm(storming) => {
            storm::storm(storming, report, paths, &output, interrupted()).await
        }
        Play::Crashes(crashing) => {
            let otherwise = Otherwise {
                assumptions: arguments.otherwise().assumptions(),
                without: arguments.otherwise().without,
            };
            let played = crashes::crash(
                catalogue,
                crashing,
                &otherwise,
                paths,
                &output,
                interrupted(),
            );
            Ok(status(played.await?))
        }
        Play::Scenario => {
            let golden = match arguments.plays_as_written() {
                true => Some(catalogue.golden(&scenario.name)?),
                false => None,
            };
            play_scenario(arguments, &scenario, golden, report, paths, &output).await
        }
    }
}

async fn play_scenario(
    arguments: &Arguments,
    scenario: &Scenario,
    golden: Option<Golden>,
    report: Option<ReportFile>,
    paths: &Paths,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let played = play::play(scenario, paths, output, interrupted()).await?;
    if let Some(mut report) = report {
        report.write(&report::page(&played.record))?;
        output.text(&format!("report: {}", report.path().display()));
    }
    if let Some(error) = played.broken_off {
        return Err(error);
    }
    let unmet = |planned: &&Planned| !played.injected.contains(planned);
    for planned in scenario.setting.faults.iter().filter(unmet) {
        output.text(&format!("no call met the fault `{planned}`"));
    }
    // A play without the fault that was asked for shows nothing about it.
    let is_shown = !arguments
        .playing
        .faults
        .iter()
        .any(|planned| unmet(&planned));
    let record = played.record;
    if let Some(golden) = golden {
        compare(&golden, &record, output)?;
    }
    if arguments.json() {
        progress::print(&serde_json::to_string_pretty(&record)?)?;
    }
    Ok(status(record.as_expected && is_shown))
}

/// Shows the difference between a run's history and the one in the scenario's file; or updates the file, if `UPDATE` is
/// set.
fn compare(golden: &Golden, record: &Record, output: &Output) -> anyhow::Result<()> {
    if variable("UPDATE").is_some_and(|value| !value.is_empty()) {
        if golden.update(record)? {
            output.text(&format!("updated: {}", golden.file().display()));
        }
    } else if let Some(difference) = golden.difference(record) {
        output.text(&format!(
            "\n{difference}\n(hint: `UPDATE=1 cargo rehearse {}` writes the found history into the file)",
            record.scenario
        ));
    }
    Ok(())
}

fn status(well: bool) -> ExitCode {
    if well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// The scenario of the arguments, with their deviations; other commands start from the setting of `ship`.
fn chosen(
    play: &Play<'_>,
    arguments: &Arguments,
    given: &Given,
    catalogue: &Catalogue,
) -> anyhow::Result<Scenario> {
    let playing = &arguments.playing;
    let mut scenario = match (&given.event, &given.pipelines) {
        (Some(event), _) => scenario::of_event(event.clone(), catalogue.scenario("ship")?),
        (None, Some(file)) => {
            scenario::custom_pipelines::of_file(&playing.scenario, &file.path, &file.text)?
        }
        (None, None) => match play {
            Play::Scenario | Play::Crashes(_) => catalogue.scenario(&playing.scenario)?,
            Play::Serve(serving) => match &serving.world {
                Some(name) => catalogue.scenario(name)?,
                None => Scenario::shop(),
            },
            Play::Scale(_) | Play::Storm(_) => Scenario::shop(),
        },
    };
    // Other task definitions may come to `serve`.
    if !matches!(play, Play::Serve(_)) {
        scenario::programs::check(&scenario, &given.programs)?;
    }
    let pipelines = given.pipelines.as_ref();
    let pipelines = pipelines.map(|file| scenario::custom_pipelines::read(&file.text));
    scenario::programs::put(&mut scenario, given.programs.clone(), pipelines.as_deref());
    let otherwise = arguments.otherwise();
    // A scenario's own assumptions stay in effect.
    let own = std::mem::take(&mut scenario.setting.assumptions);
    scenario.setting.assumptions = own.and(otherwise.assumptions());
    scenario.setting.without.extend(otherwise.without);
    scenario
        .setting
        .faults
        .extend(playing.faults.iter().cloned());
    if let Some(dwell) = playing.dwell {
        scenario.setting.dwell = Duration::from_millis(dwell.into());
    }
    Ok(scenario)
}

fn root(build: &Build) -> anyhow::Result<PathBuf> {
    let built_in = || {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .ancestors()
            .nth(2)
            .map(Path::to_owned)
    };
    let root = build
        .root
        .clone()
        .or_else(built_in)
        .context("the workspace has no folder")?;
    let root = root
        .canonicalize()
        .with_context(|| format!("find the workspace `{}`", root.display()))?;
    if !root.join("template.yaml").is_file() {
        bail!(
            "`{}` has no `template.yaml`, expected Greenlight's workspace (hint: correct `--root`)",
            root.display()
        );
    }
    if let Some(folder) = &build.binaries {
        binaries::check(folder.clone())?;
    }
    Ok(root)
}

async fn binaries(build: &Build, root: &Path) -> anyhow::Result<PathBuf> {
    let binaries = match &build.binaries {
        Some(folder) => folder.clone(),
        None => {
            let profile = build.profile.unwrap_or(Profile::ours());
            binaries::build(root, profile, variable("CARGO")).await?
        }
    };
    binaries
        .canonicalize()
        .with_context(|| format!("find `{}`", binaries.display()))
}

/// Progress goes to stdout, unless that is reserved for the record; colours only on terminals, and without `NO_COLOR`.
fn output(json: bool) -> Output {
    let wanted = variable("NO_COLOR").is_none_or(|value| value.is_empty());
    let colours = |terminal: bool| {
        if terminal && wanted {
            Colours::On
        } else {
            Colours::Off
        }
    };
    if json {
        Output::new(Box::new(stderr()), colours(stderr().is_terminal()))
    } else {
        Output::new(Box::new(stdout()), colours(stdout().is_terminal()))
    }
}
