//! Which revisions a course needed. Two invocations of `start-deployment` that look at the same moment may both register
//! one; CodeDeploy takes one deployment, and the other revision is left.

use std::collections::BTreeMap;

use crate::record::{Record, Revision};

/// The revisions without those that looks at the same moment registered in vain: of each image, those that no deployment
/// ships, one at most for each look beside another. More than that are left in, and one look at a time leaves none out.
pub(super) fn needed(record: &Record) -> Vec<&Revision> {
    let is_shipped = |revision: &Revision| {
        let mut deployments = record.deployments.iter();
        deployments.any(|deployment| deployment.revision == revision.arn)
    };
    let of = |revision: &Revision| {
        let family = revision
            .arn
            .rsplit_once(':')
            .map(|(family, _)| family.to_owned());
        (family, revision.image.clone())
    };
    let mut spare: BTreeMap<_, usize> = BTreeMap::new();
    for revision in &record.revisions {
        let others = record
            .revisions
            .iter()
            .filter(|other| of(other) == of(revision));
        let in_vain = others.clone().filter(|other| !is_shipped(other)).count();
        // Where none was shipped, one of them was what the decision asked for.
        let in_vain = in_vain - usize::from(in_vain == others.count());
        spare.insert(
            of(revision),
            in_vain.min(record.starts_at_once.saturating_sub(1)),
        );
    }
    let mut needed: Vec<&Revision> = Vec::new();
    for revision in record.revisions.iter().rev() {
        match spare
            .get_mut(&of(revision))
            .filter(|spare| **spare > 0 && !is_shipped(revision))
        {
            Some(spare) => *spare -= 1,
            None => needed.push(revision),
        }
    }
    needed.reverse();
    needed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Deployment;

    fn revision(number: usize, image: &str) -> Revision {
        Revision {
            arn: format!("arn:shop-web:{number}"),
            image: image.to_owned(),
            images: BTreeMap::new(),
        }
    }

    /// Revisions of one image, of which the first is shipped if any is, where so many looks ran at once.
    fn record(in_vain: usize, starts_at_once: usize, shipped: bool) -> Record {
        let deployment = Deployment {
            id: "d-1".to_owned(),
            service: "web".to_owned(),
            creator: "user".to_owned(),
            revision: "arn:shop-web:1".to_owned(),
            image_digest: None,
            status: "Succeeded".to_owned(),
            error: None,
            lifecycle_events: Vec::new(),
        };
        Record {
            revisions: (1..=1 + in_vain)
                .map(|number| revision(number, "a"))
                .collect(),
            deployments: shipped.then_some(deployment).into_iter().collect(),
            starts_at_once,
            ..Record::default()
        }
    }

    #[test]
    fn each_look_beside_another_may_register_one_revision_in_vain() {
        for (in_vain, starts_at_once, expected) in [
            (0, 0, 1),
            (0, 3, 1),
            (1, 1, 2),
            (1, 2, 1),
            (2, 3, 1),
            (2, 2, 2),
            (3, 1, 4),
        ] {
            for shipped in [true, false] {
                let record = record(in_vain, starts_at_once, shipped);
                let needed = needed(&record);
                let what = format!("{in_vain} beside {starts_at_once}, shipped: {shipped}");
                assert_eq!(needed.len(), expected, "{what}");
                assert_eq!(needed[0].arn, "arn:shop-web:1", "{what}");
            }
        }
    }

    #[test]
    fn another_image_or_family_is_needed_for_itself() {
        let mut record = record(0, 2, true);
        record.revisions.push(revision(2, "b"));
        record.revisions.push(Revision {
            arn: "arn:shop-admin:1".to_owned(),
            ..revision(1, "a")
        });
        assert_eq!(needed(&record).len(), 3);
    }
}
