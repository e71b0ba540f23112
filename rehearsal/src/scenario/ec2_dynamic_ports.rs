//! A service on EC2 with host port 0: the targets are ports of container instances, and no task has a network of its
//! own to configure.

use rehearsal::ecr::ImageSettings;
use rehearsal::ecs::capacity::LaunchKind;

use crate::scenario::setting::{GREEN, Service, Setting};
use crate::scenario::{MessageFormat, Scenario, Step, claims};

pub(super) fn scenario() -> Scenario {
    let web = Service::of_shop("web", "shop/web").on(LaunchKind::Ec2DynamicPorts);
    let setting = Setting {
        services: vec![web],
        ..Setting::shop()
    };
    let mut expectations = claims::nothing_broke();
    expectations.extend(claims::started(1));
    expectations.extend(claims::all_succeeded());
    expectations.extend(claims::migrated_before_test_traffic(1));
    expectations.extend(claims::shifted("web"));
    expectations.extend(claims::messages(&["started", "shipped"]));
    Scenario {
        name: "ec2-dynamic-ports",
        summary: "the service runs on EC2 with host port 0: no network configuration, an instance's ports as targets",
        pipelines: Scenario::own_pipelines("ec2-dynamic-ports"),
        message_format: MessageFormat::Text,
        setting,
        steps: vec![
            Step::Push(Box::new(ImageSettings::new("shop/web", &["latest"], GREEN))),
            Step::Settle,
        ],
        expectations,
    }
}
