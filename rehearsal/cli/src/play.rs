//! Plays a scenario: builds a world with production traffic, runs the steps, and gathers the record.

mod act;
mod console;
mod fingerprint;
mod first_migration;
mod forge;
mod isolated;
pub(crate) mod person;
pub(crate) mod published;
mod registry;
mod service_deployments;
mod stacks;

use std::collections::BTreeMap;
use std::fs::DirBuilder;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::pin::{Pin, pin};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use local_aws::clock::Pace;
use local_aws::ecr::ImageSettings;
use local_aws::elb::AUTHORITY;
use local_aws::fault::{Planned, Point};
use local_aws::identity::Location;
use local_aws::lambda::external::Place;
use local_aws::template::Template;
use local_aws::timeline::ListenerKind;
use local_aws::world::{ListenerPorts, World, WorldSettings};

use record::{Record, Seen};

use self::act::Script;
pub(crate) use self::isolated::{inline, isolated};
use crate::binaries::SAMPLE_SERVICE;
use crate::gather::{Known, Production, gather};
use crate::progress::{self, Output};
use crate::scenario::setting::{Mode, Setting};
use crate::scenario::{MessageFormat, Pipelines, Scenario, Step, custom_pipelines};
use crate::traffic::{Asked, Front, Rest, Traffic};

/// The file beside the pipelines in which a world with TLS has the certificate of its authority.
const AUTHORITY_FILE: &str = "private-ca.pem";
/// The file with the authority of the certificates that ACM issues.
const PUBLIC_AUTHORITIES: &str = "public-authorities.pem";
/// The number of answers that production must give before the first step, and after the last.
const ANSWERS_AROUND: u64 = 20;
/// The maximum real time of a rehearsal.
const REAL_TIME_AT_MOST: Duration = Duration::from_secs(10 * 60);
/// The same of a storm: many are played at a time, and one may take more than a day of simulated time.
const STORM_AT_MOST: Duration = Duration::from_secs(60 * 60);

/// The number of existing folders to skip: killed processes with the same number leave theirs, and concurrent plays
/// have their own.
const FOLDERS_TRIED: u32 = 1_000;

/// The paths of a rehearsal's parts.
#[derive(Debug, Clone)]
pub(crate) struct Paths {
    /// The workspace: `template.yaml`, `config/`, scenarios.
    pub(crate) root: PathBuf,
    pub(crate) binaries: PathBuf,
    /// The file that records every call, if any.
    pub(crate) wire: Option<PathBuf>,
}

/// A folder for the databases of one run; removed when dropped.
pub(crate) struct Data(PathBuf);

impl Data {
    pub(crate) fn new() -> anyhow::Result<Data> {
        let name = format!("greenlight-rehearsal-{}", std::process::id());
        // A killed process leaves its folder, and its number is reused: an existing folder is not taken.
        for number in 0..FOLDERS_TRIED {
            let folder = std::env::temp_dir().join(format!("{name}-{number}"));
            match DirBuilder::new().mode(0o700).create(&folder) {
                Ok(()) => return Ok(Data(folder)),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => {
                    return Err(error).with_context(|| format!("create `{}`", folder.display()));
                }
            }
        }
        bail!(
            "`{name}-…` exists {FOLDERS_TRIED} times in the folder for temporary files (hint: remove them)"
        )
    }
}

impl Data {
    /// The path of a file in the folder, whether or not it is there.
    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file into the folder and returns its path.
    pub(crate) fn write(&self, name: &str, text: &str) -> anyhow::Result<PathBuf> {
        let file = self.path(name);
        std::fs::write(&file, text).with_context(|| format!("write `{}`", file.display()))?;
        Ok(file)
    }
}

impl Drop for Data {
    fn drop(&mut self) {
        // A folder that cannot be removed stays among the system's temporary files.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A finished play.
pub(crate) struct Played {
    pub(crate) record: Record,
    /// Every call by a function, and the faults that were injected.
    pub(crate) points: Vec<Point>,
    pub(crate) injected: Vec<Planned>,
    /// Equal for plays that went the same way.
    pub(crate) fingerprint: String,
    /// Why the rest of the script was left out, if it was.
    pub(crate) cut_short: Option<String>,
    /// Why the play did not finish; the record is not judged then.
    pub(crate) broken_off: Option<anyhow::Error>,
}

/// A world with production traffic, before the first step.
struct SetUp {
    known: Known,
    world: World,
    traffic: BTreeMap<String, Traffic>,
}

/// Plays a scenario until it ends or is interrupted, and judges it.
pub(crate) async fn play(
    scenario: &Scenario,
    paths: &Paths,
    output: &Output,
    interrupted: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<Played> {
    let data = Data::new()?;
    output.begin(scenario);
    let mut end = pin!(brought_to_an_end(scenario, interrupted));
    // Dropping these values stops every process and removes every file of the play.
    let set_up = tokio::select! {
        biased;
        set_up = set_up(scenario, paths, &data) => set_up?,
        why = &mut end => return Err(why),
    };
    if let Some(stacks) = &scenario.setting.stacks {
        let lines = stacks::outputs(&set_up.world, stacks);
        lines.iter().for_each(|line| output.text(line));
    }
    let mut played = play_through(scenario, set_up, output, end).await;
    if played.broken_off.is_none() {
        played.record.violations = checks::judge(&played.record);
        scenario.judge(&mut played.record);
        output.end(&played.record);
    }
    Ok(played)
}

/// Resolves when a rehearsal has to stop: immediately if interrupted, otherwise after the time limit. Returns the
/// reason.
async fn brought_to_an_end(
    scenario: &Scenario,
    interrupted: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Error {
    let at_most = match scenario.setting.pace {
        Pace::Real => REAL_TIME_AT_MOST,
        Pace::Still => STORM_AT_MOST,
    };
    match tokio::time::timeout(at_most, interrupted).await {
        Ok(Ok(())) => anyhow!("interrupted"),
        Ok(Err(error)) => error,
        Err(_) => anyhow!("`{}` did not finish within {at_most:?}", scenario.name),
    }
}

async fn set_up(scenario: &Scenario, paths: &Paths, data: &Data) -> anyhow::Result<SetUp> {
    let world = start_world(scenario, paths, data, 0).await?;
    let mut traffic = BTreeMap::new();
    for service in &scenario.setting.services {
        let address = world
            .base_url(&service.label, ListenerKind::Production)
            .with_context(|| format!("`{}` has no listener", service.label))?;
        let rest = match scenario.setting.pace {
            Pace::Real => Rest::Pause(scenario.setting.pause),
            Pace::Still => Rest::UntilChanged(world.timeline.clone()),
        };
        let pages = match service.asked.as_slice() {
            [] => scenario.setting.asked.map(Asked::path).into(),
            own => own.to_vec(),
        };
        let name = world.certified_name(&service.label, ListenerKind::Production);
        let first = match name {
            Some(name) => Front::certified(address, &name, &world.certificates)?,
            None => Front::plain(address)?,
        };
        let first = (service.label.clone(), first);
        let further = world.further_base_urls(&service.label).into_iter();
        let mut fronts = vec![first];
        for (label, address) in further {
            fronts.push((label, Front::plain(address)?));
        }
        for (label, front) in fronts {
            let (clock, rest) = (world.clock.clone(), rest.clone());
            let client = Traffic::start(front, clock, rest, pages.clone())?;
            traffic.insert(label, client);
        }
    }
    for client in traffic.values() {
        client.more(ANSWERS_AROUND).await;
    }
    Ok(SetUp {
        known: known(scenario, paths, &world)?,
        world,
        traffic,
    })
}

/// Facts for the record that the world does not have.
fn known(scenario: &Scenario, paths: &Paths, world: &World) -> anyhow::Result<Known> {
    let text = scenario.pipelines.read(&paths.root)?;
    let setting = &scenario.setting;
    let images = setting.images.iter().map(|image| (image, image.digest()));
    let indexes = setting.indexes.iter();
    let indexes = indexes.map(|index| (&index.image, index.digest()));
    let tagged = |(image, digest): (&ImageSettings, String)| {
        let (repository, tags) = (image.written_repository(), image.tags.clone());
        let tags = tags.into_iter();
        tags.map(move |tag| (repository.clone(), tag, digest.clone()))
    };
    Ok(Known {
        start: world.clock.now(),
        pipelines: custom_pipelines::read(&text),
        images: images.chain(indexes).flat_map(tagged).collect(),
        revisions: world.revisions().into_iter().map(|(arn, _)| arn).collect(),
    })
}

async fn play_through(
    scenario: &Scenario,
    set_up: SetUp,
    output: &Output,
    mut end: Pin<&mut impl Future<Output = anyhow::Error>>,
) -> Played {
    let SetUp {
        known,
        world,
        traffic,
    } = set_up;
    let (start, real_start) = (known.start, Instant::now());
    let observers: Vec<_> = traffic.values().map(Traffic::observer).collect();
    let everybody = move || {
        observers
            .iter()
            .map(|observe| observe())
            .fold(Seen::default(), Seen::and)
    };
    let timeline = world.timeline.subscribe();
    let mut cut_short = None;
    let mut broken_off = tokio::select! {
        biased;
        done = act_all(&world, scenario, &traffic) => match done {
            Ok(cut) => {
                cut_short = cut;
                None
            }
            Err(error) => Some(error),
        },
        why = &mut end => Some(why),
        () = progress::watch(output, timeline, start, everybody) => None,
    };
    let real_milliseconds = u64::try_from(real_start.elapsed().as_millis()).unwrap_or(u64::MAX);
    let mut production = Production::default();
    for (service, client) in traffic {
        let (seen, answers) = match broken_off {
            None => client.stop().await,
            Some(_) => client.so_far(),
        };
        production.seen.insert(service.clone(), seen);
        production.answers.insert(service, answers);
    }
    let mut record = gather(scenario, &world, &known, production, real_milliseconds);
    if broken_off.is_none() {
        broken_off = self::end(&world).await.err();
    }
    record.broken_off = broken_off.as_ref().map(|error| format!("{error:#}"));
    Played {
        record,
        points: world.api.faults.points(),
        injected: world.api.faults.injected(),
        fingerprint: fingerprint::of(&world, start),
        cut_short,
        broken_off,
    }
}

/// Runs the scenario's steps, and then waits for further answers from production. After a fault, a moment that the
/// script waits for may never come: then the rest of the script is left out, and everything runs to its end. Returns
/// the reason.
async fn act_all(
    world: &World,
    scenario: &Scenario,
    traffic: &BTreeMap<String, Traffic>,
) -> anyhow::Result<Option<String>> {
    let mut script = Script::new(world, traffic, scenario.setting.impossible);
    let mut cut_short = None;
    for step in &scenario.steps {
        let Err(error) = script.act(step).await else {
            continue;
        };
        if world.api.faults.injected().is_empty() {
            return Err(error);
        }
        cut_short = Some(format!("{error:#}"));
        script.act(&Step::Settle).await?;
        break;
    }
    script.more(ANSWERS_AROUND).await;
    Ok(cut_short)
}

/// Stops every process of a world; fails if the recording of calls is incomplete.
pub(crate) async fn end(world: &World) -> anyhow::Result<()> {
    world.lambda.stop().await;
    world.shutdown().await;
    world.api.wire.check()
}

/// The template with this pipelines file in its layer; `given` are parameters that a person gives.
pub(crate) fn template(
    paths: &Paths,
    format: MessageFormat,
    mode: Mode,
    registry: Option<&Location>,
    header_secrets: &str,
    given: &BTreeMap<String, String>,
    pipelines: &Path,
) -> anyhow::Result<Template> {
    let (registry_account, registry_region) = registry::parameters(registry);
    let parameters = [
        // Nothing here depends on it: the functions are built for this machine.
        ("Architecture", "arm64"),
        ("HeaderSecrets", header_secrets),
        ("MessageFormat", format.as_str()),
        ("Mode", mode.as_str()),
        ("RegistryAccount", registry_account),
        ("RegistryRegion", registry_region),
    ];
    let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let mut parameters = BTreeMap::from(parameters);
    parameters.extend(given.clone());
    Template::read(
        &paths.root.join("template.yaml"),
        &parameters,
        &paths.binaries,
        pipelines,
    )
}

/// The scenario's world, with migrated databases and 1.0.0 serving.
pub(crate) async fn start_world(
    scenario: &Scenario,
    paths: &Paths,
    data: &Data,
    port: u16,
) -> anyhow::Result<World> {
    let file = pipelines(scenario, &paths.root, data)?;
    let (format, mode) = (scenario.message_format, scenario.setting.mode);
    let setting = &scenario.setting;
    let secrets: Vec<&str> = setting.secrets.iter().map(|one| one.arn.as_str()).collect();
    let secrets = secrets.join(",");
    let registry = setting.registry().map_err(anyhow::Error::msg)?;
    let text = scenario.pipelines.read(&paths.root)?;
    let mut parameters = setting.parameters.clone();
    parameters
        .entry(published::PARAMETER.to_owned())
        .or_insert_with(|| published::folder(&text));
    let template = template(
        paths,
        format,
        mode,
        registry.as_ref(),
        &secrets,
        &parameters,
        &file,
    )?;
    let template = registry::forwarding(template, registry.as_ref(), setting, &paths.root)?;
    let sample_service = paths.binaries.join(SAMPLE_SERVICE);
    let entries = custom_pipelines::read(&text);
    first_migration::migrate(setting, &entries, &sample_service, data).await?;
    let mut settings = WorldSettings {
        template,
        assumptions: setting.assumptions.clone(),
        without: setting.without.clone(),
        port,
        repositories: registry::shared(setting.repositories(), &paths.root)?,
        images: setting.images.clone(),
        indexes: setting.indexes.clone(),
        services: setting
            .services
            .iter()
            .map(|service| service.settings(&data.0))
            .collect(),
        sample_service,
        programs: setting.programs.clone(),
        dwell: setting.dwell,
        pace: setting.pace,
        faults: setting.faults.clone(),
        secrets: setting.secrets.clone(),
        listener_ports: ListenerPorts::AsAsked,
        image_environment: BTreeMap::new(),
    };
    if let Some(stacks) = &setting.stacks {
        let authorities = data.path(PUBLIC_AUTHORITIES);
        stacks::prepare(&mut settings, &authorities);
        let world = World::start(settings).await?;
        data.write(PUBLIC_AUTHORITIES, &world.certificates.authority())?;
        stacks::create(&world, stacks, &setting.images).await?;
        return Ok(world);
    }
    let world = World::start(settings).await?;
    if setting.has_network() {
        addressed(&file, &world, setting)?;
    }
    for function in &setting.functions {
        let place = Place::Executable(paths.root.join(&function.executable));
        world
            .lambda
            .register(&function.name, place, function.environment.clone())?;
    }
    if let Some(file) = &paths.wire {
        world.api.wire.write_to(file)?;
    }
    Ok(world)
}

/// The pipelines file as it is played, without entries that belong to services outside the rehearsal.
fn pipelines(scenario: &Scenario, root: &Path, data: &Data) -> anyhow::Result<PathBuf> {
    let text = scenario.pipelines.read(root)?;
    // A world with TLS has what such a file names: the authority and the secrets.
    let has_tls = scenario.setting.has_tls();
    let rewritten = match has_tls || scenario.setting.has_network() {
        true => Some(text),
        false => {
            let functions = scenario.setting.own_functions();
            custom_pipelines::as_played(&text, &functions, &scenario.setting.target_groups())
        }
    };
    let rewritten = match (rewritten, &scenario.pipelines) {
        (Some(rewritten), _) => rewritten,
        (None, Pipelines::File(file)) => return Ok(root.join(file)),
        (None, Pipelines::Text(text)) => text.clone(),
    };
    if has_tls {
        data.write(AUTHORITY_FILE, AUTHORITY)?;
    }
    data.write("pipelines.toml", &rewritten)
}

/// Writes a service's addresses in place of `http://test.SERVICE.invalid` and `http://production.SERVICE.invalid`: which ports they
/// have is only known now, and what a listener's targets speak only a `base_url` tells at a Network Load Balancer.
fn addressed(file: &Path, world: &World, setting: &Setting) -> anyhow::Result<()> {
    let mut text = std::fs::read_to_string(file)?;
    for service in &setting.services {
        for (kind, word) in [
            (ListenerKind::Test, "test"),
            (ListenerKind::Production, "production"),
        ] {
            if let Some(url) = world.base_url(&service.label, kind) {
                text = text.replace(&format!("http://{word}.{}.invalid", service.label), &url);
            }
        }
    }
    std::fs::write(file, text).with_context(|| format!("write `{}`", file.display()))
}
