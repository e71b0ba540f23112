//! The AWS managed policies of roles that CodeDeploy and ECS assume (AWS Managed Policy Reference).

use serde_json::{Value, json};

const ELB: &str = "elasticloadbalancing";

/// Those that are not below `service-role/`.
pub(super) const WITHOUT_PATH: [&str; 3] = [
    "AWSCodeDeployRoleForECS",
    "AWSCodeDeployRoleForECSLimited",
    "AmazonECSInfrastructureRolePolicyForLoadBalancers",
];

/// What container instances may do.
const OF_INSTANCES: [&str; 15] = [
    "ec2:DescribeTags",
    "ecs:CreateCluster",
    "ecs:DeregisterContainerInstance",
    "ecs:DiscoverPollEndpoint",
    "ecs:Poll",
    "ecs:RegisterContainerInstance",
    "ecs:StartTelemetrySession",
    "ecs:UpdateContainerInstancesState",
    "ecs:Submit*",
    "ecr:GetAuthorizationToken",
    "ecr:BatchCheckLayerAvailability",
    "ecr:GetDownloadUrlForLayer",
    "ecr:BatchGetImage",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
];

/// The document of a managed policy, by its name.
pub(super) fn document(name: &str) -> Option<Value> {
    let statements = match name {
        "AWSCodeDeployRoleForECS" => {
            let others = [
                "lambda:InvokeFunction",
                "sns:Publish",
                "s3:GetObject",
                "s3:GetObjectVersion",
            ];
            let mut actions = deploys();
            actions.extend(others.map(str::to_owned));
            json!([allow(&actions, json!("*")), pass(json!("*"))])
        }
        // Its statement for tagged objects of S3 is left out: no AppSpec here comes from there.
        "AWSCodeDeployRoleForECSLimited" => json!([
            allow(&deploys(), json!("*")),
            allow(
                &["sns:Publish".to_owned()],
                json!("arn:aws:sns:*:*:CodeDeployTopic_*")
            ),
            allow(
                &["lambda:InvokeFunction".to_owned()],
                json!("arn:aws:lambda:*:*:function:CodeDeployHook_*")
            ),
            pass(json!([
                "arn:aws:iam::*:role/ecsTaskExecutionRole",
                "arn:aws:iam::*:role/ECSTaskExecution*"
            ])),
        ]),
        "AmazonECSTaskExecutionRolePolicy" => json!([allow(
            &[
                "ecr:GetAuthorizationToken",
                "ecr:BatchCheckLayerAvailability",
                "ecr:GetDownloadUrlForLayer",
                "ecr:BatchGetImage",
                "logs:CreateLogStream",
                "logs:PutLogEvents",
            ]
            .map(str::to_owned),
            json!("*")
        )]),
        // What nobody does here: container instances have no agent that calls.
        "AmazonEC2ContainerServiceforEC2Role" => {
            json!([allow(&OF_INSTANCES.map(str::to_owned), json!("*"))])
        }
        // Its resources are inferred from the names of its statements.
        "AmazonECSInfrastructureRolePolicyForLoadBalancers" => json!([
            allow(
                &elb(&[
                    "DescribeListeners",
                    "DescribeRules",
                    "DescribeTargetGroups",
                    "DescribeTargetHealth"
                ]),
                json!("*")
            ),
            allow(
                &elb(&["ModifyListener"]),
                json!(format!("arn:aws:{ELB}:*:*:listener/*"))
            ),
            allow(
                &elb(&["ModifyRule"]),
                json!(format!("arn:aws:{ELB}:*:*:listener-rule/*"))
            ),
            allow(
                &elb(&["RegisterTargets", "DeregisterTargets"]),
                json!(format!("arn:aws:{ELB}:*:*:targetgroup/*"))
            ),
        ]),
        _ => return None,
    };
    Some(json!({ "Version": "2012-10-17", "Statement": statements }))
}

/// What either policy for CodeDeploy allows it in a deployment to ECS.
fn deploys() -> Vec<String> {
    let ecs = [
        "DescribeServices",
        "CreateTaskSet",
        "UpdateServicePrimaryTaskSet",
        "DeleteTaskSet",
    ];
    let mut actions: Vec<String> = ecs.iter().map(|action| format!("ecs:{action}")).collect();
    actions.extend(elb(&[
        "DescribeTargetGroups",
        "DescribeListeners",
        "ModifyListener",
        "DescribeRules",
        "ModifyRule",
    ]));
    actions.push("cloudwatch:DescribeAlarms".to_owned());
    actions
}

fn elb(actions: &[&str]) -> Vec<String> {
    actions
        .iter()
        .map(|action| format!("{ELB}:{action}"))
        .collect()
}

fn allow(actions: &[String], resource: Value) -> Value {
    json!({ "Effect": "Allow", "Action": actions, "Resource": resource })
}

fn pass(resource: Value) -> Value {
    json!({
        "Effect": "Allow", "Action": "iam:PassRole", "Resource": resource,
        "Condition": { "StringLike": { "iam:PassedToService": ["ecs-tasks.amazonaws.com"] } },
    })
}
