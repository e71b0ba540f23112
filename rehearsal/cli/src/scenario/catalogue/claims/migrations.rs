//! Claims of scenarios in which a migration proves nothing, or a task imitates one.

use super::named::Named;
use crate::scenario::claims::{expect, list};

/// Each with its sentence; the check returns the finding if the claim does not hold.
pub(super) const CLAIMS: &[Named] = &[
    (
        "the forged task exited with 0, and the hook was not answered",
        |record| {
            let codes: Vec<Option<i32>> = record.tasks.iter().map(|task| task.exit_code).collect();
            expect(codes.contains(&Some(0)) && codes.contains(&Some(1)), || {
                format!("{codes:?}")
            })
        },
    ),
    (
        "the task was stopped after its migration had ended",
        |record| {
            let reasons = record.tasks.iter();
            let reasons: Vec<String> = reasons
                .map(|task| task.reason.clone().unwrap_or_default())
                .collect();
            expect(reasons == ["the migration has ended"], || list(&reasons))
        },
    ),
    ("nothing waited for the migration's time limit", |record| {
        let took = |name: &str| {
            let mut moments = record.timeline.iter();
            let moment = moments.find(|moment| moment.what.contains(name));
            moment.map_or(0.0, |moment| moment.seconds)
        };
        let seconds = took("AfterInstall Succeeded") - took("AfterInstall InProgress");
        expect((0.0..300.0).contains(&seconds), || {
            format!("{seconds} seconds")
        })
    }),
];
