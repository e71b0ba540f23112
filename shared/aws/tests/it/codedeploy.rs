//! What CodeDeploy is asked about groups and deployments.

use aws::Kind;
use aws::codedeploy::{CodeDeploy, Deployments};
use aws::follow::Follower;
use rules::codedeploy::{
    Creator, Deployment, DeploymentGroup, DeploymentStatus, LifecycleEvent, LifecycleEventStatus,
};
use rules::config::Config;
use rules::engine::Engine;
use rules::names::{ApplicationName, DeploymentGroupName, DeploymentId};
use serde_json::{Value, json};
use time::macros::utc_datetime;

use crate::server::{Server, error, json as answer};

pub(crate) fn target(operation: &str) -> String {
    format!("CodeDeploy_20141006.{operation}")
}

pub(crate) fn application() -> ApplicationName {
    "shop".parse().unwrap()
}

pub(crate) fn group() -> DeploymentGroupName {
    "shop-web".parse().unwrap()
}

pub(crate) fn id(text: &str) -> DeploymentId {
    text.parse().unwrap()
}

fn deployment(id: &str) -> Value {
    json!({
        "deploymentId": id, "applicationName": "shop", "deploymentGroupName": "shop-web", "status": "Created",
        "createTime": 1_791_970_321.2, "creator": "user", "computePlatform": "ECS"
    })
}

#[tokio::test]
async fn a_group_says_what_it_deploys_to() {
    let listener = |name: &str| {
        format!(
            "arn:aws:elasticloadbalancing:eu-central-1:111122223333:listener/app/shop/0123456789abcdef/{name}"
        )
    };
    let body = json!({"deploymentGroupInfo": {
        "applicationName": "shop", "deploymentGroupName": "shop-web", "computePlatform": "ECS",
        "deploymentConfigName": "CodeDeployDefault.ECSAllAtOnce",
        "ecsServices": [{"serviceName": "web", "clusterName": "prod"}],
        "autoRollbackConfiguration": {"enabled": true, "events": ["DEPLOYMENT_FAILURE", "OF_TOMORROW"]},
        "alarmConfiguration": {"enabled": true, "alarms": [{"name": "web-errors"}]},
        "loadBalancerInfo": {"targetGroupPairInfoList": [{
            "targetGroups": [{"name": "web-blue"}, {"name": "web-green"}],
            "prodTrafficRoute": {"listenerArns": [listener("a")]},
            "testTrafficRoute": {"listenerArns": [listener("b")]}
        }]}
    }});
    let server = Server::answering([answer(200, &body)]).await;
    let found = CodeDeploy::new(&server.session())
        .get_deployment_group(&application(), &group())
        .await;
    server.was_asked(
        &target("GetDeploymentGroup"),
        &json!({"applicationName": "shop", "deploymentGroupName": "shop-web"}),
    );
    let expected = DeploymentGroup {
        service: Some(("prod".parse().unwrap(), "web".parse().unwrap())),
        target_groups: vec!["web-blue".to_owned(), "web-green".to_owned()],
        production_listener: Some(listener("a").parse().unwrap()),
        test_listener: Some(listener("b").parse().unwrap()),
        deployment_config: Some("CodeDeployDefault.ECSAllAtOnce".parse().unwrap()),
        rolls_back: true,
        alarms: vec!["web-errors".to_owned()],
    };
    assert_eq!(found, Ok(expected));
}

#[tokio::test]
async fn a_group_of_another_platform_or_without_a_test_listener_is_still_a_group() {
    let cluster = "arn:aws:ecs:eu-central-1:111122223333:cluster/prod";
    for (info, service) in [
        (json!({"computePlatform": "Server"}), None),
        (
            json!({
                "ecsServices": [{"serviceName": "web", "clusterName": cluster}],
                "alarmConfiguration": {"enabled": false, "alarms": [{"name": "web-errors"}]},
            }),
            Some(("prod".parse().unwrap(), "web".parse().unwrap())),
        ),
    ] {
        let server = Server::answering([answer(200, &json!({"deploymentGroupInfo": info}))]).await;
        let found = CodeDeploy::new(&server.session())
            .get_deployment_group(&application(), &group())
            .await
            .unwrap();
        let expected = DeploymentGroup {
            service,
            target_groups: vec![],
            production_listener: None,
            test_listener: None,
            deployment_config: None,
            rolls_back: false,
            alarms: vec![],
        };
        assert_eq!(found, expected);
    }
}

#[tokio::test]
async fn deployments_are_listed_from_every_page() {
    let since = utc_datetime!(2026-10-14 09:32:01.2);
    for (which, filter) in [
        (
            Deployments::Active,
            json!({"includeOnlyStatuses": ["Created", "Queued", "InProgress", "Baking", "Ready"]}),
        ),
        (
            Deployments::CreatedSince(since),
            json!({"createTimeRange": {"start": 1_791_970_321.2}}),
        ),
    ] {
        let pages = [
            json!({"deployments": ["d-1"], "nextToken": "more"}),
            json!({"deployments": ["d-2", "d-3"]}),
        ];
        let server = Server::answering(pages.iter().map(|page| answer(200, page))).await;
        let found = CodeDeploy::new(&server.session())
            .list_deployments(&application(), &group(), which)
            .await;
        assert_eq!(found, Ok(vec![id("d-1"), id("d-2"), id("d-3")]));
        let mut expected = json!({"applicationName": "shop", "deploymentGroupName": "shop-web"});
        expected
            .as_object_mut()
            .unwrap()
            .extend(filter.as_object().unwrap().clone());
        assert_eq!(server.requests()[0].json(), expected);
        expected["nextToken"] = json!("more");
        assert_eq!(server.requests()[1].json(), expected);
    }
}

#[tokio::test]
async fn deployments_are_read_twenty_five_at_a_time() {
    let ids: Vec<DeploymentId> = (0..51).map(|number| id(&format!("d-{number}"))).collect();
    let pages = ids.chunks(25).map(|chunk| {
        let infos: Vec<Value> = chunk.iter().map(|id| deployment(id.as_str())).collect();
        answer(200, &json!({"deploymentsInfo": infos}))
    });
    let server = Server::answering(pages.collect::<Vec<_>>()).await;
    let found = CodeDeploy::new(&server.session())
        .batch_get_deployments(&ids)
        .await
        .unwrap();
    assert!(found.iter().map(|deployment| &deployment.id).eq(&ids));
    let asked: Vec<usize> = server
        .requests()
        .iter()
        .map(|request| request.json()["deploymentIds"].as_array().unwrap().len())
        .collect();
    assert_eq!(asked, [25, 25, 1]);
}

#[tokio::test]
async fn a_deployment_says_how_it_ended_and_why() {
    let body = json!({"deploymentInfo": {
        "deploymentId": "d-8X2K4PLQ3", "applicationName": "shop", "deploymentGroupName": "shop-web",
        "status": "Failed", "creator": "user", "description": "shop/web:1.4.2", "createTime": 1_791_970_321.2,
        "completeTime": 1_791_970_330, "computePlatform": "OfTomorrow",
        "errorInformation": {"code": "CODE_OF_TOMORROW", "message": "One or more …"},
        "rollbackInfo": {"rollbackDeploymentId": "d-9", "rollbackMessage": "Deployment …"},
        "autoRollbackConfiguration": {"enabled": true, "events": ["DEPLOYMENT_STOP_ON_ALARM"]},
        "revision": {"revisionType": "AppSpecContent", "appSpecContent": {"content": null, "sha256": "cafe"}}
    }});
    let server = Server::answering([answer(200, &body)]).await;
    let found = CodeDeploy::new(&server.session())
        .get_deployment(&id("d-8X2K4PLQ3"))
        .await;
    server.was_asked(
        &target("GetDeployment"),
        &json!({"deploymentId": "d-8X2K4PLQ3"}),
    );
    let expected = Deployment {
        id: id("d-8X2K4PLQ3"),
        application: application(),
        deployment_group: group(),
        status: DeploymentStatus::Failed,
        creator: Creator::Caller,
        description: Some("shop/web:1.4.2".to_owned()),
        created_at: utc_datetime!(2026-10-14 09:32:01.2),
        completed_at: Some(utc_datetime!(2026-10-14 09:32:10)),
        error: Some(("CODE_OF_TOMORROW".to_owned(), "One or more …".to_owned())),
        rolled_back_by: Some(id("d-9")),
        rolls_back: None,
        rolls_back_on_failure: Some(false),
        app_spec_sha256: Some("cafe".to_owned()),
    };
    assert_eq!(found, Ok(expected));
}

#[tokio::test]
async fn every_status_and_creator_has_its_word_and_new_ones_are_under_way() {
    for (status, creator, expected) in [
        (
            "Created",
            "user",
            (DeploymentStatus::Created, Creator::Caller),
        ),
        (
            "Queued",
            "CloudFormation",
            (DeploymentStatus::Created, Creator::Caller),
        ),
        (
            "InProgress",
            "codeDeployRollback",
            (DeploymentStatus::InProgress, Creator::Rollback),
        ),
        (
            "Baking",
            "user",
            (DeploymentStatus::InProgress, Creator::Caller),
        ),
        ("Ready", "user", (DeploymentStatus::Ready, Creator::Caller)),
        (
            "Succeeded",
            "user",
            (DeploymentStatus::Succeeded, Creator::Caller),
        ),
        (
            "Stopped",
            "user",
            (DeploymentStatus::Stopped, Creator::Caller),
        ),
        (
            "Meditating",
            "aStranger",
            (DeploymentStatus::InProgress, Creator::Caller),
        ),
    ] {
        let mut info = deployment("d-1");
        info["status"] = json!(status);
        info["creator"] = json!(creator);
        info["rollbackInfo"] = json!({"rollbackTriggeringDeploymentId": "d-0"});
        let server = Server::answering([answer(200, &json!({"deploymentInfo": info}))]).await;
        let found = CodeDeploy::new(&server.session())
            .get_deployment(&id("d-1"))
            .await
            .unwrap();
        assert_eq!(
            (found.status, found.creator),
            expected,
            "{status} {creator}"
        );
        assert_eq!(found.rolls_back, Some(id("d-0")));
    }
}

#[tokio::test]
async fn a_target_has_the_lifecycle_events() {
    let body = json!({"deploymentTarget": {"deploymentTargetType": "ECSTarget", "ecsTarget": {
        "targetId": "prod:web", "status": "InProgress", "taskSetsInfo": [{"identifer": "ecs-svc/1"}],
        "lifecycleEvents": [
            {"lifecycleEventName": "BeforeInstall", "startTime": 1_791_970_321.2, "endTime": 1_791_970_330,
                "status": "Succeeded"},
            {"lifecycleEventName": "AfterInstall", "status": "Failed",
                "diagnostics": {"errorCode": "OfTomorrow", "message": "It did not work."}},
            {"lifecycleEventName": "AllowTraffic", "status": "Hovering", "diagnostics": {"message": ""}}
        ]
    }}});
    let server = Server::answering([
        answer(200, &json!({"targetIds": ["prod:web"]})),
        answer(200, &body),
    ])
    .await;
    let found = CodeDeploy::new(&server.session())
        .get_deployment_target(&id("d-1"))
        .await
        .unwrap()
        .unwrap();
    let asked: Vec<_> = server
        .requests()
        .iter()
        .map(|request| (request.target.clone(), request.json()))
        .collect();
    assert_eq!(
        asked,
        [
            (
                target("ListDeploymentTargets"),
                json!({"deploymentId": "d-1"})
            ),
            (
                target("GetDeploymentTarget"),
                json!({"deploymentId": "d-1", "targetId": "prod:web"})
            ),
        ]
    );
    let event = |name: &str, status, message: Option<&str>| LifecycleEvent {
        name: name.to_owned(),
        status,
        started_at: None,
        ended_at: None,
        message: message.map(str::to_owned),
    };
    let first = LifecycleEvent {
        started_at: Some(utc_datetime!(2026-10-14 09:32:01.2)),
        ended_at: Some(utc_datetime!(2026-10-14 09:32:10)),
        ..event("BeforeInstall", LifecycleEventStatus::Succeeded, None)
    };
    let second = event(
        "AfterInstall",
        LifecycleEventStatus::Failed,
        Some("It did not work."),
    );
    let third = event("AllowTraffic", LifecycleEventStatus::Unknown, None);
    assert_eq!(found.lifecycle_events, [first, second, third]);
}

#[tokio::test]
async fn a_deployment_that_has_not_started_has_no_target() {
    let not_started = || {
        error(
            400,
            "DeploymentNotStartedException",
            "The deployment has not started.",
        )
    };
    for answers in [
        vec![not_started()],
        vec![answer(200, &json!({"targetIds": []}))],
        vec![
            answer(200, &json!({"targetIds": ["prod:web"]})),
            not_started(),
        ],
    ] {
        let server = Server::answering(answers).await;
        assert_eq!(
            CodeDeploy::new(&server.session())
                .get_deployment_target(&id("d-1"))
                .await,
            Ok(None)
        );
    }
}

#[tokio::test]
async fn an_app_spec_is_found_by_its_hash() {
    let body = json!({"revision": {"revisionType": "AppSpecContent",
        "appSpecContent": {"content": "{\"version\": 0.0}", "sha256": "cafe"}}});
    let server =
        Server::answering([answer(200, &body), answer(200, &json!({"revision": {}}))]).await;
    let codedeploy = CodeDeploy::new(&server.session());
    let content = codedeploy
        .get_application_revision(&application(), "cafe")
        .await;
    server.was_asked(
        &target("GetApplicationRevision"),
        &json!({"applicationName": "shop",
            "revision": {"revisionType": "AppSpecContent", "appSpecContent": {"sha256": "cafe"}}}),
    );
    assert_eq!(content.as_deref(), Ok("{\"version\": 0.0}"));
    let failed = codedeploy
        .get_application_revision(&application(), "cafe")
        .await
        .unwrap_err();
    assert_eq!(failed.kind, Kind::Unexpected);
}

/// CodeDeploy forgets deployments with their application: that is no reason to show nothing of a service.
#[tokio::test]
async fn since_when_something_serves_is_left_out_where_its_deployment_is_forgotten() {
    let file = "[[pipeline]]\nname='web'\nrepository='shop/web'\ntag='latest'\ncluster='prod'\nservice='web'\n";
    let config = Config::parse(file).unwrap();
    for (code, expected) in [
        ("DeploymentDoesNotExistException", Ok(None)),
        ("InvalidDeploymentIdException", Ok(None)),
        ("AccessDeniedException", Err(Kind::Denied)),
    ] {
        let server = Server::answering([error(400, code, "the words of AWS")]).await;
        let follower = Follower::new(&server.session(), "greenlight".parse().unwrap());
        let since = follower
            .serves_since(&config.pipelines[0], Some(&id("d-1")), Engine::CodeDeploy)
            .await;
        assert_eq!(since.map_err(|failed| failed.kind), expected, "{code}");
    }
}
