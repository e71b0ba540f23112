//! What test listeners answered, and who did, for `gather`.

use std::net::ToSocketAddrs as _;
use std::time::{Duration, SystemTime};

use local_aws::ecs::Served;
use local_aws::elb::Answering;
use local_aws::world::World;

use super::super::facts::{Answerer, HealthChange, Pipeline, TestAnswer, TestTrafficGate};
use crate::scenario::custom_pipelines;

/// What a pipeline asks green for, and where its test listener is reached.
pub(super) fn gate(world: &World, given: &custom_pipelines::Pipeline) -> TestTrafficGate {
    let group = (given.application.clone(), given.deployment_group.clone());
    let addresses = listener(world, &group).map(|arn| addresses(world, &arn));
    TestTrafficGate {
        settle: Duration::from_secs(given.settle_seconds),
        requests: given.requests.clone(),
        addresses: addresses.unwrap_or_default(),
    }
}

/// The test listener of a deployment group.
fn listener(world: &World, group: &(String, String)) -> Option<String> {
    let (application, name) = group;
    world
        .codedeploy
        .read(|state| state.group(application, name)?.test_listener.clone())
}

/// Those at which a listener is open, as far as its load balancer's name stands for them on this machine.
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

pub(super) fn test_answers(world: &World, pipelines: &[Pipeline]) -> Vec<TestAnswer> {
    let served = world.ecs.read(|state| state.served.clone());
    let of = |pipeline: &Pipeline| {
        let group = pipeline.group.clone();
        let listener = listener(world, &group);
        let answers = listener.map(|arn| world.load_balancers.answers(&arn));
        let answers = answers.unwrap_or_default().into_iter();
        let answers = answers.map(|answer| TestAnswer {
            group: group.clone(),
            asked_at: answer.asked_at,
            at: answer.at,
            address: answer.address.to_string(),
            path: answer.path,
            status: answer.status,
            by: match answer.by {
                Some(target) => {
                    let (task, deployment) = task(&served, &target, answer.asked_at);
                    Answerer::Task { task, deployment }
                }
                None => Answerer::LoadBalancer,
            },
        });
        answers.collect::<Vec<_>>()
    };
    pipelines.iter().flat_map(of).collect()
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

/// The task that a target was at a moment, and whose green it is.
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
