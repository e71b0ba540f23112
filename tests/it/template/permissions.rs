//! What the functions may do.

use std::fmt::Write;

use serde_json::{Value, json};

use super::read::{actions, functions, statements, template};
use crate::repository;

/// Actions that AWS cannot grant for a single resource (Service Authorization Reference). CodeDeploy's user guide grants its
/// five for a deployment group; only `*` works under both.
const WITHOUT_RESOURCE: [&str; 12] = [
    "codedeploy:ContinueDeployment",
    "codedeploy:GetDeploymentTarget",
    "codedeploy:ListDeploymentTargets",
    "codedeploy:PutLifecycleEventHookExecutionStatus",
    "codedeploy:StopDeployment",
    "ecs:DescribeTaskDefinition",
    "ecs:ListTasks",
    "elasticloadbalancing:DescribeListeners",
    "elasticloadbalancing:DescribeLoadBalancers",
    "elasticloadbalancing:DescribeRules",
    "elasticloadbalancing:DescribeTargetGroups",
    "elasticloadbalancing:DescribeTargetHealth",
];

fn each_statement(mut check: impl FnMut(&str, &Value)) {
    for function in functions() {
        let id = &function.id;
        let statements = statements(&function.properties);
        assert!(
            !statements.is_empty(),
            "{id} is without permissions, grant what it calls"
        );
        statements.iter().for_each(|statement| check(id, statement));
    }
}

/// Every operation that a function calls is here, and nothing else: a review of this list is a review of its power.
#[test]
fn each_function_may_do_this_and_nothing_else() {
    let mut said = String::new();
    for function in functions() {
        let statements = statements(&function.properties);
        let mut granted: Vec<String> = statements.iter().flat_map(actions).collect();
        granted.sort();
        granted.dedup();
        writeln!(said, "{}: {}", function.id, granted.join(" ")).unwrap();
    }
    insta::assert_snapshot!(said);
}

#[test]
fn no_action_is_granted_by_a_wildcard() {
    each_statement(|id, statement| {
        let is_denied = statement["Effect"] == "Deny";
        assert!(is_denied || statement["Effect"] == "Allow");
        for action in actions(statement) {
            assert!(
                is_denied || !action.contains('*'),
                "`{action}` of {id} is a wildcard, name the actions"
            );
        }
    });
}

#[test]
fn every_resource_is_granted_only_where_aws_knows_no_other_way() {
    each_statement(|id, statement| {
        let actions = actions(statement);
        if statement["Resource"] == "*" {
            for action in actions {
                assert!(
                    WITHOUT_RESOURCE.contains(&action.as_str()),
                    "`{action}` of {id} is granted on `*`, narrow it"
                );
            }
        } else {
            assert!(
                !actions
                    .iter()
                    .any(|action| WITHOUT_RESOURCE.contains(&action.as_str())),
                "{actions:?} of {id} are granted for a resource, which one of AWS's references does not know"
            );
            let one_account = statement["Resource"].to_string();
            assert!(
                one_account.contains("${AWS::AccountId}")
                    || one_account.contains("Ref")
                    || one_account.contains("GetAtt"),
                "{actions:?} of {id} is granted beyond this account, name the account"
            );
        }
    });
}

#[test]
fn a_role_is_passed_only_to_the_service_that_needs_it() {
    let mut passed = Vec::new();
    each_statement(|id, statement| {
        if actions(statement).contains(&"iam:PassRole".to_owned()) {
            let service = statement["Condition"]["StringEquals"]["iam:PassedToService"].as_str();
            passed.push(format!("{id}: {}", service.unwrap_or("any service")));
        }
    });
    let wanted = [
        "StartDeployment: ecs-tasks.amazonaws.com",
        "StartDeployment: scheduler.amazonaws.com",
        "RunMigration: ecs-tasks.amazonaws.com",
        "RunMigration: scheduler.amazonaws.com",
        "FinishMigration: scheduler.amazonaws.com",
        "CheckProduction: scheduler.amazonaws.com",
        "ReportOutcome: scheduler.amazonaws.com",
    ];
    assert_eq!(passed, wanted);
}

/// ECS is handed both roles of a revision, and each has a pattern of its own.
#[test]
fn task_roles_and_execution_roles_are_narrowed_by_their_parameters() {
    each_statement(|id, statement| {
        let condition = &statement["Condition"]["StringEquals"]["iam:PassedToService"];
        if condition == "ecs-tasks.amazonaws.com" {
            let role = |parameter: &str| json!({"Fn::Sub": format!("arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:role/${{{parameter}}}")});
            let both = json!([role("TaskRoles"), role("ExecutionRoles")]);
            assert_eq!(statement["Resource"], both, "of {id}");
        }
    });
}

/// Every function publishes to an encrypted topic, and has what it gave up kept in an encrypted queue.
#[test]
fn every_function_may_use_the_key_and_no_other() {
    let mut holders = Vec::new();
    each_statement(|id, statement| {
        let actions = actions(statement);
        if actions.iter().any(|action| action.starts_with("kms:")) {
            assert_eq!(actions, ["kms:Decrypt", "kms:GenerateDataKey"], "of {id}");
            assert_eq!(statement["Resource"], json!({"Ref": "KmsKey"}), "of {id}");
            holders.push(id.to_owned());
        }
    });
    let all: Vec<&String> = functions().iter().map(|function| &function.id).collect();
    assert_eq!(holders.iter().collect::<Vec<_>>(), all);
}

/// Of these `.ci/run` lets calls fail. Actions of the others are no calls of a function.
#[test]
fn every_service_that_is_called_fails_in_ci() {
    let script = repository::text(".ci/run");
    each_statement(|id, statement| {
        for action in actions(statement) {
            let service = action.split(':').next().unwrap();
            let is_called = !["iam", "kms", "sqs"].contains(&service);
            assert!(
                !is_called || script.contains(&format!(":{service}:")),
                ".ci/run is without a call of {service}, which {id} may make; let one fail in `faults`"
            );
        }
    });
}

#[test]
fn tags_are_set_only_on_revisions_that_are_being_registered_or_are_marks() {
    let registered = json!({"StringEquals": {"ecs:CreateAction": "RegisterTaskDefinition"}});
    // Without a key `ForAllValues` is met, so that there must be one.
    let gate = json!({
        "ForAllValues:StringEquals": {"aws:TagKeys": "greenlight:gate"}, "Null": {"aws:TagKeys": "false"},
    });
    let migration = json!({
        "ForAllValues:StringEquals": {"aws:TagKeys": "greenlight:migration"}, "Null": {"aws:TagKeys": "false"},
    });
    let told = json!({
        "ForAllValues:StringEquals": {
            "aws:TagKeys": ["greenlight:told-started", "greenlight:told-waiting", "greenlight:told-overdue", "greenlight:told-ended"]
        },
        "Null": {"aws:TagKeys": "false"},
    });
    each_statement(|id, statement| {
        if actions(statement).contains(&"ecs:TagResource".to_owned()) {
            let condition = &statement["Condition"];
            assert!(
                [&registered, &gate, &migration, &told].contains(&condition),
                "{id} is free to tag anything, limit it: {condition}"
            );
            let resource = statement["Resource"].to_string();
            assert!(resource.contains(":task-definition/"), "{id}: {resource}");
        }
    });
}

/// What people write below `/greenlight/` holds deployments, and whoever could write it could release them.
#[test]
fn what_greenlight_obeys_it_cannot_write() {
    let mut found = Vec::new();
    each_statement(|id, statement| {
        if actions(statement).contains(&"ssm:PutParameter".to_owned()) {
            let resource = statement["Resource"]["Fn::Sub"].as_str().unwrap();
            let (_, name) = resource.split_once(":parameter").unwrap();
            found.push(format!(
                "{id}: {} {name}",
                statement["Effect"].as_str().unwrap()
            ));
        }
    });
    let wanted = [
        "StartDeployment: Allow ${PublishedParameters}*",
        "StartDeployment: Deny /greenlight/*",
    ];
    assert_eq!(found, wanted);
}

/// Calls of ECS that act on a service, a task or a cluster stay in the clusters that the parameter names.
#[test]
fn clusters_are_narrowed_by_their_parameter() {
    let with_cluster = [
        "ecs:DescribeServices",
        "ecs:DescribeTasks",
        "ecs:ListTasks",
        "ecs:RunTask",
        "ecs:StopTask",
        "ecs:UpdateService",
    ];
    each_statement(|id, statement| {
        for action in actions(statement)
            .iter()
            .filter(|action| with_cluster.contains(&action.as_str()))
        {
            let cluster = statement["Condition"]["ArnLike"]["ecs:cluster"]["Fn::Sub"]
                .as_str()
                .unwrap_or_default();
            assert!(
                cluster.ends_with(":cluster/${Clusters}"),
                "`{action}` of {id} is granted in every cluster, narrow it"
            );
        }
    });
}

/// What starts, stops or cuts a deployment, and what makes anything that only a deployment needs.
const ACTS: [&str; 14] = [
    "codedeploy:ContinueDeployment",
    "codedeploy:CreateDeployment",
    "codedeploy:RegisterApplicationRevision",
    "codedeploy:StopDeployment",
    "ecs:ContinueServiceDeployment",
    "ecs:RegisterTaskDefinition",
    "ecs:RunTask",
    "ecs:StopServiceDeployment",
    "ecs:TagResource",
    "ecs:UpdateService",
    "iam:PassRole",
    "scheduler:CreateSchedule",
    "scheduler:DeleteSchedule",
    "scheduler:UpdateSchedule",
];

/// With `Mode=observe` the branches of `Deploys` are left out, whatever the code does: no function starts, stops or cuts a
/// deployment then. Those that CodeDeploy and ECS call go on with the hooks of deployments that others started.
#[test]
fn a_stack_that_observes_may_start_stop_and_cut_nothing() {
    let mut granted_to_deploy = 0;
    for function in functions() {
        let (observes, deploys) = by_mode(&function.properties);
        granted_to_deploy += deploys.len();
        let of_hooks_as_well = |action: &str| {
            let of_migrations = [
                "ecs:RunTask",
                "ecs:RegisterTaskDefinition",
                "ecs:TagResource",
            ];
            function.id != "StartDeployment"
                && (of_migrations.contains(&action)
                    || action == "iam:PassRole"
                    || action.starts_with("scheduler:"))
        };
        for action in observes {
            assert!(
                !ACTS.contains(&action.as_str()) || of_hooks_as_well(&action),
                "`{action}` of {} is granted to a stack that observes, put it below `Deploys`",
                function.id
            );
            let reads = [
                "Describe",
                "List",
                "Get",
                "BatchGet",
                "Simulate",
                "Publish",
                "PutEvents",
                "Decrypt",
            ];
            let (_, operation) = action.split_once(':').unwrap();
            // A parameter that says what serves production starts nothing.
            let others = ["kms:GenerateDataKey", "ssm:PutParameter"];
            let reads = reads.iter().any(|begin| operation.starts_with(begin))
                || others.contains(&action.as_str());
            assert!(
                function.id != "StartDeployment" || reads,
                "`{action}` of StartDeployment is granted to a stack that observes"
            );
        }
    }
    assert!(
        granted_to_deploy >= ACTS.len(),
        "{granted_to_deploy} are granted"
    );
}

/// The actions of a function's policies whatever the mode is, and those with `Mode=deploy` alone.
fn by_mode(function: &Value) -> (Vec<String>, Vec<String>) {
    let (mut always, mut deploying) = (function.clone(), function.clone());
    // A role of its own names its policies, and a condition stands around the name.
    let policies = |function: &Value| -> Vec<Value> {
        let Some(role) = function["Role"]["Fn::GetAtt"].as_str() else {
            return function["Policies"].as_array().cloned().unwrap_or_default();
        };
        let role = role.strip_suffix(".Arn").unwrap();
        let named = template()["Resources"][role]["Properties"]["Policies"].clone();
        let documents = named.as_array().unwrap().iter().map(|policy| {
            let document = &policy["Fn::If"][1]["PolicyDocument"];
            if document.is_null() {
                return policy["PolicyDocument"].clone();
            }
            json!({ "Fn::If": [policy["Fn::If"][0], document, policy["Fn::If"][2]] })
        });
        documents.collect()
    };
    always["Role"] = Value::Null;
    deploying["Role"] = Value::Null;
    let is_for_deploying = |policy: &Value| policy["Fn::If"][0] == "Deploys";
    let (only_deploying, others): (Vec<Value>, Vec<Value>) =
        policies(function).into_iter().partition(is_for_deploying);
    always["Policies"] = Value::Array(others);
    deploying["Policies"] = Value::Array(only_deploying);
    let [always, deploying] = [always, deploying].map(|function| {
        let statements = statements(&function);
        statements.iter().flat_map(actions).collect()
    });
    (always, deploying)
}
