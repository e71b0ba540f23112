//! What later seeds draw beside the rest: services that ECS deploys, and the faults of calls about them. Earlier seeds keep their
//! plans.

use local_aws::assumption::Assumption;
use local_aws::fault::Planned;

use super::draw::Drawn;
use super::faults::call_fault;
use super::{Chances, Deployer, Pipeline};

/// The first seed whose services may be deployed by ECS.
const FIRST_SEED: u64 = 100_001;

/// The calls of each function about service deployments that storms inject faults into.
const CALLS: [(&str, &[&str]); 5] = [
    (
        "start-deployment",
        &[
            "ecs:ListServiceDeployments",
            "ecs:DescribeServiceDeployments",
            "ecs:DescribeServiceRevisions",
            "ecs:UpdateService",
            "ecs:StopServiceDeployment",
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

/// Who deploys each service. A rolling one has no gate.
pub(super) fn deployers(seed: u64, pipelines: &mut [Pipeline]) {
    if seed < FIRST_SEED {
        return;
    }
    let mut drawn = drawn(seed);
    for pipeline in pipelines {
        pipeline.deployer = drawn.one(&Deployer::ALL);
        if pipeline.deployer == Deployer::Rolling {
            pipeline.migrates = false;
            pipeline.asks.clear();
            pipeline.checks_production = false;
        }
    }
}

/// The assumptions about service deployments that hold, and the faults of calls about them.
pub(super) fn further(
    seed: u64,
    chances: Chances,
    pipelines: &[Pipeline],
) -> (Vec<Assumption>, Vec<Planned>) {
    if seed < FIRST_SEED || !pipelines.iter().any(|one| one.deployer.is_ecs()) {
        return (Vec::new(), Vec::new());
    }
    let mut drawn = drawn(!seed);
    let all = Assumption::ALL.iter().copied();
    let about = all.filter(|one| one.is_of_service_deployments());
    let assumed = about.filter(|_| drawn.chance(chances.assumed)).collect();
    let mut faults = Vec::new();
    for pipeline in pipelines.iter().filter(|one| one.deployer.is_ecs()) {
        for (function, operations) in CALLS {
            if drawn.chance(chances.call_fault) {
                faults.push(call_fault(&mut drawn, pipeline, function, operations));
            }
        }
    }
    (assumed, faults)
}

fn drawn(seed: u64) -> Drawn {
    Drawn::new(seed.rotate_left(16))
}
