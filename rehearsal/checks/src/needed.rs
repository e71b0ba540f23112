//! Which revisions a history needed. Two invocations of `start-deployment` that look at the same moment may both register
//! one; CodeDeploy takes one deployment, and the other revision is left for the next start of that image.

use std::collections::BTreeMap;

use record::{Record, Revision};

/// Revisions of a family in a row that run the same image.
struct Run<'a> {
    image: &'a str,
    /// The most looks that ran when one of them was registered.
    looks: usize,
    revisions: usize,
}

/// The revisions without those that looks at the same moment registered in vain: after a revision, those of its family
/// that run the same image, one at most for each look beside another. More than that are left in; where one ran at a time,
/// none is left out.
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
            .filter(|run| run.image == revision.image);
        let (looks, before) = run.map_or((0, 0), |run| (run.looks, run.revisions));
        // Whoever registers in vain had looked before the first of them was registered: it ran then.
        let looks = looks.max(revision.starts_at_once);
        if before == 0 || before >= looks {
            needed.push(revision);
        }
        let run = Run {
            image: &revision.image,
            looks,
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

    /// `web:a2 web:a1` are two revisions of the family `web` that run the image `a`; two looks ran when the first was
    /// registered, and one when the second was.
    fn check(revisions: &str, expected: &str) {
        let revision = |(number, of): (usize, &str)| {
            let (family, of) = of.split_once(':').unwrap();
            let (image, looks) = of.split_at(1);
            Revision {
                arn: format!("arn:{family}:{number}"),
                family: family.to_owned(),
                by_greenlight: true,
                registered_at: SystemTime::UNIX_EPOCH,
                image: image.to_owned(),
                images: BTreeMap::new(),
                starts_at_once: looks.parse().unwrap(),
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
    fn each_look_beside_another_may_register_one_revision_in_vain() {
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
    fn looks_beside_one_another_excuse_no_revision_of_another_moment() {
        check("web:a1 web:a1 web:b2", "a a b");
        check("admin:a2 web:a1 web:a1", "a a a");
    }
}
