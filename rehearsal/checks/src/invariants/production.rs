//! 6. Production answers every request, in every scenario that AWS itself could survive.
//!
//! What a version answers badly that fails in a way that no check of its pipeline asks for is its own: production gets
//! there because it was deployed, and leaves it by an alarm or a person.

use record::{Answer, Answers};

use super::facts::Facts;

/// As many failures are told of a service.
const TOLD_AT_MOST: usize = 3;

pub(super) fn judge(facts: &Facts<'_>) -> Vec<String> {
    let broken = &facts.record.broken_unseen;
    let is_its_own = |answer: &Answer<'_>| broken.iter().any(|version| version == answer.version);
    let of = |(service, answers): (&String, &Answers)| {
        if answers.count() == 0 {
            return Some(format!("nobody asked `{service}` anything"));
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
                "{} of {} requests to `{service}` failed: {}",
                failures.len(),
                answers.count(),
                first.join("; ")
            )
        })
    };
    facts.record.answers.iter().filter_map(of).collect()
}
