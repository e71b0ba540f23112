//! The environment, read once.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, bail};
use semver::Version;

use crate::answers::{self, Answer};
use crate::misbehaviour::Misbehaviour;

/// The end of `--help`: every variable.
pub(crate) const HELP: &str = "\
Environment:
  DATABASE          path of the SQLite database (required)
  PORT              port to listen on; 0 takes a free one [default: 0]
  SAMPLE_VERSION    the version to be, as in every answer's `x-version` [default: 1.0.0]
  SAMPLE_MISBEHAVE  what goes wrong, separated by commas:
                      fails-to-start          `serve` exits with status 1
                      fails-migration         `migrate` fails half-way and changes nothing
                      stops-half-way          `migrate` waits until it is stopped, and exits with status 0
                      tells-secrets           `migrate` prints its environment and made-up credentials
                      answers:500:/orders     a path answers this status
                      redirects:301:/admin/   a path redirects with this status
                      slow:/orders:800        a path takes this many milliseconds longer
  SAMPLE_ANSWERS    pages that another service would have, as JSON; what goes wrong goes wrong with them too:
                      [{\"path\": \"/admin/\", \"status\": 301, \"body\": \"moved\"}]

`serve` prints `listening on 127.0.0.1:PORT` once it answers. From version 1.1.0 on, /orders needs migration 2.";

/// What the service goes by.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) port: u16,
    pub(crate) database: PathBuf,
    pub(crate) version: Version,
    pub(crate) misbehaviours: Vec<Misbehaviour>,
    pub(crate) answers: Vec<Answer>,
    /// The ECS task that it runs in, as its metadata endpoint names it.
    pub(crate) task: Option<String>,
}

impl Settings {
    pub(crate) fn read(variables: &BTreeMap<String, String>) -> anyhow::Result<Settings> {
        let given = |name: &str| {
            variables
                .get(name)
                .map(String::as_str)
                .filter(|value| !value.is_empty())
        };
        let Some(database) = given("DATABASE") else {
            bail!("`DATABASE` is not set: expected the path of the SQLite database");
        };
        let port = given("PORT").unwrap_or("0");
        let version = given("SAMPLE_VERSION").unwrap_or("1.0.0");
        Ok(Settings {
            port: port.parse().with_context(|| {
                format!("`PORT` is `{port}`: expected a number from 0 to 65535")
            })?,
            database: PathBuf::from(database),
            version: version.parse().with_context(|| {
                format!("`SAMPLE_VERSION` is `{version}`: expected a version such as `1.1.0`")
            })?,
            misbehaviours: Misbehaviour::parse_list(given("SAMPLE_MISBEHAVE").unwrap_or(""))?,
            answers: answers::parse_list(given("SAMPLE_ANSWERS").unwrap_or("[]"))?,
            task: given("ECS_CONTAINER_METADATA_URI_V4").map(task_of),
        })
    }

    /// Whether this version reads and writes the column that migration 2 adds.
    pub(crate) fn uses_order_status(&self) -> bool {
        self.version >= Version::new(1, 1, 0)
    }
}

/// `http://169.254.170.2/v4/<task id>-<container>`.
fn task_of(metadata: &str) -> String {
    let last = metadata.rsplit('/').next().unwrap_or(metadata);
    last.split('-').next().unwrap_or(last).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Settings, String> {
        let variables = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Settings::read(&variables).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn only_the_database_must_be_given() {
        let settings = read(&[("DATABASE", "shop.sqlite")]).unwrap();
        assert_eq!(
            (settings.port, settings.version.to_string().as_str()),
            (0, "1.0.0")
        );
        assert!(settings.misbehaviours.is_empty());
    }

    #[test]
    fn the_status_column_is_used_from_1_1_0_on() {
        for (version, expected) in [
            ("1.0.0", false),
            ("1.0.9", false),
            ("1.1.0", true),
            ("2.0.0", true),
        ] {
            let settings =
                read(&[("DATABASE", "shop.sqlite"), ("SAMPLE_VERSION", version)]).unwrap();
            assert_eq!(settings.uses_order_status(), expected, "{version}");
        }
    }

    #[test]
    fn a_mistake_says_what_was_given_and_what_was_expected() {
        assert_eq!(
            read(&[]).unwrap_err(),
            "`DATABASE` is not set: expected the path of the SQLite database"
        );
        let error = read(&[("DATABASE", "shop.sqlite"), ("PORT", "http")]).unwrap_err();
        assert!(
            error.starts_with("`PORT` is `http`: expected a number from 0 to 65535"),
            "{error}"
        );
        let error = read(&[("DATABASE", "shop.sqlite"), ("SAMPLE_VERSION", "new")]).unwrap_err();
        assert!(
            error.starts_with("`SAMPLE_VERSION` is `new`: expected a version such as `1.1.0`"),
            "{error}"
        );
    }
}
