//! `--program`: an application of the user's in place of the sample service.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use local_aws::program::{Program, Programs};

/// What programs inherit, as an image brings it along. Nothing else: no setting of this machine gets into a task by accident.
const INHERITED: [&str; 6] = ["PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ"];

/// Nor do the credentials that the user has for AWS: a program that calls AWS is not to reach the account.
const WITHOUT_CREDENTIALS: [(&str, &str); 3] = [
    ("AWS_CONFIG_FILE", "/dev/null"),
    ("AWS_EC2_METADATA_DISABLED", "true"),
    ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
];

/// Programs of the user's, by container.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct GivenPrograms {
    /// Run your own application in the containers of this name. COMMAND, without a shell, is `[FOLDER] ENTRYPOINT -- CMD`, of which
    /// FOLDER and ENTRYPOINT may be left out, and may name `{port}`, `{version}`, `{digest}`
    #[arg(long = "program", value_name = "CONTAINER=COMMAND", value_parser = given)]
    pub(crate) programs: Vec<GivenProgram>,
}

/// A value of `--program`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GivenProgram {
    pub(crate) container: String,
    pub(crate) program: Program,
}

impl GivenPrograms {
    /// The programs with what they inherit; fails for a container that has two, and for a program that does not exist.
    pub(crate) fn read(
        &self,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> anyhow::Result<Programs> {
        let folder = std::env::current_dir().context("find the working directory")?;
        let mut programs = Programs {
            folder,
            ..Programs::default()
        };
        for name in INHERITED {
            let value = variable(name).and_then(|value| value.into_string().ok());
            let value = value.map(|value| (name.to_owned(), value));
            programs.environment.extend(value);
        }
        let without = WITHOUT_CREDENTIALS.map(|(name, value)| (name.to_owned(), value.to_owned()));
        programs.environment.extend(without);
        let path = variable("PATH").unwrap_or_default();
        for GivenProgram { container, program } in &self.programs {
            exists(program, &programs.folder, &path)
                .with_context(|| format!("the program of `{container}`"))?;
            let before = programs
                .by_container
                .insert(container.clone(), program.clone());
            ensure!(
                before.is_none(),
                "the container `{container}` has two programs"
            );
        }
        Ok(programs)
    }
}

fn given(given: &str) -> Result<GivenProgram, String> {
    // Clap prints one sentence, without causes.
    parse(given).map_err(|error| format!("{error:#}"))
}

fn parse(given: &str) -> anyhow::Result<GivenProgram> {
    let Some((container, command)) = given.split_once('=') else {
        bail!("expected CONTAINER=COMMAND");
    };
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    ensure!(
        (1..=255).contains(&container.len()) && container.bytes().all(allowed),
        "`{container}` is not a container name: expected 1 to 255 letters, digits, `-` and `_`"
    );
    let (folder, command) = match command.strip_prefix('[') {
        Some(rest) => rest
            .split_once(']')
            .context("the folder has no `]` behind it")?,
        None => ("", command),
    };
    let mut words = words(command)?;
    let entry_point = match words.iter().position(|word| word == "--") {
        Some(at) => {
            let command = words.split_off(at + 1);
            words.pop();
            std::mem::replace(&mut words, command)
        }
        None => Vec::new(),
    };
    ensure!(
        !entry_point.is_empty() || !words.is_empty(),
        "the container `{container}` has no command"
    );
    Ok(GivenProgram {
        container: container.to_owned(),
        program: Program {
            folder: folder.to_owned(),
            entry_point,
            command: words,
        },
    })
}

/// The words of a command, between blanks. Quotes and backslashes keep blanks in a word, as in a shell; nothing else has a meaning.
fn words(command: &str) -> anyhow::Result<Vec<String>> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut characters = command.chars();
    while let Some(character) = characters.next() {
        match (character, quote) {
            (end, Some(begun)) if end == begun => quote = None,
            ('\\', None | Some('"')) => {
                let next = characters.next().context("a `\\` ends the command")?;
                word.get_or_insert_default().push(next);
            }
            ('\'' | '"', None) => {
                word.get_or_insert_default();
                quote = Some(character);
            }
            (blank, None) if blank.is_whitespace() => words.extend(word.take()),
            (other, _) => word.get_or_insert_default().push(other),
        }
    }
    if let Some(quote) = quote {
        bail!("a `{quote}` is not closed");
    }
    words.extend(word);
    Ok(words)
}

/// Whether what runs first exists, where that does not depend on the image.
fn exists(program: &Program, folder: &Path, path: &OsStr) -> anyhow::Result<()> {
    let is_fixed = |text: &str| !text.contains('{');
    if !is_fixed(&program.folder) {
        return Ok(());
    }
    let folder = folder.join(&program.folder);
    ensure!(
        folder.is_dir(),
        "the folder `{}` does not exist",
        folder.display()
    );
    let mut words = program.entry_point.iter().chain(&program.command);
    let Some(first) = words.next().filter(|first| is_fixed(first)) else {
        return Ok(());
    };
    let found = match first.contains('/') {
        true => is_executable(&folder.join(first)),
        false => std::env::split_paths(path).any(|one| is_executable(&one.join(first))),
    };
    let hint = match first.contains('/') {
        true => format!("in `{}`", folder.display()),
        false => "in PATH".to_owned(),
    };
    ensure!(found, "`{first}` is not an executable file {hint}");
    Ok(())
}

fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    let metadata = file.metadata();
    metadata.is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_an_entry_point_and_a_command_in_a_folder() {
        for (given, expected) in [
            (
                "web=serve --port {port}",
                ("web", "", "", "serve|--port|{port}"),
            ),
            ("web=./run -- serve", ("web", "", "./run", "serve")),
            ("web=./run --", ("web", "", "./run", "")),
            (
                "web-2=[apps/{version}] serve",
                ("web-2", "apps/{version}", "", "serve"),
            ),
            ("web=env A=b serve", ("web", "", "", "env|A=b|serve")),
            (
                "web=sh -c 'a \"b\" $c' \"d 'e'\"",
                ("web", "", "", "sh|-c|a \"b\" $c|d 'e'"),
            ),
            (
                r#"web=a\ b "c\"d" '' 'e\f'"#,
                ("web", "", "", r#"a b|c"d||e\f"#),
            ),
        ] {
            let found = parse(given).unwrap();
            let Program {
                folder,
                entry_point,
                command,
            } = &found.program;
            let (entry_point, command) = (entry_point.join("|"), command.join("|"));
            let found = (
                found.container.as_str(),
                folder.as_str(),
                entry_point.as_str(),
                command.as_str(),
            );
            assert_eq!(found, expected, "{given}");
        }
    }

    #[test]
    fn other_values_are_rejected_with_the_expected_form() {
        for (given, expected) in [
            ("serve", "expected CONTAINER=COMMAND"),
            ("my web=serve", "`my web` is not a container name"),
            ("=serve", "`` is not a container name"),
            ("web=", "`web` has no command"),
            ("web= -- ", "`web` has no command"),
            ("web=[app serve", "has no `]`"),
            ("web=sh -c 'a", "a `'` is not closed"),
            ("web=a\\", "a `\\` ends the command"),
        ] {
            let error = parse(given).unwrap_err().to_string();
            assert!(error.contains(expected), "{given}: {error}");
        }
    }

    #[test]
    fn a_program_inherits_little_and_must_exist_unless_that_depends_on_the_image() {
        let variable = |name: &str| match name {
            "PATH" => Some(OsString::from("/nowhere:/bin:/usr/bin")),
            "AWS_SECRET_ACCESS_KEY" => Some(OsString::from("planted")),
            _ => None,
        };
        let read = |given: &[&str]| {
            let programs = given.iter().map(|given| parse(given).unwrap()).collect();
            GivenPrograms { programs }.read(variable)
        };
        for given in [
            "web=sh -c true",
            "web=[/bin] ./sh",
            "web={version}/serve",
            "web=[{digest}] serve",
        ] {
            let programs = read(&[given]).unwrap();
            let names: Vec<&String> = programs.environment.keys().collect();
            let expected = [
                "AWS_CONFIG_FILE",
                "AWS_EC2_METADATA_DISABLED",
                "AWS_SHARED_CREDENTIALS_FILE",
                "PATH",
            ];
            assert_eq!(names, expected, "{given}");
        }
        for (given, expected) in [
            (
                &["web=no-such-program"][..],
                "the program of `web`: `no-such-program` is not an executable file in PATH",
            ),
            (
                &["web=[/nowhere] sh"],
                "the program of `web`: the folder `/nowhere` does not exist",
            ),
            (
                &["web=[/etc] ./passwd"],
                "the program of `web`: `./passwd` is not an executable file in `/etc`",
            ),
            (
                &["web=sh", "web=true"],
                "the container `web` has two programs",
            ),
        ] {
            let error = format!("{:#}", read(given).unwrap_err());
            assert_eq!(error, expected);
        }
    }
}
