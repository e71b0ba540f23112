//! Services behind several load balancers, and clients that stay with a target group.

use local_aws::elb::Forward;
use local_aws::timeline::ListenerKind;
use local_aws::world::{Internal, World};
use serde_json::{Value, json};

use crate::aws::{elb, get, register, version};
use crate::deploying::{
    blue_green, by_ecs, deployed_by, deployment, refused, revision, service, stages, until_stage,
    update,
};

/// The version that answers at the production listener of the second load balancer.
async fn internal(world: &World) -> String {
    let further = world.further_base_urls("web");
    let [(name, url)] = &further[..] else {
        panic!("{further:?}")
    };
    assert_eq!(name, "web-internal");
    let address = url.strip_prefix("http://").unwrap();
    version(address.parse().unwrap()).await
}

async fn public(world: &World) -> String {
    version(world.address("web", ListenerKind::Production).unwrap()).await
}

/// `blue 0 green 100` of every rule: of production and of test traffic, for each load balancer.
async fn weights(world: &World) -> Vec<String> {
    let entries = service(world).await["loadBalancers"].clone();
    let mut found = Vec::new();
    for entry in entries.as_array().unwrap() {
        for member in ["productionListenerRule", "testListenerRule"] {
            let Some(rule) = entry["advancedConfiguration"][member].as_str() else {
                continue;
            };
            let forward = world.load_balancers.rule_forward(rule).unwrap();
            let part = |part: &Forward| {
                let name = part.target_group_arn.split('/').nth(1).unwrap();
                format!("{} {}", name.trim_start_matches("shop-web-"), part.weight)
            };
            found.push(forward.iter().map(part).collect::<Vec<_>>().join(", "));
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn every_load_balancer_of_a_service_is_shifted_and_shifted_back() {
    let mut by = by_ecs(blue_green());
    by.internal = Internal::Present;
    let mut world = deployed_by(by, &[], |_| {}).await;
    let target = register(&world, "1.0.1").await;
    let answer = update(&world, json!({ "taskDefinition": target })).await;
    let arn = answer["currentServiceDeployment"].clone();
    until_stage(&mut world, "POST_TEST_TRAFFIC_SHIFT").await;
    let tested = ["blue 100, green 0", "blue 0, green 100"];
    let tested: Vec<String> = ["", "internal-"]
        .iter()
        .flat_map(|kind| {
            tested.map(|one| {
                one.replace("blue", &format!("{kind}blue"))
                    .replace("green", &format!("{kind}green"))
            })
        })
        .collect();
    assert_eq!(weights(&world).await, tested);
    until_stage(&mut world, "BAKE_TIME").await;
    assert_eq!(public(&world).await, "1.0.1");
    assert_eq!(internal(&world).await, "1.0.1");
    let described = deployment(&world, &arn).await;
    let green = &described["targetServiceRevision"]["arn"];
    let resolved = revision(&world, green).await["resolvedConfiguration"]["loadBalancers"].clone();
    let groups: Vec<&str> = resolved
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            one["targetGroupArn"]
                .as_str()
                .unwrap()
                .split('/')
                .nth(1)
                .unwrap()
        })
        .collect();
    assert_eq!(groups, ["shop-web-green", "shop-web-internal-green"]);
    let stop = json!({ "serviceDeploymentArn": arn, "stopType": "ROLLBACK" });
    crate::aws::ecs(&world, "StopServiceDeployment", stop).await;
    world.settled().await;
    assert_eq!(
        deployment(&world, &arn).await["status"],
        "ROLLBACK_SUCCESSFUL"
    );
    assert_eq!(public(&world).await, "1.0.0");
    assert_eq!(internal(&world).await, "1.0.0");
    assert!(
        weights(&world)
            .await
            .iter()
            .all(|one| one.ends_with("green 0"))
    );
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unfit_rule_of_the_second_load_balancer_rolls_back_before_a_task_starts() {
    let mut by = by_ecs(blue_green());
    by.internal = Internal::Present;
    let mut world = deployed_by(by, &[], |settings| settings.services[0].desired_count = 0).await;
    let entry = service(&world).await["loadBalancers"][1].clone();
    let rule = entry["advancedConfiguration"]["productionListenerRule"].clone();
    let rule = rule.as_str().unwrap();
    let both = world.load_balancers.rule_forward(rule).unwrap();
    let both = both.into_iter().map(|part| Forward { weight: 50, ..part });
    world.load_balancers.set_rule_forward(rule, both.collect());
    let target = register(&world, "1.0.1").await;
    let answer = update(&world, json!({ "taskDefinition": target })).await;
    world.settled().await;
    let ended = deployment(&world, &answer["currentServiceDeployment"]).await;
    assert_eq!(ended["status"], "ROLLBACK_SUCCESSFUL");
    let reason = ended["statusReason"].as_str().unwrap();
    assert!(
        reason.contains(rule) && reason.contains("found 2 target groups"),
        "{reason}"
    );
    assert_eq!(stages(&world), ["PRE_SCALE_UP", "SCALE_UP", "-CLEAN_UP"]);
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn load_balancers_that_get_into_each_others_way_are_refused() {
    let mut by = by_ecs(blue_green());
    by.internal = Internal::Present;
    let world = deployed_by(by, &[], |settings| settings.services[0].desired_count = 0).await;
    let entries = service(&world).await["loadBalancers"].clone();
    let change = |change: fn(&mut Value, &Value)| {
        let mut changed = entries.clone();
        let first = changed[0].clone();
        change(&mut changed[1], &first);
        json!({ "cluster": "prod", "service": "web", "loadBalancers": changed })
    };
    let advanced = "advancedConfiguration";
    assert!(entries[1][advanced]["testListenerRule"].is_string());
    for (request, expected) in [
        (
            change(|second, first| second["targetGroupArn"] = first["targetGroupArn"].clone()),
            "Duplicate targetGroupArn found: ",
        ),
        (
            change(|second, first| {
                let alternate = &first["advancedConfiguration"]["alternateTargetGroupArn"];
                second["advancedConfiguration"]["alternateTargetGroupArn"] = alternate.clone();
            }),
            "Duplicate targetGroupArn found: ",
        ),
        (
            change(|second, first| {
                let rule = &first["advancedConfiguration"]["productionListenerRule"];
                second["advancedConfiguration"]["testListenerRule"] = rule.clone();
            }),
            "The following rules cannot be used as both production and test listener rules: ",
        ),
        (
            change(|second, _| {
                second
                    .as_object_mut()
                    .unwrap()
                    .remove("advancedConfiguration");
            }),
            "Either all or none of the provided loadBalancers must have advancedConfiguration defined",
        ),
        (
            change(|second, _| second["containerPort"] = json!(9999)),
            "The container web did not have a container port 9999 defined.",
        ),
    ] {
        let (code, message) = refused(&world, "UpdateService", request).await;
        assert_eq!(code, "InvalidParameterException");
        assert!(message.starts_with(expected), "{message}");
    }
    world.shutdown().await;
}

/// The status and the version of an answer, and the cookie that came with it.
async fn asked(world: &World, cookie: &str) -> (u16, String, Option<String>) {
    let address = world.address("web", ListenerKind::Production).unwrap();
    let (status, head, _) = get(&address.to_string(), cookie).await;
    let find = |name: &str| {
        let mut lines = head.lines();
        lines.find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            (key.to_ascii_lowercase() == name).then(|| value.trim().to_owned())
        })
    };
    let cookie = find("set-cookie").map(|cookie| cookie.split(';').next().unwrap().to_owned());
    (status, find("x-version").unwrap_or_default(), cookie)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_comes_before_the_weights_that_ecs_writes() {
    let mut world = deployed_by(by_ecs(blue_green()), &[], |_| {}).await;
    let (_, version, cookie) = asked(&world, "").await;
    assert_eq!((version.as_str(), cookie), ("1.0.0", None));
    let listener = world.listener("web", ListenerKind::Production).unwrap();
    let entry = service(&world).await["loadBalancers"][0].clone();
    let groups = [
        entry["targetGroupArn"].as_str().unwrap(),
        entry["advancedConfiguration"]["alternateTargetGroupArn"]
            .as_str()
            .unwrap(),
    ];
    let action = "DefaultActions.member.1";
    let mut modify = format!("ModifyListener&ListenerArn={listener}&{action}.Type=forward");
    for (number, (group, weight)) in groups.iter().zip([100, 0]).enumerate() {
        let member = format!("{action}.ForwardConfig.TargetGroups.member.{}", number + 1);
        modify += &format!("&{member}.TargetGroupArn={group}&{member}.Weight={weight}");
    }
    let stickiness = format!("{action}.ForwardConfig.TargetGroupStickinessConfig");
    modify += &format!("&{stickiness}.Enabled=true&{stickiness}.DurationSeconds=86400");
    assert_eq!(elb(&world, &modify).await.0, 200);
    let (_, _, cookie) = asked(&world, "").await;
    let cookie = cookie.unwrap();
    assert!(cookie.starts_with("AWSALBTG="), "{cookie}");
    let with = format!("Cookie: other=1; {cookie}\r\n");

    let target = register(&world, "1.0.1").await;
    update(&world, json!({ "taskDefinition": target })).await;
    until_stage(&mut world, "BAKE_TIME").await;
    let (_, described) = elb(&world, &format!("DescribeRules&ListenerArn={listener}")).await;
    assert!(
        described.contains("<DurationSeconds>86400</DurationSeconds>"),
        "{described}"
    );
    // Who comes without it gets green; who was there before stays with blue, and gets nothing when its tasks are gone.
    assert_eq!(asked(&world, "").await.1, "1.0.1");
    assert_eq!(asked(&world, &with).await.1, "1.0.0");
    world.settled().await;
    assert_eq!(asked(&world, &with).await.0, 503);
    world.shutdown().await;
}
