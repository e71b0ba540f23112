//! Services: the answers of their listeners and who gave them, their targets, and their final state.

use std::collections::BTreeMap;
use std::net::ToSocketAddrs as _;
use std::time::SystemTime;

use local_aws::ecs::Served;
use local_aws::ecs::service::{Service, TaskSet, TaskSetStatus};
use local_aws::ecs::task::{Task as EcsTask, TaskStatus};
use local_aws::elb::{Answer, Answering, Traffic};
use local_aws::timeline::ListenerKind;
use local_aws::world::World;
use record::{
    Answered, Answerer, AtEnd, Deployment, HealthChange, HookCall, Listeners, Pipeline, Request,
    TestAnswer, TestTrafficGate,
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
                revision.image_of(set.serving_container()?)
            });
            // ECS has a deployment end before the last task of blue is gone.
            let is_left = |set: &&TaskSet| {
                service.controller.ecs().is_none() || set.status != TaskSetStatus::Draining
            };
            let task_sets = service.task_sets.iter().filter(is_left).count();
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
        let traffic = match is_shared(world, &service.label, &listener) {
            true => traffic_by_rule(world, &listener),
            false => world.load_balancers.traffic(&listener),
        };
        answered.requests += traffic.requests;
        answered.failed += traffic.failed;
        for (version, count) in traffic.versions {
            *answered.versions.entry(version).or_default() += count;
        }
    }
    answered
}

/// Whether test traffic comes to the production listener, where a rule tells it apart.
fn is_shared(world: &World, service: &str, test_listener: &str) -> bool {
    let production = world.listener(service, ListenerKind::Production);
    production.as_deref() == Some(test_listener)
}

/// What met a rule of the listener.
fn traffic_by_rule(world: &World, listener: &str) -> Traffic {
    let mut traffic = Traffic::default();
    let answers = world.load_balancers.answers(listener).into_iter();
    answers
        .filter(|answer| answer.rule.is_some())
        .for_each(|answer| traffic.count(&answer));
    traffic
}

/// A pipeline's configured test-traffic check, and the addresses of its test listener.
pub(super) fn test_gate(
    world: &World,
    given: &custom_pipelines::Pipeline,
    aliases: &Aliases,
) -> TestTrafficGate {
    let asked = given.target_group.as_deref();
    let listener = listener(world, given, ListenerKind::Test, asked);
    let settle_seconds = given.settle_seconds;
    gate(world, listener, settle_seconds, &given.requests, aliases)
}

/// A pipeline's configured production-traffic check, and the addresses of its production listener.
pub(super) fn production_gate(
    world: &World,
    given: &custom_pipelines::Pipeline,
    aliases: &Aliases,
) -> Option<TestTrafficGate> {
    let production = given.production.as_ref()?;
    let asked = production.target_group.as_deref();
    let listener = listener(world, given, ListenerKind::Production, asked);
    let settle_seconds = production.settle_seconds;
    let requests = &production.requests;
    Some(gate(world, listener, settle_seconds, requests, aliases))
}

/// The listener of a pipeline's deployment group, or of its service where ECS deploys that: of the load balancer with the target
/// group that its gate names.
fn listener(
    world: &World,
    given: &custom_pipelines::Pipeline,
    kind: ListenerKind,
    asked: Option<&str>,
) -> Option<String> {
    let of_group = world.codedeploy.read(|state| {
        let group = state.group(&given.application, &given.deployment_group)?;
        match kind {
            ListenerKind::Production => Some(group.production_listener.clone()),
            ListenerKind::Test => group.test_listener.clone(),
        }
    });
    let label = format!("{}/{}", given.cluster, given.service);
    let named = || world.listener_of_group(&label, kind, asked?);
    of_group
        .or_else(named)
        .or_else(|| world.listener(&label, kind))
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
    let answers = Answers::of(world, services, aliases);
    let listeners = listeners.into_iter();
    listeners
        .flat_map(|listener| answers.of_listener(listener, ListenerKind::Test))
        .collect()
}

/// The responses of a deployment's production listener from a call of the hook that checks them until its last answer: what
/// people got before and after is counted elsewhere.
pub(super) fn production_answers(
    world: &World,
    services: &[Listeners],
    pipelines: &[Pipeline],
    deployments: &[Deployment],
    hooks: &[HookCall],
    aliases: &Aliases,
) -> Vec<TestAnswer> {
    let checked = checked(pipelines, deployments, hooks).into_iter();
    let answers = Answers::of(world, services, aliases);
    let of_listener = |(listener, windows): (&str, Vec<Window>)| {
        let mut given = answers.of_listener(listener, ListenerKind::Production);
        given.retain(|answer| {
            let mut windows = windows.iter();
            windows.any(|(from, until)| answer.asked_at >= *from && answer.at <= *until)
        });
        given
    };
    checked.flat_map(of_listener).collect()
}

/// From and until.
type Window = (SystemTime, SystemTime);

/// When each production listener was checked for a deployment of its own pipeline.
fn checked<'p>(
    pipelines: &'p [Pipeline],
    deployments: &[Deployment],
    hooks: &[HookCall],
) -> BTreeMap<&'p str, Vec<Window>> {
    let mut checked: BTreeMap<&str, Vec<Window>> = BTreeMap::new();
    let of_production = |hook: &&HookCall| {
        hook.lifecycle_event == "AfterAllowTraffic"
            || hook.function.as_deref() == Some("check-production")
    };
    for hook in hooks.iter().filter(of_production) {
        let listener = || {
            let mut deployments = deployments.iter();
            let of_hook = deployments.find(|deployment| deployment.id == hook.deployment)?;
            let mut pipelines = pipelines.iter();
            pipelines.find_map(|pipeline| {
                let gate = pipeline.production_traffic.as_ref();
                gate.filter(|_| pipeline.is_of(of_hook))?
                    .listener
                    .as_deref()
            })
        };
        if let (Some(listener), Some(last)) = (listener(), hook.answers.last()) {
            let windows = checked.entry(listener).or_default();
            windows.push((hook.called_at, last.at));
        }
    }
    checked
}

/// The responses of listeners, and which task was behind each target.
struct Answers<'w> {
    world: &'w World,
    aliases: &'w Aliases,
    served: Vec<Served>,
    /// Listeners to which production and test traffic come.
    shared: Vec<&'w str>,
}

impl<'w> Answers<'w> {
    fn of(world: &'w World, services: &'w [Listeners], aliases: &'w Aliases) -> Answers<'w> {
        let served = world.ecs.read(|state| state.served.clone());
        let shared = services.iter().filter_map(|service| {
            let test = service.test.as_deref();
            test.filter(|test| is_shared(world, &service.service, test))
        });
        Answers {
            world,
            aliases,
            served,
            shared: shared.collect(),
        }
    }

    fn of_listener(&self, listener: &str, kind: ListenerKind) -> Vec<TestAnswer> {
        let answers = self.world.load_balancers.answers(listener).into_iter();
        let is_of_kind = |answer: &Answer| {
            let is_test = answer.rule.is_some();
            !self.shared.contains(&listener) || is_test == (kind == ListenerKind::Test)
        };
        let answers = answers.filter(is_of_kind).map(|answer| TestAnswer {
            listener: listener.to_owned(),
            asked_at: answer.asked_at,
            at: answer.at,
            address: answer.address.to_string(),
            path: self.aliases.path(&answer.path),
            status: answer.status,
            version: answer.version,
            by: match answer.by {
                Some(target) => {
                    let (task, deployment) = task(&self.served, &target, answer.asked_at);
                    Answerer::Task { task, deployment }
                }
                None => Answerer::LoadBalancer,
            },
        });
        answers.collect()
    }
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use record::{By, End, Engine, HookAnswer};

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn gate(listener: &str) -> TestTrafficGate {
        TestTrafficGate {
            settle_seconds: 0,
            requests: Vec::new(),
            listener: Some(listener.to_owned()),
            addresses: Vec::new(),
        }
    }

    fn pipeline(group: &str, production: Option<&str>) -> Pipeline {
        Pipeline {
            name: group.to_owned(),
            repository: "shop/web".to_owned(),
            tag: "latest".to_owned(),
            cluster: "prod".to_owned(),
            service: group.to_owned(),
            application: "shop".to_owned(),
            deployment_group: group.to_owned(),
            follows_settings: false,
            containers: Vec::new(),
            migration: None,
            test_traffic: gate("test"),
            production_traffic: production.map(gate),
            ran_first: None,
            runs: None,
        }
    }

    fn deployment(id: &str, group: &str) -> Deployment {
        Deployment {
            id: id.to_owned(),
            engine: Engine::CodeDeploy,
            strategy: None,
            cluster: "prod".to_owned(),
            service: group.to_owned(),
            application: "shop".to_owned(),
            deployment_group: group.to_owned(),
            by: By::Greenlight,
            pipeline_digest: None,
            images: BTreeMap::new(),
            created_at: at(0),
            ended_at: None,
            end: End::Told,
            creator: "user".to_owned(),
            revision: String::new(),
            image_digest: None,
            status: "Succeeded".to_owned(),
            error: None,
            lifecycle_events: Vec::new(),
        }
    }

    fn hook(deployment: &str, lifecycle_event: &str, from: u64, answers: &[u64]) -> HookCall {
        let answer = |second: &u64| HookAnswer {
            at: at(*second),
            status: "Succeeded".to_owned(),
            function: None,
            wanted: None,
        };
        HookCall {
            deployment: deployment.to_owned(),
            lifecycle_event: lifecycle_event.to_owned(),
            function: None,
            rollback: false,
            called_at: at(from),
            answers: answers.iter().map(answer).collect(),
        }
    }

    #[test]
    fn a_listener_is_checked_while_the_hooks_of_its_own_deployments_run() {
        let pipelines = [
            pipeline("web", Some("web")),
            pipeline("admin", Some("admin")),
            pipeline("jobs", None),
        ];
        let deployments = [
            deployment("d-1", "web"),
            deployment("d-2", "admin"),
            deployment("d-3", "web"),
            deployment("d-4", "jobs"),
            deployment("d-5", "other"),
        ];
        let hooks = [
            hook("d-1", "AfterAllowTraffic", 10, &[20, 30]),
            hook("d-1", "AfterAllowTestTraffic", 1, &[2]),
            hook("d-2", "AfterAllowTraffic", 25, &[40]),
            hook("d-3", "AfterAllowTraffic", 50, &[60]),
            hook("d-3", "AfterAllowTraffic", 70, &[]),
            hook("d-4", "AfterAllowTraffic", 1, &[99]),
            hook("d-5", "AfterAllowTraffic", 1, &[99]),
            hook("d-missing", "AfterAllowTraffic", 1, &[99]),
        ];
        let windows = checked(&pipelines, &deployments, &hooks);
        let expected = [
            ("admin", vec![(at(25), at(40))]),
            ("web", vec![(at(10), at(30)), (at(50), at(60))]),
        ];
        assert_eq!(windows, BTreeMap::from(expected));
    }
}
