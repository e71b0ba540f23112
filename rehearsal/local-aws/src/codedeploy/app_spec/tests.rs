//! Valid and invalid AppSpecs.

use super::*;

const REVISION: &str = "arn:aws:ecs:eu-central-1:111122223333:task-definition/web:2";

fn spec(change: impl FnOnce(&mut Value)) -> String {
    let mut spec: Value = serde_json::from_str(&render(REVISION, "web", 8080)).unwrap();
    spec["Hooks"] = json!([{ "AfterInstall": "migrate" }, { "AfterAllowTestTraffic": "check" }]);
    change(&mut spec);
    spec.to_string()
}

#[test]
fn a_complete_app_spec_is_read() {
    let read = parse(&spec(|_| {})).unwrap();
    assert_eq!(
        (
            read.task_definition.as_str(),
            read.container.as_str(),
            read.port
        ),
        (REVISION, "web", 8080)
    );
    assert_eq!(read.network_configuration, None);
    let hooks: Vec<_> = read
        .hooks
        .iter()
        .map(|(event, function)| (event.as_str(), function.as_str()))
        .collect();
    assert_eq!(
        hooks,
        [
            ("AfterInstall", "migrate"),
            ("AfterAllowTestTraffic", "check")
        ]
    );
}

fn properties(spec: &mut Value) -> &mut Value {
    &mut spec["Resources"][0]["TargetService"]["Properties"]
}

type Change = fn(&mut Value);

fn check(cases: &[(Change, &str)]) {
    for (change, wanted) in cases {
        let sentence = parse(&spec(change)).unwrap_err();
        assert!(sentence.contains(wanted), "{sentence}");
    }
}

#[test]
fn an_invalid_app_spec_is_refused() {
    check(&[
        (|s| *s = json!([]), "must be an object"),
        (|s| s["version"] = json!(1), "version must be 0.0"),
        (|s| s["version"] = json!(null), "version must be 0.0"),
        (
            |s| s["Extra"] = json!(1),
            "Extra is not known in the AppSpec file",
        ),
        (|s| s["Resources"] = json!([]), "exactly one TargetService"),
        (
            |s| s["Resources"] = json!([{ "Other": {} }]),
            "TargetService is missing",
        ),
        (
            |s| s["Resources"][0]["TargetService"]["Type"] = json!("AWS::Lambda::Function"),
            "AWS::ECS::Service",
        ),
        (
            |s| s["Hooks"] = json!({ "AfterInstall": "f" }),
            "Hooks must be a list",
        ),
        (
            |s| s["Hooks"] = json!([{ "Install": "f" }]),
            "Install is not a lifecycle event that takes a hook",
        ),
        (
            |s| s["Hooks"] = json!([{ "AfterInstall": "f", "BeforeInstall": "f" }]),
            "one lifecycle event with one function",
        ),
        (
            |s| s["Hooks"] = json!([{ "AfterInstall": "f" }, { "AfterInstall": "g" }]),
            "named twice",
        ),
        (
            |s| s["Hooks"] = json!([{ "AfterInstall": "" }]),
            "AfterInstall is missing or not a text",
        ),
        (|s| s["hooks"] = json!([]), "Hooks is given twice"),
        (|s| s["resources"] = json!([]), "Resources is given twice"),
    ]);
}

#[test]
fn an_invalid_service_is_refused() {
    check(&[
        (
            |s| properties(s)["TaskDefinition"] = json!("web:2"),
            "must be an ARN",
        ),
        (
            |s| properties(s)["DesiredCount"] = json!(2),
            "DesiredCount is not known",
        ),
        (
            |s| properties(s)["LoadBalancerInfo"]["ContainerPort"] = json!("80"),
            "ContainerPort",
        ),
        (
            |s| {
                properties(s)["NetworkConfiguration"] =
                    json!({ "AwsvpcConfiguration": { "Subnets": ["a"] } })
            },
            "all of it or none",
        ),
        (
            |s| properties(s)["TaskDefinition"] = json!("arn:aws:ecs:r:a:task-definition/web"),
            "ARN with revision",
        ),
        (
            |s| properties(s)["LoadBalancerInfo"] = json!([]),
            "LoadBalancerInfo is missing or not an object",
        ),
        (
            |s| properties(s)["NetworkConfiguration"] = network("MAYBE"),
            "AssignPublicIp has a value",
        ),
        (
            |s| properties(s)["CapacityProviderStrategy"] = json!({}),
            "must be a list",
        ),
        (
            |s| properties(s)["CapacityProviderStrategy"] = json!([{ "Base": 1 }]),
            "CapacityProvider is missing",
        ),
        (
            |s| {
                properties(s)["CapacityProviderStrategy"] =
                    json!([{ "CapacityProvider": "FARGATE", "Weight": "1" }])
            },
            "Weight must be a number",
        ),
        (
            |s| properties(s)["PlatformVersion"] = json!(1.4),
            "PlatformVersion is missing or not a text",
        ),
    ]);
}

fn network(public: &str) -> Value {
    json!({ "AwsvpcConfiguration": { "Subnets": ["a"], "SecurityGroups": ["g"], "AssignPublicIp": public } })
}

#[test]
fn optional_settings_take_the_names_of_the_ecs_api() {
    let read = parse(&spec(|s| {
        properties(s)["NetworkConfiguration"] = network("DISABLED");
        properties(s)["CapacityProviderStrategy"] =
            json!([{ "CapacityProvider": "FARGATE_SPOT", "Weight": 3 }]);
        properties(s)["PlatformVersion"] = json!("LATEST");
    }));
    let read = read.unwrap();
    assert_eq!(
        read.network_configuration,
        Some(json!({ "awsvpcConfiguration": {
            "subnets": ["a"], "securityGroups": ["g"], "assignPublicIp": "DISABLED",
        }}))
    );
    assert_eq!(
        read.capacity_provider_strategy,
        Some(json!([{ "capacityProvider": "FARGATE_SPOT", "base": 0, "weight": 3 }]))
    );
    assert_eq!(read.platform_version.as_deref(), Some("LATEST"));
}

const YAML: &str = "
# as AWS's documentation writes it
version: 0.0
Resources:
  - TargetService:
      Type: AWS::ECS::Service
      Properties:
        TaskDefinition: \"arn:aws:ecs:eu-central-1:111122223333:task-definition/web:2\"
        LoadBalancerInfo:
          ContainerName: \"web\"
          ContainerPort: 8080
        PlatformVersion:
Hooks:
  - AfterInstall: \"migrate\"
  - AfterAllowTestTraffic: check
";

#[test]
fn yaml_and_json_mean_the_same() {
    let json = parse(&spec(|_| {})).unwrap();
    assert_eq!(parse(YAML).unwrap(), json);
    assert_eq!(parse(&YAML.replace("Hooks:", "hooks:")).unwrap(), json);
}

#[test]
fn text_that_is_neither_yaml_nor_json_is_refused() {
    let documents = [
        "{\"version\": 0.0,".to_owned(),
        "version: 0.0 Resources: - TargetService: Type: AWS::ECS::Service".to_owned(),
        YAML.replace("  - AfterInstall", "\t- AfterInstall"),
        YAML.replace("Hooks:", "version: 0.0\nHooks:"),
        format!("{YAML}---\n{YAML}"),
        // A JSON list in the middle of block YAML that never ends.
        YAML.replace("Hooks:", "Hooks: [{"),
        YAML.replace("version: 0.0", "{ version: 0.0 }"),
    ];
    for document in documents {
        let sentence = parse(&document).unwrap_err();
        assert!(
            sentence.contains("not well-formed yaml"),
            "{document}: {sentence}"
        );
    }
}

#[test]
fn hooks_in_ec2_form_are_refused() {
    let list = "AfterInstall:\n    - location: scripts/migrate\n      timeout: 10";
    let spec = YAML.replace("AfterInstall: \"migrate\"", list);
    assert!(parse(&spec).is_err(), "{spec}");
    let map = YAML.replace("- After", "  After");
    assert!(parse(&map).unwrap_err().contains("Hooks must be a list"));
}
