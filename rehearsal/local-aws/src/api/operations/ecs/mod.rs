//! ECS's operations.

mod change_controller;
mod clusters;
mod create_service;
mod load_balancers;
mod permissions;
mod placement;
mod run_task;
mod run_task_checks;
mod service_deployments;
mod services;
mod tags;
mod task_definitions;
mod tasks;
mod update_service;
mod wanted_revision;

use crate::api::operation::Operation;

pub(super) const OPERATIONS: &[&[Operation]] = &[
    clusters::OPERATIONS,
    create_service::OPERATIONS,
    run_task::OPERATIONS,
    service_deployments::OPERATIONS,
    services::OPERATIONS,
    tags::OPERATIONS,
    task_definitions::OPERATIONS,
    tasks::OPERATIONS,
    update_service::OPERATIONS,
];
