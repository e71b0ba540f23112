//! Draws the faults: in deliveries of events, and in calls of functions to AWS.

use local_aws::assumption::Assumption;
use local_aws::events::{DeliveryFault, Refusal};
use local_aws::fault::{Fault, Planned, Point};

use super::draw::Drawn;
use super::{Chances, Pipeline};
use crate::scenario::DeliveryFaults;

/// The number of deliveries that may meet a fault, for each rule and service.
const DELIVERIES: usize = 12;
/// The maximum number of faults of one function in one service. Lambda tries an event three times; it is given up if
/// the function is killed each time, and a hook without an answer hangs, which AWS itself does not survive.
const FAULTS_AT_MOST: u32 = 2;
/// A fault meets one of a function's first calls of an operation.
const OCCURRENCES: u32 = 4;

/// The delivery guarantee of a rule's source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// Best effort: events may be lost (ECR, CodeDeploy; of ECS its deployments').
    WithBestEffort,
    /// At least once (ECS's tasks).
    AtLeastOnce,
}

/// The template's rules for every service, each with its source's delivery guarantee.
pub(super) const RULES: [(&str, Told); 4] = [
    (PUSHES, Told::WithBestEffort),
    ("StartDeploymentDeploymentEnded", Told::WithBestEffort),
    ("ReportOutcomeDeploymentChanged", Told::WithBestEffort),
    ("FinishMigrationTaskStopped", Told::AtLeastOnce),
];
/// The rule whose events are about a repository rather than a service.
const PUSHES: &str = "StartDeploymentPush";

/// The calls of each function that storms inject faults into: a choice, not the list of its permissions.
const CALLS: [(&str, &[&str]); 6] = [
    (
        "start-deployment",
        &[
            "ecs:DescribeServices",
            "ecs:DescribeTaskDefinition",
            "ecs:RegisterTaskDefinition",
            "ecr:DescribeImages",
            "codedeploy:GetDeploymentGroup",
            "codedeploy:ListDeployments",
            "codedeploy:BatchGetDeployments",
            "codedeploy:CreateDeployment",
            "codedeploy:ContinueDeployment",
            "codedeploy:StopDeployment",
            "sns:Publish",
        ],
    ),
    (
        "run-migration",
        &[
            "codedeploy:GetDeployment",
            "codedeploy:PutLifecycleEventHookExecutionStatus",
            "ecs:DescribeServices",
            "ecs:RunTask",
            "scheduler:CreateSchedule",
        ],
    ),
    (
        "finish-migration",
        &[
            "codedeploy:PutLifecycleEventHookExecutionStatus",
            "codedeploy:GetDeployment",
            "ecs:DescribeTasks",
            "scheduler:DeleteSchedule",
            "sns:Publish",
        ],
    ),
    (
        "check-test-traffic",
        &[
            "codedeploy:GetDeployment",
            "codedeploy:PutLifecycleEventHookExecutionStatus",
            "ecs:DescribeServices",
            "elasticloadbalancing:DescribeTargetHealth",
            "sns:Publish",
        ],
    ),
    (
        "report-outcome",
        &[
            "codedeploy:GetDeployment",
            "codedeploy:ListDeploymentTargets",
            "ecs:DescribeServices",
            "ecs:ListTasks",
            "ecs:StopTask",
            "sns:Publish",
        ],
    ),
    (
        CHECKS_PRODUCTION,
        &[
            "codedeploy:GetDeployment",
            "codedeploy:PutLifecycleEventHookExecutionStatus",
            "ecs:DescribeServices",
            "elasticloadbalancing:DescribeListeners",
            "sns:Publish",
        ],
    ),
];

/// Called where a pipeline checks production.
pub(super) const CHECKS_PRODUCTION: &str = "check-production";

/// The functions that CodeDeploy calls as hooks.
const HOOKS: [&str; 3] = ["run-migration", "check-test-traffic", CHECKS_PRODUCTION];

/// The cheap kinds: with the others, an SDK waits in real time, and there are many storms.
const KINDS: [Fault; 4] = [
    Fault::KilledBefore,
    Fault::KilledAfter,
    Fault::Denied,
    Fault::AnswerLost,
];
const SLOW_KINDS: [Fault; 3] = [Fault::Error, Fault::Throttled, Fault::TimedOut];

pub(super) fn delivery_faults(
    drawn: &mut Drawn,
    chances: Chances,
    pipelines: &[&Pipeline],
    rules: &[(&str, Told)],
) -> Vec<DeliveryFaults> {
    let mut delivery_faults: Vec<DeliveryFaults> = Vec::new();
    for pipeline in pipelines {
        for (rule, told) in rules.iter().copied() {
            let about = match rule {
                PUSHES => pipeline.repository.clone(),
                _ => pipeline.service.to_owned(),
            };
            let is_known =
                |known: &DeliveryFaults| (known.rule.as_str(), &known.about) == (rule, &about);
            let faults: Vec<Option<DeliveryFault>> = (0..DELIVERIES)
                .map(|_| {
                    drawn
                        .chance(chances.delivery_fault)
                        .then(|| delivery_fault(drawn, told))
                })
                .collect();
            // Pipelines with the same repository share its pushes: the first pipeline's faults apply, but the second
            // one's are drawn as well, to keep the later draws unchanged.
            let any = faults.iter().any(Option::is_some);
            if any && !delivery_faults.iter().any(is_known) {
                delivery_faults.push(DeliveryFaults {
                    rule: rule.to_owned(),
                    about,
                    faults,
                });
            }
        }
    }
    delivery_faults
}

fn delivery_fault(drawn: &mut Drawn, told: Told) -> DeliveryFault {
    match (drawn.rng.u8(..10), told) {
        (0 | 1, Told::WithBestEffort) => DeliveryFault::Lost,
        (0 | 1, Told::AtLeastOnce) | (2..=4, _) => DeliveryFault::Twice,
        (5 | 6, _) => DeliveryFault::Late(drawn.seconds(1, 30)),
        (7 | 8, _) => DeliveryFault::Late(drawn.seconds(30, 600)),
        _ => DeliveryFault::Refused(drawn.rng.u32(1..=4), Refusal::Throttled),
    }
}

pub(super) fn call_faults(
    drawn: &mut Drawn,
    chances: Chances,
    pipelines: &[Pipeline],
    assumptions: &[Assumption],
) -> Vec<Planned> {
    // If a hook that is called once is killed, no answer arrives.
    let once = assumptions.contains(&Assumption::HookIsCalledSynchronously);
    let mut faults = Vec::new();
    for pipeline in pipelines {
        for (function, operations) in CALLS {
            let is_called = function != CHECKS_PRODUCTION || pipeline.checks_production;
            if !is_called || !drawn.chance(chances.call_fault) {
                continue;
            }
            for _ in 0..drawn.rng.u32(1..=FAULTS_AT_MOST) {
                // Drawn even if not injected: an assumption must not change later draws.
                let planned = call_fault(drawn, pipeline, function, operations);
                let is_hook = HOOKS.contains(&function);
                if !(is_hook && once) {
                    faults.push(planned);
                }
            }
        }
    }
    faults
}

pub(super) fn call_fault(
    drawn: &mut Drawn,
    pipeline: &Pipeline,
    function: &str,
    operations: &[&str],
) -> Planned {
    // Counted by service: the order of a function's simultaneous work for two services is undefined, so the second call
    // of an operation would differ between runs.
    let point = Point {
        function: format!("{function}@{}", pipeline.service),
        operation: drawn.one(operations).to_owned(),
        occurrence: drawn.rng.u32(1..=OCCURRENCES),
    };
    let fault = match drawn.rng.u8(..100) {
        0..=3 => drawn.one(&SLOW_KINDS),
        _ => drawn.one(&KINDS),
    };
    Planned { point, fault }
}
