//! Lifecycle hooks of services that ECS deploys: Lambda hooks and pauses.

use std::time::Duration;

use serde_json::{Value, json};

use crate::aws::{PausedWorld, ecs, register, template_of};
use crate::deploying::{
    HOOK, ROLE, answer_hooks, blue_green, by_ecs, deployed_by, deployment, empty, events, hooked,
    refused, stages, until_stage, update,
};

/// Deploys another revision to the end; returns the deployment.
async fn deploy(world: &mut PausedWorld) -> Value {
    let target = register(world, "1.0.1").await;
    let answer = update(world, json!({ "taskDefinition": target })).await;
    world.settled().await;
    deployment(world, &answer["currentServiceDeployment"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_in_progress_is_called_again_with_what_it_answered() {
    let mut configuration = hooked(blue_green(), &["PRE_SCALE_UP"]);
    configuration["lifecycleHooks"][0]["hookDetails"] = json!({ "kind": "migration", "tries": 0 });
    let mut world = empty(configuration, &[]).await;
    let later = json!({ "taskArn": "arn:task", "tries": 1 });
    let later = json!({ "hookStatus": "IN_PROGRESS", "callBackDelay": 60, "hookDetails": later });
    let calls = answer_hooks(&world, &[later, json!({ "hookStatus": "IN_PROGRESS" })]).await;
    let ended = deploy(&mut world).await;
    assert_eq!(ended["status"], "SUCCESSFUL");
    let calls = calls.lock().unwrap().clone();
    assert_eq!(calls.len(), 3);
    let details: Vec<&Value> = calls.iter().map(|call| &call["hookDetails"]).collect();
    let merged = json!({ "kind": "migration", "tries": 1, "taskArn": "arn:task" });
    assert_eq!(
        details,
        [
            &json!({ "kind": "migration", "tries": 0 }),
            &merged,
            &merged
        ]
    );
    assert_eq!(calls[0]["lifecycleStage"], "PRE_SCALE_UP");
    assert_eq!(calls[0]["resourceArn"], ended["serviceDeploymentArn"]);
    let target = &ended["targetServiceRevision"]["arn"];
    let execution = &calls[0]["executionDetails"];
    assert_eq!(execution["targetServiceRevisionArn"], *target);
    assert_eq!(execution["testTrafficWeights"], json!({}));
    assert!(
        calls
            .iter()
            .all(|call| call["executionId"] == calls[0]["executionId"])
    );
    let record = world.service_deployment_history().pop().unwrap();
    let called = &record.hooks[0].calls;
    let after = |index: usize| {
        called[index]
            .at
            .duration_since(called[index - 1].answered_at)
    };
    assert_eq!(after(1).unwrap().as_secs(), 60);
    assert_eq!(after(2).unwrap().as_secs(), 30, "by default");
    let described = &ended["lifecycleHookDetails"][0];
    assert_eq!(described["status"], "SUCCEEDED");
    assert_eq!(described["targetArn"], HOOK);
    let names: Vec<String> = events(&world).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names[1..3], ["HOOK_IN_PROGRESS", "HOOK_SUCCEEDED"]);
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_that_does_not_succeed_rolls_back_without_its_own_reason() {
    let error = json!({ "errorType": "KeyError", "errorMessage": "secret" });
    let unparsed = format!("ECS was unable to parse the response from {HOOK} due to");
    for (answer, expected) in [
        (
            json!({ "hookStatus": "FAILED", "reason": "secret" }),
            format!("Lifecycle hook target {HOOK} returned FAILED status."),
        ),
        (json!({}), format!("{unparsed} HookStatus must not be null")),
        (error, format!("{unparsed} HookStatus must not be null")),
        (
            json!({ "hookStatus": "DONE" }),
            format!("{unparsed} DONE is not a valid HookStatus"),
        ),
    ] {
        let mut world = empty(hooked(blue_green(), &["POST_TEST_TRAFFIC_SHIFT"]), &[]).await;
        answer_hooks(&world, &[answer]).await;
        let ended = deploy(&mut world).await;
        assert_eq!(ended["status"], "ROLLBACK_SUCCESSFUL");
        let reason = format!(
            "Service deployment rolled back because POST_TEST_TRAFFIC_SHIFT lifecycle hook(s) failed. {expected}"
        );
        assert_eq!(ended["statusReason"], reason);
        assert_eq!(ended["lifecycleHookDetails"][0]["status"], "FAILED");
        assert_eq!(stages(&world)[5..], ["-TEST_TRAFFIC_SHIFT", "-CLEAN_UP"]);
        world.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_is_missing_or_takes_too_long_rolls_back() {
    let mut configuration = hooked(blue_green(), &["PRE_SCALE_UP"]);
    let mut world = empty(configuration.clone(), &[]).await;
    let ended = deploy(&mut world).await;
    assert_eq!(
        ended["statusReason"],
        format!(
            "Service deployment rolled back because PRE_SCALE_UP lifecycle hook(s) failed. ECS was unable to invoke hook target \
             {HOOK} due to Function not found: {HOOK}"
        )
    );
    world.shutdown().await;
    for (action, status) in [
        ("ROLLBACK", "ROLLBACK_SUCCESSFUL"),
        ("CONTINUE", "SUCCESSFUL"),
    ] {
        configuration["lifecycleHooks"][0]["timeoutConfiguration"] =
            json!({ "timeoutInMinutes": 10, "action": action });
        let mut world = empty(configuration.clone(), &[]).await;
        let patient = json!({ "hookStatus": "IN_PROGRESS", "callBackDelay": 7200 });
        answer_hooks(&world, &[patient]).await;
        let ended = deploy(&mut world).await;
        assert_eq!(ended["status"], status);
        assert_eq!(ended["lifecycleHookDetails"][0]["status"], "TIMED_OUT");
        world.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_hooks_of_a_stage_must_succeed() {
    let hook = |name: &str| {
        let arn = HOOK.replace(":hook", &format!(":{name}"));
        json!({ "hookTargetArn": arn, "roleArn": ROLE, "lifecycleStages": ["PRE_SCALE_UP"] })
    };
    let mut configuration = blue_green();
    configuration["lifecycleHooks"] = json!([hook("hook"), hook("missing")]);
    let mut world = empty(configuration, &[]).await;
    let calls = answer_hooks(&world, &[]).await;
    let ended = deploy(&mut world).await;
    assert_eq!(calls.lock().unwrap().len(), 1, "they run side by side");
    assert_eq!(ended["status"], "ROLLBACK_SUCCESSFUL");
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_calls_the_hooks_of_both_shifts_again() {
    let stages = [
        "TEST_TRAFFIC_SHIFT",
        "PRODUCTION_TRAFFIC_SHIFT",
        "PRE_SCALE_UP",
    ];
    let mut world = empty(hooked(blue_green(), &stages), &[]).await;
    let fails = json!({ "hookStatus": "FAILED" });
    let well = json!({ "hookStatus": "SUCCEEDED" });
    // The hooks of the rollback fail, which changes nothing.
    let answers = [well.clone(), well.clone(), well, fails.clone(), fails];
    let calls = answer_hooks(&world, &answers).await;
    let target = register(&world, "1.0.1").await;
    let answer = update(&world, json!({ "taskDefinition": target })).await;
    let arn = answer["currentServiceDeployment"].clone();
    until_stage(&mut world, "BAKE_TIME").await;
    let stop = json!({ "serviceDeploymentArn": arn, "stopType": "ROLLBACK" });
    ecs(&world, "StopServiceDeployment", stop).await;
    world.settled().await;
    let ended = deployment(&world, &arn).await;
    assert_eq!(ended["status"], "ROLLBACK_SUCCESSFUL");
    let (green, blue) = (
        ended["targetServiceRevision"]["arn"].as_str().unwrap(),
        ended["rollback"]["serviceRevisionArn"].as_str().unwrap(),
    );
    let calls = calls.lock().unwrap().clone();
    let told: Vec<Value> = calls
        .iter()
        .map(|call| {
            let execution = &call["executionDetails"];
            assert_eq!(execution["targetServiceRevisionArn"], green, "still green");
            let weights = |kind: &str| {
                let map = &execution[kind];
                json!([map[green], map[blue]])
            };
            json!([
                call["lifecycleStage"],
                weights("testTrafficWeights"),
                weights("productionTrafficWeights")
            ])
        })
        .collect();
    let none = json!([null, null]);
    let (to_green, to_blue) = (json!([100, 0]), json!([0, 100]));
    assert_eq!(
        told,
        [
            json!(["PRE_SCALE_UP", none, none]),
            json!(["TEST_TRAFFIC_SHIFT", to_green, none]),
            json!(["PRODUCTION_TRAFFIC_SHIFT", none, to_green]),
            json!(["PRODUCTION_TRAFFIC_SHIFT", none, to_blue]),
            json!(["TEST_TRAFFIC_SHIFT", to_blue, none]),
        ]
    );
    world.shutdown().await;
}

fn paused(mut configuration: Value, stages: &[&str]) -> Value {
    let timeout = json!({ "timeoutInMinutes": 60 });
    configuration["lifecycleHooks"] = json!([
        { "targetType": "PAUSE", "lifecycleStages": stages, "timeoutConfiguration": timeout },
    ]);
    configuration
}

fn hook_ids(world: &PausedWorld) -> Vec<String> {
    let newest = world.service_deployment_history().pop().unwrap();
    newest.hooks.into_iter().map(|hook| hook.id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_waits_for_a_person_with_a_new_id_for_every_step() {
    let canary = json!({ "strategy": "CANARY", "bakeTimeInMinutes": 1 });
    let configuration = paused(canary, &["PRE_PRODUCTION_TRAFFIC_SHIFT"]);
    let mut world = empty(configuration, &[]).await;
    let target = register(&world, "1.0.1").await;
    let answer = update(&world, json!({ "taskDefinition": target })).await;
    let arn = answer["currentServiceDeployment"].clone();
    let go_on = |hook: &str| json!({ "serviceDeploymentArn": arn, "hookId": hook });
    for step in 1..=2 {
        until_stage(&mut world, "PRE_PRODUCTION_TRAFFIC_SHIFT").await;
        world.pass(Duration::from_secs(60)).await;
        let ids = hook_ids(&world);
        assert_eq!(ids.len(), step);
        let waiting = deployment(&world, &arn).await;
        let described = &waiting["lifecycleHookDetails"][step - 1];
        assert_eq!(described["status"], "AWAITING_ACTION");
        assert_eq!(described["targetType"], "PAUSE");
        assert_eq!(described["hookId"], ids[step - 1].as_str());
        let answered = ecs(&world, "ContinueServiceDeployment", go_on(&ids[step - 1])).await;
        assert_eq!(answered, json!({ "serviceDeploymentArn": arn }));
        let (_, message) = refused(&world, "ContinueServiceDeployment", go_on(&ids[0])).await;
        assert_eq!(
            message,
            "Provided hookId is either completed, unavailable, or not associated with the given Resource ARN"
        );
    }
    let (_, message) = refused(&world, "ContinueServiceDeployment", go_on("pause-1")).await;
    assert_eq!(
        message,
        "Invalid hookId: hookId must follow the format: ecs-{hookType}-{id}"
    );
    world.settled().await;
    let ids = hook_ids(&world);
    let (code, message) = refused(&world, "ContinueServiceDeployment", go_on(&ids[1])).await;
    assert_eq!(code, "InvalidParameterException");
    assert_eq!(
        message,
        "Continuing a service deployment is not allowed for service deployment in terminal states."
    );
    let unknown = json!({ "serviceDeploymentArn": "arn:x", "hookId": ids[0] });
    let (_, message) = refused(&world, "ContinueServiceDeployment", unknown).await;
    assert_eq!(message, "The service deployment does not exist.");
    let told = events(&world);
    let (_, waiting) = told
        .iter()
        .find(|(name, _)| name == "HOOK_AWAITING_ACTION")
        .unwrap();
    assert_eq!(waiting["resources"], json!([arn]));
    assert_eq!(waiting["detail"]["hookType"], "PAUSE");
    assert_eq!(
        waiting["detail"]["lifecycleStage"],
        "PRE_PRODUCTION_TRAFFIC_SHIFT"
    );
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_that_nobody_answers_times_out_and_one_may_be_answered_with_rollback() {
    let mut world = empty(paused(blue_green(), &["POST_TEST_TRAFFIC_SHIFT"]), &[]).await;
    let ended = deploy(&mut world).await;
    assert_eq!(
        ended["statusReason"],
        "Service deployment rolled back because POST_TEST_TRAFFIC_SHIFT pause hook timed out."
    );
    let target = register(&world, "1.0.1").await;
    let answer = update(&world, json!({ "taskDefinition": target })).await;
    let arn = answer["currentServiceDeployment"].clone();
    until_stage(&mut world, "POST_TEST_TRAFFIC_SHIFT").await;
    world.pass(Duration::from_secs(1)).await;
    let hook = hook_ids(&world).pop().unwrap();
    let back = json!({ "serviceDeploymentArn": arn, "hookId": hook, "action": "ROLLBACK" });
    ecs(&world, "ContinueServiceDeployment", back).await;
    world.settled().await;
    assert_eq!(
        deployment(&world, &arn).await["status"],
        "ROLLBACK_SUCCESSFUL"
    );
    world.shutdown().await;
}

/// Roles of a template are evaluated; any other is assumed to allow what ECS does.
#[tokio::test(flavor = "multi_thread")]
async fn the_role_of_a_hook_must_trust_ecs_and_may_invoke_only_what_it_allows() {
    let role = |service: &str, function: &str| {
        format!(
            "
Resources:
  Caller:
    Type: AWS::Serverless::Function
    Metadata: {{ BuildProperties: {{ Binary: sample-service }} }}
    Properties:
      Environment: {{ Variables: {{ GREENLIGHT_TOPIC_ARN: outcomes }} }}
  HookRole:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Statement: [{{ Effect: Allow, Action: sts:AssumeRole, Principal: {{ Service: {service} }} }}]
      Policies:
        - PolicyName: invoke
          PolicyDocument:
            Statement: [{{ Effect: Allow, Action: lambda:InvokeFunction, Resource: '{function}' }}]
"
        )
    };
    let trusted = "ecs.amazonaws.com";
    for (number, (service, function, expected)) in [
        (trusted, HOOK, None),
        (
            "lambda.amazonaws.com",
            HOOK,
            Some("ECS was unable to assume role arn:aws:iam::111122223333:role/greenlight-HookRole".to_owned()),
        ),
        (
            trusted,
            "arn:aws:lambda:eu-central-1:111122223333:function:other",
            Some(format!(
                "ECS was unable to invoke hook target {HOOK} due to User: \
                 arn:aws:sts::111122223333:assumed-role/greenlight-HookRole/ECS-Lambda-Execution is not authorized to perform: \
                 lambda:InvokeFunction on resource: {HOOK} because no identity-based policy allows the lambda:InvokeFunction \
                 action"
            )),
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let text = role(service, function);
        let template = template_of(&format!("hook-role-{number}.yaml"), &text);
        let mut configuration = hooked(blue_green(), &["PRE_SCALE_UP"]);
        configuration["lifecycleHooks"][0]["roleArn"] = json!("HookRole");
        let mut world = deployed_by(by_ecs(configuration), &[], |settings| {
            settings.services[0].desired_count = 0;
            settings.template = template;
        })
        .await;
        let calls = answer_hooks(&world, &[]).await;
        let ended = deploy(&mut world).await;
        match expected {
            None => assert_eq!(ended["status"], "SUCCESSFUL"),
            Some(why) => {
                let reason = format!(
                    "Service deployment rolled back because PRE_SCALE_UP lifecycle hook(s) failed. {why}"
                );
                assert_eq!(ended["statusReason"], reason);
                assert_eq!(calls.lock().unwrap().len(), 0);
            }
        }
        world.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stage_without_an_end_is_rolled_back_after_a_day() {
    let mut world = deployed_by(by_ecs(blue_green()), &[], |_| {}).await;
    world.ecs.limit_fargate(2);
    let ended = deploy(&mut world).await;
    assert_eq!(ended["status"], "ROLLBACK_SUCCESSFUL");
    assert_eq!(
        ended["statusReason"],
        "Service deployment rolled back because SCALE_UP stage timed out."
    );
    let record = world.service_deployment_history().pop().unwrap();
    let took = record
        .rollback
        .unwrap()
        .started_at
        .duration_since(record.started_at.unwrap());
    assert!(took.unwrap() >= Duration::from_secs(24 * 3600));
    world.shutdown().await;
}
