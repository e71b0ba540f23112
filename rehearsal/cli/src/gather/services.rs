//! Services: the answers of their listeners and who gave them, their targets, and their final state.

use std::collections::BTreeMap;
use std::net::ToSocketAddrs as _;
use std::time::SystemTime;

use local_aws::ecs::Served;
use local_aws::ecs::service::Service;
use local_aws::ecs::task::{Task as EcsTask, TaskStatus};
use local_aws::elb::Answering;
use local_aws::timeline::ListenerKind;
use local_aws::world::World;
use record::{
    Answered, Answerer, AtEnd, HealthChange, HookCall, Listeners, Pipeline, Request, TestAnswer,
    TestTrafficGate,
};

use super::aliases::Aliases;
use crate::scenario::{Scenario, custom_pipelines};

pub(super) fn listeners(scenario: &Scenario, world: &World) -> Vec<Listeners> {
    let services = scenario.setting.services.iter();
    let listeners = services.map(|service| Listeners {
        service: service.label.clone(),
        test: world.listener(&service.label, ListenerKind::Test),
    });
    listeners.collect()
}

pub(super) fn at_end(scenario: &Scenario, world: &World) -> BTreeMap<String, AtEnd> {
    let label = |service: &Service| {
        let mut labels = scenario.setting.services.iter().map(|known| &known.label);
        let label = labels.find(|label| record::is_called(label, &service.cluster, &service.name));
        label.unwrap_or(&service.name).clone()
    };
    let services: Vec<_> = world.ecs.read(|state| {
        let service = |service: &Service| {
            let primary = service.primary();
            let running = |task: &&EcsTask| task.status == TaskStatus::Running;
            let tasks = primary.map_or(0, |set| state.tasks_of(&set.id).filter(running).count());
            let image = primary.and_then(|set| {
                let revision = state.revision(&set.task_definition)?;
                revision.image_of(&set.load_balancer.container)
            });
            let task_sets = service.task_sets.len();
            (label(service), image, tasks, task_sets)
        };
        state.services.iter().map(service).collect()
    });
    let end = |(name, image, tasks, task_sets): (String, Option<String>, usize, usize)| {
        let version = image.and_then(|image| world.ecr.version(&image));
        let end = AtEnd {
            version,
            tasks,
            task_sets,
        };
        (name, end)
    };
    services.into_iter().map(end).collect()
}

/// All test listeners of the scenario's services together.
pub(super) fn test_listener(scenario: &Scenario, world: &World) -> Answered {
    let mut answered = Answered::default();
    for service in &scenario.setting.services {
        let Some(listener) = world.listener(&service.label, ListenerKind::Test) else {
            continue;
        };
        let traffic = world.load_balancers.traffic(&listener);
        answered.requests += traffic.requests;
        answered.failed += traffic.failed;
        for (version, count) in traffic.versions {
            *answered.versions.entry(version).or_default() += count;
        }
    }
    answered
}

/// A pipeline's configured test-traffic check, and the addresses of its test listener.
pub(super) fn test_gate(
    world: &World,
    given: &custom_pipelines::Pipeline,
    aliases: &Aliases,
) -> TestTrafficGate {
    let listener = world.codedeploy.read(|state| {
        let group = state.group(&given.application, &given.deployment_group)?;
        group.test_listener.clone()
    });
    let settle_seconds = given.settle_seconds;
    gate(world, listener, settle_seconds, &given.requests, aliases)
}

/// A pipeline's configured production-traffic check, and the addresses of its production listener.
pub(super) fn production_gate(
    world: &World,
    given: &custom_pipelines::Pipeline,
    aliases: &Aliases,
) -> Option<TestTrafficGate> {
    let listener = world.codedeploy.read(|state| {
        let group = state.group(&given.application, &given.deployment_group)?;
        Some(group.production_listener.clone())
    });
    let production = given.production.as_ref()?;
    let settle_seconds = production.settle_seconds;
    let requests = &production.requests;
    Some(gate(world, listener, settle_seconds, requests, aliases))
}

fn gate(
    world: &World,
    listener: Option<String>,
    settle_seconds: u64,
    requests: &[custom_pipelines::Request],
    aliases: &Aliases,
) -> TestTrafficGate {
    let addresses = listener.as_ref().map(|arn| addresses(world, arn));
    TestTrafficGate {
        settle_seconds,
        requests: requests
            .iter()
            .map(|request| Request {
                path: aliases.path(&request.path),
                status: request.status.clone(),
            })
            .collect(),
        addresses: addresses.unwrap_or_default(),
        listener,
    }
}

/// The addresses of an open listener, if this machine resolves its load balancer's name.
fn addresses(world: &World, listener: &str) -> Vec<String> {
    let open = world.load_balancers.addresses(listener);
    let named = ("localhost", 0).to_socket_addrs();
    let mut named: Vec<String> = named
        .into_iter()
        .flatten()
        .filter(|named| open.contains(&named.ip()))
        .map(|named| named.ip().to_string())
        .collect();
    named.sort_unstable();
    named.dedup();
    named
}

/// Every test listener of the services and pipelines, once each.
pub(super) fn test_answers(
    world: &World,
    services: &[Listeners],
    pipelines: &[Pipeline],
    aliases: &Aliases,
) -> Vec<TestAnswer> {
    let of_services = services.iter().filter_map(|service| service.test.as_ref());
    let of_pipelines = pipelines.iter();
    let of_pipelines = of_pipelines.filter_map(|one| one.test_traffic.listener.as_ref());
    let mut listeners: Vec<&String> = of_services.chain(of_pipelines).collect();
    listeners.sort_unstable();
    listeners.dedup();
    let listeners = listeners.into_iter();
    listeners
        .flat_map(|listener| answers(world, listener, aliases))
        .collect()
}

/// The responses of production listeners from a call of the hook that checks them until its last answer: what people got
/// before and after is counted elsewhere.
pub(super) fn production_answers(
    world: &World,
    pipelines: &[Pipeline],
    hooks: &[HookCall],
    aliases: &Aliases,
) -> Vec<TestAnswer> {
    let checked = hooks
        .iter()
        .filter(|hook| hook.lifecycle_event == "AfterAllowTraffic")
        .filter_map(|hook| Some((hook.called_at, hook.answers.last()?.at)));
    let checked: Vec<(SystemTime, SystemTime)> = checked.collect();
    let gates = pipelines.iter();
    let gates = gates.filter_map(|one| one.production_traffic.as_ref());
    let mut listeners: Vec<&String> = gates.filter_map(|gate| gate.listener.as_ref()).collect();
    listeners.sort_unstable();
    listeners.dedup();
    let listeners = listeners.into_iter();
    listeners
        .flat_map(|listener| answers(world, listener, aliases))
        .filter(|answer| {
            let mut checked = checked.iter();
            checked.any(|(from, until)| answer.asked_at >= *from && answer.at <= *until)
        })
        .collect()
}

fn answers(world: &World, listener: &str, aliases: &Aliases) -> Vec<TestAnswer> {
    let served = world.ecs.read(|state| state.served.clone());
    let answers = world.load_balancers.answers(listener).into_iter();
    let answers = answers.map(|answer| TestAnswer {
        listener: listener.to_owned(),
        asked_at: answer.asked_at,
        at: answer.at,
        address: answer.address.to_string(),
        path: aliases.path(&answer.path),
        status: answer.status,
        version: answer.version,
        by: match answer.by {
            Some(target) => {
                let (task, deployment) = task(&served, &target, answer.asked_at);
                Answerer::Task { task, deployment }
            }
            None => Answerer::LoadBalancer,
        },
    });
    answers.collect()
}

pub(super) fn health(world: &World) -> Vec<HealthChange> {
    let served = world.ecs.read(|state| state.served.clone());
    let changes = world.load_balancers.health_changes().into_iter();
    let changes = changes.map(|change| {
        let (task, deployment) = task(&served, &change.target, change.at);
        HealthChange {
            at: change.at,
            task,
            deployment,
            state: change.state.to_owned(),
        }
    });
    changes.collect()
}

/// The task behind a target at a moment, and the deployment whose green it is.
fn task(served: &[Served], target: &Answering, at: SystemTime) -> (String, Option<String>) {
    let is_it = |served: &&Served| {
        let known = (&served.target_group_arn, &served.id, served.port);
        known == (&target.target_group_arn, &target.id, target.port) && served.since <= at
    };
    match served.iter().rev().find(is_it) {
        Some(served) => (served.task.clone(), served.deployment.clone()),
        None => (format!("target {}:{}", target.id, target.port), None),
    }
}
