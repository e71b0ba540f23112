//! A burst at scale: one base image that many services follow, and many pushes of it within a short time.
//!
//! The functions are the ones that ship, and every service's task is a process that answers requests. Throttling
//! follows the token buckets that ECS publishes. A function's waits take real time, because it uses its own clock.

mod figures;
mod judge;
mod setting;

use std::convert::Infallible;
use std::pin::pin;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use futures_util::future::join_all;
use local_aws::ecr::ImageSettings;
use local_aws::timeline::ListenerKind;
use local_aws::world::World;
use record::{Seen, counted};
use rustix::process::{Resource, getrlimit, setrlimit};
use serde_json::json;

use self::figures::Figures;
use self::setting::REPOSITORY;
use crate::command::scale::Scale;
use crate::play::{Data, Paths, end, start_world};
use crate::progress::{self, Output};
use crate::scenario::setting::Setting;

use crate::traffic::{Asked, Front, PATHS, PAUSE, Rest, Traffic};

/// The interval of progress lines, in real time.
const PROGRESS: Duration = Duration::from_secs(10);
/// The number of answers that each service's production must give before the first push, and at the end.
const ANSWERS_AROUND: u64 = 2;

/// The observations of a burst.
struct Burst {
    world: World,
    traffic: Vec<(String, Traffic)>,
    /// The digest that the tag points to at the end.
    newest: String,
}

/// Plays the burst and prints its figures. The exit status reports whether everything ended as expected.
pub(crate) async fn play(
    setting: Setting,
    size: &Scale,
    paths: &Paths,
    output: &Output,
    interrupted: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<ExitCode> {
    allow_open_files();
    let data = Data::new()?;
    let mut interrupted = pin!(interrupted);
    output.text(&format!(
        "scale: {} on one base image, which is pushed {} within {} s\n",
        counted(size.services, "service", "services"),
        counted(size.pushes, "time", "times"),
        size.within
    ));
    let started = Instant::now();
    let burst = tokio::select! {
        burst = through(setting, size, paths, &data, output) => burst?,
        told = &mut interrupted => return Err(told.err().unwrap_or_else(|| anyhow!("interrupted"))),
    };
    let Burst {
        world,
        traffic,
        newest,
    } = burst;
    let mut seen = Vec::new();
    for (service, client) in traffic {
        seen.push((service, client.stop().await.0));
    }
    let production = seen
        .iter()
        .map(|(_, seen)| seen.clone())
        .fold(Seen::default(), Seen::and);
    let figures = Figures::of(&world, size, &production, started.elapsed());
    let problems = judge::problems(&world, &newest, &seen, &figures);
    end(&world).await?;
    if size.json {
        let told =
            json!({ "as_expected": problems.is_empty(), "problems": problems, "figures": figures });
        progress::print(&serde_json::to_string_pretty(&told)?)?;
    }
    output.text(&figures.to_text());
    output.text(&judge::to_text(&problems));
    Ok(if problems.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// A few hundred processes with their pipes, connections and listeners need more open files than a shell usually
/// allows.
fn allow_open_files() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Without permission to raise the limit, smaller runs still fit.
    let _ = setrlimit(Resource::Nofile, limit);
}

async fn through(
    setting: Setting,
    size: &Scale,
    paths: &Paths,
    data: &Data,
    output: &Output,
) -> anyhow::Result<Burst> {
    let scenario = setting::scenario(setting, size.services);
    let world = start_world(&scenario, paths, data, 0).await?;
    let mut traffic = Vec::new();
    for service in &scenario.setting.services {
        let address = world
            .base_url(&service.label, ListenerKind::Production)
            .with_context(|| format!("`{}` has no listener", service.label))?;
        let client = Traffic::start(
            Front::plain(address)?,
            world.clock.clone(),
            Rest::Pause(PAUSE * size.services),
            PATHS.map(Asked::path).into(),
        )?;
        traffic.push((service.label.clone(), client));
    }
    more(&traffic).await;
    output.text("every service runs its first version and answers");
    let newest = tokio::select! {
        newest = async {
            let newest = push_all(&world, size).await?;
            world.settled().await;
            anyhow::Ok(newest)
        } => newest?,
        never = tell(&world, output) => match never {},
    };
    more(&traffic).await;
    Ok(Burst {
        world,
        traffic,
        newest,
    })
}

async fn more(traffic: &[(String, Traffic)]) {
    join_all(
        traffic
            .iter()
            .map(|(_, client)| client.more(ANSWERS_AROUND)),
    )
    .await;
}

/// Pushes the base image at even intervals, and returns the digest that the tag points to at the end. Most pushes are a
/// new version. Every tenth has no tag, as the manifests of a multi-platform image have none, and every twenty-fifth
/// moves the tag back to the previous version; the last one is a new version.
async fn push_all(world: &World, size: &Scale) -> anyhow::Result<String> {
    let (pushes, within) = (size.pushes, Duration::from_secs(size.within.into()));
    let start = world.clock.now();
    let mut newest = String::new();
    for number in 1..=pushes {
        let image = if number == pushes {
            version(number, &["latest"])
        } else if number % 10 == 0 {
            version(number, &[])
        } else if number % 25 == 7 && number > 1 {
            version(number - 1, &["latest"])
        } else {
            version(number, &["latest"])
        };
        let refused = |refused| anyhow!("ECR refused the push of `{}`: {refused:?}", image.version);
        newest = world.push(&image).map_err(refused)?;
        world
            .clock
            .sleep_until(start + within * number / pushes)
            .await;
    }
    Ok(newest)
}

fn version(number: u32, tags: &[&str]) -> ImageSettings {
    ImageSettings::new(REPOSITORY, tags, &format!("1.0.{number}"))
}

/// Prints progress at intervals.
async fn tell(world: &World, output: &Output) -> Infallible {
    let start = world.clock.now();
    let mut ticks = tokio::time::interval(PROGRESS);
    ticks.tick().await;
    loop {
        ticks.tick().await;
        let deployments = world.deployments();
        let over = deployments
            .iter()
            .filter(|deployment| deployment.status == "Succeeded");
        let passed = world.clock.now().duration_since(start).unwrap_or_default();
        output.text(&format!(
            "{:>5} s  {} begun, {} succeeded; {}, {}",
            passed.as_secs(),
            counted(deployments.len(), "deployment", "deployments"),
            over.count(),
            counted(
                world.lambda.invocations().len(),
                "invocation",
                "invocations"
            ),
            counted(world.calls().len(), "call", "calls"),
        ));
    }
}
