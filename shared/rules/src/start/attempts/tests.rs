use super::*;
use crate::config::Config;
use crate::names::Image;
use crate::start::tests::{attempt, detail, digest};

fn at(seconds: i64) -> UtcDateTime {
    UtcDateTime::from_unix_timestamp(seconds).unwrap()
}

/// One line a deployment of the group, in order: `<digest's digit> <tag> <status>`, and where they matter the content, the second of
/// the order and that of the registration; then what counts as an attempt of `a`.
#[track_caller]
fn check_attempts(tag: &str, ordered_at: i64, deployments: &[&str], expected: &str) {
    let text = format!(
        "[[pipeline]]\nname='w'\nrepository='shop/web'\ntag='{tag}'\ncluster='prod'\nservice='web'"
    );
    let pipeline = Config::parse(&text).unwrap().pipelines.remove(0);
    let made = deployments.iter().zip(1..).map(|(line, number)| {
        let mut words = line.split(' ');
        let mut word = || words.next().unwrap();
        let order = Order {
            digest: digest(word().chars().next().unwrap()),
            ordered_at: Some(at(number)),
            tag: word().parse().ok(),
            repository: None,
            brings: None,
        };
        let end = match word() {
            "failed" => Some(End::Failed),
            "shipped" => Some(End::Succeeded),
            _ => None,
        };
        let content = words.next().map(str::to_owned);
        let mut second = || words.next().map(|second| at(second.parse().unwrap()));
        let (ordered_at, registered_at) = (second(), second());
        Attempt {
            order: Some(Order {
                ordered_at: ordered_at.or(order.ordered_at),
                ..order
            }),
            created_at: at(number),
            content,
            registered_at,
            ..attempt(&format!("d-{number}"), end, digest('a'))
        }
    });
    let mut made: Vec<Attempt> = made.collect();
    made.reverse();
    let image = Image {
        repository: "shop/web".parse().unwrap(),
        digest: digest('a'),
        tag: "1.5.0".parse().ok(),
    };
    let candidate = Candidate {
        image,
        detail: detail('a', 0),
        ordered_at: at(ordered_at),
        chosen: Chosen::First,
    };
    let attempts = attempts(&pipeline, &candidate, made);
    let ids: Vec<&str> = attempts
        .iter()
        .map(|attempt| attempt.deployment.as_str())
        .collect();
    assert_eq!(ids.join(" "), expected, "{deployments:?}");
}

#[test]
fn only_what_was_tried_since_the_order_counts() {
    check_attempts("latest", 0, &["a latest failed"], "d-1");
    check_attempts("latest", 2, &["a latest failed"], "");
    check_attempts(
        "latest",
        0,
        &["a latest failed", "a latest shipped", "a latest going"],
        "d-1 d-2",
    );
}

#[test]
fn a_tag_that_was_moved_back_is_a_new_order() {
    check_attempts("latest", 0, &["a latest shipped", "b latest shipped"], "");
    check_attempts("latest", 0, &["a latest failed", "b latest failed"], "");
    check_attempts(
        "latest",
        0,
        &["a latest shipped", "b latest shipped", "a latest shipped"],
        "d-3",
    );
    // Under a rule with an order, the newer image is what is due, and the older one is not due again.
    check_attempts(
        "release-*",
        0,
        &["a release-1 shipped", "b release-2 shipped"],
        "d-1",
    );
}

#[test]
fn a_higher_version_of_an_image_is_a_new_order() {
    check_attempts("semver:^1", 0, &["a 1.4.0 failed"], "");
    check_attempts("semver:^1", 0, &["a 1.6.0 failed"], "d-1");
    check_attempts("*", 0, &["a 1.4.0 failed"], "d-1");
}

#[test]
fn a_person_who_went_back_moved_no_tag() {
    check_attempts("latest", 0, &["a latest shipped", "b 1.3.0 shipped"], "d-1");
    check_attempts("latest", 0, &["a latest shipped", "b - shipped"], "d-1");
    let copied = [
        "b latest shipped x",
        "a latest shipped y",
        "b latest shipped x",
    ];
    check_attempts("latest", 0, &copied, "d-2");
    // What a person goes back to is mostly older than the image that is left.
    check_attempts("latest", 2, &copied, "d-2");
    check_attempts("latest", 2, &copied[..2], "d-2");
    check_attempts("latest", 3, &copied, "");
    // A revision was registered at 0 for an order of 1, and left for the order of 2 before it was deployed.
    let later = "a latest shipped x 2";
    for (by_hand, expected) in [
        ("b latest shipped y 1 0", "d-1"),
        ("b latest shipped y 1", ""),
        ("b latest shipped y 2 0", ""),
        ("b 1.3.0 shipped y 1 0", "d-1"),
        // Registered since: a look found the older image at the tag, and no event told when it came there.
        ("b latest shipped y 1 1", ""),
    ] {
        check_attempts("latest", 1, &[later, by_hand], expected);
    }
}

/// The image `a`, pushed and ordered at 5.
fn pushed_at_5() -> Candidate {
    Candidate {
        image: Image {
            repository: "shop/web".parse().unwrap(),
            digest: digest('a'),
            tag: None,
        },
        detail: detail('a', 5),
        ordered_at: at(5),
        chosen: Chosen::First,
    }
}

/// `a` was created at 10 and ended at 20 as `end` says; then `b` was deployed, which was ordered at `ordered`.
#[track_caller]
fn check_superseded(when_busy: &str, end: End, ordered: Option<i64>, expected: bool) {
    let text = format!(
        "[[pipeline]]\nname='w'\nrepository='shop/web'\ntag='*'\ncluster='prod'\nservice='web'\nwhen_busy='{when_busy}'"
    );
    let pipeline = Config::parse(&text).unwrap().pipelines.remove(0);
    let made = |id: &str, end, digit, ordered: Option<i64>, created| Attempt {
        order: Some(Order {
            digest: digest(digit),
            // An older version wrote no time.
            ordered_at: ordered.map(at),
            tag: None,
            repository: None,
            brings: None,
        }),
        created_at: at(created),
        ended_at: Some(at(created + 10)),
        ..attempt(id, Some(end), digest(digit))
    };
    let candidate = pushed_at_5();
    let stopped = made("d-1", end, 'a', Some(5), 10);
    let later = made("d-2", End::Failed, 'b', ordered, 21);
    let made = vec![stopped, later];
    let tried = attempts(&pipeline, &candidate, made.clone());
    assert_eq!(
        tried.is_empty(),
        expected,
        "{when_busy}, {end:?}, {ordered:?}"
    );
    // An event of its order, late or for the second time.
    let candidate = Candidate {
        chosen: Chosen::Named,
        ..candidate
    };
    assert_eq!(attempts(&pipeline, &candidate, made).len(), 1);
}

#[test]
fn what_was_stopped_for_a_newer_image_did_not_fail() {
    let stopped = End::StoppedByCall;
    check_superseded("replace", stopped, Some(15), true);
    // A person stopped it, and then something newer was pushed; or it was pushed before, and waited for nothing.
    check_superseded("replace", stopped, Some(21), false);
    check_superseded("replace", stopped, Some(9), false);
    check_superseded("replace", stopped, None, false);
    check_superseded("replace", End::Stopped, Some(15), false);
    check_superseded("replace", End::Failed, Some(15), false);
    check_superseded("wait", stopped, Some(15), false);
}

/// `a` was stopped by a call, from 10 to 20; then a deployment of `b` alone followed, which is another pipeline's and was ordered at
/// `ordered`.
#[track_caller]
fn check_for_another_pipeline(ordered: i64, expected: bool) {
    let text = "[[pipeline]]\nname='w'\nrepository='shop/web'\ntag='*'\ncluster='prod'\nservice='web'\nwhen_busy='replace'";
    let pipeline = Config::parse(text).unwrap().pipelines.remove(0);
    let order = |digit, ordered| Order {
        digest: digest(digit),
        ordered_at: Some(at(ordered)),
        tag: None,
        repository: None,
        brings: None,
    };
    let stopped = Attempt {
        order: Some(order('a', 5)),
        created_at: at(10),
        ended_at: Some(at(20)),
        ..attempt("d-1", Some(End::StoppedByCall), digest('a'))
    };
    let later = Attempt {
        order: None,
        beside: vec![order('b', ordered)],
        created_at: at(21),
        ..attempt("d-2", Some(End::Succeeded), digest('b'))
    };
    let candidate = pushed_at_5();
    let tried = attempts(&pipeline, &candidate, vec![stopped, later]);
    assert_eq!(tried.is_empty(), expected, "{ordered}");
}

#[test]
fn what_was_stopped_for_another_pipelines_image_did_not_fail() {
    check_for_another_pipeline(15, true);
    check_for_another_pipeline(21, false);
    check_for_another_pipeline(9, false);
}
