//! The infrastructure role, with which ECS reads and changes the listener rules of a service.

use local_aws::template::Template;
use serde_json::json;

use crate::aws::{register, template_of};
use crate::deploying::{blue_green, by_ecs, deployed_by, deployment, stages, update};

const ROLE: &str = "arn:aws:iam::111122223333:role/greenlight-InfrastructureRole";

fn template(name: &str, actions: &str) -> Template {
    let text = format!(
        "
Resources:
  Caller:
    Type: AWS::Serverless::Function
    Metadata: {{ BuildProperties: {{ Binary: sample-service }} }}
    Properties:
      Environment: {{ Variables: {{ GREENLIGHT_TOPIC_ARN: outcomes }} }}
  InfrastructureRole:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Statement: [{{ Effect: Allow, Action: sts:AssumeRole, Principal: {{ Service: ecs.amazonaws.com }} }}]
      Policies:
        - PolicyName: rules
          PolicyDocument:
            Statement: [{{ Effect: Allow, Action: [{actions}], Resource: '*' }}]
"
    );
    template_of(&format!("infrastructure-{name}.yaml"), &text)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_infrastructure_role_lacks_is_noticed_while_deploying() {
    let describe = "elasticloadbalancing:DescribeRules";
    let unmanaged = format!(
        "of invalid networking configuration. ECS was unable to manage the ELB resources due to missing permissions on ECS \
         Infrastructure Role '{ROLE}'."
    );
    for (name, actions, reached, expected) in [
        ("all", format!("{describe}, elasticloadbalancing:ModifyRule"), "CLEAN_UP", String::new()),
        ("none", "ecs:ListTasks".to_owned(), "SCALE_UP", unmanaged),
        (
            "read",
            describe.to_owned(),
            "TEST_TRAFFIC_SHIFT",
            "TEST_TRAFFIC_SHIFT lifecycle hook(s) failed. User: \
             arn:aws:sts::111122223333:assumed-role/greenlight-InfrastructureRole/ECSNetworkingWithELB is not authorized to \
             perform: elasticloadbalancing:ModifyRule"
                .to_owned(),
        ),
    ] {
        let mut by = by_ecs(blue_green());
        by.infrastructure_role = "InfrastructureRole".to_owned();
        let mut world = deployed_by(by, &[], |settings| {
            settings.services[0].desired_count = 0;
            settings.template = template(name, &actions);
        })
        .await;
        let target = register(&world, "1.0.1").await;
        let answer = update(&world, json!({ "taskDefinition": target })).await;
        world.settled().await;
        let ended = deployment(&world, &answer["currentServiceDeployment"]).await;
        let reason = ended["statusReason"].as_str().unwrap_or_default();
        let because = reason.replacen("Service deployment rolled back because ", "", 1);
        assert!(because.starts_with(&expected), "{reason}");
        assert_eq!(reason.is_empty(), expected.is_empty());
        let stages = stages(&world);
        let mut forward = stages.iter().rev().filter(|stage| !stage.starts_with('-'));
        assert_eq!(forward.next().unwrap(), reached);
        world.shutdown().await;
    }
}
