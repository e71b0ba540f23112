//! Production traffic as clients saw it.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

/// The version of an answer without one, such as the load balancer's own.
pub const NO_VERSION: &str = "none";

/// The maximum number of failures that are kept as text; all failures are counted.
const FAILURES_KEPT: usize = 20;

/// One client's view.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    pub requests: u64,
    /// Requests without a 2xx or 3xx answer.
    pub failed: u64,
    pub versions: BTreeMap<String, u64>,
    /// The answers in order, as runs of the same version.
    pub sequence: Vec<Stretch>,
    /// The first failures, as text for people.
    pub failures: Vec<String>,
}

/// Consecutive answers by one version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stretch {
    pub version: String,
    pub requests: u64,
}

/// Every answer that a client received, in order, with consecutive equal answers grouped.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Answers(Vec<Alike>);

/// Consecutive answers by one version, either all successful or all with the same failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Alike {
    version: String,
    /// The failure; `None` if the answers were successful.
    failure: Option<String>,
    /// The moment of the first answer.
    #[serde(with = "crate::moment")]
    first: SystemTime,
    /// The microseconds between each answer and its predecessor.
    microseconds: Others,
}

/// The microseconds from the first answer to each of the others. JSON has the gaps between them instead, as one string
/// separated by spaces: a client receives hundreds of answers a second.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
struct Others(Vec<u64>);

/// One answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer<'a> {
    /// The simulated moment, in whole microseconds after the first of its group.
    pub at: SystemTime,
    pub version: &'a str,
    /// The failure; `None` if the answer was successful.
    pub failure: Option<&'a str>,
}

impl Seen {
    pub fn count(&mut self, version: &str, failure: Option<&str>) {
        self.requests += 1;
        if let Some(failure) = failure {
            self.failed += 1;
            if self.failures.len() < FAILURES_KEPT {
                self.failures.push(format!(
                    "{failure} (version {version}, request {})",
                    self.requests
                ));
            }
        }
        *self.versions.entry(version.to_owned()).or_default() += 1;
        match self.sequence.last_mut() {
            Some(stretch) if stretch.version == version => stretch.requests += 1,
            Some(_) | None => self.sequence.push(Stretch {
                version: version.to_owned(),
                requests: 1,
            }),
        }
    }

    /// The sum of both, for the listeners of several services.
    #[must_use]
    pub fn and(mut self, other: Seen) -> Seen {
        self.requests += other.requests;
        self.failed += other.failed;
        for (version, count) in other.versions {
            *self.versions.entry(version).or_default() += count;
        }
        self.sequence.extend(other.sequence);
        self.failures.extend(other.failures);
        self
    }
}

impl Answers {
    /// Adds the next answer.
    pub fn push(&mut self, answer: Answer<'_>) {
        if let Some(alike) = self.0.last_mut()
            && (alike.version.as_str(), alike.failure.as_deref())
                == (answer.version, answer.failure)
        {
            let after = answer.at.duration_since(alike.first).unwrap_or_default();
            let after = u64::try_from(after.as_micros()).unwrap_or(u64::MAX);
            let others = &mut alike.microseconds.0;
            others.push(others.last().map_or(after, |last| after.max(*last)));
            return;
        }
        self.0.push(Alike {
            version: answer.version.to_owned(),
            failure: answer.failure.map(ToOwned::to_owned),
            first: answer.at,
            microseconds: Others::default(),
        });
    }

    pub fn iter(&self) -> impl Iterator<Item = Answer<'_>> {
        self.0.iter().flat_map(|alike| {
            alike.moments().map(|at| Answer {
                at,
                version: &alike.version,
                failure: alike.failure.as_deref(),
            })
        })
    }

    pub fn count(&self) -> usize {
        let counts = self.0.iter().map(|alike| 1 + alike.microseconds.0.len());
        counts.sum()
    }
}

impl Alike {
    fn moments(&self) -> impl Iterator<Item = SystemTime> {
        let others = self.microseconds.0.iter();
        let others = others.map(|after| self.first + Duration::from_micros(*after));
        [self.first].into_iter().chain(others)
    }
}

impl From<Others> for String {
    fn from(others: Others) -> String {
        let before = [0].into_iter().chain(others.0.iter().copied());
        let gaps = others
            .0
            .iter()
            .zip(before)
            .map(|(after, before)| after - before);
        let gaps: Vec<String> = gaps.map(|gap| gap.to_string()).collect();
        gaps.join(" ")
    }
}

impl TryFrom<String> for Others {
    type Error = String;

    fn try_from(given: String) -> Result<Others, String> {
        let mut after = 0_u64;
        let gaps = given.split_whitespace().map(|word| {
            let wrong = || format!("`{word}` is not a number of microseconds");
            let gap: u64 = word.parse().map_err(|_| wrong())?;
            after = after.checked_add(gap).ok_or_else(wrong)?;
            Ok(after)
        });
        gaps.collect::<Result<_, _>>().map(Others)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_by_version_and_in_order() {
        let mut seen = Seen::default();
        for (version, failure) in [
            ("1.0.0", None),
            ("1.0.0", None),
            ("1.1.0", Some("`/` answered 500")),
            ("1.0.0", None),
        ] {
            seen.count(version, failure);
        }
        assert_eq!((seen.requests, seen.failed), (4, 1));
        let sequence = seen.sequence.iter();
        let sequence: Vec<_> = sequence.map(|s| (s.version.as_str(), s.requests)).collect();
        assert_eq!(sequence, [("1.0.0", 2), ("1.1.0", 1), ("1.0.0", 1)]);
        assert_eq!(
            seen.failures,
            ["`/` answered 500 (version 1.1.0, request 3)"]
        );
    }

    #[test]
    fn answers_that_are_read_back_are_those_that_were_written() {
        let at = |micros| SystemTime::UNIX_EPOCH + Duration::from_micros(micros);
        let given = [
            (at(1_000_001), "1.0.0", None),
            (at(1_004_003), "1.0.0", None),
            (at(1_004_003), "1.0.0", None),
            (at(9_000_000_000), "1.1.0", Some("`/` answered 500")),
            (at(9_000_000_001), "1.1.0", None),
        ]
        .map(|(at, version, failure)| Answer {
            at,
            version,
            failure,
        });
        let mut answers = Answers::default();
        given.into_iter().for_each(|answer| answers.push(answer));
        let json = serde_json::to_string(&answers).unwrap();
        assert!(json.contains(r#""microseconds":"4002 0""#), "{json}");
        let read: Answers = serde_json::from_str(&json).unwrap();
        assert_eq!(read.iter().collect::<Vec<_>>(), given);
        assert_eq!(read.count(), given.len());
        let wrong = json.replace("4002", "soon");
        let error = serde_json::from_str::<Answers>(&wrong).unwrap_err();
        assert!(
            error.to_string().contains("`soon` is not a number"),
            "{error}"
        );
    }
}
