//! 6. Production answers every request, in every scenario that AWS itself could survive.
//!
//! Failures of a version that no check of its pipeline covers do not count: production runs it because it was deployed,
//! and leaves it through an alarm or a person.

use record::{Answer, Answers, counted};

use super::facts::Facts;

/// The maximum number of failures in the finding of a service.
const TOLD_AT_MOST: usize = 3;

pub(super) fn judge(facts: &Facts<'_>) -> Vec<String> {
    let broken = &facts.record.broken_unseen;
    let is_its_own = |answer: &Answer<'_>| broken.iter().any(|version| version == answer.version);
    let of = |(service, answers): (&String, &Answers)| {
        if answers.count() == 0 {
            return Some(format!("`{service}` received no requests"));
        }
        let failures: Vec<String> = answers
            .iter()
            .filter(|answer| !is_its_own(answer))
            .filter_map(|answer| {
                let failure = answer.failure?;
                Some(format!(
                    "{failure} (version {}, at {})",
                    answer.version,
                    facts.when(answer.at)
                ))
            })
            .collect();
        (!failures.is_empty()).then(|| {
            let first = &failures[..failures.len().min(TOLD_AT_MOST)];
            format!(
                "{} of {} to `{service}` failed: {}",
                failures.len(),
                counted(answers.count(), "request", "requests"),
                first.join("; ")
            )
        })
    };
    facts.record.answers.iter().filter_map(of).collect()
}
