//! Counts a deployment's failed tasks for the circuit breaker (ECS Developer Guide, "How the Amazon ECS deployment circuit
//! breaker detects failures").

use std::collections::BTreeSet;

/// A task of the target, as the scheduler sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskSeen {
    pub arn: String,
    pub is_healthy: bool,
    pub end: Option<TaskEnd>,
}

/// How a task ended that nobody asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskEnd {
    /// It was replaced because a health check failed.
    Unhealthy,
    /// It could not start, or ended by itself.
    ByItself,
}

/// The count, and what it was made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Failures {
    /// `failureCount`.
    pub count: u32,
    /// The tasks that were healthy at some time.
    healthy: BTreeSet<String>,
    ended: BTreeSet<String>,
    unplaced: u32,
}

impl Failures {
    /// Takes in what is now seen of the target's tasks; `unplaced` is how often no task could be placed so far. A task failed
    /// if it ended before it was ever healthy, or because its health check failed. That the end of a task that had been
    /// healthy is none is inferred: "task didn't transition to a RUNNING state, or fails its health checks".
    pub fn see(&mut self, tasks: &[TaskSeen], unplaced: u32, resets: bool) {
        for task in tasks.iter().filter(|task| task.is_healthy) {
            let is_new = self.healthy.insert(task.arn.clone());
            if is_new && resets {
                self.count = 0;
            }
        }
        for task in tasks {
            let Some(end) = task.end else { continue };
            if !self.ended.insert(task.arn.clone()) {
                continue;
            }
            let failed = match end {
                TaskEnd::Unhealthy => true,
                TaskEnd::ByItself => !self.healthy.contains(&task.arn),
            };
            self.count += u32::from(failed);
        }
        self.count += unplaced.saturating_sub(self.unplaced);
        self.unplaced = self.unplaced.max(unplaced);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `a` runs, `a+` is healthy, `a-` ended by itself, `a!` was replaced as unhealthy; steps are separated by commas.
    fn count(script: &str, resets: bool) -> Vec<u32> {
        let mut failures = Failures::default();
        let seen = |word: &str| TaskSeen {
            arn: word.trim_end_matches(['+', '-', '!']).to_owned(),
            is_healthy: word.ends_with('+'),
            end: match word.chars().last() {
                Some('-') => Some(TaskEnd::ByItself),
                Some('!') => Some(TaskEnd::Unhealthy),
                Some(_) | None => None,
            },
        };
        let step = |step: &str| {
            let tasks: Vec<TaskSeen> = step.split_whitespace().map(seen).collect();
            failures.see(&tasks, 0, resets);
            failures.count
        };
        script.split(',').map(step).collect()
    }

    #[test]
    fn failed_tasks_are_counted_once_and_a_healthy_one_may_reset_the_count() {
        for (script, resetting, keeping) in [
            (
                "a b,a- b,a- b-,a- b- c-",
                vec![0, 1, 2, 3],
                vec![0, 1, 2, 3],
            ),
            ("a- b-,c+ a- b-,c! a- b-", vec![2, 0, 1], vec![2, 2, 3]),
            ("a+,a-", vec![0, 0], vec![0, 0]),
            ("a+,a!,b+,b!", vec![0, 1, 0, 1], vec![0, 1, 1, 2]),
            ("a! b+", vec![1], vec![1]),
        ] {
            assert_eq!(count(script, true), resetting, "{script}");
            assert_eq!(count(script, false), keeping, "{script}");
        }
    }

    #[test]
    fn a_task_that_finds_no_place_failed() {
        let mut failures = Failures::default();
        for (unplaced, expected) in [(1, 1), (1, 1), (3, 3)] {
            failures.see(&[], unplaced, true);
            assert_eq!(failures.count, expected);
        }
    }
}
