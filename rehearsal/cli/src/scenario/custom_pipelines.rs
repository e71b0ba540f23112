//! A custom pipelines file: the world is built from the file, and a standard scenario is played in it.
//!
//! The sample service stands in for every service of the file: it serves the pages that the file's checks request, and
//! runs its own migration in place of the file's migrations.

mod pipelines;
mod requests;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::bail;
use local_aws::codedeploy::traffic::Routing;
use local_aws::ecr::ImageSettings;
use local_aws::ecs::container::MIGRATION;
use local_aws::identity::sha256_hex;
use local_aws::world::ServiceSettings;
use record::{Message, Record, counted};
use serde_json::json;

use crate::scenario::setting::{self, BLUE, GREEN, Service, Setting};
use crate::scenario::{Expectation, MessageFormat, Pipelines, Scenario, Step, claims, quoted};

pub(crate) use pipelines::{Pipeline, as_played, read};
pub(crate) use requests::Request;

/// The paths that production's clients and health checks request: pages of the stand-in that no check of a file uses,
/// whatever its checks of `/`, `/orders` and `/healthz` expect.
const ASKED: [&str; 2] = ["/?stand-in", "/orders?stand-in"];
const HEALTH: &str = "/healthz?stand-in";
/// The command of the stand-in's containers, from its image.
const SERVING: &str = "sample-service serve";
/// The maximum length: ECS's limit for a family, with the log group's `/ecs/` before it.
const LONGEST_FAMILY: usize = 200;

/// The outcomes that an image can have in any world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Ships,
    FailsMigration,
    FailsTestTraffic,
    NeverStarts,
}

const OUTCOMES: [(&str, Outcome); 4] = [
    ("ship", Outcome::Ships),
    ("failed-migration", Outcome::FailsMigration),
    ("failed-test-traffic", Outcome::FailsTestTraffic),
    ("never-starts", Outcome::NeverStarts),
];

/// Whether a scenario can be played with custom pipelines.
pub(crate) fn check_name(name: &str) -> anyhow::Result<()> {
    outcome_of(name).map(|_| ())
}

fn outcome_of(name: &str) -> anyhow::Result<(&'static str, Outcome)> {
    let mut outcomes = OUTCOMES.into_iter();
    let Some(outcome) = outcomes.find(|(known, _)| *known == name) else {
        bail!(
            "`{name}` cannot be played with custom pipelines, expected one of {}",
            quoted(&OUTCOMES.map(|(known, _)| known))
        )
    };
    Ok(outcome)
}

/// A scenario by its name, in the world of the pipelines file `file` with this text.
pub(crate) fn of_file(name: &str, file: &Path, text: &str) -> anyhow::Result<Scenario> {
    let (name, outcome) = outcome_of(name)?;
    let pipelines = pipelines::read(text);
    let entries = pipelines::count(text);
    if pipelines.len() < entries || entries == 0 {
        bail!(
            "a world can be built for only {} of the {entries} pipelines in `{}` (hint: please report the file)",
            pipelines.len(),
            file.display()
        );
    }
    for pipeline in &pipelines {
        pipeline.allows(&pipelines, outcome)?;
        pipeline.migrates()?;
    }
    let setting = setting(&pipelines);
    setting.registry().map_err(anyhow::Error::msg)?;
    let summary = match outcome {
        Outcome::Ships => {
            "the images of your pipelines are pushed, and ship; the sample service stands in for your services"
        }
        Outcome::FailsMigration => {
            "the images of your pipelines are pushed, and their migrations fail"
        }
        Outcome::FailsTestTraffic => {
            "the images of your pipelines are pushed, and answer the first request of their checks wrongly"
        }
        Outcome::NeverStarts => {
            "the images of your pipelines are pushed, and their tasks exit at once"
        }
    };
    Ok(Scenario {
        name: name.to_owned(),
        summary: summary.to_owned(),
        pipelines: Pipelines::File(file.to_owned()),
        message_format: MessageFormat::Json,
        setting,
        steps: steps(&pipelines, outcome),
        expectations: expectations(&pipelines, outcome),
        excuses: Vec::new(),
    }
    .permitted()
    .sound())
}

impl Pipeline {
    fn allows(&self, all: &[Pipeline], outcome: Outcome) -> anyhow::Result<()> {
        let mut of_service = self.of_service(all);
        let lacks = match outcome {
            Outcome::FailsMigration if of_service.all(|one| one.migration.is_none()) => {
                "no `migration` that could fail"
            }
            Outcome::FailsTestTraffic
                if of_service.all(|one| one.requests.iter().all(Request::takes_everything)) =>
            {
                "no `test_traffic.request` that could fail"
            }
            Outcome::Ships
            | Outcome::NeverStarts
            | Outcome::FailsMigration
            | Outcome::FailsTestTraffic => return Ok(()),
        };
        bail!("the pipeline `{}` has {lacks}", self.name)
    }

    /// The stand-in migrates wherever the file's migration would run. Where that is the command which it serves with, it
    /// would not serve.
    fn migrates(&self) -> anyhow::Result<()> {
        let command = self.migration.as_deref().unwrap_or_default().join(" ");
        if !command.ends_with(SERVING) {
            return Ok(());
        }
        bail!(
            "the migration of the pipeline `{}` runs `{command}`, which is the command that its stand-in serves with, and a server \
             does not end (hint: `command` of `[pipeline.migration]` is the one that migrates and exits)",
            self.name
        )
    }

    /// The label of its service in claims and the record.
    fn label(&self, all: &[Pipeline]) -> String {
        let other_account =
            |other: &Pipeline| other.service == self.service && other.cluster != self.cluster;
        match all.iter().any(other_account) {
            true => format!("{}/{}", self.cluster, self.service),
            false => self.service.clone(),
        }
    }

    /// The family of its revisions: a single unique name, because a cluster's and a service's name together may be too
    /// long.
    fn family(&self, all: &[Pipeline]) -> String {
        let plain = |pipeline: &Pipeline| format!("{}-{}", pipeline.cluster, pipeline.service);
        let family = plain(self);
        let place = (&self.cluster, &self.service);
        let is_taken = all
            .iter()
            .any(|other| plain(other) == family && (&other.cluster, &other.service) != place);
        match family.len() {
            ..=LONGEST_FAMILY if !is_taken => family,
            _ => format!("family-{}", sha256_hex(&format!("{}/{}", place.0, place.1))),
        }
    }

    /// The pipelines of its service, in the order of the file; it is one of them.
    fn of_service<'p>(&'p self, all: &'p [Pipeline]) -> impl Iterator<Item = &'p Pipeline> {
        let place = (&self.cluster, &self.service);
        all.iter()
            .filter(move |other| (&other.cluster, &other.service) == place)
    }

    /// Its containers in the service, none of which another pipeline of that service names.
    fn containers_beside(&self, all: &[Pipeline]) -> Vec<String> {
        let mut others = self.of_service(all).filter(|other| other.name != self.name);
        let is_alone = others.next().is_none();
        let is_first = self.of_service(all).next().map(|first| &first.name) == Some(&self.name);
        if !is_alone && !is_first && self.own_containers.is_empty() {
            let name = self.repository.rsplit('/').next().unwrap_or_default();
            return vec![name.to_owned()];
        }
        // The migration may run in a container of another one.
        let is_theirs = |container: &&String| {
            let mut others = self.of_service(all).filter(|other| other.name != self.name);
            others.any(|other| other.own_containers.contains(container))
        };
        let own = self.containers.iter();
        own.filter(|container| !is_theirs(container))
            .cloned()
            .collect()
    }

    /// The settings of its service, with the containers of all the pipelines that deploy to it. The first container of the first
    /// one serves.
    fn settings(&self, all: &[Pipeline]) -> ServiceSettings {
        let mut settings = setting::settings(
            &self.service,
            &self.cluster,
            &[&self.service],
            &self.repository,
        );
        settings.family = self.family(all);
        settings.health_check.path = HEALTH.to_owned();
        settings.containers.clear();
        let mut requests = Vec::new();
        for pipeline in self.of_service(all) {
            requests.extend(pipeline.requests.clone());
            let production = pipeline.production.iter();
            requests.extend(production.flat_map(|gate| gate.requests.clone()));
            let names = pipeline.containers_beside(all);
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let (service, cluster) = (&self.service, &self.cluster);
            let mut own = setting::settings(service, cluster, &names, &pipeline.repository);
            if settings.containers.is_empty() {
                settings.load_balanced = own.load_balanced;
            } else {
                own.containers.iter_mut().for_each(|container| {
                    container.container_port = None;
                    container.essential = false;
                });
            }
            settings.containers.extend(own.containers);
        }
        let migrates = self.of_service(all).any(|one| one.migration.is_some());
        for container in &mut settings.containers {
            let pages = requests::pages(&requests);
            let pages = ("SAMPLE_ANSWERS".to_owned(), pages);
            container.environment.extend([pages]);
            if !migrates {
                // Without a migration, the next version must not need a new schema.
                let schema = ("SAMPLE_SCHEMA".to_owned(), "1".to_owned());
                container.environment.extend([schema]);
            }
        }
        settings.application.clone_from(&self.application);
        settings.deployment_group.clone_from(&self.deployment_group);
        if let Some(config) = &self.deployment_config {
            settings.deployment_config.clone_from(config);
            // The file does not describe custom deployment configurations: they are played as a canary.
            settings.routing = Some(Routing::Canary {
                percentage: 10,
                interval_minutes: 5,
            });
        }
        settings
    }
}

fn setting(pipelines: &[Pipeline]) -> Setting {
    let mut services: BTreeMap<String, Service> = BTreeMap::new();
    for pipeline in pipelines {
        let label = pipeline.label(pipelines);
        services
            .entry(label.clone())
            .or_insert_with(|| Service::new(label, pipeline.settings(pipelines)));
    }
    let images = by_repository(pipelines);
    Setting {
        repositories: images
            .keys()
            .map(|&repository| repository.to_owned())
            .collect(),
        images: images
            .values()
            .map(|of_repository| image(of_repository, pipelines, BLUE, Outcome::Ships))
            .collect(),
        services: services.into_values().collect(),
        asked: ASKED,
        ..Setting::shop()
    }
}

fn by_repository(pipelines: &[Pipeline]) -> BTreeMap<&str, Vec<&Pipeline>> {
    let mut images: BTreeMap<&str, Vec<&Pipeline>> = BTreeMap::new();
    for pipeline in pipelines {
        images
            .entry(&pipeline.repository)
            .or_default()
            .push(pipeline);
    }
    images
}

/// One version of a repository's image, which meets all requirements of its pipelines and their services.
fn image(
    pipelines: &[&Pipeline],
    all: &[Pipeline],
    version: &str,
    outcome: Outcome,
) -> ImageSettings {
    let repository = pipelines
        .first()
        .map_or("", |pipeline| pipeline.repository.as_str());
    let tag = |pipeline: &&Pipeline| match version {
        BLUE => pipeline.tags.running.clone(),
        _ => Some(pipeline.tags.pushed.clone()),
    };
    let mut tags: Vec<String> = pipelines.iter().filter_map(tag).collect();
    tags.sort();
    tags.dedup();
    let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
    let mut image = ImageSettings::new(repository, &tags, version);
    let of_services = || {
        pipelines
            .iter()
            .flat_map(|pipeline| pipeline.of_service(all))
    };
    let migrations = of_services().filter_map(|pipeline| pipeline.migration.as_ref());
    let migrations: Vec<&Vec<String>> = migrations.collect();
    if !migrations.is_empty() {
        image
            .environment
            .insert(MIGRATION.to_owned(), json!(migrations).to_string());
    }
    match outcome {
        Outcome::Ships => image,
        Outcome::FailsTestTraffic => {
            let requests = of_services().flat_map(|pipeline| &pipeline.requests);
            let broken = requests::broken_pages(&requests.collect::<Vec<_>>());
            let broken = ("SAMPLE_BROKEN_ANSWERS".to_owned(), broken);
            image.environment.extend([broken]);
            image
        }
        Outcome::FailsMigration => image.misbehaving("fails-migration"),
        Outcome::NeverStarts => image.misbehaving("fails-to-start"),
    }
}

/// One push for each repository.
fn steps(pipelines: &[Pipeline], outcome: Outcome) -> Vec<Step> {
    let mut steps: Vec<Step> = by_repository(pipelines)
        .values()
        .map(|of_repository| Step::push(image(of_repository, pipelines, GREEN, outcome)))
        .collect();
    steps.push(Step::Settle);
    steps
}

fn expectations(pipelines: &[Pipeline], outcome: Outcome) -> Vec<Expectation> {
    let mut expectations = claims::nothing_broke();
    let mut labels: Vec<String> = pipelines
        .iter()
        .map(|pipeline| pipeline.label(pipelines))
        .collect();
    labels.sort();
    labels.dedup();
    for label in &labels {
        expectations.push(served(label.clone(), outcome));
    }
    expectations.push(told(labels.len(), pipelines.len(), outcome));
    expectations
}

/// Production switched to green, or never reached it.
fn served(label: String, outcome: Outcome) -> Expectation {
    let path: &[&str] = match outcome {
        Outcome::Ships => &[BLUE, GREEN],
        Outcome::FailsMigration | Outcome::FailsTestTraffic | Outcome::NeverStarts => &[BLUE],
    };
    Expectation::new(
        format!("`{label}` answered by {}", path.join(", then by ")),
        move |record: &Record| {
            let seen = record
                .services
                .get(&label)
                .ok_or_else(|| format!("`{label}` received no requests"))?;
            let ends = [seen.sequence.first(), seen.sequence.last()]
                .map(|stretch| stretch.map(|stretch| stretch.version.as_str()));
            let versions: Vec<&String> = seen.versions.keys().collect();
            let holds = versions == path && ends == [path.first().copied(), path.last().copied()];
            claims::expect(holds, || {
                format!(
                    "by {}, at the end by {}",
                    claims::list(&versions),
                    ends[1].unwrap_or("no version")
                )
            })
        },
    )
}

/// The messages about every service: a gate's once, everything else to each of its pipelines.
fn told(services: usize, pipelines: usize, outcome: Outcome) -> Expectation {
    let outcomes: &[&str] = match outcome {
        Outcome::Ships => &["started", "shipped"],
        Outcome::FailsMigration => &["started", "migration-failed", "failed", "rolled-back"],
        Outcome::FailsTestTraffic => &["started", "test-traffic-failed", "failed", "rolled-back"],
        Outcome::NeverStarts => &["started", "failed", "rolled-back"],
    };
    let claim = match services {
        0 => "the file names a pipeline".to_owned(),
        _ if pipelines > services => format!(
            "messages to each of the {pipelines} pipelines of {}, a gate's once a service: {}",
            counted(services, "service", "services"),
            outcomes.join(", ")
        ),
        1 => format!("messages: {}", outcomes.join(", ")),
        services => format!(
            "messages of each of the {services} services: {}",
            outcomes.join(", ")
        ),
    };
    Expectation::new(claim, move |record: &Record| {
        let mut found: Vec<String> = claims::once(record)
            .into_iter()
            .filter(|message| claims::is_about_an_image(record, message))
            .map(Message::outcome)
            .collect();
        let times = |outcome: &str| match outcome {
            "migration-failed" | "test-traffic-failed" => services,
            _ => pipelines,
        };
        let expected = outcomes.iter();
        let mut expected: Vec<&str> = expected
            .flat_map(|outcome| std::iter::repeat_n(*outcome, times(outcome)))
            .collect();
        found.sort();
        expected.sort_unstable();
        claims::expect(services > 0 && found == expected, || claims::list(&found))
    })
}

#[cfg(test)]
mod tests;
