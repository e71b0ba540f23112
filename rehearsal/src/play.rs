//! Plays a scenario: a world, production traffic, what happens in it, and the record of it.

mod act;
mod person;

use std::collections::BTreeMap;
use std::fs::DirBuilder;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rehearsal::happening::ListenerKind;
use rehearsal::process::Process;
use rehearsal::template::Template;
use rehearsal::world::{World, WorldSettings};

use self::act::Script;
use crate::binaries::SAMPLE_SERVICE;
use crate::evidence;
use crate::progress::{self, Output};
use crate::record::Record;
use crate::scenario::{Scenario, own};
use crate::traffic::{Seen, Traffic};

/// Answers that production must have given before anything happens, and after everything has.
const ANSWERS_AROUND: u64 = 20;
/// The longest that a rehearsal may really take.
const REAL_TIME_AT_MOST: Duration = Duration::from_secs(10 * 60);

/// How many folders of killed processes with the same number are passed over.
const FOLDERS_TRIED: u32 = 100;

/// Where the parts of a rehearsal are.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    /// The workspace: `template.yaml`, `config/`, scenarios.
    pub(crate) root: PathBuf,
    pub(crate) binaries: PathBuf,
    /// Where every call is written down, if anywhere.
    pub(crate) wire: Option<PathBuf>,
}

/// A folder for the databases of one run; removed when dropped.
pub(crate) struct Data(PathBuf);

impl Data {
    pub(crate) fn new() -> anyhow::Result<Data> {
        let name = format!("greenlight-rehearsal-{}", std::process::id());
        // A process that was killed leaves its folder, and its number is given again: one that exists is not taken.
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

impl Drop for Data {
    fn drop(&mut self) {
        // What cannot be removed lies in the system's folder for such things.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Plays a scenario to its end, and judges it.
pub(crate) async fn play(
    scenario: &Scenario,
    places: &Places,
    output: &Output,
) -> anyhow::Result<Record> {
    let data = Data::new()?;
    output.begin(scenario);
    let played = tokio::time::timeout(
        REAL_TIME_AT_MOST,
        play_through(scenario, places, &data, output),
    )
    .await;
    let Ok(record) = played else {
        bail!(
            "`{}` did not come to its end within {REAL_TIME_AT_MOST:?}",
            scenario.name
        )
    };
    let mut record = record?;
    scenario.judge(&mut record);
    output.end(scenario, &record);
    Ok(record)
}

async fn play_through(
    scenario: &Scenario,
    places: &Places,
    data: &Data,
    output: &Output,
) -> anyhow::Result<Record> {
    let world = start_world(scenario, places, data, 0).await?;
    let revisions_before = world.revisions();
    let mut traffic = BTreeMap::new();
    for service in &scenario.setting.services {
        let address = world
            .address(&service.label, ListenerKind::Production)
            .with_context(|| format!("`{}` has no listener", service.label))?;
        traffic.insert(service.label.clone(), Traffic::start(address));
    }
    for client in traffic.values() {
        client.more(ANSWERS_AROUND).await;
    }
    let (start, real_start) = (world.clock.now(), Instant::now());
    let looks: Vec<_> = traffic.values().map(Traffic::look).collect();
    let everybody = move || {
        looks
            .iter()
            .map(|look| look())
            .fold(Seen::default(), Seen::and)
    };
    let happenings = world.happenings.subscribe();
    let acts = async {
        let mut script = Script::new(&world, &traffic);
        for step in &scenario.steps {
            script.act(step).await?;
        }
        script.more(ANSWERS_AROUND).await;
        anyhow::Ok(())
    };
    tokio::select! {
        done = acts => done?,
        () = progress::watch(output, happenings, start, everybody) => {}
    }
    let real_milliseconds = u64::try_from(real_start.elapsed().as_millis()).unwrap_or(u64::MAX);
    let mut services = BTreeMap::new();
    for (service, client) in traffic {
        services.insert(service, client.stop().await);
    }
    let record = evidence::gather(
        scenario,
        &world,
        start,
        services,
        &revisions_before,
        real_milliseconds,
    );
    end(&world).await?;
    Ok(record)
}

/// Ends every process of a world; an error if not everything was recorded that should have been.
pub(crate) async fn end(world: &World) -> anyhow::Result<()> {
    world.lambda.stop().await;
    world.shutdown().await;
    world.wire.check()
}

/// A world as the scenario wants it, with migrated databases and 1.0.0 serving.
pub(crate) async fn start_world(
    scenario: &Scenario,
    places: &Places,
    data: &Data,
    port: u16,
) -> anyhow::Result<World> {
    let format = (
        "MessageFormat".to_owned(),
        scenario.message_format.as_str().to_owned(),
    );
    let template = Template::read(
        &places.root.join("template.yaml"),
        &BTreeMap::from([format]),
        &places.binaries,
        &pipelines(&places.root.join(&scenario.pipelines), data)?,
    )?;
    let sample_service = places.binaries.join(SAMPLE_SERVICE);
    let setting = &scenario.setting;
    for service in &setting.services {
        migrate(&sample_service, &service.database(&data.0)).await?;
    }
    let world = World::start(WorldSettings {
        template,
        assumptions: setting.assumptions.clone(),
        port,
        repositories: setting.repositories(),
        images: setting.images.clone(),
        services: setting
            .services
            .iter()
            .map(|service| service.settings(&data.0))
            .collect(),
        sample_service,
    })
    .await?;
    if let Some(file) = &places.wire {
        world.wire.write_to(file)?;
    }
    Ok(world)
}

/// The pipelines file as it is played: the check asks the load balancer of this world, never one that is elsewhere.
fn pipelines(file: &Path, data: &Data) -> anyhow::Result<PathBuf> {
    let text =
        std::fs::read_to_string(file).with_context(|| format!("read `{}`", file.display()))?;
    let Some(rewritten) = own::without_base_urls(&text) else {
        return Ok(file.to_owned());
    };
    let copy = data.0.join("pipelines.toml");
    std::fs::write(&copy, rewritten).with_context(|| format!("write `{}`", copy.display()))?;
    Ok(copy)
}

/// Brings a new database to where the first version wants it.
async fn migrate(sample_service: &Path, database: &str) -> anyhow::Result<()> {
    let environment = BTreeMap::from([("DATABASE".to_owned(), database.to_owned())]);
    let lines = Arc::new(Mutex::new(Vec::new()));
    let log = lines.clone();
    let keep = move |line| {
        log.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(line)
    };
    let mut process =
        Process::start_program(sample_service, &["migrate".to_owned()], &environment, keep)?;
    match process.exited().await {
        0 => Ok(()),
        code => {
            let lines: Vec<String> = lines.lock().unwrap_or_else(PoisonError::into_inner).clone();
            bail!(
                "the first migration of `{database}` exited with {code}: {}",
                lines.join("; ")
            )
        }
    }
}
