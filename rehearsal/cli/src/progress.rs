//! The progress of a run: one line for each event, with the simulated time.

use std::io::{self, Write};
use std::sync::Mutex;
use std::time::SystemTime;

use local_aws::timeline::Entry;
use record::{Record, Seen, counted};
use report::{Colours, Line};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use crate::scenario::Scenario;

/// Prints a result, and ignores a closed pipe: `head` closes it when it has read enough.
pub(crate) fn print(text: &str) -> io::Result<()> {
    match writeln!(io::stdout(), "{text}") {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        printed => printed,
    }
}

/// The destination of progress. Readable when piped: one line at a time, no cursor movements, colours only on
/// terminals.
pub(crate) struct Output {
    writer: Mutex<Box<dyn Write + Send>>,
    colours: Colours,
}

impl Output {
    pub(crate) fn new(writer: Box<dyn Write + Send>, colours: Colours) -> Output {
        Output {
            writer: Mutex::new(writer),
            colours,
        }
    }

    /// Discards progress.
    pub(crate) fn silent() -> Output {
        Output::new(Box::new(std::io::sink()), Colours::Off)
    }

    pub(crate) fn line(&self, line: &Line) {
        self.text(&line.render(self.colours));
    }

    /// A separate line, without a time.
    pub(crate) fn text(&self, text: &str) {
        let mut writer = self
            .writer
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        // The reader is gone (`| head`): the run continues for the sake of its result.
        let _ = writeln!(writer, "{text}").and_then(|()| writer.flush());
    }

    /// The scenario's name and summary, before the run.
    pub(crate) fn begin(&self, scenario: &Scenario) {
        self.text(&report::begin(
            &scenario.name,
            &scenario.summary,
            self.colours,
        ));
    }

    /// The verdict.
    pub(crate) fn end(&self, record: &Record) {
        self.text(&report::verdict(record, self.colours));
    }
}

/// Prints every event until the timeline ends. `production` returns what the client has seen so far.
pub(crate) async fn watch(
    output: &Output,
    mut timeline: Receiver<Entry>,
    start: SystemTime,
    production: impl Fn() -> Seen,
) {
    let mut told = Seen::default();
    loop {
        match timeline.recv().await {
            Ok(entry) => {
                let at = entry.at.duration_since(start).unwrap_or_default();
                if report::shows_a_phase(&entry.event) {
                    let seen = production();
                    if seen.requests > told.requests {
                        output.line(&report::served(at, &seen, &told));
                    }
                    told = seen;
                }
                if let Some(line) = Line::of(at, &entry.event) {
                    output.line(&line);
                }
            }
            Err(RecvError::Lagged(missed)) => output.text(&format!(
                "({} went by too fast)",
                counted(missed, "entry", "entries")
            )),
            Err(RecvError::Closed) => return,
        }
    }
}
