//! Schedule expressions: `at(…)`, `rate(…)` and `cron(…)`, in UTC.

use std::time::{Duration, SystemTime};

use time::macros::format_description;
use time::{PrimitiveDateTime, UtcDateTime};

use super::cron::Cron;

/// When a schedule calls its target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expression {
    Once(SystemTime),
    Every(Duration),
    Cron(Cron),
}

impl Expression {
    /// Parses an expression; `None` if it is not one of EventBridge Scheduler's.
    pub fn parse(expression: &str) -> Option<Expression> {
        let inside = |name: &str| {
            let rest = expression.strip_prefix(name)?.strip_prefix('(')?;
            rest.strip_suffix(')')
        };
        if let Some(moment) = inside("at") {
            return at(moment).map(Expression::Once);
        }
        if let Some(rate) = inside("rate") {
            return period(rate).map(Expression::Every);
        }
        inside("cron").and_then(Cron::parse).map(Expression::Cron)
    }

    /// The first time, `now` being when the schedule is created and `start` its `StartDate`. A cron expression's is on or
    /// after `StartDate` (EventBridge Scheduler API Reference, CreateSchedule); a rate's is `StartDate` itself, and at once
    /// without one (User Guide, "Rate-based schedules"). That a rate keeps counting from a `StartDate` that is past is
    /// inferred.
    pub fn first(&self, start: Option<SystemTime>, now: SystemTime) -> Option<SystemTime> {
        match self {
            // Scheduler ignores the `StartDate` of a one-time schedule.
            Expression::Once(moment) => Some(*moment),
            Expression::Every(period) => {
                let start = start.unwrap_or(now);
                let since = now.duration_since(start).unwrap_or_default();
                let periods = since.as_nanos().div_ceil(period.as_nanos());
                let seconds = u128::from(period.as_secs()).checked_mul(periods)?;
                start.checked_add(Duration::from_secs(u64::try_from(seconds).ok()?))
            }
            Expression::Cron(_) => match start.filter(|start| *start > now) {
                Some(start) => self.next_after(start.checked_sub(Duration::from_nanos(1))?),
                None => self.next_after(now),
            },
        }
    }

    /// The first time after an update of the schedule at `now`. A rate without `StartDate` counts from the update: AWS
    /// documents a call at once for a new schedule only.
    pub fn first_after_update(
        &self,
        start: Option<SystemTime>,
        now: SystemTime,
    ) -> Option<SystemTime> {
        match (self, start) {
            (Expression::Every(_), None) => self.next_after(now),
            (Expression::Once(_) | Expression::Every(_) | Expression::Cron(_), _) => {
                self.first(start, now)
            }
        }
    }

    /// The next time after this moment; a rate counts from there.
    pub fn next_after(&self, moment: SystemTime) -> Option<SystemTime> {
        match self {
            Expression::Once(_) => None,
            Expression::Every(period) => moment.checked_add(*period),
            Expression::Cron(cron) => cron.next_after(moment.into()).map(Into::into),
        }
    }
}

/// `yyyy-mm-ddThh:mm:ss`
fn at(moment: &str) -> Option<SystemTime> {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]");
    let moment = PrimitiveDateTime::parse(moment, &format).ok()?;
    Some(UtcDateTime::new(moment.date(), moment.time()).into())
}

/// `10 minutes`. Unlike a rule's, this rate may say `1 minutes`: Scheduler's guide does not tie the unit to the number.
fn period(rate: &str) -> Option<Duration> {
    let (value, unit) = rate.split_once(' ')?;
    let seconds = match unit {
        "minute" | "minutes" => 60,
        "hour" | "hours" => 60 * 60,
        "day" | "days" => 24 * 60 * 60,
        _ => return None,
    };
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    let value: u64 = value.parse().ok().filter(|value| digits && *value > 0)?;
    value.checked_mul(seconds).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn one_time_expressions_and_rates() {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        for (expression, expected) in [
            (
                "at(1970-01-02T00:00:01)",
                Expression::Once(UNIX_EPOCH + Duration::from_secs(86_401)),
            ),
            ("rate(1 minute)", Expression::Every(minutes(1))),
            ("rate(10 minutes)", Expression::Every(minutes(10))),
            ("rate(1 hour)", Expression::Every(minutes(60))),
            ("rate(2 days)", Expression::Every(minutes(2 * 24 * 60))),
        ] {
            assert_eq!(
                Expression::parse(expression),
                Some(expected),
                "{expression}"
            );
        }
    }

    /// Those with a rate, a cron or a Z are recorded answers.
    #[test]
    fn other_expressions_are_refused() {
        for expression in [
            "",
            "at()",
            "at(1970-01-02)",
            "at(1970-01-02T00:00:01Z)",
            "at(1970-01-02 00:00:01)",
            "at(1970-1-2T0:0:1)",
            "at(1970-01-02T24:00:00)",
            "at(1970-13-02T00:00:01)",
            "at(2021-02-30T00:00:00)",
            "rate(10 seconds)",
            "rate(10 years)",
            "rate()",
            "rate(10)",
            "rate(10 minutess)",
            "rate(foo minutes)",
            "rate(0 minutes)",
            "rate(+1 minutes)",
            "rate(-10 minutes)",
            "rate( 10 minutes )",
            " rate(10 minutes)",
            "cron()",
            "cron(INVALID)",
            "cron(0 1 * * * *)",
            "every(1 hour)",
        ] {
            assert_eq!(Expression::parse(expression), None, "{expression}");
        }
    }

    #[test]
    fn the_first_time_is_on_or_after_the_start() {
        let at = |seconds: u64| UNIX_EPOCH + Duration::from_secs(seconds);
        let now = 600;
        for (expression, start, expected) in [
            ("rate(5 minutes)", None, Some(600)),
            ("rate(5 minutes)", Some(601), Some(601)),
            ("rate(5 minutes)", Some(600), Some(600)),
            ("rate(5 minutes)", Some(300), Some(600)),
            ("rate(5 minutes)", Some(301), Some(601)),
            ("rate(5 minutes)", Some(299), Some(899)),
            ("rate(200000000000000 days)", Some(599), None),
            ("cron(0/5 * * * ? *)", None, Some(900)),
            ("cron(0/5 * * * ? *)", Some(1), Some(900)),
            ("cron(0/5 * * * ? *)", Some(900), Some(900)),
            ("cron(0/5 * * * ? *)", Some(901), Some(1200)),
            ("at(1970-01-01T00:00:07)", Some(900), Some(7)),
        ] {
            let parsed = Expression::parse(expression).unwrap();
            let found = parsed.first(start.map(at), at(now));
            assert_eq!(found, expected.map(at), "{expression} {start:?}");
            let updated = parsed.first_after_update(start.map(at), at(now));
            let expected = match (&parsed, start) {
                (Expression::Every(_), None) => Some(900),
                _ => expected,
            };
            assert_eq!(updated, expected.map(at), "update: {expression} {start:?}");
        }
    }

    #[test]
    fn a_rate_counts_from_the_last_time_and_a_cron_has_its_own() {
        let next = |expression: &str, seconds: u64| {
            let moment = UNIX_EPOCH + Duration::from_secs(seconds);
            let next = Expression::parse(expression).unwrap().next_after(moment)?;
            Some(next.duration_since(UNIX_EPOCH).unwrap().as_secs())
        };
        assert_eq!(next("rate(5 minutes)", 7), Some(307));
        assert_eq!(next("cron(0/5 * * * ? *)", 7), Some(300));
        assert_eq!(next("at(1970-01-02T00:00:01)", 7), None);
    }
}
