//! The arguments of `check` and `report`: the record of an earlier run.

use std::path::PathBuf;

pub(crate) const AFTER_CHECK: &str = "\
A scenario prints a record with `--json`. Nothing is built or played: the record alone is judged by the eight \
invariants, and by the claims of its scenario if `--list` has it with the same claims. Other claims, such as those of \
custom pipelines, keep their verdicts. Invariants that the scenario excused stay excused.

Examples:
  cargo rehearse ship --json > ship.json
  cargo rehearse check ship.json                          the verdict of the play itself
  cargo rehearse check ship.json --json                   the record with its verdict, for programs
  cargo rehearse storm --seed 7 --json | cargo rehearse check -    `-` is standard input

Exit status:
  0  the run met all expectations
  1  it did not, or the run was broken off
  2  wrong usage: a file that cannot be read, or that is not a record";

pub(crate) const AFTER_REPORT: &str = "\
A scenario prints a record with `--json`. Nothing is built or played: the page is the one that `--report` would have \
written during the run.

Examples:
  cargo rehearse ship --json > ship.json
  cargo rehearse report ship.json --output ship.html
  cargo rehearse report ship.json > ship.html             without `--output` the page goes to stdout
  cargo rehearse ship --json | cargo rehearse report - --output ship.html    `-` is standard input

Exit status:
  0  the page was written
  1  the page could not be written completely
  2  wrong usage: an unreadable record, a file that is not a record, an unwritable output";

/// The arguments of `check`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Check {
    /// A record that `--json` printed; `-` is standard input
    #[arg(value_name = "RECORD")]
    pub(crate) record: PathBuf,

    /// Print the record with its verdict as one JSON object on stdout; the verdict as text goes to stderr
    #[arg(long)]
    pub(crate) json: bool,
}

/// The arguments of `report`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Report {
    /// A record that `--json` printed; `-` is standard input
    #[arg(value_name = "RECORD")]
    pub(crate) record: PathBuf,

    /// The file for the page [default: stdout]
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}
