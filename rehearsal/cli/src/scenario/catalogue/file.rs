//! Reads a scenario from the text of its file: the steps, the claims, and the differences of its world from the shop's
//! usual one.

use std::ops::Range;
use std::path::PathBuf;

use record::Excuse;
use serde::Deserialize;
use toml::{Spanned, Table, Value};

use super::problem::Problem;
use super::sentence;
use super::world::{self, SecretText, ServiceText, WorldText};
use crate::scenario::claims;
use crate::scenario::setting::{OwnFunction, Setting};
use crate::scenario::{Expectation, MessageFormat, Pipelines, Scenario, Step, quoted};

/// The pipelines file of most scenarios.
const USUAL_PIPELINES: &str = "rehearsal/catalogue/pipelines/shop.toml";

/// The sources whose events can be held.
const SOURCES: [&str; 3] = ["aws.codedeploy", "aws.ecr", "aws.ecs"];

/// A file as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileText {
    summary: String,
    pub(super) steps: Spanned<String>,
    pub(super) history: Option<Spanned<String>>,
    claims: Option<Spanned<String>>,
    /// Claims of every scenario that this one omits.
    #[serde(default)]
    not_claimed: Vec<Spanned<String>>,
    #[serde(default)]
    message_format: MessageFormat,
    /// A pipelines file, relative to the workspace's root.
    pipelines: Option<PathBuf>,
    /// Or the pipelines themselves.
    #[serde(default)]
    pipeline: Vec<Value>,
    #[serde(default)]
    world: WorldText,
    #[serde(default)]
    service: Vec<ServiceText>,
    #[serde(default)]
    secret: Vec<SecretText>,
    #[serde(default)]
    function: Vec<OwnFunction>,
    /// Invariants, by number, that the scenario makes AWS itself break.
    #[serde(default)]
    excuse: Vec<Excuse>,
}

/// A line of a multi-line text, and its offset in the file.
pub(super) struct Line<'a> {
    pub(super) at: usize,
    pub(super) text: &'a str,
}

pub(super) fn parse(text: &str) -> Result<FileText, Vec<Problem>> {
    toml::from_str(text).map_err(|error| {
        vec![Problem {
            at: error.span().map_or(0, |span| span.start),
            what: error.message().trim().replace('\n', ", "),
        }]
    })
}

/// The scenario, or all mistakes in it.
pub(super) fn scenario(name: &str, text: &str) -> Result<Scenario, Vec<Problem>> {
    let file = parse(text)?;
    let mut problems = Vec::new();
    let mut setting = world::setting(&file.world, &file.service, &file.function, &mut problems);
    setting.functions = file.function;
    setting.secrets = file.secret.iter().map(SecretText::secret).collect();
    let step = |line: &str| known(line.parse()?, &setting);
    let steps = read(&lines(text, &file.steps), &mut problems, step);
    let mut expectations = usual(&file.not_claimed, &mut problems);
    for claims in file.history.iter().chain(&file.claims) {
        let read = read(&lines(text, claims), &mut problems, sentence::expectation);
        expectations.extend(read);
    }
    let pipelines = match (file.pipelines, file.pipeline.is_empty()) {
        (Some(path), true) => Pipelines::File(path),
        (None, true) => Pipelines::File(PathBuf::from(USUAL_PIPELINES)),
        (None, false) => {
            let pipelines = [("pipeline".to_owned(), Value::Array(file.pipeline))];
            Pipelines::Text(Table::from_iter(pipelines).to_string())
        }
        (Some(path), false) => {
            problems.push(Problem {
                at: text.find("[[pipeline]]").unwrap_or(0),
                what: format!(
                    "the pipelines are those of `{}` already, expected a file or `[[pipeline]]`",
                    path.display()
                ),
            });
            Pipelines::File(path)
        }
    };
    if !problems.is_empty() {
        return Err(problems);
    }
    let scenario = Scenario {
        name: name.to_owned(),
        summary: file.summary,
        pipelines,
        message_format: file.message_format,
        setting,
        steps,
        expectations,
        excuses: file.excuse,
    };
    Ok(scenario.permitted().sound())
}

/// The claims of every scenario, except those that this one omits.
fn usual(not_claimed: &[Spanned<String>], problems: &mut Vec<Problem>) -> Vec<Expectation> {
    let mut usual = claims::nothing_broke();
    for left_out in not_claimed {
        let before = usual.len();
        usual.retain(|expectation| expectation.claim != *left_out.get_ref());
        if usual.len() == before {
            let known = claims::nothing_broke();
            let known: Vec<&str> = known.iter().map(|known| known.claim.as_str()).collect();
            problems.push(Problem {
                at: left_out.span().start,
                what: format!(
                    "`{}` is not a claim of every scenario, expected one of {}",
                    left_out.get_ref(),
                    crate::scenario::quoted(&known)
                ),
            });
        }
    }
    usual
}

/// A step about services and sources that exist: one about others would do nothing, or wait in vain.
fn known(step: Step, setting: &Setting) -> Result<Step, String> {
    let mut services = setting
        .services
        .iter()
        .map(|service| service.label.as_str());
    if let Some(given) = step.service()
        && !services.any(|service| service == given)
    {
        let services = setting.services.iter();
        let services: Vec<&str> = services.map(|service| service.label.as_str()).collect();
        return Err(format!(
            "`{given}` is not a service of this scenario, expected {}",
            quoted(&services)
        ));
    }
    if let Step::Withdraw { repository, .. } = &step
        && !setting.repositories.contains(repository)
    {
        let known: Vec<&str> = setting.repositories.iter().map(String::as_str).collect();
        return Err(format!(
            "`{repository}` is not a repository of this scenario, expected {}",
            quoted(&known)
        ));
    }
    if let Step::Hold(source) = &step
        && !SOURCES.contains(&source.as_str())
    {
        return Err(format!(
            "`{source}` is not a source of events, expected one of {}",
            quoted(&SOURCES)
        ));
    }
    Ok(step)
}

/// The meaning of each line; lines without one are problems.
fn read<T>(
    lines: &[Line<'_>],
    problems: &mut Vec<Problem>,
    meaning: impl Fn(&str) -> Result<T, String>,
) -> Vec<T> {
    let mut meanings = Vec::new();
    for line in lines {
        match meaning(line.text) {
            Ok(meaning) => meanings.push(meaning),
            Err(what) => problems.push(Problem { at: line.at, what }),
        }
    }
    meanings
}

/// The lines of a value with their offsets, without empty lines and comments.
pub(super) fn lines<'a>(file: &'a str, value: &Spanned<String>) -> Vec<Line<'a>> {
    let Range { start, end } = value.span();
    let written = file.get(start..end).unwrap_or_default();
    let inner = written.trim_matches(['\'', '"']);
    let mut at = start + written.find(inner).unwrap_or_default();
    let mut lines = Vec::new();
    for line in inner.split_inclusive('\n') {
        let text = line.trim();
        if !text.is_empty() && !text.starts_with('#') {
            lines.push(Line { at, text });
        }
        at += line.len();
    }
    lines
}
