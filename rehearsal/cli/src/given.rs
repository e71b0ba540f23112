//! What the arguments name, read and validated before anything is played.

use std::ffi::OsString;
use std::path::Path;

use anyhow::Context as _;
use local_aws::api::wire::Wire;
use local_aws::iam::Iam;
use local_aws::program::Programs;

use crate::command::{Arguments, Command};
use crate::pipelines_file::PipelinesFile;
use crate::play::{self, Paths};
use crate::report_file::ReportFile;
use crate::scenario::setting::Mode;
use crate::scenario::{self, EventFile, MessageFormat};

/// The files in the arguments: readable input, and writable output.
pub(crate) struct Given {
    pub(crate) pipelines: Option<PipelinesFile>,
    pub(crate) programs: Programs,
    pub(crate) event: Option<EventFile>,
    pub(crate) report: Option<ReportFile>,
}

impl Given {
    pub(crate) fn read(arguments: &Arguments) -> anyhow::Result<Given> {
        let playing = &arguments.playing;
        let pipelines = arguments.pipelines().map(|file| PipelinesFile::read(file));
        let pipelines = pipelines.transpose()?;
        if pipelines.is_some() && arguments.command.is_none() {
            scenario::custom_pipelines::check_name(&playing.scenario)?;
        }
        let event = playing.event.as_deref().map(event_file).transpose()?;
        let report = arguments.report().map(|file| ReportFile::open(file));
        let report = report.transpose()?;
        if let Some(wire) = arguments.wire() {
            Wire::check_file(wire).context("correct `--wire`")?;
        }
        let programs = arguments.programs().read(variable)?;
        Ok(Given {
            pipelines,
            programs,
            event,
            report,
        })
    }

    /// Validates the arguments that need the template and the functions.
    pub(crate) async fn check(&self, arguments: &Arguments, paths: &Paths) -> anyhow::Result<()> {
        let without = arguments.otherwise().without;
        let of_stack = match &arguments.command {
            Some(Command::Serve(serving)) => serving.parameters.as_slice(),
            Some(
                Command::Scale(_)
                | Command::Crashes(_)
                | Command::Storm(_)
                | Command::Check(_)
                | Command::Report(_),
            )
            | None => &[],
        };
        if self.pipelines.is_none() && without.is_empty() && of_stack.is_empty() {
            return Ok(());
        }
        let file = self.pipelines.as_ref().map(|file| file.path.as_path());
        let file = file.unwrap_or(Path::new("config/pipelines.toml"));
        let mut parameters = play::published::everywhere();
        parameters.extend(of_stack.iter().cloned());
        let format = MessageFormat::Json;
        let template = play::template(paths, format, Mode::Deploy, None, "", &parameters, file)?;
        Iam::new(template.principals.clone(), &without).context("correct `--without`")?;
        match &self.pipelines {
            Some(file) => file.check(&template).await,
            None => Ok(()),
        }
    }
}

fn event_file(file: &Path) -> anyhow::Result<EventFile> {
    let in_file = || format!("read the event in `{}`", file.display());
    let text = std::fs::read_to_string(file).with_context(in_file)?;
    EventFile::parse(&text).with_context(in_file)
}

pub(crate) fn variable(name: &str) -> Option<OsString> {
    std::env::vars_os()
        .find(|(variable, _)| variable == name)
        .map(|(_, value)| value)
}
