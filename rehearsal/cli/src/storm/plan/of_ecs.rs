//! Who deploys each service, and what is drawn of those that ECS deploys: assumptions, faults of its events and of calls about them.

use local_aws::assumption::Assumption;
use local_aws::fault::Planned;

use super::draw::Drawn;
use super::faults::{self, Told, call_fault};
use super::{Chances, Deployer, Pipeline};
use crate::scenario::DeliveryFaults;

/// About as many services of each engine.
const DEPLOYERS: [Deployer; 7] = [
    Deployer::CodeDeploy,
    Deployer::CodeDeploy,
    Deployer::BlueGreen,
    Deployer::Linear,
    Deployer::Canary,
    Deployer::Rolling,
    Deployer::Rolling,
];

/// The template's rules for ECS's deployments. No event of them is certain: a schedule makes up for those that are lost.
const RULES: [(&str, Told); 2] = [
    (
        "StartDeploymentServiceDeploymentEnded",
        Told::WithBestEffort,
    ),
    (
        "ReportOutcomeServiceDeploymentChanged",
        Told::WithBestEffort,
    ),
];

/// The calls of each function about service deployments that storms inject faults into.
const CALLS: [(&str, &[&str]); 6] = [
    (
        "start-deployment",
        &[
            "ecs:ListServiceDeployments",
            "ecs:DescribeServiceDeployments",
            "ecs:DescribeServiceRevisions",
            "ecs:UpdateService",
            "ecs:StopServiceDeployment",
            "ecs:RunTask",
            "scheduler:CreateSchedule",
            "scheduler:UpdateSchedule",
        ],
    ),
    (
        "finish-migration",
        &[
            "ecs:DescribeTasks",
            "ecs:TagResource",
            "ecs:ListServiceDeployments",
            "scheduler:CreateSchedule",
            "sns:Publish",
        ],
    ),
    (
        "run-migration",
        &[
            "ecs:DescribeServiceDeployments",
            "ecs:DescribeServiceRevisions",
            "ecs:DescribeTasks",
            "ecs:RunTask",
        ],
    ),
    (
        "check-test-traffic",
        &[
            "ecs:DescribeServiceDeployments",
            "ecs:DescribeServiceRevisions",
            "elasticloadbalancing:DescribeRules",
            "elasticloadbalancing:DescribeTargetHealth",
        ],
    ),
    (
        "check-production",
        &[
            "ecs:DescribeServiceDeployments",
            "elasticloadbalancing:DescribeRules",
        ],
    ),
    (
        "report-outcome",
        &[
            "ecs:ListServiceDeployments",
            "ecs:DescribeServiceDeployments",
            "ecs:TagResource",
            "sns:Publish",
        ],
    ),
];

/// Who deploys each service. A rolling one has no green that a gate could ask.
pub(super) fn deployers(seed: u64, pipelines: &mut [Pipeline]) {
    let mut drawn = drawn(seed);
    for pipeline in pipelines {
        pipeline.deployer = drawn.one(&DEPLOYERS);
        if pipeline.deployer == Deployer::Rolling {
            pipeline.asks.clear();
            pipeline.checks_production = false;
        }
    }
}

/// What is drawn of services that ECS deploys.
#[derive(Default)]
pub(super) struct OfEcs {
    pub(super) assumptions: Vec<Assumption>,
    pub(super) delivery_faults: Vec<DeliveryFaults>,
    pub(super) call_faults: Vec<Planned>,
}

pub(super) fn further(seed: u64, chances: Chances, pipelines: &[Pipeline]) -> OfEcs {
    let of_ecs = pipelines.iter().filter(|one| one.deployer.is_ecs());
    let of_ecs: Vec<&Pipeline> = of_ecs.collect();
    if of_ecs.is_empty() {
        return OfEcs::default();
    }
    let mut drawn = drawn(!seed);
    let all = Assumption::ALL.iter().copied();
    let about = all.filter(|one| one.is_of_service_deployments());
    let assumptions = about.filter(|_| drawn.chance(chances.assumed)).collect();
    let mut call_faults = Vec::new();
    for pipeline in &of_ecs {
        for (function, operations) in CALLS {
            if drawn.chance(chances.call_fault) {
                call_faults.push(call_fault(&mut drawn, pipeline, function, operations));
            }
        }
    }
    let delivery_faults = faults::delivery_faults(&mut drawn, chances, &of_ecs, &RULES);
    OfEcs {
        assumptions,
        delivery_faults,
        call_faults,
    }
}

fn drawn(seed: u64) -> Drawn {
    Drawn::new(seed.rotate_left(16))
}
