//! The shipped template, and small ones with mistakes.

mod roles;

use std::path::PathBuf;

use serde_json::json;

use super::*;

fn shipped(parameters: &[(&str, &str)]) -> Template {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../template.yaml");
    let parameters = [("Architecture", "arm64"), ("Mode", "deploy")]
        .iter()
        .chain(parameters)
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Template::read(
        &file,
        &parameters,
        Path::new("/binaries"),
        Path::new("/here/pipelines.toml"),
    )
    .unwrap()
}

fn parse(text: &str) -> anyhow::Result<Template> {
    let paths = Paths {
        binaries: Path::new("/binaries"),
        config: Path::new("/here/pipelines.toml"),
        layer: None,
    };
    Template::parse(text, &BTreeMap::new(), &paths)
}

#[test]
fn every_function_of_the_shipped_template_is_read() {
    let template = shipped(&[("MessageFormat", "json")]);
    let binaries: Vec<&str> = template
        .functions
        .iter()
        .map(|function| function.binary_name.as_str())
        .collect();
    let text = include_str!("../../../../template.yaml");
    let expected: Vec<&str> = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Binary: "))
        .collect();
    assert_eq!(binaries, expected);
    assert!(!binaries.is_empty());
    for function in &template.functions {
        assert_eq!(
            function.binary,
            Path::new("/binaries").join(&function.binary_name)
        );
        assert_eq!(
            function.environment["GREENLIGHT_CONFIG"],
            "/here/pipelines.toml"
        );
        assert_eq!(
            function.environment["GREENLIGHT_TOPIC_ARN"],
            template.topic_arn
        );
        assert_eq!(function.environment["GREENLIGHT_MESSAGE_FORMAT"], "json");
    }
    let start = &template.functions[0].environment;
    assert_eq!(
        start["GREENLIGHT_HOOK_AFTER_INSTALL"],
        "CodeDeployHook_greenlight_run-migration"
    );
    assert_eq!(
        start["GREENLIGHT_HOOK_AFTER_ALLOW_TEST_TRAFFIC"],
        "CodeDeployHook_greenlight_check-test-traffic"
    );
}

#[test]
fn the_shipped_rules_invoke_the_right_functions() {
    let template = shipped(&[]);
    let push = |tag: &str| {
        let detail = json!({ "action-type": "PUSH", "result": "SUCCESS", "image-tag": tag, "repository-name": "shop/web" });
        json!({ "source": "aws.ecr", "detail-type": "ECR Image Action", "detail": detail })
    };
    let stopped = |started_by: &str| {
        let detail = json!({ "lastStatus": "STOPPED", "startedBy": started_by });
        json!({ "source": "aws.ecs", "detail-type": "ECS Task State Change", "detail": detail })
    };
    let woken = |event: Value| -> Vec<&str> {
        let matches = |rule: &&Rule| matches!(&rule.trigger, Trigger::Pattern(pattern) if pattern.matches(&event));
        template
            .rules
            .iter()
            .filter(matches)
            .map(|rule| rule.function.as_str())
            .collect()
    };
    assert_eq!(woken(push("latest")), ["greenlight-start-deployment"]);
    assert_eq!(woken(push("")), Vec::<&str>::new());
    let mut without_tag = push("latest");
    without_tag["detail"]
        .as_object_mut()
        .unwrap()
        .shift_remove("image-tag");
    assert_eq!(woken(without_tag), Vec::<&str>::new());
    assert_eq!(
        woken(stopped("greenlight/d-8X2K4PLQ3")),
        ["greenlight-finish-migration"]
    );
    assert_eq!(
        woken(stopped("ecs-svc/1234567890123456789")),
        Vec::<&str>::new()
    );
    let ended = |status: &str, exit_code: Value| {
        let mut event = stopped("greenlight/d-8X2K4PLQ3");
        event["detail"]["lastStatus"] = json!(status);
        event["detail"]["containers"] =
            json!([{ "name": "web", "exitCode": exit_code }, { "name": "proxy" }]);
        if exit_code.is_null() {
            event["detail"]["containers"] = json!([{ "name": "web" }, { "name": "proxy" }]);
        }
        woken(event)
    };
    for status in [
        "PENDING",
        "ACTIVATING",
        "RUNNING",
        "DEACTIVATING",
        "STOPPING",
        "DEPROVISIONING",
    ] {
        assert_eq!(
            ended(status, json!(0)),
            ["greenlight-finish-migration"],
            "{status}"
        );
        assert_eq!(ended(status, Value::Null), Vec::<&str>::new(), "{status}");
    }
    let schedules = template
        .rules
        .iter()
        .filter(|rule| matches!(rule.trigger, Trigger::Schedule(_)));
    assert_eq!(
        schedules
            .map(|rule| rule.function.as_str())
            .collect::<Vec<_>>(),
        ["greenlight-start-deployment"]
    );
}

const SMALL: &str = "
Globals:
  Function:
    Timeout: 20
    Layers: [!Ref Layer]
    Environment: { Variables: { GREENLIGHT_CONFIG: /opt/pipelines.toml, GREENLIGHT_TOPIC_ARN: arn, SAME: global } }
Resources:
  Layer: { Type: AWS::Serverless::LayerVersion, Properties: { ContentUri: config/ } }
  Dead: { Type: AWS::SQS::Queue }
  One:
    Type: AWS::Serverless::Function
    Metadata: { BuildProperties: { Binary: one } }
    Properties:
      MemorySize: 256
      ReservedConcurrentExecutions: 2
      Environment: { Variables: { SAME: own, COUNT: 3 } }
      EventInvokeConfig: { MaximumRetryAttempts: 1, DestinationConfig: { OnFailure: { Destination: !GetAtt Dead.Arn } } }
      Events:
        Look:
          Type: Schedule
          Properties:
            Schedule: rate(5 minutes)
            Input: '{\"look\": true}'
            RetryPolicy: { MaximumRetryAttempts: 3, MaximumEventAgeInSeconds: 60 }
            DeadLetterConfig: { Arn: !GetAtt Dead.Arn }
        Off: { Type: Schedule, Properties: { Schedule: rate(1 minute), Enabled: false } }
";

#[test]
fn a_functions_properties_override_the_globals() {
    let template = parse(SMALL).unwrap();
    let function = &template.functions[0];
    assert_eq!(
        (function.timeout, function.memory_megabytes),
        (Duration::from_secs(20), 256)
    );
    assert_eq!(
        (
            function.maximum_retry_attempts,
            function.on_failure.as_deref()
        ),
        (1, Some("Dead"))
    );
    assert_eq!(function.reserved_concurrency, Some(2));
    let variable = |name: &str| function.environment[name].as_str();
    assert_eq!((variable("SAME"), variable("COUNT")), ("own", "3"));
    assert_eq!(variable("GREENLIGHT_CONFIG"), "/here/pipelines.toml");
    assert_eq!(template.rules.len(), 1);
    assert_eq!(
        (template.rules[0].name.as_str(), &template.rules[0].input),
        ("OneLook", &Some(json!({ "look": true })))
    );
    let retry = RetryPolicy {
        maximum_attempts: 3,
        maximum_event_age: Duration::from_secs(60),
    };
    assert_eq!(
        (
            template.rules[0].retry,
            template.rules[0].dead_letters.as_deref()
        ),
        (retry, Some("Dead"))
    );
}

/// What takes the place of which part of the template, and what is said of it.
const MISTAKES: [(&str, &str, &str); 17] = [
    (
        "ContentUri: config/",
        "ContentUri: src/",
        "`GREENLIGHT_CONFIG` is `/opt/pipelines.toml`: `One` has no layer",
    ),
    (
        "COUNT: 3",
        "COUNT: !Ref Count",
        "at `Resources.One.Properties.Environment.Variables.COUNT`",
    ),
    ("!GetAtt Dead.Arn", "!GetAtt Layer.Arn", "`Arn` of `Layer`"),
    (
        "{ BuildProperties: { Binary: one } }",
        "{}",
        "`Resources.One.Metadata.BuildProperties.Binary` is missing",
    ),
    (
        "rate(5 minutes)",
        "rate(5 minute)",
        "in `Resources.One.Properties.Events.Look`: `rate(5 minute)`",
    ),
    (
        "MaximumEventAgeInSeconds: 60",
        "MaximumEventAgeInSeconds: 59",
        "`MaximumEventAgeInSeconds` is `59`: expected 60 to 86400",
    ),
    (
        "DeadLetterConfig: { Arn: !GetAtt Dead.Arn }",
        "DeadLetterConfig: { Arn: arn:aws:sqs:eu-central-1:111122223333:gone }",
        "which is not a queue of the template",
    ),
    (
        "Dead: { Type: AWS::SQS::Queue }",
        "Dead: { Type: AWS::SQS::Queue, Properties: { KmsMasterKeyId: alias/mine } }",
        "`Resources.Dead.Properties.KmsMasterKeyId` is `alias/mine`: only the ARN of a key",
    ),
    (
        "Dead: { Type: AWS::SQS::Queue }",
        "Dead: { Type: AWS::SQS::Queue, Condition: Wanted }",
        "the template has no condition `Wanted`",
    ),
    (
        "AWS::SQS::Queue }",
        "AWS::SQS::Queue }\n  Rule: { Type: AWS::Events::Rule }",
        "`Rule` is of the type `AWS::Events::Rule`, which the rehearsal does not support",
    ),
    (
        "MemorySize: 256",
        "EphemeralStorage: { Size: 512 }",
        "`Resources.One.Properties.EphemeralStorage` is not evaluated",
    ),
    (
        "Schedule: rate(5 minutes)",
        "Schedule: rate(5 minutes)\n            InputPath: $.detail",
        "`Resources.One.Properties.Events.Look.Properties.InputPath` is not evaluated",
    ),
    (
        "AWS::SQS::Queue }",
        "AWS::SQS::Queue }\n  Bus: { Type: AWS::Events::EventBus, Properties: { Name: b, Policy: {} } }",
        "`Resources.Bus.Properties.Policy` is not evaluated",
    ),
    (
        "AWS::SQS::Queue }",
        "AWS::SQS::Queue }\n  Bus: { Type: AWS::Events::EventBus }",
        "`Resources.Bus.Properties.Name` is missing",
    ),
    (
        "AWS::SQS::Queue }",
        "AWS::SQS::Queue }\n  Open: { Type: AWS::Events::EventBusPolicy, Properties: { EventBusName: b } }",
        "`Resources.Open.Properties.EventBusName` is `b`, expected `default` or an event bus of the template",
    ),
    (
        "SAME: own,",
        "SAME: !GetAtt TwoRole.Arn,",
        "the template has neither a resource nor a parameter `TwoRole`",
    ),
    (
        "GREENLIGHT_TOPIC_ARN: arn, ",
        "",
        "no function has `GREENLIGHT_TOPIC_ARN`",
    ),
];

#[test]
fn mistakes_are_reported_with_their_path() {
    for (from, to, expected) in MISTAKES {
        let error = format!("{:#}", parse(&SMALL.replacen(from, to, 1)).unwrap_err());
        assert!(error.contains(expected), "{error}");
    }
}

/// The names of files in `config/` as in the layer; the rehearsed pipelines replace any of them.
#[test]
fn a_stack_may_read_another_file_if_the_layer_has_it() {
    let read = |file: &str| {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
        let given = [
            ("Architecture", "arm64"),
            ("ConfigurationFile", file),
            ("Mode", "deploy"),
        ];
        let given = given.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let (binaries, config) = (Path::new("/binaries"), Path::new("/here/mine.toml"));
        Template::read(
            &root.join("template.yaml"),
            &BTreeMap::from(given),
            binaries,
            config,
        )
    };
    let template = read("pipelines.toml").unwrap();
    let variable = &template.functions[0].environment["GREENLIGHT_CONFIG"];
    assert_eq!(variable, "/here/mine.toml");
    for (file, expected) in [
        ("absent.toml", "has no layer that contains `absent.toml`"),
        (
            "../pipelines.toml",
            "the parameter `ConfigurationFile` is `../pipelines.toml`: must be the name of a file in config/",
        ),
    ] {
        let error = format!("{:#}", read(file).unwrap_err());
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn starts_are_concurrent_unless_one_at_a_time_is_configured() {
    let reserved = |given: &[(&str, &str)]| shipped(given).functions[0].reserved_concurrency;
    assert_eq!(reserved(&[]), None);
    assert_eq!(reserved(&[("OneStartAtATime", "true")]), Some(1));
}
