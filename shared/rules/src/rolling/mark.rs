//! How a migration ended, as the tag of its revision remembers it. AWS is the database: a task is forgotten after an hour.

use std::fmt;
use std::str::FromStr;

use time::UtcDateTime;

use super::id::{of_word, word};
use crate::names::{DeploymentId, StackName};
use crate::observed::TaskDefinition;
use crate::revision;
use crate::start::{moment, read_moment};

/// The tag of a revision whose migration has ended.
pub const MIGRATION_TAG: &str = "greenlight:migration";

/// Stands where there is no task, or no exit code.
const NONE: &str = "-";

/// How a migration ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Its container exited with 0, and by itself.
    Succeeded,
    /// So did its container, and another deployment had taken its place by then, of which people were told.
    Superseded,
    /// Anything else, with the exit code where ECS states one.
    Failed(Option<i64>),
    /// ECS does not know its task any more.
    Unknown,
}

/// A migration that has ended: `succeeded <task id> <time> <deployment>`, `superseded <task id> <time> <deployment>`, `failed <task id>
/// <code> <time> <deployment>` or `unknown <task id> <time> <deployment>`. Who may tag revisions can write one, and who may do that can deploy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationMark {
    /// How it ended.
    pub ended: Ended,
    /// The id of its task; none where there was none.
    pub task: Option<String>,
    /// When it was started, or ordered where that is later by the clock of another service.
    pub at: UtcDateTime,
    /// The service's newest deployment then.
    pub before: Option<DeploymentId>,
}

/// The tag's value: below 200 characters, all of which a tag takes (ECS API Reference, Tag).
impl fmt::Display for MigrationMark {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let task = self.task.as_deref().unwrap_or(NONE);
        match self.ended {
            Ended::Succeeded => write!(formatter, "succeeded {task}")?,
            Ended::Superseded => write!(formatter, "superseded {task}")?,
            Ended::Failed(code) => {
                let code = code.map_or_else(|| NONE.to_owned(), |code| code.to_string());
                write!(formatter, "failed {task} {code}")?;
            }
            Ended::Unknown => write!(formatter, "unknown {task}")?,
        }
        write!(
            formatter,
            " {} {}",
            moment(self.at),
            word(self.before.as_ref())
        )
    }
}

/// The tag's value is not such a mark.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it is not `succeeded|superseded|failed|unknown <task> [<code>] <time> <deployment>`")]
pub struct NotAMark;

impl FromStr for MigrationMark {
    type Err = NotAMark;

    fn from_str(value: &str) -> Result<Self, NotAMark> {
        let words: Vec<&str> = value.split(' ').collect();
        let (ended, task, at, before) = match words[..] {
            ["succeeded", task, at, before] => (Ended::Succeeded, task, at, before),
            ["superseded", task, at, before] => (Ended::Superseded, task, at, before),
            ["failed", task, NONE, at, before] => (Ended::Failed(None), task, at, before),
            ["failed", task, code, at, before] => {
                let code = code.parse().map_err(|_| NotAMark)?;
                (Ended::Failed(Some(code)), task, at, before)
            }
            ["unknown", task, at, before] => (Ended::Unknown, task, at, before),
            _ => return Err(NotAMark),
        };
        Ok(Self {
            ended,
            task: Some(task.to_owned()).filter(|task| task != NONE),
            at: read_moment(at).ok_or(NotAMark)?,
            before: of_word(before).ok_or(NotAMark)?,
        })
    }
}

/// The mark of a revision; none where it has none. One that cannot be read, or that a revision has which this stack's
/// `start-deployment` did not register, says nothing: whether its migration ran is not known.
pub fn mark_of(definition: &TaskDefinition, stack: &StackName) -> Option<MigrationMark> {
    let value = revision::mark(definition, MIGRATION_TAG)?;
    let unknown = || MigrationMark {
        ended: Ended::Unknown,
        task: None,
        at: revision::registered_at(definition).unwrap_or(UtcDateTime::UNIX_EPOCH),
        before: None,
    };
    let read = value.parse().unwrap_or_else(|_| unknown());
    match read.ended == Ended::Succeeded && !is_registered_by(definition, stack) {
        true => Some(MigrationMark {
            ended: Ended::Unknown,
            ..read
        }),
        false => Some(read),
    }
}

/// Whether this stack's `start-deployment` registered a revision. ECS states the role that did, or a session of it; the role is named
/// by CloudFormation, after the stack.
fn is_registered_by(definition: &TaskDefinition, stack: &StackName) -> bool {
    if revision::stack_of(definition).as_ref() != Some(stack) {
        return false;
    }
    let Some(by) = definition.task_definition["registeredBy"].as_str() else {
        return true;
    };
    let mut parts = by.rsplit(':').next().unwrap_or_default().split('/');
    let kind = parts.next();
    let role = match kind {
        Some("assumed-role") => parts.next(),
        Some("role") => parts.next_back(),
        Some(_) | None => None,
    };
    let after = role.and_then(|role| role.strip_prefix(&format!("{stack}-StartDeploymentRole")));
    // CloudFormation adds characters of its own after a hyphen.
    after.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}
