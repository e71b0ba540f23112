//! Storms: many deployments under random faults, in two phases. First anything may fail: events, calls, versions,
//! people; then nothing fails any more, and everything must converge. The invariants are judged on the final state of
//! the world.
//!
//! The seed is the only source of randomness. Simulated time stands still while real work runs, each storm has one
//! thread, and faults are addressed by counting the calls and deliveries of each service. A replayed seed therefore
//! goes the same way, nearly always to the last call; equal fingerprints confirm it.

pub(crate) mod plan;
mod scenario;
mod words;

#[cfg(test)]
mod tests;

use std::ops::Range;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures_util::StreamExt;
use futures_util::stream;
use record::{Violation, counted};
use serde::Serialize;

use self::plan::Plan;
use crate::command::storming::Storming;
use crate::play::{self, Paths, Played};
use crate::progress::{self, Output};
use crate::report_file::ReportFile;

/// The interval of progress lines while many storms are played.
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// The result of one storm.
#[derive(Debug, Clone, Serialize)]
struct Storm {
    seed: u64,
    violations: Vec<Violation>,
    /// Why it did not finish.
    broken_off: Option<String>,
    deployments: usize,
    requests: u64,
    simulated_seconds: u64,
    real_milliseconds: u64,
    /// Faults that were injected into calls.
    faults: usize,
    /// Equal for storms that went the same way.
    fingerprint: String,
}

/// The results of all storms.
#[derive(Debug, Serialize)]
struct Summary {
    storms: Vec<Storm>,
    real_seconds: f64,
    storms_a_minute: f64,
}

/// Plays the requested seeds; fails if anything did not hold.
pub(crate) async fn storm(
    storming: &Storming,
    report: Option<ReportFile>,
    paths: &Paths,
    output: &Output,
    interrupted: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<ExitCode> {
    match storming.seed {
        Some(seed) => one(seed, storming, report, paths, output, interrupted),
        None => {
            tokio::select! {
                ended = many(storming.seeds.clone(), storming, paths, output) => ended,
                why = interrupted => why.and(Err(anyhow::anyhow!("interrupted"))),
            }
        }
    }
}

/// One storm, with full progress.
fn one(
    seed: u64,
    storming: &Storming,
    mut report: Option<ReportFile>,
    paths: &Paths,
    output: &Output,
    interrupted: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<ExitCode> {
    let plan = Plan::of(seed);
    output.text(&format!("{}\n", words::plan(&plan)));
    let scenario = scenario::scenario(&plan);
    let played = play::inline(&scenario, paths, output, interrupted)?;
    if let Some(report) = &mut report {
        report.write(&report::page(&played.record))?;
    }
    output.text(&format!("fingerprint {}", played.fingerprint));
    if storming.json {
        progress::print(&serde_json::to_string_pretty(&played.record)?)?;
    }
    match incomplete(&played) {
        Some(reason) => Err(anyhow::anyhow!(reason)),
        None if played.record.violations.is_empty() => Ok(ExitCode::SUCCESS),
        None => Ok(ExitCode::FAILURE),
    }
}

/// Many storms, several at a time.
async fn many(
    seeds: Range<u64>,
    storming: &Storming,
    paths: &Paths,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let (all, start) = (seeds.end - seeds.start, Instant::now());
    let mut told_at = start;
    let mut storms = Vec::new();
    let mut playing = stream::iter(seeds)
        .map(|seed| quietly(seed, paths))
        .buffer_unordered(storming.jobs());
    while let Some(storm) = playing.next().await {
        let storm = storm?;
        if storm.failed() {
            output.text(&complaint(&storm));
        }
        storms.push(storm);
        if told_at.elapsed() >= TOLD_EVERY {
            told_at = Instant::now();
            output.text(&format!(
                "{} of {}",
                storms.len(),
                counted(all, "storm", "storms")
            ));
        }
    }
    storms.sort_by_key(|storm| storm.seed);
    let seconds = start.elapsed().as_secs_f64();
    let summary = Summary {
        storms_a_minute: count(storms.len()) / seconds * 60.0,
        real_seconds: seconds,
        storms,
    };
    output.text(&in_short(&summary));
    if storming.json {
        progress::print(&serde_json::to_string_pretty(&summary)?)?;
    }
    let failed = summary.storms.iter().any(Storm::failed);
    Ok(if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// One of many storms, without progress.
async fn quietly(seed: u64, paths: &Paths) -> anyhow::Result<Storm> {
    let plan = Plan::of(seed);
    let scenario = scenario::scenario(&plan);
    let paths = Paths {
        wire: None,
        ..paths.clone()
    };
    // A failure to build the world says nothing about the invariants.
    let played = play::isolated(scenario, paths).await;
    let played = played.with_context(|| format!("seed {seed}"))?;
    Ok(Storm::of(seed, &played))
}

impl Storm {
    fn of(seed: u64, played: &Played) -> Storm {
        let record = &played.record;
        Storm {
            seed,
            violations: record.violations.clone(),
            broken_off: incomplete(played),
            deployments: record.deployments.len(),
            requests: record.production.requests,
            simulated_seconds: record.simulated_seconds,
            real_milliseconds: record.real_milliseconds,
            faults: played.injected.len(),
            fingerprint: played.fingerprint.clone(),
        }
    }

    fn failed(&self) -> bool {
        self.broken_off.is_some() || !self.violations.is_empty()
    }
}

/// Why a storm was not played to its end. A storm with a cut script has not calmed down, so invariants that hold prove
/// nothing.
fn incomplete(played: &Played) -> Option<String> {
    let broken_off = played.broken_off.as_ref();
    let cut_short = || {
        let reason = played.cut_short.as_ref()?;
        Some(format!("the rest of the script was left out: {reason}"))
    };
    broken_off
        .map(|error| format!("{error:#}"))
        .or_else(cut_short)
}

/// The failures of a storm, and the command to replay it.
fn complaint(storm: &Storm) -> String {
    let mut lines = vec![words::plan(&Plan::of(storm.seed))];
    let found = storm.violations.iter().map(ToString::to_string);
    lines.extend(found.map(|violation| format!("  violated: {violation}")));
    let broken_off = storm.broken_off.iter();
    lines.extend(broken_off.map(|reason| format!("  broken off: {reason}")));
    lines.push(format!(
        "replay with `cargo rehearse storm --seed {}` (fingerprint {})\n",
        storm.seed, storm.fingerprint
    ));
    lines.join("\n")
}

fn in_short(summary: &Summary) -> String {
    let storms = &summary.storms;
    let failed = storms.iter().filter(|storm| storm.failed()).count();
    let sum = |of: fn(&Storm) -> u64| storms.iter().map(of).sum::<u64>();
    format!(
        "{}, {failed} with violations: {}, {} of calls, {} to production, {} of simulated time, in {:.0} s ({:.0} a minute)",
        counted(storms.len(), "storm", "storms"),
        counted(
            storms.iter().map(|storm| storm.deployments).sum::<usize>(),
            "deployment",
            "deployments"
        ),
        counted(
            storms.iter().map(|storm| storm.faults).sum::<usize>(),
            "fault",
            "faults"
        ),
        counted(sum(|storm| storm.requests), "request", "requests"),
        counted(sum(|storm| storm.simulated_seconds) / 3600, "hour", "hours"),
        summary.real_seconds,
        summary.storms_a_minute,
    )
}

/// Converts a count for division.
fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::INFINITY, f64::from)
}
