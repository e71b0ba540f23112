//! Calls with an injected fault.
//!
//! A request that AWS has received is carried out, whether or not its caller lives to receive the answer.

use std::sync::Arc;

use axum::http::HeaderMap;
use axum::response::Response;

use super::error::ApiError;
use super::ledger;
use super::operation::Outcome;
use super::render::{broken_off, render};
use super::request::Request;
use super::service::Service;
use super::{Api, operations};
use crate::aws::Aws;
use crate::clock::Pace;
use crate::fault::{Attempt, Fault};
use crate::lambda::Asks;
use crate::timeline;

/// The caller, as far as the request identifies it.
#[derive(Clone)]
pub(super) struct Caller {
    /// Binary name.
    pub(super) function: String,
    /// The execution environment that it runs in: Lambda gives each its own session.
    pub(super) session: Option<String>,
    /// The id that its SDK gives all attempts of the call, and which of them this is.
    call: Option<String>,
    attempt: Attempt,
}

impl Caller {
    pub(super) fn new(function: String, headers: &HeaderMap) -> Caller {
        let header = |name| headers.get(name)?.to_str().ok().map(str::to_owned);
        let attempt: Option<String> = header("amz-sdk-request");
        let again = attempt.is_some_and(|attempt| !attempt.starts_with("attempt=1;"));
        Caller {
            function,
            session: header("x-amz-security-token"),
            call: header("amz-sdk-invocation-id"),
            attempt: if again {
                Attempt::Again
            } else {
                Attempt::First
            },
        }
    }

    /// Delays the call on its way to AWS, where simulated time would stand still otherwise or the function is polling.
    /// Returns whether it was delayed.
    pub(super) async fn until_delivered(&self, aws: &Aws, request: &Request) -> bool {
        let asks = asks(request);
        if aws.clock.pace() == Pace::Real && asks == Asks::ToKnow {
            return false;
        }
        if let (Some(session), Attempt::First) = (&self.session, self.attempt) {
            let asked = format!("{} {}", operation(request), request.members);
            // Members may hold values that differ from run to run, such as a folder's name.
            let service = about(aws, request).unwrap_or_default();
            let order = format!("{} {service}", operation(request));
            return aws
                .lambda
                .until_delivered(session, asked, &order, asks)
                .await;
        }
        false
    }

    /// Holds the answer back until all calls that the function makes concurrently have been delivered.
    pub(super) async fn until_all_are_delivered(&self, aws: &Aws) {
        if let Some(session) = &self.session {
            aws.lambda.until_all_are_delivered(session).await;
        }
    }

    /// The fault that is injected into the call, if any.
    pub(super) fn meets(&self, api: &Api, request: &Request) -> Option<Fault> {
        let operation = operation(request);
        let meets = |function: &str| {
            let (call, operation) = (self.call.as_deref(), operation.clone());
            api.faults.meets(function, operation, call, self.attempt)
        };
        let of_service = || {
            let service = about(&api.aws, request)?;
            meets(&format!("{}@{service}", self.function))
        };
        let apart = api.faults.tells_services_apart().then(of_service);
        let fault = apart.flatten().or_else(|| meets(&self.function))?;
        if self.attempt == Attempt::First {
            api.aws.timeline.record(timeline::Event::FaultInjected {
                function: self.function.clone(),
                operation,
                fault: fault.name(),
            });
        }
        Some(fault)
    }
}

fn asks(request: &Request) -> Asks {
    let operation = operations::find(request.service, &request.operation);
    operation.map_or(Asks::ToKnow, |operation| operation.asks)
}

/// The ECS service that a request concerns: its members name the service, its deployment, its revision or its task.
fn about(aws: &Aws, request: &Request) -> Option<String> {
    let text = request.members.to_string();
    let task = aws.ecs.read(|state| {
        let mut tasks = state.tasks.iter();
        tasks.find(|task| text.contains(task.arn.as_str())).cloned()
    });
    let (marked, runs) = task.map_or((None, None), |task| {
        (task.started_by, Some(task.task_definition))
    });
    let text = text + marked.as_deref().unwrap_or_default();
    of_codedeploy(aws, &text).or_else(|| of_ecs(aws, &(text + runs.as_deref().unwrap_or_default())))
}

fn of_codedeploy(aws: &Aws, text: &str) -> Option<String> {
    aws.codedeploy.read(|state| {
        let mut deployments = state.deployments.iter();
        let deployment = deployments.find(|deployment| text.contains(deployment.id.as_str()));
        let group = deployment.and_then(|deployment| state.group_of(deployment));
        let named = || {
            let mut groups = state.groups.iter();
            groups.find(|group| text.contains(group.service.as_str()))
        };
        Some(group.or_else(named)?.service.clone())
    })
}

/// No deployment group names what ECS deploys itself, but its deployments, revisions and families of task definitions are called
/// after it.
fn of_ecs(aws: &Aws, text: &str) -> Option<String> {
    aws.ecs.read(|state| {
        let mut services = state.services.iter();
        let named = services.find(|service| text.contains(service.name.as_str()));
        Some(named?.name.clone())
    })
}

fn operation(request: &Request) -> String {
    format!("{}:{}", request.service.prefix(), request.operation)
}

/// Carries the call out as far as the fault allows, and answers if the fault does.
pub(super) async fn answer(
    api: &Arc<Api>,
    request: Arc<Request>,
    caller: &Caller,
    fault: Fault,
    request_id: &str,
) -> Response {
    let error = match fault {
        Fault::KilledBefore => return killed(&api.aws, caller).await,
        Fault::KilledAfter => {
            unanswered(api, request, caller).await;
            return killed(&api.aws, caller).await;
        }
        Fault::TimedOut => {
            unanswered(api, request, caller).await;
            return std::future::pending().await;
        }
        Fault::AnswerLost => {
            unanswered(api, request, caller).await;
            return broken_off();
        }
        Fault::Error => failure(&request),
        Fault::Denied => ledger::denial(
            &api.aws,
            request.service,
            &operation(&request),
            &caller.function,
        ),
        Fault::Throttled => throttled(request.service),
    };
    let outcome = Err(error);
    api.record(&request, Some(caller.function.clone()), &outcome);
    render(
        request.service.protocol(),
        &request.operation,
        outcome.as_ref(),
        request_id,
    )
}

/// Carries a call out and records it, to its end even when its caller has died.
pub(super) async fn perform(
    api: &Arc<Api>,
    request: Arc<Request>,
    caller: Option<Caller>,
) -> Outcome {
    let (api, clock) = (api.clone(), api.aws.clock.clone());
    let performed = tokio::spawn(clock.track(async move {
        let function = caller.as_ref().map(|caller| caller.function.as_str());
        let session = caller.as_ref().and_then(|caller| caller.session.as_deref());
        let outcome = api.handle(&request, function, session).await;
        api.record(&request, function.map(str::to_owned), &outcome);
        outcome
    }));
    match performed.await {
        Ok(outcome) => outcome,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        // Only the runtime cancels it, when it shuts down.
        Err(_) => std::future::pending().await,
    }
}

/// Carries a call out whose answer does not arrive; only the record has its outcome.
async fn unanswered(api: &Arc<Api>, request: Arc<Request>, caller: &Caller) {
    let _ = perform(api, request, Some(caller.clone())).await;
}

/// The process dies, and the connection with it.
async fn killed(aws: &Aws, caller: &Caller) -> Response {
    if let Some(session) = &caller.session {
        aws.lambda.kill(session);
    }
    std::future::pending().await
}

/// A server error: the one that the service's model marks as a fault (botocore 1.44.5, `"fault": true`), with the
/// status of its API reference, or 500 where that has none. Operations that declare no such error (all of CodeDeploy
/// and STS, nearly all of Elastic Load Balancing, those of CloudWatch that are simulated) answer with the error that is
/// common to all services (API references, Common Errors).
fn failure(request: &Request) -> ApiError {
    let (code, message) = match request.service {
        Service::Elb if request.operation == "DescribeTargetHealth" => (
            "HealthUnavailable",
            "The health of the specified targets could not be retrieved due to an internal error.",
        ),
        Service::Ecs | Service::Ecr => ("ServerException", UNKNOWN),
        Service::Scheduler => ("InternalServerException", UNKNOWN),
        Service::Logs => (
            "ServiceUnavailableException",
            "The service cannot complete the request.",
        ),
        Service::Iam if request.operation == "SimulatePrincipalPolicy" => {
            ("PolicyEvaluation", UNKNOWN)
        }
        Service::Iam => ("ServiceFailure", UNKNOWN),
        Service::Sns => ("InternalError", UNKNOWN),
        Service::Lambda => ("ServiceException", UNKNOWN),
        Service::Events => ("InternalException", UNKNOWN),
        Service::Ssm => ("InternalServerError", UNKNOWN),
        Service::SecretsManager => (
            "InternalServiceError",
            "An error occurred on the server side.",
        ),
        Service::CloudFormation
        | Service::CodeDeploy
        | Service::Elb
        | Service::Sts
        | Service::CloudWatch => ("InternalFailure", UNKNOWN),
    };
    ApiError::new(code, message).with_status(500)
}

/// AWS's message for the common `InternalFailure`; the messages of the services' own errors are not published.
const UNKNOWN: &str =
    "The request processing has failed because of an unknown error, exception or failure.";

/// The error for too many calls. Scheduler's and Lambda's models declare theirs with a status. The others' are common
/// to all operations (API references, Common Errors: HTTP 400). Services of the Query protocol leave `Exception` out,
/// even SNS: its `Throttled` (429) is declared for text message settings only, and Publish was observed to answer
/// `Throttling` (amzn/smoke-aws-generate, pull request 101).
fn throttled(service: Service) -> ApiError {
    let (code, status) = match service {
        Service::Scheduler => ("ThrottlingException", 429),
        Service::Lambda => ("TooManyRequestsException", 429),
        Service::CloudFormation
        | Service::CloudWatch
        | Service::Elb
        | Service::Iam
        | Service::Sns
        | Service::Sts => ("Throttling", 400),
        Service::CodeDeploy
        | Service::Ecr
        | Service::Ecs
        | Service::Events
        | Service::Logs
        | Service::SecretsManager
        | Service::Ssm => ("ThrottlingException", 400),
    };
    ApiError::new(code, "Rate exceeded").with_status(status)
}
