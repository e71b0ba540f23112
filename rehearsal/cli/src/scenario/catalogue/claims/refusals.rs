//! Claims of scenarios in which Greenlight cannot act.

use super::named::Named;
use crate::scenario::claims::{expect, list};

/// Each with its sentence; the check returns the finding if the claim does not hold.
pub(super) const CLAIMS: &[Named] = &[
    ("AWS was not called", |record| {
        let called: Vec<&str> = record
            .aws_calls
            .iter()
            .map(|call| call.operation.as_str())
            .collect();
        expect(called.is_empty(), || list(&called))
    }),
    ("the hook did not keep CodeDeploy waiting", |record| {
        expect(record.simulated_seconds < 600, || {
            format!("the deployment took {} seconds", record.simulated_seconds)
        })
    }),
    ("nothing was done: no revision, no deployment", |record| {
        let done = (record.revisions.len(), record.deployments.len());
        expect(done == (0, 0), || {
            format!("{} revisions, {} deployments", done.0, done.1)
        })
    }),
];
