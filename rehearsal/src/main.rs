//! `cargo rehearse`: plays whole deployments with the function binaries that ship.

mod binaries;
mod command;
mod crashes;
mod evidence;
mod invariants;
mod organisation;
mod play;
mod progress;
mod record;
mod report;
mod scenario;
mod serve;
mod storm;
mod traffic;
mod withhold;

use std::ffi::OsString;
use std::io::{IsTerminal, Write, stderr, stdout};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::signal::unix::{SignalKind, signal};

use crate::binaries::Profile;
use crate::command::{Arguments, Command};
use crate::crashes::Otherwise;
use crate::play::Places;
use crate::progress::{Colours, Output};
use crate::report::ReportFile;
use crate::scenario::{EventFile, Scenario};

const WRONG_USAGE: u8 = 2;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::read(std::env::args_os()).unwrap_or_else(|error| error.exit());
    let mut scenario = match chosen(&arguments) {
        Ok(scenario) => scenario,
        Err(error) => return refuse(&error, ExitCode::from(WRONG_USAGE)),
    };
    // What a scenario is about it assumes by itself.
    let own = std::mem::take(&mut scenario.setting.assumptions);
    scenario.setting.assumptions = own.and(arguments.assumptions());
    scenario.setting.without.extend(arguments.without.clone());
    scenario.setting.mishaps = arguments.mishaps.clone();
    if let Some(dwell) = arguments.dwell {
        scenario.setting.dwell = Duration::from_millis(dwell.into());
    }
    let report = match arguments
        .report
        .as_deref()
        .map(ReportFile::open)
        .transpose()
    {
        Ok(report) => report,
        Err(error) => return refuse(&error, ExitCode::from(WRONG_USAGE)),
    };
    run(&arguments, scenario, report)
        .await
        .unwrap_or_else(|error| refuse(&error, ExitCode::FAILURE))
}

/// Waits for Ctrl-C, or to be told to end.
async fn interrupted() -> anyhow::Result<()> {
    // A closed terminal and Ctrl-\ end a rehearsal as Ctrl-C does: with its processes and its folder.
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
    // Nobody may be reading; the exit status says it too.
    let _ = writeln!(stderr(), "error: {error:#}");
    code
}

async fn run(
    arguments: &Arguments,
    mut scenario: Scenario,
    report: Option<ReportFile>,
) -> anyhow::Result<ExitCode> {
    if arguments.list {
        progress::print(&command::list())?;
        return Ok(ExitCode::SUCCESS);
    }
    let places = places(arguments).await?;
    let output = output(arguments.json || arguments.command.as_ref().is_some_and(Command::json));
    match &arguments.command {
        Some(Command::Serve(serving)) => {
            if arguments.pipelines.is_none() {
                scenario.setting.images.push(serve::untold_image());
            }
            serve::serve(scenario, &places, serving, &output, interrupted()).await?;
            return Ok(ExitCode::SUCCESS);
        }
        Some(Command::Organisation(size)) => {
            return organisation::play(scenario.setting, size, &places, &output, interrupted())
                .await;
        }
        Some(Command::Storm(storming)) => {
            return storm::storm(storming, &places, &output, interrupted()).await;
        }
        Some(Command::Crashes(crashing)) => {
            let otherwise = Otherwise {
                assumptions: arguments.assumptions(),
                without: arguments.without.clone(),
            };
            let played = crashes::crash(crashing, &otherwise, &places, &output, interrupted());
            return Ok(status(played.await?));
        }
        None => {}
    }
    let played = play::play(&scenario, &places, &output, interrupted()).await?;
    if let Some(mut report) = report {
        report.write(&report::page(&played.story))?;
        output.text(&format!("report: {}", report.path().display()));
    }
    if let Some(error) = played.broken_off {
        return Err(error);
    }
    let record = played.record;
    if arguments.json {
        progress::print(&serde_json::to_string_pretty(&record)?)?;
    }
    Ok(status(record.as_expected))
}

fn status(well: bool) -> ExitCode {
    if well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn chosen(arguments: &Arguments) -> anyhow::Result<Scenario> {
    if let Some(file) = &arguments.event {
        let in_file = || format!("read the event in `{}`", file.display());
        let text = std::fs::read_to_string(file).with_context(in_file)?;
        return Ok(scenario::of_event(
            EventFile::parse(&text).with_context(in_file)?,
        ));
    }
    if let Some(file) = &arguments.pipelines {
        let in_file = || format!("read the pipelines in `{}`", file.display());
        let text = std::fs::read_to_string(file).with_context(in_file)?;
        let file = file.canonicalize().with_context(in_file)?;
        return scenario::own::of_file(&arguments.scenario, &file, &text);
    }
    let mut scenarios = Scenario::all().into_iter();
    scenarios
        .find(|scenario| scenario.name == arguments.scenario)
        .context("no such scenario")
}

async fn places(arguments: &Arguments) -> anyhow::Result<Places> {
    let build = &arguments.build;
    let built_in = || {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
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
    let binaries = match &build.binaries {
        Some(folder) => binaries::check(folder.clone())?,
        None => {
            binaries::build(
                &root,
                build.profile.unwrap_or(Profile::own()),
                variable("CARGO"),
            )
            .await?
        }
    };
    let binaries = binaries
        .canonicalize()
        .with_context(|| format!("find `{}`", binaries.display()))?;
    Ok(Places {
        root,
        binaries,
        wire: arguments.wire.clone(),
    })
}

/// Progress goes to stdout, unless that is for the record; colours only where somebody looks and wants them.
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

fn variable(name: &str) -> Option<OsString> {
    std::env::vars_os()
        .find(|(variable, _)| variable == name)
        .map(|(_, value)| value)
}
