//! The new version answers badly through the test listener: production must not see it.

use local_aws::ecr::ImageSettings;

use crate::scenario::setting::{GREEN, Setting};
use crate::scenario::{Expectation, MessageFormat, Scenario, Step, claims};

pub(super) fn scenario() -> Scenario {
    let image =
        ImageSettings::new("shop/web", &["latest"], GREEN).misbehaving("answers:500:/orders");
    let mut expectations = claims::nothing_broke();
    expectations.extend(claims::started(1));
    expectations.extend(claims::rolled_back("AfterAllowTestTraffic"));
    expectations.extend(claims::only_blue());
    expectations.push(Expectation::new(
        "1.1.0 was asked through the test listener",
        |record| {
            let asked = record
                .test_listener
                .versions
                .get(GREEN)
                .copied()
                .unwrap_or(0);
            claims::expect(asked > 0, || format!("{:?}", record.test_listener.versions))
        },
    ));
    expectations.extend(claims::messages(&[
        "started",
        "test-traffic-failed",
        "failed",
        "rolled-back",
    ]));
    expectations.extend(claims::message_says(
        "test-traffic-failed",
        &["/orders", "200", "500"],
    ));
    Scenario {
        name: "failed-test-traffic",
        summary: "1.1.0 answers 500 on a path that the check asks for",
        pipelines: Scenario::own_pipelines("failed-test-traffic"),
        message_format: MessageFormat::Json,
        setting: Setting::shop(),
        steps: vec![Step::Push(Box::new(image)), Step::Settle],
        expectations,
        excuses: Vec::new(),
    }
}
