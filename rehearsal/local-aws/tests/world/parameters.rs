//! Systems Manager's Parameter Store.

use local_aws::identity::access_key;
use local_aws::template::Template;
use local_aws::world::World;
use serde_json::{Value, json};

use crate::aws::{call_as, template_of, world};

const PERSON: &str = "AKIATEST";
/// The function's binary is the sample service's, which is never started here.
const FUNCTION: &str = "sample-service";

/// A function that may write every parameter but Greenlight's own.
const TEMPLATE: &str = "
Resources:
  Caller:
    Type: AWS::Serverless::Function
    Metadata: { BuildProperties: { Binary: sample-service } }
    Properties:
      Environment: { Variables: { GREENLIGHT_TOPIC_ARN: outcomes } }
      Policies:
        Statement:
          - { Effect: Allow, Action: 'ssm:PutParameter', Resource: 'arn:aws:ssm:*:*:parameter/*' }
          - { Effect: Allow, Action: 'ssm:GetParameter', Resource: 'arn:aws:ssm:*:*:parameter/shop/*' }
          - { Effect: Deny, Action: 'ssm:PutParameter', Resource: 'arn:aws:ssm:*:*:parameter/greenlight/*' }
";

fn template() -> Template {
    template_of("parameters.yaml", TEMPLATE)
}

/// The answer's members, or the error's code and message.
async fn ask(world: &World, caller: &str, operation: &str, members: Value) -> Value {
    let target = format!("AmazonSSM.{operation}");
    let (status, body) = call_as(world, caller, &target, members).await;
    if status == 200 {
        return body;
    }
    let said = |member: &str| body[member].as_str().unwrap_or_default();
    json!(format!("{status} {} {}", said("__type"), said("message")).trim_end())
}

fn new(name: &str, value: &str) -> Value {
    json!({ "Name": name, "Value": value, "Type": "String" })
}

fn over(name: &str, value: &str) -> Value {
    json!({ "Name": name, "Value": value, "Type": "String", "Overwrite": true })
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_are_put_and_got_as_on_aws() {
    let world = world(|_| {}).await;
    let name = "/shop/web/image";
    let put = async |members| ask(&world, PERSON, "PutParameter", members).await;
    let get = async |name: &str| ask(&world, PERSON, "GetParameter", json!({ "Name": name })).await;
    assert_eq!(get(name).await, "400 ParameterNotFound");
    let version = |number: i64| json!({ "Version": number, "Tier": "Standard" });
    assert_eq!(put(new(name, "a")).await, version(1));
    assert_eq!(
        put(new(name, "b")).await,
        "400 ParameterAlreadyExists The parameter already exists. To overwrite this value, set the overwrite option in the request to true."
    );
    assert_eq!(put(over(name, "b")).await, version(2));
    assert_eq!(
        put(json!({ "Name": name, "Value": "c", "Overwrite": true })).await,
        version(3)
    );
    let arn = "arn:aws:ssm:eu-central-1:111122223333:parameter/shop/web/image";
    for (given, value, number) in [(name, "c", 3), (arn, "c", 3), ("/shop/web/image:1", "a", 1)] {
        let found = get(given).await["Parameter"].clone();
        let expected = json!([name, "String", value, number, arn, "text"]);
        let members = ["Name", "Type", "Value", "Version", "ARN", "DataType"];
        assert_eq!(
            json!(members.map(|member| &found[member])),
            expected,
            "{given}"
        );
        assert!(found["LastModifiedDate"].is_number(), "{found}");
    }
    assert_eq!(
        get("/shop/web/image:9").await,
        "400 ParameterVersionNotFound Systems Manager could not find version 9 of /shop/web/image. Verify the version and try again."
    );
    assert_eq!(put(new("/shop/full", &"ü".repeat(4096))).await, version(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_parameter_store_refuses_it_refuses_in_aws_words() {
    let world = world(|_| {}).await;
    let put = async |members| ask(&world, PERSON, "PutParameter", members).await;
    let missing = "400 ValidationException 1 validation error detected: Value";
    for (members, expected) in [
        (
            json!({ "Value": "a", "Type": "String" }),
            format!("{missing} null at 'name' failed to satisfy constraint: Member must not be null"),
        ),
        (
            json!({ "Name": "/a/b", "Type": "String" }),
            format!("{missing} null at 'value' failed to satisfy constraint: Member must not be null"),
        ),
        (
            new("/a/b", ""),
            format!("{missing} at 'value' failed to satisfy constraint: Member must have length greater than or equal to 1"),
        ),
        (
            json!({ "Name": "/a/b", "Value": "a", "Type": "Text" }),
            format!(
                "{missing} 'Text' at 'type' failed to satisfy constraint: Member must satisfy enum value set: [SecureString, StringList, \
                 String]"
            ),
        ),
        (
            json!({ "Name": "/a/b", "Value": "a" }),
            "400 ValidationException A parameter type is required when you create a parameter.".to_owned(),
        ),
        (
            new("/a/b", &"x".repeat(4097)),
            "400 ValidationException Standard tier parameters support a maximum parameter value of 4096 characters. To create a larger \
             parameter value, upgrade the parameter to use the advanced-parameter tier. For more information, see \
             https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html"
                .to_owned(),
        ),
        (
            new("/a/b/", "a"),
            "400 ValidationException Parameter name must not end with slash.".to_owned(),
        ),
    ] {
        assert_eq!(put(members).await, json!(expected));
    }
    let secure = put(json!({ "Name": "/a/b", "Value": "a", "Type": "SecureString" })).await;
    assert!(secure.to_string().contains("does not simulate"), "{secure}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_writes_what_its_policies_allow_and_not_what_they_deny() {
    let world = world(|settings| settings.template = template()).await;
    let function = access_key(FUNCTION);
    let put = async |name: &str| ask(&world, &function, "PutParameter", new(name, "a")).await;
    let get =
        async |name: &str| ask(&world, &function, "GetParameter", json!({ "Name": name })).await;
    assert_eq!(put("/shop/web/image").await["Version"], 1);
    assert_eq!(get("/shop/web/image").await["Parameter"]["Value"], "a");
    assert_eq!(put("/pay/image").await["Version"], 1);
    for (said, action, name, why) in [
        (
            get("/pay/image").await,
            "ssm:GetParameter",
            "pay/image",
            "because no identity-based policy allows the ssm:GetParameter action",
        ),
        (
            put("/greenlight/hold").await,
            "ssm:PutParameter",
            "greenlight/hold",
            "with an explicit deny in an identity-based policy",
        ),
    ] {
        let said = said.as_str().unwrap();
        assert!(said.starts_with("400 AccessDeniedException "), "{said}");
        let on = format!(
            "{action} on resource: arn:aws:ssm:eu-central-1:111122223333:parameter/{name} {why}"
        );
        assert!(said.contains(&on), "{said}");
    }
}
