//! Whether a pipeline fits the deployment group that it names.

use super::DeploymentGroup;
use crate::config::Pipeline;

/// A pipeline that does not fit its deployment group.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// The deployment group deploys to another service.
    #[error(
        "deployment group `{group}` deploys to {given}, expected `{expected}` (hint: correct the pipeline's `deployment_group` or `service`)"
    )]
    Group {
        /// The group.
        group: String,
        /// Where it deploys to.
        given: String,
        /// The pipeline's service.
        expected: String,
    },
    /// There is no listener to send test requests through.
    #[error(
        "deployment group `{group}` has no test listener, expected one for the requests of `test_traffic` \
         (hint: add a test listener to the group, or take the requests out of the pipeline)"
    )]
    NoTestListener {
        /// The group.
        group: String,
    },
}

/// Whether the pipeline fits the deployment group that it names.
///
/// # Errors
/// The first thing that does not.
pub fn fits(pipeline: &Pipeline, group: &DeploymentGroup) -> Result<(), Mismatch> {
    let name = &pipeline.codedeploy.deployment_group;
    let expected = pipeline.place();
    let given = group
        .service
        .as_ref()
        .map(|(cluster, service)| format!("{cluster}/{service}"));
    if given.as_ref() != Some(&expected) {
        return Err(Mismatch::Group {
            group: name.to_string(),
            given: given.map_or("no ECS service".to_owned(), |service| {
                format!("`{service}`")
            }),
            expected,
        });
    }
    if group.test_listener.is_none() && !pipeline.test_traffic.checks.requests.is_empty() {
        return Err(Mismatch::NoTestListener {
            group: name.to_string(),
        });
    }
    Ok(())
}
