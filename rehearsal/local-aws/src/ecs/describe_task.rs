//! The shapes of a task in responses and events.

use serde_json::{Map, Value, json};

use super::task::{Network, Task, TaskContainer, TaskStatus};
use crate::identity::arn;
use crate::stamp::{self, Stamp};

impl Task {
    /// As DescribeTasks and RunTask return it, without its tags.
    pub fn describe(&self) -> Value {
        self.shape(stamp::epoch_seconds, "ElasticNetworkInterface")
    }

    /// The same with its tags, which are included only on request.
    pub fn describe_with_tags(&self) -> Value {
        let mut answer = self.describe();
        answer["tags"] = json!(self.tags);
        answer
    }

    /// The detail of *ECS Task State Change*: the task with timestamps as text, and the time of the change.
    pub fn event_detail(&self) -> Value {
        let mut detail = self.shape(stamp::iso, "eni");
        detail["updatedAt"] = stamp::iso(self.updated_at);
        detail
    }

    /// `stamp` formats timestamps; `interface` is the type of a network interface attachment.
    fn shape(&self, stamp: Stamp, interface: &str) -> Value {
        let attachments: Vec<Value> = self.attachment(interface).into_iter().collect();
        let containers = self.containers.iter();
        let mut answer = json!({
            "attachments": attachments,
            "attributes": [{ "name": "ecs.cpu-architecture", "value": "x86_64" }],
            "availabilityZone": "eu-central-1a",
            "clusterArn": arn("ecs", &format!("cluster/{}", self.cluster)),
            "connectivity": "CONNECTED",
            "containers": containers.map(|container| self.describe_container(container)).collect::<Vec<_>>(),
            "createdAt": stamp(self.created_at),
            "desiredStatus": self.desired_status(),
            "enableExecuteCommand": false,
            "group": self.group,
            "healthStatus": self.health().as_str(),
            "lastStatus": self.status.as_str(),
            "launchType": self.launch_type,
            "overrides": self.overrides_of_all(),
            "taskArn": self.arn,
            "taskDefinitionArn": self.task_definition,
            "version": self.version,
        });
        for (name, value) in self.optional(stamp) {
            answer[name] = value;
        }
        answer
    }

    /// The overrides, in which every container is named, with nothing else if nothing of it is overridden.
    fn overrides_of_all(&self) -> Value {
        let mut overrides = self.overrides.as_object().cloned().unwrap_or_default();
        let given = overrides
            .get("containerOverrides")
            .and_then(Value::as_array);
        let mut containers = given.cloned().unwrap_or_default();
        for container in &self.containers {
            if !containers
                .iter()
                .any(|given| given["name"] == container.name.as_str())
            {
                containers.push(json!({ "name": container.name }));
            }
        }
        overrides.insert("containerOverrides".to_owned(), Value::Array(containers));
        Value::Object(overrides)
    }

    /// The members that are present only if they have a value.
    fn optional(&self, stamp: Stamp) -> impl Iterator<Item = (&'static str, Value)> {
        let ran_until = self.stopping_at.filter(|_| self.started_at.is_some());
        let moments = [
            ("pullStartedAt", self.pulled_at),
            ("pullStoppedAt", self.pulled_at),
            ("connectivityAt", self.pulled_at),
            ("startedAt", self.started_at),
            ("stoppingAt", self.stopping_at),
            ("executionStoppedAt", ran_until),
            ("stoppedAt", self.stopped_at),
        ];
        let (stop, instance) = (self.stop.as_ref(), self.instance.as_ref());
        let fargate = self.platform_version.as_deref();
        let texts = [
            ("startedBy", self.started_by.as_deref()),
            ("cpu", self.cpu.as_deref()),
            ("memory", self.memory.as_deref()),
            ("stopCode", stop.map(|stop| stop.code)),
            ("stoppedReason", stop.map(|stop| stop.reason.as_str())),
            (
                "containerInstanceArn",
                instance.map(|instance| instance.arn.as_str()),
            ),
            ("platformVersion", fargate),
            ("platformFamily", fargate.map(|_| "Linux")),
        ];
        let storage = fargate.map(|_| ("ephemeralStorage", json!({ "sizeInGiB": 20 })));
        let moments = moments.map(|(name, moment)| Some((name, stamp(moment?))));
        let texts = texts.map(|(name, text)| Some((name, json!(text?))));
        moments.into_iter().chain(texts).chain([storage]).flatten()
    }

    fn attachment_id(&self) -> String {
        let id = self.id();
        let parts = [&id[..8], &id[8..12], &id[12..15], &id[15..18], &id[18..30]];
        let [first, second, third, fourth, last] = parts;
        format!("{first}-{second}-4{third}-a{fourth}-{last}")
    }

    /// The task's network interface; a task that shares its container instance's has none.
    fn attachment(&self, kind: &str) -> Option<Value> {
        let address = match &self.network {
            Network::Interface(address) => address,
            Network::Host(_) => return None,
        };
        let status = match self.status {
            TaskStatus::Provisioning => "PRECREATED",
            TaskStatus::Stopped => "DELETED",
            TaskStatus::Pending
            | TaskStatus::Activating
            | TaskStatus::Running
            | TaskStatus::Deactivating
            | TaskStatus::Stopping
            | TaskStatus::Deprovisioning => "ATTACHED",
        };
        let id = self.id();
        let octets: Vec<&str> = (0..5).map(|at| &id[2 * at..2 * at + 2]).collect();
        let details = [
            ("subnetId", self.subnet.clone()),
            ("networkInterfaceId", Some(format!("eni-0{}", &id[..16]))),
            ("macAddress", Some(format!("0a:{}", octets.join(":")))),
            ("privateIPv4Address", Some(address.clone())),
        ];
        let details = details
            .into_iter()
            .filter_map(|(name, value)| Some(json!({ "name": name, "value": value? })));
        Some(json!({
            "id": self.attachment_id(),
            "type": kind,
            "status": status,
            "details": details.collect::<Vec<_>>(),
        }))
    }

    fn describe_container(&self, container: &TaskContainer) -> Value {
        let mut members = Map::new();
        let mut set = |name: &str, value: Value| members.insert(name.to_owned(), value);
        set("containerArn", json!(container.arn));
        set("taskArn", json!(self.arn));
        set("name", json!(container.name));
        set("image", json!(container.image));
        if let Some(digest) = &container.image_digest {
            let id = format!("{}-{}", self.id(), container.name);
            set("imageDigest", json!(digest));
            set("runtimeId", json!(id));
        }
        set("lastStatus", json!(self.container_status(container)));
        if let Some(code) = container.exit_code {
            set("exitCode", json!(code));
        }
        if let Some(reason) = &container.reason {
            set("reason", json!(reason));
        }
        let (bindings, interfaces) = self.network_of(container);
        set("networkBindings", bindings);
        set("networkInterfaces", interfaces);
        set("healthStatus", json!(container.health.as_str()));
        set("cpu", json!("0"));
        Value::Object(members)
    }

    fn container_status(&self, container: &TaskContainer) -> &'static str {
        match self.status {
            // Containers that others wait for may run or have ended before the task is RUNNING.
            TaskStatus::Provisioning | TaskStatus::Pending | TaskStatus::Activating => {
                match (container.exit_code, container.started_at) {
                    (Some(_), _) => "STOPPED",
                    (None, Some(_)) => "RUNNING",
                    (None, None) => "PENDING",
                }
            }
            TaskStatus::Running | TaskStatus::Deactivating if container.exit_code.is_none() => {
                "RUNNING"
            }
            TaskStatus::Running
            | TaskStatus::Deactivating
            | TaskStatus::Stopping
            | TaskStatus::Deprovisioning
            | TaskStatus::Stopped => "STOPPED",
        }
    }

    /// Bindings are shown from RUNNING on, a network interface from the beginning.
    fn network_of(&self, container: &TaskContainer) -> (Value, Value) {
        match &self.network {
            Network::Interface(address) => {
                let id = self.attachment_id();
                let interface = json!({ "attachmentId": id, "privateIpv4Address": address });
                (json!([]), json!([interface]))
            }
            Network::Host(_) if self.started_at.is_none() => (json!([]), json!([])),
            Network::Host(bindings) => {
                let own = bindings
                    .iter()
                    .filter(|binding| binding.container == container.name);
                let describe = |binding: &super::task::Binding| {
                    json!({
                        "bindIP": "0.0.0.0",
                        "containerPort": binding.container_port,
                        "hostPort": binding.host_port,
                        "protocol": binding.protocol,
                    })
                };
                (json!(own.map(describe).collect::<Vec<_>>()), json!([]))
            }
        }
    }
}
