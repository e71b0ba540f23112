//! ECS's operations.

mod clusters;
mod run_task;
mod run_task_checks;
mod services;
mod tags;
mod task_definitions;
mod tasks;

use super::{Answer, Call, unknown};

pub(super) async fn answer(call: Call<'_>) -> Answer {
    match call.operation {
        "CreateTaskSet" | "DeleteTaskSet" | "UpdateServicePrimaryTaskSet" | "UpdateTaskSet" => {
            services::refuse_task_set_change(call)
        }
        "DeregisterTaskDefinition" => task_definitions::deregister_task_definition(call),
        "DescribeClusters" => clusters::describe_clusters(call),
        "DescribeContainerInstances" => clusters::describe_container_instances(call),
        "DescribeServices" => services::describe_services(call),
        "DescribeTaskDefinition" => task_definitions::describe_task_definition(call),
        "DescribeTaskSets" => services::describe_task_sets(call),
        "DescribeTasks" => tasks::describe_tasks(call),
        "ListClusters" => clusters::list_clusters(call),
        "ListContainerInstances" => clusters::list_container_instances(call),
        "ListServices" => services::list_services(call),
        "ListTagsForResource" => tags::list_tags_for_resource(call),
        "ListTaskDefinitionFamilies" => task_definitions::list_task_definition_families(call),
        "ListTaskDefinitions" => task_definitions::list_task_definitions(call),
        "ListTasks" => tasks::list_tasks(call),
        "RegisterTaskDefinition" => task_definitions::register_task_definition(call),
        "RunTask" => run_task::run_task(call).await,
        "StopTask" => tasks::stop_task(call),
        "TagResource" => tags::tag_resource(call),
        "UntagResource" => tags::untag_resource(call),
        "UpdateService" => services::update_service(call),
        _ => unknown(),
    }
}
