//! What people see of a run while it goes on: one line for each thing that happens, with the simulated time.

use std::io::{self, Write};
use std::sync::Mutex;
use std::time::SystemTime;

use local_aws::timeline::Entry;
use record::{Record, Seen};
use report::{Colours, Line};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use crate::scenario::Scenario;

/// Prints a result, for as long as somebody reads: `head` closes the pipe when it has had enough.
pub(crate) fn print(text: &str) -> io::Result<()> {
    match writeln!(io::stdout(), "{text}") {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        printed => printed,
    }
}

/// Where progress goes. Readable when piped: one line at a time, no cursor movements, colours on terminals only.
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

    /// For what nobody watches.
    pub(crate) fn silent() -> Output {
        Output::new(Box::new(std::io::sink()), Colours::Off)
    }

    pub(crate) fn line(&self, line: &Line) {
        self.text(&line.render(self.colours));
    }

    /// A line of its own, without a time.
    pub(crate) fn text(&self, text: &str) {
        let mut writer = self
            .writer
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        // Nobody reads any more (`| head`): the run goes on for the sake of its result.
        let _ = writeln!(writer, "{text}").and_then(|()| writer.flush());
    }

    /// What is played, before it begins.
    pub(crate) fn begin(&self, scenario: &Scenario) {
        self.text(&report::begin(
            &scenario.name,
            &scenario.summary,
            self.colours,
        ));
    }

    /// Whether everything was as expected.
    pub(crate) fn end(&self, record: &Record) {
        self.text(&report::verdict(record, self.colours));
    }
}

/// Tells everything that happens until nothing more can. `production` looks at what the client has seen so far.
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
            Err(RecvError::Lagged(missed)) => {
                output.text(&format!("({missed} entries went by too fast)"))
            }
            Err(RecvError::Closed) => return,
        }
    }
}
