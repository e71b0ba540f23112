//! ECS's operations.

mod clusters;
mod permissions;
mod placement;
mod run_task;
mod run_task_checks;
mod services;
mod tags;
mod task_definitions;
mod tasks;

use crate::api::operation::Operation;

pub(super) const OPERATIONS: &[&[Operation]] = &[
    clusters::OPERATIONS,
    run_task::OPERATIONS,
    services::OPERATIONS,
    tags::OPERATIONS,
    task_definitions::OPERATIONS,
    tasks::OPERATIONS,
];
