//! `crashes`: plays every scenario repeatedly, each time with one fault at one of its calls, and judges the invariants.
//!
//! It covers all points rather than a sample. A short dwell keeps the real time of a play low; nothing else differs
//! from a rehearsal of the scenario.

mod table;

use std::fmt;
use std::time::Duration;

use anyhow::bail;
use futures_util::{StreamExt as _, stream};
use local_aws::assumption::Assumptions;
use local_aws::fault::{Fault, Planned, Point};
use local_aws::iam::Removal;
use record::counted;
use serde::Serialize;

use crate::command::crashing::Crashing;
use crate::play::{self, Paths, Played};
use crate::progress::{self, Output};
use crate::scenario::Catalogue;

/// The dwell before a clock jump: long enough for some requests in each phase of a deployment.
const DWELL: Duration = Duration::from_millis(25);
/// The pause of production's clients after an answer: concurrent plays would otherwise spend their time on requests.
const PAUSE: Duration = Duration::from_millis(100);
/// The number of mostly waiting plays for each busy one.
const WAITING: usize = 4;
/// Plays at a time for each processor: a play of a few seconds keeps one busy for a third of a second.
const JOBS: usize = 6;
/// How often a point that is not reached is played: the number of times that a function polls something that takes real
/// time differs between plays.
const PLAYS_AT_MOST: u32 = 3;

/// What was asked for leaves no point to play.
#[derive(Debug)]
pub(crate) struct NothingToPlay;

impl fmt::Display for NothingToPlay {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(
            "no function makes such a call in these scenarios (hint: `--call` takes `ecs:RunTask`, `--function` a binary's name)",
        )
    }
}

impl std::error::Error for NothingToPlay {}

/// The deviations from the scenarios, for all plays.
pub(crate) struct Otherwise {
    pub(crate) assumptions: Assumptions,
    pub(crate) without: Vec<Removal>,
}

/// One play: a scenario with a fault.
#[derive(Debug, Clone)]
struct Trial {
    scenario: String,
    planned: Planned,
}

/// The result of a play.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Held,
    Violated(Vec<String>),
    /// The function did not make that call in this play.
    NotReached,
    /// The play did not finish.
    BrokenOff(String),
}

/// A finished play.
#[derive(Debug, Clone, Serialize)]
struct Outcome {
    scenario: String,
    function: String,
    call: String,
    occurrence: u32,
    fault: &'static str,
    verdict: Verdict,
    /// Why the rest of the script was left out.
    cut_short: Option<String>,
    milliseconds: u64,
    /// The command that replays it with full progress.
    replay: String,
}

/// Plays all trials, and returns whether the invariants held at every point.
pub(crate) async fn crash(
    catalogue: &Catalogue,
    crashing: &Crashing,
    otherwise: &Otherwise,
    paths: &Paths,
    output: &Output,
    interrupted: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<bool> {
    tokio::select! {
        held = all(catalogue, crashing, otherwise, paths, output) => held,
        end = interrupted => end.and_then(|()| bail!("interrupted")),
    }
}

async fn all(
    catalogue: &Catalogue,
    crashing: &Crashing,
    otherwise: &Otherwise,
    paths: &Paths,
    output: &Output,
) -> anyhow::Result<bool> {
    let plays = Plays {
        catalogue,
        otherwise,
        paths,
        jobs: jobs(crashing),
    };
    let trials = plays.trials(crashing, output).await?;
    if trials.is_empty() {
        return Err(NothingToPlay.into());
    }
    output.text(&format!(
        "{}, {} at a time and {} that mostly wait\n",
        counted(trials.len(), "play", "plays"),
        plays.jobs,
        WAITING * plays.jobs
    ));
    let mut outcomes = Vec::with_capacity(trials.len());
    let waits = |trial: &&Trial| mostly_waits(trial.planned.fault);
    let (waiting, working): (Vec<_>, Vec<_>) = trials.iter().partition(waits);
    let lane = |trials: Vec<_>, at_a_time| {
        let outcomes = stream::iter(trials).map(|trial| plays.outcome(trial));
        outcomes.buffer_unordered(at_a_time)
    };
    let working = lane(working, plays.jobs);
    let mut played = stream::select(working, lane(waiting, WAITING * plays.jobs));
    while let Some(outcome) = played.next().await {
        let outcome = outcome?;
        output.text(&table::line(outcomes.len() + 1, trials.len(), &outcome));
        if crashing.json {
            progress::print(&serde_json::to_string(&outcome)?)?;
        }
        outcomes.push(outcome);
    }
    output.text(&table::summary(&outcomes));
    let is_well = |outcome: &Outcome| match outcome.verdict {
        Verdict::Held => true,
        Verdict::NotReached => !is_untried(outcome, &outcomes),
        Verdict::Violated(_) | Verdict::BrokenOff(_) => false,
    };
    Ok(outcomes.iter().all(is_well))
}

/// Plays in which functions wait in real time (for an answer that never comes, or before a retry) take long but need
/// little of the processor.
fn mostly_waits(fault: Fault) -> bool {
    match fault {
        Fault::TimedOut | Fault::Error | Fault::Throttled => true,
        Fault::KilledBefore | Fault::KilledAfter | Fault::Denied | Fault::AnswerLost => false,
    }
}

/// Whether no play let this fault meet this call of this function in this scenario: then nothing is proven. The number
/// of calls may differ between plays, but not whether the function makes the call at all.
fn is_untried(outcome: &Outcome, outcomes: &[Outcome]) -> bool {
    let is_same = |other: &Outcome| {
        (&other.scenario, &other.function, &other.call, other.fault)
            == (
                &outcome.scenario,
                &outcome.function,
                &outcome.call,
                outcome.fault,
            )
    };
    !outcomes
        .iter()
        .any(|other| other.verdict != Verdict::NotReached && is_same(other))
}

fn jobs(crashing: &Crashing) -> usize {
    let processors = || std::thread::available_parallelism().map_or(1, usize::from);
    crashing
        .jobs
        .map_or_else(|| JOBS * processors(), usize::from)
}

/// The settings of all plays.
struct Plays<'a> {
    catalogue: &'a Catalogue,
    otherwise: &'a Otherwise,
    paths: &'a Paths,
    jobs: usize,
}

impl Plays<'_> {
    /// Plays each scenario without a fault, and lists the faults that are possible in it.
    async fn trials(&self, crashing: &Crashing, output: &Output) -> anyhow::Result<Vec<Trial>> {
        let names = self.catalogue.names().into_iter();
        let wanted = names.filter(|name| is_among(&crashing.scenarios, name));
        let learned = stream::iter(wanted)
            .map(async |name| anyhow::Ok((name, self.points(name, crashing).await?)))
            .buffered(self.jobs);
        let learned: Vec<_> = learned.collect().await;
        let mut trials = Vec::new();
        for learned in learned {
            let (name, points) = learned?;
            output.text(&format!(
                "{name}: {}",
                counted(points.len(), "point", "points")
            ));
            for (point, fault) in points.iter().flat_map(|point| with_faults(point, crashing)) {
                trials.push(Trial {
                    scenario: name.to_owned(),
                    planned: Planned { point, fault },
                });
            }
        }
        Ok(trials)
    }

    async fn points(&self, scenario: &str, crashing: &Crashing) -> anyhow::Result<Vec<Point>> {
        let played = self.play(scenario, &[]).await?;
        if let Some(error) = played.broken_off {
            return Err(error.context(format!("play `{scenario}` without a fault")));
        }
        let is_wanted = |point: &Point| {
            is_among(&crashing.functions, &point.function)
                && is_among(&crashing.calls, &point.operation)
        };
        let mut points = played.points;
        points.retain(is_wanted);
        points.sort_unstable();
        Ok(points)
    }

    async fn outcome(&self, trial: &Trial) -> anyhow::Result<Outcome> {
        let mut plays = 1;
        let mut played = self.play_trial(trial).await?;
        while played.broken_off.is_none() && played.injected.is_empty() && plays < PLAYS_AT_MOST {
            played = self.play_trial(trial).await?;
            plays += 1;
        }
        let milliseconds = played.record.real_milliseconds;
        let cut_short = played.cut_short.clone();
        let Planned { point, fault } = trial.planned.clone();
        Ok(Outcome {
            scenario: trial.scenario.clone(),
            function: point.function,
            call: point.operation,
            occurrence: point.occurrence,
            fault: fault.name(),
            verdict: verdict(played),
            cut_short,
            milliseconds,
            replay: self.replay(trial),
        })
    }

    async fn play_trial(&self, trial: &Trial) -> anyhow::Result<Played> {
        self.play(&trial.scenario, std::slice::from_ref(&trial.planned))
            .await
    }

    async fn play(&self, name: &str, faults: &[Planned]) -> anyhow::Result<Played> {
        let mut scenario = self.catalogue.scenario(name)?;
        scenario.setting.assumptions = self.otherwise.assumptions.clone();
        scenario
            .setting
            .without
            .extend(self.otherwise.without.iter().cloned());
        scenario.setting.dwell = DWELL;
        scenario.setting.pause = PAUSE;
        scenario.setting.faults = faults.to_vec();
        play::isolated(scenario, self.paths.clone()).await
    }

    fn replay(&self, trial: &Trial) -> String {
        let assumed = self.otherwise.assumptions.names().into_iter();
        let assumed = assumed.map(|name| format!(" --assume {name}"));
        let without = self.otherwise.without.iter();
        let without = without.map(|removal| format!(" --without {removal}"));
        format!(
            "cargo rehearse {} --fault {} --dwell {}{}",
            trial.scenario,
            trial.planned,
            DWELL.as_millis(),
            assumed.chain(without).collect::<String>()
        )
    }
}

/// An empty selection means everything.
fn is_among(wanted: &[String], name: &str) -> bool {
    wanted.is_empty() || wanted.iter().any(|wanted| wanted == name)
}

fn with_faults(point: &Point, crashing: &Crashing) -> Vec<(Point, Fault)> {
    let wanted = |fault: &&Fault| crashing.faults.is_empty() || crashing.faults.contains(fault);
    let faults = Fault::ALL.iter().filter(wanted);
    faults.map(|fault| (point.clone(), *fault)).collect()
}

fn verdict(played: Played) -> Verdict {
    if let Some(error) = played.broken_off {
        return Verdict::BrokenOff(format!("{error:#}"));
    }
    if played.injected.is_empty() {
        return Verdict::NotReached;
    }
    let record = &played.record;
    let violations = record.violations.iter();
    let violations = violations.filter(|violation| !record.excuses(violation));
    let violations: Vec<String> = violations.map(ToString::to_string).collect();
    if violations.is_empty() {
        Verdict::Held
    } else {
        Verdict::Violated(violations)
    }
}
