//! Invariant 3: no older image replaces a newer one without an order.

use super::*;

/// `first` is deployed once more, at minute 20.
fn and_back(record: &mut Record) {
    for tag in ["release-0", "1.0.0"] {
        record.pushes.push(Push {
            moved: false,
            heard: false,
            ..push("first", 19, tag)
        });
    }
    record.reconciliations.push(reconciliation(19, 21, None));
    and_told(record, deployment("d-back", "first", 20));
    record.pipelines[0].runs = Some("first".to_owned());
}

#[test]
fn an_older_image_never_replaces_a_newer_one() {
    check(and_back, &[1, 3]);
    let asked: Change = |record| {
        and_back(record);
        record.reconciliations[1].asked = Some("web".to_owned());
    };
    check(asked, &[]);
    let moved_back: Change = |record| {
        record.images[0].tags.push("latest".to_owned());
        record.images[1].tags.retain(|tag| tag != "latest");
        record.pushes.push(push("first", 19, "latest"));
        and_back(record);
    };
    check_rule("latest", moved_back, &[]);
    let late: Change = |record| {
        moved_twice(record);
        and_back(record);
    };
    check_rule("latest", late, &[1, 3]);
}

/// `release-7` is put on the image that was first: a new order of it, which no later reconciliation knows the time of.
#[test]
fn a_tag_on_an_older_image_is_a_new_order_of_it() {
    let tagged: Change = |record| {
        record.pushes.push(push("first", 18, "release-7"));
        record.reconciliations.push(reconciliation(19, 21, None));
        and_told(record, deployment("d-back", "first", 20));
        record.pipelines[0].runs = Some("first".to_owned());
    };
    check_rule("release-*", tagged, &[]);
    check_rule("regex:release-[0-9]+", tagged, &[]);
    let too_late: Change = |record| {
        record.reconciliations.push(reconciliation(19, 21, None));
        and_told(record, deployment("d-back", "first", 20));
        record.pushes.push(push("first", 22, "release-7"));
        record.pipelines[0].runs = Some("first".to_owned());
    };
    check_rule("release-*", too_late, &[1, 3]);
}

/// Where a repeated push is told, its event looks like that of a tag that was put on the image.
#[test]
fn a_repeated_push_that_is_told_is_an_order_where_times_count() {
    let repeated: Change = |record| {
        and_back(record);
        record.pushes.iter_mut().for_each(|push| push.heard = true);
    };
    check_rule("release-*", repeated, &[]);
    check_rule("semver:^1", repeated, &[1, 3]);
}

/// The running image gets the highest version while `b` is being deployed, or before the next reconciliation.
#[test]
fn later_tags_do_not_make_an_earlier_deployment_a_downgrade() {
    fn and_b(record: &mut Record, again: u64) {
        record.images.push(image("b", 10, "1.2.0"));
        record.pushes.push(push("b", 10, "1.2.0"));
        record.pushes.push(push("a", again, "1.4.0"));
        record.reconciliations.push(reconciliation(18, 21, None));
        and_told(record, deployment("d-b", "b", 20));
        record.images[1].tags.push("1.4.0".to_owned());
        let a = deployment("d-again", "a", 30);
        record.reconciliations.push(reconciliation(30, 31, None));
        and_told(record, a);
    }
    check_rule("semver:^1", |record| and_b(record, 19), &[]);
    check_rule("semver:^1", |record| and_b(record, 17), &[3]);
}

/// The running image's version is the one that it has, or the one by which it was deployed, but not one that has moved
/// to another image since.
#[test]
fn a_version_that_was_moved_to_another_image_is_of_that_one() {
    /// `a` is 1.1.0 and 1.4.0, until 1.4.0 moves to `b`; `c` is pushed as 1.2.0 after that.
    fn and_c(record: &mut Record) {
        record.pushes.push(push("a", 12, "1.4.0"));
        record.pushes.push(push("b", 14, "1.4.0"));
        record.images.push(image("b", 14, "1.4.0"));
        record.messages.push(told("failed", "d-b", "b", 16));
        record.images.push(image("c", 20, "1.2.0"));
        record.pushes.push(push("c", 20, "1.2.0"));
        record.reconciliations.push(reconciliation(20, 22, None));
        let revision = "web:3".to_owned();
        let c = Deployment {
            revision,
            ..deployment("d-c", "c", 21)
        };
        and_told(record, c);
        record.pipelines[0].runs = Some("c".to_owned());
    }
    check_rule("semver:^1", and_c, &[]);
    let deployed_by_it: Change = |record| {
        record.reconciliations.push(reconciliation(12, 13, None));
        and_told(record, deployment("d-again", "a", 13));
        and_c(record);
    };
    check_rule("semver:^1", deployed_by_it, &[3]);
    let in_time: Change = |record| {
        and_c(record);
        // Until after the reconciliation of `c`.
        record.pushes.iter_mut().for_each(|push| {
            if push.digest == "b" {
                push.at = at(22);
            }
        });
    };
    check_rule("semver:^1", in_time, &[1, 3]);
}

/// The tag was moved back, and away again long before the next reconciliation.
fn moved_twice(record: &mut Record) {
    record.pushes.push(push("first", 15, "latest"));
    record.pushes.push(push("a", 16, "latest"));
}
