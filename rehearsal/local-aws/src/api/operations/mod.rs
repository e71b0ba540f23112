//! The operations, by service: which function answers which call.

mod cloudwatch;
mod codedeploy;
mod codedeploy_applications;
mod codedeploy_configs;
mod codedeploy_create;
mod codedeploy_deployments;
mod codedeploy_group_request;
mod codedeploy_groups;
mod codedeploy_revisions;
mod codedeploy_settings;
mod codedeploy_targets;
mod ecr;
mod ecs_clusters;
mod ecs_run_task;
mod ecs_run_task_checks;
mod ecs_services;
mod ecs_tags;
mod ecs_task_definitions;
mod ecs_tasks;
mod elb;
mod elb_shapes;
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
        Service::CodeDeploy => code_deploy(call),
        Service::Ecr => registry(call),
        Service::Ecs => containers(call).await,
        Service::Elb => load_balancing(call),
        Service::Events => events::answer(call),
        Service::Logs => log_reading(call),
        Service::Scheduler => schedules(call),
        Service::Sns => notifications(call),
        Service::Sts => identity(call),
    };
    answer.map(Reply::from)
}

fn code_deploy(call: Call<'_>) -> Answer {
    match call.operation {
        "BatchGetApplicationRevisions" => {
            codedeploy_revisions::batch_get_application_revisions(call)
        }
        "BatchGetApplications" => codedeploy_applications::batch_get_applications(call),
        "BatchGetDeploymentGroups" => codedeploy_groups::batch_get_deployment_groups(call),
        "BatchGetDeploymentTargets" => codedeploy_targets::batch_get_deployment_targets(call),
        "BatchGetDeployments" => codedeploy_deployments::batch_get_deployments(call),
        "ContinueDeployment" => codedeploy_deployments::continue_deployment(call),
        "CreateApplication" => codedeploy_applications::create_application(call),
        "CreateDeployment" => codedeploy_create::create_deployment(call),
        "CreateDeploymentConfig" => codedeploy_configs::create_deployment_config(call),
        "CreateDeploymentGroup" => codedeploy_groups::create_deployment_group(call),
        "DeleteApplication" => codedeploy_applications::delete_application(call),
        "DeleteDeploymentConfig" => codedeploy_configs::delete_deployment_config(call),
        "DeleteDeploymentGroup" => codedeploy_groups::delete_deployment_group(call),
        "GetApplication" => codedeploy_applications::get_application(call),
        "GetApplicationRevision" => codedeploy_revisions::get_application_revision(call),
        "GetDeployment" => codedeploy_deployments::get_deployment(call),
        "GetDeploymentConfig" => codedeploy_configs::get_deployment_config(call),
        "GetDeploymentGroup" => codedeploy_groups::get_deployment_group(call),
        "GetDeploymentTarget" => codedeploy_targets::get_deployment_target(call),
        "ListApplicationRevisions" => codedeploy_revisions::list_application_revisions(call),
        "ListApplications" => codedeploy_applications::list_applications(call),
        "ListDeploymentConfigs" => codedeploy_configs::list_deployment_configs(call),
        "ListDeploymentGroups" => codedeploy_groups::list_deployment_groups(call),
        "ListDeploymentTargets" => codedeploy_targets::list_deployment_targets(call),
        "ListDeployments" => codedeploy_deployments::list_deployments(call),
        "PutLifecycleEventHookExecutionStatus" => {
            codedeploy_targets::put_lifecycle_event_hook_execution_status(call)
        }
        "RegisterApplicationRevision" => codedeploy_revisions::register_application_revision(call),
        "StopDeployment" => codedeploy_deployments::stop_deployment(call),
        "UpdateDeploymentGroup" => codedeploy_groups::update_deployment_group(call),
        _ => unknown(),
    }
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

async fn containers(call: Call<'_>) -> Answer {
    match call.operation {
        "CreateTaskSet" | "DeleteTaskSet" | "UpdateServicePrimaryTaskSet" | "UpdateTaskSet" => {
            ecs_services::refuse_task_set_change(call)
        }
        "DeregisterTaskDefinition" => ecs_task_definitions::deregister_task_definition(call),
        "DescribeClusters" => ecs_clusters::describe_clusters(call),
        "DescribeContainerInstances" => ecs_clusters::describe_container_instances(call),
        "DescribeServices" => ecs_services::describe_services(call),
        "DescribeTaskDefinition" => ecs_task_definitions::describe_task_definition(call),
        "DescribeTaskSets" => ecs_services::describe_task_sets(call),
        "DescribeTasks" => ecs_tasks::describe_tasks(call),
        "ListClusters" => ecs_clusters::list_clusters(call),
        "ListContainerInstances" => ecs_clusters::list_container_instances(call),
        "ListServices" => ecs_services::list_services(call),
        "ListTagsForResource" => ecs_tags::list_tags_for_resource(call),
        "ListTaskDefinitionFamilies" => ecs_task_definitions::list_task_definition_families(call),
        "ListTaskDefinitions" => ecs_task_definitions::list_task_definitions(call),
        "ListTasks" => ecs_tasks::list_tasks(call),
        "RegisterTaskDefinition" => ecs_task_definitions::register_task_definition(call),
        "RunTask" => ecs_run_task::run_task(call).await,
        "StopTask" => ecs_tasks::stop_task(call),
        "TagResource" => ecs_tags::tag_resource(call),
        "UntagResource" => ecs_tags::untag_resource(call),
        "UpdateService" => ecs_services::update_service(call),
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
