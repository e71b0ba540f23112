//! Options that several commands take; each command has those that it honours, and no other.

use std::path::PathBuf;

use local_aws::assumption::{Assumption, Assumptions};
use local_aws::iam::Removal;
use local_aws::named::UnknownName;

use crate::binaries::Profile;

/// Which binaries are rehearsed.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Build {
    /// How the functions are built: `dev` is quick, `release` is what ships; by default as this program was
    #[arg(long, value_enum, conflicts_with = "binaries")]
    pub(crate) profile: Option<Profile>,

    /// A folder with the built functions and the sample service; nothing is built then
    #[arg(long, value_name = "DIR")]
    pub(crate) binaries: Option<PathBuf>,

    /// The workspace: `template.yaml`, `config/`, the functions' sources
    #[arg(long, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,
}

/// How AWS is otherwise than usual.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Otherwise {
    /// Play the second of two possibilities where AWS's behaviour is not confirmed; `all` takes every second one
    #[arg(long, value_name = "WHAT", value_parser = assumption)]
    pub(crate) assume: Vec<Assumed>,

    /// Take a permission away, as in `run-migration:ecs:RunTask`; `=ARN` behind it takes it for one resource only
    #[arg(long, value_name = "FUNCTION:ACTION")]
    pub(crate) without: Vec<Removal>,
}

/// Somebody's own pipelines.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct CustomPipelines {
    /// Play it with pipelines of your own: the world is made as this file wants it
    #[arg(long, value_name = "FILE")]
    pub(crate) pipelines: Option<PathBuf>,
}

/// The recording of one world.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Recording {
    /// Write every call to the local AWS down, as it went over the wire, task definitions included: one JSON object a line
    #[arg(long, value_name = "FILE")]
    pub(crate) wire: Option<PathBuf>,
}

/// A value of `--assume`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Assumed {
    All,
    One(Assumption),
}

impl Otherwise {
    pub(crate) fn assumptions(&self) -> Assumptions {
        let of = |assumed: &Assumed| match assumed {
            Assumed::All => Assumption::ALL.to_vec(),
            Assumed::One(assumption) => vec![*assumption],
        };
        self.assume.iter().flat_map(of).collect()
    }
}

fn assumption(given: &str) -> Result<Assumed, String> {
    if given == "all" {
        return Ok(Assumed::All);
    }
    given.parse().map(Assumed::One).map_err(|_: UnknownName| {
        let line = |assumption: &Assumption| {
            format!("  {:<36}{}", assumption.name(), assumption.meaning())
        };
        let lines: Vec<String> = Assumption::ALL.iter().map(line).collect();
        format!("expected `all` or one of\n{}", lines.join("\n"))
    })
}
