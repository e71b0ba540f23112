//! Services of ECS's own deployments, their service deployments and service revisions.

use aws::ecs::{Ecs, ServiceDeployments, Updated};
use aws::{CallFailed, Kind};
use rules::ecs::{
    Advanced, Alarms, BreakerState, CircuitBreaker, Configuration, DeployedRevision, Hook,
    HookTarget, Listed, ResolvedTargetGroup, RevisionImage, Rollback, ServiceDeployment, Stage,
    Status, Step, TrafficRule, TriggeredAlarms,
};
use rules::names::{ClusterName, ServiceName};
use rules::observed::{Rollout, RunningRevision};
use serde_json::{Value, json};
use std::cell::Cell;
use std::time::Duration;
use time::UtcDateTime;

use crate::ecs::REVISION;
use crate::server::{Server, error, json as answer};

const HEAD: &str = "arn:aws:ecs:eu-central-1:111122223333";
const HOOK: &str =
    "arn:aws:lambda:eu-central-1:111122223333:function:CodeDeployHook_greenlight_run-migration";
const TARGET: &str = "AmazonEC2ContainerServiceV20141113";
const GROUP: &str =
    "arn:aws:elasticloadbalancing:eu-central-1:111122223333:targetgroup/web-blue/0123456789abcdef";
const RULE: &str =
    "arn:aws:elasticloadbalancing:eu-central-1:111122223333:listener-rule/app/web/0a1b/2c3d/4e5f";
const LISTENER: &str =
    "arn:aws:elasticloadbalancing:eu-central-1:111122223333:listener/net/web/0a1b/2c3d";

fn place() -> (ClusterName, ServiceName) {
    ("prod".parse().unwrap(), "web".parse().unwrap())
}

fn deployment(id: &str) -> String {
    format!("{HEAD}:service-deployment/prod/web/{id}")
}

fn revision(digits: &str) -> String {
    format!("{HEAD}:service-revision/prod/web/{digits}")
}

fn second(second: i64) -> Option<UtcDateTime> {
    UtcDateTime::from_unix_timestamp(second).ok()
}

fn brief(id: &str, status: &str, created_at: i64) -> Value {
    json!({
        "serviceDeploymentArn": deployment(id), "targetServiceRevisionArn": revision("9"), "status": status,
        "createdAt": created_at, "serviceArn": format!("{HEAD}:service/prod/web"), "clusterArn": format!("{HEAD}:cluster/prod")
    })
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one service, a member a line")]
async fn a_service_comes_with_its_strategy_hooks_monitors_and_rules() {
    let service = json!({
        "serviceArn": format!("{HEAD}:service/prod/web"), "serviceName": "web", "status": "ACTIVE", "taskDefinition": REVISION,
        "desiredCount": 2, "runningCount": 2, "schedulingStrategy": "REPLICA", "resourceManagementType": "CUSTOMER",
        "currentServiceDeployment": deployment("EZe5RNVLH6PPzHXINuP28"),
        "currentServiceRevisions": [{"arn": revision("9"), "requestedTaskCount": 2, "runningTaskCount": 1, "pendingTaskCount": 1}],
        "deployments": [{
            "id": "ecs-svc/9", "status": "PRIMARY", "taskDefinition": REVISION, "desiredCount": 2, "runningCount": 1, "failedTasks": 3,
            "rolloutState": "IN_PROGRESS", "rolloutStateReason": "ECS deployment ecs-svc/9 in progress.", "createdAt": 7
        }],
        "loadBalancers": [{
            "targetGroupArn": GROUP, "containerName": "web", "containerPort": 8080, "advancedConfiguration": {
                "alternateTargetGroupArn": GROUP, "productionListenerRule": RULE, "testListenerRule": LISTENER,
                "roleArn": "arn:aws:iam::111122223333:role/infrastructure"
            }
        }, {"targetGroupArn": GROUP, "containerName": "web", "containerPort": 9090}],
        "deploymentConfiguration": {
            "strategy": "CANARY", "canaryConfiguration": {"canaryPercent": 0.5, "canaryBakeTimeInMinutes": 10}, "bakeTimeInMinutes": 5, "minimumHealthyPercent": 100, "maximumPercent": 200,
            "deploymentCircuitBreaker": {"enable": true, "rollback": true},
            "alarms": {"alarmNames": ["errors"], "enable": true, "rollback": false},
            "lifecycleHooks": [{
                "hookTargetArn": "arn:aws:lambda:eu-central-1:111122223333:function:check", "roleArn": "arn:aws:iam::111122223333:role/hook",
                "lifecycleStages": ["PRE_SCALE_UP", "A_STAGE_TO_COME"], "timeoutConfiguration": {"timeoutInMinutes": 1440, "action": "CONTINUE"},
                "hookDetails": true
            }, {"lifecycleStages": ["POST_SCALE_UP"]}]
        }
    });
    let server = Server::answering([answer(200, &json!({"services": [service]}))]).await;
    let (cluster, name) = place();
    let ecs = Ecs::new(&server.session());
    let found = ecs.describe_service(&cluster, &name).await.unwrap();
    assert_eq!(found.deployment_controller, "ECS");
    assert_eq!(found.scheduling_strategy.as_deref(), Some("REPLICA"));
    assert_eq!(found.resource_management.as_deref(), Some("CUSTOMER"));
    assert_eq!(
        found.configuration,
        Configuration {
            strategy: Some("CANARY".to_owned()),
            hooks: vec![
                Hook {
                    target: HookTarget::Lambda {
                        function: "arn:aws:lambda:eu-central-1:111122223333:function:check"
                            .to_owned(),
                        role: Some("arn:aws:iam::111122223333:role/hook".to_owned()),
                    },
                    stages: vec![
                        Stage::PreScaleUp,
                        Stage::Unknown("A_STAGE_TO_COME".to_owned())
                    ],
                    timeout: Some(Duration::from_secs(86400)),
                    goes_on: true,
                },
                Hook {
                    target: HookTarget::Pause,
                    stages: vec![Stage::PostScaleUp],
                    timeout: None,
                    goes_on: false,
                },
            ],
            circuit_breaker: Some(CircuitBreaker {
                enable: true,
                rollback: true
            }),
            alarms: Some(Alarms {
                enable: true,
                rollback: false,
                names: vec!["errors".to_owned()]
            }),
            minimum_healthy_percent: Some(100),
            maximum_percent: Some(200),
            bake_minutes: Some(5),
            step: Some(Step {
                percent: "0.5".to_owned(),
                minutes: Some(10)
            }),
        }
    );
    let advanced: Vec<Option<Advanced>> = found
        .load_balancers
        .into_iter()
        .map(|one| one.advanced)
        .collect();
    let expected = Advanced {
        alternate_target_group: GROUP.parse().ok(),
        production_rule: RULE.parse().ok().map(TrafficRule::Rule),
        test_rule: LISTENER.parse().ok().map(TrafficRule::Listener),
        role: Some("arn:aws:iam::111122223333:role/infrastructure".to_owned()),
    };
    assert_eq!(advanced, [Some(expected), None]);
    assert_eq!(
        found.current_deployment,
        deployment("EZe5RNVLH6PPzHXINuP28").parse().ok()
    );
    let running = RunningRevision {
        arn: revision("9").parse().unwrap(),
        requested_count: 2,
        running_count: 1,
    };
    assert_eq!(found.current_revisions, [running]);
    let rollout = Rollout {
        id: "ecs-svc/9".to_owned(),
        status: "PRIMARY".to_owned(),
        revision: REVISION.parse().unwrap(),
        desired_count: 2,
        running_count: 1,
        failed_tasks: 3,
        state: Some("IN_PROGRESS".to_owned()),
        state_reason: Some("ECS deployment ecs-svc/9 in progress.".to_owned()),
        created_at: second(7),
    };
    assert_eq!(found.rollouts, [rollout]);
}

#[tokio::test]
async fn the_newest_service_deployments_are_one_page() {
    let page = json!({"serviceDeployments": [brief("older", "SUCCESSFUL", 10), brief("newer", "A_STATE_TO_COME", 20)],
        "nextToken": "more"});
    let server = Server::answering([answer(200, &page)]).await;
    let (cluster, service) = place();
    let listed = Ecs::new(&server.session())
        .list_service_deployments(&cluster, &service, ServiceDeployments::Newest)
        .await;
    let one = |id: &str, status, at| Listed {
        arn: deployment(id).parse().unwrap(),
        target: revision("9").parse().ok(),
        status,
        created_at: second(at).unwrap(),
    };
    let unknown = Status::Unknown("A_STATE_TO_COME".to_owned());
    assert_eq!(
        listed,
        Ok(vec![
            one("newer", unknown, 20),
            one("older", Status::Successful, 10)
        ])
    );
    server.was_asked(
        &format!("{TARGET}.ListServiceDeployments"),
        &json!({"cluster": "prod", "service": "web"}),
    );
}

#[tokio::test]
async fn service_deployments_since_a_moment_are_all_pages() {
    let first = json!({"serviceDeployments": [brief("b", "STOPPED", 20)], "nextToken": "more"});
    let last = json!({"serviceDeployments": [brief("a", "STOPPED", 10)]});
    let server = Server::answering([answer(200, &first), answer(200, &last)]).await;
    let (cluster, service) = place();
    let which = ServiceDeployments::CreatedSince(second(10).unwrap());
    let ecs = Ecs::new(&server.session());
    let listed = ecs
        .list_service_deployments(&cluster, &service, which)
        .await
        .unwrap();
    let ids: Vec<String> = listed.iter().map(|one| one.arn.id().to_string()).collect();
    assert_eq!(ids, ["b", "a"]);
    let bodies: Vec<Value> = server.requests().iter().map(|one| one.json()).collect();
    let mut expected =
        json!({"cluster": "prod", "service": "web", "maxResults": 100, "createdAt": {"after": 9}});
    assert_eq!(bodies[0], expected);
    expected["nextToken"] = "more".into();
    assert_eq!(bodies[1], expected);
}

#[tokio::test]
async fn settled_service_deployments_are_asked_for_by_status() {
    let server = Server::answering([answer(200, &json!({"serviceDeployments": []}))]).await;
    let (cluster, service) = place();
    let ecs = Ecs::new(&server.session());
    let listed = ecs
        .list_service_deployments(&cluster, &service, ServiceDeployments::Settled)
        .await;
    assert_eq!(listed, Ok(vec![]));
    server.was_asked(
        &format!("{TARGET}.ListServiceDeployments"),
        &json!({"cluster": "prod", "service": "web", "maxResults": 100, "status": ["SUCCESSFUL", "ROLLBACK_SUCCESSFUL"]}),
    );
}

#[tokio::test]
async fn a_service_deployment_is_described_with_its_way_back() {
    let described = json!({
        "serviceDeploymentArn": deployment("one"), "status": "ROLLBACK_SUCCESSFUL", "statusReason": "the hook failed",
        "lifecycleStage": "BAKE_TIME", "createdAt": 1, "startedAt": 2, "finishedAt": 5, "updatedAt": 6,
        "sourceServiceRevisions": [{"arn": revision("8"), "requestedTaskCount": 2, "runningTaskCount": 2,
            "requestedProductionTrafficWeight": 100.0}],
        "targetServiceRevision": {"arn": revision("9"), "requestedTaskCount": 2, "runningTaskCount": 1,
            "requestedTestTrafficWeight": 100.0, "requestedProductionTrafficWeight": 0.0},
        "rollback": {"reason": "it failed", "startedAt": 4, "serviceRevisionArn": revision("8")},
        "deploymentCircuitBreaker": {"status": "TRIGGERED", "failureCount": 3, "threshold": 3},
        "alarms": {"status": "MONITORING", "alarmNames": ["errors"], "triggeredAlarmNames": ["errors"]},
        "deploymentConfiguration": {"lifecycleHooks": [{"hookTargetArn": HOOK, "lifecycleStages": ["PRE_SCALE_UP"]}]}
    });
    let body = json!({"serviceDeployments": [described], "failures": [{"arn": deployment("gone"), "reason": "MISSING"}]});
    let server = Server::answering([answer(200, &body)]).await;
    let arns = [deployment("one"), deployment("gone")];
    let arns = arns.map(|arn| arn.parse().unwrap());
    let found = Ecs::new(&server.session())
        .describe_service_deployments(&arns)
        .await;
    let deployed = |digits, running_count, test_weight, production_weight| DeployedRevision {
        arn: revision(digits).parse().unwrap(),
        requested_count: 2,
        running_count,
        test_weight,
        production_weight,
    };
    let expected = ServiceDeployment {
        arn: deployment("one").parse().unwrap(),
        status: Status::RollbackSuccessful,
        status_reason: Some("the hook failed".to_owned()),
        stage: Some(Stage::BakeTime),
        sources: vec![deployed("8", 2, None, Some(100.0))],
        target: Some(deployed("9", 1, Some(100.0), Some(0.0))),
        rollback: Some(Rollback {
            reason: Some("it failed".to_owned()),
            started_at: second(4),
            revision: revision("8").parse().ok(),
        }),
        hooks: vec![Hook {
            target: HookTarget::Lambda {
                function: HOOK.to_owned(),
                role: None,
            },
            stages: vec![Stage::PreScaleUp],
            timeout: None,
            goes_on: false,
        }],
        breaker: Some(BreakerState {
            status: "TRIGGERED".to_owned(),
            failure_count: 3,
            threshold: 3,
        }),
        alarms: Some(TriggeredAlarms {
            status: "MONITORING".to_owned(),
            triggered: vec!["errors".to_owned()],
        }),
        created_at: second(1).unwrap(),
        started_at: second(2),
        finished_at: second(5),
        stopped_at: None,
        updated_at: second(6),
    };
    assert!(expected.was_triggered());
    assert_eq!(expected.ended_at(), second(5));
    assert_eq!(found, Ok(vec![expected]));
    server.was_asked(
        &format!("{TARGET}.DescribeServiceDeployments"),
        &json!({"serviceDeploymentArns": [deployment("one"), deployment("gone")]}),
    );
}

#[tokio::test]
async fn a_service_revision_comes_with_digests_placement_and_target_groups() {
    let digest = format!("sha256:{}", "4c".repeat(32));
    let described = json!({
        "serviceRevisionArn": revision("9"), "taskDefinition": REVISION, "launchType": "FARGATE", "platformVersion": "1.4.0",
        "containerImages": [{"containerName": "web", "image": "shop/web:latest", "imageDigest": digest}, {"containerName": "log"}],
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-0a"]}}, "createdAt": 7,
        "resolvedConfiguration": {"loadBalancers": [{"targetGroupArn": GROUP, "productionListenerRule": RULE}]}
    });
    let server = Server::answering([answer(200, &json!({"serviceRevisions": [described]}))]).await;
    let found = Ecs::new(&server.session())
        .describe_service_revisions(&[revision("9").parse().unwrap()])
        .await;
    let found = found.unwrap().remove(0);
    assert_eq!(found.arn.digits(), "9");
    assert_eq!(found.revision.as_str(), REVISION);
    let image = |container: &str, image: Option<&str>, digest: Option<&str>| RevisionImage {
        container: container.parse().unwrap(),
        image: image.map(str::to_owned),
        digest: digest.map(|digest| digest.parse().unwrap()),
    };
    let images = [
        image("web", Some("shop/web:latest"), Some(&digest)),
        image("log", None, None),
    ];
    assert_eq!(found.images, images);
    assert_eq!(found.placement.launch_type.as_deref(), Some("FARGATE"));
    let group = ResolvedTargetGroup {
        target_group: GROUP.parse().unwrap(),
        production_rule: Some(RULE.to_owned()),
    };
    assert_eq!(found.target_groups, [group]);
    assert_eq!(found.created_at, second(7));
    server.was_asked(
        &format!("{TARGET}.DescribeServiceRevisions"),
        &json!({"serviceRevisionArns": [revision("9")]}),
    );
}

#[tokio::test]
async fn update_service_sends_the_revision_and_nothing_else() {
    let current = deployment("EZe5RNVLH6PPzHXINuP28");
    let body = json!({"service": {"currentServiceDeployment": current}});
    let server = Server::answering([answer(200, &body)]).await;
    let (cluster, service) = place();
    let updated = Ecs::new(&server.session())
        .update_service(&cluster, &service, &REVISION.parse().unwrap(), never)
        .await;
    assert_eq!(updated, Ok(Updated::To(current.parse().ok())));
    server.was_asked(
        &format!("{TARGET}.UpdateService"),
        &json!({"cluster": "prod", "service": "web", "taskDefinition": REVISION}),
    );
}

/// An answer that is clear asks nothing more.
async fn never() -> Result<bool, CallFailed> {
    panic!("the service was looked at once more")
}

/// What it began may be over by the time it is sent again.
#[tokio::test]
async fn update_service_is_sent_again_where_it_was_throttled_or_the_service_is_unchanged() {
    let (cluster, service) = place();
    let body = json!({"service": {}});
    let throttled = || error(400, "ThrottlingException", "Rate exceeded");
    let lost = || error(500, "ServerException", "the words of ECS");
    for (first, is_unchanged, expected) in [
        (throttled(), None, "updated"),
        (lost(), Some(true), "updated"),
        (lost(), Some(false), "unclear"),
    ] {
        let server = Server::answering([first, answer(200, &body)]).await;
        let looked = Cell::new(None);
        let updated = Ecs::new(&server.session())
            .update_service(&cluster, &service, &REVISION.parse().unwrap(), async || {
                looked.set(is_unchanged);
                Ok::<bool, CallFailed>(is_unchanged.unwrap())
            })
            .await;
        let became = match updated.unwrap() {
            Updated::To(_) => "updated",
            Updated::Unclear(failed) => {
                assert_eq!(failed.kind, Kind::Unavailable);
                "unclear"
            }
        };
        assert_eq!((became, looked.get()), (expected, is_unchanged));
    }
}

#[tokio::test]
async fn what_update_service_refuses_comes_with_a_remedy() {
    let table = [
        (
            "ServiceNotActiveException",
            Kind::Invalid,
            "is being deleted",
        ),
        (
            "ServiceNotFoundException",
            Kind::NotFound,
            "correct its name in the configuration",
        ),
        (
            "ClusterNotFoundException",
            Kind::NotFound,
            "correct its name in the configuration",
        ),
        (
            "InvalidParameterException",
            Kind::Invalid,
            "the words of ECS",
        ),
        ("ClientException", Kind::Invalid, "the words of ECS"),
        (
            "PlatformTaskDefinitionIncompatibilityException",
            Kind::Invalid,
            "let the service use `LATEST`",
        ),
        (
            "PlatformUnknownException",
            Kind::Invalid,
            "let it use `LATEST`",
        ),
        (
            "NamespaceNotFoundException",
            Kind::NotFound,
            "serviceConnectConfiguration",
        ),
        (
            "UnsupportedFeatureException",
            Kind::Invalid,
            "does not have",
        ),
        ("AccessDeniedException", Kind::Denied, "ecs:UpdateService"),
    ];
    for (code, kind, expected) in table {
        let server = Server::answering([error(400, code, "the words of ECS")]).await;
        let (cluster, service) = place();
        let failed = Ecs::new(&server.session())
            .update_service(&cluster, &service, &REVISION.parse().unwrap(), never)
            .await
            .unwrap_err();
        assert_eq!(failed.kind, kind, "{code}");
        let said = failed.to_string();
        assert!(said.contains(expected), "{code}: {said}");
    }
}

#[tokio::test]
async fn a_service_deployment_is_stopped_with_rollback() {
    let body = json!({"serviceDeploymentArn": deployment("one")});
    let refused = error(400, "ConflictException", "it has ended");
    let server = Server::answering([answer(200, &body), refused]).await;
    let arn = deployment("one").parse().unwrap();
    let ecs = Ecs::new(&server.session());
    assert_eq!(ecs.stop_service_deployment(&arn).await, Ok(()));
    server.was_asked(
        &format!("{TARGET}.StopServiceDeployment"),
        &json!({"serviceDeploymentArn": deployment("one"), "stopType": "ROLLBACK"}),
    );
    let failed = ecs.stop_service_deployment(&arn).await.unwrap_err();
    assert_eq!(failed.kind, Kind::Conflict);
}
