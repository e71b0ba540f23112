//! From the file's text to [`Config`], collecting every mistake instead of ending at the first.

mod headers;
mod section;
mod services;
mod traffic;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use toml::Table;

use super::{
    CodeDeploy, Config, HookEvent, Migration, MigrationImage, MigrationRevision, Pipeline,
    Registry, RevisionFrom, Rollback, TerminationWait, TestTraffic, Traffic, Tuning, WhenBusy,
    WithoutRollback,
};
use crate::gate::Gate;
use crate::names::{FunctionName, Mark};
use crate::problem::Problems;
use section::Section;

/// CodeDeploy waits an hour for a hook's answer (CodeDeploy User Guide, limits); five minutes stay for starting the task
/// and for answering.
const MIGRATION_MINUTES_AT_MOST: i64 = 55;

impl Config {
    /// Reads the text of a configuration file.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn parse(text: &str) -> Result<Self, Problems> {
        config(text)
    }
}

fn config(text: &str) -> Result<Config, Problems> {
    let mut problems = Problems::default();
    let table: Table = match text.parse() {
        Ok(table) => table,
        Err(error) => {
            let error: toml::de::Error = error;
            let line = error.span().map_or(1, |span| {
                text[..span.start.min(text.len())].matches('\n').count() + 1
            });
            problems.add(format!("line {line}"), error.message().trim());
            return Err(problems);
        }
    };
    let mut file = Section::new(String::new(), table, &mut problems);
    let entries = file.sections("pipeline");
    file.finish();
    if entries.is_empty() && problems.as_slice().is_empty() {
        problems.add(
            "pipeline",
            "there is none, expected at least one `[[pipeline]]`",
        );
    }
    let pipelines: Vec<Option<Pipeline>> = entries
        .into_iter()
        .map(|(place, table)| pipeline(place, table, &mut problems))
        .collect();
    // Also where others cannot be read: every mistake is noted at once.
    must_differ(&pipelines, &mut problems);
    let mut pipelines: Option<Vec<Pipeline>> = pipelines.into_iter().collect();
    if let Some(pipelines) = &mut pipelines {
        services::share(pipelines, &mut problems);
    }
    problems.finish(pipelines.map(|pipelines| Config { pipelines }))
}

/// People cannot distinguish two pipelines with one name, nor hooks two services with one deployment group, and a parameter says one
/// image.
fn must_differ(pipelines: &[Option<Pipeline>], problems: &mut Problems) {
    let (mut names, mut groups) = (HashSet::new(), HashMap::new());
    let mut parameters = HashMap::new();
    let read = pipelines.iter().enumerate();
    for (index, pipeline) in read.filter_map(|(index, one)| Some((index, one.as_ref()?))) {
        if !names.insert(&pipeline.name) {
            let message = format!(
                "`{}` is the name of another pipeline, expected a name of its own",
                pipeline.name
            );
            problems.add(format!("pipeline[{index}].name"), message);
        }
        if let Some(parameter) = &pipeline.publish {
            let first = *parameters.entry(parameter).or_insert(index);
            if first != index {
                let message = format!(
                    "`{parameter}` is written by pipeline[{first}], expected a parameter of its own"
                );
                problems.add(format!("pipeline[{index}].publish"), message);
            }
        }
        let codedeploy = &pipeline.codedeploy;
        let group = (&codedeploy.application, &codedeploy.deployment_group);
        let (first, owner) = *groups.entry(group).or_insert((index, pipeline));
        if !pipeline.has_service_of(owner) {
            let message = format!(
                "`{}` of `{}` belongs to the service `{}` of pipeline[{first}], expected a group of its own for `{}`",
                group.1,
                group.0,
                owner.place(),
                pipeline.place()
            );
            problems.add(format!("pipeline[{index}].deployment_group"), message);
        }
    }
}

/// The tables of a pipeline, as they stand in the file.
struct Tables {
    migration: Option<(String, Table)>,
    test_traffic: Option<(String, Table)>,
    production_traffic: Option<(String, Table)>,
    hooks: Option<(String, Table)>,
}

/// What they say.
struct Gates {
    migration: Option<Migration>,
    test_traffic: TestTraffic,
    production_traffic: Option<Traffic>,
    hooks: BTreeMap<HookEvent, FunctionName>,
    configured: Vec<Gate>,
}

impl Tables {
    fn of(pipeline: &mut Section<'_>) -> Self {
        Self {
            migration: pipeline.section("migration"),
            test_traffic: pipeline.section("test_traffic"),
            production_traffic: pipeline.section("production_traffic"),
            hooks: pipeline.section("hooks"),
        }
    }

    /// All are read before the first refusal ends the reading, so that the mistakes of each are noted.
    fn read(self, problems: &mut Problems) -> Option<Gates> {
        let taken = Taken {
            migration: self.migration.is_some(),
            production_traffic: self.production_traffic.is_some(),
        };
        let configured = [
            (Gate::Migration, taken.migration),
            (Gate::TestTraffic, self.test_traffic.is_some()),
            (Gate::ProductionTraffic, taken.production_traffic),
        ];
        let configured = configured.iter().filter(|(_, is_there)| *is_there);
        let configured = configured.map(|(gate, _)| *gate).collect();
        let migration = match self.migration {
            Some((place, table)) => migration(place, table, problems).map(Some),
            None => Some(None),
        };
        let test_traffic = match self.test_traffic {
            Some((place, table)) => traffic::test_traffic(place, table, problems),
            None => Some(TestTraffic::default_gate()),
        };
        let production_traffic = match self.production_traffic {
            Some((place, table)) => {
                let test_traffic = test_traffic.as_ref();
                traffic::production_traffic(place, table, test_traffic, problems).map(Some)
            }
            None => Some(None),
        };
        let hooks = match self.hooks {
            Some((place, table)) => hooks(place, table, &taken, problems),
            None => Some(BTreeMap::new()),
        };
        Some(Gates {
            migration: migration?,
            test_traffic: test_traffic?,
            production_traffic: production_traffic?,
            hooks: hooks?,
            configured,
        })
    }
}

/// Which gates have a lifecycle event for themselves.
struct Taken {
    migration: bool,
    production_traffic: bool,
}

fn hooks(
    place: String,
    table: Table,
    taken: &Taken,
    problems: &mut Problems,
) -> Option<BTreeMap<HookEvent, FunctionName>> {
    let mut section = Section::new(place, table, problems);
    let mut hooks = BTreeMap::new();
    let mut all_read = true;
    for event in HookEvent::ALL {
        let gate = match event {
            HookEvent::AfterInstall if taken.migration => Some("migration"),
            HookEvent::AfterAllowTraffic if taken.production_traffic => Some("production_traffic"),
            HookEvent::BeforeInstall
            | HookEvent::AfterInstall
            | HookEvent::BeforeAllowTraffic
            | HookEvent::AfterAllowTraffic => None,
        };
        let function: Option<Option<FunctionName>> = section.optional(event.name());
        match (function, gate) {
            (Some(Some(_)), Some(gate)) => {
                let message = format!(
                    "CodeDeploy calls one function an event, and here it is that of `{gate}`, expected another event or no \
                     `{gate}`"
                );
                section.problem(event.name(), &message);
                all_read = false;
            }
            (Some(Some(function)), None) => {
                hooks.insert(event, function);
            }
            (Some(None), _) => {}
            (None, _) => all_read = false,
        }
    }
    section.finish();
    all_read.then_some(hooks)
}

fn pipeline(place: String, table: Table, problems: &mut Problems) -> Option<Pipeline> {
    let tuning = tuning(&table);
    let mut section = Section::new(place, table, problems);
    let (name, repository) = (section.required("name"), section.required("repository"));
    let registry = registry(&mut section);
    let tag = section.required("tag");
    let (cluster, service) = (section.required("cluster"), section.required("service"));
    let application = section.optional("application");
    let deployment_group = section.optional("deployment_group");
    let deployment_config = section.optional("deployment_config");
    let containers = section.list("containers");
    let revision_from = section.choice(
        "revision_from",
        &[
            ("production", RevisionFrom::Production),
            ("latest", RevisionFrom::Latest),
        ],
    );
    let (when_busy, termination_wait) = busy(&mut section);
    let rollback = rollback(&mut section);
    let without_rollback = without_rollback(&mut section);
    let publish = section.optional("publish");
    let tables = Tables::of(&mut section);
    section.finish();

    let gates = tables.read(problems);
    let (cluster, service): (crate::names::ClusterName, crate::names::ServiceName) =
        (cluster?, service?);
    let place = format!("{cluster}-{service}");
    let application = or_of_console(application?, "application", "AppECS", &place, problems)?;
    let deployment_group = or_of_console(
        deployment_group?,
        "deployment_group",
        "DgpECS",
        &place,
        problems,
    )?;
    let gates = gates?;
    let (repository, containers) = (repository?, containers?);
    Some(Pipeline {
        mark: Mark::of(&repository, &containers),
        is_alone: true,
        is_first: true,
        own_gates: gates.configured,
        name: name?,
        repository,
        registry: registry?,
        tag: tag?,
        cluster,
        service,
        containers,
        revision_from: revision_from?,
        when_busy: when_busy?,
        termination_wait: termination_wait?,
        without_rollback: without_rollback?,
        tuning,
        codedeploy: CodeDeploy {
            application,
            deployment_group,
            deployment_config: deployment_config?,
            rollback: rollback?,
        },
        publish: publish?,
        migration: gates.migration,
        test_traffic: gates.test_traffic,
        production_traffic: gates.production_traffic,
        hooks: gates.hooks,
    })
}

/// The settings of the file that tune one engine.
fn tuning(table: &Table) -> Vec<Tuning> {
    const ALL: [Tuning; 6] = [
        Tuning::CodeDeploy("application"),
        Tuning::CodeDeploy("deployment_group"),
        Tuning::CodeDeploy("deployment_config"),
        Tuning::CodeDeploy("termination_wait"),
        Tuning::CodeDeploy("rollback"),
        Tuning::Rolling("without_rollback"),
    ];
    let is_given = |tuning: &Tuning| match tuning {
        Tuning::CodeDeploy(name) | Tuning::Rolling(name) => table.contains_key(*name),
    };
    ALL.into_iter().filter(is_given).collect()
}

/// A name, or the one that the ECS console gives to an application or a deployment group that it makes.
fn or_of_console<T: FromStr<Err: Display>>(
    given: Option<T>,
    key: &str,
    prefix: &str,
    place: &str,
    problems: &mut Problems,
) -> Option<T> {
    given.or_else(|| problems.parse(key, &format!("{prefix}-{place}")))
}

fn busy(section: &mut Section<'_>) -> (Option<WhenBusy>, Option<TerminationWait>) {
    let when_busy = section.choice(
        "when_busy",
        &[("wait", WhenBusy::Wait), ("replace", WhenBusy::Replace)],
    );
    let termination_wait = section.choice(
        "termination_wait",
        &[
            ("cut", TerminationWait::Cut),
            ("keep", TerminationWait::Keep),
        ],
    );
    (when_busy, termination_wait)
}

fn without_rollback(section: &mut Section<'_>) -> Option<WithoutRollback> {
    Some(match section.switch("without_rollback")? {
        true => WithoutRollback::Accepted,
        false => WithoutRollback::Refused,
    })
}

fn rollback(section: &mut Section<'_>) -> Option<Rollback> {
    section.choice(
        "rollback",
        &[
            ("automatic", Rollback::Automatic),
            ("group", Rollback::Group),
        ],
    )
}

fn registry(section: &mut Section<'_>) -> Option<Registry> {
    let account = section.optional("registry_account");
    let region = section.optional("registry_region");
    Some(Registry {
        account: account?,
        region: region?,
    })
}

fn migration(place: String, table: Table, problems: &mut Problems) -> Option<Migration> {
    let mut section = Section::new(place, table, problems);
    let container = section.required("container");
    let command: Option<Vec<String>> = section.list("command");
    if command.as_ref().is_some_and(Vec::is_empty) {
        section.problem("command", "missing or empty, expected the program and its arguments, such as `[\"./migrate\", \"up\"]`");
    }
    let image = section.choice(
        "image",
        &[
            ("pushed", MigrationImage::Pushed),
            ("own", MigrationImage::Own),
        ],
    );
    let alone = section.switch("alone");
    let minutes = section.integer("timeout_minutes", 1..=MIGRATION_MINUTES_AT_MOST, 30);
    section.finish();
    Some(Migration {
        container: container?,
        command: command?,
        image: image?,
        revision: match alone? {
            true => MigrationRevision::Alone,
            false => MigrationRevision::Shipped,
        },
        time_out: Duration::from_secs(minutes? * 60),
    })
}

#[cfg(test)]
mod tests;
