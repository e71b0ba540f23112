//! Who may call what, and everything that was called.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use super::error::ApiError;
use super::request::{Request, Service};
use crate::identity::{ACCOUNT, access_key, arn};
use crate::world::AwsCall;

/// Callers, injected refusals and the record of calls.
pub struct Ledger {
    /// Binary names by access key id.
    functions: BTreeMap<String, String>,
    /// (binary name, action) that is refused.
    denied: Mutex<BTreeSet<(String, String)>>,
    calls: Mutex<Vec<AwsCall>>,
}

impl Ledger {
    pub fn new(binary_names: impl Iterator<Item = String>) -> Ledger {
        let functions = binary_names.map(|name| (access_key(&name), name)).collect();
        Ledger {
            functions,
            denied: Mutex::default(),
            calls: Mutex::default(),
        }
    }

    /// The function that signs with this access key id.
    pub fn function(&self, access_key_id: &str) -> Option<String> {
        self.functions.get(access_key_id).cloned()
    }

    /// From now on the function's calls of `service:Operation` are refused.
    pub fn deny(&self, function: &str, action: &str) {
        lock(&self.denied).insert((function.to_owned(), action.to_owned()));
    }

    pub fn refusal(&self, request: &Request, function: Option<&str>) -> Option<ApiError> {
        let function = function?;
        let action = action(request);
        let denied = lock(&self.denied).contains(&(function.to_owned(), action.clone()));
        denied.then(|| access_denied(request, function, &action))
    }

    pub fn record(&self, call: AwsCall) {
        lock(&self.calls).push(call);
    }

    pub fn calls(&self) -> Vec<AwsCall> {
        lock(&self.calls).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The action as policies name it, which for Lambda's Invoke is not the operation's name.
fn action(request: &Request) -> String {
    let operation = if request.service == Service::Lambda {
        "InvokeFunction"
    } else {
        &request.operation
    };
    format!("{}:{operation}", request.service.prefix())
}

fn access_denied(request: &Request, function: &str, action: &str) -> ApiError {
    let user = format!("arn:aws:sts::{ACCOUNT}:assumed-role/greenlight-{function}/{function}");
    let message = format!(
        "User: {user} is not authorized to perform: {action} on resource: {} because no identity-based policy allows \
         the {action} action",
        resource(request)
    );
    match request.service {
        Service::Sns => ApiError::new("AuthorizationError", message).with_status(403),
        Service::CloudWatch | Service::Elb | Service::Sts => {
            ApiError::new("AccessDenied", message).with_status(403)
        }
        Service::Lambda | Service::Scheduler => {
            ApiError::new("AccessDeniedException", message).with_status(403)
        }
        Service::CodeDeploy | Service::Ecr | Service::Ecs | Service::Events | Service::Logs => {
            ApiError::new("AccessDeniedException", message)
        }
    }
}

/// The resource that the refusal names; `*` where AWS knows none for the action.
fn resource(request: &Request) -> String {
    let text = |member: &str| request.members[member].as_str();
    let named = |service, prefix: &str, name: Option<&str>| {
        name.map(|name| arn(service, &format!("{prefix}{name}")))
    };
    let group = || {
        let name = format!(
            "{}/{}",
            text("applicationName")?,
            text("deploymentGroupName")?
        );
        named("codedeploy", "deploymentgroup:", Some(&name))
    };
    let found = match (request.service, request.operation.as_str()) {
        (Service::Ecr, _) => named("ecr", "repository/", text("repositoryName")),
        (Service::Ecs, "RegisterTaskDefinition") => named(
            "ecs",
            "task-definition/",
            text("family").map(|f| format!("{f}:*")).as_deref(),
        ),
        (Service::Ecs, "RunTask") => text("taskDefinition").map(ToOwned::to_owned),
        (Service::Ecs, "DescribeServices") => {
            let service = request.members["services"].get(0).and_then(Value::as_str);
            let cluster = text("cluster").unwrap_or("default");
            named("ecs", &format!("service/{cluster}/"), service)
        }
        (Service::CodeDeploy, _) => group(),
        (Service::Sns, _) => text("TopicArn").map(ToOwned::to_owned),
        (Service::Lambda, _) => named("lambda", "function:", text("FunctionName")),
        (Service::Scheduler, _) => named("scheduler", "schedule/default/", text("Name")),
        (Service::Logs, _) => named("logs", "log-group:", text("logGroupName")),
        (Service::CloudWatch, _) => named("cloudwatch", "alarm:", text("AlarmName")),
        (Service::Ecs | Service::Elb | Service::Events | Service::Sts, _) => None,
    };
    found.unwrap_or_else(|| "*".to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request(service: Service, operation: &str, members: Value) -> Request {
        Request {
            service,
            operation: operation.to_owned(),
            members,
        }
    }

    #[test]
    fn a_denied_function_is_refused_in_aws_words_and_nobody_else_is() {
        let ledger =
            Ledger::new(["start-deployment".to_owned(), "run-migration".to_owned()].into_iter());
        assert_eq!(
            ledger.function("GREENLIGHTSTARTDEPLOYMENT").as_deref(),
            Some("start-deployment")
        );
        assert_eq!(ledger.function("AKIAOTHER"), None);
        ledger.deny("start-deployment", "ecs:RegisterTaskDefinition");
        let register = request(
            Service::Ecs,
            "RegisterTaskDefinition",
            json!({"family": "web"}),
        );
        let refusal = ledger.refusal(&register, Some("start-deployment")).unwrap();
        assert_eq!(
            (refusal.code.as_ref(), refusal.status),
            ("AccessDeniedException", 400)
        );
        assert_eq!(
            refusal.message,
            "User: arn:aws:sts::111122223333:assumed-role/greenlight-start-deployment/start-deployment is not \
             authorized to perform: ecs:RegisterTaskDefinition on resource: \
             arn:aws:ecs:eu-central-1:111122223333:task-definition/web:* because no identity-based policy allows the \
             ecs:RegisterTaskDefinition action"
        );
        assert_eq!(ledger.refusal(&register, Some("run-migration")), None);
        assert_eq!(ledger.refusal(&register, None), None);
        ledger.deny("run-migration", "lambda:InvokeFunction");
        let invoke = request(Service::Lambda, "Invoke", json!({"FunctionName": "f"}));
        assert_eq!(
            ledger
                .refusal(&invoke, Some("run-migration"))
                .map(|error| error.status),
            Some(403)
        );
    }
}
