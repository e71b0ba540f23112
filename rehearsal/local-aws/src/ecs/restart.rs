//! The restart policy of a container: it starts again after its end, and its task goes on.

use std::time::Duration;

use serde_json::Value;

/// How long a container must have run by default (ECS API Reference, ContainerRestartPolicy).
const ATTEMPT_PERIOD: u64 = 300;

/// `restartPolicy`; the default is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct RestartPolicy {
    enabled: bool,
    ignored_exit_codes: Vec<i64>,
    attempt_period: Duration,
}

impl RestartPolicy {
    pub(super) fn of(definition: &Value) -> RestartPolicy {
        let policy = &definition["restartPolicy"];
        let period = policy["restartAttemptPeriod"].as_u64();
        let ignored = policy["ignoredExitCodes"].as_array().into_iter().flatten();
        RestartPolicy {
            enabled: policy["enabled"] == true,
            ignored_exit_codes: ignored.filter_map(Value::as_i64).collect(),
            attempt_period: Duration::from_secs(period.unwrap_or(ATTEMPT_PERIOD)),
        }
    }

    /// Whether a container that ended with this code starts again, when it had run for this long since it last started
    /// (amazon-ecs-agent, `restart_tracker.go`).
    pub(super) fn restarts(&self, code: i32, ran: Duration) -> bool {
        self.enabled
            && !self.ignored_exit_codes.contains(&i64::from(code))
            && ran >= self.attempt_period
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_container_starts_again_that_ran_long_enough_and_whose_code_is_not_ignored() {
        for (policy, code, ran, expected) in [
            (json!(null), 1, 1000, false),
            (json!({ "enabled": false }), 1, 1000, false),
            (json!({ "enabled": true }), 1, 299, false),
            (json!({ "enabled": true }), 1, 300, true),
            (json!({ "enabled": true }), 0, 300, true),
            (
                json!({ "enabled": true, "ignoredExitCodes": [0] }),
                0,
                300,
                false,
            ),
            (
                json!({ "enabled": true, "ignoredExitCodes": [0] }),
                1,
                300,
                true,
            ),
            (
                json!({ "enabled": true, "restartAttemptPeriod": 60 }),
                1,
                60,
                true,
            ),
            (
                json!({ "enabled": true, "restartAttemptPeriod": 60 }),
                1,
                59,
                false,
            ),
        ] {
            let definition = json!({ "name": "web", "restartPolicy": policy });
            let policy = RestartPolicy::of(&definition);
            let ran = Duration::from_secs(ran);
            assert_eq!(
                policy.restarts(code, ran),
                expected,
                "{definition} {code} {ran:?}"
            );
        }
    }
}
