//! CodeDeploy's operations.

mod applications;
mod configs;
mod create;
mod deployments;
mod group_request;
mod groups;
mod lookup;
mod permissions;
mod revisions;
mod settings;
mod targets;

use crate::api::operation::Operation;

pub(super) use self::lookup::missing;

pub(super) const OPERATIONS: &[&[Operation]] = &[
    applications::OPERATIONS,
    configs::OPERATIONS,
    create::OPERATIONS,
    deployments::OPERATIONS,
    groups::OPERATIONS,
    revisions::OPERATIONS,
    targets::OPERATIONS,
];
