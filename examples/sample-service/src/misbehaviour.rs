//! The ways in which a version can be told to misbehave.

use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use axum::http::StatusCode;

/// One thing that goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Misbehaviour {
    FailsToStart,
    FailsMigration,
    TellsSecrets,
    StopsHalfWay,
    Answers { status: StatusCode, path: String },
    Redirects { status: StatusCode, path: String },
    Slow { path: String, delay: Duration },
}

const EXPECTED: &str = "expected `fails-to-start`, `fails-migration`, `stops-half-way`, `tells-secrets`, `answers:500:/path`, \
                        `redirects:301:/path` or `slow:/path:800`";

impl Misbehaviour {
    /// Reads a comma-separated list; blanks around an entry do not matter.
    pub(crate) fn parse_list(given: &str) -> anyhow::Result<Vec<Misbehaviour>> {
        given
            .split(',')
            .map(str::trim)
            .filter(|entry| !entry.is_empty())
            .map(str::parse)
            .collect()
    }
}

impl FromStr for Misbehaviour {
    type Err = anyhow::Error;

    fn from_str(given: &str) -> anyhow::Result<Misbehaviour> {
        let unknown = || anyhow!("`SAMPLE_MISBEHAVE` holds `{given}`: {EXPECTED}");
        let (kind, rest) = given.split_once(':').unwrap_or((given, ""));
        match kind {
            "fails-to-start" if rest.is_empty() => Ok(Misbehaviour::FailsToStart),
            "fails-migration" if rest.is_empty() => Ok(Misbehaviour::FailsMigration),
            "tells-secrets" if rest.is_empty() => Ok(Misbehaviour::TellsSecrets),
            "stops-half-way" if rest.is_empty() => Ok(Misbehaviour::StopsHalfWay),
            "answers" | "redirects" => {
                let (status, path) = rest.split_once(':').ok_or_else(unknown)?;
                let status = parse_status(status).with_context(unknown)?;
                let path = parse_path(path).with_context(unknown)?;
                match kind {
                    "redirects" if status.is_redirection() => {
                        Ok(Misbehaviour::Redirects { status, path })
                    }
                    "redirects" => bail!("`{given}`: `{status}` is not a redirection"),
                    _ => Ok(Misbehaviour::Answers { status, path }),
                }
            }
            "slow" => {
                let (path, milliseconds) = rest.rsplit_once(':').ok_or_else(unknown)?;
                let path = parse_path(path).with_context(unknown)?;
                let milliseconds = milliseconds.parse().with_context(unknown)?;
                Ok(Misbehaviour::Slow {
                    path,
                    delay: Duration::from_millis(milliseconds),
                })
            }
            _ => Err(unknown()),
        }
    }
}

fn parse_status(given: &str) -> anyhow::Result<StatusCode> {
    let status: u16 = given
        .parse()
        .with_context(|| format!("`{given}` is not an HTTP status"))?;
    match status {
        200..=599 => Ok(StatusCode::from_u16(status)?),
        _ => bail!("`{given}` is not an HTTP status from 200 to 599"),
    }
}

fn parse_path(given: &str) -> anyhow::Result<String> {
    if given.starts_with('/') {
        Ok(given.to_owned())
    } else {
        bail!("`{given}` is not a path that begins with `/`")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_read() {
        let expected = vec![
            Misbehaviour::FailsToStart,
            Misbehaviour::FailsMigration,
            Misbehaviour::TellsSecrets,
            Misbehaviour::Answers {
                status: StatusCode::INTERNAL_SERVER_ERROR,
                path: "/orders".to_owned(),
            },
            Misbehaviour::Redirects {
                status: StatusCode::MOVED_PERMANENTLY,
                path: "/admin/".to_owned(),
            },
            Misbehaviour::Slow {
                path: "/".to_owned(),
                delay: Duration::from_millis(800),
            },
        ];
        let given = "fails-to-start, fails-migration,tells-secrets,answers:500:/orders,redirects:301:/admin/,slow:/:800";
        assert_eq!(Misbehaviour::parse_list(given).unwrap(), expected);
        assert_eq!(Misbehaviour::parse_list(" ").unwrap(), vec![]);
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_what_was_expected() {
        for given in [
            "explodes",
            "fails-to-start:now",
            "answers:500",
            "answers:abc:/",
            "slow:800",
            "answers:99:/",
        ] {
            let error = format!("{:#}", Misbehaviour::parse_list(given).unwrap_err());
            assert!(
                error.contains(given) && error.contains("expected `fails-to-start`"),
                "{given}: {error}"
            );
        }
        let error = Misbehaviour::parse_list("redirects:200:/")
            .unwrap_err()
            .to_string();
        assert!(error.contains("is not a redirection"), "{error}");
    }
}
