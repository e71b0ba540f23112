//! An image for two platforms, as BuildKit pushes it: only the index has a tag, so only the index is an order.

use std::collections::BTreeSet;

use local_aws::ecr::IndexSettings;
use record::Moment;

use super::claims::{expect, list};
use super::history::reports;
use super::setting::GREEN;
use super::{Expectation, Scenario, Step, ship};

pub(super) fn scenario() -> Scenario {
    let mut expectations = ship::expectations();
    expectations.push(Expectation::new(
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
    ));
    expectations.push(Expectation::new(
        "four manifests came before the index",
        |record| {
            let pushed = |moment: &&Moment| moment.what == "image pushed";
            let pushes = record.timeline.iter().filter(pushed).count();
            expect(pushes == 5, || format!("{pushes} pushes"))
        },
    ));
    expectations.push(Expectation::new(
        "every look was for the index, and one of them started something",
        |record| {
            let digest = index().digest();
            let other = reports(record).find(|report| report["image"]["digest"] != digest.as_str());
            let started = reports(record).filter(|report| report["decision"] == "start");
            let started = started.count();
            expect(other.is_none() && started == 1, || {
                format!("{started} started, one was for another image: {other:?}")
            })
        },
    ));
    Scenario::of_shop(
        "multi-arch",
        "an index of two platforms is pushed, its manifests and attestations first: the index ships, once",
        vec![
            Step::PushIndex(Box::new(index())),
            Step::CANARY,
            Step::Settle,
        ],
        expectations,
    )
}

fn index() -> IndexSettings {
    IndexSettings::new("shop/web", &["latest"], GREEN)
}
