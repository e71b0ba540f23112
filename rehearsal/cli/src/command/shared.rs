//! Options that several commands share; each command includes only those that it uses.

use std::path::PathBuf;

use local_aws::assumption::{Assumption, Assumptions};
use local_aws::iam::Removal;
use local_aws::named::UnknownName;

use crate::binaries::Profile;

/// The binaries to rehearse.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Build {
    /// How the functions are built: `dev` is quick, `release` is what ships; by default as this program was
    #[arg(long, value_enum, conflicts_with = "binaries")]
    pub(crate) profile: Option<Profile>,

    /// A folder with the built functions and the sample service, instead of building them
    #[arg(long, value_name = "DIR")]
    pub(crate) binaries: Option<PathBuf>,

    /// The workspace: `template.yaml`, `config/`, the functions' sources
    #[arg(long, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,
}

/// Deviations from the usual AWS.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Otherwise {
    /// Assume the second of two possible behaviours where AWS's is not confirmed; `all` assumes every second one
    #[arg(long, value_name = "WHAT", value_parser = assumption)]
    pub(crate) assume: Vec<Assumed>,

    /// Remove a permission, as in `run-migration:ecs:RunTask`; append `=ARN` to remove it for one resource only
    #[arg(long, value_name = "FUNCTION:ACTION")]
    pub(crate) without: Vec<Removal>,
}

/// Custom pipelines.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct CustomPipelines {
    /// Play with custom pipelines: the world is built from this file
    #[arg(long, value_name = "FILE")]
    pub(crate) pipelines: Option<PathBuf>,
}

/// The recording of one world's calls.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Recording {
    /// Record every call to the local AWS as it was sent, including task definitions: one JSON object per line
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
