//! What people see of a run while it goes on: one line for each thing that happens, with the simulated time.

mod line;

use std::io::{self, Write};
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use local_aws::timeline::{self, Entry, ListenerKind};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use crate::record::Record;
use crate::scenario::Scenario;
use crate::traffic::Seen;

pub(crate) use line::{Line, Tone};

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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colours {
    On,
    Off,
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
        self.text(&format!(
            "{}: {}\n",
            self.colours.paint(Tone::Strong, &scenario.name),
            scenario.summary
        ));
    }

    /// Whether everything was as expected.
    pub(crate) fn end(&self, scenario: &Scenario, record: &Record) {
        self.text("");
        for expectation in &scenario.expectations {
            match record
                .problems
                .iter()
                .find(|problem| problem.expected == expectation.claim)
            {
                None => self.text(&format!(
                    "  {}  {}",
                    self.colours.paint(Tone::Good, "holds "),
                    expectation.claim
                )),
                Some(problem) => {
                    let failed = self.colours.paint(Tone::Bad, "failed");
                    self.text(&format!(
                        "  {failed}  {}\n          found: {}",
                        problem.expected, problem.found
                    ));
                }
            }
        }
        let verdict = if record.as_expected {
            self.colours.paint(Tone::Good, "as expected")
        } else {
            self.colours.paint(Tone::Bad, "not as expected")
        };
        let simulated = line::duration(Duration::from_secs(record.simulated_seconds));
        let real = Duration::from_millis(record.real_milliseconds).as_secs_f64();
        self.text(&format!(
            "\n{}: {verdict} ({simulated} of simulated time in {real:.1} s)",
            scenario.name
        ));
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
                if shows_a_phase(&entry.event) {
                    let seen = production();
                    if seen.requests > told.requests {
                        output.line(&line::served(at, &seen, &told));
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

/// Before production goes elsewhere, and when a deployment ends, it is time to say who served.
fn shows_a_phase(event: &timeline::Event) -> bool {
    match event {
        timeline::Event::Weights {
            listener: ListenerKind::Production,
            ..
        } => true,
        timeline::Event::DeploymentStatus { status, .. } => {
            matches!(*status, "Succeeded" | "Failed" | "Stopped")
        }
        timeline::Event::Weights {
            listener: ListenerKind::Test,
            ..
        }
        | timeline::Event::ImagePushed { .. }
        | timeline::Event::RevisionRegistered { .. }
        | timeline::Event::DeploymentCreated { .. }
        | timeline::Event::LifecycleEvent { .. }
        | timeline::Event::HookCalled { .. }
        | timeline::Event::HookAnswered { .. }
        | timeline::Event::TaskStarted { .. }
        | timeline::Event::TaskStopped { .. }
        | timeline::Event::AlarmState { .. }
        | timeline::Event::MessagePublished { .. }
        | timeline::Event::CallRefused { .. }
        | timeline::Event::FaultInjected { .. }
        | timeline::Event::TimeSkipped { .. }
        | timeline::Event::FunctionInvoked { .. }
        | timeline::Event::FunctionEnded { .. } => false,
    }
}
