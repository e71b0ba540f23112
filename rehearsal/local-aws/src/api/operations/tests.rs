//! Properties of every operation, and the permissions that calls in a small account require.

mod iam;
mod logs;
mod service_deployments;

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::*;
use crate::api::input::Input;
use crate::api::operation::Call;
use crate::assumption::{Assumption, Assumptions};
use crate::ecs::task_definition::Revision;
use crate::iam::Permission;
use crate::identity::REGION;
use crate::template::Template;
use crate::world::{World, WorldSettings};

/// An account with one cluster and one revision, whose task role and execution role differ.
async fn world(assumptions: Assumptions) -> World {
    let template = Template::default();
    let world = World::start(WorldSettings {
        template,
        without: Vec::new(),
        assumptions,
        port: 0,
        repositories: Vec::new(),
        images: Vec::new(),
        indexes: Vec::new(),
        services: Vec::new(),
        sample_service: PathBuf::new(),
        programs: Default::default(),
        dwell: crate::clock::DWELL,
        pace: crate::clock::Pace::Real,
        faults: Vec::new(),
        secrets: Vec::new(),
        listener_ports: crate::elb::ListenerPorts::default(),
        image_environment: std::collections::BTreeMap::new(),
    });
    let world = world.await.unwrap();
    let registered = json!({ "taskRoleArn": "arn:aws:iam::111122223333:role/task", "executionRoleArn": "execution" });
    let revision = Revision {
        family: "shop-web".to_owned(),
        number: 7,
        registered: registered.as_object().unwrap().clone().into(),
        tags: Vec::new(),
        registered_at: world.clock.now(),
        registered_by: String::new(),
        deregistered_at: None,
    };
    world
        .ecs
        .write(|state| state.families.insert("shop-web".to_owned(), vec![revision]));
    world
}

/// Returns the permissions that a call requires; none for an unknown operation.
fn permissions(
    world: &World,
    service: Service,
    operation: &str,
    members: &Value,
) -> Option<Vec<Permission>> {
    let call = Call {
        aws: world.aws(),
        service,
        function: None,
        session: None,
        operation,
        region: REGION,
        input: Input::new(members, missing(service)).unwrap(),
    };
    Some(find(service, operation)?.permissions(call))
}

/// `action resource`, with the names of the account left out.
fn needs(world: &World, service: Service, operation: &str, members: Value) -> Option<Vec<String>> {
    let short = |text: &str| {
        text.replace("arn:aws:", "")
            .replace("eu-central-1:111122223333:", "")
    };
    let written = |needed: Permission| format!("{} {}", needed.action, short(&needed.resource));
    let needed = permissions(world, service, operation, &members)?;
    Some(needed.into_iter().map(written).collect())
}

#[track_caller]
fn check(world: &World, service: Service, operation: &str, members: Value, expected: &[&str]) {
    let found = needs(world, service, operation, members);
    assert_eq!(
        found.as_deref().unwrap_or_default(),
        expected,
        "{operation}"
    );
}

#[test]
fn every_operation_has_one_entry_and_is_reached_as_its_protocol_has_it() {
    let mut names = BTreeSet::new();
    for (service, operation) in all() {
        let name = format!("{}:{}", service.prefix(), operation.name);
        let is_routed = operation.route.is_some();
        assert_eq!(is_routed, service.protocol() == Protocol::Rest, "{name}");
        assert!(names.insert(name.clone()), "{name} has two entries");
    }
}

#[tokio::test]
async fn every_operation_needs_the_action_of_its_own_name() {
    let world = world(Assumptions::default()).await;
    let named = ["services", "tasks", "containerInstances", "deploymentIds"];
    let named = named
        .into_iter()
        .chain(["applicationNames", "deploymentGroupNames"]);
    let mut members: Map<String, Value> = named
        .map(|member| (member.to_owned(), json!(["a"])))
        .collect();
    members.insert("Entries".to_owned(), json!([{}]));
    let members = Value::Object(members);
    for (service, operation) in all() {
        let action = match (service, operation.name) {
            (Service::Sts, "GetCallerIdentity") => continue,
            (Service::Lambda, "Invoke") => "InvokeFunction",
            (_, name) => name,
        };
        let needed = permissions(&world, service, operation.name, &members).unwrap();
        let first = needed.first().map(|needed| needed.action.clone());
        assert_eq!(first, Some(format!("{}:{action}", service.prefix())));
    }
}

/// ECS API Reference, "Request throttling for the Amazon ECS API".
#[test]
fn operations_of_ecs_draw_from_their_buckets() {
    for (name, burst_and_refill) in [
        ("CreateTaskSet", (50, 5)),
        ("DeregisterTaskDefinition", (20, 1)),
        ("DescribeClusters", (50, 20)),
        ("DescribeServices", (100, 20)),
        ("DescribeTaskDefinition", (50, 20)),
        ("DescribeTasks", (100, 20)),
        ("RegisterTaskDefinition", (20, 1)),
        ("RunTask", (100, 40)),
        ("StopTask", (100, 40)),
        ("TagResource", (20, 10)),
        ("UpdateService", (50, 5)),
    ] {
        let bucket = find(Service::Ecs, name).unwrap().bucket.unwrap();
        assert_eq!(bucket.burst_and_refill(), burst_and_refill, "{name}");
    }
    let throttled = all().filter(|(_, operation)| operation.bucket.is_some());
    assert!(
        throttled
            .into_iter()
            .all(|(service, _)| service == Service::Ecs)
    );
}

#[test]
fn paths_lead_to_operations() {
    let routed = |method: &str, path: &str| {
        let segments: Vec<String> = path.split('/').skip(1).map(str::to_owned).collect();
        let (_, operation, _, members) = routed(method, &segments)?;
        let members = members
            .iter()
            .map(|(member, value)| format!(" {member}={value}"));
        Some(format!("{}{}", operation.name, members.collect::<String>()))
    };
    for (method, path, expected) in [
        ("GET", "/2015-03-31/functions", Some("ListFunctions")),
        ("GET", "/2015-03-31/functions/", Some("ListFunctions")),
        (
            "GET",
            "/2015-03-31/functions/f",
            Some("GetFunction FunctionName=f"),
        ),
        ("GET", "/2015-03-31/functions/f/", None),
        (
            "POST",
            "/2015-03-31/functions/f/invocations",
            Some("Invoke FunctionName=f"),
        ),
        ("GET", "/schedules", Some("ListSchedules")),
        ("GET", "/schedules/", Some("GetSchedule Name=")),
        ("PUT", "/schedules/s", Some("UpdateSchedule Name=s")),
        ("PATCH", "/schedules/s", None),
        ("GET", "/", None),
    ] {
        assert_eq!(routed(method, path).as_deref(), expected, "{method} {path}");
    }
}

#[tokio::test]
async fn tasks_and_their_roles() {
    let world = world(Assumptions::default()).await;
    let check = |operation, members, expected: &[&str]| {
        check(&world, Service::Ecs, operation, members, expected)
    };
    let pass = [
        "iam:PassRole iam::111122223333:role/task",
        "iam:PassRole iam::111122223333:role/execution",
    ];
    let run = "ecs:RunTask ecs:task-definition/shop-web:7";
    check(
        "RunTask",
        json!({ "taskDefinition": "shop-web:7" }),
        &[run, pass[0], pass[1]],
    );
    check(
        "RunTask",
        json!({ "taskDefinition": "shop-web" }),
        &[run, pass[0], pass[1]],
    );
    let overrides = json!({ "taskRoleArn": "other" });
    check(
        "RunTask",
        json!({ "taskDefinition": "shop-web", "overrides": overrides, "cluster": "prod", "tags": [{ "key": "a" }] }),
        &[
            run,
            "ecs:TagResource ecs:task/prod/*",
            "iam:PassRole iam::111122223333:role/other",
            pass[1],
        ],
    );
    let register = json!({ "family": "web", "executionRoleArn": "one", "taskRoleArn": "one", "tags": [{ "key": "a", "value": "b" }] });
    check(
        "RegisterTaskDefinition",
        register,
        &[
            "ecs:RegisterTaskDefinition ecs:task-definition/web:*",
            "ecs:TagResource ecs:task-definition/web:*",
            "iam:PassRole iam::111122223333:role/one",
        ],
    );
    check(
        "RegisterTaskDefinition",
        json!({ "family": "web" }),
        &["ecs:RegisterTaskDefinition ecs:task-definition/web:*"],
    );
    check(
        "DescribeTaskDefinition",
        json!({ "taskDefinition": "shop-web" }),
        &["ecs:DescribeTaskDefinition *"],
    );
    check(
        "StopTask",
        json!({ "cluster": "prod", "task": "0a" }),
        &["ecs:StopTask ecs:task/prod/0a"],
    );
    let cluster = "arn:aws:ecs:eu-central-1:111122223333:cluster/prod";
    let services = json!({ "cluster": cluster, "services": ["web", "arn:aws:ecs:eu-central-1:111122223333:service/prod/api"] });
    check(
        "DescribeServices",
        services,
        &[
            "ecs:DescribeServices ecs:service/prod/web",
            "ecs:DescribeServices ecs:service/prod/api",
        ],
    );
    check("ListTasks", json!({}), &["ecs:ListTasks *"]);
    check(
        "UpdateTaskSet",
        json!({ "cluster": "prod", "service": "web", "taskSet": "ecs-svc/1" }),
        &["ecs:UpdateTaskSet ecs:task-set/prod/web/ecs-svc/1"],
    );
    check(
        "UpdateServicePrimaryTaskSet",
        json!({ "cluster": "prod", "service": "web" }),
        &["ecs:UpdateServicePrimaryTaskSet ecs:service/prod/web"],
    );
}

#[tokio::test]
async fn condition_keys_go_with_the_call() {
    let world = world(Assumptions::default()).await;
    let members = json!({ "cluster": "prod", "taskDefinition": "shop-web", "tags": [{ "key": "team", "value": "shop" }] });
    let tag = |permission: Permission| {
        permission
            .with("aws:TagKeys", "team")
            .with("aws:RequestTag/team", "shop")
    };
    let run = Permission::new(
        "ecs:RunTask",
        "arn:aws:ecs:eu-central-1:111122223333:task-definition/shop-web:7",
    )
    .with(
        "ecs:cluster",
        "arn:aws:ecs:eu-central-1:111122223333:cluster/prod",
    );
    let tagging = Permission::new(
        "ecs:TagResource",
        "arn:aws:ecs:eu-central-1:111122223333:task/prod/*",
    )
    .with("ecs:CreateAction", "RunTask");
    let pass = |role: &str| {
        Permission::new(
            "iam:PassRole",
            format!("arn:aws:iam::111122223333:role/{role}"),
        )
        .with("iam:PassedToService", "ecs-tasks.amazonaws.com")
    };
    let expected = vec![tag(run), tag(tagging), pass("task"), pass("execution")];
    let found = permissions(&world, Service::Ecs, "RunTask", &members);
    assert_eq!(found, Some(expected));
    let schedule =
        json!({ "Name": "n", "Target": { "RoleArn": "arn:aws:iam::111122223333:role/s" } });
    let pass = Permission::new("iam:PassRole", "arn:aws:iam::111122223333:role/s")
        .with("iam:PassedToService", "scheduler.amazonaws.com");
    let found = permissions(&world, Service::Scheduler, "CreateSchedule", &schedule);
    assert_eq!(found.unwrap()[1], pass);
}

#[tokio::test]
async fn deployments() {
    let world = world(Assumptions::default()).await;
    let check = |operation, members, expected: &[&str]| {
        check(&world, Service::CodeDeploy, operation, members, expected)
    };
    let group = |more: Value| {
        let mut members = json!({ "applicationName": "shop", "deploymentGroupName": "web" });
        for (name, value) in more.as_object().unwrap() {
            members[name] = value.clone();
        }
        members
    };
    let create = [
        "codedeploy:CreateDeployment codedeploy:deploymentgroup:shop/web",
        "codedeploy:GetDeploymentConfig codedeploy:deploymentconfig:Slow",
        "codedeploy:GetApplicationRevision codedeploy:application:shop",
        "codedeploy:RegisterApplicationRevision codedeploy:application:shop",
        "codedeploy:UpdateDeploymentGroup codedeploy:deploymentgroup:shop/web",
    ];
    check(
        "CreateDeployment",
        group(json!({ "deploymentConfigName": "Slow" })),
        &create[..4],
    );
    let alarms = json!({ "deploymentConfigName": "Slow", "overrideAlarmConfiguration": { "enabled": false } });
    check("CreateDeployment", group(alarms), &create);
    check(
        "GetDeploymentGroup",
        group(json!({})),
        &["codedeploy:GetDeploymentGroup codedeploy:deploymentgroup:shop/web"],
    );
    check(
        "GetDeployment",
        json!({ "deploymentId": "d-0" }),
        &["codedeploy:GetDeployment codedeploy:deploymentgroup:*/*"],
    );
    check(
        "GetApplicationRevision",
        group(json!({})),
        &["codedeploy:GetApplicationRevision codedeploy:application:shop"],
    );
    let role = json!({ "serviceRoleArn": "arn:aws:iam::111122223333:role/codedeploy" });
    check(
        "CreateDeploymentGroup",
        group(role),
        &[
            "codedeploy:CreateDeploymentGroup codedeploy:deploymentgroup:shop/web",
            "iam:PassRole iam::111122223333:role/codedeploy",
        ],
    );
    check(
        "ListApplications",
        json!({}),
        &["codedeploy:ListApplications *"],
    );
}

#[tokio::test]
async fn actions_on_one_deployment_know_its_group_unless_assumed_otherwise() {
    let (group, assumed) = (
        world(Assumptions::default()).await,
        world(Assumptions::from_iter([
            Assumption::DeploymentActionsKnowNoResource,
        ]))
        .await,
    );
    for operation in [
        "BatchGetDeploymentTargets",
        "ContinueDeployment",
        "GetDeploymentTarget",
        "ListDeploymentTargets",
        "PutLifecycleEventHookExecutionStatus",
        "StopDeployment",
    ] {
        for (world, resource) in [(&group, "codedeploy:deploymentgroup:*/*"), (&assumed, "*")] {
            let expected = format!("codedeploy:{operation} {resource}");
            check(
                world,
                Service::CodeDeploy,
                operation,
                json!({ "deploymentId": "d-0" }),
                &[&expected],
            );
        }
    }
}

#[tokio::test]
async fn everything_else() {
    let world = world(Assumptions::default()).await;
    let topic = "arn:aws:sns:eu-central-1:111122223333:outcomes";
    for (service, operation, members, expected) in [
        (
            Service::Ecr,
            "DescribeImages",
            json!({ "repositoryName": "shop/web" }),
            "ecr:DescribeImages ecr:repository/shop/web",
        ),
        (
            Service::Elb,
            "DescribeTargetHealth",
            json!({}),
            "elasticloadbalancing:DescribeTargetHealth *",
        ),
        (
            Service::Events,
            "PutEvents",
            json!({ "Entries": [{}] }),
            "events:PutEvents events:event-bus/default",
        ),
        (
            Service::Lambda,
            "Invoke",
            json!({ "FunctionName": "f" }),
            "lambda:InvokeFunction lambda:function:f",
        ),
        (
            Service::Lambda,
            "Invoke",
            json!({ "FunctionName": "f", "Qualifier": "1" }),
            "lambda:InvokeFunction lambda:function:f:1",
        ),
        (
            Service::Logs,
            "GetLogEvents",
            json!({ "logGroupName": "g", "logStreamName": "s" }),
            "logs:GetLogEvents logs:log-group:g:log-stream:s",
        ),
        (
            Service::Logs,
            "FilterLogEvents",
            json!({ "logGroupName": "g" }),
            "logs:FilterLogEvents logs:log-group:g:log-stream:",
        ),
        (
            Service::Scheduler,
            "DeleteSchedule",
            json!({ "Name": "n" }),
            "scheduler:DeleteSchedule scheduler:schedule/default/n",
        ),
        (
            Service::Sns,
            "Publish",
            json!({ "TopicArn": topic }),
            "sns:Publish sns:outcomes",
        ),
    ] {
        check(&world, service, operation, members, &[expected]);
    }
    check(&world, Service::Sts, "GetCallerIdentity", json!({}), &[]);
}

#[tokio::test]
async fn alarms() {
    let world = world(Assumptions::default()).await;
    let check = |operation, members, expected: &[&str]| {
        check(&world, Service::CloudWatch, operation, members, expected)
    };
    let all = "cloudwatch:DescribeAlarms cloudwatch:alarm:*";
    check("DescribeAlarms", json!({}), &[all]);
    let one = "cloudwatch:SetAlarmState cloudwatch:alarm:errors";
    check("SetAlarmState", json!({ "AlarmName": "errors" }), &[one]);
}

#[tokio::test]
async fn rules_and_functions() {
    let world = world(Assumptions::default()).await;
    let target = ["events:ListTargetsByRule events:rule/hourly"];
    let members = json!({ "Rule": "hourly" });
    check(
        &world,
        Service::Events,
        "ListTargetsByRule",
        members,
        &target,
    );
    let get = ["lambda:GetFunction lambda:function:f"];
    let members = json!({ "FunctionName": "f" });
    check(&world, Service::Lambda, "GetFunction", members, &get);
}
