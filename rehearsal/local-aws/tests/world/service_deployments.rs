//! Blue/green, linear and canary deployments by ECS, through its API.

use std::time::Duration;

use local_aws::assumption::Assumption;
use local_aws::elb::Condition;
use local_aws::timeline::ListenerKind;
use local_aws::world::TestRule;
use serde_json::json;

use crate::aws::{ecs, elb, get, register, serves};
use crate::deploying::{
    blue_green, by_ecs, deployed_by, deployment, empty, events, listed, refused, revision, service,
    shifts, stages, until_stage, update,
};

const STAGES: [&str; 10] = [
    "PRE_SCALE_UP",
    "SCALE_UP",
    "POST_SCALE_UP",
    "TEST_TRAFFIC_SHIFT",
    "POST_TEST_TRAFFIC_SHIFT",
    "PRE_PRODUCTION_TRAFFIC_SHIFT",
    "PRODUCTION_TRAFFIC_SHIFT",
    "POST_PRODUCTION_TRAFFIC_SHIFT",
    "BAKE_TIME",
    "CLEAN_UP",
];

#[tokio::test(flavor = "multi_thread")]
async fn green_replaces_blue_stage_by_stage() {
    let mut world = deployed_by(by_ecs(blue_green()), &[], |_| {}).await;
    let before = service(&world).await;
    let first = before["currentServiceDeployment"].clone();
    let target = register(&world, "1.0.1").await;
    let answer = update(&world, json!({ "taskDefinition": target })).await;
    let arn = answer["currentServiceDeployment"].clone();
    assert_ne!(arn, first);
    assert_eq!(answer["taskDefinition"], target.as_str());
    let statuses = |listed: &[serde_json::Value]| {
        let statuses = listed
            .iter()
            .map(|one| one["status"].as_str().unwrap().to_owned());
        statuses.collect::<Vec<_>>()
    };
    assert_eq!(
        statuses(&listed(&world).await),
        ["SUCCESSFUL"],
        "a moment later"
    );
    until_stage(&mut world, "BAKE_TIME").await;
    assert_eq!(
        statuses(&listed(&world).await),
        ["IN_PROGRESS", "SUCCESSFUL"]
    );
    let described = deployment(&world, &arn).await;
    assert_eq!(described["lifecycleStage"], "BAKE_TIME");
    let green = &described["targetServiceRevision"];
    assert_eq!(green["requestedProductionTrafficWeight"], 100.0);
    assert_eq!(green["runningTaskCount"], 2);
    let blue = &described["sourceServiceRevisions"][0];
    assert_eq!(blue["requestedProductionTrafficWeight"], 0.0);
    assert_eq!(blue["runningTaskCount"], 2);
    assert_eq!(serves(&world, ListenerKind::Production).await, "1.0.1");
    let during = service(&world).await;
    let states = during["deployments"].as_array().unwrap().iter();
    let states: Vec<_> = states
        .map(|one| json!([one["status"], one["rolloutState"]]))
        .collect();
    assert_eq!(
        states,
        [
            json!(["PRIMARY", "IN_PROGRESS"]),
            json!(["ACTIVE", "COMPLETED"])
        ]
    );
    world.settled().await;

    let described = deployment(&world, &arn).await;
    assert_eq!(described["status"], "SUCCESSFUL");
    assert_eq!(described.get("rollback"), None);
    assert_eq!(stages(&world), STAGES);
    assert_eq!(shifts(&world), ["Test 100", "Production 100"]);
    assert_eq!(serves(&world, ListenerKind::Test).await, "1.0.1");
    let served = world.ecs.read(|state| state.served.clone());
    let of_green = served
        .iter()
        .filter(|one| one.deployment.as_deref() == arn.as_str());
    assert_eq!(
        of_green.count(),
        2,
        "the record knows whose tasks they were"
    );
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revision_states_what_its_first_task_resolved() {
    // The assumption is about the tasks of CodeDeploy's services: that these name their revision is known.
    let assumed = [Assumption::TasksDoNotNameTheirTaskSet];
    let mut world = deployed_by(by_ecs(blue_green()), &assumed, |_| {}).await;
    let target = register(&world, "latest").await;
    update(&world, json!({ "taskDefinition": target })).await;
    let history = world.service_deployment_history();
    let newest = history.last().unwrap();
    let arn = json!(newest.revision_arn(&newest.target));
    let before = revision(&world, &arn).await;
    assert_eq!(before["containerImages"][0].get("imageDigest"), None);
    assert_eq!(before.get("resolvedConfiguration"), None);
    until_stage(&mut world, "BAKE_TIME").await;
    let digest = world.ecs.read(|state| {
        let set = format!("ecs-svc/{}", newest.target);
        let mut tasks = state.tasks_of(&set);
        let task = tasks.next().unwrap();
        assert_eq!(task.started_by.as_deref(), Some(set.as_str()));
        task.containers[0].image_digest.clone()
    });
    // A tag that moves meanwhile moves no revision.
    let moved = local_aws::ecr::ImageSettings::new("shop/web", &["latest"], "1.0.1");
    world.push(&moved).unwrap();
    world.settled().await;
    let after = revision(&world, &arn).await;
    assert_eq!(after["containerImages"][0]["imageDigest"], json!(digest));
    assert_eq!(after["taskDefinition"], target.as_str());
    let resolved = &after["resolvedConfiguration"]["loadBalancers"][0];
    assert!(
        resolved["targetGroupArn"]
            .as_str()
            .unwrap()
            .contains("web-green"),
        "{resolved}"
    );
    assert!(
        resolved["productionListenerRule"]
            .as_str()
            .unwrap()
            .contains(":listener-rule/")
    );
    // Forced, the tag is resolved anew, in a revision of its own.
    update(&world, json!({ "forceNewDeployment": true })).await;
    world.settled().await;
    let forced = service(&world).await["currentServiceRevisions"][0]["arn"].clone();
    assert_ne!(forced, arn);
    let image = revision(&world, &forced).await["containerImages"][0]["imageDigest"].clone();
    assert_ne!(image, json!(digest));
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn canary_and_linear_shift_in_their_steps() {
    let canary = json!({ "strategy": "CANARY", "canaryConfiguration": { "canaryPercent": 2.5 } });
    let linear = json!({ "stepPercent": 40, "stepBakeTimeInMinutes": 2 });
    let linear = json!({ "strategy": "LINEAR", "linearConfiguration": linear });
    for (configuration, production) in [(canary, vec![3, 100]), (linear, vec![40, 80, 100])] {
        let mut world = empty(configuration, &[]).await;
        let target = register(&world, "1.0.1").await;
        update(&world, json!({ "taskDefinition": target })).await;
        world.settled().await;
        let expected = production.iter().map(|share| format!("Production {share}"));
        let expected: Vec<String> = ["Test 100".to_owned()]
            .into_iter()
            .chain(expected)
            .collect();
        assert_eq!(shifts(&world), expected);
        let stages = stages(&world);
        let before = stages
            .iter()
            .filter(|one| *one == "PRE_PRODUCTION_TRAFFIC_SHIFT");
        assert_eq!(before.count(), production.len(), "before every step");
        world.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_needs_a_deployment_starts_one() {
    let mut world = empty(blue_green(), &[]).await;
    let same = service(&world).await["taskDefinition"].clone();
    for (change, starts) in [
        (json!({ "taskDefinition": same }), false),
        (json!({ "desiredCount": 0 }), false),
        (json!({ "healthCheckGracePeriodSeconds": 30 }), false),
        (
            json!({ "deploymentConfiguration": { "bakeTimeInMinutes": 1 } }),
            false,
        ),
        (json!({ "forceNewDeployment": false }), false),
        (json!({ "forceNewDeployment": true }), true),
        (json!({ "platformVersion": "1.3.0" }), true),
    ] {
        let before = world.service_deployment_history().len();
        update(&world, change.clone()).await;
        world.settled().await;
        let started = world.service_deployment_history().len() > before;
        assert_eq!(started, starts, "{change}");
    }
    assert_eq!(
        service(&world).await["deploymentConfiguration"]["bakeTimeInMinutes"],
        1
    );
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_was_put_back_lets_both_revisions_share_a_group_and_succeeds() {
    let mut world = deployed_by(by_ecs(blue_green()), &[], |_| {}).await;
    let second = register(&world, "1.0.1").await;
    update(&world, json!({ "taskDefinition": second })).await;
    world.settled().await;
    world.pass(Duration::from_secs(300)).await;
    // Infrastructure code applies what it knows: production goes to the group that is empty now.
    let groups = world.load_balancers.target_groups();
    let group = |name: &str| {
        let mut groups = groups.iter();
        groups
            .find(|group| group.settings.name.ends_with(name))
            .unwrap()
            .arn
            .clone()
    };
    let listener = world.listener("web", ListenerKind::Production).unwrap();
    let action = format!(
        "ModifyListener&ListenerArn={listener}&DefaultActions.member.1.Type=forward\
         &DefaultActions.member.1.TargetGroupArn={}",
        group("blue")
    );
    let (status, body) = elb(&world, &action).await;
    assert_eq!(status, 200, "{body}");
    let third = register(&world, "1.0.0").await;
    let answer = update(&world, json!({ "taskDefinition": third })).await;
    until_stage(&mut world, "POST_SCALE_UP").await;
    let health = world.load_balancers.target_health(&group("green")).unwrap();
    assert_eq!(health.len(), 4, "blue's and green's tasks");
    assert_eq!(
        world
            .load_balancers
            .target_health(&group("blue"))
            .unwrap()
            .len(),
        0
    );
    world.settled().await;
    let ended = deployment(&world, &answer["currentServiceDeployment"]).await;
    assert_eq!(ended["status"], "SUCCESSFUL");
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unfit_rule_rolls_back() {
    let mut world = empty(blue_green(), &[]).await;
    let rule = service(&world).await["loadBalancers"][0]["advancedConfiguration"]
        ["productionListenerRule"]
        .clone();
    let groups: Vec<String> = world
        .load_balancers
        .target_groups()
        .into_iter()
        .map(|group| group.arn)
        .collect();
    let forward = |weight: u32| {
        let part = |group: &String| local_aws::elb::Forward {
            target_group_arn: group.clone(),
            weight,
        };
        groups.iter().map(part).collect::<Vec<_>>()
    };
    world
        .load_balancers
        .set_rule_forward(rule.as_str().unwrap(), forward(50));
    let before = service(&world).await["taskDefinition"].clone();
    let target = register(&world, "1.0.1").await;
    let answer = update(&world, json!({ "taskDefinition": target })).await;
    world.settled().await;
    let arn = &answer["currentServiceDeployment"];
    let ended = deployment(&world, arn).await;
    assert_eq!(ended["status"], "ROLLBACK_SUCCESSFUL");
    let reason = format!(
        "Service deployment rolled back because of invalid networking configuration. productionListenerRule {} should have \
         exactly one target group serving traffic but found 2 target groups",
        rule.as_str().unwrap()
    );
    assert_eq!(ended["statusReason"], reason);
    assert_eq!(ended["rollback"]["reason"], reason);
    assert_eq!(service(&world).await["taskDefinition"], before);
    assert_eq!(stages(&world), ["PRE_SCALE_UP", "SCALE_UP", "-CLEAN_UP"]);
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn test_traffic_may_come_by_a_condition_on_the_production_port() {
    let conditions = vec![Condition::Header {
        name: "x-test".to_owned(),
        patterns: vec!["yes".to_owned()],
    }];
    let mut by = by_ecs(blue_green());
    by.test_rule = TestRule::ProductionPort(conditions);
    let mut world = deployed_by(by, &[], |_| {}).await;
    let target = register(&world, "1.0.1").await;
    update(&world, json!({ "taskDefinition": target })).await;
    until_stage(&mut world, "POST_TEST_TRAFFIC_SHIFT").await;
    let address = world.address("web", ListenerKind::Test).unwrap();
    assert_eq!(
        world.address("web", ListenerKind::Production),
        Some(address)
    );
    let version = async |headers: &str| {
        let (_, head, _) = get(&address.to_string(), headers).await;
        let head = head.to_lowercase();
        let line = head
            .lines()
            .find_map(|line| line.strip_prefix("x-version: "));
        line.unwrap().trim().to_owned()
    };
    assert_eq!(version("").await, "1.0.0");
    assert_eq!(version("X-Test: yes\r\n").await, "1.0.1");
    world.settled().await;
    assert_eq!(version("").await, "1.0.1");
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_is_stopped_once_and_goes_back() {
    let mut world = deployed_by(by_ecs(blue_green()), &[], |_| {}).await;
    let before = service(&world).await["taskDefinition"].clone();
    let target = register(&world, "1.0.1").await;
    let answer = update(&world, json!({ "taskDefinition": target })).await;
    let arn = answer["currentServiceDeployment"].clone();
    until_stage(&mut world, "BAKE_TIME").await;
    let stop = json!({ "serviceDeploymentArn": arn, "stopType": "ROLLBACK" });
    let stopped = ecs(&world, "StopServiceDeployment", stop.clone()).await;
    assert_eq!(stopped, json!({ "serviceDeploymentArn": arn }));
    assert_eq!(
        deployment(&world, &arn).await["status"],
        "ROLLBACK_REQUESTED"
    );
    ecs(&world, "StopServiceDeployment", stop.clone()).await;
    world.settled().await;
    world.pass(Duration::from_secs(300)).await;
    let ended = deployment(&world, &arn).await;
    assert_eq!(ended["status"], "ROLLBACK_SUCCESSFUL");
    let service = service(&world).await;
    assert_eq!(service["taskDefinition"], before);
    assert_eq!(service["deployments"].as_array().unwrap().len(), 1);
    assert_eq!(service["deployments"][0]["rolloutState"], "COMPLETED");
    assert_eq!(
        ended["rollback"]["serviceRevisionArn"],
        service["currentServiceRevisions"][0]["arn"]
    );
    for kind in [ListenerKind::Production, ListenerKind::Test] {
        assert_eq!(serves(&world, kind).await, "1.0.0");
    }
    assert_eq!(shifts(&world)[2..], ["Production 0", "Test 0"]);
    assert_eq!(
        stages(&world)[9..],
        [
            "-PRODUCTION_TRAFFIC_SHIFT",
            "-TEST_TRAFFIC_SHIFT",
            "-CLEAN_UP"
        ]
    );
    let (code, _) = refused(&world, "StopServiceDeployment", stop).await;
    assert_eq!(code, "ConflictException");
    let unknown = json!({ "serviceDeploymentArn": format!("{}x", arn.as_str().unwrap()) });
    let (code, _) = refused(&world, "StopServiceDeployment", unknown).await;
    assert_eq!(code, "ServiceDeploymentNotFoundException");
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_deployment_stops_the_one_under_way_and_reconciles_first() {
    let mut world = deployed_by(by_ecs(json!({ "strategy": "CANARY" })), &[], |_| {}).await;
    let second = register(&world, "1.0.1").await;
    let first = update(&world, json!({ "taskDefinition": second })).await;
    let first = first["currentServiceDeployment"].clone();
    let canary = |event: &local_aws::timeline::Event| matches!(event, local_aws::timeline::Event::Weights { weights, .. } if weights[1].percent == 5);
    world.until(canary).await;
    let third = register(&world, "1.0.0").await;
    let answer = update(&world, json!({ "taskDefinition": third })).await;
    assert_eq!(deployment(&world, &first).await["status"], "STOP_REQUESTED");
    world.settled().await;
    world.pass(Duration::from_secs(300)).await;
    assert_eq!(deployment(&world, &first).await["status"], "STOPPED");
    let arn = &answer["currentServiceDeployment"];
    assert_eq!(deployment(&world, arn).await["status"], "SUCCESSFUL");
    assert_eq!(stages(&world)[0], "RECONCILE_SERVICE");
    assert_eq!(
        service(&world).await["deployments"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(serves(&world, ListenerKind::Production).await, "1.0.0");
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_say_little_and_history_ends_after_ninety_days() {
    let mut world = empty(blue_green(), &[]).await;
    let target = register(&world, "1.0.1").await;
    update(&world, json!({ "taskDefinition": target })).await;
    world.settled().await;
    let told = events(&world);
    let names: Vec<&str> = told.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "SERVICE_DEPLOYMENT_IN_PROGRESS",
            "SERVICE_DEPLOYMENT_COMPLETED"
        ]
    );
    let history = world.service_deployment_history();
    let id = format!("ecs-svc/{}", history[1].target);
    let (_, completed) = &told[1];
    let service = "arn:aws:ecs:eu-central-1:111122223333:service/prod/web";
    assert_eq!(completed["resources"], json!([service]));
    assert_eq!(completed["detail"]["deploymentId"], id.as_str());
    assert_eq!(completed["detail"]["eventType"], "INFO");
    assert_eq!(
        completed["detail"]["reason"],
        format!("ECS deployment {id} completed.")
    );
    assert_eq!(listed(&world).await.len(), 2);
    let filter =
        json!({ "cluster": "prod", "service": "web", "status": ["STOPPED"], "maxResults": 1 });
    let stopped = ecs(&world, "ListServiceDeployments", filter).await;
    assert_eq!(stopped["serviceDeployments"], json!([]));
    let page = json!({ "cluster": "prod", "service": "web", "maxResults": 1 });
    let first = ecs(&world, "ListServiceDeployments", page.clone()).await;
    assert_eq!(
        first["serviceDeployments"][0]["serviceDeploymentArn"],
        history[1].arn.as_str()
    );
    assert!(first["nextToken"].is_string());
    world.pass(Duration::from_secs(91 * 24 * 3600)).await;
    assert_eq!(listed(&world).await.len(), 0);
    let request = json!({ "serviceDeploymentArns": [history[1].arn] });
    let gone = ecs(&world, "DescribeServiceDeployments", request).await;
    assert_eq!(gone["failures"][0]["reason"], "MISSING");
    world.shutdown().await;
}
