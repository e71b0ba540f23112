//! `--infrastructure`: CloudFormation templates of the user's.

use std::path::PathBuf;

/// Templates, and their parameters.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct GivenInfrastructure {
    /// Make the stacks of CloudFormation templates such as those of examples/infrastructure, and deploy a push in them; repeat it, each
    /// file behind those whose outputs it needs
    #[arg(long, value_name = "FILE", conflicts_with = "event")]
    pub(crate) infrastructure: Vec<PathBuf>,

    /// Give the templates this parameter, as in `Strategy=ROLLING`
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = given_parameter)]
    pub(crate) parameters: Vec<(String, String)>,
}

pub(super) fn given_parameter(given: &str) -> Result<(String, String), String> {
    let parts = given.split_once('=');
    let (name, value) = parts.ok_or_else(|| "expected NAME=VALUE".to_owned())?;
    Ok((name.to_owned(), value.to_owned()))
}
