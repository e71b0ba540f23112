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
  SAMPLE_SCHEMA     how many of the two migrations this version needs [default: 2 from 1.1.0 on, 1 before]
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
  SAMPLE_BROKEN_ANSWERS  the same; these go before all others
  SAMPLE_API_KEY    what `x-api-key` must be in a request for /admin/, which is answered 401 otherwise

`serve` prints `listening on 127.0.0.1:PORT` once it answers. A version that needs migration 2 answers /orders only after it.";

/// What the service goes by.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) port: u16,
    pub(crate) database: PathBuf,
    pub(crate) version: Version,
    /// The schema that this version reads and writes.
    pub(crate) schema: i64,
    pub(crate) misbehaviours: Vec<Misbehaviour>,
    pub(crate) answers: Vec<Answer>,
    /// What the header `x-api-key` must be in a request for `/admin/`.
    pub(crate) api_key: Option<String>,
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
        let version: Version = version.parse().with_context(|| {
            format!("`SAMPLE_VERSION` is `{version}`: expected a version such as `1.1.0`")
        })?;
        Ok(Settings {
            port: port.parse().with_context(|| {
                format!("`PORT` is `{port}`: expected a number from 0 to 65535")
            })?,
            database: PathBuf::from(database),
            schema: schema(given("SAMPLE_SCHEMA"), &version)?,
            version,
            misbehaviours: Misbehaviour::parse_list(given("SAMPLE_MISBEHAVE").unwrap_or(""))?,
            answers: [
                answers::parse_list(given("SAMPLE_BROKEN_ANSWERS").unwrap_or("[]"))?,
                answers::parse_list(given("SAMPLE_ANSWERS").unwrap_or("[]"))?,
            ]
            .concat(),
            api_key: given("SAMPLE_API_KEY").map(str::to_owned),
            task: given("ECS_CONTAINER_METADATA_URI_V4").map(task_of),
        })
    }
}

/// Migration 2 came with version 1.1.0; a version may also be one that needs no migration of its own.
fn schema(given: Option<&str>, version: &Version) -> anyhow::Result<i64> {
    match given {
        None if *version >= Version::new(1, 1, 0) => Ok(2),
        None | Some("1") => Ok(1),
        Some("2") => Ok(2),
        Some(other) => bail!("`SAMPLE_SCHEMA` is `{other}`: expected `1` or `2`"),
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
    fn migration_2_is_needed_from_1_1_0_on_unless_told_otherwise() {
        for (version, schema, expected) in [
            ("1.0.0", "", 1),
            ("1.0.9", "", 1),
            ("1.1.0", "", 2),
            ("2.0.0", "", 2),
            ("1.1.0", "1", 1),
            ("1.0.0", "2", 2),
        ] {
            let settings = read(&[
                ("DATABASE", "shop.sqlite"),
                ("SAMPLE_VERSION", version),
                ("SAMPLE_SCHEMA", schema),
            ]);
            assert_eq!(settings.unwrap().schema, expected, "{version} {schema}");
        }
        let error = read(&[("DATABASE", "shop.sqlite"), ("SAMPLE_SCHEMA", "3")]).unwrap_err();
        assert_eq!(error, "`SAMPLE_SCHEMA` is `3`: expected `1` or `2`");
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
