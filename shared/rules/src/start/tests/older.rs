//! What is older than what runs.

use super::*;

/// Whether the candidate is refused as older than what runs, once ECR no longer knows the one or its tag.
#[track_caller]
fn check_known(rule: &str, in_ecr: Option<ImageDetail>, older: bool) {
    let rule: TagRule = rule.parse().unwrap();
    let mut candidate = detail('a', 10);
    candidate.tags = vec!["2.0.5".parse().unwrap(), "release-5".parse().unwrap()];
    let at = UtcDateTime::from_unix_timestamp(21).ok();
    let tag = if rule.matches(&"2.1.0".parse().unwrap()) {
        "2.1.0"
    } else {
        "release-6"
    };
    let running = Deployed {
        digest: digest('b'),
        tag: tag.parse().ok(),
        at,
        ordered_at: None,
    };
    let running = running.known(in_ecr).unwrap().detail;
    assert_eq!(rule.is_before(&candidate, &running), older, "{rule}");
}

#[test]
fn an_image_that_lost_its_tag_or_left_ecr_is_not_older_for_that() {
    let untagged = ImageDetail {
        tags: vec![],
        ..detail('b', 20)
    };
    for rule in ["semver:^2", "release-*"] {
        check_known(rule, Some(untagged.clone()), true);
        check_known(rule, None, true);
    }
}

/// `prod-6` is put on an older image: that is an order of it, later than the one of `prod-5` by which a newer image runs.
#[test]
fn a_tag_on_an_older_image_is_a_new_order_under_a_rule_that_knows_no_versions() {
    let moment = |second| UtcDateTime::from_unix_timestamp(second).unwrap();
    let check = |rule: &str, asked_by, ordered_at, running_ordered_at, expected: &str| {
        let text = format!(
            "[[pipeline]]\nname='web'\nrepository='shop/web'\ntag='{rule}'\ncluster='prod'\nservice='web'"
        );
        let pipeline = Config::parse(&text).unwrap().pipelines.remove(0);
        let (_, mut observed) = situation(&[0; DIMENSIONS.len()]);
        let older = detail('c', 10);
        observed.asked_by = asked_by;
        observed.running = RunningImage::Known(digest('b'));
        observed.service.active = None;
        observed.attempts = Some(Vec::new());
        observed.candidate = Some(Candidate {
            image: Image {
                repository: "shop/web".parse().unwrap(),
                digest: digest('c'),
                tag: None,
            },
            detail: older,
            ordered_at: moment(ordered_at),
            chosen: Chosen::Named,
        });
        let running = Deployed {
            digest: digest('b'),
            tag: None,
            at: None,
            ordered_at: Some(moment(running_ordered_at)),
        };
        observed.compared = Some(running.known(Some(detail('b', 20))).into_iter().collect());
        let decision = decide(&pipeline, &observed).unwrap();
        assert_eq!(
            decision.code(),
            expected,
            "{rule} {asked_by:?} {ordered_at}"
        );
    };
    for rule in ["release-*", "regex:release-[0-9]+"] {
        check(rule, AskedBy::Event, 30, 20, "start");
        check(rule, AskedBy::Event, 10, 20, "older-than-running");
        // It came before the order by which production runs what it runs, though after that image's first push.
        check(rule, AskedBy::Event, 30, 40, "older-than-running");
        check(rule, AskedBy::Person, 30, 20, "older-than-running");
        check(rule, AskedBy::PersonForThisImage, 30, 40, "start");
    }
}
