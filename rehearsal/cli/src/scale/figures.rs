//! The cost of a burst: its duration against the bound from ECS's token buckets, its calls, invocations and memory.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use local_aws::api::operations;
use local_aws::api::service::Service;
use local_aws::api::throttle::Bucket;
use local_aws::lambda::{Answer, Invocation};
use local_aws::timeline::{self, ListenerKind};
use local_aws::world::{AwsCall, World};
use record::{Seen, counted};
use serde::Serialize;
use serde_json::Value;

use crate::command::scale::Scale;
use crate::gather::starts_at_once;

const START: &str = "start-deployment";
const REGISTER: &str = "RegisterTaskDefinition";

/// The number of calls of each operation that one start of a deployment makes.
const START_NEEDS: [(&str, usize); 7] = [
    ("DescribeImages", 1),
    ("DescribeServices", 1),
    ("GetDeploymentGroup", 1),
    ("DescribeTaskDefinition", 2),
    ("ListDeployments", 2),
    (REGISTER, 1),
    ("CreateDeployment", 1),
];
/// The number of calls that end one termination wait, which a start may require.
const END_WAIT_NEEDS: [(&str, usize); 8] = [
    ("DescribeImages", 1),
    ("DescribeServices", 1),
    ("GetDeploymentGroup", 1),
    ("DescribeTaskDefinition", 1),
    ("ListDeployments", 2),
    ("BatchGetDeployments", 1),
    ("GetDeploymentTarget", 1),
    ("ContinueDeployment", 1),
];

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Figures {
    pub(super) services: u32,
    pub(super) pushes: u32,
    /// From the first push until production of every service runs the newest image for good, in simulated time.
    pub(super) seconds: f64,
    pub(super) bound: Bound,
    pub(super) deployments: usize,
    pub(super) most_deployments_of_a_service: usize,
    pub(super) revisions: usize,
    /// The maximum number of start-deployment invocations that were running when a revision was registered. Each of
    /// them may register one in vain.
    pub(super) starts_at_once: usize,
    pub(super) calls: Calls,
    pub(super) invocations: Invocations,
    pub(super) dead_letters: usize,
    pub(super) production_requests: u64,
    pub(super) production_failed: u64,
    pub(super) real_seconds: f64,
}

/// The minimum duration of the burst.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Bound {
    pub(super) seconds: f64,
    /// From the first push to the last.
    pub(super) pushing_seconds: f64,
    /// Until the bucket has issued a token for every service.
    pub(super) registering_seconds: f64,
    /// The duration of the quickest deployment until it shifted production.
    pub(super) deployment_seconds: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Calls {
    /// Of all functions together.
    pub(super) total: usize,
    pub(super) of_start_deployment: usize,
    /// The calls that those starts and ended waits require.
    pub(super) needed: usize,
    pub(super) needless: usize,
    pub(super) throttled: usize,
    /// Of start-deployment, by operation.
    pub(super) by_operation: BTreeMap<String, usize>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Invocations {
    pub(super) total: usize,
    pub(super) of_start_deployment: usize,
    /// Invocations without AWS calls.
    pub(super) without_a_look: usize,
    pub(super) failed: usize,
    /// Reconciliations of a pipeline.
    pub(super) looks: usize,
    /// Their decisions.
    pub(super) decisions: BTreeMap<String, usize>,
    /// The peak memory of start-deployment, and its limit.
    pub(super) megabytes_at_most: u64,
    pub(super) megabytes_allowed: u32,
    /// The longest invocation of start-deployment.
    pub(super) longest_seconds: f64,
}

impl Figures {
    pub(super) fn of(world: &World, size: &Scale, production: &Seen, real: Duration) -> Figures {
        let deployments = world.deployments();
        let mut by_service: BTreeMap<&str, usize> = BTreeMap::new();
        for deployment in &deployments {
            *by_service.entry(&deployment.service).or_default() += 1;
        }
        let times = Times::of(world);
        Figures {
            services: size.services,
            pushes: size.pushes,
            seconds: times.between(times.first_push, times.last_shift),
            bound: Bound::of(&times, size.services),
            deployments: deployments.len(),
            most_deployments_of_a_service: by_service.into_values().max().unwrap_or_default(),
            revisions: world
                .revisions()
                .len()
                .saturating_sub(size.services as usize),
            starts_at_once: starts_at_once(&world.timeline.entries())
                .into_values()
                .max()
                .unwrap_or_default(),
            calls: Calls::of(&world.calls()),
            invocations: Invocations::of(world),
            dead_letters: world.lambda.dead_letters().len() + world.events.dead_letters().len(),
            production_requests: production.requests,
            production_failed: production.failed,
            real_seconds: real.as_secs_f64(),
        }
    }

    pub(super) fn to_text(&self) -> String {
        let Figures {
            bound,
            calls,
            invocations,
            ..
        } = self;
        let share = 100.0 * self.seconds / bound.seconds;
        let services = counted(self.services, "service", "services");
        let decisions: Vec<String> = invocations
            .decisions
            .iter()
            .map(|(decision, count)| format!("{count} {decision}"))
            .collect();
        format!(
            "\ntime         {:.0} s of simulated time from the first push until production of every service runs the newest image, {share:.0} % of the bound\n\
             bound        {:.0} s: {:.0} s of pushes, {:.0} s until the bucket of {REGISTER} has a token for each of {}, \
             {:.0} s until the quickest deployment shifts production\n\
             deployments  {} of {}, at most {} of one service; {} registered, at most {}\n\
             calls        {} by all functions; of start-deployment {}, {} needed, {} unneeded; {} throttled\n\
             invocations  {} of all functions; of start-deployment {}, {} without a call, {} failed, the longest {:.0} s\n\
             reconciled   {} in total: {}\n\
             memory       at most {} MB of {} MB, including the program's pages\n\
             production   {}, {} failed\n\
             real time    {:.0} s\n",
            self.seconds,
            bound.seconds,
            bound.pushing_seconds,
            bound.registering_seconds,
            services,
            bound.deployment_seconds,
            self.deployments,
            services,
            self.most_deployments_of_a_service,
            counted(self.revisions, "revision", "revisions"),
            counted(self.starts_at_once, "concurrent start", "concurrent starts"),
            calls.total,
            calls.of_start_deployment,
            calls.needed,
            calls.needless,
            calls.throttled,
            invocations.total,
            invocations.of_start_deployment,
            invocations.without_a_look,
            invocations.failed,
            invocations.longest_seconds,
            counted(invocations.looks, "pipeline", "pipelines"),
            decisions.join(", "),
            invocations.megabytes_at_most,
            invocations.megabytes_allowed,
            counted(self.production_requests, "request", "requests"),
            self.production_failed,
            self.real_seconds,
        )
    }
}

/// The moments that determine the duration.
struct Times {
    first_push: Option<SystemTime>,
    last_push: Option<SystemTime>,
    /// When the last service routed production to the newest image for good.
    last_shift: Option<SystemTime>,
    /// From the creation of a service's last deployment to its shift, for the quickest one.
    quickest: Duration,
}

impl Times {
    fn of(world: &World) -> Times {
        let timeline = world.timeline.entries();
        let pushes = || {
            let pushed =
                |event: &timeline::Event| matches!(event, timeline::Event::ImagePushed { .. });
            timeline
                .iter()
                .filter(move |told| pushed(&told.event))
                .map(|told| told.at)
        };
        let (mut begun, mut shifted) = (BTreeMap::new(), BTreeMap::new());
        for told in &timeline {
            if let timeline::Event::DeploymentCreated { service, .. } = &told.event {
                begun.insert(service.as_str(), told.at);
            }
            if let timeline::Event::Weights {
                service,
                listener: ListenerKind::Production,
                ..
            } = &told.event
            {
                shifted.insert(service.as_str(), told.at);
            }
        }
        let took =
            |(service, at): (&&str, &SystemTime)| at.duration_since(*begun.get(*service)?).ok();
        Times {
            first_push: pushes().min(),
            last_push: pushes().max(),
            last_shift: shifted.values().max().copied(),
            quickest: shifted.iter().filter_map(took).min().unwrap_or_default(),
        }
    }

    fn between(&self, from: Option<SystemTime>, to: Option<SystemTime>) -> f64 {
        let passed = from
            .zip(to)
            .and_then(|(from, to)| to.duration_since(from).ok());
        passed.unwrap_or_default().as_secs_f64()
    }
}

impl Bound {
    /// The newest image exists from the last push on. From then on, every service takes one token of a bucket that is
    /// at most full, and the last of them then still has to be deployed.
    fn of(times: &Times, services: u32) -> Bound {
        let bucket = operations::find(Service::Ecs, REGISTER).and_then(|register| register.bucket);
        let (burst, refill) = bucket.map_or((services, 1), Bucket::burst_and_refill);
        let pushing_seconds = times.between(times.first_push, times.last_push);
        let registering_seconds = f64::from(services.saturating_sub(burst)) / f64::from(refill);
        let deployment_seconds = times.quickest.as_secs_f64();
        Bound {
            seconds: pushing_seconds + registering_seconds + deployment_seconds,
            pushing_seconds,
            registering_seconds,
            deployment_seconds,
        }
    }
}

impl Calls {
    fn of(calls: &[Arc<AwsCall>]) -> Calls {
        let mut by_operation: BTreeMap<String, usize> = BTreeMap::new();
        for call in calls
            .iter()
            .filter(|call| call.function.as_deref() == Some(START))
        {
            *by_operation.entry(call.operation.clone()).or_default() += 1;
        }
        let succeeded = |operation: &str| {
            let is_one = |call: &&Arc<AwsCall>| call.operation == operation && call.error.is_none();
            calls.iter().filter(is_one).count()
        };
        let of_start_deployment = by_operation.values().sum();
        let needed = needs(&START_NEEDS) * succeeded("CreateDeployment")
            + needs(&END_WAIT_NEEDS) * succeeded("ContinueDeployment");
        Calls {
            total: calls.iter().filter(|call| call.function.is_some()).count(),
            of_start_deployment,
            needed,
            needless: of_start_deployment.saturating_sub(needed),
            throttled: calls
                .iter()
                .filter(|call| call.error.as_deref() == Some("ThrottlingException"))
                .count(),
            by_operation,
        }
    }
}

fn needs(needs: &[(&str, usize)]) -> usize {
    needs.iter().map(|(_, times)| times).sum()
}

impl Invocations {
    fn of(world: &World) -> Invocations {
        let all = world.lambda.invocations();
        let own: Vec<&Invocation> = all
            .iter()
            .filter(|done| done.binary_name == START)
            .collect();
        let mut decisions: BTreeMap<String, usize> = BTreeMap::new();
        for report in own.iter().flat_map(|done| reports(done)) {
            let decision = report["decision"].as_str().unwrap_or_default();
            *decisions.entry(decision.to_owned()).or_default() += 1;
        }
        let functions = world.lambda.functions();
        let function = functions
            .iter()
            .find(|function| function.binary_name == START);
        Invocations {
            total: all.len(),
            of_start_deployment: own.len(),
            without_a_look: own.iter().filter(|done| asked_nothing(done)).count(),
            failed: all
                .iter()
                .filter(|done| matches!(done.answer, Answer::Error { .. }))
                .count(),
            looks: decisions.values().sum(),
            decisions,
            megabytes_at_most: function
                .map_or(0, |function| most_memory(world, &function.log_group)),
            megabytes_allowed: function.map_or(0, |function| function.memory_megabytes),
            longest_seconds: own
                .iter()
                .map(|done| Duration::from_millis(done.milliseconds).as_secs_f64())
                .fold(0.0, f64::max),
        }
    }
}

fn reports(invocation: &Invocation) -> Vec<Value> {
    match &invocation.answer {
        Answer::Response(answer) => answer["pipelines"].as_array().cloned().unwrap_or_default(),
        Answer::Error { .. } => Vec::new(),
    }
}

fn asked_nothing(invocation: &Invocation) -> bool {
    matches!(invocation.answer, Answer::Response(_)) && reports(invocation).is_empty()
}

/// Parsed from the REPORT lines that Lambda writes to the function's log.
fn most_memory(world: &World, log_group: &str) -> u64 {
    let of_line = |line: &str| {
        let line: Value = serde_json::from_str(line).ok()?;
        line.pointer("/record/metrics/maxMemoryUsedMB")?.as_u64()
    };
    let streams = world.logs.streams(log_group).unwrap_or_default();
    let lines = streams.values().flatten();
    lines
        .filter_map(|line| of_line(&line.message))
        .max()
        .unwrap_or_default()
}
