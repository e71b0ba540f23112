//! The arguments of `scale`.

use clap::value_parser;

use super::shared::{Build, Otherwise, Recording};

pub(crate) const AFTER_HELP: &str = "\
Every service runs one task, a process of the sample service, and a second one while it is deployed. Two hundred services \
need some four gigabytes and, on two processors, a quarter of an hour: a function's waits take real time.

Examples:
  cargo rehearse scale --profile release
  cargo rehearse scale --services 20 --pushes 60
  cargo rehearse scale --json | jq .figures

Exit status:
  0  everything ended as expected
  1  it did not, or the burst could not be played
  2  wrong usage";

/// The arguments of `scale`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Scale {
    /// Services that follow the base image
    #[arg(long, default_value_t = 200, value_parser = value_parser!(u32).range(1..=500))]
    pub(crate) services: u32,

    /// Pushes of the base image
    #[arg(long, default_value_t = 1000, value_parser = value_parser!(u32).range(1..=6000))]
    pub(crate) pushes: u32,

    /// Seconds over which the pushes are spread
    #[arg(long, default_value_t = 60, value_parser = value_parser!(u32).range(1..=600))]
    pub(crate) within: u32,

    #[command(flatten)]
    pub(crate) otherwise: Otherwise,

    #[command(flatten)]
    pub(crate) recording: Recording,

    #[command(flatten)]
    pub(crate) build: Build,

    /// Print the figures as one JSON object on stdout; progress goes to stderr
    #[arg(long)]
    pub(crate) json: bool,
}
