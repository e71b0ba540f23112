//! Which scenario needs which permission.

/// Every permission that the template grants, as `--without` takes it, with a short scenario that does not go as expected
/// without it. The role of the time-out schedule is nobody's but the schedule's.
pub(super) const NEEDED: [(&str, &str); 148] = [
    ("HookRole:lambda:InvokeFunction", "native-failed-migration"),
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
    (
        "check-production:ecr:DescribeImages",
        "production-gate-fails",
    ),
    ("check-production:events:PutEvents", "production-gate-fails"),
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
    (
        "check-test-traffic:ecr:DescribeImages",
        "failed-test-traffic",
    ),
    ("check-test-traffic:events:PutEvents", "failed-test-traffic"),
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
    ("finish-migration:ecr:DescribeImages", "failed-migration"),
    ("finish-migration:events:PutEvents", "failed-migration"),
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
    ("report-outcome:ecr:DescribeImages", "denied-hook"),
    ("report-outcome:events:PutEvents", "denied-hook"),
    ("report-outcome:sns:Publish", "denied-hook"),
    (
        "run-migration:codedeploy:BatchGetDeployments",
        "moved-to-native-rollback",
    ),
    (
        "run-migration:codedeploy:ListDeployments",
        "moved-to-native-rollback",
    ),
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
    ("run-migration:ecr:DescribeImages", "denied-hook"),
    ("run-migration:events:PutEvents", "denied-hook"),
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
    ("start-deployment:events:PutEvents", "burst"),
    ("start-deployment:sns:Publish", "burst"),
    ("start-deployment:ssm:GetParameter", "publish"),
    ("start-deployment:ssm:PutParameter", "publish"),
];
