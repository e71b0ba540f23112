//! Task placement: on Fargate, or on the container instances of a cluster, within their capacity.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::instance::{ContainerInstance, EPHEMERAL, Resources};
use super::placement::{self, Candidate, Placement};
use super::task::{Binding, Network, Task, TaskStatus};
use super::task_definition::Revision;
use super::{Ecs, State};
use crate::identity::arn;
use crate::stamp::epoch_seconds;

/// RunTask's failure reason when Fargate has no capacity.
const NO_FARGATE: &str = "Capacity is unavailable at this time. Please try again later or in a different availability zone";
/// An instance type with its CPU units, 1024 for each processor, and the MiB that it has for tasks: its memory less the system's
/// share, which is inferred from that of a `t3.medium`, 212 MiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InstanceType {
    pub name: &'static str,
    resources: Resources,
}

const fn instance_type(name: &'static str, cpu: u64, memory: u64) -> InstanceType {
    InstanceType {
        name,
        resources: Resources { cpu, memory },
    }
}

/// The instance types that clusters can have here (EC2 User Guide, "Amazon EC2 instance types").
pub const INSTANCE_TYPES: [InstanceType; 12] = [
    instance_type("t3.micro", 2048, 812),
    instance_type("t3.small", 2048, 1836),
    instance_type("t3.medium", 2048, 3884),
    instance_type("t3.large", 2048, 7980),
    instance_type("t3.xlarge", 4096, 16_172),
    instance_type("t4g.micro", 2048, 812),
    instance_type("t4g.small", 2048, 1836),
    instance_type("t4g.medium", 2048, 3884),
    instance_type("t4g.large", 2048, 7980),
    instance_type("m5.large", 2048, 7980),
    instance_type("m6i.large", 2048, 7980),
    instance_type("c5.large", 2048, 3884),
];
/// The type of the instances of a cluster that no template makes.
pub const USUAL_INSTANCE: InstanceType = INSTANCE_TYPES[2];

/// Where the tasks of a service run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LaunchKind {
    /// Fargate: each task has its own network interface, and its address is the target.
    Fargate,
    /// EC2 with network mode `bridge` and host port 0: the targets are ports of the container instances.
    Ec2DynamicPorts,
}

impl LaunchKind {
    /// As the ECS API names it.
    pub fn launch_type(self) -> &'static str {
        match self {
            LaunchKind::Fargate => "FARGATE",
            LaunchKind::Ec2DynamicPorts => "EC2",
        }
    }
}

/// A failure in RunTask's response, which still has status 200.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The container instance without capacity; `None` on Fargate.
    pub arn: Option<String>,
    pub reason: String,
}

/// Why a task could not be placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoPlace {
    /// The cluster has no container instance at all, which is an error, not a failure.
    NoContainerInstances,
    Failures(Vec<Failure>),
}

/// Where a task runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// `None` on Fargate.
    pub instance: Option<ContainerInstance>,
    pub network: Network,
}

impl Failure {
    pub fn describe(&self) -> Value {
        match &self.arn {
            Some(arn) => json!({ "arn": arn, "reason": self.reason }),
            None => json!({ "reason": self.reason }),
        }
    }
}

/// How the service event goes on where no container instance takes a task.
const UNMET: &str = " because no container instance met all of its requirements. ";
/// How it ends.
const MORE: &str =
    " For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.";

impl NoPlace {
    /// How the service event "was unable to place a task" goes on, as public reports quote it.
    pub fn sentence(&self) -> String {
        let failures = match self {
            NoPlace::NoContainerInstances => {
                let reason = "Reason: No Container Instances were found in your cluster.";
                return format!("{UNMET}{reason}{MORE}");
            }
            NoPlace::Failures(failures) => failures,
        };
        // The closest is the one that lacks room, and not the one that must not have the task.
        let closest = failures
            .iter()
            .max_by_key(|failure| failure.reason.starts_with("RESOURCE:"));
        let Some((arn, reason)) = closest.and_then(|one| Some((one.arn.as_deref()?, &one.reason)))
        else {
            let reasons: Vec<&str> = failures.iter().map(|one| one.reason.as_str()).collect();
            return format!(". Reason: {}.", reasons.join(", "));
        };
        let id = arn.rsplit('/').next().unwrap_or(arn);
        let lacks = match reason.as_str() {
            "RESOURCE:CPU" => "has insufficient CPU units available.".to_owned(),
            "RESOURCE:MEMORY" => "has insufficient memory available.".to_owned(),
            "RESOURCE:PORTS" => "is already using a port required by your task.".to_owned(),
            other => format!("encountered error \"{other}\"."),
        };
        format!("{UNMET}The closest matching (container-instance {id}) {lacks}{MORE}")
    }
}

impl Ecs {
    /// Limits the number of tasks on Fargate; running tasks continue.
    pub fn limit_fargate(&self, tasks: usize) {
        self.write(|state| state.fargate_tasks_at_most = Some(tasks));
    }
}

/// Adds container instances to a cluster that has none.
pub fn register_instances(ecs: &Ecs, cluster: &str, count: usize, of_type: InstanceType) {
    let architecture = match of_type.name.starts_with("t4g") {
        true => "arm64",
        false => "x86_64",
    };
    let now = ecs.context.clock.now();
    ecs.write(|state| {
        if state.instances_of(cluster).next().is_some() {
            return;
        }
        for number in 0..count {
            let zone = ["eu-central-1a", "eu-central-1b"][number % 2];
            let attributes = [
                ("ecs.availability-zone", zone),
                ("ecs.cpu-architecture", architecture),
                ("ecs.instance-type", of_type.name),
                ("ecs.os-type", "linux"),
            ];
            let attributes = attributes.map(|(name, value)| (name.to_owned(), value.to_owned()));
            let id = ecs.context.ids.hexadecimal();
            state.container_instances.push(ContainerInstance {
                arn: arn("ecs", &format!("container-instance/{cluster}/{id}")),
                cluster: cluster.to_owned(),
                ec2_instance_id: format!("i-0{}", &id[..16]),
                registered_at: now,
                resources: of_type.resources,
                attributes: BTreeMap::from(attributes),
                next_port: *EPHEMERAL.start(),
            });
        }
    });
}

/// Places a task and reserves its ports.
pub fn place(
    state: &mut State,
    cluster: &str,
    launch_type: &str,
    revision: &Revision,
    (placement, group): (&Placement, &str),
) -> Result<Place, NoPlace> {
    let interface = || {
        let number = state.launched_ever;
        Network::Interface(format!("10.0.{}.{}", 12 + number / 200, 10 + number % 200))
    };
    if launch_type == "FARGATE" {
        let live = live(state).filter(|task| task.launch_type == "FARGATE");
        if state
            .fargate_tasks_at_most
            .is_some_and(|most| live.count() >= most)
        {
            let reason = NO_FARGATE.to_owned();
            return Err(NoPlace::Failures(vec![Failure { arn: None, reason }]));
        }
        let network = interface();
        return Ok(Place {
            instance: None,
            network,
        });
    }
    let instance = choose(state, cluster, revision, placement, group)?;
    let network = match revision.network_mode() {
        "awsvpc" => interface(),
        _ => Network::Host(bind(state, &instance, revision)),
    };
    Ok(Place {
        instance: Some(instance),
        network,
    })
}

/// Returns the instance that gets the task, or else what each instance lacks: constraints are those of the request and of the
/// revision together.
fn choose(
    state: &State,
    cluster: &str,
    revision: &Revision,
    placement: &Placement,
    group: &str,
) -> Result<ContainerInstance, NoPlace> {
    let defined = revision.registered.get("placementConstraints");
    let defined = defined.and_then(Value::as_array).into_iter().flatten();
    let constraints: Vec<Value> = placement
        .constraints
        .iter()
        .chain(defined)
        .cloned()
        .collect();
    let (mut candidates, mut failures) = (Vec::new(), Vec::new());
    for instance in state.instances_of(cluster) {
        let candidate = Candidate {
            instance,
            left: remaining(state, instance),
            groups: tasks_on(state, instance)
                .map(|task| task.group.as_str())
                .collect(),
        };
        let violated = candidate.violates(&constraints, group).map(str::to_owned);
        let lacking = || Some(format!("RESOURCE:{}", lacking(state, instance, revision)?));
        match violated.or_else(lacking) {
            Some(reason) => failures.push(Failure {
                arn: Some(instance.arn.clone()),
                reason,
            }),
            None => candidates.push(candidate),
        }
    }
    match placement::choose(&candidates, &placement.strategies, group) {
        Some(chosen) => Ok(chosen.instance.clone()),
        None if failures.is_empty() => Err(NoPlace::NoContainerInstances),
        None => Err(NoPlace::Failures(failures)),
    }
}

fn lacking(
    state: &State,
    instance: &ContainerInstance,
    revision: &Revision,
) -> Option<&'static str> {
    let (left, wanted) = (remaining(state, instance), needs(revision));
    let taken = ports_of(state, instance);
    let fixed = mappings(revision).filter_map(|(_, mapping)| port(&mapping["hostPort"]));
    match () {
        () if wanted.cpu > left.cpu => Some("CPU"),
        () if wanted.memory > left.memory => Some("MEMORY"),
        () if revision.network_mode() != "awsvpc"
            && fixed.into_iter().any(|port| taken.contains(&port)) =>
        {
            Some("PORTS")
        }
        () => None,
    }
}

/// Assigns a host port to every mapping: the named one, or a free ephemeral one for 0.
fn bind(state: &mut State, instance: &ContainerInstance, revision: &Revision) -> Vec<Binding> {
    let mut taken = ports_of(state, instance);
    let mut next_port = instance.next_port;
    let mut bindings = Vec::new();
    for (container, mapping) in mappings(revision) {
        let Some(container_port) = port(&mapping["containerPort"]) else {
            continue;
        };
        let host_port = match (revision.network_mode(), port(&mapping["hostPort"])) {
            ("host", _) => container_port,
            (_, Some(fixed)) => fixed,
            (_, None) => {
                while taken.contains(&next_port) {
                    next_port = following(next_port);
                }
                let free = next_port;
                next_port = following(free);
                free
            }
        };
        taken.push(host_port);
        bindings.push(Binding {
            container: container.to_owned(),
            container_port,
            host_port,
            protocol: mapping["protocol"].as_str().unwrap_or("tcp").to_owned(),
        });
    }
    let known = state
        .container_instances
        .iter_mut()
        .find(|known| known.arn == instance.arn);
    if let Some(known) = known {
        known.next_port = next_port;
    }
    bindings
}

fn following(port: u16) -> u16 {
    if port >= *EPHEMERAL.end() {
        *EPHEMERAL.start()
    } else {
        port + 1
    }
}

fn mappings(revision: &Revision) -> impl Iterator<Item = (&str, &Value)> {
    revision.containers().flat_map(|container| {
        let name = container["name"].as_str().unwrap_or_default();
        let mappings = container["portMappings"].as_array().into_iter().flatten();
        mappings.map(move |mapping| (name, mapping))
    })
}

/// A port number other than 0.
fn port(value: &Value) -> Option<u16> {
    let port = value.as_u64().and_then(|port| u16::try_from(port).ok());
    port.filter(|&port| port > 0)
}

/// The resources that a task of the revision reserves: the task's own, or the sum of its containers'.
pub fn needs(revision: &Revision) -> Resources {
    let task = |member: &str| revision.registered.get(member)?.as_str()?.parse().ok();
    let sum = |members: [&str; 2]| {
        let figure = |container: &Value| {
            let figures = members.map(|member| container[member].as_u64());
            figures.into_iter().flatten().next().unwrap_or_default()
        };
        revision.containers().map(figure).sum()
    };
    Resources {
        cpu: task("cpu").unwrap_or_else(|| sum(["cpu", "cpu"])),
        memory: task("memory").unwrap_or_else(|| sum(["memoryReservation", "memory"])),
    }
}

fn live(state: &State) -> impl Iterator<Item = &Task> {
    state
        .tasks
        .iter()
        .filter(|task| task.status != TaskStatus::Stopped)
}

fn tasks_on<'s>(
    state: &'s State,
    instance: &'s ContainerInstance,
) -> impl Iterator<Item = &'s Task> {
    live(state).filter(|task| {
        task.instance
            .as_ref()
            .is_some_and(|own| own.arn == instance.arn)
    })
}

fn remaining(state: &State, instance: &ContainerInstance) -> Resources {
    tasks_on(state, instance).fold(instance.resources, |left, task| Resources {
        cpu: left.cpu.saturating_sub(task.reserved.cpu),
        memory: left.memory.saturating_sub(task.reserved.memory),
    })
}

fn ports_of(state: &State, instance: &ContainerInstance) -> Vec<u16> {
    tasks_on(state, instance)
        .flat_map(Task::bindings)
        .map(|binding| binding.host_port)
        .collect()
}

impl ContainerInstance {
    /// As DescribeContainerInstances returns it.
    pub fn describe(&self, state: &State) -> Value {
        let (running, pending) = tasks_on(state, self).fold((0, 0), |(running, pending), task| {
            match task.status < TaskStatus::Running {
                true => (running, pending + 1),
                false => (running + 1, pending),
            }
        });
        let attribute = |(name, value): (&String, &String)| json!({ "name": name, "value": value });
        let resources = |resources: Resources| {
            let integer = |name: &str, value: u64| json!({ "name": name, "type": "INTEGER", "integerValue": value });
            json!([
                integer("CPU", resources.cpu),
                integer("MEMORY", resources.memory)
            ])
        };
        json!({
            "containerInstanceArn": self.arn,
            "ec2InstanceId": self.ec2_instance_id,
            "version": 1,
            "status": "ACTIVE",
            "agentConnected": true,
            "registeredResources": resources(self.resources),
            "remainingResources": resources(remaining(state, self)),
            "runningTasksCount": running,
            "pendingTasksCount": pending,
            "attributes": self.attributes.iter().map(attribute).collect::<Vec<_>>(),
            "attachments": [],
            "registeredAt": epoch_seconds(self.registered_at),
        })
    }
}
