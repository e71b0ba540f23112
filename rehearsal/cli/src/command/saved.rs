//! What `check` and `report` take: the record of a run that was played before.

use std::path::PathBuf;

pub(crate) const AFTER_CHECK: &str = "\
A record is what a scenario prints with `--json`. Nothing is built or played: the eight invariants are judged on the record
alone, and the scenario's own claims where it is one of `--list`. Claims of others, such as your own pipelines', stay as they
were judged. What the scenario was excused from it is excused from again.

Examples:
  cargo rehearse ship --json > ship.json
  cargo rehearse check ship.json                          what the play itself said at its end
  cargo rehearse check ship.json --json                   the record with its verdict, for programs
  cargo rehearse storm --seed 7 --json | cargo rehearse check -    `-` is standard input

Exit status:
  0  everything was as expected
  1  something was not, or the run was broken off
  2  wrong usage: a file that cannot be read, or that is not a record";

pub(crate) const AFTER_REPORT: &str = "\
A record is what a scenario prints with `--json`. Nothing is built or played: the page is the one that `--report` would have
written when the record was made.

Examples:
  cargo rehearse ship --json > ship.json
  cargo rehearse report ship.json --output ship.html
  cargo rehearse report ship.json > ship.html             without `--output` the page goes to stdout
  cargo rehearse ship --json | cargo rehearse report - --output ship.html    `-` is standard input

Exit status:
  0  the page was written
  1  it could not be written to its end
  2  wrong usage: a record that cannot be read, a file that is not one, an output that cannot be written to";

/// The arguments of `check`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Check {
    /// A record that `--json` printed; `-` is standard input
    #[arg(value_name = "RECORD")]
    pub(crate) record: PathBuf,

    /// Print the record with its verdict as one JSON object on stdout; the verdict in words goes to stderr
    #[arg(long)]
    pub(crate) json: bool,
}

/// The arguments of `report`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Report {
    /// A record that `--json` printed; `-` is standard input
    #[arg(value_name = "RECORD")]
    pub(crate) record: PathBuf,

    /// The file that the page goes to; stdout unless told otherwise
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}
