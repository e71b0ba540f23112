use super::*;
use crate::config::Config;
use crate::names::Image;
use crate::start::description;
use crate::start::tests::{deployment, detail, digest};

fn at(seconds: i64) -> UtcDateTime {
    UtcDateTime::from_unix_timestamp(seconds).unwrap()
}

/// One line a deployment of the group, in order: `<digest's digit> <tag> <status>`; then what counts as an attempt of `a`.
#[track_caller]
fn check_attempts(tag: &str, ordered_at: i64, deployments: &[&str], expected: &str) {
    let text = format!(
        "[[pipeline]]\nname='w'\nrepository='shop/web'\ntag='{tag}'\ncluster='prod'\nservice='web'"
    );
    let pipeline = Config::parse(&text).unwrap().pipelines.remove(0);
    let made = deployments.iter().zip(1..).map(|(line, number)| {
        let mut words = line.split(' ');
        let mut word = || words.next().unwrap();
        let image = Image {
            repository: "shop/web".parse().unwrap(),
            digest: digest(word().chars().next().unwrap()),
            tag: word().parse().ok(),
        };
        let status = match word() {
            "failed" => DeploymentStatus::Failed,
            "shipped" => DeploymentStatus::Succeeded,
            _ => DeploymentStatus::InProgress,
        };
        Deployment {
            description: Some(description(&image, at(number))),
            created_at: at(number),
            app_spec_sha256: words.next().map(str::to_owned),
            ..deployment(&format!("d-{number}"), status, image.digest)
        }
    });
    // CodeDeploy promises no order.
    let mut made: Vec<Deployment> = made.collect();
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
    };
    let attempts = attempts(&pipeline, &candidate, made);
    let ids: Vec<&str> = attempts.iter().map(|attempt| attempt.id.as_str()).collect();
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
}

/// `a` was created at 10 and ended at 20 as `ended` says; then `b` was deployed, which was ordered at `ordered`.
#[track_caller]
fn check_superseded(
    when_busy: &str,
    ended: (DeploymentStatus, Option<&str>),
    ordered: Option<i64>,
    expected: bool,
) {
    let text = format!(
        "[[pipeline]]\nname='w'\nrepository='shop/web'\ntag='*'\ncluster='prod'\nservice='web'\nwhen_busy='{when_busy}'"
    );
    let pipeline = Config::parse(&text).unwrap().pipelines.remove(0);
    let made = |id: &str, digit, ordered: Option<i64>, created| {
        let image = Image {
            repository: "shop/web".parse().unwrap(),
            digest: digest(digit),
            tag: None,
        };
        Deployment {
            // An older version wrote no time.
            description: Some(ordered.map_or_else(
                || format!("greenlight {} shop/web:1", image.digest),
                |seconds| description(&image, at(seconds)),
            )),
            created_at: at(created),
            completed_at: Some(at(created + 10)),
            ..deployment(id, DeploymentStatus::Failed, image.digest)
        }
    };
    let (status, code) = ended;
    let stopped = Deployment {
        status,
        error: code.map(|code| (code.to_owned(), String::new())),
        ..made("d-1", 'a', Some(5), 10)
    };
    let candidate = Candidate {
        image: Image {
            repository: "shop/web".parse().unwrap(),
            digest: digest('a'),
            tag: None,
        },
        detail: detail('a', 5),
        ordered_at: at(5),
    };
    let later = made("d-2", 'b', ordered, 21);
    let tried = attempts(&pipeline, &candidate, vec![stopped, later]);
    assert_eq!(
        tried.is_empty(),
        expected,
        "{when_busy}, {ended:?}, {ordered:?}"
    );
}

#[test]
fn what_was_stopped_for_a_newer_image_did_not_fail() {
    let stopped = (DeploymentStatus::Stopped, Some("MANUAL_STOP"));
    check_superseded("replace", stopped, Some(15), true);
    check_superseded("replace", (DeploymentStatus::Stopped, None), Some(15), true);
    // A person stopped it, and then something newer was pushed; or it was pushed before, and waited for nothing.
    check_superseded("replace", stopped, Some(21), false);
    check_superseded("replace", stopped, Some(9), false);
    check_superseded("replace", stopped, None, false);
    check_superseded(
        "replace",
        (DeploymentStatus::Stopped, Some("ALARM_ACTIVE")),
        Some(15),
        false,
    );
    check_superseded(
        "replace",
        (DeploymentStatus::Failed, Some("HOOK_EXECUTION_FAILURE")),
        Some(15),
        false,
    );
    check_superseded("wait", stopped, Some(15), false);
}
