//! Claims of scenarios about requests by people.

use super::named::Named;
use crate::scenario::claims::{expect, list};
use record::Deployment;
use serde_json::Value;

/// Each with its sentence; the check returns the finding if the claim does not hold.
pub(super) const CLAIMS: &[Named] = &[
    ("the dry run reported the changes", |record| {
        let answers = record.invocations.iter();
        let reports = answers.map(|invocation| &invocation.answer["pipelines"][0]);
        let said = |report: &&Value| {
            let reason = report["reason"].as_str().unwrap_or_default();
            let changes = report["changes"].as_array().map_or(0, Vec::len);
            reason.starts_with("dry run: ") && changes > 0 && report["deployment_id"].is_null()
        };
        let count = reports.filter(said).count();
        expect(count == 1, || format!("{count} answers do"))
    }),
    (
        "the rollback ran no migration, and left the application as it was",
        |record| {
            let last = record.deployments.iter().rev();
            let due = |deployment: &Deployment| {
                let due = deployment.images.iter().filter(|(_, image)| image.is_due);
                due.map(|(pipeline, _)| pipeline.clone()).collect()
            };
            let last: Vec<(Vec<String>, Option<&str>)> = last
                .take(2)
                .map(|deployment| (due(deployment), deployment.image_digest.as_deref()))
                .collect();
            let holds = match last.as_slice() {
                [(back, kept), (forward, shipped)] => {
                    *back == ["shop-nginx"] && *forward == ["shop-web"] && kept == shipped
                }
                _ => false,
            };
            let migrations = record.tasks.len();
            expect(holds && migrations == 3, || {
                format!("{last:?}, {migrations} migrations")
            })
        },
    ),
    ("each push was migrated, and going back was not", |record| {
        let migrations = record.tasks.iter();
        let versions: Vec<&str> = migrations
            .filter_map(|task| task.version.as_deref())
            .collect();
        expect(versions == ["1.1.0", "1.2.0"], || list(&versions))
    }),
];
