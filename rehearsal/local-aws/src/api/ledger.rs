//! Callers, and the record of their calls.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use serde_json::Value;

use super::error::ApiError;
use super::operation::{Call, Operation};
use super::service::Service;
use crate::aws::Aws;
use crate::iam::{Refusal, Why};
use crate::identity::access_key;

/// A call over HTTP, and its response.
#[derive(Debug, Clone)]
pub struct AwsCall {
    pub at: SystemTime,
    /// Binary name of the function that called; `None` for any other caller.
    pub function: Option<String>,
    /// The service in IAM's notation: `ecs`, `elasticloadbalancing`.
    pub service: &'static str,
    pub operation: String,
    /// HTTP status.
    pub status: u16,
    pub error: Option<String>,
    pub request: Value,
    pub response: Value,
}

/// Callers and the record of calls.
pub struct Ledger {
    /// Binary names by access key id.
    functions: BTreeMap<String, String>,
    /// None once it keeps no history.
    calls: Mutex<Option<Vec<Arc<AwsCall>>>>,
}

impl Ledger {
    pub fn new(binary_names: impl Iterator<Item = String>) -> Ledger {
        let functions = binary_names.map(|name| (access_key(&name), name)).collect();
        Ledger {
            functions,
            calls: Mutex::new(Some(Vec::new())),
        }
    }

    /// The function that signs with this access key id. Any other caller is an administrator.
    pub fn function(&self, access_key_id: &str) -> Option<String> {
        self.functions.get(access_key_id).cloned()
    }

    pub fn record(&self, call: AwsCall) {
        if let Some(calls) = lock(&self.calls).as_mut() {
            calls.push(Arc::new(call));
        }
    }

    pub fn calls(&self) -> Vec<Arc<AwsCall>> {
        lock(&self.calls).clone().unwrap_or_default()
    }

    /// Whether calls are kept.
    pub fn is_kept(&self) -> bool {
        lock(&self.calls).is_some()
    }

    /// Keeps no call any more.
    pub fn keep_no_history(&self) {
        *lock(&self.calls) = None;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Refuses a function's call that its policies do not allow. Any other caller may do everything that the policies of resources
/// allow.
pub(super) fn authorize(call: Call<'_>, operation: &Operation) -> Result<(), ApiError> {
    let needed = operation.permissions(call);
    let checked = match call.function {
        Some(function) => call.aws.iam.check(function, &needed),
        None => call.aws.iam.check_administrator(&needed),
    };
    checked.map_err(|refusal| {
        match (call.service, refusal.action.starts_with("kms:")) {
            // Its sentence names neither key nor action (AWS re:Post, "Access to KMS is not allowed").
            (Service::SecretsManager, true) => {
                ApiError::new("AccessDeniedException", "Access to KMS is not allowed")
            }
            // SNS has a specific code for calls that KMS denies (SNS API Reference, Publish).
            (_, true) => ApiError::new("KMSAccessDenied", refusal.sentence()),
            (service, false) => denied(service, sentence(service, &refusal)),
        }
    })
}

/// The denial of a call that no policy mentions.
pub(super) fn denial(aws: &Aws, service: Service, action: &str, function: &str) -> ApiError {
    let refusal = Refusal {
        holder: function.to_owned(),
        caller: aws.iam.caller(function),
        action: action.to_owned(),
        resource: "*".to_owned(),
        why: Why::NothingAllows,
    };
    denied(service, sentence(service, &refusal))
}

/// The service's code and status for a denial.
fn denied(service: Service, message: String) -> ApiError {
    match service {
        Service::Sns => ApiError::new("AuthorizationError", message).with_status(403),
        Service::CloudFormation
        | Service::CloudWatch
        | Service::Elb
        | Service::Iam
        | Service::Sts => ApiError::new("AccessDenied", message).with_status(403),
        Service::Lambda | Service::Scheduler => {
            ApiError::new("AccessDeniedException", message).with_status(403)
        }
        Service::CodeDeploy
        | Service::Ecr
        | Service::Ecs
        | Service::Events
        | Service::Logs
        | Service::SecretsManager
        | Service::Ssm => ApiError::new("AccessDeniedException", message),
    }
}

/// SNS writes its name in capital letters, and Elastic Load Balancing names no resource for actions that do not support
/// one; both as in reported denials.
fn sentence(service: Service, refusal: &Refusal) -> String {
    match service {
        Service::Sns => {
            let action = refusal.action.replacen("sns:", "SNS:", 1);
            Refusal {
                action,
                ..refusal.clone()
            }
            .sentence()
        }
        Service::Elb if refusal.resource == "*" => {
            refusal.sentence().replacen(" on resource: *", "", 1)
        }
        Service::CloudFormation
        | Service::CloudWatch
        | Service::CodeDeploy
        | Service::Ecr
        | Service::Ecs
        | Service::Elb
        | Service::Events
        | Service::Iam
        | Service::Lambda
        | Service::Logs
        | Service::Scheduler
        | Service::SecretsManager
        | Service::Ssm
        | Service::Sts => refusal.sentence(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(action: &str, resource: &str) -> Refusal {
        Refusal {
            holder: "f".to_owned(),
            caller: "arn:aws:sts::111122223333:assumed-role/r/f".to_owned(),
            action: action.to_owned(),
            resource: resource.to_owned(),
            why: Why::NothingAllows,
        }
    }

    #[test]
    fn a_caller_is_known_by_its_key() {
        let ledger = Ledger::new(["start-deployment".to_owned()].into_iter());
        let function = ledger.function("GREENLIGHTSTARTDEPLOYMENT");
        assert_eq!(function.as_deref(), Some("start-deployment"));
        assert_eq!(ledger.function("AKIAOTHER"), None);
    }

    #[test]
    fn each_service_refuses_in_its_own_way() {
        let topic = "arn:aws:sns:eu-central-1:111122223333:outcomes";
        for (service, action, resource, code, status, expected) in [
            (
                Service::Ecs,
                "ecs:DescribeTaskDefinition",
                "*",
                "AccessDeniedException",
                400,
                "ecs:DescribeTaskDefinition on resource: * because no identity-based policy allows the ecs:DescribeTaskDefinition action",
            ),
            (
                Service::Sns,
                "sns:Publish",
                topic,
                "AuthorizationError",
                403,
                "SNS:Publish on resource: arn:aws:sns:eu-central-1:111122223333:outcomes because no identity-based policy allows the SNS:Publish action",
            ),
            (
                Service::Elb,
                "elasticloadbalancing:DescribeTargetHealth",
                "*",
                "AccessDenied",
                403,
                "elasticloadbalancing:DescribeTargetHealth because no identity-based policy allows the elasticloadbalancing:DescribeTargetHealth action",
            ),
            (
                Service::Scheduler,
                "iam:PassRole",
                "arn:aws:iam::111122223333:role/r",
                "AccessDeniedException",
                403,
                "iam:PassRole on resource: arn:aws:iam::111122223333:role/r because no identity-based policy allows the iam:PassRole action",
            ),
        ] {
            let error = denied(service, sentence(service, &refusal(action, resource)));
            assert_eq!((error.code.as_ref(), error.status), (code, status));
            assert_eq!(
                error.message,
                format!(
                    "User: arn:aws:sts::111122223333:assumed-role/r/f is not authorized to perform: {expected}"
                )
            );
        }
    }
}
