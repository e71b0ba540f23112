//! `--infrastructure`: the templates of a user's are read here, before anything is built or played.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use local_aws::stacks::{Plan, PlannedService, Surroundings, TemplateFile, is_known};
use record::counted;

use crate::command::Playing;
use crate::pipelines_file::PipelinesFile;
use crate::play::{self, Data, Paths};
use crate::progress::Output;
use crate::scenario::custom_pipelines::{self, Pipeline};
use crate::scenario::setting::{BLUE, Mode, Stacks};
use crate::scenario::{MessageFormat, Scenario, Step, quoted};

/// The output that is a pipelines file.
const PIPELINES: &str = "Pipelines";
/// The outputs of lines such as `"Clusters=prod",`, which are parameters of Greenlight's own template.
const GREENLIGHT: &str = "GreenlightParameters";

/// The scenario of every template.
const PLAYED: &str = "ship";
/// ECS says of no deployment for certain when it has ended: schedules look, every five minutes.
const UNTIL_LOOKED: Duration = Duration::from_secs(10 * 60);

/// What the templates make, and what they print for Greenlight.
pub(crate) struct Infrastructure {
    stacks: Stacks,
    service: PlannedService,
    /// Parameters of Greenlight's template.
    greenlight: BTreeMap<String, String>,
    /// Properties that have no effect here, by the reason.
    without_effect: Vec<String>,
    /// The folder of the pipelines file, which goes with this value.
    _folder: Data,
}

/// Reads the templates; none if none are given. The pipelines are the printed ones, unless the user gives others.
pub(crate) fn read(
    playing: &Playing,
    root: &Path,
    pipelines: &mut Option<PipelinesFile>,
) -> anyhow::Result<Option<Infrastructure>> {
    let given = &playing.infrastructure;
    if given.infrastructure.is_empty() {
        ensure!(
            given.parameters.is_empty(),
            "`--parameter` is for the templates of `--infrastructure`, and none is given"
        );
        ensure!(
            given.certificates.is_empty(),
            "`--certificate` is for the templates of `--infrastructure`, and none is given"
        );
        return Ok(None);
    }
    ensure!(
        playing.scenario == PLAYED,
        "`{}` cannot be played in the world of templates, only `{PLAYED}`",
        playing.scenario
    );
    let files = files(&given.infrastructure)?;
    let surroundings = Surroundings {
        given: given.parameters.iter().cloned().collect(),
        certificates: given.certificates.iter().cloned().collect(),
        outputs: outputs_of_greenlight(root, &BTreeMap::new())?,
        version: BLUE.to_owned(),
        ..Surroundings::default()
    };
    check_parameters(&files, &surroundings)?;
    let made = plan(&files, &surroundings)?;
    let service = the_service(&made)?;
    let folder = Data::new()?;
    if pipelines.is_none() {
        let file = folder.write("pipelines.toml", &printed(&made)?)?;
        let read = PipelinesFile::read(&file);
        *pipelines = Some(read.with_context(|| format!("in the output `{PIPELINES}`"))?);
    }
    let text = pipelines.as_ref().map_or("", |file| file.text.as_str());
    let repositories: Vec<&str> = made
        .iter()
        .flat_map(|plan| plan.repositories.iter().map(String::as_str))
        .collect();
    check_pipelines(&custom_pipelines::read(text), service, &repositories)?;
    let greenlight = parameters_of_greenlight(&made)?;
    // A parameter that Greenlight's template lacks, or does not take, is a mistake in the output.
    outputs_of_greenlight(root, &greenlight)
        .with_context(|| format!("in the output `{GREENLIGHT}`"))?;
    Ok(Some(Infrastructure {
        service: service.clone(),
        without_effect: without_effect(&made),
        stacks: Stacks {
            has_hooks: service.has_hooks,
            files,
            surroundings,
        },
        greenlight,
        _folder: folder,
    }))
}

/// Plays a scenario of the pipelines in the world of the templates, and says which of their properties change nothing there.
pub(crate) fn put(templates: Option<&Infrastructure>, scenario: &mut Scenario, output: &Output) {
    let Some(templates) = templates else {
        return;
    };
    let files = templates.stacks.files.iter().map(|file| file.path.as_str());
    let files: Vec<&str> = files.collect();
    scenario.summary = format!("{}, in the stacks of {}", scenario.summary, quoted(&files));
    if !templates.service.has_code_deploy {
        // A migration before a rolling update, and its production gate behind it.
        for _ in 0..2 {
            scenario.steps.push(Step::Pass(UNTIL_LOOKED));
            scenario.steps.push(Step::Settle);
        }
    }
    scenario.setting.stacks = Some(templates.stacks.clone());
    let parameters = templates.greenlight.clone();
    scenario.setting.parameters.extend(parameters);
    templates
        .without_effect
        .iter()
        .for_each(|note| output.text(note));
}

fn files(paths: &[PathBuf]) -> anyhow::Result<Vec<TemplateFile>> {
    let mut files: Vec<TemplateFile> = Vec::new();
    for path in paths {
        let name = path.display().to_string();
        let text =
            std::fs::read_to_string(path).with_context(|| format!("read the template `{name}`"))?;
        let file = TemplateFile::parse(&name, &text)?;
        let same = files.iter().find(|known| known.stack == file.stack);
        if let Some(same) = same {
            bail!(
                "`{}` and `{name}` would both be the stack `{}`, expected files of different names",
                same.path,
                file.stack
            );
        }
        files.push(file);
    }
    Ok(files)
}

/// Outputs of Greenlight's own stack, with these parameters.
fn outputs_of_greenlight(
    root: &Path,
    parameters: &BTreeMap<String, String>,
) -> anyhow::Result<BTreeMap<String, String>> {
    let paths = Paths {
        root: root.to_owned(),
        binaries: root.to_owned(),
        wire: None,
    };
    let template = play::template(
        &paths,
        MessageFormat::Json,
        Mode::Deploy,
        None,
        "",
        parameters,
        Path::new("config/pipelines.toml"),
    )?;
    let outputs = template.outputs.into_iter();
    Ok(outputs.map(|(name, output)| (name, output.value)).collect())
}

fn check_parameters(files: &[TemplateFile], surroundings: &Surroundings) -> anyhow::Result<()> {
    let known: Vec<&str> = files.iter().flat_map(TemplateFile::parameters).collect();
    let mut given = surroundings.given.keys();
    if let Some(unknown) = given.find(|name| !known.contains(&name.as_str())) {
        bail!("no template has the parameter `{unknown}`");
    }
    let missing = surroundings.missing(files);
    ensure!(
        missing.is_empty(),
        "these parameters have no default, and no value was given (hint: `--parameter NAME=VALUE`, or the file whose output has it \
         before this one)\n  {}",
        missing.join("\n  ")
    );
    Ok(())
}

/// What each file will make; the error is every mistake of the first file that has any.
fn plan(files: &[TemplateFile], surroundings: &Surroundings) -> anyhow::Result<Vec<Plan>> {
    let mut surroundings = surroundings.clone();
    let mut plans = Vec::new();
    for file in files {
        let plan = match Plan::read(file, &surroundings) {
            Ok(plan) => plan,
            Err(problems) => {
                let count = counted(problems.len(), "mistake", "mistakes");
                let problems = problems.join("\n  ");
                bail!(
                    "`{}` has {count}\n  {problems}\n(hint: docs/templates.md says what is read of templates)",
                    file.path
                );
            }
        };
        surroundings = surroundings.with(&plan);
        plans.push(plan);
    }
    Ok(plans)
}

fn the_service(made: &[Plan]) -> anyhow::Result<&PlannedService> {
    let services: Vec<&PlannedService> = made.iter().flat_map(|plan| &plan.services).collect();
    match services.as_slice() {
        [only] => Ok(only),
        [] => bail!("the templates make no ECS service, expected one"),
        many => bail!(
            "the templates make {} ECS services, expected one (hint: rehearse each with its own templates)",
            many.len()
        ),
    }
}

fn printed(made: &[Plan]) -> anyhow::Result<String> {
    let outputs: Vec<&String> = outputs_named(made, PIPELINES).collect();
    match outputs.as_slice() {
        [text] if is_known(text) => Ok((*text).clone()),
        [_] => bail!(
            "the output `{PIPELINES}` holds what only a made resource has, and the functions read it before (hint: give the file by \
             `--pipelines FILE`)"
        ),
        [] => bail!(
            "no template has the output `{PIPELINES}` (hint: give the file by `--pipelines FILE`)"
        ),
        many => bail!(
            "{} templates have the output `{PIPELINES}`, expected one",
            many.len()
        ),
    }
}

fn outputs_named<'p>(made: &'p [Plan], name: &'static str) -> impl Iterator<Item = &'p String> {
    let outputs = made.iter().filter_map(move |plan| plan.outputs.get(name));
    outputs.map(|output| &output.value)
}

/// The pipelines must be of the service and of repositories that the templates make.
fn check_pipelines(
    pipelines: &[Pipeline],
    service: &PlannedService,
    repositories: &[&str],
) -> anyhow::Result<()> {
    for pipeline in pipelines {
        let name = &pipeline.name;
        ensure!(
            (&pipeline.cluster, &pipeline.service) == (&service.cluster, &service.name),
            "the pipeline `{name}` deploys to `{}/{}`, and the templates make the service `{}/{}`",
            pipeline.cluster,
            pipeline.service,
            service.cluster,
            service.name
        );
        ensure!(
            repositories.contains(&pipeline.repository.as_str()),
            "the pipeline `{name}` follows the repository `{}`, which no template makes (hint: give its file before by \
             `--infrastructure`)",
            pipeline.repository
        );
        let mut named = pipeline
            .own_containers
            .iter()
            .chain(&pipeline.migration_container);
        if let Some(container) = named.find(|name| !service.containers.contains(name)) {
            bail!(
                "the pipeline `{name}` names the container `{container}`, and the service has {}",
                quoted(
                    &service
                        .containers
                        .iter()
                        .map(String::as_str)
                        .collect::<Vec<_>>()
                )
            );
        }
    }
    Ok(())
}

/// The parameters of Greenlight's template that the templates print, one in a line as for samconfig.toml.
fn parameters_of_greenlight(made: &[Plan]) -> anyhow::Result<BTreeMap<String, String>> {
    let mut parameters = BTreeMap::new();
    for output in outputs_named(made, GREENLIGHT) {
        ensure!(
            is_known(output),
            "the output `{GREENLIGHT}` holds what only a made resource has, expected names"
        );
        for line in output
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
        {
            let word = line.trim_end_matches(',').trim_matches('"');
            let pair = word.split_once('=');
            let (name, value) = pair.with_context(|| {
                format!(
                    "the output `{GREENLIGHT}` has the line `{line}`, expected `\"NAME=VALUE\",`"
                )
            })?;
            parameters.insert(name.to_owned(), value.to_owned());
        }
    }
    Ok(parameters)
}

fn without_effect(made: &[Plan]) -> Vec<String> {
    let mut by_reason: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for plan in made {
        for (reason, properties) in &plan.without_effect {
            let known = by_reason.entry(reason).or_default();
            known.extend(properties.iter().map(String::as_str));
        }
    }
    let lines = by_reason.into_iter().map(|(reason, mut properties)| {
        properties.sort_unstable();
        properties.dedup();
        format!(
            "without effect here, because {reason}: {}",
            properties.join(", ")
        )
    });
    lines.collect()
}
