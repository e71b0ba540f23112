//! The scenarios: files in `rehearsal/catalogue`, by theme, which are read on demand. Each further file is a further
//! scenario.

mod claims;
mod file;
mod golden;
mod problem;
mod sentence;
mod world;

#[cfg(test)]
mod tests;

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};

pub(crate) use self::golden::Golden;
use self::problem::Problem;
use super::Scenario;

/// The folder of scenarios, relative to the workspace's root.
const FOLDER: &str = "rehearsal/catalogue";
/// The file in that folder with the order of `--list`.
const ORDER: &str = "order.txt";
/// The folder without scenarios: it contains pipelines files that several scenarios share.
const PIPELINES: &str = "pipelines";

/// All scenarios by name, in the order of `--list`.
#[derive(Debug, Default)]
pub(crate) struct Catalogue {
    scenarios: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    name: String,
    file: PathBuf,
    /// The path in messages.
    shown: String,
}

impl Catalogue {
    /// Finds the scenarios of a workspace without reading them, so that a mistake in one does not affect the others.
    pub(crate) fn find(root: &Path) -> anyhow::Result<Catalogue> {
        let folder = root.join(FOLDER);
        let mut scenarios = Vec::new();
        for theme in sorted(&folder)? {
            if !theme.is_dir() || theme.ends_with(PIPELINES) {
                continue;
            }
            for file in sorted(&theme)? {
                let stem = file.file_stem().and_then(|stem| stem.to_str());
                let is_scenario = file
                    .extension()
                    .is_some_and(|extension| extension == "toml");
                if let (Some(name), true) = (stem, is_scenario) {
                    let shown = file.strip_prefix(root).unwrap_or(&file);
                    scenarios.push(Entry {
                        name: name.to_owned(),
                        shown: shown.display().to_string(),
                        file: file.clone(),
                    });
                }
            }
        }
        let order = folder.join(ORDER);
        let order = match fs::read_to_string(&order) {
            // Without the file, the scenarios are listed by theme.
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            read => read.with_context(|| format!("read `{}`", order.display()))?,
        };
        let order: Vec<&str> = order.lines().collect();
        let place = |name: &str| order.iter().position(|known| *known == name);
        // Scenarios that the file does not name come last, by theme.
        scenarios.sort_by_key(|entry| place(&entry.name).unwrap_or(usize::MAX));
        Ok(Catalogue { scenarios })
    }

    /// The names, in the order of `--list`.
    pub(crate) fn names(&self) -> Vec<&str> {
        let entries = self.scenarios.iter();
        entries.map(|entry| entry.name.as_str()).collect()
    }

    /// Reads a scenario from its file.
    pub(crate) fn scenario(&self, name: &str) -> anyhow::Result<Scenario> {
        let entry = self.entry(name)?;
        let text = entry.text()?;
        file::scenario(name, &text).map_err(|problems| entry.wrong(&text, problems))
    }

    /// The history in its file.
    pub(crate) fn golden(&self, name: &str) -> anyhow::Result<Golden> {
        let entry = self.entry(name)?;
        let text = entry.text()?;
        let golden = Golden::of(&entry.file, &text);
        golden.map_err(|problems| entry.wrong(&text, problems))
    }

    /// The text of `--list`, and the mistakes in files that could not be read.
    pub(crate) fn list(&self) -> (String, Vec<anyhow::Error>) {
        let (mut scenarios, mut wrong) = (Vec::new(), Vec::new());
        for entry in &self.scenarios {
            match self.scenario(&entry.name) {
                Ok(scenario) => scenarios.push(scenario),
                Err(error) => wrong.push(error),
            }
        }
        let names = scenarios.iter().map(|scenario| scenario.name.len());
        let width = names.max().unwrap_or_default() + 2;
        let lines = scenarios
            .iter()
            .map(|scenario| format!("{:<width$}{}", scenario.name, scenario.summary));
        (lines.collect::<Vec<_>>().join("\n"), wrong)
    }

    fn entry(&self, name: &str) -> anyhow::Result<&Entry> {
        let mut named = self.scenarios.iter().filter(|entry| entry.name == name);
        let Some(entry) = named.next() else {
            bail!(
                "`{name}` is not a scenario (hint: a file `{FOLDER}/THEME/{name}.toml` makes it one)"
            )
        };
        let other = named.next();
        ensure!(
            other.is_none(),
            "`{name}` is the name of two scenarios, `{}` and `{}`, expected one (hint: rename a file)",
            entry.shown,
            other.map_or("", |other| &other.shown)
        );
        Ok(entry)
    }
}

impl Entry {
    fn text(&self) -> anyhow::Result<String> {
        fs::read_to_string(&self.file).with_context(|| format!("read `{}`", self.shown))
    }

    /// All mistakes in the file, each with its line.
    fn wrong(&self, text: &str, mut problems: Vec<Problem>) -> anyhow::Error {
        problems.sort_by_key(|problem| problem.at);
        let line = |at: usize| {
            let before = text.as_bytes().get(..at).unwrap_or_default();
            1 + before.iter().filter(|byte| **byte == b'\n').count()
        };
        let told = problems
            .iter()
            .map(|problem| format!("{}:{}: {}", self.shown, line(problem.at), problem.what));
        anyhow::Error::msg(told.collect::<Vec<_>>().join("\n"))
    }
}

fn sorted(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let read = || format!("read the folder `{}`", folder.display());
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).with_context(read)? {
        paths.push(entry.with_context(read)?.path());
    }
    paths.sort();
    Ok(paths)
}
