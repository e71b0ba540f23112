//! Secrets Manager, and tasks whose variables come from it.

use local_aws::identity::access_key;
use local_aws::template::Template;
use local_aws::world::{KmsKey, SecretSettings, World};
use serde_json::{Value, json};

use crate::aws::{PausedWorld, call_as, ecs, template_of, world};

const TOKEN: &str = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:shop/token-AbCdEf";
const SEALED: &str = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:shop/sealed-AbCdEf";
const BROKEN: &str = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:shop/broken-AbCdEf";
const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/mine";
/// The function's binary is the sample service's, which is never started here.
const FUNCTION: &str = "sample-service";

/// A function that may read the secrets of the shop, and use no key.
const TEMPLATE: &str = "
Resources:
  Caller:
    Type: AWS::Serverless::Function
    Metadata: { BuildProperties: { Binary: sample-service } }
    Properties:
      Environment: { Variables: { GREENLIGHT_TOPIC_ARN: outcomes } }
      Policies:
        Statement:
          - { Effect: Allow, Action: secretsmanager:GetSecretValue, Resource: 'arn:aws:secretsmanager:*:*:secret:shop/*' }
";

fn template() -> Template {
    template_of("secrets.yaml", TEMPLATE)
}

async fn with_secrets() -> PausedWorld {
    world(|settings| {
        settings.template = template();
        let secret = |arn: &str, key: KmsKey| SecretSettings {
            arn: arn.to_owned(),
            text: "{\"api-key\":\"hunter2\"}".to_owned(),
            key,
        };
        settings.secrets = vec![
            secret(TOKEN, KmsKey::AwsManaged),
            secret(SEALED, KmsKey::Own(KEY.to_owned())),
            secret(BROKEN, KmsKey::Disabled(KEY.to_owned())),
        ];
    })
    .await
}

/// Status, and the answer's text or the error's code and message.
async fn get(world: &World, caller: &str, members: Value) -> (u16, String) {
    let target = "secretsmanager.GetSecretValue";
    let (status, body) = call_as(world, caller, target, members).await;
    let said = |member: &str| body[member].as_str().unwrap_or_default();
    let text = match status {
        200 => said("SecretString").to_owned(),
        _ => format!("{} {}", said("__type"), said("Message")),
    };
    (status, text)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_read_by_who_may_read_it_and_use_its_key() {
    let world = with_secrets().await;
    let (person, function) = ("AKIATEST", access_key(FUNCTION));
    let of = |id: &str| json!({ "SecretId": id });
    let text = "{\"api-key\":\"hunter2\"}";
    for (caller, members, expected) in [
        (person, of(TOKEN), (200, text)),
        (person, of("shop/token"), (200, text)),
        (&function, of(TOKEN), (200, text)),
        (&function, of("shop/token"), (200, text)),
        (person, of(SEALED), (200, text)),
        (
            &function,
            of(SEALED),
            (400, "AccessDeniedException Access to KMS is not allowed"),
        ),
        (
            person,
            of(BROKEN),
            (
                400,
                "DecryptionFailure Secrets Manager can't decrypt the protected secret text using the provided KMS key.",
            ),
        ),
        (
            person,
            of("shop/none"),
            (
                400,
                "ResourceNotFoundException Secrets Manager can't find the specified secret.",
            ),
        ),
        (
            person,
            json!({ "SecretId": TOKEN, "VersionStage": "AWSPREVIOUS" }),
            (
                400,
                "ResourceNotFoundException Secrets Manager can't find the specified secret value for staging label: AWSPREVIOUS",
            ),
        ),
        (
            &function,
            of("other"),
            (
                400,
                "AccessDeniedException User: arn:aws:sts::111122223333:assumed-role/greenlight-CallerRole/greenlight-Caller is \
                 not authorized to perform: secretsmanager:GetSecretValue on resource: \
                 arn:aws:secretsmanager:eu-central-1:111122223333:secret:other-?????? because no identity-based policy allows \
                 the secretsmanager:GetSecretValue action",
            ),
        ),
    ] {
        let (status, said) = get(&world, caller, members.clone()).await;
        assert_eq!((status, said.as_str()), expected, "{members}");
    }
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_value_is_current_and_a_deleted_secret_cannot_be_read() {
    let world = with_secrets().await;
    let call = async |operation: &str, members: Value| {
        let target = format!("secretsmanager.{operation}");
        call_as(&world, "AKIATEST", &target, members).await
    };
    let (status, created) = call(
        "CreateSecret",
        json!({ "Name": "new", "SecretString": "one" }),
    )
    .await;
    assert_eq!(status, 200, "{created}");
    let put = json!({ "SecretId": "new", "SecretString": "two" });
    assert_eq!(call("PutSecretValue", put.clone()).await.0, 200);
    let id = created["ARN"].as_str().unwrap();
    let of = |stage: &str| json!({ "SecretId": id, "VersionStage": stage });
    for (stage, expected) in [("AWSCURRENT", "two"), ("AWSPREVIOUS", "one")] {
        assert_eq!(get(&world, "AKIATEST", of(stage)).await.1, expected);
    }
    let again = call("CreateSecret", json!({ "Name": "new" })).await;
    assert_eq!(again.1["__type"], "ResourceExistsException");
    assert_eq!(
        call("DeleteSecret", json!({ "SecretId": "new" })).await.0,
        200
    );
    let (status, said) = get(&world, "AKIATEST", of("AWSCURRENT")).await;
    assert_eq!(status, 400);
    assert!(
        said.ends_with("because it was marked for deletion."),
        "{said}"
    );
    assert_eq!(
        call("PutSecretValue", put).await.1["__type"],
        "InvalidRequestException"
    );
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_cannot_get_a_secret_does_not_start() {
    let mut world = with_secrets().await;
    let described = ecs(
        &world,
        "DescribeTaskDefinition",
        json!({ "taskDefinition": "shop-web" }),
    )
    .await;
    for (from, stop) in [
        (format!("{TOKEN}:api-key::"), "EssentialContainerExited"),
        (format!("{TOKEN}:other::"), "TaskFailedToStart"),
        (BROKEN.to_owned(), "TaskFailedToStart"),
    ] {
        let mut definition = described["taskDefinition"].clone();
        definition["containerDefinitions"][0]["secrets"] =
            json!([{ "name": "SAMPLE_API_KEY", "valueFrom": from }]);
        let registered = ecs(&world, "RegisterTaskDefinition", definition).await;
        let run = json!({
            "cluster": "prod",
            "taskDefinition": registered["taskDefinition"]["taskDefinitionArn"],
            "launchType": "FARGATE",
            "networkConfiguration": { "awsvpcConfiguration": { "subnets": ["subnet-1"] } },
            "overrides": { "containerOverrides": [{ "name": "web", "command": ["sample-service", "migrate"] }] },
        });
        let started = ecs(&world, "RunTask", run).await;
        world.settled().await;
        let wanted = json!({ "cluster": "prod", "tasks": [started["tasks"][0]["taskArn"]] });
        let task = ecs(&world, "DescribeTasks", wanted).await["tasks"][0].clone();
        assert_eq!(task["stopCode"], stop, "{task}");
        let reason = task["stoppedReason"].as_str().unwrap();
        let names_secrets =
            reason.starts_with("ResourceInitializationError: unable to pull secrets");
        assert_eq!(names_secrets, stop == "TaskFailedToStart", "{reason}");
        assert!(!task.to_string().contains("hunter2"), "{task}");
    }
    world.shutdown().await;
}
