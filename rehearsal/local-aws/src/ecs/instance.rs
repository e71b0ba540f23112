//! What tasks run on: Fargate, or container instances with limited CPU, memory and ports.

use std::collections::BTreeMap;
use std::time::SystemTime;

/// Linux's ephemeral range, from which host port 0 takes its ports.
pub(super) const EPHEMERAL: std::ops::RangeInclusive<u16> = 32768..=60999;

/// CPU units and MiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Resources {
    pub cpu: u64,
    pub memory: u64,
}

/// An EC2 instance that runs the ECS agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerInstance {
    pub arn: String,
    pub cluster: String,
    pub ec2_instance_id: String,
    pub registered_at: SystemTime,
    /// What it has for tasks.
    pub resources: Resources,
    /// By name: `ecs.availability-zone`, `ecs.instance-type`, and what a person has put.
    pub attributes: BTreeMap<String, String>,
    /// Where the search for the next free ephemeral port begins, so that ports are not reused at once.
    pub(super) next_port: u16,
}

impl ContainerInstance {
    pub fn id(&self) -> &str {
        self.arn.rsplit('/').next().unwrap_or(&self.arn)
    }
}

/// An instance `i-…` of cluster `prod` that assigns its last ephemeral port first.
#[cfg(test)]
pub(crate) fn instance_for_tests(number: u32) -> ContainerInstance {
    ContainerInstance {
        arn: format!("instance/{number}"),
        cluster: "prod".to_owned(),
        ec2_instance_id: format!("i-{number}"),
        registered_at: SystemTime::UNIX_EPOCH,
        resources: Resources {
            cpu: 2048,
            memory: 3884,
        },
        attributes: BTreeMap::new(),
        next_port: *EPHEMERAL.end(),
    }
}
