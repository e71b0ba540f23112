//! Which revisions a course needed. Two invocations of `start-deployment` that look at the same moment may both register
//! one; CodeDeploy takes one deployment, and the other revision is left for the next start of that image.

use std::collections::BTreeMap;

use crate::record::{Record, Revision};

/// The revisions without those that looks at the same moment registered in vain: after a revision, those of its family
/// that run the same image, one at most for each look beside another. More than that are left in; where one ran at a time,
/// none is left out.
pub(super) fn needed(record: &Record) -> Vec<&Revision> {
    let most_in_vain = record.starts_at_once.saturating_sub(1);
    // By family: the last image, and how many of its revisions are left out.
    let mut last: BTreeMap<&str, (&str, usize)> = BTreeMap::new();
    let mut needed = Vec::new();
    for revision in &record.revisions {
        let family = revision
            .arn
            .rsplit_once(':')
            .map_or("", |(family, _)| family);
        match last.get_mut(family) {
            Some((image, in_vain)) if *image == revision.image => {
                *in_vain += 1;
                if *in_vain > most_in_vain {
                    needed.push(revision);
                }
            }
            Some(_) | None => {
                last.insert(family, (&revision.image, 0));
                needed.push(revision);
            }
        }
    }
    needed
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `web:a web:a` are two revisions of the family `web` that run the image `a`.
    fn check(revisions: &str, starts_at_once: usize, expected: &str) {
        let revision = |(number, of): (usize, &str)| {
            let (family, image) = of.split_once(':').unwrap();
            Revision {
                arn: format!("arn:{family}:{number}"),
                image: image.to_owned(),
                images: BTreeMap::new(),
            }
        };
        let record = Record {
            revisions: revisions.split(' ').enumerate().map(revision).collect(),
            starts_at_once,
            ..Record::default()
        };
        let images = needed(&record).into_iter();
        let images: Vec<&str> = images.map(|revision| revision.image.as_str()).collect();
        assert_eq!(
            images.join(" "),
            expected,
            "{revisions}, {starts_at_once} at once"
        );
    }

    #[test]
    fn each_look_beside_another_may_register_one_revision_in_vain() {
        check("web:a", 1, "a");
        check("web:a web:a", 1, "a a");
        check("web:a web:a", 2, "a");
        check("web:a web:a web:a", 2, "a a");
        check("web:a web:a web:a", 3, "a");
        check("web:a web:a web:b web:b web:a", 2, "a b a");
        check("web:a admin:a web:a admin:a", 2, "a a");
        check("web:a web:b", 3, "a b");
    }
}
