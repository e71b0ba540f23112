//! Task placement: on Fargate, or on the container instances of a cluster, within their capacity.

#[cfg(test)]
mod tests;

use serde_json::{Value, json};

use super::instance::{ContainerInstance, EPHEMERAL, Resources};
use super::task::{Binding, Network, Task, TaskStatus};
use super::task_definition::Revision;
use super::{Ecs, State};
use crate::identity::arn;
use crate::stamp::epoch_seconds;

/// RunTask's failure reason when Fargate has no capacity.
const NO_FARGATE: &str = "Capacity is unavailable at this time. Please try again later or in a different availability zone";
/// The CPU units and MiB of a container instance: two processors, and 4 GiB less the system's share.
const INSTANCE: Resources = Resources {
    cpu: 2048,
    memory: 3884,
};

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

impl Ecs {
    /// Limits the number of tasks on Fargate; running tasks continue.
    pub fn limit_fargate(&self, tasks: usize) {
        self.write(|state| state.fargate_tasks_at_most = Some(tasks));
    }
}

/// Adds container instances to a cluster that has none.
pub fn register_instances(ecs: &Ecs, cluster: &str, count: usize) {
    let now = ecs.context.clock.now();
    ecs.write(|state| {
        if state.instances_of(cluster).next().is_some() {
            return;
        }
        for _ in 0..count {
            let id = ecs.context.ids.hexadecimal();
            state.container_instances.push(ContainerInstance {
                arn: arn("ecs", &format!("container-instance/{cluster}/{id}")),
                cluster: cluster.to_owned(),
                ec2_instance_id: format!("i-0{}", &id[..16]),
                registered_at: now,
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
    let instance = choose(state, cluster, revision)?;
    let network = match revision.network_mode() {
        "awsvpc" => interface(),
        _ => Network::Host(bind(state, &instance, revision)),
    };
    Ok(Place {
        instance: Some(instance),
        network,
    })
}

/// Returns the instance with capacity that has the fewest tasks, or else the missing resource of each instance.
fn choose(state: &State, cluster: &str, revision: &Revision) -> Result<ContainerInstance, NoPlace> {
    let (mut chosen, mut failures) = (None::<(usize, &ContainerInstance)>, Vec::new());
    for instance in state.instances_of(cluster) {
        match lacking(state, instance, revision) {
            Some(resource) => failures.push(Failure {
                arn: Some(instance.arn.clone()),
                reason: format!("RESOURCE:{resource}"),
            }),
            None => {
                let tasks = tasks_on(state, instance).count();
                if chosen.is_none_or(|(fewest, _)| tasks < fewest) {
                    chosen = Some((tasks, instance));
                }
            }
        }
    }
    match chosen {
        Some((_, instance)) => Ok(instance.clone()),
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
    tasks_on(state, instance).fold(INSTANCE, |left, task| Resources {
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
            "registeredResources": resources(INSTANCE),
            "remainingResources": resources(remaining(state, self)),
            "runningTasksCount": running,
            "pendingTasksCount": pending,
            "attributes": [{ "name": "ecs.os-type", "value": "linux" }],
            "attachments": [],
            "registeredAt": epoch_seconds(self.registered_at),
        })
    }
}
