//! The health check of a container: a command in it, again and again.
//!
//! The sample service's own command runs as a process. Any other command cannot run here; it counts as succeeding for as long
//! as the container runs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::container::through_shell;
use super::task::Health;
use crate::process::Container;

/// `healthCheck`, with the defaults of the ECS API Reference.
#[derive(Debug, Clone)]
pub(super) struct HealthCheck {
    pub(super) interval: Duration,
    pub(super) timeout: Duration,
    retries: u32,
    start_period: Duration,
    /// What runs; none where the command is not the sample service's.
    pub(super) command: Option<Command>,
}

#[derive(Debug, Clone)]
pub(super) struct Command {
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<String>,
    pub(super) environment: BTreeMap<String, String>,
}

/// The results so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Results {
    pub(super) health: Health,
    /// Failures in a row that count.
    pub(super) failures: u32,
}

impl HealthCheck {
    /// `None` where the definition has none, or turns the image's off with `NONE`.
    pub(super) fn of(definition: &Value, container: &Container) -> Option<HealthCheck> {
        let check = &definition["healthCheck"];
        let words = check["command"].as_array()?.iter();
        let words: Vec<String> = words
            .filter_map(|word| Some(word.as_str()?.to_owned()))
            .collect();
        let words = match words.split_first() {
            Some((kind, script)) if kind == "CMD-SHELL" => {
                let shell = ["sh", "-c"].map(str::to_owned);
                through_shell(shell.into_iter().chain(script.iter().cloned()).collect())
            }
            Some((kind, words)) if kind == "CMD" => words.to_vec(),
            Some((kind, _)) if kind == "NONE" => return None,
            _ => words,
        };
        let seconds = |member: &str, default: u64| {
            Duration::from_secs(check[member].as_u64().unwrap_or(default))
        };
        let program = container.program.file_name();
        let is_own = container.custom.is_none()
            && words
                .first()
                .is_some_and(|first| Path::new(first).file_name() == program);
        Some(HealthCheck {
            interval: seconds("interval", 30),
            timeout: seconds("timeout", 5),
            retries: u32::try_from(check["retries"].as_u64().unwrap_or(3)).unwrap_or(3),
            start_period: seconds("startPeriod", 0),
            command: is_own.then(|| Command {
                program: container.program.clone(),
                // `… || exit 1` is what a script adds for Docker, which knows 0 and 1 only.
                arguments: words[1..]
                    .iter()
                    .take_while(|word| *word != "||")
                    .cloned()
                    .collect(),
                environment: container.environment.clone(),
            }),
        })
    }
}

impl Results {
    /// After one more run of the command, this long after the container's start. Failures in the start period do not count,
    /// unless a success came before (ECS API Reference, HealthCheck).
    pub(super) fn after(
        self,
        succeeded: bool,
        since_start: Duration,
        check: &HealthCheck,
    ) -> Results {
        if succeeded {
            return Results {
                health: Health::Healthy,
                failures: 0,
            };
        }
        if since_start < check.start_period && self.health == Health::Unknown {
            return self;
        }
        let failures = self.failures + 1;
        let health = match failures >= check.retries {
            true => Health::Unhealthy,
            false => self.health,
        };
        Results { health, failures }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn container() -> Container {
        Container {
            program: PathBuf::from("/bin/sample-service"),
            arguments: vec!["serve".to_owned()],
            environment: BTreeMap::new(),
            custom: None,
        }
    }

    fn check(command: Value) -> Option<HealthCheck> {
        let given = json!({ "command": command, "retries": 2, "startPeriod": 60 });
        HealthCheck::of(
            &json!({ "name": "web", "healthCheck": given }),
            &container(),
        )
    }

    #[test]
    fn the_commands_own_words_run_and_any_other_command_counts_as_succeeding() {
        for (command, expected) in [
            (
                json!(["CMD", "sample-service", "check", "/healthz"]),
                Some("check /healthz"),
            ),
            (
                json!(["CMD-SHELL", "sample-service check || exit 1"]),
                Some("check"),
            ),
            (
                json!(["CMD-SHELL", "curl -f http://localhost/ || exit 1"]),
                None,
            ),
        ] {
            let found = check(command.clone()).unwrap().command;
            let found = found.map(|command| command.arguments.join(" "));
            assert_eq!(found.as_deref(), expected, "{command}");
        }
        assert!(check(json!(["NONE"])).is_none());
        assert!(HealthCheck::of(&json!({ "name": "web" }), &container()).is_none());
    }

    #[test]
    fn a_container_is_healthy_at_the_first_success_and_unhealthy_after_its_retries() {
        let check = check(json!(["CMD", "sample-service", "check"])).unwrap();
        // `-` fails and `+` succeeds; each character takes 30 seconds.
        for (runs, expected) in [
            ("", "UNKNOWN"),
            ("+", "HEALTHY"),
            ("-", "UNKNOWN"),
            // The first one is in the start period.
            ("--", "UNKNOWN"),
            ("---", "UNHEALTHY"),
            ("+-", "HEALTHY"),
            ("+--", "UNHEALTHY"),
            ("+-+-", "HEALTHY"),
            ("---+", "HEALTHY"),
        ] {
            let mut results = Results::default();
            for (number, run) in runs.chars().enumerate() {
                let since = Duration::from_secs(30 * (number as u64 + 1));
                results = results.after(run == '+', since, &check);
            }
            assert_eq!(results.health.as_str(), expected, "{runs}");
        }
    }
}
