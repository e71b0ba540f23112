//! A template's policies restrict its functions; any other caller may do everything.

use local_aws::identity::access_key;
use local_aws::template::Template;
use local_aws::world::World;
use serde_json::{Value, json};

use crate::aws::{call, call_as, register, template_of, world};

/// The function's binary is the sample service's, which is never started here.
pub(crate) const FUNCTION: &str = "sample-service";

const TEMPLATE: &str = "
Resources:
  Caller:
    Type: AWS::Serverless::Function
    Metadata: { BuildProperties: { Binary: sample-service } }
    Properties:
      Environment: { Variables: { GREENLIGHT_TOPIC_ARN: outcomes } }
      Policies:
        Statement:
          - Effect: Allow
            Action: [ecs:DescribeServices, ecs:ListTasks]
            Resource: '*'
            Condition: { ArnEquals: { ecs:cluster: !Sub 'arn:aws:ecs:${AWS::Region}:${AWS::AccountId}:cluster/prod' } }
          - { Effect: Deny, Action: ecs:List*, Resource: '*' }
          - { Effect: Allow, Action: ecs:RegisterTaskDefinition, Resource: '*' }
";

pub(crate) fn template() -> Template {
    template_of("permissions.yaml", TEMPLATE)
}

async fn ecs(world: &World, operation: &str, members: Value) -> (u16, String) {
    let target = format!("AmazonEC2ContainerServiceV20141113.{operation}");
    let (status, body) = call_as(world, &access_key(FUNCTION), &target, members).await;
    let code = body["__type"].as_str().unwrap_or_default();
    (
        status,
        format!("{code} {}", body["message"].as_str().unwrap_or_default()),
    )
}

#[tokio::test]
async fn a_function_is_denied_what_its_policies_do_not_allow() {
    let world = world(|settings| settings.template = template()).await;
    let user = "AccessDeniedException User: arn:aws:sts::111122223333:assumed-role/greenlight-CallerRole/greenlight-Caller \
                is not authorized to perform: ";
    let web = json!({ "cluster": "prod", "services": ["web"] });
    assert_eq!(ecs(&world, "DescribeServices", web).await.0, 200);
    for (operation, members, expected) in [
        (
            "DescribeServices",
            json!({ "cluster": "dev", "services": ["web"] }),
            "ecs:DescribeServices on resource: arn:aws:ecs:eu-central-1:111122223333:service/dev/web because no \
             identity-based policy allows the ecs:DescribeServices action",
        ),
        (
            "ListTasks",
            json!({ "cluster": "prod" }),
            "ecs:ListTasks on resource: * with an explicit deny in an identity-based policy",
        ),
        (
            "RegisterTaskDefinition",
            json!({ "family": "web", "taskRoleArn": "mighty", "containerDefinitions": [{ "name": "w", "image": "i" }] }),
            "iam:PassRole on resource: arn:aws:iam::111122223333:role/mighty because no identity-based policy allows the \
             iam:PassRole action",
        ),
    ] {
        let refused = ecs(&world, operation, members).await;
        assert_eq!(refused, (400, format!("{user}{expected}")));
    }
    let refused = world.iam.refusals();
    let actions: Vec<&str> = refused
        .iter()
        .map(|refusal| refusal.action.as_str())
        .collect();
    assert_eq!(
        actions,
        ["ecs:DescribeServices", "ecs:ListTasks", "iam:PassRole"]
    );
    assert_eq!(world.revisions().len(), 1, "nothing was registered");
}

#[tokio::test]
async fn callers_other_than_the_templates_functions_are_administrators() {
    let world = world(|settings| settings.template = template()).await;
    register(&world, "1.0.1").await;
    let list = "AmazonEC2ContainerServiceV20141113.ListTasks";
    assert_eq!(
        call(&world, list, json!({ "cluster": "prod" })).await.0,
        200
    );
    assert!(world.iam.refusals().is_empty());
}

#[tokio::test]
async fn a_permission_can_be_removed_while_the_world_runs() {
    let world = world(|settings| settings.template = template()).await;
    let describe = || {
        ecs(
            &world,
            "DescribeServices",
            json!({ "cluster": "prod", "services": ["web"] }),
        )
    };
    assert_eq!(describe().await.0, 200);
    world.deny(FUNCTION, "ecs:DescribeServices").unwrap();
    assert_eq!(describe().await.0, 400);
    let error = world
        .deny(FUNCTION, "ecs:DescribeServices")
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("the template does not grant `sample-service:ecs:DescribeServices`"),
        "{error}"
    );
}
