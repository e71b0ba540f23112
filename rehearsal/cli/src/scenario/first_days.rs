//! What a team meets in its first days: installing deploys nothing, observing changes nothing, going back migrates nothing,
//! and what was stopped for something newer has not failed.

use local_aws::ecr::{ImageSettings, IndexSettings};
use local_aws::identity::REGISTRY;

use super::history::{History, Left, decided};
use super::setting::{BLUE, Mode, Setting};
use super::step::{AN_HOUR, push};
use super::{Expectation, Moment, Queued, Reached, Scenario, Step, claims};

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        installed_beside_latest(),
        observe_only(),
        rollback_skips_migration(),
        superseded_is_not_failed(),
    ]
}

/// The usual service before Greenlight: its revision names a tag, and that tag is what its tasks run: an image for several
/// platforms, of which they may state their own platform's digest.
fn installed_beside_latest() -> Scenario {
    let history = History {
        service: "web",
        deployments: &["1.1.0 Succeeded"],
        revisions: &["1.1.0"],
        production: &["1.0.0", "1.1.0"],
        messages: &["started 1.1.0", "shipped 1.1.0"],
        left: Left::Nothing,
    };
    let mut expectations = history.expectations();
    expectations.extend(claims::all_succeeded());
    expectations.push(decided("already-running"));
    let mut setting = Setting::adjusted(|service| {
        for container in &mut service.containers {
            container.image = format!("{REGISTRY}/shop/web:latest");
        }
    });
    setting.images.clear();
    setting.indexes = vec![IndexSettings::new("shop/web", &["latest"], BLUE)];
    Scenario {
        setting,
        ..Scenario::of_shop(
            "installed-beside-latest",
            "the service runs by the tag `latest`: the hourly look deploys nothing, the next push is pinned",
            vec![
                AN_HOUR,
                Step::Settle,
                Step::PushIndex(Box::new(IndexSettings::new(
                    "shop/web",
                    &["latest"],
                    "1.1.0",
                ))),
                Step::Settle,
                AN_HOUR,
                Step::Settle,
            ],
            expectations,
        )
    }
}

/// Whoever pushes or asks is told what would be done; nothing is done, and nothing is even refused.
fn observe_only() -> Scenario {
    let history = History {
        service: "web",
        deployments: &[],
        revisions: &[],
        production: &["1.0.0"],
        messages: &["observed 1.1.0", "observed 1.1.0"],
        left: Left::Nothing,
    };
    let mut expectations = history.expectations();
    expectations.push(decided("start"));
    let mut setting = Setting::shop();
    setting.mode = Mode::Observe;
    Scenario {
        setting,
        ..Scenario::of_shop(
            "observe-only",
            "the stack is installed with `Mode` observe: a push and a request are told, and change nothing",
            vec![
                push("1.1.0"),
                Step::UntilIdle,
                AN_HOUR,
                Step::Settle,
                Step::Ask(super::Request {
                    pipeline: "shop-web".to_owned(),
                    image: None,
                }),
                Step::Settle,
                Step::Answers(40),
            ],
            expectations,
        )
    }
}

/// A rollback goes to what shipped before, and only there. Its test traffic is checked like any other's.
fn rollback_skips_migration() -> Scenario {
    let history = History {
        service: "web",
        deployments: &["1.1.0 Succeeded", "1.2.0 Succeeded", "1.1.0 Succeeded"],
        revisions: &["1.1.0", "1.2.0", "1.1.0"],
        production: &["1.0.0", "1.1.0", "1.2.0", "1.1.0"],
        messages: &[
            "started 1.1.0",
            "shipped 1.1.0",
            "started 1.2.0",
            "shipped 1.2.0",
            "skipped 1.3.0",
            "started 1.1.0",
            "shipped 1.1.0",
        ],
        left: Left::Nothing,
    };
    let mut expectations = history.expectations();
    expectations.extend(claims::all_succeeded());
    expectations.push(decided("never-shipped"));
    expectations.push(decided("rolled-back-by-hand"));
    expectations.push(Expectation::new(
        "each push was migrated, and going back was not",
        |record| {
            let migrations = record.tasks.iter();
            let versions: Vec<&str> = migrations
                .filter_map(|task| task.version.as_deref())
                .collect();
            claims::expect(versions == ["1.1.0", "1.2.0"], || claims::list(&versions))
        },
    ));
    let back_to = |version: &str| {
        Step::Ask(super::Request {
            pipeline: "shop-web".to_owned(),
            image: Some(super::Wanted {
                repository: "shop/web".to_owned(),
                version: version.to_owned(),
                how: super::How::RollBack,
            }),
        })
    };
    Scenario::of_shop(
        "rollback-skips-migration",
        "a person rolls back to 1.1.0, which shipped before: no migration runs; to 1.3.0, which never shipped, nobody can",
        vec![
            push("1.1.0"),
            Step::Settle,
            push("1.2.0"),
            Step::Settle,
            Step::push(ImageSettings::new("shop/web", &["next"], "1.3.0")),
            back_to("1.3.0"),
            Step::Settle,
            back_to("1.1.0"),
            Step::Settle,
            AN_HOUR,
            Step::Settle,
        ],
        expectations,
    )
}

/// 1.1.0 never had its chance: when 1.2.0 turns out broken and loses its tag, it is due, though no event says so.
fn superseded_is_not_failed() -> Scenario {
    let history = History {
        service: "web",
        deployments: &[
            "1.1.0 Stopped MANUAL_STOP",
            "rollback to 1.0.0 Succeeded",
            "1.2.0 Failed HOOK_EXECUTION_FAILURE",
            "rollback to 1.0.0 Succeeded",
            "1.1.0 Succeeded",
        ],
        revisions: &["1.1.0", "1.2.0", "1.1.0"],
        production: &["1.0.0", "1.1.0", "1.0.0", "1.1.0"],
        messages: &[
            "started 1.1.0",
            "stopped 1.1.0",
            "rolled-back 1.1.0",
            "started 1.2.0",
            "test-traffic-failed 1.2.0",
            "failed 1.2.0",
            "rolled-back 1.2.0",
            "started 1.1.0",
            "shipped 1.1.0",
        ],
        left: Left::Nothing,
    };
    let mut expectations = history.expectations();
    expectations.push(decided("stop"));
    expectations.push(decided("failed-before"));
    let release = |tag: &str, version: &str| ImageSettings::new("shop/web", &[tag], version);
    let mut setting = Setting::shop();
    setting.images = vec![release("release-0", "1.0.0")];
    Scenario {
        pipelines: Scenario::own_pipelines("newest-replaces"),
        setting,
        ..Scenario::of_shop(
            "superseded-is-not-failed",
            "1.1.0 is stopped for 1.2.0, which fails and loses its tag: 1.1.0 is deployed, because it did not fail",
            vec![
                Step::push(release("release-1", "1.1.0")),
                Step::Until(Moment::of("web", Reached::Share(10))),
                Step::Answers(40),
                Step::push(release("release-2", "1.2.0").misbehaving("answers:500:/orders")),
                Step::Settle,
                AN_HOUR,
                Step::Settle,
                Step::Hold("aws.ecr".to_owned()),
                Step::push(release("release-2", "1.1.0")),
                Step::Release(Queued::Lost),
                AN_HOUR,
                Step::Settle,
            ],
            expectations,
        )
    }
}
