//! Draws a plan. The order of the draws is part of the meaning of a seed: changing it gives every seed another storm.

use std::collections::BTreeMap;
use std::time::Duration;

use fastrand::Rng;
use local_aws::assumption::Assumption;
use local_aws::cloudwatch::AlarmState;
use local_aws::codedeploy::requests::DeploymentWait;
use local_aws::ecr::ImageSettings;

use super::{Chances, Deployer, Pipeline, Plan, Rule};
use super::{faults, of_ecs};
use crate::scenario::setting::BLUE;
use crate::scenario::{
    AfterStop, How, Moment, Operation, PauseAction, Reached, Request, Step, Wanted,
};

/// No name is part of another, nor of any text of AWS.
const SERVICES: [&str; 3] = ["anchor", "beacon", "compass"];
const CLUSTERS: [&str; 2] = ["prod", "stage"];
const SHARED: &str = "shop/hull";
/// The page that reads the database, and the one that does not.
const ORDERS: &str = "/orders";
const FRONT: &str = "/";

/// The images so far, as targets for tag moves, rollbacks and requests.
pub(super) struct Drawn {
    pub(super) rng: Rng,
    /// By repository: every version, in the order of the pushes.
    pushed: BTreeMap<String, Vec<ImageSettings>>,
    /// Versions are unique across repositories.
    versions: u32,
    broken_unseen: Vec<String>,
}

impl Drawn {
    pub(super) fn new(seed: u64) -> Drawn {
        Drawn {
            rng: Rng::with_seed(seed),
            pushed: BTreeMap::new(),
            versions: 0,
            broken_unseen: Vec::new(),
        }
    }

    pub(super) fn chance(&mut self, percent: u8) -> bool {
        self.rng.u8(..100) < percent
    }

    pub(super) fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.rng.usize(..of.len())]
    }

    pub(super) fn seconds(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_secs(self.rng.u64(from..=to))
    }

    fn image(&mut self, repository: &str) -> ImageSettings {
        let images = &self.pushed[repository];
        images[self.rng.usize(..images.len())].clone()
    }
}

impl Plan {
    /// The storm of a seed: always the same one.
    pub(crate) fn of(seed: u64) -> Plan {
        plan(seed)
    }
}

fn plan(seed: u64) -> Plan {
    let mut drawn = Drawn::new(seed);
    // One stream of random numbers feeds all draws: an additional draw changes all later ones. Therefore the world
    // comes first, then its faults, and last the steps, which are extended most often.
    let chances = chances(&mut drawn);
    let pipelines = pipelines(&mut drawn);
    let is_of_ecs = pipelines.iter().any(|one| one.deployer.is_ecs());
    let assumptions: Vec<Assumption> = Assumption::ALL
        .iter()
        .copied()
        .filter(|one| is_of_ecs || !one.is_of_service_deployments())
        .filter(|_| drawn.chance(chances.assumed))
        .collect();
    let all: Vec<&Pipeline> = pipelines.iter().collect();
    let mut delivery_faults = faults::delivery_faults(&mut drawn, chances, &all, &faults::RULES);
    let mut call_faults = faults::call_faults(&mut drawn, chances, &pipelines, &assumptions);
    let of_ecs = of_ecs::faults(&mut drawn, chances, &pipelines);
    delivery_faults.extend(of_ecs.delivery_faults);
    call_faults.extend(of_ecs.call_faults);
    let mut steps = Vec::new();
    for _ in 0..drawn.rng.u8(3..=8) {
        steps.push(step(&mut drawn, chances, &pipelines));
        steps.extend(then(&mut drawn, chances, &pipelines));
    }
    // The two phases test different properties. While anything may fail, Greenlight must do nothing wrong, but need not
    // do anything: the event that triggers it may be lost. Only after the faults have ended must the newest image run.
    steps.extend([Step::Calm, Step::Converge]);
    Plan {
        seed,
        chances,
        pipelines,
        assumptions,
        delivery_faults,
        call_faults,
        steps,
        broken_unseen: drawn.broken_unseen,
    }
}

fn chances(drawn: &mut Drawn) -> Chances {
    Chances {
        delivery_fault: drawn.one(&[0, 10, 25, 40]),
        call_fault: drawn.one(&[0, 15, 30, 60]),
        broken: drawn.one(&[0, 20, 40]),
        person: drawn.one(&[0, 20, 40]),
        burst: drawn.one(&[0, 30, 60]),
        assumed: drawn.one(&[0, 10, 30, 50]),
    }
}

fn pipelines(drawn: &mut Drawn) -> Vec<Pipeline> {
    let count = drawn.one(&[1, 1, 1, 2, 2, 3]);
    let shared = drawn.chance(50) && count > 1;
    let services = SERVICES[..count].iter();
    services
        .map(|service| pipeline(drawn, service, shared))
        .collect()
}

fn pipeline(drawn: &mut Drawn, service: &'static str, shared: bool) -> Pipeline {
    let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
    let asks: &[&[&'static str]] = &[&[], &[ORDERS], &[FRONT, ORDERS], &[FRONT]];
    let repository = if shared {
        SHARED.to_owned()
    } else {
        format!("shop/{service}")
    };
    let deployer = drawn.one(&of_ecs::DEPLOYERS);
    let mut asks = drawn.one(asks).to_vec();
    let checks_production = drawn.chance(50) && !asks.is_empty();
    // There is no green that test traffic could ask.
    if deployer == Deployer::Rolling && !checks_production {
        asks.clear();
    }
    Pipeline {
        service,
        cluster: drawn.one(&CLUSTERS),
        repository,
        rule: drawn.one(&[Rule::Latest, Rule::Latest, Rule::Release, Rule::Versions]),
        when_busy: drawn.one(&["wait", "replace"]),
        termination_wait: drawn.one(&["cut", "keep"]),
        migrates: drawn.chance(60),
        asks,
        checks_production,
        deployment_config: drawn.one(&[
            "CodeDeployDefault.ECSAllAtOnce",
            "CodeDeployDefault.ECSCanary10Percent5Minutes",
            "CodeDeployDefault.ECSLinear10PercentEvery1Minutes",
        ]),
        ready_wait: drawn.chance(10).then_some(minutes(10)),
        blue_stays: drawn.one(&[minutes(0), minutes(5), minutes(60)]),
        rolls_back_on_stop: drawn.chance(90),
        deployer,
    }
}

fn step(drawn: &mut Drawn, chances: Chances, pipelines: &[Pipeline]) -> Step {
    let pipeline = &pipelines[drawn.rng.usize(..pipelines.len())];
    let has_pushed = drawn.pushed.contains_key(&pipeline.repository);
    if has_pushed && drawn.chance(chances.person) {
        return person(drawn, pipeline);
    }
    if has_pushed && drawn.chance(20) {
        return move_tag(drawn, pipeline);
    }
    push(drawn, chances, pipeline, pipelines)
}

/// A new version, under the tags that the repository's pipelines follow, or most of them.
fn push(drawn: &mut Drawn, chances: Chances, pipeline: &Pipeline, pipelines: &[Pipeline]) -> Step {
    drawn.versions += 1;
    let number = drawn.versions;
    let followed = pipelines
        .iter()
        .filter(|other| other.repository == pipeline.repository);
    // Since 1.1.0, the sample service needs a migration.
    let version = if followed.clone().all(|other| other.migrates) {
        format!("1.{number}.0")
    } else {
        format!("1.0.{number}")
    };
    let mut tags = Vec::new();
    for other in followed {
        let tag = match other.rule {
            Rule::Latest => "latest".to_owned(),
            Rule::Release => format!("release-{number}"),
            // Sometimes a version of an older line, sometimes one outside the range.
            Rule::Versions => match drawn.rng.u8(..10) {
                0 => format!("2.{number}.0"),
                1 | 2 => format!("v1.0.{number}"),
                _ => format!("1.{number}.0"),
            },
        };
        // Some images are not for the other pipelines of their repository, which must leave them alone.
        let wanted = other.service == pipeline.service || drawn.chance(80);
        if wanted && !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
    let mut image = ImageSettings::new(&pipeline.repository, &tags, &version);
    if drawn.chance(chances.broken) {
        image = broken(drawn, image, pipelines);
    }
    let pushed = drawn.pushed.entry(pipeline.repository.clone());
    pushed.or_default().push(image.clone());
    Step::push(image)
}

fn broken(drawn: &mut Drawn, image: ImageSettings, pipelines: &[Pipeline]) -> ImageSettings {
    let how = drawn.one(&[
        "fails-migration",
        "fails-to-start",
        "answers:500:/orders",
        "answers:500:/orders",
        "slow:/orders:150",
        "slow:/:80",
    ]);
    let is_unseen = pipelines
        .iter()
        .any(|pipeline| pipeline.repository == image.repository && !pipeline.is_kept_from(ORDERS));
    if how.starts_with("answers") && is_unseen {
        drawn.broken_unseen.push(image.version.clone());
    }
    image.misbehaving(how)
}

/// Sets a tag on an existing image: moves an exact tag back to it, or adds another tag.
fn move_tag(drawn: &mut Drawn, pipeline: &Pipeline) -> Step {
    let first = ImageSettings::new(&pipeline.repository, &[], BLUE);
    let mut image = match drawn.rng.u8(..4) {
        0 => first,
        _ => drawn.image(&pipeline.repository),
    };
    let number = drawn.versions + 1;
    image.tags = vec![match pipeline.rule {
        Rule::Latest => "latest".to_owned(),
        Rule::Release => format!("release-{}", drawn.rng.u32(1..=number)),
        Rule::Versions => format!("1.{}.0", drawn.rng.u32(1..=number)),
    }];
    Step::push(image)
}

fn person(drawn: &mut Drawn, pipeline: &Pipeline) -> Step {
    let service = pipeline.service.to_owned();
    let image = drawn.image(&pipeline.repository);
    let ask = |wanted| {
        Step::Ask(Request {
            pipeline: service.clone(),
            image: wanted,
        })
    };
    let wanted = |how| Wanted {
        repository: image.repository.clone(),
        version: image.version.clone(),
        how,
    };
    match drawn.rng.u8(..10) {
        0..=2 => Step::Stop {
            then: match drawn.chance(85) {
                true => AfterStop::RollBack,
                false => AfterStop::LeaveEverything,
            },
            service,
        },
        3 if pipeline.deployer.is_ecs() => Step::Operate {
            operation: on_ecs(drawn, pipeline),
            service,
        },
        3 => Step::EndWait {
            service,
            wait: DeploymentWait::Termination,
        },
        4 => Step::EndWait {
            service,
            wait: DeploymentWait::Ready,
        },
        5 => {
            let state = drawn.one(&[AlarmState::Alarm, AlarmState::Ok]);
            Step::Alarm(pipeline.alarm(), state)
        }
        6 => {
            // No hook migrates or checks a deployment from the console.
            drawn.broken_unseen.push(image.version.clone());
            let version = drawn.one(&[BLUE, image.version.as_str()]).to_owned();
            Step::Redeploy { service, version }
        }
        7 => ask(None),
        8 => ask(Some(wanted(How::Deploy))),
        _ => ask(Some(wanted(How::DryRun))),
    }
}

/// What a person does to a service that ECS deploys, where CodeDeploy's termination wait could be ended.
fn on_ecs(drawn: &mut Drawn, pipeline: &Pipeline) -> Operation {
    let pauses = pipeline.ready_wait.is_some() && pipeline.deployer != Deployer::Rolling;
    match (pauses, drawn.chance(50)) {
        (true, true) => Operation::AnswerPause(PauseAction::Continue),
        (true, false) => Operation::AnswerPause(PauseAction::RollBack),
        (false, _) => Operation::Force,
    }
}

/// The moment to wait for before the next step; none in a burst.
fn then(drawn: &mut Drawn, chances: Chances, pipelines: &[Pipeline]) -> Option<Step> {
    if drawn.chance(chances.burst) {
        return drawn.chance(50).then(|| Step::Pass(drawn.seconds(1, 20)));
    }
    let pipeline = &pipelines[drawn.rng.usize(..pipelines.len())];
    let until = |reached| Step::Until(Moment::of(pipeline.service, reached));
    let event = |name, status| until(Reached::LifecycleEvent(name, status));
    let drawn_moment = drawn.rng.u8(..10);
    if pipeline.deployer.is_ecs() && drawn_moment >= 3 {
        return Some(match drawn_moment {
            3 => event("PRE_SCALE_UP", "InProgress"),
            4 => event("POST_TEST_TRAFFIC_SHIFT", "InProgress"),
            5 | 6 => until(Reached::Shift),
            7 => event("BAKE_TIME", "InProgress"),
            8 => until(Reached::Status("Created")),
            _ => until(Reached::Status("SUCCESSFUL")),
        });
    }
    Some(match drawn_moment {
        0 => Step::Pass(drawn.seconds(20, 400)),
        1 => Step::Pass(drawn.seconds(400, 4_000)),
        2 => Step::Settle,
        3 => event("AfterInstall", "InProgress"),
        4 => event("AfterAllowTestTraffic", "InProgress"),
        5 | 6 => until(Reached::Shift),
        7 => event("AfterAllowTraffic", "Succeeded"),
        8 => until(Reached::Status("Created")),
        _ => until(Reached::Status("Succeeded")),
    })
}
