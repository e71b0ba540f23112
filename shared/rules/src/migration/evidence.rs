//! Which task may answer a migration's hook: the one whose ARN was written down, or, where a death left the ARN out, one that
//! is in every member what would have been started.

use super::{TaskRun, started_by};
use crate::names::{ContainerName, DeploymentId, HookExecutionId};
use crate::observed::{ContainerOverride, Task};
use crate::sanitize::line;

/// The variables in which older versions gave the deployment's id and the hook's execution id to the task.
const DEPLOYMENT_ID: &str = "GREENLIGHT_DEPLOYMENT_ID";
const HOOK_EXECUTION_ID: &str = "GREENLIGHT_HOOK_EXECUTION_ID";

/// What an older version wrote into a task's environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variables {
    /// The deployment that waits.
    pub deployment: DeploymentId,
    /// What the hook's answer must carry.
    pub execution: HookExecutionId,
    /// The container that migrates.
    pub container: ContainerName,
}

/// The two variables of an older version; none where the task has not exactly these two.
pub fn variables(task: &Task) -> Option<Variables> {
    let container = overriding(task).next()?;
    let variable = |name| container.environment.get(name);
    (container.environment.len() == 2).then_some(())?;
    Some(Variables {
        deployment: variable(DEPLOYMENT_ID)?.parse().ok()?,
        execution: variable(HOOK_EXECUTION_ID)?.parse().ok()?,
        container: container.name.clone(),
    })
}

/// In what a task, as ECS describes it, differs from the migration that would have been started; nothing where it is that.
/// A task of an older version has its two variables beside, and they must be those of this hook.
pub fn differences(
    task: &Task,
    deployment: &DeploymentId,
    cluster: &str,
    runs: &TaskRun,
    executions: &[HookExecutionId],
) -> Vec<String> {
    let mut found = differences_of(task, &started_by(deployment), cluster, runs);
    let of_this_hook = variables(task).is_some_and(|variables| {
        variables.deployment == *deployment && executions.contains(&variables.execution)
    });
    if of_this_hook {
        found.retain(|difference| difference != ENVIRONMENT);
    }
    found
}

/// The difference that the variables of an older version are.
const ENVIRONMENT: &str = "its container's environment is overridden";

/// The same for any mark of a deployment.
pub fn differences_of(task: &Task, started_by: &str, cluster: &str, runs: &TaskRun) -> Vec<String> {
    let mut found = Vec::new();
    let mut compare = |what: &str, is: &str, expected: &str| {
        if is != expected {
            found.push(line(&format!("{what} is `{is}`, not `{expected}`")));
        }
    };
    compare("its cluster", name_of(&task.cluster), name_of(cluster));
    compare(
        "its revision",
        task.revision.as_str(),
        runs.revision.as_str(),
    );
    let started = task.started_by.as_deref().unwrap_or_default();
    compare("its `startedBy`", started, started_by);
    let others = task.other_overrides.iter().map(|name| name.to_owned());
    found.extend(others.map(|name| format!("`{}` is overridden", line(&name))));
    let overriding: Vec<&ContainerOverride> = overriding(task).collect();
    let [container] = overriding[..] else {
        found.push(format!(
            "{} of its containers are overridden, not one",
            overriding.len()
        ));
        return found;
    };
    if container.name != runs.container {
        let (is, expected) = (&container.name, &runs.container);
        found.push(format!("container `{is}` is overridden, not `{expected}`"));
    }
    if container.command != runs.command {
        // Commands may hold secrets.
        found.push("its command is another one".to_owned());
    }
    let others = container.others.iter();
    found.extend(others.map(|name| format!("its container's `{}` is overridden", line(name))));
    if !container.environment.is_empty() {
        found.push(ENVIRONMENT.to_owned());
    }
    found
}

/// Containers of which something is overridden: ECS lists the others too, by their names alone.
fn overriding(task: &Task) -> impl Iterator<Item = &ContainerOverride> {
    task.overrides.iter().filter(|container| {
        !container.command.is_empty()
            || !container.environment.is_empty()
            || !container.others.is_empty()
    })
}

/// A cluster's name, where AWS returns its ARN.
fn name_of(cluster: &str) -> &str {
    cluster.rsplit('/').next().unwrap_or(cluster)
}
