//! What CodeDeploy is told to do: create, continue, stop, go on after a hook.

use aws::Kind;
use aws::codedeploy::{CodeDeploy, CreateDeployment};
use rules::codedeploy::{HookAnswer, HookReceipt};
use rules::config::Rollback;
use serde_json::json;

use crate::codedeploy::{application, group, id, target};
use crate::server::{PATIENCE, Server, error, hanging_up_after, json as answer, session};

fn new_deployment() -> CreateDeployment {
    CreateDeployment {
        application: application(),
        deployment_group: group(),
        app_spec: "abc".to_owned(),
        deployment_config: Some("CodeDeployDefault.ECSAllAtOnce".parse().unwrap()),
        description: "greenlight sha256:4c 2026-10-14T09:21:47Z 1.4.2".to_owned(),
        rollback: Rollback::Automatic,
    }
}

#[tokio::test]
async fn a_deployment_is_created_with_the_hash_of_its_app_spec() {
    let server = Server::answering([answer(200, &json!({"deploymentId": "d-1"}))]).await;
    let created = CodeDeploy::new(&server.session())
        .create_deployment(&new_deployment())
        .await;
    assert_eq!(created, Ok(id("d-1")));
    let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let expected = json!({
        "applicationName": "shop", "deploymentGroupName": "shop-web",
        "revision": {"revisionType": "AppSpecContent", "appSpecContent": {"content": "abc", "sha256": sha256}},
        "deploymentConfigName": "CodeDeployDefault.ECSAllAtOnce",
        "description": "greenlight sha256:4c 2026-10-14T09:21:47Z 1.4.2",
        "autoRollbackConfiguration": {"enabled": true, "events": [
            "DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"
        ]},
    });
    server.was_asked(&target("CreateDeployment"), &expected);
}

#[tokio::test]
async fn the_groups_own_configuration_is_used_where_none_is_given() {
    let server = Server::answering([answer(200, &json!({"deploymentId": "d-1"}))]).await;
    let deployment = CreateDeployment {
        deployment_config: None,
        ..new_deployment()
    };
    CodeDeploy::new(&server.session())
        .create_deployment(&deployment)
        .await
        .unwrap();
    assert_eq!(server.request().json().get("deploymentConfigName"), None);
}

#[tokio::test]
async fn the_group_says_how_to_roll_back_where_it_shall() {
    let server = Server::answering([answer(200, &json!({"deploymentId": "d-1"}))]).await;
    let deployment = CreateDeployment {
        rollback: Rollback::Group,
        ..new_deployment()
    };
    CodeDeploy::new(&server.session())
        .create_deployment(&deployment)
        .await
        .unwrap();
    let sent = server.request().json();
    assert_eq!(sent.get("autoRollbackConfiguration"), None);
}

#[tokio::test]
async fn a_deployment_is_created_again_only_when_it_was_throttled() {
    let server = Server::answering([
        error(400, "ThrottlingException", "Rate exceeded"),
        error(400, "ThrottlingException", "Rate exceeded"),
        answer(200, &json!({"deploymentId": "d-1"})),
    ])
    .await;
    assert_eq!(
        CodeDeploy::new(&server.session())
            .create_deployment(&new_deployment())
            .await,
        Ok(id("d-1"))
    );
    assert_eq!(server.requests().len(), 3);

    for (status, code) in [
        (500, "InternalFailure"),
        (503, "ServiceUnavailable"),
        (504, "RequestTimeoutException"),
    ] {
        let server = Server::answering([error(status, code, "Try again.")]).await;
        let failed = CodeDeploy::new(&server.session())
            .create_deployment(&new_deployment())
            .await
            .unwrap_err();
        assert_eq!(
            (failed.kind, server.requests().len()),
            (Kind::Unavailable, 1),
            "{failed}"
        );
    }
    for bytes in [
        "",
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"deploy",
    ] {
        let (url, count) = hanging_up_after(bytes).await;
        let codedeploy = CodeDeploy::new(&session(&url, PATIENCE));
        let failed = codedeploy
            .create_deployment(&new_deployment())
            .await
            .unwrap_err();
        assert_eq!(
            (failed.kind, *count.lock().unwrap()),
            (Kind::Unavailable, 1),
            "{failed}"
        );
    }
}

#[tokio::test]
async fn an_active_deployment_is_a_limit_and_the_message_names_it() {
    let message = "The Deployment Group 'shop-web' already has an active Deployment 'd-8X2K4PLQ3'";
    let server = Server::answering([error(400, "DeploymentLimitExceededException", message)]).await;
    let failed = CodeDeploy::new(&server.session())
        .create_deployment(&new_deployment())
        .await
        .unwrap_err();
    assert_eq!(
        (failed.kind, server.requests().len()),
        (Kind::LimitExceeded, 1)
    );
    assert_eq!(
        failed.to_string(),
        "create deployment `shop/shop-web`: limit exceeded: DeploymentLimitExceededException, \
         The Deployment Group 'shop-web' already has an active Deployment 'd-8X2K4PLQ3'"
    );
}

#[tokio::test]
async fn a_wait_is_ended_or_the_deployment_is_past_it() {
    let server = Server::answering([
        answer(200, &json!({})),
        error(
            400,
            "DeploymentIsNotInReadyStateException",
            "The deployment is not in the ready state.",
        ),
        error(
            400,
            "DeploymentAlreadyCompletedException",
            "The deployment has completed.",
        ),
    ])
    .await;
    let codedeploy = CodeDeploy::new(&server.session());
    assert_eq!(codedeploy.continue_deployment(&id("d-1")).await, Ok(()));
    server.was_asked(
        &target("ContinueDeployment"),
        &json!({"deploymentId": "d-1", "deploymentWaitType": "TERMINATION_WAIT"}),
    );
    for _ in 0..2 {
        let failed = codedeploy
            .continue_deployment(&id("d-1"))
            .await
            .unwrap_err();
        assert_eq!(failed.kind, Kind::Conflict, "{failed}");
    }
}

#[tokio::test]
async fn a_deployment_is_stopped_with_rollback() {
    let server = Server::answering([answer(
        200,
        &json!({"status": "Pending", "statusMessage": "…"}),
    )])
    .await;
    assert_eq!(
        CodeDeploy::new(&server.session())
            .stop_deployment(&id("d-1"))
            .await,
        Ok(())
    );
    server.was_asked(
        &target("StopDeployment"),
        &json!({"deploymentId": "d-1", "autoRollbackEnabled": true}),
    );
}

#[tokio::test]
async fn a_hook_is_answered_and_a_late_answer_is_no_error() {
    let execution = "eyJlbmNyeXB0ZWREYXRhIjoi".repeat(13).parse().unwrap();
    let server = Server::answering([
        answer(200, &json!({"lifecycleEventHookExecutionId": "…"})),
        answer(200, &json!({})),
        error(
            400,
            "LifecycleEventAlreadyCompletedException",
            "The lifecycle event is over.",
        ),
        error(
            400,
            "DeploymentDoesNotExistException",
            "The deployment does not exist.",
        ),
    ])
    .await;
    let codedeploy = CodeDeploy::new(&server.session());
    let (one, failed) = (id("d-1"), HookAnswer::Failed);
    let put =
        |answer| codedeploy.put_lifecycle_event_hook_execution_status(&one, &execution, answer);
    assert_eq!(put(HookAnswer::Succeeded).await, Ok(HookReceipt::Accepted));
    assert_eq!(put(failed).await, Ok(HookReceipt::Accepted));
    assert_eq!(put(failed).await, Ok(HookReceipt::AlreadyCompleted));
    assert_eq!(put(failed).await.unwrap_err().kind, Kind::NotFound);
    let asked = |request: &crate::server::Request| (request.target.clone(), request.json());
    let expected = |status: &str| {
        let body = json!({"deploymentId": "d-1", "lifecycleEventHookExecutionId": execution, "status": status});
        (target("PutLifecycleEventHookExecutionStatus"), body)
    };
    assert_eq!(asked(&server.requests()[0]), expected("Succeeded"));
    assert_eq!(asked(&server.requests()[1]), expected("Failed"));
}
