//! What a call needs to be allowed: operation by operation, the actions, their resources and condition keys.
//!
//! The sources are AWS's Service Authorization Reference (SAR) and, for CodeDeploy, the permissions reference of its user
//! guide, named where they differ. A resource that cannot be told from the request is named with `*` in its place.

mod codedeploy;
mod ecs;

use serde_json::Value;

use super::Asked;
use crate::api::request::{Request, Service};
use crate::aws::Aws;
use crate::identity::{ACCOUNT, arn};

/// Everything that the call needs; `None` when that is not known, so that nobody is let through by mistake.
pub fn asked(aws: &Aws, request: &Request) -> Option<Vec<Asked>> {
    let call = Call { aws, request };
    match request.service {
        Service::CloudWatch => call.alarms(),
        Service::CodeDeploy => codedeploy::asked(&call),
        Service::Ecr => call.registry(),
        Service::Ecs => ecs::asked(&call),
        Service::Elb => call.load_balancing(),
        Service::Events => call.event_bus(),
        Service::Lambda => call.invocation(),
        Service::Logs => call.logs(),
        Service::Scheduler => call.schedules(),
        Service::Sns => call.topics(),
        Service::Sts => call.identity(),
    }
}

struct Call<'a> {
    aws: &'a Aws,
    request: &'a Request,
}

impl Call<'_> {
    fn operation(&self) -> &str {
        &self.request.operation
    }

    fn text(&self, member: &str) -> Option<&str> {
        self.request.members[member].as_str()
    }

    fn texts(&self, member: &str) -> Vec<&str> {
        let items = self.request.members[member].as_array();
        items
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect()
    }

    /// A name, or `*` where the request has none.
    fn name(&self, member: &str) -> &str {
        self.text(member).unwrap_or("*")
    }

    /// The action of the operation's own name.
    fn on(&self, resource: impl Into<String>) -> Asked {
        Asked::new(
            format!("{}:{}", self.request.service.prefix(), self.operation()),
            resource,
        )
    }

    /// The same, where SAR knows no resource for it.
    fn anywhere(&self) -> Option<Vec<Asked>> {
        Some(vec![self.on("*")])
    }

    /// SAR, Amazon CloudWatch: `alarm:NAME`.
    fn alarms(&self) -> Option<Vec<Asked>> {
        let alarm = |name: &str| self.on(arn("cloudwatch", &format!("alarm:{name}")));
        Some(match self.operation() {
            "PutMetricAlarm" | "SetAlarmState" => vec![alarm(self.name("AlarmName"))],
            "DeleteAlarms" | "DescribeAlarms" => match self.texts("AlarmNames") {
                names if names.is_empty() => vec![alarm("*")],
                names => names.into_iter().map(alarm).collect(),
            },
            _ => return None,
        })
    }

    /// SAR, Amazon ECR: all of them know `repository/NAME`.
    fn registry(&self) -> Option<Vec<Asked>> {
        let repository = |name: &str| self.on(arn("ecr", &format!("repository/{name}")));
        Some(match self.operation() {
            "BatchGetImage" | "DescribeImages" | "ListImages" | "PutImage" => {
                vec![repository(self.name("repositoryName"))]
            }
            "DescribeRepositories" => match self.texts("repositoryNames") {
                names if names.is_empty() => vec![repository("*")],
                names => names.into_iter().map(repository).collect(),
            },
            _ => return None,
        })
    }

    /// SAR, Elastic Load Balancing V2: describing knows no resource.
    fn load_balancing(&self) -> Option<Vec<Asked>> {
        match self.operation() {
            "DescribeListeners"
            | "DescribeLoadBalancers"
            | "DescribeRules"
            | "DescribeTargetGroups"
            | "DescribeTargetHealth" => self.anywhere(),
            _ => None,
        }
    }

    /// SAR, Amazon EventBridge: `event-bus/NAME`, of each entry.
    fn event_bus(&self) -> Option<Vec<Asked>> {
        if self.operation() != "PutEvents" {
            return None;
        }
        let entries = self.request.members["Entries"].as_array();
        let bus = |entry: &Value| {
            let name = entry["EventBusName"].as_str().unwrap_or("default");
            self.on(full("events", "event-bus/", name))
        };
        Some(entries.into_iter().flatten().map(bus).collect())
    }

    /// SAR, AWS Lambda: Invoke needs `lambda:InvokeFunction` on the function, with its qualifier if one is named.
    fn invocation(&self) -> Option<Vec<Asked>> {
        if self.operation() != "Invoke" {
            return None;
        }
        let mut function = full("lambda", "function:", self.name("FunctionName"));
        if let Some(qualifier) = self.text("Qualifier") {
            function = format!("{function}:{qualifier}");
        }
        Some(vec![Asked::new("lambda:InvokeFunction", function)])
    }

    /// SAR, Amazon CloudWatch Logs. Reading a whole group is asked for on `log-group:NAME:log-stream:`, as refusals name
    /// it.
    fn logs(&self) -> Option<Vec<Asked>> {
        let group = match self.text("logGroupName") {
            Some(name) => arn("logs", &format!("log-group:{name}")),
            None => full("logs", "log-group:", self.name("logGroupIdentifier")),
        };
        match self.operation() {
            "GetLogEvents" => {
                Some(vec![self.on(format!(
                    "{group}:log-stream:{}",
                    self.name("logStreamName")
                ))])
            }
            // Without a prefix the group in the ARN is empty, as refusals show.
            "DescribeLogGroups" => {
                let prefix = self.text("logGroupNamePrefix").unwrap_or_default();
                Some(vec![
                    self.on(arn("logs", &format!("log-group:{prefix}:log-stream:"))),
                ])
            }
            "DescribeLogStreams" | "FilterLogEvents" => {
                Some(vec![self.on(format!("{group}:log-stream:"))])
            }
            _ => None,
        }
    }

    /// SAR, Amazon EventBridge Scheduler: `schedule/GROUP/NAME`; a schedule's role is passed to it.
    fn schedules(&self) -> Option<Vec<Asked>> {
        let group = self
            .text("GroupName")
            .or(self.text("groupName"))
            .unwrap_or("default");
        let schedule = || {
            self.on(arn(
                "scheduler",
                &format!("schedule/{group}/{}", self.name("Name")),
            ))
        };
        match self.operation() {
            "CreateSchedule" | "UpdateSchedule" => {
                let role = self.request.members["Target"]["RoleArn"]
                    .as_str()
                    .unwrap_or("*");
                Some(vec![schedule(), pass_role(role, "scheduler.amazonaws.com")])
            }
            "ListSchedules" => self.anywhere(),
            "DeleteSchedule" | "GetSchedule" => Some(vec![schedule()]),
            _ => None,
        }
    }

    /// SAR, Amazon SNS. A topic encrypted with `alias/aws/sns` needs no permission for the key: its policy lets everybody
    /// of the account use it who may publish.
    fn topics(&self) -> Option<Vec<Asked>> {
        match self.operation() {
            "Publish" => Some(vec![
                self.on(self.text("TopicArn").unwrap_or(self.name("TargetArn"))),
            ]),
            "GetTopicAttributes" | "ListSubscriptionsByTopic" | "Subscribe" => {
                Some(vec![self.on(self.name("TopicArn"))])
            }
            "ListSubscriptions" | "ListTopics" => self.anywhere(),
            _ => None,
        }
    }

    /// Everybody may ask who they are (STS API Reference, GetCallerIdentity).
    fn identity(&self) -> Option<Vec<Asked>> {
        (self.operation() == "GetCallerIdentity").then(Vec::new)
    }
}

/// The ARN of what is named by its ARN or its name.
fn full(service: &str, prefix: &str, name: &str) -> String {
    if name.starts_with("arn:") {
        name.to_owned()
    } else {
        arn(service, &format!("{prefix}{name}"))
    }
}

/// A role, by its ARN or name, is handed to a service.
fn pass_role(role: &str, service: &str) -> Asked {
    let role = if role.starts_with("arn:") {
        role.to_owned()
    } else {
        format!("arn:aws:iam::{ACCOUNT}:role/{role}")
    };
    Asked::new("iam:PassRole", role).with("iam:PassedToService", service)
}

#[cfg(test)]
mod tests;
