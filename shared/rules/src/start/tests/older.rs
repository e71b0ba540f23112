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
    let check = |rule: &str,
                 asked_by,
                 (pushed_at, ordered_at),
                 running_ordered_at,
                 expected: &str| {
        let text = format!(
            "[[pipeline]]\nname='web'\nrepository='shop/web'\ntag='{rule}'\ncluster='prod'\nservice='web'"
        );
        let pipeline = Config::parse(&text).unwrap().pipelines.remove(0);
        let (_, mut observed) = situation(&[0; DIMENSIONS.len()]);
        let candidate = detail('c', pushed_at);
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
            detail: candidate,
            ordered_at: moment(ordered_at),
            chosen: Chosen::Named,
        });
        let running = Deployed {
            digest: digest('b'),
            tag: None,
            at: None,
            ordered_at: Some(moment(running_ordered_at)),
        };
        observed.compared = Some(running.known(Some(detail('b', 200))).into_iter().collect());
        let decision = decide(&pipeline, &observed).unwrap();
        assert_eq!(
            decision.code(),
            expected,
            "{rule} {asked_by:?} {pushed_at} {ordered_at}"
        );
    };
    for rule in ["release-*", "regex:release-[0-9]+"] {
        let event = AskedBy::Event;
        check(rule, event, (100, 300), 200, "start");
        check(rule, event, (100, 100), 200, "older-than-running");
        // It came before the order by which production runs what it runs, though after that image's first push.
        check(rule, event, (100, 300), 400, "older-than-running");
        check(rule, event, (250, 350), 400, "older-than-running");
        check(rule, AskedBy::Person, (100, 300), 200, "older-than-running");
        check(rule, AskedBy::PersonForThisImage, (100, 300), 400, "start");
        // Its push is the order: what runs was pushed before it, though it got its tag since.
        check(rule, event, (300, 300), 400, "start");
        check(rule, event, (300, 360), 400, "start");
        // The events of two pushes came by clocks that do not agree.
        check(rule, event, (201, 201), 260, "start");
        check(rule, event, (199, 259), 200, "older-than-running");
    }
}

#[test]
fn an_order_that_is_not_remembered_stops_nothing() {
    let check = |dimension_two: usize, (pushed_at, ordered_at), expected: &str| {
        let mut choice = [0; DIMENSIONS.len()];
        (choice[0], choice[1], choice[2], choice[5], choice[7]) = (1, 1, dimension_two, 1, 1);
        let (pipeline, mut observed) = situation(&choice);
        let moment = |second| UtcDateTime::from_unix_timestamp(second).unwrap();
        let candidate = observed.candidate.as_mut().unwrap();
        candidate.detail.pushed_at = moment(pushed_at);
        candidate.ordered_at = moment(ordered_at);
        candidate.chosen = Chosen::Named;
        let decision = decide(pipeline, &observed).unwrap();
        let named = (dimension_two, pushed_at, ordered_at);
        assert_eq!(decision.code(), expected, "{named:?}");
        let skip = matches!(decision, Decision::Skip(_));
        assert_eq!(observed.remembers(&pipeline.tag), !skip, "{named:?}");
    };
    // What ships, or serves already, was pushed at 15.
    let (shifting, waits) = (2, 4);
    check(shifting, (20, 20), "stop");
    check(shifting, (20, 80), "stop");
    // The newest push, whatever its tag's age: the end finds it.
    check(shifting, (20, 400), "stop");
    check(shifting, (5, 400), "waiting");
    check(waits, (20, 400), "end-wait");
    check(waits, (5, 400), "waiting");
}

/// A tag is put on an image that has failed, while something else is deployed: the end of that finds what failed, and no order.
#[test]
fn an_order_of_what_was_tried_since_its_push_is_not_remembered() {
    let check = |rule: &str, asked_by, (pushed_at, ordered_at), tried: usize, expected: &str| {
        let text = format!(
            "[[pipeline]]\nname='web'\nrepository='shop/web'\ntag='{rule}'\ncluster='prod'\nservice='web'\n\
             when_busy='replace'"
        );
        let pipeline = Config::parse(&text).unwrap().pipelines.remove(0);
        let mut choice = [0; DIMENSIONS.len()];
        (choice[0], choice[1], choice[2]) = (1, 1, 2);
        let (_, mut observed) = situation(&choice);
        let moment = |second| UtcDateTime::from_unix_timestamp(second).unwrap();
        observed.asked_by = asked_by;
        observed.rank = Some(Rank::First);
        let candidate = observed.candidate.as_mut().unwrap();
        candidate.detail.pushed_at = moment(pushed_at);
        candidate.ordered_at = moment(ordered_at);
        observed.attempts_since_push = None;
        let mut decided = decide(&pipeline, &observed);
        if decided == Err(Need::AttemptsSincePush) {
            observed.attempts_since_push =
                Some(vec![attempt("d-0", Some(End::Failed), digest('a')); tried]);
            decided = decide(&pipeline, &observed);
        }
        let decision = decided.unwrap();
        let named = format!("{rule} {asked_by:?} {pushed_at} {ordered_at} {tried}");
        assert_eq!(decision.code(), expected, "{named}");
        let is_remembered = !matches!(decision, Decision::Skip(_));
        assert_eq!(observed.remembers(&pipeline.tag), is_remembered, "{named}");
    };
    let event = AskedBy::Event;
    for rule in ["latest", "semver:*", "release-*"] {
        check(rule, event, (20, 400), 0, "stop");
        check(rule, event, (20, 400), 1, "waiting");
        // Its push is the order, and what came of it was looked at.
        check(rule, event, (20, 20), 1, "stop");
        check(rule, AskedBy::PersonForThisImage, (20, 400), 1, "stop");
    }
}

/// `1.1.0` is pushed while something else is deployed, and `2.0.0` is there: the end of it finds `2.0.0`.
#[test]
fn a_version_that_is_not_the_highest_is_not_remembered_and_stops_nothing() {
    let text = "[[pipeline]]\nname='web'\nrepository='shop/web'\ntag='semver:*'\ncluster='prod'\nservice='web'\n\
                when_busy='replace'";
    let pipeline = Config::parse(text).unwrap().pipelines.remove(0);
    let check = |asked_by, chosen, rank, active, expected: &str, remembered| {
        let mut choice = [0; DIMENSIONS.len()];
        (choice[0], choice[1], choice[2]) = (1, 1, active);
        let (_, mut observed) = situation(&choice);
        observed.asked_by = asked_by;
        observed.rank = rank;
        observed.candidate.as_mut().unwrap().chosen = chosen;
        let decided = match decide(&pipeline, &observed) {
            Ok(decision) => decision.code().to_owned(),
            Err(need) => format!("needs {need:?}"),
        };
        let named = format!("{asked_by:?} {chosen:?} {rank:?} {active}");
        assert_eq!(decided, expected, "{named}");
        assert_eq!(observed.remembers(&pipeline.tag), remembered, "{named}");
    };
    let (free, shifting, waits) = (0, 2, 4);
    let (event, named) = (AskedBy::Event, Chosen::Named);
    check(event, named, None, shifting, "needs Rank", true);
    check(event, named, Some(Rank::First), shifting, "stop", true);
    check(event, named, Some(Rank::First), waits, "end-wait", true);
    check(event, named, Some(Rank::Behind), shifting, "waiting", false);
    check(event, named, Some(Rank::Behind), waits, "waiting", false);
    // Where nothing is in its way it need not be found again; what was chosen among all is found again.
    check(event, named, None, free, "start", true);
    check(event, Chosen::First, None, shifting, "stop", true);
    // A request is never remembered, which its own sentence says.
    check(
        AskedBy::PersonForThisImage,
        named,
        None,
        shifting,
        "stop",
        true,
    );
}

#[test]
fn an_image_that_left_ecr_counts_by_its_order_where_that_is_known() {
    let moment = |second| UtcDateTime::from_unix_timestamp(second).unwrap();
    let known = |at, ordered_at: Option<i64>, in_ecr| {
        let deployed = Deployed {
            digest: digest('b'),
            tag: None,
            at: Some(moment(at)),
            ordered_at: ordered_at.map(moment),
        };
        deployed.known(in_ecr).unwrap().ordered_at.unix_timestamp()
    };
    assert_eq!(known(500, Some(300), None), 300);
    assert_eq!(known(500, None, None), 500);
    assert_eq!(known(500, Some(300), Some(detail('b', 200))), 300);
    assert_eq!(known(500, Some(260), Some(detail('b', 200))), 200);
    assert_eq!(known(500, Some(100), Some(detail('b', 200))), 200);
}
