//! A custom pipelines file: read here, and validated before the run by the function that reads it in AWS.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use local_aws::lambda::{self, Answer};
use local_aws::template::Template;
use record::counted;
use serde_json::Value;

/// The function that validates the file: in AWS, it is the first to read it, too.
const ASKED: &str = "start-deployment";
/// The name of its error, as docs/reference.md documents it.
const MISTAKES: &str = "BadConfiguration";

/// A file that is at least valid TOML.
#[derive(Debug, Clone)]
pub(crate) struct PipelinesFile {
    /// The path as given.
    given: PathBuf,
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

impl PipelinesFile {
    /// Validates everything that does not need the functions.
    pub(crate) fn read(given: &Path) -> anyhow::Result<PipelinesFile> {
        let name = given.display();
        let metadata = given
            .metadata()
            .with_context(|| format!("read the pipelines file `{name}`"))?;
        if !metadata.is_file() {
            bail!("`{name}` is not a file, expected one such as `config/pipelines.toml`");
        }
        let bytes =
            std::fs::read(given).with_context(|| format!("read the pipelines file `{name}`"))?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            let line = 1 + error.as_bytes()[..at]
                .iter()
                .filter(|byte| **byte == b'\n')
                .count();
            anyhow::anyhow!(
                "`{name}` is not UTF-8 text, expected TOML (line {line} holds another byte)"
            )
        })?;
        if let Err(error) = text.parse::<toml::Table>() {
            let (line, column) = place(&text, error.span().map_or(0, |span| span.start));
            let message = error.message().trim().replace('\n', ", ");
            bail!("`{name}` is not TOML: line {line}, column {column}: {message}");
        }
        let path = given
            .canonicalize()
            .with_context(|| format!("find `{name}`"))?;
        Ok(PipelinesFile {
            given: given.to_owned(),
            path,
            text,
        })
    }

    /// Lets the function read the file. It receives an unreadable event, so that it does nothing else.
    pub(crate) async fn check(&self, template: &Template) -> anyhow::Result<()> {
        let mut functions = template.functions.iter();
        let function = functions
            .find(|function| function.binary_name == ASKED)
            .with_context(|| format!("the template has no `{ASKED}`"))?;
        match lambda::dry::answer(function, &self.given, Value::Null).await? {
            Answer::Error {
                error_type,
                error_message,
            } if error_type == MISTAKES => bail!(self.told(&error_message)),
            Answer::Error { .. } | Answer::Response(_) => Ok(()),
        }
    }

    /// Every mistake once, sorted by its place in the file.
    fn told(&self, message: &str) -> String {
        let prefix = format!("at `{}: ", self.given.display());
        let mut mistakes: Vec<String> = message
            .lines()
            .filter(|line| line.starts_with("at `"))
            .map(|line| match line.strip_prefix(&prefix) {
                Some(rest) => format!("at `{rest}"),
                None => line.to_owned(),
            })
            .collect();
        mistakes.sort_by_key(|mistake| in_order(mistake));
        mistakes.dedup();
        let count = counted(mistakes.len(), "mistake", "mistakes");
        let (file, lines) = (self.given.display(), mistakes.join("\n  "));
        format!("`{file}` has {count}\n  {lines}")
    }
}

/// Line and column of a byte, starting at 1.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.rsplit('\n').next().unwrap_or_default();
    (1 + before.matches('\n').count(), 1 + line.chars().count())
}

/// Alternating text and numbers, so that the tenth pipeline sorts after the second.
fn in_order(text: &str) -> Vec<(String, u64)> {
    let mut parts: Vec<(String, u64)> = vec![(String::new(), 0)];
    let mut was_digit = false;
    for character in text.chars() {
        match (character.to_digit(10), parts.last_mut()) {
            (Some(digit), Some((_, number))) => {
                *number = number.saturating_mul(10).saturating_add(digit.into());
                was_digit = true;
            }
            (None, Some((text, _))) if !was_digit => text.push(character),
            (_, _) => {
                parts.push((character.to_string(), 0));
                was_digit = false;
            }
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use tempfile::tempdir;

    use super::*;

    #[test]
    fn invalid_toml_is_rejected_with_the_given_path() {
        let folder = tempdir().unwrap();
        let file = folder.path().join("own.toml");
        for (bytes, expected) in [
            (
                &b"[[pipeline]]\nname = \n"[..],
                "is not TOML: line 2, column 8: ",
            ),
            (b"a = 1\na = 2\n", "is not TOML: line 2, column 1: "),
            (b"\xff\xfe", "is not UTF-8 text, expected TOML (line 1 "),
            (
                b"# \xc3\xa9\nb = \"\xe9\"",
                "is not UTF-8 text, expected TOML (line 2 ",
            ),
        ] {
            std::fs::write(&file, bytes).unwrap();
            let error = format!("{:#}", PipelinesFile::read(&file).unwrap_err());
            let expected = format!("`{}` {expected}", file.display());
            assert!(error.starts_with(&expected), "{error}");
        }
        let nowhere = PipelinesFile::read(&folder.path().join("no.toml")).unwrap_err();
        assert!(
            format!("{nowhere:#}").contains("no.toml`: No such file"),
            "{nowhere:#}"
        );
        let directory = PipelinesFile::read(folder.path()).unwrap_err().to_string();
        assert!(directory.contains("is not a file"), "{directory}");
    }

    #[test]
    fn mistakes_are_listed_once_and_in_order() {
        let file = PipelinesFile {
            given: PathBuf::from("config/own.toml"),
            path: PathBuf::new(),
            text: String::new(),
        };
        let message = "the configuration is wrong\nat `config/own.toml: pipeline[10].tag`: b\n\
            at `config/own.toml: pipeline[2].tag`: a\nat `config/own.toml: pipeline[2].tag`: a\n\
            at `config/own.toml: pipeline[2].name`: c";
        assert_eq!(
            file.told(message),
            "`config/own.toml` has 3 mistakes\n  at `pipeline[2].name`: c\n  at `pipeline[2].tag`: a\n  at `pipeline[10].tag`: b"
        );
    }
}
