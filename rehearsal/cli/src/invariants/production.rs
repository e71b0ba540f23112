//! 6. Production answers every request, in every scenario that AWS itself could survive.
//!
//! What a version answers badly that fails in a way that no check of its pipeline asks for is its own: production gets
//! there because it was deployed, and leaves it by an alarm or a person.

use super::facts::Facts;
use crate::traffic::Sample;

/// As many failures are told of a service.
const TOLD_AT_MOST: usize = 3;

pub(super) fn judge(facts: &Facts) -> Vec<String> {
    let of = |(service, samples): (&String, &Vec<Sample>)| {
        if samples.is_empty() {
            return Some(format!("nobody asked `{service}` anything"));
        }
        let failures: Vec<String> = samples
            .iter()
            .filter(|sample| !facts.broken_unseen.contains(&sample.version))
            .filter_map(|sample| {
                let failure = sample.failure.as_deref()?;
                Some(format!(
                    "{failure} (version {}, at {})",
                    sample.version,
                    facts.when(sample.at)
                ))
            })
            .collect();
        (!failures.is_empty()).then(|| {
            let first = &failures[..failures.len().min(TOLD_AT_MOST)];
            format!(
                "{} of {} requests to `{service}` failed: {}",
                failures.len(),
                samples.len(),
                first.join("; ")
            )
        })
    };
    facts.production.iter().filter_map(of).collect()
}
