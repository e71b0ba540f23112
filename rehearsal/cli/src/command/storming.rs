//! The arguments of `storm`.

use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::PathBuf;
use std::thread;

use anyhow::{Context as _, ensure};

use super::shared::Build;

pub(crate) const AFTER_HELP: &str = "\
A storm is drawn from its seed: pipelines, pushes, tag moves, broken and slow versions, alarms; people who stop, \
continue and send requests; events that are lost, late, duplicated or refused; calls to AWS that kill the function, fail \
or go unanswered. Then the faults end, hourly reconciliations run, and the eight invariants must hold. A replayed seed \
goes the same way, nearly always to the last call; equal fingerprints, which are printed, confirm it.

Examples:
  cargo rehearse storm --seeds 1..200                     many, several at a time; prints those that failed
  cargo rehearse storm --seed 7                           one, with full progress
  cargo rehearse storm --seed 7 --report storm.html       a report of the storm
  cargo rehearse storm --seed 7 --wire storm.jsonl        every call with its bytes
  cargo rehearse --profile release storm --seeds 1..2000  with the very binaries that ship

Exit status:
  0  the invariants held in every storm
  1  an invariant was violated, or a storm was broken off
  2  wrong usage";

/// The default seeds.
const SEEDS: &str = "1..25";
/// Storms at a time for each processor: a storm computes for a tenth of its duration, and needs some 60 MB
/// beside 200 MB that all share.
const STORMS_A_PROCESSOR: usize = 10;

/// The arguments of `storm`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Storming {
    /// The seeds to play, excluding the last
    #[arg(long, value_name = "A..B", default_value = SEEDS, value_parser = given_seeds)]
    pub(crate) seeds: Range<u64>,

    /// Play one seed, and print everything that happens
    #[arg(long, value_name = "N", conflicts_with_all = ["seeds", "jobs"])]
    pub(crate) seed: Option<u64>,

    /// Storms at a time, each with some 60 MB of memory beside the 200 MB that all share [default: ten for each
    /// processor]
    #[arg(long, value_name = "N")]
    pub(crate) jobs: Option<NonZeroUsize>,

    /// Print the results of the storms as one JSON object on stdout, with `--seed` the record of that storm; progress goes to
    /// stderr
    #[arg(long)]
    pub(crate) json: bool,

    /// Write a report of one storm as an HTML page
    #[arg(long, value_name = "FILE", requires = "seed")]
    pub(crate) report: Option<PathBuf>,

    /// Record every call of one storm to the local AWS as it was sent
    #[arg(long, value_name = "FILE", requires = "seed")]
    pub(crate) wire: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) build: Build,
}

impl Storming {
    pub(crate) fn jobs(&self) -> usize {
        let processors = || thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let own = || processors() * STORMS_A_PROCESSOR;
        self.jobs.map_or_else(own, NonZeroUsize::get)
    }
}

fn given_seeds(given: &str) -> Result<Range<u64>, String> {
    // Clap prints one sentence, without causes.
    seeds(given).map_err(|error| format!("{error:#}"))
}

fn seeds(given: &str) -> anyhow::Result<Range<u64>> {
    let expected = || "expected A..B, as in `1..200`";
    let (from, to) = given.split_once("..").with_context(expected)?;
    let from: u64 = from.parse().ok().with_context(expected)?;
    let to: u64 = to.parse().ok().with_context(expected)?;
    ensure!(from < to, "`{given}` contains no seed, expected A below B");
    Ok(from..to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_a_range_that_holds_some() {
        assert_eq!(seeds("1..200").unwrap(), 1..200);
        for wrong in ["", "7", "a..b", "1..=2", "2..2", "3..1"] {
            let error = seeds(wrong).unwrap_err().to_string();
            assert!(error.contains("expected A"), "{wrong}: {error}");
        }
    }
}
