//! Which image is the one that should run: late events, tags that move back, lower versions, and people who went back.

use std::time::Duration;

use local_aws::ecr::ImageSettings;
use serde_json::Value;

use super::history::{History, Left, decided};
use super::setting::{Service, Setting};
use super::step::AN_HOUR;
use super::{Expectation, Moment, Queued, Reached, Scenario, Step, claims};

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        out_of_order(),
        moved_tag_back(),
        moved_tag_back_while_busy(),
        semver_never_downgrades(),
        gone_back_by_hand(),
        asked_by_a_person(),
    ]
}

/// An exact tag is looked up; a glob's images are put in the order of their pushes. The event's place in the queue says
/// nothing in either case.
fn out_of_order() -> Scenario {
    let history = |service| History {
        service,
        deployments: &["1.2.0 Succeeded"],
        revisions: &["1.2.0", "1.2.0"],
        production: &["1.0.0", "1.2.0"],
        messages: &[
            "started 1.2.0",
            "started 1.2.0",
            "skipped 1.1.0",
            "shipped 1.2.0",
            "shipped 1.2.0",
        ],
        left: Left::Nothing,
    };
    let mut expectations = history("web").expectations();
    // What both histories claim alike is claimed once.
    let of_admin = history("admin").alone().into_iter();
    expectations.extend(of_admin.filter(|expectation| expectation.claim.contains("`admin`")));
    expectations.extend(claims::all_succeeded());
    expectations.push(decided("already-in-progress"));
    expectations.push(decided("older-than-running"));
    let mut setting = Setting::shop();
    setting.services.push(Service::of_shop("admin", "shop/web"));
    Scenario {
        pipelines: Scenario::own_pipelines("out-of-order"),
        setting,
        ..Scenario::of_shop(
            "out-of-order",
            "1.1.0 is pushed and then 1.2.0, and ECR tells the later push first",
            vec![
                Step::Hold("aws.ecr".to_owned()),
                push(&["latest", "release-1"], "1.1.0"),
                Step::Pass(Duration::from_secs(5)),
                push(&["latest", "release-2"], "1.2.0"),
                Step::Release(Queued::LastFirst),
                Step::Settle,
            ],
            expectations,
        )
    }
}

/// 1.1.0 is shipped, and then 1.0.0 in its place.
const SHIPPED_AND_BACK: History = History {
    service: "web",
    deployments: &["1.1.0 Succeeded", "1.0.0 Succeeded"],
    revisions: &["1.1.0", "1.0.0"],
    production: &["1.0.0", "1.1.0", "1.0.0"],
    messages: &[
        "started 1.1.0",
        "shipped 1.1.0",
        "started 1.0.0",
        "shipped 1.0.0",
    ],
    left: Left::Nothing,
};

fn moved_tag_back() -> Scenario {
    let mut expectations = SHIPPED_AND_BACK.expectations();
    expectations.extend(claims::all_succeeded());
    Scenario::of_shop(
        "moved-tag-back",
        "the tag is moved back to 1.0.0 after 1.1.0 has shipped: that is an order",
        vec![
            push(&["latest"], "1.1.0"),
            Step::Settle,
            push(&["latest"], "1.0.0"),
            Step::Settle,
            AN_HOUR,
            Step::Settle,
        ],
        expectations,
    )
}

/// The order must not get lost because it has to wait: the look that follows it up knows nothing of the push.
fn moved_tag_back_while_busy() -> Scenario {
    let history = History {
        service: "web",
        deployments: &["1.1.0 Succeeded", "1.2.0 Succeeded", "1.1.0 Succeeded"],
        revisions: &["1.1.0", "1.2.0", "1.1.0"],
        production: &["1.0.0", "1.1.0", "1.2.0", "1.1.0"],
        messages: &[
            "started 1.1.0",
            "shipped 1.1.0",
            "started 1.2.0",
            "waiting 1.1.0",
            "shipped 1.2.0",
            "started 1.1.0",
            "shipped 1.1.0",
        ],
        left: Left::Nothing,
    };
    let mut expectations = history.expectations();
    expectations.extend(claims::all_succeeded());
    Scenario::of_shop(
        "moved-tag-back-while-busy",
        "the tag is moved back to 1.1.0, which has shipped before, while 1.2.0 is being deployed",
        vec![
            push(&["latest"], "1.1.0"),
            Step::Settle,
            push(&["latest"], "1.2.0"),
            Step::Until(Moment::of("web", Reached::Share(10))),
            push(&["latest"], "1.1.0"),
            Step::Settle,
        ],
        expectations,
    )
}

fn semver_never_downgrades() -> Scenario {
    let history = History {
        service: "web",
        deployments: &["1.2.0 Succeeded"],
        revisions: &["1.2.0"],
        production: &["1.0.0", "1.2.0"],
        messages: &[
            "started 1.2.0",
            "skipped 1.1.5",
            "shipped 1.2.0",
            "skipped 1.1.1",
        ],
        left: Left::Nothing,
    };
    let mut expectations = history.expectations();
    expectations.push(decided("older-than-running"));
    expectations.push(decided("already-running"));
    let mut setting = Setting::shop();
    setting.images = vec![ImageSettings::new("shop/web", &["1.0.0"], "1.0.0")];
    Scenario {
        pipelines: Scenario::own_pipelines("semver-never-downgrades"),
        setting,
        ..Scenario::of_shop(
            "semver-never-downgrades",
            "1.2.0 ships; 1.1.5 of an older line and 2.0.0 outside the range change nothing",
            vec![
                push(&["1.2.0"], "1.2.0"),
                Step::Until(Moment::of("web", Reached::Share(10))),
                push(&["1.1.5"], "1.1.5"),
                Step::Settle,
                push(&["v1.1.1"], "1.1.1"),
                push(&["2.0.0"], "2.0.0"),
                Step::Settle,
                AN_HOUR,
                Step::Settle,
            ],
            expectations,
        )
    }
}

/// Even with `when_busy = "replace"`: what somebody deploys by hand is no older image of ours that is in the way.
fn gone_back_by_hand() -> Scenario {
    let history = History {
        service: "web",
        deployments: &["1.1.0 Succeeded", "1.0.0 Succeeded", "1.1.0 Succeeded"],
        revisions: &["1.1.0"],
        production: &["1.0.0", "1.1.0", "1.0.0", "1.1.0"],
        messages: &[
            "started 1.1.0",
            "shipped 1.1.0",
            "started",
            "shipped",
            "started 1.1.0",
            "shipped 1.1.0",
        ],
        left: Left::Nothing,
    };
    let mut expectations = history.expectations();
    expectations.extend(claims::all_succeeded());
    expectations.push(decided("rolled-back-by-hand"));
    Scenario {
        pipelines: Scenario::own_pipelines("replace"),
        ..Scenario::of_shop(
            "gone-back-by-hand",
            "somebody deploys 1.0.0 again in the console: no look undoes it, a person's request does",
            vec![
                push(&["latest"], "1.1.0"),
                Step::Settle,
                Step::Redeploy {
                    service: "web".to_owned(),
                    version: "1.0.0".to_owned(),
                },
                Step::Until(Moment::of("web", Reached::Share(10))),
                Step::Answers(40),
                Step::DeliverAgain,
                Step::Settle,
                Step::DeliverAgain,
                AN_HOUR,
                Step::Settle,
                Step::Ask(super::Request {
                    pipeline: "shop-web".to_owned(),
                    image: None,
                }),
                Step::Settle,
            ],
            expectations,
        )
    }
}

/// What a person asked for is not undone either, while it is being deployed or later.
fn asked_by_a_person() -> Scenario {
    let mut expectations = SHIPPED_AND_BACK.expectations();
    expectations.extend(claims::all_succeeded());
    expectations.push(decided("rolled-back-by-hand"));
    expectations.push(Expectation::new(
        "the dry run said what would change",
        |record| {
            let answers = record.invocations.iter();
            let reports = answers.map(|invocation| &invocation.answer["pipelines"][0]);
            let said = |report: &&Value| {
                let reason = report["reason"].as_str().unwrap_or_default();
                let changes = report["changes"].as_array().map_or(0, Vec::len);
                reason.starts_with("dry run: ") && changes > 0 && report["deployment_id"].is_null()
            };
            let count = reports.filter(said).count();
            claims::expect(count == 1, || format!("{count} answers do"))
        },
    ));
    Scenario {
        pipelines: Scenario::own_pipelines("replace"),
        ..Scenario::of_shop(
            "asked-by-a-person",
            "a person asks what a look would do with 1.0.0, and then for it: no look undoes that",
            vec![
                push(&["latest"], "1.1.0"),
                Step::Settle,
                Step::Ask(super::Request {
                    pipeline: "shop-web".to_owned(),
                    image: Some(super::Wanted {
                        repository: "shop/web".to_owned(),
                        version: "1.0.0".to_owned(),
                        how: super::How::DryRun,
                    }),
                }),
                Step::Settle,
                Step::Ask(super::Request {
                    pipeline: "shop-web".to_owned(),
                    image: Some(super::Wanted {
                        repository: "shop/web".to_owned(),
                        version: "1.0.0".to_owned(),
                        how: super::How::Deploy,
                    }),
                }),
                Step::Until(Moment::of("web", Reached::Share(10))),
                Step::Answers(40),
                Step::DeliverAgain,
                Step::Settle,
                AN_HOUR,
                Step::Settle,
            ],
            expectations,
        )
    }
}

fn push(tags: &[&str], version: &str) -> Step {
    Step::push(ImageSettings::new("shop/web", tags, version))
}
