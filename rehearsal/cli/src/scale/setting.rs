//! The initial state of a burst: many services with one base image, each with its pipeline.

use std::fmt::Write as _;
use std::time::Duration;

use local_aws::ecr::ImageSettings;

use crate::scenario::setting::{BLUE, CLUSTER, Service, Setting};
use crate::scenario::{MessageFormat, Pipelines, Scenario};

/// The base image.
pub(super) const REPOSITORY: &str = "platform/base";

/// The dwell before a clock jump: long enough for clients of many services to see every phase.
const DWELL: Duration = Duration::from_millis(50);
/// The configured interval of health checks. They are real requests, and are sent fifty times as often.
const CHECKED_EVERY: Duration = Duration::from_secs(60);

/// A world with this number of services, and `setting`'s assumptions and faults.
pub(super) fn scenario(setting: Setting, services: u32) -> Scenario {
    let names: Vec<String> = (1..=services)
        .map(|number| format!("service-{number:03}"))
        .collect();
    Scenario {
        name: "scale".to_owned(),
        summary: "one base image, followed by many services, is pushed many times in a row"
            .to_owned(),
        pipelines: Pipelines::Text(pipelines(&names)),
        message_format: MessageFormat::Json,
        setting: Setting {
            repositories: vec![REPOSITORY.to_owned()],
            images: vec![ImageSettings::new(REPOSITORY, &["latest"], BLUE)],
            services: names.iter().map(|name| service(name)).collect(),
            dwell: DWELL,
            ..setting
        },
        steps: Vec::new(),
        expectations: Vec::new(),
        excuses: Vec::new(),
    }
}

/// Deployments that outlast the pushes (a canary of five minutes) and have no termination wait: a newest image that
/// waits for another deployment starts as soon as that one ends.
fn service(name: &str) -> Service {
    Service::of_shop(name, REPOSITORY).adjusted(|settings| {
        settings.desired_count = 1;
        settings.termination_wait = Duration::ZERO;
        settings.health_check.interval = CHECKED_EVERY;
    })
}

fn pipelines(names: &[String]) -> String {
    names.iter().fold(String::new(), |mut text, name| {
        // Writing to a `String` does not fail.
        let _ = write!(
            text,
            "[[pipeline]]\nname = \"{name}\"\nrepository = \"{REPOSITORY}\"\ntag = \"latest\"\n\
             cluster = \"{CLUSTER}\"\nservice = \"{name}\"\n\n"
        );
        text
    })
}
