//! Schedule expressions of EventBridge rules: `rate(1 hour)`.

use std::time::Duration;

use anyhow::{Context, bail};

/// A rule's schedule. Only rates are supported; the template has no `cron(…)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// The interval between two events.
    pub period: Duration,
}

impl Schedule {
    /// Returns EventBridge's notation.
    pub fn expression(&self) -> String {
        let minutes = self.period.as_secs() / 60;
        let (value, unit) = match minutes {
            minutes if minutes % (24 * 60) == 0 => (minutes / (24 * 60), "day"),
            minutes if minutes % 60 == 0 => (minutes / 60, "hour"),
            minutes => (minutes, "minute"),
        };
        format!("rate({value} {unit}{})", if value == 1 { "" } else { "s" })
    }

    /// Parses `rate(value unit)`. Like EventBridge, it requires the singular for 1 and the plural otherwise.
    pub fn parse(expression: &str) -> anyhow::Result<Schedule> {
        let expected = || {
            format!("`{expression}` is not a schedule such as `rate(1 hour)` or `rate(5 minutes)`")
        };
        let inside = expression
            .strip_prefix("rate(")
            .and_then(|rest| rest.strip_suffix(')'))
            .with_context(expected)?;
        let (value, unit) = inside.split_once(' ').with_context(expected)?;
        let value: u64 = value.parse().with_context(expected)?;
        let seconds = match (value, unit) {
            (1, "minute") | (2.., "minutes") => 60,
            (1, "hour") | (2.., "hours") => 60 * 60,
            (1, "day") | (2.., "days") => 24 * 60 * 60,
            _ => bail!("{}", expected()),
        };
        Ok(Schedule {
            period: Duration::from_secs(value * seconds),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_parsed_as_eventbridge_parses_them() {
        for (expression, seconds) in [
            ("rate(1 hour)", Some(3600)),
            ("rate(5 minutes)", Some(300)),
            ("rate(2 days)", Some(172_800)),
            ("rate(1 hours)", None),
            ("rate(5 minute)", None),
            ("rate(0 minutes)", None),
            ("rate(5)", None),
            ("cron(0 * * * ? *)", None),
        ] {
            let parsed = Schedule::parse(expression)
                .ok()
                .map(|schedule| schedule.period.as_secs());
            assert_eq!(parsed, seconds, "{expression}");
            if let Ok(schedule) = Schedule::parse(expression) {
                assert_eq!(schedule.expression(), expression);
            }
        }
    }
}
