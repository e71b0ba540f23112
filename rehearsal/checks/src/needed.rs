//! The revisions that a history needed. Two concurrent invocations of `start-deployment` may both register a revision;
//! CodeDeploy accepts one deployment, and the other revision stays unused until the next start of that image.

use std::collections::BTreeMap;

use record::{Record, Revision};

/// Consecutive revisions of a family that run the same images.
struct Run<'a> {
    image: &'a str,
    images: &'a BTreeMap<String, String>,
    /// The maximum number of reconciliations that were running when one of them was registered.
    reconciliations: usize,
    revisions: usize,
}

/// The revisions without those that concurrent reconciliations registered in vain: after a revision, up to one of the
/// same family and image for each concurrent reconciliation. Any more are kept; so are all of them if only one
/// reconciliation ran at a time.
pub fn needed(record: &Record) -> Vec<&Revision> {
    let mut runs: BTreeMap<&str, Run<'_>> = BTreeMap::new();
    let mut needed = Vec::new();
    for revision in &record.revisions {
        let family = revision
            .arn
            .rsplit_once(':')
            .map_or("", |(family, _)| family);
        let run = runs
            .remove(family)
            .filter(|run| (run.image, run.images) == (&revision.image, &revision.images));
        let (reconciliations, before) =
            run.map_or((0, 0), |run| (run.reconciliations, run.revisions));
        // A reconciliation that registers in vain had started before the first registration, so it was running then.
        let reconciliations = reconciliations.max(revision.starts_at_once);
        if before == 0 || before >= reconciliations {
            needed.push(revision);
        }
        let run = Run {
            image: &revision.image,
            images: &revision.images,
            reconciliations,
            revisions: before + 1,
        };
        runs.insert(family, run);
    }
    needed
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    /// `web:a2 web:a1` are two revisions of the family `web` that run the image `a`; two reconciliations were running
    /// when the first was registered, and one when the second was.
    fn check(revisions: &str, expected: &str) {
        let revision = |(number, of): (usize, &str)| {
            let (family, of) = of.split_once(':').unwrap();
            let (image, reconciliations) = of.split_at(1);
            Revision {
                arn: format!("arn:{family}:{number}"),
                family: family.to_owned(),
                by_greenlight: true,
                registered_at: SystemTime::UNIX_EPOCH,
                image: image.to_owned(),
                images: BTreeMap::new(),
                starts_at_once: reconciliations.parse().unwrap(),
                rolls_back: false,
            }
        };
        let record = Record {
            revisions: revisions.split(' ').enumerate().map(revision).collect(),
            ..Record::default()
        };
        let images = needed(&record).into_iter();
        let images: Vec<&str> = images.map(|revision| revision.image.as_str()).collect();
        assert_eq!(images.join(" "), expected, "{revisions}");
    }

    #[test]
    fn each_concurrent_reconciliation_may_register_one_unused_revision() {
        check("web:a1", "a");
        check("web:a1 web:a1", "a a");
        check("web:a0 web:a0", "a a");
        check("web:a2 web:a2", "a");
        check("web:a2 web:a1", "a");
        check("web:a2 web:a2 web:a2", "a a");
        check("web:a3 web:a2 web:a1", "a");
        check("web:a2 web:a2 web:b2 web:b2 web:a2", "a b a");
        check("web:a2 admin:a2 web:a2 admin:a2", "a a");
        check("web:a3 web:b3", "a b");
    }

    #[test]
    fn concurrent_reconciliations_excuse_no_revision_of_another_moment() {
        check("web:a1 web:a1 web:b2", "a a b");
        check("admin:a2 web:a1 web:a1", "a a a");
    }
}
