//! CloudWatch's alarms, as far as deployments need them. Metrics are not simulated, so an alarm changes its state only
//! by SetAlarmState or by a step of the rehearsal.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::time::SystemTime;

use serde_json::{Map, Value};
use thiserror::Error;

use crate::context::Context;
use crate::observable::Observable;
use crate::timeline;

/// Every alarm, by name.
#[derive(Default)]
pub struct State {
    pub alarms: BTreeMap<String, Alarm>,
}

/// The alarms, and the means to set them.
pub struct CloudWatch {
    context: Context,
    state: Observable<State>,
}

impl Deref for CloudWatch {
    type Target = Observable<State>;

    fn deref(&self) -> &Observable<State> {
        &self.state
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Alarm {
    pub name: String,
    pub state: AlarmState,
    pub reason: String,
    pub state_updated_at: SystemTime,
    pub configured_at: SystemTime,
    /// The parameters of PutMetricAlarm, unchanged.
    pub configuration: Map<String, Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlarmState {
    Ok,
    Alarm,
    InsufficientData,
}

impl AlarmState {
    pub fn as_str(self) -> &'static str {
        match self {
            AlarmState::Ok => "OK",
            AlarmState::Alarm => "ALARM",
            AlarmState::InsufficientData => "INSUFFICIENT_DATA",
        }
    }

    pub fn parse(name: &str) -> Option<AlarmState> {
        let all = [
            AlarmState::Ok,
            AlarmState::Alarm,
            AlarmState::InsufficientData,
        ];
        all.into_iter().find(|state| state.as_str() == name)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the alarm `{name}` does not exist (hint: `alarms` of a service's settings creates one)")]
pub struct AlarmDoesNotExist {
    pub name: String,
}

impl State {
    /// Returns the alarms among `names` that are in ALARM.
    pub fn active(&self, names: &[String]) -> Vec<String> {
        let in_alarm = |name: &&String| {
            let alarm = self.alarms.get(*name);
            alarm.is_some_and(|alarm| alarm.state == AlarmState::Alarm)
        };
        names.iter().filter(in_alarm).cloned().collect()
    }

    /// Returns those of `names` that no alarm has.
    pub fn missing(&self, names: &[String]) -> Vec<String> {
        let missing = |name: &&String| !self.alarms.contains_key(*name);
        names.iter().filter(missing).cloned().collect()
    }
}

impl CloudWatch {
    pub fn new(context: Context) -> CloudWatch {
        CloudWatch {
            context,
            state: Observable::new(State::default()),
        }
    }

    /// Creates or updates an alarm; an existing one keeps its state.
    pub fn put_alarm(&self, name: &str, configuration: Map<String, Value>) {
        let now = self.context.clock.now();
        self.state.write(|state| {
            let alarm = state
                .alarms
                .entry(name.to_owned())
                .or_insert_with(|| Alarm {
                    name: name.to_owned(),
                    state: AlarmState::InsufficientData,
                    reason: "Unchecked: Initial alarm creation".to_owned(),
                    state_updated_at: now,
                    configured_at: now,
                    configuration: Map::new(),
                });
            alarm.configuration = configuration;
            alarm.configured_at = now;
        });
    }

    /// Sets an alarm's state. Without metrics it stays until it is set again.
    pub fn set_alarm(&self, name: &str, state: AlarmState) -> Result<(), AlarmDoesNotExist> {
        self.set_alarm_because(name, state, "the rehearsal set it")
    }

    pub fn set_alarm_because(
        &self,
        name: &str,
        state: AlarmState,
        reason: &str,
    ) -> Result<(), AlarmDoesNotExist> {
        let now = self.context.clock.now();
        let known = self.state.write(|alarms| {
            let alarm = alarms.alarms.get_mut(name)?;
            alarm.state = state;
            reason.clone_into(&mut alarm.reason);
            alarm.state_updated_at = now;
            Some(())
        });
        known.ok_or_else(|| AlarmDoesNotExist {
            name: name.to_owned(),
        })?;
        self.context.timeline.record(timeline::Event::AlarmState {
            alarm: name.to_owned(),
            state: state.as_str(),
            reason: reason.to_owned(),
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_have_cloudwatchs_names() {
        for name in ["OK", "ALARM", "INSUFFICIENT_DATA"] {
            assert_eq!(AlarmState::parse(name).map(AlarmState::as_str), Some(name));
        }
        assert_eq!(AlarmState::parse("alarm"), None);
    }
}
