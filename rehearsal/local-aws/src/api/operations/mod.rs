//! The operations, by service: which function answers which call.

mod cloudwatch;
mod codedeploy;
mod ecr;
mod ecs;
mod elb;
mod events;
mod lambda;
mod logs;
mod scheduler;
mod sns;

use serde_json::{Value, json};

use super::error::ApiError;
use super::request::Service;
use super::{Call, Reply};
use crate::identity::ACCOUNT;

type Answer = Result<Value, ApiError>;

pub(super) async fn dispatch(service: Service, call: Call<'_>) -> Result<Reply, ApiError> {
    let answer = match service {
        Service::Lambda => return lambda::answer(call).await,
        Service::CloudWatch => cloudwatch::answer(call),
        Service::CodeDeploy => codedeploy::answer(call),
        Service::Ecr => registry(call),
        Service::Ecs => ecs::answer(call).await,
        Service::Elb => load_balancing(call),
        Service::Events => events::answer(call),
        Service::Logs => log_reading(call),
        Service::Scheduler => schedules(call),
        Service::Sns => notifications(call),
        Service::Sts => identity(call),
    };
    answer.map(Reply::from)
}

fn registry(call: Call<'_>) -> Answer {
    match call.operation {
        "BatchGetImage" => ecr::batch_get_image(call),
        "DescribeImages" => ecr::describe_images(call),
        "DescribeRepositories" => ecr::describe_repositories(call),
        "ListImages" => ecr::list_images(call),
        "PutImage" => ecr::put_image(call),
        _ => unknown(),
    }
}

fn load_balancing(call: Call<'_>) -> Answer {
    match call.operation {
        "DescribeListeners" => elb::describe_listeners(call),
        "DescribeLoadBalancers" => elb::describe_load_balancers(call),
        "DescribeRules" => elb::describe_rules(call),
        "DescribeTargetGroups" => elb::describe_target_groups(call),
        "DescribeTargetHealth" => elb::describe_target_health(call),
        _ => unknown_action(call),
    }
}

fn notifications(call: Call<'_>) -> Answer {
    match call.operation {
        "GetTopicAttributes" => sns::get_topic_attributes(call),
        "ListSubscriptions" => sns::list_subscriptions(call),
        "ListSubscriptionsByTopic" => sns::list_subscriptions_by_topic(call),
        "ListTopics" => sns::list_topics(call),
        "Publish" => sns::publish(call),
        "Subscribe" => sns::subscribe(call),
        _ => unknown_action(call),
    }
}

fn log_reading(call: Call<'_>) -> Answer {
    match call.operation {
        "DescribeLogGroups" => logs::describe_log_groups(call),
        "DescribeLogStreams" => logs::describe_log_streams(call),
        "FilterLogEvents" => logs::filter_log_events(call),
        "GetLogEvents" => logs::get_log_events(call),
        _ => unknown(),
    }
}

fn schedules(call: Call<'_>) -> Answer {
    match call.operation {
        "CreateSchedule" => scheduler::create_schedule(call),
        "DeleteSchedule" => scheduler::delete_schedule(call),
        "GetSchedule" => scheduler::get_schedule(call),
        "ListSchedules" => scheduler::list_schedules(call),
        "UpdateSchedule" => scheduler::update_schedule(call),
        _ => unknown(),
    }
}

fn identity(call: Call<'_>) -> Answer {
    let arn = match call.function {
        Some(function) => call.aws.iam.caller(function),
        None => format!("arn:aws:iam::{ACCOUNT}:user/rehearsal"),
    };
    match call.operation {
        "GetCallerIdentity" => {
            Ok(json!({ "Arn": arn, "UserId": "AIDAREHEARSAL", "Account": ACCOUNT }))
        }
        _ => unknown_action(call),
    }
}

fn unknown() -> Answer {
    Err(ApiError::new(
        "UnknownOperationException",
        "the rehearsal does not play this operation",
    ))
}

fn unknown_action(call: Call<'_>) -> Answer {
    let message = format!("Could not find operation {}", call.operation);
    Err(ApiError::new("InvalidAction", message))
}

/// How the service complains about a required member that is not there.
pub(super) fn missing(service: Service) -> fn(&str) -> ApiError {
    match service {
        Service::CloudWatch => cloudwatch::missing,
        Service::CodeDeploy => codedeploy::missing,
        Service::Ecr => |member| {
            let message = format!(
                "Invalid parameter at '{member}' failed to satisfy constraint: 'must not be null'"
            );
            ApiError::new("InvalidParameterException", message)
        },
        Service::Ecs => |member| {
            ApiError::new(
                "InvalidParameterException",
                format!("{member} can not be blank."),
            )
        },
        Service::Elb | Service::Sts => |member| ApiError::new("ValidationError", not_null(member)),
        Service::Lambda => {
            |member| ApiError::new("InvalidParameterValueException", not_null(member))
        }
        Service::Logs => |member| ApiError::new("InvalidParameterException", not_null(member)),
        Service::Events | Service::Scheduler => {
            |member| ApiError::new("ValidationException", not_null(member))
        }
        Service::Sns => |member| {
            let message =
                format!("Invalid parameter: {member} Reason: no value for required parameter");
            ApiError::new("InvalidParameter", message)
        },
    }
}

fn not_null(member: &str) -> String {
    format!(
        "1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must not be null"
    )
}
