//! The permissions of what deploys services of ECS itself.

use serde_json::json;

use super::*;

const DEPLOYMENT: &str = "arn:aws:ecs:eu-central-1:111122223333:service-deployment/prod/web/abc";

#[tokio::test]
async fn service_deployments_and_revisions_are_resources_of_their_own() {
    let world = world(Assumptions::default()).await;
    let check = |operation, members, expected: &[&str]| {
        check(&world, Service::Ecs, operation, members, expected)
    };
    let revision = DEPLOYMENT.replace("deployment/prod/web/abc", "revision/prod/web/123");
    let service = json!({ "cluster": "prod", "service": "web" });
    check(
        "ListServiceDeployments",
        service,
        &["ecs:ListServiceDeployments ecs:service/prod/web"],
    );
    check(
        "DescribeServiceDeployments",
        json!({ "serviceDeploymentArns": [DEPLOYMENT] }),
        &["ecs:DescribeServiceDeployments ecs:service-deployment/prod/web/abc"],
    );
    check(
        "DescribeServiceRevisions",
        json!({ "serviceRevisionArns": [revision] }),
        &["ecs:DescribeServiceRevisions ecs:service-revision/prod/web/123"],
    );
    for operation in ["StopServiceDeployment", "ContinueServiceDeployment"] {
        let expected = format!("ecs:{operation} ecs:service-deployment/prod/web/abc");
        let request = json!({ "serviceDeploymentArn": DEPLOYMENT });
        check(operation, request.clone(), &[&expected]);
        let needed = permissions(&world, Service::Ecs, operation, &request).unwrap();
        let with_keys = Permission::new(format!("ecs:{operation}"), DEPLOYMENT)
            .with(
                "ecs:cluster",
                "arn:aws:ecs:eu-central-1:111122223333:cluster/prod",
            )
            .with(
                "ecs:service",
                "arn:aws:ecs:eu-central-1:111122223333:service/prod/web",
            );
        assert_eq!(needed, [with_keys]);
    }
}

#[tokio::test]
async fn the_roles_of_hooks_and_load_balancers_are_passed_to_ecs() {
    let world = world(Assumptions::default()).await;
    let role = |name: &str| format!("arn:aws:iam::111122223333:role/{name}");
    let members = json!({
        "cluster": "prod", "service": "web", "serviceName": "web", "taskDefinition": "shop-web:7",
        "deploymentConfiguration": { "lifecycleHooks": [{ "roleArn": role("hooks") }, { "roleArn": role("hooks") }] },
        "loadBalancers": [{ "advancedConfiguration": { "roleArn": role("infrastructure") } }],
    });
    for operation in ["UpdateService", "CreateService"] {
        let own = format!("ecs:{operation} ecs:service/prod/web");
        let expected = [
            own.as_str(),
            "iam:PassRole iam::111122223333:role/hooks",
            "iam:PassRole iam::111122223333:role/infrastructure",
        ];
        check(&world, Service::Ecs, operation, members.clone(), &expected);
        let needed = permissions(&world, Service::Ecs, operation, &members).unwrap();
        let pass = Permission::new("iam:PassRole", role("hooks"))
            .with("iam:PassedToService", "ecs.amazonaws.com");
        assert_eq!(needed[1], pass);
    }
    let plain = json!({ "cluster": "prod", "service": "web", "taskDefinition": "shop-web:7" });
    let expected = ["ecs:UpdateService ecs:service/prod/web"];
    check(&world, Service::Ecs, "UpdateService", plain, &expected);
}

#[tokio::test]
async fn listener_rules() {
    let world = world(Assumptions::default()).await;
    let rule = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:listener-rule/app/web/1/2/3";
    let expected =
        ["elasticloadbalancing:ModifyRule elasticloadbalancing:listener-rule/app/web/1/2/3"];
    let members = json!({ "RuleArn": rule });
    check(&world, Service::Elb, "ModifyRule", members, &expected);
}
