//! Tasks of which the SDK's types cannot hold every member.

use super::*;

/// An exit code is whatever a program ends with; the SDK has 32 bits for it.
#[tokio::test]
async fn an_exit_code_is_read_whatever_its_size() {
    for code in [
        0_i64,
        255,
        -1_073_741_510,
        2_147_483_648,
        3_221_225_786,
        4_294_967_295,
        i64::MAX,
        i64::MIN,
    ] {
        let mut ended = task(1);
        ended["lastStatus"] = json!("STOPPED");
        ended["containers"] =
            json!([{"name": "proxy", "exitCode": code}, {"name": "web", "exitCode": 0}]);
        let server = Server::answering([
            answer(200, &json!({"failures": [], "tasks": [ended]})),
            answer(200, &json!({"failures": [], "tasks": [ended]})),
            answer(200, &json!({"task": ended})),
        ])
        .await;
        let ecs = Ecs::new(&server.session());
        let arn: TaskArn = arn(1).parse().unwrap();
        let found = ecs
            .describe_tasks("prod", std::slice::from_ref(&arn))
            .await
            .unwrap();
        let codes: Vec<_> = found[0]
            .containers
            .iter()
            .map(|one| one.exit_code)
            .collect();
        assert_eq!(codes, [Some(code), Some(0)]);
        // A repeated call is answered with the same task, which has ended by then.
        let started = ecs.run_task(&cluster(), &migration(fargate())).await;
        assert_eq!(started, Ok(RunTaskAnswer::Started(found[0].clone())));
        assert_eq!(ecs.stop_task("prod", &arn, "too slow").await, Ok(()));
    }
}

/// What is there in place of a member that does not matter, and what it is read as: the rest is read as ever.
#[tokio::test]
async fn what_does_not_matter_makes_no_task_unreadable() {
    for (member, odd) in [
        ("createdAt", json!("yesterday")),
        ("startedAt", json!({})),
        ("stoppedAt", json!(1e300)),
        ("stopCode", json!(7)),
        ("stoppedReason", json!([])),
        ("startedBy", json!(7)),
        ("attachments", json!("none")),
        ("attributes", json!(7)),
        ("version", json!(1e20)),
        ("cpu", json!(256)),
        ("launchType", json!({"of": "tomorrow"})),
        ("ephemeralStorage", json!({"sizeInGiB": 9_999_999_999_u64})),
        ("tags", json!({"a": "b"})),
    ] {
        let mut whole = task(1);
        whole["lastStatus"] = json!("STOPPED");
        whole["containers"] = json!([{"name": "web", "exitCode": 3, "healthStatus": 7, "reason": 7, "runtimeId": {},
            "imageDigest": 7, "networkBindings": [{"hostPort": 1e20}], "networkInterfaces": "none", "cpu": 1},
            7, {"name": 7, "exitCode": "x"}, {"name": "no name!", "exitCode": 1}]);
        whole[member] = odd;
        let body = json!({"failures": "none", "tasks": [whole]});
        let server = Server::answering([answer(200, &body)]).await;
        let found = Ecs::new(&server.session())
            .describe_tasks("prod", &[arn(1).parse().unwrap()])
            .await
            .unwrap();
        let [container] = &found[0].containers[..] else {
            panic!("{member}: {found:?}");
        };
        assert_eq!(
            (container.name.as_str(), container.exit_code),
            ("web", Some(3))
        );
        assert!(found[0].overrides.is_empty() && found[0].other_overrides.is_empty());
    }
}

/// An end, or an override, that cannot be read must not pass for none.
#[tokio::test]
async fn what_is_evidence_is_not_overlooked() {
    let described = async |changes: Value| {
        let mut whole = task(1);
        for (member, value) in changes.as_object().unwrap() {
            whole[member] = value.clone();
        }
        let server = Server::answering([answer(200, &json!({"tasks": [whole]}))]).await;
        let ecs = Ecs::new(&server.session());
        ecs.describe_tasks("prod", &[arn(1).parse().unwrap()]).await
    };
    for code in [json!("0"), json!(0.5), json!(1e20), json!([0])] {
        let containers = json!([{"name": "web", "exitCode": 0, "lastStatus": "STOPPED"},
            {"name": "proxy", "exitCode": code, "lastStatus": "STOPPED"}]);
        let failed = described(json!({"containers": containers}))
            .await
            .unwrap_err();
        assert!(
            failed
                .to_string()
                .contains("`tasks.containers.exitCode` is `"),
            "{failed}"
        );
    }
    for member in ["taskArn", "clusterArn", "taskDefinitionArn", "lastStatus"] {
        let failed = described(json!({member: 7})).await.unwrap_err();
        assert_eq!(
            failed.to_string(),
            format!("describe tasks `prod`: unexpected: the answer has no `tasks.{member}`")
        );
    }
    for (overrides, of_task, of_container) in [
        (json!("all"), &["overrides"][..], &[][..]),
        (
            json!({"containerOverrides": 7}),
            &["containerOverrides"],
            &[],
        ),
        (
            json!({"containerOverrides": [7]}),
            &["containerOverrides"],
            &[],
        ),
        (
            json!({"containerOverrides": [{"name": "web", "command": "true", "environment": [7]}]}),
            &[],
            &["command", "environment"],
        ),
    ] {
        let found = described(json!({"overrides": overrides})).await.unwrap();
        assert_eq!(found[0].other_overrides, of_task, "{overrides}");
        let others: Vec<&String> = found[0]
            .overrides
            .iter()
            .flat_map(|one| &one.others)
            .collect();
        assert_eq!(others, of_container, "{overrides}");
    }
}

#[tokio::test]
async fn one_task_that_cannot_be_read_hides_no_other() {
    let odd = json!({"taskArn": "none"});
    let body = json!({"tasks": [odd, task(2)]});
    let server =
        Server::answering([answer(200, &body), answer(200, &json!({"tasks": [odd]}))]).await;
    let ecs = Ecs::new(&server.session());
    let arns: Vec<TaskArn> = [1, 2].map(|number| arn(number).parse().unwrap()).into();
    let found = ecs.describe_tasks("prod", &arns).await.unwrap();
    assert!(found.iter().map(|task| &task.arn).eq(&arns[1..]));
    assert!(ecs.describe_tasks("prod", &arns[..1]).await.is_err());
}
