//! One table of the file: takes what is expected, notes what is wrong, and at the end notes unknown keys.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use toml::{Table, Value};

use crate::problem::Problems;

/// A table, its path in the file, and the mistakes that were found so far.
///
/// Each method answers `None` when it noted a mistake, so that the caller can go on and find the next one.
pub(super) struct Section<'a> {
    place: String,
    table: Table,
    known: Vec<&'static str>,
    problems: &'a mut Problems,
}

impl<'a> Section<'a> {
    pub(super) fn new(place: String, table: Table, problems: &'a mut Problems) -> Self {
        Self {
            place,
            table,
            known: Vec::new(),
            problems,
        }
    }

    /// Text that must be there.
    pub(super) fn required<T: FromStr<Err: fmt::Display>>(
        &mut self,
        key: &'static str,
    ) -> Option<T> {
        let value = self.optional(key)?;
        if value.is_none() {
            self.problem(key, "missing");
        }
        value
    }

    /// Text that may be there.
    pub(super) fn optional<T: FromStr<Err: fmt::Display>>(
        &mut self,
        key: &'static str,
    ) -> Option<Option<T>> {
        let place = self.place_of(key);
        match self.text(key, "text", |_| true)? {
            Some(text) => self.problems.parse(&place, &text).map(Some),
            None => Some(None),
        }
    }

    /// An optional string that `accepts` has to accept.
    pub(super) fn text(
        &mut self,
        key: &'static str,
        expected: &str,
        accepts: impl Fn(&str) -> bool,
    ) -> Option<Option<String>> {
        match self.take(key) {
            None => Some(None),
            Some(Value::String(text)) if accepts(&text) => Some(Some(text)),
            Some(Value::String(text)) => self.refuse(key, &format!("`{text}` is not {expected}")),
            Some(other) => self.refuse(
                key,
                &format!(
                    "`{other}` is {}, expected {expected} in quotes",
                    kind(&other)
                ),
            ),
        }
    }

    /// An array of strings; empty where there is none.
    pub(super) fn list<T: FromStr<Err: fmt::Display>>(
        &mut self,
        key: &'static str,
    ) -> Option<Vec<T>> {
        let values = match self.take(key) {
            None => return Some(Vec::new()),
            Some(Value::Array(values)) => values,
            Some(other) => {
                let found = if other.is_str() {
                    "the string"
                } else {
                    kind(&other)
                };
                let reason = format!("expected an array of strings, found {found} `{other}`");
                return self.refuse(key, &reason);
            }
        };
        let items: Vec<Option<T>> = values
            .iter()
            .enumerate()
            .map(|(index, value)| {
                let place = format!("{}[{index}]", self.place_of(key));
                if let Some(text) = value.as_str() {
                    return self.problems.parse(&place, text);
                }
                self.problems.add(
                    place,
                    format!("`{value}` is {}, expected text in quotes", kind(value)),
                );
                None
            })
            .collect();
        items.into_iter().collect()
    }

    /// One of a few words; the first is the default.
    pub(super) fn choice<T: Copy>(&mut self, key: &'static str, words: &[(&str, T)]) -> Option<T> {
        let expected: Vec<String> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
        let expected = expected.join(" or ");
        let chosen = self.text(key, &expected, |text| {
            words.iter().any(|(word, _)| *word == text)
        })?;
        let chosen = chosen.as_deref().unwrap_or(words.first()?.0);
        words
            .iter()
            .find(|(word, _)| *word == chosen)
            .map(|(_, value)| *value)
    }

    /// What is off unless it is switched on.
    pub(super) fn switch(&mut self, key: &'static str) -> Option<bool> {
        match self.take(key) {
            None => Some(false),
            Some(Value::Boolean(on)) => Some(on),
            Some(other) => self.refuse(
                key,
                &format!(
                    "`{other}` is {}, expected `true` or `false`, without quotes",
                    kind(&other)
                ),
            ),
        }
    }

    /// A whole number; `default` where there is none.
    pub(super) fn integer(
        &mut self,
        key: &'static str,
        range: RangeInclusive<i64>,
        default: u64,
    ) -> Option<u64> {
        self.optional_integer(key, range)
            .map(|value| value.unwrap_or(default))
    }

    /// A whole number that may be there.
    pub(super) fn optional_integer(
        &mut self,
        key: &'static str,
        range: RangeInclusive<i64>,
    ) -> Option<Option<u64>> {
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        match self.take(key) {
            None => Some(None),
            Some(Value::Integer(number)) if range.contains(&number) => {
                Some(u64::try_from(number).ok())
            }
            Some(other) => self.refuse(key, &format!("`{other}` is not {expected}")),
        }
    }

    /// A table below this one that may be there.
    pub(super) fn section(&mut self, key: &'static str) -> Option<(String, Table)> {
        let place = self.place_of(key);
        let value = self.take(key)?;
        let wrong = format!(
            "`{value}` is {}, expected a table `[{place}]`",
            kind(&value)
        );
        let Value::Table(table) = value else {
            return self.refuse(key, &wrong);
        };
        Some((place, table))
    }

    /// Tables of an array below this one.
    pub(super) fn sections(&mut self, key: &'static str) -> Vec<(String, Table)> {
        let place = self.place_of(key);
        let name = place.split('[').next().unwrap_or_default().to_owned()
            + if self.place.is_empty() { "" } else { ".…" };
        match self.take(key) {
            None => Vec::new(),
            Some(Value::Array(values)) if values.iter().all(Value::is_table) => values
                .into_iter()
                .enumerate()
                .filter_map(|(index, value)| {
                    let Value::Table(table) = value else {
                        return None;
                    };
                    Some((format!("{place}[{index}]"), table))
                })
                .collect(),
            Some(other) => {
                self.problem(
                    key,
                    &format!("{} is given, expected tables `[[{name}]]`", kind(&other)),
                );
                Vec::new()
            }
        }
    }

    /// A value of whatever kind, for what must not be repeated in a problem.
    pub(super) fn taken(&mut self, key: &'static str) -> Option<Value> {
        self.take(key)
    }

    /// Its path in the file.
    pub(super) fn place(&self) -> String {
        self.place.clone()
    }

    /// Notes a mistake at `key`.
    pub(super) fn problem(&mut self, key: &str, message: &str) {
        let place = self.place_of(key);
        self.problems.add(place, message);
    }

    fn refuse<T>(&mut self, key: &str, message: &str) -> Option<T> {
        self.problem(key, message);
        None
    }

    /// Notes every unknown key.
    pub(super) fn finish(self) -> &'a mut Problems {
        let expected: Vec<String> = self.known.iter().map(|key| format!("`{key}`")).collect();
        for key in self.table.keys() {
            let place = self.place_of(key);
            self.problems.add(
                place,
                format!("unknown, expected one of {}", expected.join(", ")),
            );
        }
        self.problems
    }

    fn take(&mut self, key: &'static str) -> Option<Value> {
        self.known.push(key);
        self.table.remove(key)
    }

    fn place_of(&self, key: &str) -> String {
        if self.place.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.place)
        }
    }
}

/// What a TOML value is, as people call it.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "text",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a table",
    }
}
