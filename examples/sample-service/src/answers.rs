//! Pages that another service would have: with them this one can stand in for it.

use anyhow::{Context, bail};
use axum::http::{StatusCode, Uri};
use serde_json::Value;

/// What a path is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// With the query, where there is one.
    path: String,
    pub(crate) status: StatusCode,
    pub(crate) body: String,
}

const EXPECTED: &str = "expected a JSON list of objects such as {\"path\": \"/admin/\", \"status\": 301, \"body\": \"moved\"}";

impl Answer {
    pub(crate) fn is_for(&self, uri: &Uri) -> bool {
        uri.path_and_query()
            .is_some_and(|requested| requested.as_str() == self.path)
    }
}

/// Reads `SAMPLE_ANSWERS`.
pub(crate) fn parse_list(given: &str) -> anyhow::Result<Vec<Answer>> {
    let context = || format!("`SAMPLE_ANSWERS` holds `{given}`: {EXPECTED}");
    let list: Vec<Value> = serde_json::from_str(given).with_context(context)?;
    list.iter()
        .map(parse)
        .collect::<anyhow::Result<_>>()
        .with_context(context)
}

fn parse(given: &Value) -> anyhow::Result<Answer> {
    let (Some(path), Some(status)) = (given["path"].as_str(), given["status"].as_u64()) else {
        bail!("`{given}` has no `path` or no `status`")
    };
    let status = match u16::try_from(status) {
        Ok(status @ 200..=599) => StatusCode::from_u16(status)?,
        Ok(_) | Err(_) => bail!("`{status}` is not an HTTP status from 200 to 599"),
    };
    Ok(Answer {
        path: path.to_owned(),
        status,
        body: given["body"].as_str().unwrap_or_default().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_for_its_path_and_query() {
        let list =
            r#"[{"path": "/a?b=c", "status": 301, "body": "x"}, {"path": "/d", "status": 200}]"#;
        let answers = parse_list(list).unwrap();
        let first = answers.first().unwrap();
        assert_eq!((first.status.as_u16(), first.body.as_str()), (301, "x"));
        for (uri, expected) in [("/a?b=c", true), ("/a", false), ("/a?b=d", false)] {
            assert_eq!(first.is_for(&uri.parse().unwrap()), expected, "{uri}");
        }
        assert_eq!(parse_list("[]").unwrap(), []);
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_what_was_expected() {
        for given in [
            "{}",
            "[",
            r#"[{"path": "/"}]"#,
            r#"[{"path": "/", "status": 99}]"#,
            r#"[{"status": 200}]"#,
        ] {
            let error = format!("{:#}", parse_list(given).unwrap_err());
            assert!(
                error.contains(given) && error.contains("expected a JSON list"),
                "{error}"
            );
        }
    }
}
