//! A task's log, as people may read it.

use aws::CallFailed;
use aws::ecs::Ecs;
use aws::logs::Logs;
use rules::names::ContainerName;
use rules::observed::Task;
use rules::redact::Redactor;
use rules::revision;

/// How much of a log people get to read at once.
const LINES: i32 = 20;

/// The last lines of a container's log, oldest first, with the names of environment values and secrets in place of them;
/// none where the container logs elsewhere.
///
/// # Errors
/// Where the revision or the log cannot be read.
pub async fn last_lines(
    ecs: &Ecs,
    logs: &Logs,
    task: &Task,
    container: &ContainerName,
) -> Result<Vec<String>, CallFailed> {
    let definition = ecs.describe_task_definition(task.revision.as_str()).await?;
    let Some(log) = revision::log_stream(&definition, container, task.arn.id()) else {
        return Ok(Vec::new());
    };
    let lines = logs.get_log_events(&log.group, &log.stream, LINES).await?;
    let redactor = Redactor::of(&definition, task, container);
    Ok(lines.iter().map(|line| redactor.redact(line)).collect())
}
