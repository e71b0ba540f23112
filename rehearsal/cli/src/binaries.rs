//! The function binaries: cargo builds them as for a deployment.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::LazyLock;

use anyhow::{Context, bail};
use clap::ValueEnum;
use serde_json::Value;
use tokio::process::Command;

use crate::scenario::quoted;

/// The template of the functions. The path is relative to this file.
const TEMPLATE: &str = include_str!("../../../template.yaml");

/// The functions, by the names of their binaries: `template.yaml` has each as a `Binary` in its function's metadata.
pub(crate) static FUNCTIONS: LazyLock<Vec<&str>> = LazyLock::new(|| {
    let lines = TEMPLATE.lines();
    lines
        .filter_map(|line| line.trim().strip_prefix("Binary: "))
        .collect()
});

/// The functions, and the service behind the images.
fn packages() -> impl Iterator<Item = &'static str> {
    FUNCTIONS.iter().copied().chain([SAMPLE_SERVICE])
}

/// The program behind every image of the rehearsal.
pub(crate) const SAMPLE_SERVICE: &str = "sample-service";

/// How the binaries are built: quickly, or as they ship.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Profile {
    Dev,
    Release,
}

impl Profile {
    /// The profile that the rehearsal itself was built with.
    pub(crate) fn ours() -> Profile {
        if cfg!(debug_assertions) {
            Profile::Dev
        } else {
            Profile::Release
        }
    }
}

/// Builds the binaries and returns their folder. Cargo writes its progress to stderr.
pub(crate) async fn build(
    root: &Path,
    profile: Profile,
    cargo: Option<OsString>,
) -> anyhow::Result<PathBuf> {
    let mut command = Command::new(cargo.unwrap_or_else(|| OsString::from("cargo")));
    command.current_dir(root).args([
        "build",
        "--bins",
        "--message-format=json-render-diagnostics",
    ]);
    match profile {
        // Features of all packages, as in `cargo build --workspace`. `cargo run --package rehearsal` resolved fewer of
        // them (of tokio, hyper and others), so cargo builds those dependencies a second time; `cargo run` has no
        // `--workspace`.
        Profile::Dev => command.arg("--workspace"),
        // As for a deployment: without the features that only other packages need.
        Profile::Release => command
            .arg("--release")
            .args(packages().flat_map(|package| ["--package", package])),
    };
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .await
        .context("run cargo")?;
    if !output.status.success() {
        bail!("cargo could not build the functions (hint: its output is above)");
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    let folder = messages
        .lines()
        .find_map(executable)
        .and_then(|path| path.parent().map(Path::to_owned));
    check(folder.context("cargo built no binary")?)
}

/// Checks that a folder has every binary.
pub(crate) fn check(folder: PathBuf) -> anyhow::Result<PathBuf> {
    if !folder.is_dir() {
        bail!(
            "`{}` is not a folder (hint: correct `--binaries`, or omit it)",
            folder.display()
        );
    }
    match packages().find(|package| !folder.join(package).is_file()) {
        Some(missing) => bail!(
            "the folder `{}` has no `{missing}` (hint: build all of {} there, or omit `--binaries`)",
            folder.display(),
            quoted(&packages().collect::<Vec<_>>()),
        ),
        None => Ok(folder),
    }
}

/// The path of one of the binaries in a line of cargo's JSON output.
fn executable(message: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(message).ok()?;
    let name = message["target"]["name"].as_str()?;
    packages()
        .any(|package| package == name)
        .then(|| message["executable"].as_str().map(PathBuf::from))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_found_in_the_output_of_cargo() {
        let artifact = r#"{"reason":"compiler-artifact","target":{"name":"report-outcome"},"executable":"/t/debug/report-outcome"}"#;
        assert_eq!(
            executable(artifact),
            Some(PathBuf::from("/t/debug/report-outcome"))
        );
        let library =
            r#"{"reason":"compiler-artifact","target":{"name":"rules"},"executable":null}"#;
        assert_eq!(executable(library), None);
        assert_eq!(
            executable(r#"{"reason":"build-finished","success":true}"#),
            None
        );
        assert_eq!(executable("   Compiling rules"), None);
    }

    #[test]
    fn a_folder_without_the_binaries_is_rejected() {
        let refusal = |folder: &str| check(PathBuf::from(folder)).unwrap_err().to_string();
        let nowhere = refusal("/nowhere");
        assert!(
            nowhere.starts_with("`/nowhere` is not a folder (hint: "),
            "{nowhere}"
        );
        let sources = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
        let missing =
            format!("the folder `{sources}` has no `start-deployment` (hint: build all of");
        assert!(
            refusal(sources).starts_with(&missing),
            "{}",
            refusal(sources)
        );
    }
}
