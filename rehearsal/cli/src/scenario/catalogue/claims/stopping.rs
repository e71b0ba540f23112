//! Claims of scenarios whose deployments end early.

use super::named::Named;
use crate::scenario::claims::{expect, list};

/// Each with its sentence; the check returns the finding if the claim does not hold.
pub(super) const CLAIMS: &[Named] = &[
    (
        "the refused answer is kept, and says which permission is missing",
        |record| {
            let letters = record.dead_letters.iter();
            let letters: Vec<String> = letters.map(|letter| letter.message.to_string()).collect();
            let says = |letter: &String| {
                letter.contains("codedeploy:PutLifecycleEventHookExecutionStatus")
                    && letter.contains("access denied")
            };
            let holds = !letters.is_empty() && letters.iter().all(says);
            expect(holds, || list(&letters))
        },
    ),
    ("CodeDeploy waited an hour for it", |record| {
        let (hour, seconds) = (60 * 60, record.simulated_seconds);
        expect((hour..hour + 600).contains(&seconds), || {
            format!("{seconds} seconds")
        })
    }),
];
