//! A service on EC2 with host port 0: the targets are ports of container instances, and no task has a network of its
//! own to configure. Nothing in its pipeline is different.

use local_aws::ecr::ImageSettings;
use local_aws::ecs::capacity::LaunchKind;

use super::setting::{GREEN, Setting};
use super::{Scenario, Step, ship};

pub(super) fn scenario() -> Scenario {
    Scenario {
        setting: Setting::adjusted(|service| service.launch = LaunchKind::Ec2DynamicPorts),
        ..Scenario::of_shop(
            "ec2-dynamic-ports",
            "the service runs on EC2 with host port 0: no network configuration, an instance's ports as targets",
            vec![
                Step::push(ImageSettings::new("shop/web", &["latest"], GREEN)),
                Step::CANARY,
                Step::Settle,
            ],
            ship::expectations(),
        )
    }
}
