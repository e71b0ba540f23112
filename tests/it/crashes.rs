//! Functions that die at every call they make, in a scenario that ships and in one that fails.
//!
//! Here only the deaths after a call, which come before the next one; `cargo rehearse crashes` plays all faults of all
//! scenarios.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::scenarios::run::{crashes, play_under};
use crate::template::read::functions;

/// How often health is asked for differs from play to play: it takes real time.
const ASKED_AGAIN_AND_AGAIN: &str = "elasticloadbalancing:DescribeTargetHealth";

fn text<'a>(outcome: &'a Value, member: &str) -> &'a str {
    outcome[member].as_str().unwrap()
}

#[test]
fn the_invariants_hold_wherever_a_function_dies() {
    let (outcomes, ended_well, said) = crashes(&[
        "production-gate",
        "failed-migration",
        "--fault",
        "killed-after",
    ]);
    assert!(ended_well, "{said}");
    for outcome in &outcomes {
        let is_missing = outcome["verdict"] == "not_reached";
        let may_be_missing = text(outcome, "call") == ASKED_AGAIN_AND_AGAIN;
        assert!(!is_missing || may_be_missing, "{outcome}");
    }
    let points: BTreeSet<_> = outcomes
        .iter()
        .map(|outcome| (text(outcome, "function"), text(outcome, "call")))
        .collect();
    for function in functions() {
        let dies = points.iter().any(|(name, _)| *name == function.name);
        assert!(
            dies,
            "{} is called in neither scenario, name one here that calls it",
            function.name
        );
    }
    for changes_something in [
        ("start-deployment", "ecs:RegisterTaskDefinition"),
        ("start-deployment", "codedeploy:CreateDeployment"),
        ("run-migration", "ecs:RunTask"),
        ("run-migration", "scheduler:CreateSchedule"),
        (
            "finish-migration",
            "codedeploy:PutLifecycleEventHookExecutionStatus",
        ),
        ("finish-migration", "scheduler:DeleteSchedule"),
        ("finish-migration", "sns:Publish"),
        (
            "check-test-traffic",
            "codedeploy:PutLifecycleEventHookExecutionStatus",
        ),
        ("report-outcome", "sns:Publish"),
    ] {
        assert!(points.contains(&changes_something), "{changes_something:?}");
    }
}

/// The calls about services that ECS deploys itself after which AWS is not as before.
const CHANGE_SOMETHING: [&str; 8] = [
    "ecs:RegisterTaskDefinition",
    "ecs:RunTask",
    "ecs:TagResource",
    "ecs:UpdateService",
    "scheduler:CreateSchedule",
    "scheduler:DeleteSchedule",
    "scheduler:UpdateSchedule",
    "sns:Publish",
];

/// The same where ECS deploys: the hooks of its own deployments, the migration before a rolling update, and the gate after one. A death
/// after a call that changes nothing is one before the next call that does.
#[test]
fn the_invariants_hold_wherever_a_function_of_ecs_deployments_dies() {
    let changing = CHANGE_SOMETHING.iter().flat_map(|call| ["--call", call]);
    let scenarios = [
        "native-failed-test-traffic",
        "rolling-migration",
        "rolling-production-gate-fails",
    ];
    let arguments = scenarios.into_iter().chain(["--fault", "killed-after"]);
    let arguments: Vec<&str> = arguments.chain(changing).collect();
    let (outcomes, ended_well, said) = crashes(&arguments);
    assert!(ended_well, "{said}");
    let points: BTreeSet<_> = outcomes
        .iter()
        .map(|outcome| (text(outcome, "function"), text(outcome, "call")))
        .collect();
    for changes_something in [
        ("start-deployment", "ecs:RegisterTaskDefinition"),
        ("start-deployment", "ecs:UpdateService"),
        ("start-deployment", "ecs:RunTask"),
        ("start-deployment", "scheduler:CreateSchedule"),
        ("start-deployment", "scheduler:UpdateSchedule"),
        ("start-deployment", "scheduler:DeleteSchedule"),
        ("run-migration", "ecs:RunTask"),
        ("finish-migration", "ecs:TagResource"),
        ("finish-migration", "scheduler:CreateSchedule"),
        ("finish-migration", "scheduler:DeleteSchedule"),
        ("check-test-traffic", "ecs:TagResource"),
        ("check-test-traffic", "sns:Publish"),
        ("check-production", "ecs:TagResource"),
        ("check-production", "ecs:UpdateService"),
        ("check-production", "scheduler:CreateSchedule"),
        ("check-production", "sns:Publish"),
        ("report-outcome", "ecs:TagResource"),
        ("report-outcome", "scheduler:CreateSchedule"),
        ("report-outcome", "scheduler:DeleteSchedule"),
        ("report-outcome", "sns:Publish"),
    ] {
        assert!(points.contains(&changes_something), "{changes_something:?}");
    }
}

/// A fault may be planned for the calls about one service, as storms do, whoever deploys that.
#[test]
fn a_fault_meets_the_calls_about_a_service_of_ecs() {
    let fault = "start-deployment@web:ecs:UpdateService:1=killed-before";
    let run = play_under("rolling-ship", &["--fault", fault]);
    let complaint = run.complaint();
    assert!(!complaint.contains("no call met the fault"), "{complaint}");
}

#[test]
fn a_violation_is_told_and_fails_the_command() {
    let (outcomes, ended_well, said) = crashes(&[
        "failed-migration",
        "--call",
        "codedeploy:CreateDeployment",
        "--fault",
        "killed-before",
        "--without",
        "finish-migration:codedeploy:PutLifecycleEventHookExecutionStatus",
    ]);
    assert!(!ended_well);
    let [outcome] = &outcomes[..] else {
        panic!("{said}")
    };
    let violated = outcome["verdict"]["violated"].as_array().unwrap();
    let found = violated.iter().filter_map(Value::as_str);
    assert!(
        found
            .clone()
            .any(|found| found.contains("the AfterInstall hook of")),
        "{outcome}"
    );
    let replay = "cargo rehearse failed-migration --fault start-deployment:codedeploy:CreateDeployment:1=killed-before";
    assert!(said.contains(replay), "{said}");
}

/// A parameter is read and then written. Whichever call the function dies at, the event comes again and finds what is left to do.
#[test]
fn a_death_around_the_write_of_a_parameter_loses_nothing() {
    for call in ["GetParameter:1", "PutParameter:1", "PutParameter:2"] {
        for kind in ["killed-before", "killed-after"] {
            let fault = format!("start-deployment:ssm:{call}={kind}");
            let run = play_under("publish", &["--fault", &fault]);
            let found = run.problems().to_string();
            assert!(!found.contains("the parameter"), "{fault}: {found}");
            assert!(!run.list("parameters").is_empty(), "{fault}");
        }
    }
}
