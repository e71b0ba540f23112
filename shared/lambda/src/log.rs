//! A task's log, as people may read it.

use aws::logs::Logs;
use rules::names::ContainerName;
use rules::observed::{Task, TaskDefinition};
use rules::redact::Redactor;
use rules::task_log::{self, TaskLog};

/// How much of a log people get to read at once.
const LINES: i32 = 20;

/// The last lines of a container's log, oldest first, with the names of environment values and secrets in place of them; or why
/// there are none. A log is there to help, so that it cannot be read is no error.
pub async fn last_lines(
    logs: &Logs,
    definition: &TaskDefinition,
    task: &Task,
    container: &ContainerName,
) -> TaskLog {
    let log = match task_log::stream(definition, task, container) {
        Ok(log) => log,
        Err(why) => return TaskLog::none(container, why),
    };
    match logs.get_log_events(&log.group, &log.stream, LINES).await {
        Ok(lines) if lines.is_empty() => TaskLog::none(
            container,
            format!(
                "nothing is in its stream `{}` of `{}`, or there is no such stream or log group (yet)",
                log.stream, log.group
            ),
        ),
        Ok(lines) => {
            let redactor = Redactor::of(definition, task, container);
            TaskLog {
                of: Some(container.clone()),
                lines: lines.iter().map(|line| redactor.redact(line)).collect(),
                why_none: None,
            }
        }
        Err(failed) => {
            tracing::warn!(error = %failed, "log not read");
            TaskLog::none(container, failed.to_string())
        }
    }
}
