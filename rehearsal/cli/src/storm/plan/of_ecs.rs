//! Who deploys each service, and the faults that are drawn of those that ECS deploys: of its events, and of calls about them.

use local_aws::fault::Planned;

use super::draw::Drawn;
use super::faults::{self, CHECKS_PRODUCTION, Told, call_fault};
use super::{Chances, Deployer, Pipeline};
use crate::scenario::DeliveryFaults;

/// About as many services of each engine.
pub(super) const DEPLOYERS: [Deployer; 7] = [
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
        CHECKS_PRODUCTION,
        &[
            "ecs:DescribeServiceDeployments",
            "ecs:TagResource",
            "ecs:UpdateService",
            "elasticloadbalancing:DescribeRules",
            "scheduler:CreateSchedule",
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

/// What is drawn of services that ECS deploys.
#[derive(Default)]
pub(super) struct OfEcs {
    pub(super) delivery_faults: Vec<DeliveryFaults>,
    pub(super) call_faults: Vec<Planned>,
}

pub(super) fn faults(drawn: &mut Drawn, chances: Chances, pipelines: &[Pipeline]) -> OfEcs {
    let of_ecs = pipelines.iter().filter(|one| one.deployer.is_ecs());
    let of_ecs: Vec<&Pipeline> = of_ecs.collect();
    if of_ecs.is_empty() {
        return OfEcs::default();
    }
    let mut call_faults = Vec::new();
    for pipeline in &of_ecs {
        for (function, operations) in CALLS {
            let is_called = function != CHECKS_PRODUCTION || pipeline.checks_production;
            if is_called && drawn.chance(chances.call_fault) {
                call_faults.push(call_fault(drawn, pipeline, function, operations));
            }
        }
    }
    let delivery_faults = faults::delivery_faults(drawn, chances, &of_ecs, &RULES);
    OfEcs {
        delivery_faults,
        call_faults,
    }
}
