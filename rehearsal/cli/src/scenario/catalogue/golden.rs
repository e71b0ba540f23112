//! The history in a scenario's file is golden: `UPDATE=1 cargo rehearse NAME` replaces it with that of the run.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use super::file;
use super::problem::Problem;
use crate::scenario::Expectation;
use crate::scenario::history::{self, Left};
use record::Record;

/// The maximum number of version changes in production in a history.
const STEPS_AT_MOST: usize = 8;

/// The history in a file.
#[derive(Debug)]
pub(crate) struct Golden {
    file: PathBuf,
    text: String,
    /// Its range in the file; empty, at the place for insertion, if it is missing.
    at: Range<usize>,
    expected: Vec<String>,
}

impl Golden {
    pub(super) fn of(path: &Path, text: &str) -> Result<Golden, Vec<Problem>> {
        let file = file::parse(text)?;
        let lines = file
            .history
            .as_ref()
            .map(|history| file::lines(text, history));
        let lines = lines.unwrap_or_default().into_iter();
        let behind = file.steps.span().end;
        Ok(Golden {
            file: path.to_owned(),
            text: text.to_owned(),
            at: file
                .history
                .map_or(behind..behind, |history| history.span()),
            expected: lines.map(|line| line.text.to_owned()).collect(),
        })
    }

    #[cfg(test)]
    pub(super) fn expected(&self) -> &[String] {
        &self.expected
    }

    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// The difference of a run's history: expected and found lines. `None` if there is none, or the file has no
    /// history.
    pub(crate) fn difference(&self, record: &Record) -> Option<String> {
        let broke = |line: &String| {
            let mut problems = record.problems.iter();
            problems.any(|problem| problem.expected == *line)
        };
        if !self.expected.iter().any(broke) {
            return None;
        }
        let found = found(record);
        let mut lines = vec!["history (- expected, + found)".to_owned()];
        for line in &self.expected {
            match broke(line) {
                false => lines.push(format!("  {line}")),
                true => lines.push(format!("- {line}")),
            }
            let about = |line: &str| line.split([':', '`']).take(2).collect::<String>();
            let instead = found.iter().filter(|found| about(found) == about(line));
            if broke(line) {
                lines.extend(instead.map(|found| format!("+ {found}")));
            }
        }
        Some(lines.join("\n"))
    }

    /// Writes the history of a run into the file, if it differs or is missing. Returns whether it did.
    pub(crate) fn update(&self, record: &Record) -> anyhow::Result<bool> {
        if !self.expected.is_empty() && self.difference(record).is_none() {
            return Ok(false);
        }
        let mut violations = record.violations.iter();
        if let Some(violation) = violations.find(|violation| !record.excuses(violation)) {
            bail!("the run violated an invariant, and its history is not written: {violation}");
        }
        let history = format!("'''\n{}\n'''", found(record).join("\n"));
        let written = match self.at.is_empty() {
            true => format!("\n\nhistory = {history}"),
            false => history,
        };
        let mut text = self.text.clone();
        text.replace_range(self.at.clone(), &written);
        fs::write(&self.file, text).with_context(|| format!("write `{}`", self.file.display()))?;
        Ok(true)
    }
}

/// The sentences of a run's history.
fn found(record: &Record) -> Vec<String> {
    let mut sentences = Vec::new();
    for service in record.services.keys() {
        // A further load balancer of a service has answers and no deployments.
        if record.at_end.contains_key(service) {
            let deployments = history::deployments(service, &[]);
            sentences.push(told_otherwise(&deployments, record));
        }
        let left = [Left::Nothing, Left::Green].into_iter();
        let version = record
            .at_end
            .get(service)
            .and_then(|end| end.version.clone());
        let runs =
            left.map(|left| history::runs(service, version.as_deref().unwrap_or("nothing"), left));
        let ways = ways(service, record).into_iter().chain(runs);
        let true_ones = ways.filter(|expectation| expectation.problem(record).is_none());
        sentences.extend(true_ones.map(|expectation| expectation.claim));
    }
    sentences.push(told_otherwise(&history::revisions(&[]), record));
    sentences.push(told_otherwise(&history::told(&[]), record));
    sentences
}

/// A claim that there is none of something, or the list of those that there are.
fn told_otherwise(none: &Expectation, record: &Record) -> String {
    match none.problem(record) {
        None => none.claim.clone(),
        Some(problem) => {
            let about = none.claim.strip_suffix("none").unwrap_or_default();
            format!("{about}{}", problem.found)
        }
    }
}

/// The shortest path of versions that production can have taken.
fn ways(service: &str, record: &Record) -> Option<Expectation> {
    let seen = record.services.get(service)?;
    let versions: Vec<&str> = seen.versions.keys().map(String::as_str).collect();
    let first = seen.sequence.first()?.version.as_str();
    let mut paths = vec![vec![first]];
    for _ in 0..STEPS_AT_MOST {
        let ways = paths.iter().map(|path| history::went(service, path));
        let mut possible = ways.filter(|way| way.problem(record).is_none());
        if let Some(way) = possible.next() {
            return Some(way);
        }
        let further = paths.iter().flat_map(|path| {
            let others = versions
                .iter()
                .filter(|version| path.last() != Some(version));
            others.map(|version| [path.as_slice(), &[*version]].concat())
        });
        paths = further.collect();
    }
    None
}
