//! How a service deploys: its `deploymentConfiguration`.

use std::fmt;

use super::hook::Hook;

/// How ECS replaces a service's tasks where it makes a second set of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// All production traffic at once.
    BlueGreen,
    /// In equal steps.
    Linear,
    /// A small part first, then the rest.
    Canary,
}

impl Strategy {
    /// The strategy as AWS writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BlueGreen => "BLUE_GREEN",
            Self::Linear => "LINEAR",
            Self::Canary => "CANARY",
        }
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::BlueGreen => "blue/green",
            Self::Linear => "linear",
            Self::Canary => "canary",
        })
    }
}

/// A service's `deploymentConfiguration`, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Configuration {
    /// `ROLLING`, `BLUE_GREEN`, `LINEAR`, `CANARY`; none where ECS states none, which is `ROLLING`.
    pub strategy: Option<String>,
    /// Its hooks.
    pub hooks: Vec<Hook>,
    /// The circuit breaker; none where it was never configured, which is off.
    pub circuit_breaker: Option<CircuitBreaker>,
    /// Its alarms; none where there are none.
    pub alarms: Option<Alarms>,
    /// How many tasks stay healthy during a rolling update, in percent of the desired count.
    pub minimum_healthy_percent: Option<i32>,
    /// How many tasks run at most during a rolling update, in percent of the desired count.
    pub maximum_percent: Option<i32>,
    /// How long blue and green both run after the shift.
    pub bake_minutes: Option<i32>,
    /// The step of a linear or canary strategy; none of another, and where ECS states none.
    pub step: Option<Step>,
}

/// How much of production traffic moves at once, and how long it stays so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// In percent, as people write it: `10`, or `0.5`.
    pub percent: String,
    /// The pause after it, in minutes; none where ECS states none.
    pub minutes: Option<i32>,
}

/// `deploymentCircuitBreaker`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CircuitBreaker {
    /// Whether it ends a deployment whose tasks do not start.
    pub enable: bool,
    /// Whether it rolls that deployment back.
    pub rollback: bool,
}

/// `alarms`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarms {
    /// Whether they end a deployment.
    pub enable: bool,
    /// Whether they roll it back.
    pub rollback: bool,
    /// Their names.
    pub names: Vec<String>,
}

impl Configuration {
    /// Whether something rolls a failing rolling update back: without that a bad image is tried for ever, with no event and no
    /// end (ECS Developer Guide, "How the Amazon ECS deployment circuit breaker detects failures").
    pub fn rolls_back(&self) -> bool {
        let by_breaker = self
            .circuit_breaker
            .is_some_and(|breaker| breaker.enable && breaker.rollback);
        let by_alarms = self
            .alarms
            .as_ref()
            .is_some_and(|alarms| alarms.enable && alarms.rollback && !alarms.names.is_empty());
        by_breaker || by_alarms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_breaker_or_alarms_with_rollback_roll_back() {
        let breaker = |enable, rollback| Configuration {
            circuit_breaker: Some(CircuitBreaker { enable, rollback }),
            ..Configuration::default()
        };
        let alarms = |enable, rollback, names: &[&str]| Configuration {
            alarms: Some(Alarms {
                enable,
                rollback,
                names: names.iter().map(|name| (*name).to_owned()).collect(),
            }),
            ..Configuration::default()
        };
        let table = [
            (Configuration::default(), false),
            (breaker(true, true), true),
            (breaker(true, false), false),
            (breaker(false, true), false),
            (alarms(true, true, &["errors"]), true),
            (alarms(true, true, &[]), false),
            (alarms(true, false, &["errors"]), false),
            (alarms(false, true, &["errors"]), false),
        ];
        for (configuration, expected) in table {
            assert_eq!(configuration.rolls_back(), expected, "{configuration:?}");
        }
    }
}
