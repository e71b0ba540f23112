//! `cron(minutes hours day-of-month month day-of-week year)` of EventBridge Scheduler, in UTC (EventBridge Scheduler User
//! Guide, "Schedule types").
//!
//! The wildcards are those of the guide: `,`, `-`, `*`, `/`, `?`, `L`, `W` and `#`. A range may go past the end of its field
//! (`FRI-MON`), as in Quartz, whose notation this is.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use time::{Date, PrimitiveDateTime, Time, UtcDateTime, Weekday};

const MONTHS: [&str; 12] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
const YEARS: RangeInclusive<u16> = 1970..=2199;

/// A valid expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    minutes: BTreeSet<u16>,
    hours: BTreeSet<u16>,
    days: Days,
    months: BTreeSet<u16>,
    years: BTreeSet<u16>,
}

/// One of the two fields for days; the other one is `?`.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Days {
    OfMonth(BTreeSet<u16>),
    /// `L`, or `L-3`: three days before the last one.
    Last {
        before: u16,
    },
    /// `15W`: the weekday (Monday to Friday) of the month that is nearest to the day.
    WeekdayNear(u16),
    /// `LW`
    LastWeekday,
    /// From 1, which is Sunday.
    OfWeek(BTreeSet<u16>),
    /// `6L`: the month's last Friday.
    LastOfWeek(u16),
    /// `3#2`: the month's second Tuesday.
    NumberedOfWeek {
        day: u16,
        number: u16,
    },
}

impl Cron {
    /// Parses what stands between the parentheses.
    pub fn parse(fields: &str) -> Option<Cron> {
        let fields: Vec<String> = fields
            .split_whitespace()
            .map(str::to_ascii_uppercase)
            .collect();
        let [minutes, hours, day_of_month, month, day_of_week, year] = fields.as_slice() else {
            return None;
        };
        let days = match (day_of_month.as_str(), day_of_week.as_str()) {
            ("?", "?") => return None,
            (days, "?") => days_of_month(days)?,
            ("?", days) => days_of_week(days)?,
            (_, _) => return None,
        };
        Some(Cron {
            minutes: values(minutes, 0..=59, &[])?,
            hours: values(hours, 0..=23, &[])?,
            days,
            months: values(month, 1..=12, &MONTHS)?,
            years: values(year, YEARS, &[])?,
        })
    }

    /// The first moment after this one; `None` if there is none any more.
    pub fn next_after(&self, moment: UtcDateTime) -> Option<UtcDateTime> {
        let mut date = moment.date();
        while date.year() <= i32::from(*YEARS.end()) {
            if self.takes(date) {
                let times = self.hours.iter().flat_map(|hour| {
                    let minutes = self.minutes.iter();
                    minutes.filter_map(|minute| {
                        let (hour, minute) = (u8::try_from(*hour), u8::try_from(*minute));
                        Time::from_hms(hour.ok()?, minute.ok()?, 0).ok()
                    })
                });
                let mut moments = times.map(|time| PrimitiveDateTime::new(date, time).as_utc());
                if let Some(next) = moments.find(|next| *next > moment) {
                    return Some(next);
                }
            }
            date = date.next_day()?;
        }
        None
    }

    fn takes(&self, date: Date) -> bool {
        let has = |set: &BTreeSet<u16>, value: i32| {
            u16::try_from(value).is_ok_and(|value| set.contains(&value))
        };
        has(&self.years, date.year())
            && self.months.contains(&u16::from(u8::from(date.month())))
            && self.days.takes(date)
    }
}

impl Days {
    fn takes(&self, date: Date) -> bool {
        let day = u16::from(date.day());
        let last = u16::from(date.month().length(date.year()));
        let weekday = u16::from(date.weekday().number_days_from_sunday()) + 1;
        match self {
            Days::OfMonth(days) => days.contains(&day),
            Days::Last { before } => day + before == last,
            Days::WeekdayNear(wanted) => weekday_near(date, *wanted) == Some(day),
            Days::LastWeekday => weekday_near(date, last) == Some(day),
            Days::OfWeek(days) => days.contains(&weekday),
            Days::LastOfWeek(wanted) => weekday == *wanted && day + 7 > last,
            Days::NumberedOfWeek {
                day: wanted,
                number,
            } => weekday == *wanted && (day - 1) / 7 + 1 == *number,
        }
    }
}

/// The weekday nearest to a day of the date's month, in the same month.
fn weekday_near(date: Date, day: u16) -> Option<u16> {
    let last = u16::from(date.month().length(date.year()));
    let wanted =
        Date::from_calendar_date(date.year(), date.month(), u8::try_from(day).ok()?).ok()?;
    Some(match wanted.weekday() {
        Weekday::Saturday if day == 1 => 3,
        Weekday::Saturday => day - 1,
        Weekday::Sunday if day == last => day - 2,
        Weekday::Sunday => day + 1,
        Weekday::Monday
        | Weekday::Tuesday
        | Weekday::Wednesday
        | Weekday::Thursday
        | Weekday::Friday => day,
    })
}

fn days_of_month(field: &str) -> Option<Days> {
    match (field, field.strip_suffix('W'), field.strip_prefix("L-")) {
        ("L", _, _) => Some(Days::Last { before: 0 }),
        ("LW", _, _) => Some(Days::LastWeekday),
        (_, Some(day), _) => one(day, 1..=31, &[]).map(Days::WeekdayNear),
        (_, _, Some(before)) => one(before, 1..=30, &[]).map(|before| Days::Last { before }),
        (_, None, None) => values(field, 1..=31, &[]).map(Days::OfMonth),
    }
}

fn days_of_week(field: &str) -> Option<Days> {
    if let Some((day, number)) = field.split_once('#') {
        return Some(Days::NumberedOfWeek {
            day: one(day, 1..=7, &WEEKDAYS)?,
            number: one(number, 1..=5, &[])?,
        });
    }
    match field.strip_suffix('L') {
        // The week's last day is Saturday.
        Some("") => Some(Days::OfWeek([7].into())),
        Some(day) => one(day, 1..=7, &WEEKDAYS).map(Days::LastOfWeek),
        None => values(field, 1..=7, &WEEKDAYS).map(Days::OfWeek),
    }
}

/// The values of a list of single values, ranges and steps.
fn values(field: &str, all: RangeInclusive<u16>, names: &[&str]) -> Option<BTreeSet<u16>> {
    let mut found = BTreeSet::new();
    for part in field.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => {
                let most = all.end() - all.start();
                (range, Some(one(step, 1..=most.max(1), &[])?))
            }
            None => (part, None),
        };
        let (first, last) = match (range, range.split_once('-'), step) {
            ("*", _, _) => (*all.start(), *all.end()),
            (_, Some((first, last)), _) => (
                one(first, all.clone(), names)?,
                one(last, all.clone(), names)?,
            ),
            (single, None, Some(_)) => (one(single, all.clone(), names)?, *all.end()),
            (single, None, None) => {
                let value = one(single, all.clone(), names)?;
                (value, value)
            }
        };
        let count = all.end() - all.start() + 1;
        // A range that ends before it begins goes on at the field's first value; there is no year after the last one.
        let length = match first <= last {
            true => last - first,
            false if all == YEARS => return None,
            false => last + count - first,
        };
        let steps = (0..=length).step_by(usize::from(step.unwrap_or(1)));
        found.extend(steps.map(|step| (first - all.start() + step) % count + all.start()));
    }
    Some(found)
}

/// A single value: a number within the field, or a name.
fn one(text: &str, all: RangeInclusive<u16>, names: &[&str]) -> Option<u16> {
    let named = names.iter().position(|name| *name == text);
    let value = match named {
        Some(position) => u16::try_from(position).ok()? + 1,
        None if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok()?,
        None => return None,
    };
    all.contains(&value).then_some(value)
}

#[cfg(test)]
mod tests {
    use time::macros::utc_datetime;

    use super::*;

    #[test]
    fn every_form_of_the_guide_is_valid() {
        for fields in [
            "0 10 * * ? *",
            "15 12 * * ? *",
            "0 18 ? * MON-FRI *",
            "0 8 1 * ? *",
            "0/15 * * * ? *",
            "0/5 8-17 ? * MON-FRI *",
            "0/30 20-2 ? * MON-FRI *",
            "10 7 * JAN,JUL ? *",
            "15 10 ? * 6L 2022-2023",
            "15 10 ? * FRIL 2026",
            "0 9 ? * 3#2 *",
            "0 9 ? * TUE#5 *",
            "0 9 3W * ? *",
            "0 9 L * ? *",
            "0 9 L-2 * ? *",
            "0 9 LW * ? *",
            "0 9 ? * L *",
            "*/10 0,12 1-7,15 */3 ? 2026/2",
            "0 0 ? * fri-mon *",
            "5-50/15 * ? 1-12/2 1,3,5 1970-2199",
            "  0   10 *  * ? * ",
        ] {
            assert!(Cron::parse(fields).is_some(), "{fields}");
        }
    }

    #[test]
    fn what_is_not_a_cron_is_refused() {
        for fields in [
            "",
            "INVALID",
            "0 1 * * * *",
            "0 1 ? * ? *",
            "0 1 1 * MON *",
            "7 20 * * NOT *",
            "0 dummy ? * MON-FRI *",
            "71 8 1 * ? *",
            "0 24 * * ? *",
            "0 8 0 * ? *",
            "0 8 32 * ? *",
            "0 8 1 13 ? *",
            "0 8 1 MAI ? *",
            "0 8 ? * 8 *",
            "0 8 ? * 3#6 *",
            "0 8 ? * 3#1,6#3 *",
            "0 8 1,2W * ? *",
            "0 8 1 * ? 1969",
            "0 8 1 * ? 2200",
            "0 8 1 * ? 2030-2026",
            "0/0 8 1 * ? *",
            "0/ 8 1 * ? *",
            "1,,2 8 1 * ? *",
            "-1 8 1 * ? *",
            "? 8 1 * ? *",
            "L 8 1 * ? *",
            "0 8 1 * ?",
            "0 8 1 * ? * *",
        ] {
            assert_eq!(Cron::parse(fields), None, "{fields}");
        }
    }

    #[test]
    fn the_next_moment_is_found() {
        // A Sunday.
        let start = utc_datetime!(2026-11-29 10:07:30);
        for (fields, expected) in [
            ("* * * * ? *", utc_datetime!(2026-11-29 10:08:00)),
            ("0/15 * * * ? *", utc_datetime!(2026-11-29 10:15:00)),
            ("7 10 * * ? *", utc_datetime!(2026-11-30 10:07:00)),
            ("0 9 ? * MON-FRI *", utc_datetime!(2026-11-30 9:00:00)),
            ("0 9 ? * 1 *", utc_datetime!(2026-12-06 9:00:00)),
            ("0 9 ? * SAT-MON *", utc_datetime!(2026-11-30 9:00:00)),
            ("0 9 L * ? *", utc_datetime!(2026-11-30 9:00:00)),
            ("0 9 L-2 * ? *", utc_datetime!(2026-12-29 9:00:00)),
            ("0 9 LW 2 ? 2027", utc_datetime!(2027-02-26 9:00:00)),
            ("0 9 1W * ? *", utc_datetime!(2026-12-01 9:00:00)),
            ("0 9 1W MAY ? *", utc_datetime!(2027-05-03 9:00:00)),
            ("0 9 13W 12 ? *", utc_datetime!(2026-12-14 9:00:00)),
            ("0 9 ? * 6L *", utc_datetime!(2026-12-25 9:00:00)),
            ("0 9 ? * 3#2 *", utc_datetime!(2026-12-08 9:00:00)),
            ("0 9 ? * MON#5 *", utc_datetime!(2026-11-30 9:00:00)),
            ("30 6 29 2 ? *", utc_datetime!(2028-02-29 6:30:00)),
        ] {
            let next = Cron::parse(fields).unwrap().next_after(start);
            assert_eq!(next, Some(expected), "{fields}");
        }
        let past = Cron::parse("0 8 1 * ? 2020").unwrap();
        assert_eq!(past.next_after(start), None);
    }
}
