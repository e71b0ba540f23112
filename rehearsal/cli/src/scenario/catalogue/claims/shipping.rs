//! Claims of single scenarios in which an image ships.

use super::named::Named;
use crate::scenario::claims::{expect, list};
use crate::scenario::history::reports;
use crate::scenario::needed::needed;
use crate::scenario::setting::{BLUE, GREEN};
use local_aws::ecr::IndexSettings;
use record::{By, Deployment, Moment};
use std::collections::BTreeSet;

const PROXY: &str = "public.ecr.aws/nginx/nginx:1.27";
/// The lifecycle events of a deployment without a test listener.
const EVENTS: [&str; 6] = [
    "BeforeInstall",
    "Install",
    "AfterInstall",
    "BeforeAllowTraffic",
    "AllowTraffic",
    "AfterAllowTraffic",
];

/// The pipelines of a service that a deployment was created for.
fn due(deployment: &Deployment) -> String {
    let due = deployment.images.iter().filter(|(_, image)| image.is_due);
    let due: Vec<&str> = due.map(|(pipeline, _)| pipeline.as_str()).collect();
    due.join(", ")
}

/// Each with its sentence; the check returns the finding if the claim does not hold.
pub(super) const CLAIMS: &[Named] = &[
    (
        "the check sent two requests, to /healthz and /admin/, and did not follow the redirect",
        |record| {
            let answered = &record.test_listener;
            expect((answered.requests, answered.failed) == (2, 0), || {
                format!("{answered:?}")
            })
        },
    ),
    (
        "one deployment shipped the images of both pipelines",
        |record| {
            let created = record.deployments.iter();
            let created = created.filter(|deployment| deployment.by == By::Greenlight);
            let due: Vec<String> = created.map(due).collect();
            let first = due.iter().filter(|due| *due == "shop-nginx, shop-web");
            expect(first.count() == 1, || format!("{due:?}"))
        },
    ),
    (
        "the last deployment is for nginx alone, and `web` keeps its image",
        |record| {
            let last = record.deployments.last();
            let last_due = last.map(due).unwrap_or_default();
            let shipped: BTreeSet<Option<&str>> = record
                .deployments
                .iter()
                .map(|deployment| deployment.image_digest.as_deref())
                .collect();
            expect(last_due == "shop-nginx" && shipped.len() == 1, || {
                format!("the last one is for {last_due}; `web` ran {shipped:?}")
            })
        },
    ),
    ("each pipeline runs the image that it follows", |record| {
        let behind = record.pipelines.iter().filter(|pipeline| {
            let mut images = record.images.iter();
            let followed = images.find(|image| {
                image.repository == pipeline.repository && image.tags.contains(&pipeline.tag)
            });
            followed.is_none_or(|followed| Some(&followed.digest) != pipeline.runs.as_ref())
        });
        let behind: Vec<&str> = behind.map(|pipeline| pipeline.name.as_str()).collect();
        expect(behind.is_empty(), || list(&behind))
    }),
    ("no message says that it runs", |record| {
        let says = record
            .messages
            .iter()
            .find(|message| message.body.contains(" runs "));
        expect(says.is_none(), || {
            says.map(|message| message.body.clone()).unwrap_or_default()
        })
    }),
    (
        "the revision is pinned to the index, not to the manifest of one platform",
        |record| {
            let digest = index().digest();
            let revisions = record.revisions.iter();
            let images: BTreeSet<&str> =
                revisions.map(|revision| revision.image.as_str()).collect();
            let pinned = |image: &&str| image.ends_with(&format!("@{digest}"));
            let images: Vec<&str> = images.into_iter().collect();
            expect(images.len() == 1 && images.iter().all(pinned), || {
                list(&images)
            })
        },
    ),
    ("four manifests came before the index", |record| {
        let pushed = |moment: &&Moment| moment.what == "image pushed";
        let pushes = record.timeline.iter().filter(pushed).count();
        expect(pushes == 5, || format!("{pushes} pushes"))
    }),
    (
        "every reconciliation was for the index, and one of them started something",
        |record| {
            let digest = index().digest();
            let other = reports(record).find(|report| report["image"]["digest"] != digest.as_str());
            let started = reports(record).filter(|report| report["decision"] == "start");
            let started = started.count();
            expect(other.is_none() && started == 1, || {
                format!("{started} started, one was for another image: {other:?}")
            })
        },
    ),
    ("`billing` was left alone", |record| {
        let deployed = record
            .deployments
            .iter()
            .any(|deployment| deployment.service.ends_with("billing"));
        let versions: Vec<&String> = record
            .services
            .get("billing")
            .iter()
            .flat_map(|seen| seen.versions.keys())
            .collect();
        expect(!deployed && versions == [BLUE], || {
            format!("deployed: {deployed}, answers by {versions:?}")
        })
    }),
    (
        "the sidecar from another repository kept its image",
        |record| {
            let images: Vec<&String> = needed(record)
                .into_iter()
                .filter_map(|revision| revision.images.get("proxy"))
                .collect();
            expect(images == [PROXY], || format!("{images:?}"))
        },
    ),
    ("three tasks run at the end", |record| {
        let tasks = record.at_end.get("web").map_or(0, |end| end.tasks);
        expect(tasks == 3, || tasks.to_string())
    }),
    (
        "production was shifted by 10 % a minute, ten times",
        |record| {
            let shifts: Vec<(f64, u32)> = record.timeline.iter().filter_map(shift).collect();
            let shares: Vec<u32> = shifts.iter().map(|(_, percent)| *percent).collect();
            // Real work adds its own time to the simulated minutes.
            let minutes = shifts
                .windows(2)
                .all(|two| (59.9..65.0).contains(&(two[1].0 - two[0].0)));
            let steps: Vec<u32> = (1..=10).map(|step| step * 10).collect();
            expect(shares == steps && minutes, || format!("{shifts:?}"))
        },
    ),
    ("all six lifecycle events succeeded, in order", |record| {
        let deployment = record.deployments.first();
        let events = deployment.map_or(&[][..], |deployment| &deployment.lifecycle_events);
        let found = events
            .iter()
            .map(|event| (event.name.as_str(), event.status.as_str()));
        let holds = found.eq(EVENTS.map(|name| (name, "Succeeded")));
        expect(holds, || format!("{events:?}"))
    }),
    ("the migration ran", |record| {
        let codes: Vec<Option<i32>> = record.tasks.iter().map(|task| task.exit_code).collect();
        expect(codes == [Some(0)], || format!("{codes:?}"))
    }),
];

fn index() -> IndexSettings {
    IndexSettings::new("shop/web", &["latest"], GREEN)
}

/// When production was routed to green, and green's share.
fn shift(moment: &Moment) -> Option<(f64, u32)> {
    let percent = moment.what.strip_prefix("production sends ")?;
    let percent = percent.strip_suffix(" % to green")?.parse().ok()?;
    (percent > 0).then_some((moment.seconds, percent))
}
