//! Every permission of `template.yaml` is asked for: without it some scenario fails, for nothing may be refused in one.
//!
//! What the rehearsal refuses it refuses as AWS would, so a permission that may be missing here is not needed there.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::scenarios::run::{Run, play, play_otherwise};

/// Every permission that the template grants, as `--without` takes it, with a short scenario that does not go as expected
/// without it. The role of the time-out schedule is nobody's but the schedule's.
const NEEDED: [(&str, &str); 133] = [
    ("HookRole:lambda:InvokeFunction", "native-ship"),
    ("ScheduleRole:lambda:InvokeFunction", "endless-migration"),
    (
        "check-production:codedeploy:GetDeployment",
        "production-gate-fails",
    ),
    (
        "check-production:codedeploy:GetDeploymentGroup",
        "production-gate-fails",
    ),
    (
        "check-production:codedeploy:GetDeploymentTarget",
        "production-gate-fails",
    ),
    (
        "check-production:codedeploy:ListDeploymentTargets",
        "production-gate-fails",
    ),
    (
        "check-production:codedeploy:PutLifecycleEventHookExecutionStatus",
        "production-gate-fails",
    ),
    (
        "check-production:ecs:DescribeServiceDeployments",
        "native-production-gate-fails",
    ),
    (
        "check-production:ecs:DescribeServiceRevisions",
        "native-production-gate-fails",
    ),
    (
        "check-production:ecs:DescribeServices",
        "production-gate-fails",
    ),
    (
        "check-production:ecs:DescribeTaskDefinition",
        "native-production-gate-fails",
    ),
    (
        "check-production:ecs:ListServiceDeployments",
        "rolling-production-gate",
    ),
    (
        "check-production:ecs:TagResource",
        "native-production-gate-fails",
    ),
    (
        "check-production:ecs:UpdateService",
        "rolling-production-gate-fails",
    ),
    (
        "check-production:elasticloadbalancing:DescribeListeners",
        "production-gate-fails",
    ),
    (
        "check-production:elasticloadbalancing:DescribeLoadBalancers",
        "production-gate-fails",
    ),
    (
        "check-production:elasticloadbalancing:DescribeRules",
        "production-gate-fails",
    ),
    (
        "check-production:elasticloadbalancing:DescribeTargetGroups",
        "rolling-production-gate",
    ),
    (
        "check-production:elasticloadbalancing:DescribeTargetHealth",
        "production-gate-fails",
    ),
    ("check-production:iam:PassRole", "rolling-production-gate"),
    (
        "check-production:scheduler:CreateSchedule",
        "rolling-production-gate",
    ),
    (
        "check-production:scheduler:GetSchedule",
        "rolling-production-gate",
    ),
    ("check-production:sns:Publish", "production-gate-fails"),
    (
        "check-production:sqs:SendMessage",
        "denied-production-answer",
    ),
    ("check-test-traffic:codedeploy:GetDeployment", "ship"),
    ("check-test-traffic:codedeploy:GetDeploymentGroup", "ship"),
    ("check-test-traffic:codedeploy:GetDeploymentTarget", "ship"),
    (
        "check-test-traffic:codedeploy:ListDeploymentTargets",
        "ship",
    ),
    (
        "check-test-traffic:codedeploy:PutLifecycleEventHookExecutionStatus",
        "ship",
    ),
    (
        "check-test-traffic:ecs:DescribeServiceDeployments",
        "native-failed-test-traffic",
    ),
    (
        "check-test-traffic:ecs:DescribeServiceRevisions",
        "native-failed-test-traffic",
    ),
    ("check-test-traffic:ecs:DescribeServices", "ship"),
    (
        "check-test-traffic:ecs:DescribeTaskDefinition",
        "native-failed-test-traffic",
    ),
    (
        "check-test-traffic:ecs:TagResource",
        "native-failed-test-traffic",
    ),
    (
        "check-test-traffic:elasticloadbalancing:DescribeListeners",
        "ship",
    ),
    (
        "check-test-traffic:elasticloadbalancing:DescribeLoadBalancers",
        "ship",
    ),
    (
        "check-test-traffic:elasticloadbalancing:DescribeRules",
        "ship",
    ),
    (
        "check-test-traffic:elasticloadbalancing:DescribeTargetHealth",
        "ship",
    ),
    ("check-test-traffic:sns:Publish", "failed-test-traffic"),
    ("check-test-traffic:sqs:SendMessage", "denied-answer"),
    (
        "finish-migration:codedeploy:GetDeployment",
        "failed-migration",
    ),
    (
        "finish-migration:codedeploy:PutLifecycleEventHookExecutionStatus",
        "failed-migration",
    ),
    (
        "finish-migration:ecs:DescribeTaskDefinition",
        "failed-migration",
    ),
    ("finish-migration:ecs:DescribeTasks", "endless-migration"),
    (
        "finish-migration:ecs:ListServiceDeployments",
        "rolling-migration",
    ),
    (
        "finish-migration:ecs:ListTasks",
        "died-before-it-was-written-down",
    ),
    ("finish-migration:ecs:StopTask", "endless-migration"),
    (
        "finish-migration:ecs:TagResource",
        "rolling-failed-migration",
    ),
    ("finish-migration:iam:PassRole", "rolling-failed-migration"),
    ("finish-migration:logs:GetLogEvents", "failed-migration"),
    (
        "finish-migration:scheduler:CreateSchedule",
        "rolling-failed-migration",
    ),
    (
        "finish-migration:scheduler:DeleteSchedule",
        "failed-migration",
    ),
    ("finish-migration:scheduler:GetSchedule", "failed-migration"),
    ("finish-migration:sns:Publish", "failed-migration"),
    (
        "report-outcome:codedeploy:GetApplicationRevision",
        "denied-hook",
    ),
    ("report-outcome:codedeploy:GetDeployment", "denied-hook"),
    (
        "report-outcome:codedeploy:GetDeploymentGroup",
        "stopped-and-left",
    ),
    (
        "report-outcome:codedeploy:GetDeploymentTarget",
        "denied-hook",
    ),
    (
        "report-outcome:codedeploy:ListDeploymentTargets",
        "denied-hook",
    ),
    (
        "report-outcome:ecs:DescribeServiceDeployments",
        "rolling-ship",
    ),
    (
        "report-outcome:ecs:DescribeServiceRevisions",
        "rolling-ship",
    ),
    ("report-outcome:ecs:DescribeServices", "denied-hook"),
    (
        "report-outcome:ecs:DescribeTaskDefinition",
        "failed-migration",
    ),
    ("report-outcome:ecs:DescribeTasks", "denied-hook"),
    ("report-outcome:ecs:ListServiceDeployments", "rolling-ship"),
    ("report-outcome:ecs:ListTasks", "denied-hook"),
    ("report-outcome:ecs:StopTask", "denied-schedule"),
    ("report-outcome:ecs:TagResource", "rolling-ship"),
    (
        "report-outcome:elasticloadbalancing:DescribeRules",
        "native-rule-put-back",
    ),
    ("report-outcome:iam:PassRole", "rolling-ship"),
    ("report-outcome:logs:GetLogEvents", "failed-migration"),
    ("report-outcome:scheduler:CreateSchedule", "rolling-ship"),
    ("report-outcome:scheduler:DeleteSchedule", "denied-hook"),
    ("report-outcome:scheduler:GetSchedule", "rolling-ship"),
    ("report-outcome:sns:Publish", "denied-hook"),
    ("run-migration:codedeploy:GetDeployment", "denied-hook"),
    (
        "run-migration:codedeploy:GetDeploymentTarget",
        "denied-hook",
    ),
    (
        "run-migration:codedeploy:ListDeploymentTargets",
        "denied-hook",
    ),
    (
        "run-migration:codedeploy:PutLifecycleEventHookExecutionStatus",
        "denied-hook",
    ),
    (
        "run-migration:ecs:DescribeServiceDeployments",
        "native-failed-migration",
    ),
    (
        "run-migration:ecs:DescribeServiceRevisions",
        "native-failed-migration",
    ),
    ("run-migration:ecs:DescribeServices", "denied-hook"),
    ("run-migration:ecs:DescribeTaskDefinition", "denied-hook"),
    ("run-migration:ecs:DescribeTasks", "token-taken"),
    (
        "run-migration:ecs:ListServiceDeployments",
        "native-rollback-request",
    ),
    ("run-migration:ecs:ListTasks", "native-failed-migration"),
    (
        "run-migration:ecs:RegisterTaskDefinition",
        "migration-alone",
    ),
    ("run-migration:ecs:RunTask", "failed-migration"),
    ("run-migration:ecs:StopTask", "denied-record"),
    (
        "run-migration:ecs:TagResource=arn:aws:ecs:eu-central-1:111122223333:task-definition/*-migration:*",
        "migration-alone",
    ),
    (
        "run-migration:ecs:TagResource=arn:aws:ecs:eu-central-1:111122223333:task-definition/*:*",
        "native-failed-migration",
    ),
    (
        "run-migration:iam:PassRole=arn:aws:iam::111122223333:role/*",
        "failed-migration",
    ),
    (
        "run-migration:iam:PassRole=arn:aws:iam::111122223333:role/greenlight-ScheduleRole",
        "failed-migration",
    ),
    ("run-migration:logs:GetLogEvents", "native-failed-migration"),
    ("run-migration:scheduler:CreateSchedule", "failed-migration"),
    ("run-migration:scheduler:GetSchedule", "failed-migration"),
    ("run-migration:scheduler:UpdateSchedule", "failed-migration"),
    ("run-migration:sns:Publish", "denied-hook"),
    (
        "start-deployment:codedeploy:BatchGetDeployments",
        "cut-the-wait",
    ),
    (
        "start-deployment:codedeploy:ContinueDeployment",
        "cut-the-wait",
    ),
    (
        "start-deployment:codedeploy:CreateDeployment",
        "denied-hook",
    ),
    (
        "start-deployment:codedeploy:GetApplicationRevision",
        "denied-hook",
    ),
    (
        "start-deployment:codedeploy:GetDeployment",
        "semver-never-downgrades",
    ),
    (
        "start-deployment:codedeploy:GetDeploymentConfig",
        "denied-hook",
    ),
    (
        "start-deployment:codedeploy:GetDeploymentGroup",
        "no-matching-container",
    ),
    (
        "start-deployment:codedeploy:GetDeploymentTarget",
        "cut-the-wait",
    ),
    (
        "start-deployment:codedeploy:ListDeploymentTargets",
        "cut-the-wait",
    ),
    (
        "start-deployment:codedeploy:ListDeployments",
        "missing-permission",
    ),
    (
        "start-deployment:codedeploy:RegisterApplicationRevision",
        "denied-hook",
    ),
    (
        "start-deployment:codedeploy:StopDeployment",
        "replace-running",
    ),
    (
        "start-deployment:ecr:BatchGetImage",
        "installed-beside-latest",
    ),
    (
        "start-deployment:ecr:DescribeImages",
        "no-matching-container",
    ),
    (
        "start-deployment:ecs:DescribeServiceDeployments",
        "rolling-ship",
    ),
    (
        "start-deployment:ecs:DescribeServiceRevisions",
        "rolling-ship",
    ),
    (
        "start-deployment:ecs:DescribeServices",
        "no-matching-container",
    ),
    (
        "start-deployment:ecs:DescribeTaskDefinition",
        "no-matching-container",
    ),
    (
        "start-deployment:ecs:DescribeTasks",
        "installed-beside-latest",
    ),
    (
        "start-deployment:ecs:ListServiceDeployments",
        "rolling-ship",
    ),
    ("start-deployment:ecs:ListTasks", "installed-beside-latest"),
    ("start-deployment:ecs:RegisterTaskDefinition", "denied-hook"),
    ("start-deployment:ecs:RunTask", "rolling-migration"),
    (
        "start-deployment:ecs:StopServiceDeployment",
        "native-replaced",
    ),
    ("start-deployment:ecs:TagResource", "denied-hook"),
    ("start-deployment:ecs:UpdateService", "rolling-ship"),
    (
        "start-deployment:iam:PassRole=arn:aws:iam::111122223333:role/*",
        "denied-hook",
    ),
    (
        "start-deployment:iam:PassRole=arn:aws:iam::111122223333:role/greenlight-ScheduleRole",
        "rolling-ship",
    ),
    ("start-deployment:iam:GetRole", "native-hook-role"),
    (
        "start-deployment:iam:SimulatePrincipalPolicy",
        "native-hook-role",
    ),
    ("start-deployment:scheduler:CreateSchedule", "rolling-ship"),
    ("start-deployment:scheduler:DeleteSchedule", "rolling-ship"),
    (
        "start-deployment:scheduler:GetSchedule",
        "rolling-migration",
    ),
    (
        "start-deployment:scheduler:UpdateSchedule",
        "rolling-migration",
    ),
    ("start-deployment:sns:Publish", "burst"),
];

#[test]
fn the_table_has_every_permission_of_the_template() {
    let run = play("nobody-follows");
    let granted: Vec<&Value> = ["permissions_used", "permissions_unused"]
        .into_iter()
        .flat_map(|list| run.list(list))
        .collect();
    let name = |grant: &Value| format!("{}:{}", text(grant, "holder"), text(grant, "action"));
    let names: Vec<String> = granted.iter().map(|grant| name(grant)).collect();
    let is_granted_twice = |name: &String| names.iter().filter(|other| *other == name).count() > 1;
    let granted: BTreeSet<String> = granted
        .iter()
        .map(|grant| match name(grant) {
            name if is_granted_twice(&name) => {
                format!("{name}={}", grant["resources"][0].as_str().unwrap())
            }
            name => name,
        })
        .collect();
    let table: BTreeSet<String> = NEEDED
        .iter()
        .map(|(permission, _)| (*permission).to_owned())
        .collect();
    assert_eq!(
        granted, table,
        "template.yaml and this table are not of one mind: a permission needs a scenario that needs it"
    );
}

#[test]
fn without_any_permission_of_the_template_some_scenario_fails() {
    let plays: Vec<[&str; 3]> = NEEDED
        .iter()
        .map(|(permission, scenario)| [*scenario, "--without", *permission])
        .collect();
    let runs = play_otherwise(&plays);
    let idle: Vec<&(&str, &str)> = NEEDED
        .iter()
        .zip(&runs)
        .filter(|((permission, _), run)| !was_missed(permission, run))
        .map(|(needed, _)| needed)
        .collect();
    assert!(
        idle.is_empty(),
        "these permissions are not missed in these scenarios, do not grant them or name another scenario: {idle:#?}"
    );
}

#[test]
fn a_missing_permission_leaves_nothing_half_done() {
    let run = play("missing-permission");
    assert!(run.deployments().is_empty(), "{:?}", run.deployments());
    assert!(run.list("revisions").is_empty());
    run.says(&["refused", "iam:PassRole"]);
    assert_eq!(run.dead_letters(), 0, "it was told, and not kept as well");
    let missing = text(&run.list("permissions_missing")[0], "message");
    for word in [
        "start-deployment",
        "iam:PassRole",
        "arn:aws:iam::111122223333:role/",
    ] {
        assert!(missing.contains(word), "{missing}");
    }
}

#[test]
fn a_hook_that_may_not_answer_fails_its_deployment_and_is_kept() {
    let run = play("denied-answer");
    assert_eq!(run.deployments(), ["Failed", "Succeeded"]);
    assert_eq!(run.lifecycle_event("AfterAllowTestTraffic"), "Failed");
    assert_eq!(run.dead_letters(), 1, "the hook's call is lost");
}

/// By its time limit, by who could not set one, and by the end of the deployment where the limit may not act.
#[test]
fn no_migration_runs_for_ever() {
    for (scenario, reason) in [
        ("endless-migration", "did not end within its 20 minutes"),
        ("denied-record", "it could not be written down"),
        ("denied-schedule", "its deployment has ended"),
    ] {
        let run = play(scenario);
        assert_eq!(run.deployments(), ["Failed", "Succeeded"], "{scenario}");
        assert_eq!(run.lifecycle_event("AfterInstall"), "Failed", "{scenario}");
        let tasks = run.list("tasks");
        assert_eq!(tasks.len(), 1, "{scenario}: {tasks:?}");
        assert!(
            text(&tasks[0], "reason").contains(reason),
            "{scenario}: {tasks:?}"
        );
    }
}

/// Whether the run failed, and the permission was asked for.
fn was_missed(permission: &str, run: &Run) -> bool {
    let name = permission.split('=').next().unwrap();
    let missing = |missing: &Value| {
        format!("{}:{}", text(missing, "holder"), text(missing, "action")) == name
    };
    !run.is_as_expected() && run.list("permissions_missing").iter().any(missing)
}

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap()
}
