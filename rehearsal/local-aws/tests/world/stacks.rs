//! The stacks of templates, as DescribeStacks tells of them.

use std::collections::BTreeMap;
use std::path::Path;

use local_aws::stacks::{Surroundings, TemplateFile, create};

use local_aws::template::Template;

use crate::aws::{query, sample_service, world};
use crate::elb::between;

const FIRST: &str = r#"
Description: names
Parameters:
  Name: { Type: String, Default: shop }
  Secret: { Type: String, Default: hidden, NoEcho: true }
  Image: { Type: "AWS::SSM::Parameter::Value<String>", Default: /shop/web/image }
Conditions:
  Never: !Equals [a, b]
Resources:
  Log: { Type: "AWS::Logs::LogGroup", Properties: { LogGroupName: !Sub "/ecs/${Name}" } }
Outputs:
  Arn: { Description: of the log, Value: !GetAtt Log.Arn }
  Joined: { Value: !Join [",", [!Ref Name, !Ref Log]], Export: { Name: !Sub "${AWS::StackName}-names" } }
  Number: { Value: 7 }
  Left: { Condition: Never, Value: a }
"#;

const SECOND: &str = r#"
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument: { Version: "2012-10-17", Statement: [] }
Outputs:
  Names: { Value: !ImportValue first-names }
"#;

async fn described(world: &local_aws::world::World, name: &str) -> (u16, String) {
    let action = format!("DescribeStacks{name}");
    query(world, "cloudformation", "2010-05-15", &action).await
}

#[tokio::test(flavor = "multi_thread")]
async fn outputs_are_resolved_and_exported_to_the_stacks_behind() {
    let world = world(|settings| settings.services[0].desired_count = 0).await;
    let surroundings = Surroundings {
        repositories: vec!["shop/web".to_owned()],
        version: "1.0.0".to_owned(),
        ..Surroundings::default()
    };
    let first = TemplateFile::parse("first.yaml", FIRST).unwrap();
    let made = create(&world, &first, &surroundings).await.unwrap();
    let surroundings = surroundings.with(&made);
    let second = TemplateFile::parse("second.yaml", SECOND).unwrap();
    create(&world, &second, &surroundings).await.unwrap();

    let (_, answer) = described(&world, "&StackName=first").await;
    assert_eq!(between(&answer, "OutputKey"), ["Arn", "Joined", "Number"]);
    assert_eq!(
        between(&answer, "OutputValue"),
        [
            "arn:aws:logs:eu-central-1:111122223333:log-group:/ecs/shop:*",
            "shop,/ecs/shop",
            "7"
        ]
    );
    assert_eq!(between(&answer, "ExportName"), ["first-names"]);
    assert_eq!(between(&answer, "Description"), ["names", "of the log"]);
    assert_eq!(between(&answer, "StackStatus"), ["CREATE_COMPLETE"]);
    let parameters = between(&answer, "ParameterValue");
    assert_eq!(parameters, ["/shop/web/image", "shop", "****"]);
    let resolved = between(&answer, "ResolvedValue");
    assert!(resolved[0].contains("/shop/web@sha256:"), "{resolved:?}");
    let (_, answer) = described(&world, "&StackName=second").await;
    assert_eq!(between(&answer, "OutputValue"), ["shop,/ecs/shop"]);
    // The newest first.
    let (_, all) = described(&world, "").await;
    assert_eq!(
        between(&all, "StackName"),
        ["second", "first", "greenlight"]
    );

    let twice = TemplateFile::parse("twice.yaml", &FIRST.replace("${AWS::StackName}", "first"));
    let refused = create(&world, &twice.unwrap(), &surroundings).await;
    let refused = format!("{:#}", refused.unwrap_err());
    let expected =
        "at `Outputs.Joined.Export.Name`: Export with name first-names is already exported";
    assert!(refused.contains(expected), "{refused}");

    // The log group is there already.
    let again = TemplateFile::parse("again.yaml", FIRST).unwrap();
    let failed = create(&world, &again, &surroundings).await.unwrap_err();
    let (_, answer) = described(&world, "&StackName=again").await;
    assert_eq!(between(&answer, "StackStatus"), ["CREATE_FAILED"]);
    assert!(answer.contains("already exists") && format!("{failed:#}").contains("already exists"));
    assert_eq!(between(&answer, "OutputKey"), Vec::<&str>::new());
    let (status, answer) = described(&world, "&StackName=none").await;
    assert!(
        status == 400 && answer.contains("Stack with id none does not exist"),
        "{answer}"
    );
    world.shutdown().await;
}

/// `greenlight` finds its stack's functions in them.
#[tokio::test(flavor = "multi_thread")]
async fn the_templates_own_stack_has_its_outputs() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let file = root.join("template.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let parameters = [("Architecture", "arm64"), ("Mode", "deploy")];
    let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let binaries = sample_service().parent().unwrap();
    let pipelines = root.join("config/pipelines.toml");
    let template = Template::read(&file, &BTreeMap::from(parameters), binaries, &pipelines);
    let (_, outputs) = text.split_once("\nOutputs:\n").unwrap();
    let key = |line: &str| {
        let name = line.strip_prefix("  ")?.strip_suffix(':')?;
        (!name.starts_with(' ')).then(|| name.to_owned())
    };
    let mut expected: Vec<String> = outputs.lines().filter_map(key).collect();
    expected.sort();
    let world = world(|settings| {
        settings.services[0].desired_count = 0;
        settings.template = template.unwrap();
    })
    .await;
    let (_, answer) = described(&world, "&StackName=greenlight").await;
    assert_eq!(between(&answer, "OutputKey"), expected);
    let values = between(&answer, "OutputValue");
    assert!(values.iter().all(|value| !value.is_empty()), "{values:?}");
    let at = |name: &str| values[expected.iter().position(|known| known == name).unwrap()];
    assert_eq!(at("StartDeployment"), "greenlight-start-deployment");
    assert!(
        at("HookRole").starts_with("arn:aws:iam::111122223333:role/"),
        "{}",
        at("HookRole")
    );
    world.shutdown().await;
}
