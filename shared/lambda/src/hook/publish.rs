//! What a gate's verdict is published as.

use rules::config::Pipeline;
use rules::environment::Settings;
use rules::gate::{Gate, Verdict};
use rules::names::DeploymentId;
use rules::outcome::{Outcome, Subject};

use crate::Start;

/// The outcome that a verdict is published as, if any; `about` is none where the pipeline is not known.
pub fn outcome(
    gate: Gate,
    about: Option<(&Pipeline, &Subject)>,
    deployment: &DeploymentId,
    verdict: &Verdict,
) -> Option<Outcome> {
    let (reason, log) = match verdict {
        Verdict::Failed { reason, log } => (reason.clone(), Some(log.clone())),
        Verdict::KeptFromRunning { reason, log } => {
            let nothing_ran = Verdict::NothingRan(reason.clone());
            return Some(Outcome {
                log: log.clone(),
                ..outcome(gate, about, deployment, &nothing_ran)?
            });
        }
        Verdict::NothingRan(reason) => (reason.clone(), None),
        Verdict::Succeeded(_) | Verdict::TooLate(_) | Verdict::Later(_) | Verdict::Ignored(_) => {
            return None;
        }
    };
    let Some((pipeline, subject)) = about else {
        return Some(Outcome::gate_failed(gate, deployment, reason, log));
    };
    Some(match (gate, log) {
        (Gate::Migration, Some(log)) => Outcome::migration_failed(pipeline, subject, reason, log),
        (Gate::Migration, None) => Outcome::migration_did_not_run(pipeline, subject, reason),
        (Gate::TestTraffic, Some(_)) => Outcome::test_traffic_failed(pipeline, subject, reason),
        (Gate::TestTraffic, None) => Outcome::test_traffic_not_checked(pipeline, subject, reason),
        (Gate::ProductionTraffic, Some(_)) => {
            Outcome::production_traffic_failed(pipeline, subject, reason)
        }
        (Gate::ProductionTraffic, None) => {
            Outcome::production_traffic_not_checked(pipeline, subject, reason)
        }
    })
}

/// Where outcomes are published, even when the rest of the configuration is wrong.
pub(super) fn settings_of<T>(start: &Start<T>) -> Option<&Settings> {
    match start {
        Ok(started) => Some(&started.settings),
        Err(misconfigured) => misconfigured.settings.as_deref(),
    }
}
