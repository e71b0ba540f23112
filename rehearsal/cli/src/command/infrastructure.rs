//! `--infrastructure`: CloudFormation templates of the user's.

use std::path::PathBuf;

use local_aws::acm::is_domain;

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

    /// Name a certificate that the templates do not make, and the names in it, as in `arn:aws:acm:…=shop.example.com,*.example.com`
    #[arg(long = "certificate", value_name = "ARN=NAMES", value_parser = given_certificate)]
    pub(crate) certificates: Vec<(String, Vec<String>)>,
}

pub(super) fn given_parameter(given: &str) -> Result<(String, String), String> {
    let parts = given.split_once('=');
    let (name, value) = parts.ok_or_else(|| "expected NAME=VALUE".to_owned())?;
    Ok((name.to_owned(), value.to_owned()))
}

fn given_certificate(given: &str) -> Result<(String, Vec<String>), String> {
    let expected =
        "expected an ARN of ACM's, `=`, and the names in the certificate with commas between them";
    let (arn, names) = given.split_once('=').ok_or(expected)?;
    let names: Vec<String> = names
        .split(',')
        .map(|name| name.trim().to_owned())
        .collect();
    match names.iter().find(|name| !is_domain(name)) {
        Some(wrong) => Err(format!("`{wrong}` is not a domain name, {expected}")),
        None if arn.starts_with("arn:") && arn.contains(":acm:") => Ok((arn.to_owned(), names)),
        None => Err(format!("`{arn}` is not a certificate's ARN, {expected}")),
    }
}
