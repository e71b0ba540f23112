//! A terminal: its colours, and the text before and after the lines of a run.

use std::time::Duration;

use record::Record;
use record::timeline::{self, ListenerKind};

use crate::line::{Tone, duration};
use crate::standing::Standing;

/// Whether lines have colours: only on terminals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colours {
    On,
    Off,
}

/// The scenario's name and summary, before the run.
pub fn begin(scenario: &str, summary: &str, colours: Colours) -> String {
    format!("{}: {summary}\n", colours.paint(Tone::Strong, scenario))
}

/// Whether everything was as expected.
pub fn verdict(record: &Record, colours: Colours) -> String {
    let claim = |claim: &String| {
        let mut problems = record.problems.iter();
        match problems.find(|problem| problem.expected == *claim) {
            None => format!("  {}  {claim}\n", colours.paint(Tone::Good, "holds ")),
            Some(problem) => {
                let failed = colours.paint(Tone::Bad, "failed");
                let found = &problem.found;
                format!("  {failed}  {claim}\n          found: {found}\n")
            }
        }
    };
    let claims: String = record.claims.iter().map(claim).collect();
    let verdict = if record.as_expected {
        colours.paint(Tone::Good, "as expected")
    } else {
        colours.paint(Tone::Bad, "not as expected")
    };
    let simulated = duration(Duration::from_secs(record.simulated_seconds));
    let real = Duration::from_millis(record.real_milliseconds).as_secs_f64();
    format!(
        "\n{claims}\n{}: {verdict} ({simulated} of simulated time in {real:.1} s)",
        record.scenario
    )
}

impl Colours {
    pub(crate) fn paint(self, tone: Tone, text: &str) -> String {
        let code = match (self, tone) {
            (Colours::Off, _) | (Colours::On, Tone::Plain) => return text.to_owned(),
            (Colours::On, Tone::Strong) => "1",
            (Colours::On, Tone::Good) => "32",
            (Colours::On, Tone::Bad) => "31",
            (Colours::On, Tone::Faint) => "2",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

/// Before production shifts, and when a deployment ends, report which versions served.
pub fn shows_a_phase(event: &timeline::Event) -> bool {
    match event {
        timeline::Event::Weights {
            listener: ListenerKind::Production,
            ..
        } => true,
        timeline::Event::DeploymentStatus { status, .. } => Standing::of(status).is_end(),
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
        | timeline::Event::Pause { .. }
        | timeline::Event::TaskStarted { .. }
        | timeline::Event::TaskStopped { .. }
        | timeline::Event::AlarmState { .. }
        | timeline::Event::MessagePublished { .. }
        | timeline::Event::CallRefused { .. }
        | timeline::Event::FaultInjected { .. }
        | timeline::Event::TimeSkipped { .. }
        | timeline::Event::NothingRuns { .. }
        | timeline::Event::ProgramFailed { .. }
        | timeline::Event::EventArrived { .. }
        | timeline::Event::FunctionInvoked { .. }
        | timeline::Event::FunctionEnded { .. } => false,
    }
}
