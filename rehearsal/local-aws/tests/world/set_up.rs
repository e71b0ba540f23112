//! Applications, deployment groups and configurations that are created over the API.

use std::collections::BTreeMap;

use local_aws::assumption::{Assumption, Assumptions};
use local_aws::codedeploy::app_spec;
use local_aws::world::World;
use serde_json::{Value, json};

use crate::aws::{PausedWorld, codedeploy, ecs, refused, world};

/// A world whose service runs no tasks, so that it starts at once.
async fn empty(assumed: &[Assumption]) -> PausedWorld {
    let assumptions: Assumptions = assumed.iter().copied().collect();
    world(|settings| {
        settings.services[0].desired_count = 0;
        settings.assumptions = assumptions;
    })
    .await
}

async fn ok(world: &World, operation: &str, members: Value) -> Value {
    let (status, body) = codedeploy(world, operation, members).await;
    assert_eq!(status, 200, "{operation}: {body}");
    body
}

/// The world's initial group as a CreateDeploymentGroup request, in the application `other`.
async fn group(world: &World) -> Value {
    let of = json!({ "applicationName": "shop", "deploymentGroupName": "shop-web" });
    let found = ok(world, "GetDeploymentGroup", of).await;
    let found = &found["deploymentGroupInfo"];
    let mut group = json!({ "applicationName": "other", "deploymentGroupName": "mine" });
    let members = [
        "serviceRoleArn",
        "ecsServices",
        "loadBalancerInfo",
        "deploymentStyle",
        "blueGreenDeploymentConfiguration",
        "autoRollbackConfiguration",
    ];
    for member in members {
        group[member] = found[member].clone();
    }
    group
}

fn changed(group: &Value, member: &str, value: Value) -> Value {
    let mut group = group.clone();
    group[member] = value;
    group
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_created_updated_and_deleted() {
    let world = empty(&[]).await;
    let group = group(&world).await;
    let application = json!({ "applicationName": "other", "computePlatform": "ECS" });
    ok(&world, "CreateApplication", application.clone()).await;
    let (code, _) = refused(&world, "CreateApplication", application).await;
    assert_eq!(code, "ApplicationAlreadyExistsException");
    let (code, _) = refused(&world, "CreateDeploymentGroup", group.clone()).await;
    assert_eq!(code, "ECSServiceMappingLimitExceededException");

    let theirs = json!({ "applicationName": "shop", "deploymentGroupName": "shop-web" });
    ok(&world, "DeleteDeploymentGroup", theirs).await;
    ok(&world, "CreateDeploymentGroup", group.clone()).await;
    let (code, _) = refused(&world, "CreateDeploymentGroup", group).await;
    assert_eq!(code, "DeploymentGroupAlreadyExistsException");

    let change = json!({
        "applicationName": "other", "currentDeploymentGroupName": "mine", "newDeploymentGroupName": "ours",
        "alarmConfiguration": { "enabled": true, "alarms": [{ "name": "web-5xx" }] },
    });
    ok(&world, "UpdateDeploymentGroup", change).await;
    let of = json!({ "applicationName": "other", "deploymentGroupNames": ["mine", "ours"] });
    let found = ok(&world, "BatchGetDeploymentGroups", of).await;
    let found = found["deploymentGroupsInfo"].as_array().unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["deploymentGroupName"], "ours");
    assert_eq!(
        found[0]["alarmConfiguration"]["alarms"][0]["name"],
        "web-5xx"
    );
    assert_eq!(
        found[0]["deploymentConfigName"],
        "CodeDeployDefault.ECSAllAtOnce"
    );
    let groups = ok(
        &world,
        "ListDeploymentGroups",
        json!({ "applicationName": "other" }),
    )
    .await;
    assert_eq!(groups["deploymentGroups"], json!(["ours"]));
    ok(
        &world,
        "DeleteApplication",
        json!({ "applicationName": "other" }),
    )
    .await;
    let (code, _) = refused(
        &world,
        "GetApplication",
        json!({ "applicationName": "other" }),
    )
    .await;
    assert_eq!(code, "ApplicationDoesNotExistException");
    world.shutdown().await;
}

/// A member, an invalid value of it, and the exception.
fn what_is_refused(group: &Value) -> Vec<(&'static str, Value, &'static str)> {
    let in_place =
        json!({ "deploymentType": "IN_PLACE", "deploymentOption": "WITH_TRAFFIC_CONTROL" });
    let mut one_target_group = group["loadBalancerInfo"].clone();
    one_target_group["targetGroupPairInfoList"][0]["targetGroups"]
        .as_array_mut()
        .unwrap()
        .pop();
    vec![
        ("serviceRoleArn", json!(null), "RoleRequiredException"),
        ("serviceRoleArn", json!("me"), "InvalidRoleException"),
        (
            "applicationName",
            json!("missing"),
            "ApplicationDoesNotExistException",
        ),
        (
            "deploymentConfigName",
            json!("missing"),
            "DeploymentConfigDoesNotExistException",
        ),
        ("ecsServices", json!([]), "InvalidECSServiceException"),
        (
            "ecsServices",
            json!([{ "clusterName": "prod", "serviceName": "x" }]),
            "InvalidECSServiceException",
        ),
        (
            "ecsServices",
            json!([{}, {}]),
            "ECSServiceMappingLimitExceededException",
        ),
        (
            "loadBalancerInfo",
            json!(null),
            "InvalidLoadBalancerInfoException",
        ),
        (
            "loadBalancerInfo",
            json!({ "targetGroupInfoList": [] }),
            "InvalidLoadBalancerInfoException",
        ),
        (
            "loadBalancerInfo",
            one_target_group,
            "InvalidTargetGroupPairException",
        ),
        (
            "deploymentStyle",
            json!(null),
            "InvalidDeploymentStyleException",
        ),
        (
            "deploymentStyle",
            in_place,
            "InvalidDeploymentStyleException",
        ),
        (
            "blueGreenDeploymentConfiguration",
            json!(null),
            "InvalidBlueGreenDeploymentConfigurationException",
        ),
        (
            "autoScalingGroups",
            json!([]),
            "InvalidAutoScalingGroupException",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_is_invalid_for_ecs_is_refused() {
    let world = empty(&[]).await;
    let group = group(&world).await;
    let application = json!({ "applicationName": "other", "computePlatform": "ECS" });
    ok(&world, "CreateApplication", application).await;
    let theirs = json!({ "applicationName": "shop", "deploymentGroupName": "shop-web" });
    ok(&world, "DeleteDeploymentGroup", theirs).await;
    let mut cases = what_is_refused(&group);
    cases.push((
        "deploymentConfigName",
        json!("CodeDeployDefault.AllAtOnce"),
        "InvalidDeploymentConfigNameException",
    ));
    for (member, value, wanted) in cases {
        let request = changed(&group, member, value.clone());
        let (code, _) = refused(&world, "CreateDeploymentGroup", request).await;
        assert_eq!(code, wanted, "{member}: {value}");
    }
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_configuration_is_created_used_and_deleted() {
    let mut world = empty(&[]).await;
    let half = json!({ "type": "TimeBasedCanary", "timeBasedCanary": { "canaryPercentage": 50, "canaryInterval": 2 } });
    let config = json!({ "deploymentConfigName": "Half", "computePlatform": "ECS", "trafficRoutingConfig": half });
    ok(&world, "CreateDeploymentConfig", config.clone()).await;
    let (code, _) = refused(&world, "CreateDeploymentConfig", config).await;
    assert_eq!(code, "DeploymentConfigAlreadyExistsException");
    let name = json!({ "deploymentConfigName": "Half" });
    let found = ok(&world, "GetDeploymentConfig", name.clone()).await;
    assert_eq!(found["deploymentConfigInfo"]["trafficRoutingConfig"], half);

    let request = deployment(&world, |request| {
        request["deploymentConfigName"] = json!("Half")
    });
    ok(&world, "CreateDeployment", request).await;
    let (code, _) = refused(&world, "DeleteDeploymentConfig", name.clone()).await;
    assert_eq!(code, "DeploymentConfigInUseException");
    world.settled().await;
    assert_eq!(world.deployments()[0].status, "Succeeded");
    ok(&world, "DeleteDeploymentConfig", name).await;
    // The predefined ones of all compute platforms are listed and described.
    let names = ok(&world, "ListDeploymentConfigs", json!({})).await;
    let names = names["deploymentConfigsList"].as_array().unwrap();
    let mut platforms: BTreeMap<String, usize> = BTreeMap::new();
    for name in names {
        let request = json!({ "deploymentConfigName": name });
        let found = ok(&world, "GetDeploymentConfig", request).await;
        let found = &found["deploymentConfigInfo"];
        assert_eq!(found["deploymentConfigName"], *name);
        let platform = found["computePlatform"].as_str().unwrap();
        let how = match platform {
            "Server" => "minimumHealthyHosts",
            _ => "trafficRoutingConfig",
        };
        assert!(found[how]["type"].is_string(), "{found}");
        *platforms.entry(platform.to_owned()).or_default() += 1;
    }
    let expected = [("ECS", 5), ("Lambda", 9), ("Server", 3)];
    let expected = expected.map(|(platform, count)| (platform.to_owned(), count));
    assert_eq!(platforms, expected.into());
    world.shutdown().await;
}

/// A CreateDeployment request with the service's current revision.
fn deployment(world: &World, change: impl FnOnce(&mut Value)) -> Value {
    let (revision, _) = world.revisions().remove(0);
    let content = app_spec::render(&revision, "web", 8080);
    let revision =
        json!({ "revisionType": "AppSpecContent", "appSpecContent": { "content": content } });
    let mut request = json!({ "applicationName": "shop", "deploymentGroupName": "shop-web", "revision": revision });
    change(&mut request);
    request
}

/// CreateDeployment takes both, because it does not ask ECS.
#[tokio::test(flavor = "multi_thread")]
async fn what_ecs_refuses_of_a_task_set_fails_the_deployment_in_install() {
    for (version, deregistered, sentence, code) in [
        (
            Some("9.9.9"),
            false,
            "The specified platform does not exist.",
            "PlatformUnknownException",
        ),
        (None, true, "TaskDefinition is inactive", "ClientException"),
    ] {
        let mut world = empty(&[]).await;
        let (revision, _) = world.revisions().remove(0);
        let request = deployment(&world, |request| {
            let content = &mut request["revision"]["appSpecContent"]["content"];
            let mut spec: Value = serde_json::from_str(content.as_str().unwrap()).unwrap();
            if let Some(version) = version {
                let resource = spec.pointer_mut("/Resources/0/TargetService/Properties");
                resource.unwrap()["PlatformVersion"] = json!(version);
            }
            *content = json!(spec.to_string());
        });
        if deregistered {
            ecs(
                &world,
                "DeregisterTaskDefinition",
                json!({ "taskDefinition": revision }),
            )
            .await;
        }
        ok(&world, "CreateDeployment", request).await;
        world.settled().await;
        let record = world.deployments().remove(0);
        let (found, message) = record.error.clone().unwrap();
        assert_eq!(
            (record.status, found.as_str()),
            ("Failed", "ECS_UPDATE_ERROR")
        );
        assert!(
            message.contains(sentence) && message.contains(code),
            "{message}"
        );
        world.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_may_have_its_own_alarms_but_no_settings_for_servers() {
    let world = empty(&[]).await;
    type Change = fn(&mut Value);
    let cases: [(Change, &str); 6] = [
        (
            |r| r["targetInstances"] = json!({}),
            "InvalidTargetInstancesException",
        ),
        (
            |r| r["deploymentMode"] = json!("RESTART"),
            "InvalidInputException",
        ),
        (
            |r| r["overrideAlarmConfiguration"] = json!({ "enabled": true }),
            "InvalidAlarmConfigException",
        ),
        (|r| r["revision"] = json!(null), "RevisionRequiredException"),
        (
            |r| r["deploymentConfigName"] = json!("x"),
            "DeploymentConfigDoesNotExistException",
        ),
        (
            |r| r["deploymentConfigName"] = json!("CodeDeployDefault.LambdaAllAtOnce"),
            "InvalidDeploymentConfigNameException",
        ),
    ];
    for (change, wanted) in cases {
        let request = deployment(&world, change);
        assert_eq!(refused(&world, "CreateDeployment", request).await.0, wanted);
    }
    let alarms =
        json!({ "enabled": true, "ignorePollAlarmFailure": true, "alarms": [{ "name": "mine" }] });
    let request = deployment(&world, |request| {
        request["overrideAlarmConfiguration"] = alarms.clone()
    });
    let id = ok(&world, "CreateDeployment", request).await;
    let (code, _) = refused(&world, "ListDeploymentTargets", id.clone()).await;
    assert_eq!(code, "DeploymentNotStartedException");
    let found = ok(&world, "GetDeployment", id).await;
    assert_eq!(
        found["deploymentInfo"]["overrideAlarmConfiguration"],
        alarms
    );
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alarm_that_does_not_exist_stops_a_deployment_only_by_assumption() {
    let stops = vec![Assumption::MissingAlarmStops];
    let ignored = json!({ "enabled": true, "ignorePollAlarmFailure": true, "alarms": [{ "name": "deleted" }] });
    for (assumed, alarms, expected) in [
        (Vec::new(), json!(null), "Succeeded"),
        (stops.clone(), json!(null), "Stopped"),
        (stops, ignored, "Succeeded"),
    ] {
        let mut world = world(|settings| {
            settings.services[0].desired_count = 0;
            settings.services[0].missing_alarms = vec!["deleted".to_owned()];
            settings.assumptions = assumed.into_iter().collect();
        })
        .await;
        let request = deployment(&world, |r| r["overrideAlarmConfiguration"] = alarms.clone());
        ok(&world, "CreateDeployment", request).await;
        world.settled().await;
        assert_eq!(world.deployments()[0].status, expected, "{alarms}");
        world.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_description_has_256_characters() {
    let world = empty(&[]).await;
    let described =
        |length: usize| deployment(&world, |r| r["description"] = json!("d".repeat(length)));
    let (code, _) = refused(&world, "CreateDeployment", described(257)).await;
    assert_eq!(code, "DescriptionTooLongException");
    ok(&world, "CreateDeployment", described(256)).await;
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_hash_is_refused() {
    let world = empty(&[]).await;
    let wrong = |r: &mut Value| r["revision"]["appSpecContent"]["sha256"] = json!("00");
    let request = deployment(&world, wrong);
    let (code, _) = refused(&world, "CreateDeployment", request).await;
    assert_eq!(code, "InvalidRevisionException");
    world.shutdown().await;
}
